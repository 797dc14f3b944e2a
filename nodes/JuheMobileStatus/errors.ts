import { NodeApiError, NodeOperationError, type IDataObject, type INode } from 'n8n-workflow';

import { API_FIELDS } from './result';

/** Who or what has to change before the query can work: the whole account, time, or this one row. */
export type ErrorClass = 'account' | 'mayPass' | 'row';

type SlowDown = 'surely' | 'perhaps';

interface JuheCode {
	/** The code of the API's older version, `resultcode`; service-level codes have none. */
	resultcode?: string;
	class: ErrorClass;
	/** What happened, in one English sentence. */
	sentence: string;
	/** What to do about it. */
	remedy: string;
	/** Whether the whole run should send more slowly: the service asks for it, or the code may come of too many. */
	slowDown?: SlowDown;
}

/** Every code of the API document (section 4), with what the node does about it. */
export const JUHE_CODES = {
	10001: {
		resultcode: '101',
		class: 'account',
		sentence: 'The key is not known to the service.',
		remedy: 'Copy the key of this API from the Juhe console (My Data) into the credential.',
	},
	10002: {
		resultcode: '102',
		class: 'account',
		sentence: 'The key has no permission for this API.',
		remedy: 'Apply for the mobile status API in the Juhe console, or use the key of that API.',
	},
	10003: {
		resultcode: '103',
		class: 'account',
		sentence: 'The key has expired.',
		remedy: 'Renew the API in the Juhe console, or put a valid key into the credential.',
	},
	10004: {
		resultcode: '104',
		class: 'account',
		sentence: 'The OpenID is not right.',
		remedy: 'Copy the OpenID of the account from the Juhe console into the credential.',
	},
	10005: {
		resultcode: '105',
		class: 'account',
		sentence: 'The application was not reviewed in time.',
		remedy: 'Submit the account verification in the Juhe console.',
	},
	10007: {
		resultcode: '107',
		class: 'account',
		sentence: 'The service does not know where the request comes from.',
		remedy: 'Add this server to the allowed sources of the key in the Juhe console.',
	},
	10008: {
		resultcode: '108',
		class: 'account',
		sentence: 'The IP address of this server is blocked.',
		remedy: "Add the server's public IP address to the key's allowlist in the Juhe console.",
	},
	10009: {
		resultcode: '109',
		class: 'account',
		sentence: 'The key is blocked.',
		remedy: 'Ask the support of Juhe to unblock it, or use another key.',
	},
	10011: {
		resultcode: '111',
		class: 'mayPass',
		sentence: 'This server sends more requests than the service allows.',
		remedy: 'Lower Max Concurrent Requests or set Max Requests per Second, then run the row again.',
		slowDown: 'surely',
	},
	10012: {
		resultcode: '112',
		class: 'account',
		sentence: 'The request quota of the key is used up.',
		remedy: 'Buy more queries in the Juhe console, then run the remaining rows.',
	},
	10013: {
		resultcode: '113',
		class: 'account',
		sentence: 'The quota of the test key is used up.',
		remedy: 'Replace the test key by a paid one, then run the remaining rows.',
	},
	10014: {
		resultcode: '114',
		class: 'mayPass',
		sentence: 'The service met an internal exception.',
		remedy: 'Run the row again later; if it stays, ask the support of Juhe.',
	},
	10020: {
		resultcode: '120',
		class: 'account',
		sentence: 'The API is under maintenance.',
		remedy: 'Run the remaining rows after the maintenance.',
	},
	10021: {
		resultcode: '121',
		class: 'account',
		sentence: 'The API has been taken out of service.',
		remedy: 'Ask the support of Juhe which API replaces it.',
	},
	224902: {
		class: 'row',
		sentence: 'The service does not accept the parameters.',
		remedy:
			'Check the number; with AES or RSA check that the OpenID or the RSA Public Key belongs to the same account as the key.',
	},
	224915: {
		class: 'mayPass',
		sentence: 'The network of the service had an exception.',
		remedy: 'Run the row again later.',
		slowDown: 'perhaps',
	},
	224919: {
		class: 'row',
		sentence: 'The query did not succeed.',
		remedy: 'Run the row again later; if it stays, ask the support of Juhe.',
	},
	224922: {
		class: 'row',
		sentence: 'The service has no record of this number.',
		remedy: 'Check the number, or set the option No Record to let such rows pass on a route.',
	},
	224924: {
		class: 'mayPass',
		sentence: 'The same number was queried too often.',
		remedy: 'Wait some minutes, then run the row again.',
	},
} as const satisfies Record<number, JuheCode>;

/** The code that the option No Record can turn into a route. */
export const NO_RECORD_CODE = 224922;

/** What is told of a row that has no result: `details` of its error item, beside the message. */
export interface FailureDetails {
	/** The service's error_code, an HTTP status, or a word of the node's own such as `timeout`. */
	code: number | string;
	/** The API's older code; null where there is none. */
	resultcode: string | null;
	/** The service's own words; null where it said nothing. */
	reason: string | null;
	/** What to do about it. */
	remedy: string;
	/** Requests sent for the number. */
	attempts: number;
	/** `uncertain`: an answer was lost or unreadable, the query may have been billed. */
	billable: 'no' | 'uncertain';
	/** True for a row that was not sent because the run had to stop. */
	notQueried?: true;
}

/** Why a row has no result. Plain data: an Error is made of it only where one is thrown. */
export interface Failure {
	class: ErrorClass;
	/** `user`: to be mended in the workflow or the credential; `service`: done by the service or the network. */
	by: 'user' | 'service';
	message: string;
	details: FailureDetails;
	/** True where the query may have been done and only its answer was lost. */
	lostAnswer?: true;
	/** Where the whole run should send more slowly. */
	slowDown?: SlowDown;
	/** How long the service wants to be left alone, in milliseconds. */
	retryAfter?: number;
	/** True where the run ended before the row's turn, or between its tries: another row is to blame. */
	unsettled?: true;
}

/** One HTTP answer as it came. */
export interface Reply {
	statusCode: number;
	headers: IDataObject;
	/** Undefined where the body was longer than any true answer. */
	text: string | undefined;
}

const CHECK_BASE_URL =
	'Check that the Base URL in the credential leads to Juhe or to a gateway to it.';
const TRY_LATER = 'Run the row again later.';
const ASK_SUPPORT = 'Run the row again; if it stays, ask the support of Juhe.';
/** HTTP answers that may pass: too many requests, and gateways with no service behind them. */
const PASSING_HTTP = [429, 502, 503, 504];
/** How node, and the helper's axios, name a connection that ended before the answer did. */
const CUT_CONNECTION = ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ETIMEDOUT', 'ERR_BAD_RESPONSE'];
/** How node names a way to the service that may open again; nothing has been sent. */
const NO_CONNECTION_YET = ['ECONNREFUSED', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'];
/** No address, no free socket, no TLS, or n8n itself (which names no code) will not go there: nothing has been sent. */
const NO_CONNECTION =
	/^(none|ENOTFOUND|EADDRNOTAVAIL|EMFILE|EPROTO|ERR_(INVALID_URL|TLS|SSL)|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/;
const MAX_REASON_LENGTH = 500;

/**
 * The one place where a reply becomes a result or a failure (API document, sections 1 to 4).
 *
 * @param hide takes secrets out of the service's own words.
 */
export function readReply(
	reply: Reply,
	hide: (text: string) => string,
): { result: IDataObject } | { failure: Failure } {
	const body = parseObject(reply.text);
	const code = readCode(body.error_code);
	const documented = JUHE_CODES[code as keyof typeof JUHE_CODES] as JuheCode | undefined;

	// A number may be the one that is to be masked.
	const safe = (value: string | number) => {
		const text = hide(String(value));
		return text === String(value) ? value : text;
	};
	if (
		documented ??
		(code !== undefined && code !== 0 && !PASSING_HTTP.includes(reply.statusCode))
	) {
		const text = (value: unknown) =>
			typeof value === 'string' || typeof value === 'number'
				? String(safe(value)).slice(0, MAX_REASON_LENGTH)
				: null;
		const failure = failureOf(
			documented?.class ?? 'row',
			safe(code ?? ''),
			documented?.sentence ?? 'The service answered with a code that its document does not list.',
			documented?.remedy ?? ASK_SUPPORT,
		);
		failure.details.resultcode = text(body.resultcode) ?? documented?.resultcode ?? null;
		failure.details.reason = text(body.reason);
		return {
			failure: { ...failure, slowDown: documented?.slowDown, retryAfter: retryAfterOf(reply) },
		};
	}
	if (reply.statusCode < 200 || reply.statusCode > 299) return { failure: httpFailure(reply) };
	if (code === undefined) return { failure: notJuhe() };
	if (!isObject(body.result) || Object.keys(body.result).length === 0) {
		return { failure: unreadable('noResult', 'The answer has no result.', ASK_SUPPORT) };
	}
	const result: IDataObject = {};
	for (const field of API_FIELDS) {
		const value = body.result[field];
		if (typeof value === 'string' || typeof value === 'number') result[field] = safe(value);
		else if (value === null || typeof value === 'boolean') result[field] = value;
	}
	return { result };
}

/** A request that got no whole answer; `error` is what n8n's helper or the stream of the body threw. */
export function networkFailure(error: unknown, isTimeout: boolean): Failure {
	const code = networkCodeOf(error);
	if (isTimeout || CUT_CONNECTION.includes(code)) {
		const failure = isTimeout
			? unreadable('timeout', 'The service did not answer in time.', `Raise Timeout. ${TRY_LATER}`)
			: unreadable('connectionLost', 'The connection ended before the answer did.', TRY_LATER);
		return { ...failure, class: 'mayPass', lostAnswer: true };
	}
	const mayOpen = NO_CONNECTION_YET.includes(code);
	// It answered, in a way that is no HTTP or cannot be unpacked.
	if (!mayOpen && !NO_CONNECTION.test(code)) return notJuhe();
	return failureOf(
		mayOpen ? 'mayPass' : 'row',
		code === 'ECONNREFUSED' ? 'connectionRefused' : 'noConnection',
		code === 'ECONNREFUSED'
			? 'The service refused the connection.'
			: 'There is no connection to the service.',
		`${CHECK_BASE_URL} Network code: ${code}.`,
	);
}

/** A cell that is no mobile number (no request is made for it); an agent's tool has no rows to speak of. */
export function numberFailure(reason: string, itemIndex?: number): Failure {
	const place = itemIndex === undefined ? '' : ` of row ${itemIndex + 1}`;
	return userFailure(
		'invalidNumber',
		`Mobile Number${place} ${reason}`,
		'Correct the number in this row, or take the row out of the list.',
	);
}

/** Something that only the person at the workflow can mend: a field, an option, an expression. */
export function userFailure(code: string, message: string, remedy: string): Failure {
	const failure = failureOf('row', code, message, remedy);
	failure.details.attempts = 0;
	return { ...failure, by: 'user', message };
}

/** What kept the run from its first request, as an error of each row (On Error: Continue). */
export function settingsFailure(error: unknown): Failure {
	const { message, description } = error as Error & { description?: string | null };
	return userFailure(
		'invalidSettings',
		message,
		description ?? 'Correct the node or its credential.',
	);
}

/** A row that was not sent, because `cause` ended the run before its turn. */
export function notQueriedFailure(cause: Failure): Failure {
	const { code, resultcode, reason, remedy } = cause.details;
	return {
		...cause,
		unsettled: true,
		message: `${cause.message} This row was not sent (notQueried).`,
		details: { code, resultcode, reason, remedy, attempts: 0, billable: 'no', notQueried: true },
	};
}

/** A row past the option Max Queries per Run. */
export function overCapFailure(maxQueries: number): Failure {
	return userFailure(
		'overCap',
		`Max Queries per Run (${maxQueries}) is reached. This row was not sent (notQueried).`,
		'Raise the option Max Queries per Run, or run the workflow anew for the remaining rows.',
	);
}

/** A number whose answer an earlier try of the execution has lost, where it may not be sent again. */
export function notResentFailure(lost: Pick<FailureDetails, 'code' | 'attempts'>): Failure {
	const failure = unreadable(
		lost.code,
		'An earlier try lost the answer to this number. It was not sent again.',
		'Run the workflow anew for this row, or turn on the option Resend After Lost Answer.',
	);
	failure.details.attempts = lost.attempts;
	return failure;
}

/** A row whose number another row has asked for, in vain. */
export function duplicateFailure(failure: Failure): Failure {
	return { ...failure, details: { ...failure.details, attempts: 0, billable: 'no' } };
}

/** The error to throw for a failure; made with its item index, because n8n keeps the first it sees. */
export function toNodeError(
	node: INode,
	failure: Failure,
	itemIndex?: number,
): NodeApiError | NodeOperationError {
	const description = describe(failure.details);
	if (failure.by === 'user') {
		return new NodeOperationError(node, failure.message, { description, itemIndex });
	}
	// n8n keeps the object for its error panel: what goes in has been through `hide`.
	const { code, resultcode, reason } = failure.details;
	return new NodeApiError(
		node,
		{ error_code: code, resultcode, reason },
		{ message: failure.message, description, httpCode: String(code), itemIndex },
	);
}

/** What a catch may throw on: errors of n8n as they are, others with the node's name. */
export function asNodeError(node: INode, error: unknown): NodeApiError | NodeOperationError {
	if (error instanceof NodeApiError || error instanceof NodeOperationError) return error;
	return new NodeOperationError(node, error as Error);
}

function describe({ reason, resultcode, remedy, billable }: FailureDetails): string {
	const code = resultcode === null ? '' : ` (resultcode ${resultcode})`;
	return [
		reason === null ? '' : `The service says “${reason}”${code}. `,
		billable === 'uncertain' ? 'This query may have been billed. ' : '',
		remedy,
	].join('');
}

function failureOf(
	errorClass: ErrorClass,
	code: number | string,
	sentence: string,
	remedy: string,
): Failure {
	return {
		class: errorClass,
		by: 'service',
		message: `Juhe ${code}: ${sentence}`,
		details: { code, resultcode: null, reason: null, remedy, attempts: 1, billable: 'no' },
	};
}

/** An answer that tells nothing of the number, though the service may have looked it up. */
function unreadable(code: number | string, sentence: string, remedy: string): Failure {
	const failure = failureOf('row', code, sentence, remedy);
	failure.details.billable = 'uncertain';
	return failure;
}

function notJuhe(): Failure {
	return unreadable('notJuhe', 'The answer is not one of this API.', CHECK_BASE_URL);
}

function httpFailure(reply: Reply): Failure {
	const { statusCode } = reply;
	const failure = failureOf(
		PASSING_HTTP.includes(statusCode) ? 'mayPass' : 'row',
		statusCode,
		`The service answered with HTTP status ${statusCode}.`,
		PASSING_HTTP.includes(statusCode) ? TRY_LATER : CHECK_BASE_URL,
	);
	if (statusCode === 429) failure.slowDown = 'surely';
	failure.retryAfter = retryAfterOf(reply);
	return failure;
}

/** Retry-After in milliseconds: RFC 9110 allows seconds or a date. */
function retryAfterOf(reply: Reply): number | undefined {
	const header = reply.headers['retry-after'];
	if (typeof header !== 'string') return undefined;
	const wait = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
	return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

/** The code may come as a number or as a string; undefined where there is none. */
function readCode(value: unknown): number | undefined {
	const code = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
	return typeof code === 'number' && Number.isInteger(code) ? code : undefined;
}

function networkCodeOf(error: unknown): string {
	// n8n's helper wraps what axios threw, which may itself wrap what node threw.
	for (let cause = error, depth = 0; isObject(cause) && depth < 4; cause = cause.cause, depth++) {
		if (typeof cause.code === 'string') return cause.code;
	}
	return 'none';
}

/** The object that a body holds; an empty one where it holds none. */
export function parseObject(text: string | undefined): IDataObject {
	try {
		// Some servers put a byte order mark in front, which JSON does not know.
		const value: unknown = JSON.parse((text ?? '').replace(/^\ufeff/, ''));
		return isObject(value) ? value : {};
	} catch {
		return {};
	}
}

function isObject(value: unknown): value is IDataObject {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}
