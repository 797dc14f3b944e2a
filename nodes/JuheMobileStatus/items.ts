import type { IDataObject, INodeExecutionData, OnError } from 'n8n-workflow';

import type { Failure } from './juhe/failure';
import { createRedactor } from './juhe/redact';
import { API_FIELDS, type ApiResult } from './juhe/reply';
import { statusOf, type Route } from './juhe/status';
import type { EarlierResult, FieldNames } from './list/earlier';
import { maskMobile } from './list/number';
import { PLANS, type Outcome, type Plan, type Row } from './list/outcome';
import { RESULT_NAMES, type ResultName } from './properties';
import type { Settings } from './settings';

const DAY = 86_400_000;

/** What `toOutputItem` needs to know of the call. */
export interface ItemSettings extends FieldNames {
	/** Undefined where the settings are refused: then every row fails. */
	settings?: Settings;
	onError?: OnError;
	/** Of a number of 11 digits. */
	fingerprintOf: (mobile: string) => string;
}

/** An output item, and the route whose output it leaves by. */
export interface OutputItem {
	route: Route | Plan | undefined;
	item: INodeExecutionData;
}

/** The output item of a row. What came in is copied, never changed in place. */
export function toOutputItem(
	input: INodeExecutionData,
	index: number,
	row: Row | undefined,
	outcome: Outcome,
	call: ItemSettings,
): OutputItem {
	const { settings } = call;
	if ('failure' in outcome || settings === undefined) {
		const { failure, mobile } = outcome as { failure: Failure; mobile?: string };
		const shown = settings?.maskNumber && mobile ? maskFailure(failure, mobile) : failure;
		return { route: undefined, item: errorItem(input, index, shown, call) };
	}
	const earlier = row && 'earlier' in row ? row.earlier : undefined;
	const { route, result } =
		'plan' in outcome
			? planResult(outcome.mobile, outcome.plan, settings)
			: outcomeResult(outcome, earlier, settings, call.fingerprintOf);
	const fields: IDataObject = { [call.routeField]: route };
	const chosen = settings.resultFields.filter((name) => result[name] !== undefined);
	if (settings.resultAs === 'columns') {
		for (const name of chosen) fields[`${call.outputField}_${name}`] = result[name];
	} else fields[call.outputField] = Object.fromEntries(chosen.map((name) => [name, result[name]]));
	return {
		route,
		item: rowItem(input, index, withoutErrorOfNode(ownFields(input.json, call)), fields),
	};
}

type Result = Partial<Record<ResultName, IDataObject[string]>>;

function outcomeResult(
	outcome: Extract<Outcome, { source: unknown }>,
	carried: EarlierResult | undefined,
	settings: Settings,
	fingerprintOf: (mobile: string) => string,
): { route: Route; result: Result } {
	const { mobile, source } = outcome;
	const answered = 'answer' in outcome ? outcome.answer : outcome.earlier;
	const { route, label, advice } = statusOf(answered.result);
	const previousRoute = carried?.route ?? null;
	const paid =
		'answer' in outcome && source === 'query'
			? { billable: outcome.answer.billable, attempts: outcome.answer.attempts }
			: { billable: 'no', attempts: 0 };
	const times =
		'answer' in outcome
			? {
					operation: settings.operation,
					checkedAt: outcome.answer.checkedAt,
					recheckAt: recheckTime(outcome.answer.checkedAt, settings.recheckAfter[advice]),
				}
			: {
					operation: outcome.earlier.operation,
					checkedAt: outcome.earlier.checkedAt,
					recheckAt: outcome.earlier.recheckAt,
				};
	const result = {
		mobile: settings.maskNumber ? maskMobile(mobile) : mobile,
		...(settings.maskNumber ? maskResult(answered.result, mobile) : answered.result),
		...{ label, advice, ...paid, source, ...times },
		...(settings.maskNumber && { fingerprint: fingerprintOf(mobile) }),
		...(settings.reuseResults && { previousRoute, changed: route !== previousRoute }),
	};
	return { route, result: result as Result };
}

/** A row of a dry run: what would happen to it. */
function planResult(mobile: string, plan: Plan, { operation, maskNumber }: Settings) {
	const result: Result = {
		mobile: maskNumber ? maskMobile(mobile) : mobile,
		label: PLANS[plan],
		operation,
		billable: 'no',
		attempts: 0,
	};
	return { route: plan, result };
}

function recheckTime(checkedAt: string, days: number): string {
	return new Date(Date.parse(checkedAt) + days * DAY).toISOString();
}

/** The fields of a row that the node has not written as route or result. */
function ownFields(json: IDataObject, { routeField, outputField }: FieldNames): IDataObject {
	const isCarried = (name: string) => isOfNode(name, routeField, outputField);
	if (!Object.keys(json).some(isCarried)) return json;
	// fromEntries also keeps a field named __proto__ as a field.
	return Object.fromEntries(Object.entries(json).filter(([name]) => !isCarried(name)));
}

const RESULT_NAME_SET: ReadonlySet<string> = new Set(RESULT_NAMES);

function isOfNode(name: string, routeField: string, outputField: string): boolean {
	if (name === routeField || name === outputField) return true;
	return (
		name[outputField.length] === '_' &&
		name.startsWith(outputField) &&
		RESULT_NAME_SET.has(name.slice(outputField.length + 1))
	);
}

/** The row without the `error` and `details` that this node wrote in an earlier call; those of others stay. */
function withoutErrorOfNode(json: IDataObject): IDataObject {
	const { error, details, ...rest } = json;
	if (typeof error !== 'string') return json;
	if (isDetails(details)) return rest;
	// A table keeps the message without the nested details.
	return details === undefined && /^Juhe \w+: /.test(error) ? rest : json;
}

function isDetails(value: unknown): boolean {
	return (
		typeof value === 'object' &&
		value !== null &&
		['code', 'resultcode', 'reason', 'remedy', 'attempts', 'billable'].every((key) => key in value)
	);
}

function rowItem(
	{ binary }: INodeExecutionData,
	index: number,
	json: IDataObject,
	fields: IDataObject,
): INodeExecutionData {
	return { json: { ...json, ...fields }, ...(binary && { binary }), pairedItem: { item: index } };
}

/** A row that failed, in the one shape that each way of continuing keeps whole (measured in n8n 2.40.7). */
function errorItem(
	input: INodeExecutionData,
	index: number,
	failure: Failure,
	call: ItemSettings,
): INodeExecutionData {
	const fields = { error: failure.message, details: { ...failure.details } };
	const own = ownFields(input.json, call);
	const item = rowItem(input, index, own, fields);
	if (call.onError !== 'continueErrorOutput') return item;
	// The error output takes an item that holds nothing else, and merges the input row into it.
	if (own === input.json) return { ...item, json: fields };
	// That merge would bring back an old route and result, so they are overwritten with undefined. The error output takes
	// such an item for its `error`, which is not enumerable: n8n would replace the row with an error that it can copy.
	const removed = Object.keys(input.json).filter((name) => !Object.hasOwn(own, name));
	Object.assign(item.json, Object.fromEntries(removed.map((name) => [name, undefined])));
	return Object.defineProperty(item, 'error', { value: true, enumerable: false });
}

/** The result with the number masked wherever the service repeats it. */
function maskResult(result: ApiResult | null, mobile: string): ApiResult | null {
	if (result === null) return null;
	const masked: ApiResult = {};
	for (const field of API_FIELDS) {
		const value = result[field];
		if (value !== undefined) masked[field] = maskValue(value, mobile);
	}
	return masked;
}

function maskFailure(failure: Failure, mobile: string): Failure {
	const { code, resultcode, reason } = failure.details;
	return {
		...failure,
		message: maskText(failure.message, mobile),
		details: {
			...failure.details,
			code: maskValue(code, mobile),
			resultcode: maskValue(resultcode, mobile),
			reason: maskValue(reason, mobile),
		},
	};
}

/** A text or a number in which the mobile number occurs comes back as text with the number masked. */
function maskValue<T>(value: T, mobile: string): T | string {
	if (typeof value !== 'string' && typeof value !== 'number') return value;
	const masked = maskText(String(value), mobile);
	return masked === String(value) ? value : masked;
}

/** Masks a mobile number in a text. */
export function maskText(text: string, mobile: string): string {
	return createRedactor([], { mobile, masked: maskMobile(mobile) })(text);
}
