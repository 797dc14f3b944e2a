import {
	jsonParse,
	type IDataObject,
	type IExecuteFunctions,
	type INodeExecutionData,
	type OnError,
} from 'n8n-workflow';

import type { Failure } from './juhe/failure';
import { ROUTES, type Route } from './juhe/status';
import type { FieldNames } from './list/earlier';
import type { Outcome, Plan, Row } from './list/outcome';
import { OPTIONS, PROPERTIES, RESULT_NAMES } from './properties';
import { planResult, toResult, type Result } from './result';
import type { Settings } from './settings';

/** Where and how the output of a call is written. */
export interface OutputFields extends FieldNames {
	resultAs: Settings['resultAs'];
	/** Undefined where the settings are refused: then every row fails. */
	settings?: Settings;
	/** Of a number of 11 digits. */
	fingerprintOf?: (mobile: string) => string;
}

/** Whether an agent has the node as a tool: n8n gives it another type name. */
export function isTool(context: IExecuteFunctions): boolean {
	return context.getNode().type.endsWith('Tool');
}

/** The items that the output is made from. */
export function inputItems(context: IExecuteFunctions): INodeExecutionData[] {
	const items = context.getInputData();
	// A tool gets the input of the agent beside the number. It is no row of the tool, and not meant for the model.
	return isTool(context) ? items.map((_, item) => ({ json: {}, pairedItem: { item } })) : items;
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
	fields: OutputFields,
	onError?: OnError,
): OutputItem {
	const { settings } = fields;
	if ('failure' in outcome || settings === undefined) {
		const { failure } = outcome as { failure: Failure };
		return { route: undefined, item: errorItem(input, index, failure, fields, onError) };
	}
	const { route, result } =
		'plan' in outcome
			? planResult(outcome.mobile, outcome.plan, settings)
			: toResult(outcome, row, settings, fields.fingerprintOf);
	const own = withoutErrorOfNode(ownFields(input.json, fields));
	return { route, item: rowItem(input, index, own, written(route, result, settings)) };
}

/** What the node writes into a row, in the shape that the settings ask for. */
function written(route: string, result: Result, settings: Settings): IDataObject {
	const { routeField, outputField, resultFields, resultAs } = settings;
	const chosen = resultFields.filter((name) => result[name] !== undefined);
	if (resultAs === 'columns') {
		const columns: IDataObject = {};
		for (const name of chosen) columns[`${outputField}_${name}`] = result[name];
		return { [routeField]: route, ...columns };
	}
	const isWhole = resultFields.length === RESULT_NAMES.length;
	const object: IDataObject = isWhole
		? result
		: Object.fromEntries(chosen.map((name) => [name, result[name]]));
	return { [routeField]: route, [outputField]: object };
}

/** The fields of a row that the node has not written as route or result. */
function ownFields(json: IDataObject, fields: OutputFields): IDataObject {
	const { routeField, outputField, resultAs } = fields;
	// Where results are objects, columns of these names may be the user's: the node's come with a route and no object.
	const hasColumns =
		resultAs === 'columns' ||
		(ROUTES.some((route) => route === json[routeField]) && json[outputField] === undefined);
	const isCarried = (name: string) =>
		name === routeField || name === outputField || (hasColumns && isColumn(name, outputField));
	if (!Object.keys(json).some(isCarried)) return json;
	// fromEntries also keeps a field named __proto__ as a field.
	return Object.fromEntries(Object.entries(json).filter(([name]) => !isCarried(name)));
}

const RESULT_NAME_SET: ReadonlySet<string> = new Set(RESULT_NAMES);

function isColumn(name: string, outputField: string): boolean {
	return (
		name[outputField.length] === '_' &&
		name.startsWith(outputField) &&
		RESULT_NAME_SET.has(name.slice(outputField.length + 1))
	);
}

/** How this node's messages begin: with a code, a field of the credential, or the name of a parameter. */
const MESSAGE_START = /^(Juhe \w+: |'[\w ]+' in the credential |The execution is cancelled\.)/;
const PARAMETER_STARTS = [...PROPERTIES, ...OPTIONS].map(({ displayName }) => `'${displayName}' `);

function isMessageOfNode(text: string): boolean {
	return MESSAGE_START.test(text) || PARAMETER_STARTS.some((start) => text.startsWith(start));
}

/** The row without the `error` and `details` that this node wrote in an earlier call; those of others stay. */
function withoutErrorOfNode(json: IDataObject): IDataObject {
	if (typeof json.error !== 'string') return json;
	const { error, details, ...rest } = json;
	if (isDetails(details)) return rest;
	// A table keeps the message without the nested details.
	if (!isMessageOfNode(error)) return json;
	return details === undefined ? rest : { ...rest, details };
}

/** Whether this node wrote the details. A table may keep them as JSON text. */
function isDetails(stored: unknown): boolean {
	const value: unknown =
		typeof stored === 'string' ? jsonParse<unknown>(stored, { fallbackValue: null }) : stored;
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
	// By entries, because spreading so many fields takes several times the memory on Node.js 20.
	const copy: IDataObject = Object.fromEntries(Object.entries(json));
	for (const [name, value] of Object.entries(fields)) copy[name] = value;
	return { json: copy, ...(binary && { binary }), pairedItem: { item: index } };
}

/** A row that failed, in the one shape that each way of continuing keeps whole (measured in n8n 2.40.7). */
function errorItem(
	input: INodeExecutionData,
	index: number,
	failure: Failure,
	fields: OutputFields,
	onError: OnError | undefined,
): INodeExecutionData {
	const added = { error: failure.message, details: { ...failure.details } };
	const own = ownFields(input.json, fields);
	const item = rowItem(input, index, own, added);
	if (onError !== 'continueErrorOutput') return item;
	// The error output takes an item that holds nothing else, and merges the input row into it.
	if (own === input.json) return { ...item, json: added };
	// That merge would bring back an old route and result, so they are overwritten with undefined. The error output takes
	// such an item for its `error`, which is not enumerable: n8n would replace the row with an error that it can copy.
	const removed = Object.keys(input.json).filter((name) => !Object.hasOwn(own, name));
	Object.assign(item.json, Object.fromEntries(removed.map((name) => [name, undefined])));
	return Object.defineProperty(item, 'error', { value: true, enumerable: false });
}
