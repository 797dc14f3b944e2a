import { JUHE_CODES, UNLISTED_CODE, type JuheCode } from './codes';
import { serviceFailure, type Failure, type FailureFields } from './failure';

/**
 * The fields of a reply's `result` that go into the output (API document, sections 1 to 3).
 *
 * `mobile` is not among them: the encrypted queries leave it out, so the output takes the number that was asked for.
 */
export const API_FIELDS = ['province', 'city', 'isp', 'state', 'description', 'orderid'] as const;

/** The API_FIELDS that a reply holds, with the types that the service gives them. */
export type ApiResult = Partial<
	Record<(typeof API_FIELDS)[number], string | number | boolean | null>
>;

/** The connection ended, or never began, before the reply was whole. */
export interface NetworkFault {
	/** The code of Node.js, such as `ECONNRESET`; `none` where there is none. */
	networkCode: string;
	/** True where the timeout of the request ended it. */
	timedOut: boolean;
}

/** One HTTP reply, as far as it arrived. */
export interface Reply {
	statusCode: number;
	headers: Record<string, unknown>;
	/** Undefined where the body was longer than any reply of the API. */
	text: string | undefined;
	/** Set where the connection ended before the body did. */
	fault?: NetworkFault;
}

/** What a reply answers, and how its words may be told. */
export interface Request {
	/** The number of 11 digits that was asked for. */
	mobile: string;
	/** Requests sent for the number so far, this one included. */
	attempts: number;
	/** True where an earlier request for the number may have been billed without an answer. */
	maybeBilled: boolean;
	/** Takes secrets, and a number that is to be masked, out of the service's own words. */
	redact: (text: string) => string;
}

/**
 * A reply, read: a result, no record of the number (224922), or a failure. `fromApi` is true where the service itself
 * replied, not a gateway, a proxy or the network.
 */
export type ParsedReply =
	| { result: ApiResult }
	| { noRecord: true; reason: string | null }
	| { failure: Failure; fromApi: boolean };

/** The code for a number that the service has no record of. */
export const NO_RECORD_CODE = 224922;
/** The code for parameters that the service does not accept; a wrong OpenID or RSA key also leads to it. */
export const PARAMETERS_REFUSED_CODE = 224902;
/** Codes below this are about the key, the account or the service as a whole (API document, section 4). */
export const FIRST_SERVICE_CODE = 200_000;

/** In milliseconds. Where the service asks for a longer wait, nothing is tried again. */
export const LONGEST_WAIT = 60_000;

const CHECK_BASE_URL =
	"Check that the 'Base URL' in the credential leads to Juhe or to a gateway to it.";
const TRY_LATER = 'Try again later.';

/** What is known of a failure from the reply alone. */
type Cause = Omit<FailureFields, 'attempts' | 'billable'>;
type HttpCause = Pick<Cause, 'class' | 'maybeBilled' | 'rateLimit'>;

/** The query reached the service or its gateway, and the answer is lost. */
const LOST_ANSWER = { class: 'transient', maybeBilled: true } as const satisfies HttpCause;
/** HTTP statuses that mean something without a body. Other 5xx are lost answers, all else is about the number. */
const HTTP_STATUSES: Readonly<Record<number, HttpCause>> = {
	401: { class: 'fatal' },
	403: { class: 'fatal' },
	404: { class: 'fatal' },
	408: LOST_ANSWER,
	429: { class: 'transient', rateLimit: 'explicit' },
	503: { class: 'transient' },
};
/** Statuses of gateways, whose bodies may hold an error_code of their own: only a code of the document counts. */
const GATEWAY_STATUSES = [429, 502, 503, 504];

/** What Node.js and axios call a connection that ended before the reply did. */
const CUT_CONNECTION = ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ETIMEDOUT', 'ERR_BAD_RESPONSE'];
/** What Node.js calls a way to the service that may open again; nothing has been sent. */
const NO_CONNECTION_YET = ['ECONNREFUSED', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'];
/** No address, no free socket, no TLS, or a refusal by n8n, which has no code: nothing has been sent. */
const NO_CONNECTION =
	/^(none|ENOTFOUND|EADDRNOTAVAIL|EMFILE|EPROTO|ERR_(INVALID_URL|TLS|SSL)|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/;
const MAX_REASON_LENGTH = 500;

/**
 * The one place where a reply becomes a result or a failure (API document, sections 1 to 4).
 *
 * The body decides: a whole reply of the API counts whatever the HTTP status, and so does one behind which the connection
 * ends.
 */
export function parseReply(reply: Reply | NetworkFault, request: Request): ParsedReply {
	const fail = (cause: Cause, fromApi = false) => ({ failure: toFailure(cause, request), fromApi });
	if ('networkCode' in reply) return fail(networkCause(reply));
	const body = parseObject(reply.text);
	const code = parseCode(body.error_code);
	const isFromApi =
		code !== undefined && (isDocumented(code) || !GATEWAY_STATUSES.includes(reply.statusCode));
	if (isFromApi && code === NO_RECORD_CODE) {
		return { noRecord: true, reason: redactText(body.reason, request.redact) };
	}
	if (isFromApi && code !== 0) return fail(codeCause(code, body, reply, request.redact), true);

	const hasResult = isObject(body.result) && Object.keys(body.result).length > 0;
	if (code !== 0 || !hasResult) {
		if (reply.fault !== undefined && body.error_code === undefined) {
			return fail(networkCause(reply.fault));
		}
		const isSuccess = reply.statusCode >= 200 && reply.statusCode <= 299;
		if (!isSuccess) return fail(httpCause(reply));
		return code === 0 ? fail(NO_RESULT, true) : fail(NOT_JUHE);
	}
	const { mobile, ...fields } = body.result as Record<string, unknown>;
	if (isOtherNumber(mobile, request.mobile)) return fail(OTHER_NUMBER, true);
	const result: ApiResult = {};
	for (const field of API_FIELDS) {
		const value = fields[field];
		if (isScalar(value)) result[field] = redactValue(value, request.redact);
	}
	return { result };
}

function toFailure(cause: Cause, { attempts, maybeBilled }: Request): Failure {
	const isUncertain = maybeBilled || cause.maybeBilled;
	// The service limits the rate and asks for a wait longer than LONGEST_WAIT: nothing further can work.
	const isTooLong = cause.rateLimit === 'explicit' && (cause.retryAfter ?? 0) > LONGEST_WAIT;
	return serviceFailure({
		...cause,
		attempts,
		class: isTooLong ? 'fatal' : cause.class,
		billable: isUncertain ? 'uncertain' : 'no',
	});
}

/** The failure for a number that the service has no record of; whether that is billed, the document does not say. */
export function noRecordFailure(attempts: number, reason: string | null): Failure {
	return serviceFailure({
		...JUHE_CODES[NO_RECORD_CODE],
		code: NO_RECORD_CODE,
		attempts,
		reason,
		billable: 'uncertain',
	});
}

/** Replies that tell nothing about the number, though the service may have billed the query. */
const NO_RESULT: Cause = {
	class: 'permanent',
	code: 'noResult',
	sentence: 'The reply has no result.',
	remedy: UNLISTED_CODE.remedy,
	maybeBilled: true,
};
const NOT_JUHE: Cause = {
	class: 'permanent',
	code: 'notJuhe',
	sentence: 'The response is not a Juhe API response.',
	remedy: CHECK_BASE_URL,
	maybeBilled: true,
};
const OTHER_NUMBER: Cause = {
	class: 'permanent',
	code: 'otherNumber',
	sentence: 'The reply is about another number than the one that was asked for.',
	remedy: 'Try again later. If it stays so, check the gateway, or ask the support of Juhe.',
	maybeBilled: true,
};

/** Whether the service's `mobile` is another number. One that is encrypted or left out says nothing. */
function isOtherNumber(replied: unknown, mobile: string): boolean {
	if (typeof replied !== 'number' && typeof replied !== 'string') return false;
	const text = String(replied).normalize('NFKC');
	const digits = text
		.replace(/[x×•●_#?]/gi, '*')
		.replace(/[^\p{L}\p{N}*]|\p{Script=Han}/gu, '')
		.replace(/^(?:0*86|0)(?=[\d*]{7,}$)/, '');
	// A short number in words may be anything.
	const isNumber =
		/^[\d*]*\d[\d*]*$/.test(digits) && (digits.length >= 11 || !/\p{Script=Han}/u.test(text));
	return isNumber && !fitsMask(mobile, digits);
}

/** Whether a number may stand behind a mask: what is in front of the first `*` and behind the last one fits. */
function fitsMask(mobile: string, masked: string): boolean {
	const shown = masked.split('*');
	if (shown.length === 1) return masked === mobile;
	return mobile.startsWith(shown[0] ?? '') && mobile.endsWith(shown.at(-1) ?? '');
}

function isDocumented(code: number): code is keyof typeof JUHE_CODES {
	return Object.hasOwn(JUHE_CODES, code);
}

function codeCause(
	code: number,
	body: Record<string, unknown>,
	reply: Reply,
	redact: (text: string) => string,
): Cause {
	const known: JuheCode = isDocumented(code)
		? JUHE_CODES[code]
		: { class: code < FIRST_SERVICE_CODE ? 'fatal' : 'permanent', ...UNLISTED_CODE };
	return {
		...known,
		code: redactValue(code, redact),
		reason: redactText(body.reason, redact),
		resultcode: redactText(body.resultcode, redact) ?? known.resultcode ?? null,
		retryAfter: parseRetryAfter(reply),
	};
}

function httpCause(reply: Reply): Cause {
	const { statusCode } = reply;
	const known =
		HTTP_STATUSES[statusCode] ??
		(statusCode >= 500 ? LOST_ANSWER : { class: 'permanent' as const });
	return {
		...known,
		code: statusCode,
		sentence: `The service answers with HTTP status ${statusCode}.`,
		remedy: known.class === 'transient' ? TRY_LATER : CHECK_BASE_URL,
		retryAfter: parseRetryAfter(reply),
	};
}

function networkCause({ networkCode, timedOut }: NetworkFault): Cause {
	if (timedOut) {
		return {
			...LOST_ANSWER,
			code: 'timeout',
			sentence: 'The service does not answer in time.',
			remedy: `Raise 'Timeout (Ms)'. ${TRY_LATER}`,
		};
	}
	if (CUT_CONNECTION.includes(networkCode)) {
		return {
			...LOST_ANSWER,
			code: 'connectionLost',
			sentence: 'The connection ends before the reply does.',
			remedy: TRY_LATER,
		};
	}
	const mayOpen = NO_CONNECTION_YET.includes(networkCode);
	// The service answered, but not with HTTP, or with a body that cannot be unpacked.
	if (!mayOpen && !NO_CONNECTION.test(networkCode)) return NOT_JUHE;
	const isRefused = networkCode === 'ECONNREFUSED';
	return {
		class: mayOpen ? 'transient' : 'permanent',
		code: isRefused ? 'connectionRefused' : 'noConnection',
		sentence: isRefused
			? 'The service refuses the connection.'
			: 'There is no connection to the service.',
		remedy: `${CHECK_BASE_URL} Network code: ${networkCode}.`,
	};
}

/** Retry-After in milliseconds: RFC 9110 allows seconds or a date. */
function parseRetryAfter({ headers }: Reply): number | undefined {
	const header = headers['retry-after'];
	if (typeof header !== 'string') return undefined;
	if (/^\d+(?:\.\d+)?$/.test(header)) return Number(header) * 1000;
	// The clock of the service, because that of the machine may be wrong.
	const now = Date.parse(String(headers.date)) || Date.now();
	const wait = Date.parse(header) - now;
	return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

/** The code may come as a number or as a string; undefined where there is none. */
function parseCode(value: unknown): number | undefined {
	// In another notation a text could be a secret that is not recognised in a number.
	const code = typeof value === 'string' && /^\s*-?\d+\s*$/.test(value) ? Number(value) : value;
	return typeof code === 'number' && Number.isInteger(code) ? code : undefined;
}

function redactText(value: unknown, redact: (text: string) => string): string | null {
	if (typeof value !== 'string' && typeof value !== 'number') return null;
	// What is told is cut last, so that nothing is told of a secret or a number that the cut goes through.
	return redact(String(value).slice(0, 2 * MAX_REASON_LENGTH)).slice(0, MAX_REASON_LENGTH);
}

/** A value stays as it is, and a number a number, unless something is taken out of it. */
export function redactValue<T>(value: T, redact: (text: string) => string): T | string {
	if (typeof value !== 'string' && typeof value !== 'number') return value;
	const redacted = redact(String(value));
	return redacted === String(value) ? value : redacted;
}

/** The object that a body holds; an empty one where it holds none. */
function parseObject(text: string | undefined): Record<string, unknown> {
	try {
		// Some servers put a byte order mark in front, which JSON does not allow.
		const value: unknown = JSON.parse((text ?? '').replace(/^\ufeff/, ''));
		return isObject(value) ? value : {};
	} catch {
		return {};
	}
}

function isScalar(value: unknown): value is string | number | boolean | null {
	return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}
