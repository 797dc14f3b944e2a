import { API_FIELDS, type ApiResult } from '../juhe/reply';
import { ROUTES, statusOf, type Route } from '../juhe/status';

/** The names of a result, in the order of the output: what one looks for comes first. */
export const RESULT_NAMES = [
	'label',
	'advice',
	'state',
	'description',
	'mobile',
	'province',
	'city',
	'isp',
	'orderid',
	'operation',
	'billable',
	'attempts',
	'source',
	'checkedAt',
	'recheckAt',
	'fingerprint',
	'previousRoute',
	'changed',
] as const;
export type ResultName = (typeof RESULT_NAMES)[number];

/** Where the node writes its route and its result in a row. */
export interface FieldNames {
	/** The field of the route. */
	routeField: string;
	/** The field of the result object, and the prefix of result columns (`<outputField>_<name>`). */
	outputField: string;
}

/** The result that a row carries from an earlier call of the node; it belongs to the row's number. */
export interface StoredResult {
	/** The route in the routing field; undefined where that holds none of the node's routes. */
	route: Route | undefined;
	/** Null for a number that the service had no record of. */
	result: ApiResult | null;
	/** The operation that asked for it, as the row tells it. */
	operation: unknown;
	/** Times as the row holds them, so that they go out unchanged. */
	checkedAt: unknown;
	recheckAt: unknown;
	/** `checkedAt` in milliseconds (Date.now()); NaN where it is no time. */
	checkedTime: number;
	/** Whether it holds at this time, so that no query is needed. */
	isValid: boolean;
}

type JsonRow = Readonly<Record<string, unknown>>;

/** A `checkedAt` may be so far in the future, in milliseconds: the clocks of two machines differ. */
const CLOCK_SKEW = 60_000;
const SECOND = 1000;
/** ISO 8601, and what databases make of it: a space for the T, an offset of hours only, or none. */
const ISO_TIME =
	/^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?(Z|[+-]\d\d(?::?\d\d)?)?)?$/;
const RESULT_NAME_SET: ReadonlySet<string> = new Set(RESULT_NAMES);
/** Names that no other service gives to a result. */
const OWN_NAMES = ['advice', 'checkedAt', 'recheckAt'];

/** The route that a row carries; undefined where the routing field holds none of the node's routes. */
export function routeOf(row: JsonRow, { routeField }: FieldNames): Route | undefined {
	return ROUTES.find((route) => route === ownValue(row, routeField));
}

/** The result object that the node wrote into a row; undefined where the field is missing, or the user's. */
export function resultObjectOf(row: JsonRow, fields: FieldNames): JsonRow | undefined {
	const value = ownValue(row, fields.outputField);
	if (typeof value !== 'object' || value === null) return undefined;
	const names = Object.keys(value);
	const isResult =
		names.some((name) => OWN_NAMES.includes(name)) ||
		// With Result Fields some of these names may be all that is left. Beside columns the field is the user's.
		(names.length > 0 &&
			routeOf(row, fields) !== undefined &&
			names.every((name) => RESULT_NAME_SET.has(name)) &&
			!Object.keys(row).some((name) => isResultColumn(name, fields)));
	return isResult ? (value as JsonRow) : undefined;
}

/** Whether the columns of these names are the node's: a route stands beside them, or all of OWN_NAMES do. */
export function hasResultColumns(row: JsonRow, fields: FieldNames): boolean {
	const isFilled = (name: string) => !isBlank(ownValue(row, `${fields.outputField}_${name}`));
	return routeOf(row, fields) !== undefined || OWN_NAMES.every(isFilled);
}

/** Whether a field of a row is a column of the node's result. */
export function isResultColumn(name: string, { outputField }: FieldNames): boolean {
	return (
		name[outputField.length] === '_' &&
		name.startsWith(outputField) &&
		RESULT_NAME_SET.has(name.slice(outputField.length + 1))
	);
}

/**
 * Reads what the node wrote into a row in an earlier call, as an object or as columns.
 *
 * @param mobile the row's number
 * @param fingerprint of the row's number, for a row whose stored number is masked
 * @param now Date.now()
 * @returns undefined where the row carries nothing, or the result of another number
 */
export function readStoredResult(
	row: JsonRow,
	fields: FieldNames,
	mobile: string,
	fingerprint: () => string,
	now: number,
): StoredResult | undefined {
	const object = resultObjectOf(row, fields);
	const read = (name: ResultName): unknown =>
		object === undefined ? ownValue(row, `${fields.outputField}_${name}`) : ownValue(object, name);

	const storedMobile = read('mobile');
	const route = routeOf(row, fields);
	const times = { checkedAt: read('checkedAt'), recheckAt: read('recheckAt') };
	const checkedTime = timeOf(times.checkedAt);
	const isMasked = typeof storedMobile === 'string' && storedMobile.includes('*');
	if (isBlank(storedMobile) || (isMasked && isBlank(read('fingerprint')))) {
		// Nothing says whose result this is, so it is never reused.
		return route && { route, ...times, checkedTime, ...NO_RESULT };
	}
	const isSameNumber = isMasked
		? read('fingerprint') === fingerprint()
		: storedMobile === mobile || storedMobile === Number(mobile);
	if (!isSameNumber) return undefined;

	const result: ApiResult = {};
	for (const field of API_FIELDS) {
		const value = read(field);
		const isText = typeof value === 'string';
		if (isText || value === null || typeof value === 'number' || typeof value === 'boolean') {
			result[field] = value;
		}
	}
	const hasState = !isBlank(result.state);
	const hasNoRecord = route === 'noRecord' && !hasState;
	return {
		route,
		result: hasNoRecord ? null : result,
		operation: read('operation'),
		...times,
		checkedTime,
		isValid:
			(hasNoRecord || statusOf(result).route === route) &&
			checkedTime <= now + CLOCK_SKEW &&
			timeOf(times.recheckAt) > now,
	};
}

const NO_RESULT = { result: null, operation: undefined, isValid: false } as const;

/** Whether a stored result is this answer. A table may keep whole seconds, cut or rounded. */
export function isResultOf({ checkedTime }: StoredResult, answer: { checkedAt: string }): boolean {
	const difference = Math.abs(checkedTime - Date.parse(answer.checkedAt));
	return difference === 0 || (checkedTime % SECOND === 0 && difference < SECOND);
}

/** A row may have a field of any name, and inherits what every object has. */
function ownValue(row: JsonRow, name: string): unknown {
	return Object.hasOwn(row, name) ? row[name] : undefined;
}

function isBlank(value: unknown): boolean {
	return value === undefined || value === null || value === '';
}

/** The time of a Date or of an ISO text, in milliseconds; NaN for all else. */
function timeOf(value: unknown): number {
	if (value instanceof Date) return value.getTime();
	const match = typeof value === 'string' ? ISO_TIME.exec(value.trim()) : null;
	if (match === null) return NaN;
	// The node writes UTC, so a table that has dropped the offset holds UTC.
	const [, date = '', time, offset = 'Z'] = match;
	if (time === undefined) return Date.parse(date);
	return Date.parse(`${date}T${time}${offset.length === 3 ? `${offset}:00` : offset}`);
}
