import { JUHE_CODES, UNLISTED_CODE, type JuheCode } from './codes';
import { serviceFailure, type Failure } from './failure';

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

/** A reply, read: a result, no record of the number (224922), or a failure. */
export type ParsedReply =
	{ result: ApiResult } | { noRecord: true; reason: string | null } | { failure: Failure };

/** The code for a number that the service has no record of. */
export const NO_RECORD_CODE = 224922;
/** The code for parameters that the service does not accept; a wrong OpenID or RSA key also leads to it. */
export const PARAMETERS_REFUSED_CODE = 224902;
/** Codes below this are about the key, the account or the service as a whole (API document, section 4). */
export const FIRST_SERVICE_CODE = 200_000;

const CHECK_BASE_URL =
	"Check that the 'Base URL' in the credential leads to Juhe or to a gateway to it.";
const TRY_LATER = 'Try again later.';

/** HTTP statuses that mean something for the whole run; every other one outside 2xx is about the row. */
const HTTP_STATUSES = {
	401: { class: 'fatal' },
	403: { class: 'fatal' },
	404: { class: 'fatal' },
	429: { class: 'transient', rateLimit: 'explicit' },
	// The gateway had passed the query on: its answer is lost.
	502: { class: 'transient', lostAnswer: true },
	503: { class: 'transient' },
	504: { class: 'transient', lostAnswer: true },
} as const satisfies Record<number, Pick<Failure, 'class' | 'lostAnswer' | 'rateLimit'>>;

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
 * @param redact takes secrets, and a number that is to be masked, out of the service's own words
 */
export function parseReply(
	reply: Reply | NetworkFault,
	redact: (text: string) => string,
): ParsedReply {
	if ('networkCode' in reply) return { failure: networkFailure(reply) };
	const body = parseObject(reply.text);
	const code = parseCode(body.error_code);
	// A connection that ends behind a whole reply has lost nothing.
	if (reply.fault !== undefined && body.error_code === undefined) {
		return { failure: networkFailure(reply.fault) };
	}
	if (code !== undefined && code !== 0 && (isDocumented(code) || !isTransientHttp(reply))) {
		return code === NO_RECORD_CODE
			? { noRecord: true, reason: redactText(body.reason, redact) }
			: { failure: codeFailure(code, body, reply, redact) };
	}
	if (reply.statusCode < 200 || reply.statusCode > 299) return { failure: httpFailure(reply) };
	if (code === undefined) return { failure: notJuheFailure() };
	if (!isObject(body.result) || Object.keys(body.result).length === 0) {
		return { failure: unreadable('noResult', 'The reply has no result.', UNLISTED_CODE.remedy) };
	}
	const result: ApiResult = {};
	for (const field of API_FIELDS) {
		const value = body.result[field];
		if (isScalar(value)) result[field] = redactValue(value, redact);
	}
	return { result };
}

/** The failure for a number that the service has no record of; whether that is billed, the document does not say. */
export function noRecordFailure(attempts: number, reason: string | null): Failure {
	const { sentence, remedy } = JUHE_CODES[NO_RECORD_CODE];
	const failure = unreadable(NO_RECORD_CODE, sentence, remedy);
	Object.assign(failure.details, { attempts, reason });
	return failure;
}

function isDocumented(code: number): code is keyof typeof JUHE_CODES {
	return Object.hasOwn(JUHE_CODES, code);
}

function isTransientHttp({ statusCode }: Reply): boolean {
	return httpStatus(statusCode)?.class === 'transient';
}

function httpStatus(statusCode: number) {
	return Object.hasOwn(HTTP_STATUSES, statusCode)
		? (HTTP_STATUSES[statusCode as keyof typeof HTTP_STATUSES] as Partial<Failure>)
		: undefined;
}

function codeFailure(
	code: number,
	body: Record<string, unknown>,
	reply: Reply,
	redact: (text: string) => string,
): Failure {
	const documented: JuheCode = isDocumented(code)
		? JUHE_CODES[code]
		: {
				class: code < FIRST_SERVICE_CODE ? 'fatal' : (httpStatus(reply.statusCode)?.class ?? 'row'),
				...UNLISTED_CODE,
			};
	const shownCode = redactValue(code, redact);
	const { sentence, remedy } = documented;
	const failure = serviceFailure(documented.class, shownCode, sentence, remedy);
	failure.details.reason = redactText(body.reason, redact);
	failure.details.resultcode = redactText(body.resultcode, redact) ?? documented.resultcode ?? null;
	return { ...failure, rateLimit: documented.rateLimit, retryAfter: parseRetryAfter(reply) };
}

function httpFailure(reply: Reply): Failure {
	const { statusCode } = reply;
	const known = httpStatus(statusCode);
	const failureClass = known?.class ?? 'row';
	const sentence = `The service answers with HTTP status ${statusCode}.`;
	const remedy = failureClass === 'transient' ? TRY_LATER : CHECK_BASE_URL;
	const failure = known?.lostAnswer
		? unreadable(statusCode, sentence, remedy)
		: serviceFailure(failureClass, statusCode, sentence, remedy);
	return { ...failure, ...known, retryAfter: parseRetryAfter(reply) };
}

function networkFailure({ networkCode, timedOut }: NetworkFault): Failure {
	if (timedOut || CUT_CONNECTION.includes(networkCode)) {
		const failure = timedOut
			? unreadable(
					'timeout',
					'The service does not answer in time.',
					`Raise 'Timeout (Ms)'. ${TRY_LATER}`,
				)
			: unreadable('connectionLost', 'The connection ends before the reply does.', TRY_LATER);
		return { ...failure, class: 'transient', lostAnswer: true };
	}
	const mayOpen = NO_CONNECTION_YET.includes(networkCode);
	// The service answered, but not with HTTP, or with a body that cannot be unpacked.
	if (!mayOpen && !NO_CONNECTION.test(networkCode)) return notJuheFailure();
	const isRefused = networkCode === 'ECONNREFUSED';
	return serviceFailure(
		mayOpen ? 'transient' : 'row',
		isRefused ? 'connectionRefused' : 'noConnection',
		isRefused ? 'The service refuses the connection.' : 'There is no connection to the service.',
		`${CHECK_BASE_URL} Network code: ${networkCode}.`,
	);
}

/** A reply that tells nothing about the number, though the service may have billed the query. */
function unreadable(code: number | string, sentence: string, remedy: string): Failure {
	const failure = serviceFailure('row', code, sentence, remedy);
	failure.details.billable = 'uncertain';
	return failure;
}

function notJuheFailure(): Failure {
	return unreadable('notJuhe', 'The response is not a Juhe API response.', CHECK_BASE_URL);
}

/** Retry-After in milliseconds: RFC 9110 allows seconds or a date. */
function parseRetryAfter({ headers }: Reply): number | undefined {
	const header = headers['retry-after'];
	if (typeof header !== 'string') return undefined;
	const wait = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
	return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

/** The code may come as a number or as a string; undefined where there is none. */
function parseCode(value: unknown): number | undefined {
	const code = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
	return typeof code === 'number' && Number.isInteger(code) ? code : undefined;
}

function redactText(value: unknown, redact: (text: string) => string): string | null {
	return typeof value === 'string' || typeof value === 'number'
		? redact(String(value)).slice(0, MAX_REASON_LENGTH)
		: null;
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
