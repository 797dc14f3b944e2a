import {
	jsonParse,
	type IDataObject,
	type IExecuteFunctions,
	type INodeExecutionData,
	type OnError,
} from 'n8n-workflow';

import { CREDENTIAL_FIELDS } from './juhe/account';
import { SERVICE_MESSAGE } from './juhe/failure';
import type { Route } from './juhe/status';
import {
	CANCELLED_MESSAGE,
	DETAILS,
	DETAILS_COLUMNS,
	PLANS,
	type Outcome,
	type Row,
	type RowFailure,
	type RowFailureDetails,
} from './list/outcome';
import { hasResultColumns, isResultColumn, resultObjectOf } from './list/storedResult';
import { OPTIONS, PROPERTIES, RECHECK_DAYS } from './properties';
import { toResult, type Result } from './result';
import type { Settings } from './settings';

/** What of the settings says where and how a row is written. */
export type OutputFields = Pick<Settings, 'routeField' | 'outputField' | 'resultAs' | 'dryRun'>;

/** Whether an agent has the node as a tool: n8n gives it another type name. */
export function isTool(context: IExecuteFunctions): boolean {
	return context.getNode().type.endsWith('Tool');
}

/** The items of the input, each with its row. */
export function inputItems(context: IExecuteFunctions): INodeExecutionData[] {
	return context.getInputData().map((input): INodeExecutionData => {
		// A Code node can make an item without json.
		const item = input as Partial<INodeExecutionData> | null;
		const isRow = typeof item?.json === 'object' && (item.json as unknown) !== null;
		return isRow ? input : { ...input, json: {} };
	});
}

/** An output item, and the route whose output it leaves by; undefined for one that has none. */
export interface OutputItem {
	route?: Route;
	item: INodeExecutionData;
}

/**
 * The output item of a row. What came in is copied, never changed in place.
 *
 * @param fingerprintOf of a number of 11 digits
 */
export function toOutputItem(
	input: INodeExecutionData,
	index: number,
	row: Row | undefined,
	outcome: Exclude<Outcome, { failure: unknown }>,
	settings: Settings,
	fingerprintOf: (mobile: string) => string,
): OutputItem {
	const own = ownFields(input.json, settings);
	if ('plan' in outcome) return { item: rowItem(input, index, own, { dryRun: outcome.plan }) };
	const { route, result } = toResult(outcome, row, settings, fingerprintOf);
	return { route, item: rowItem(input, index, own, written(route, result, settings)) };
}

/** What the node writes into a row, in the shape that the settings ask for. */
function written(route: string, result: Result, settings: Settings): IDataObject {
	const { routeField, outputField, resultFields, resultAs } = settings;
	const fields: IDataObject = {};
	const prefix = resultAs === 'columns' ? `${outputField}_` : '';
	for (const name of resultFields) {
		if (result[name] !== undefined) fields[prefix + name] = result[name];
	}
	return resultAs === 'columns'
		? { [routeField]: route, ...fields }
		: { [routeField]: route, [outputField]: fields };
}

/** The fields of a row that the node has not written in an earlier call. A dry run leaves route and result alone. */
function ownFields(json: IDataObject, fields: OutputFields): IDataObject {
	const { routeField, outputField, resultAs, dryRun } = fields;
	const hasObject = resultObjectOf(json, fields) !== undefined;
	// Where results are objects, columns of these names may be the user's.
	const hasColumns = resultAs === 'columns' || (!hasObject && hasResultColumns(json, fields));
	const hasError = isErrorOfNode(json);
	const isOfNode = (name: string) => {
		if (name === 'dryRun') return PLANS.some((plan) => plan === json.dryRun);
		if (name === 'error') return hasError;
		if (name === 'details') return hasError && isDetails(json.details);
		if (hasError && DETAILS_COLUMNS.includes(name)) return true;
		if (dryRun) return false;
		if (name === routeField) return true;
		if (name === outputField) return hasObject || resultAs === 'object';
		return hasColumns && isResultColumn(name, fields);
	};
	if (!Object.keys(json).some(isOfNode)) return json;
	// fromEntries also keeps a field named __proto__ as a field.
	return Object.fromEntries(Object.entries(json).filter(([name]) => !isOfNode(name)));
}

/** How the messages begin that this node writes into a row, and those that n8n gives it where it cannot start. */
const MESSAGE_STARTS = [
	...[...PROPERTIES, ...OPTIONS, ...RECHECK_DAYS].map(({ displayName }) => `'${displayName}' `),
	...CREDENTIAL_FIELDS.map((field) => `'${field}' in the credential `),
	CANCELLED_MESSAGE,
	'Node does not have any credentials',
	'Node type "n8n-nodes-juhe.juheMobileStatus" does not have any credentials',
];

/** Whether a row has the error of an earlier call of this node; a table may have dropped its text or its details. */
function isErrorOfNode(json: IDataObject): boolean {
	const { error } = json;
	const isMessage =
		typeof error === 'string' &&
		(SERVICE_MESSAGE.test(error) || MESSAGE_STARTS.some((start) => error.startsWith(start)));
	// In a table, rows that did not fail have the columns, too, and they are empty.
	const hasColumns =
		DETAILS.every((name) => `details_${name}` in json) && Boolean(json.details_code);
	return isMessage || hasColumns || isDetails(json.details);
}

/** Whether this node wrote the details. A table may keep them as JSON text. */
function isDetails(stored: unknown): boolean {
	const value: unknown =
		typeof stored === 'string' ? jsonParse<unknown>(stored, { fallbackValue: null }) : stored;
	return typeof value === 'object' && value !== null && DETAILS.every((name) => name in value);
}

function rowItem(
	{ binary }: INodeExecutionData,
	index: number,
	json: IDataObject,
	fields: IDataObject,
): INodeExecutionData {
	// By entries, because spreading so many fields takes several times the memory on Node.js 20.
	const copy: IDataObject = Object.fromEntries(Object.entries(json));
	for (const [name, value] of Object.entries(fields)) copy[name] = value;
	return { json: copy, ...(binary && { binary }), pairedItem: { item: index } };
}

/** A row that failed, in the one shape that each way of continuing keeps whole (measured in n8n 2.40.7). */
export function toErrorItem(
	input: INodeExecutionData,
	index: number,
	failure: RowFailure,
	fields: OutputFields,
	onError: OnError | undefined,
): OutputItem {
	const { message: error, details } = failure;
	const own = ownFields(input.json, fields);
	if (onError !== 'continueErrorOutput') {
		const isFlat = fields.resultAs === 'columns';
		const added = isFlat ? detailsColumns(details) : { details: { ...details } };
		return { item: rowItem(input, index, own, { error, ...added }) };
	}
	const added: IDataObject = { error, details: { ...details } };
	const item = rowItem(input, index, own, added);
	// The error output takes an item that holds nothing else, and merges the input row into it.
	if (own === input.json) return { item: { ...item, json: added } };
	// That merge would bring back an old route and result, so they are overwritten with undefined. The error output takes
	// such an item for its `error`, which is not enumerable: n8n would replace the row with an error that it can copy.
	for (const name of Object.keys(input.json)) {
		if (!Object.hasOwn(item.json, name)) item.json[name] = undefined;
	}
	return { item: Object.defineProperty(item, 'error', { value: true, enumerable: false }) };
}

function detailsColumns(details: RowFailureDetails): IDataObject {
	return Object.fromEntries(
		Object.entries(details).map(([name, value]: [string, unknown]) => [`details_${name}`, value]),
	) as IDataObject;
}
