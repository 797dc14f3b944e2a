import { API_FIELDS, type ApiResult } from '../juhe/reply';
import { ROUTES, statusOf, type Route } from '../juhe/status';

/** Where the node writes its route and its result in a row. */
export interface FieldNames {
	/** The field of the route. */
	routeField: string;
	/** The field of the result object, and the prefix of result columns (`<outputField>_<name>`). */
	outputField: string;
}

/** The result that a row carries from an earlier call of the node; it belongs to the row's number. */
export interface EarlierResult {
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
	isFresh: boolean;
}

/** A `checkedAt` may be so far in the future, in milliseconds: the clocks of two machines differ. */
const CLOCK_SKEW = 60_000;
/** ISO 8601, and what databases make of it: a space for the T, an offset of hours only, or none. */
const ISO_TIME =
	/^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?(Z|[+-]\d\d(?::?\d\d)?)?)?$/;

/**
 * Reads what the node wrote into a row in an earlier call, as an object or as columns.
 *
 * @param mobile the row's number
 * @param fingerprint of the row's number, for a row whose stored number is masked
 * @param now Date.now()
 * @returns undefined where the row carries nothing, or the result of another number
 */
export function readEarlier(
	row: Readonly<Record<string, unknown>>,
	{ routeField, outputField }: FieldNames,
	mobile: string,
	fingerprint: () => string,
	now: number,
): EarlierResult | undefined {
	const object = row[outputField];
	const isNested = typeof object === 'object' && object !== null;
	const read = (name: string): unknown =>
		isNested ? (object as Record<string, unknown>)[name] : row[`${outputField}_${name}`];

	const storedMobile = read('mobile');
	const route = ROUTES.find((known) => known === row[routeField]);
	const [checkedAt, recheckAt] = [read('checkedAt'), read('recheckAt')];
	const checkedTime = timeOf(checkedAt);
	const isMasked = String(storedMobile).includes('*');
	if (isBlank(storedMobile) || (isMasked && isBlank(read('fingerprint')))) {
		// Nothing says whose result this is, so it is never reused.
		return route && { ...{ route, checkedAt, recheckAt, checkedTime }, ...NO_RESULT };
	}
	const isSameNumber =
		String(storedMobile) === mobile || (isMasked && read('fingerprint') === fingerprint());
	if (!isSameNumber) return undefined;

	const result: ApiResult = {};
	for (const field of API_FIELDS) {
		const value = read(field);
		const isText = typeof value === 'string';
		if (isText || value === null || typeof value === 'number' || typeof value === 'boolean') {
			result[field] = value;
		}
	}
	const state = isBlank(result.state) ? undefined : result.state;
	const hasNoRecord = route === 'noRecord' && state === undefined;
	const isConsistent = hasNoRecord || (state !== undefined && statusOf(result).route === route);
	return {
		route,
		result: hasNoRecord ? null : result,
		operation: read('operation'),
		checkedAt,
		recheckAt,
		checkedTime,
		isFresh: isConsistent && checkedTime <= now + CLOCK_SKEW && timeOf(recheckAt) > now,
	};
}

const NO_RESULT = { result: null, operation: undefined, isFresh: false } as const;

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
	return Date.parse(`${date}T${time}${/^[+-]\d\d$/.test(offset) ? `${offset}:00` : offset}`);
}
