/** Everything that can go wrong with an answer on purpose: the rules that say when, and what goes down the wire. */
import { STATUS_CODES, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { failure, states, type Envelope } from './service';

/** How an answer is spoilt. A lookup stays billed unless noted: what is lost on the way has been paid. */
export type Fault =
	/**
	 * A code of section 4 in place of the result; not billed unless `billed` (default: only code 0 is).
	 * `reason` and `resultcode` default to the document's, `resultcode: null` leaves it out; `result` defaults to null,
	 * `omitResult` leaves it out; `asString` sends the code as a string; `httpStatus` defaults to 200. `retryAfter` is
	 * the Retry-After header as it stands; `echo` puts what the request carried into reason and result, as real replies
	 * to 10012 have done with the key.
	 */
	| {
			kind: 'code';
			code: number;
			reason?: string;
			resultcode?: string | null;
			asString?: boolean;
			result?: unknown;
			omitResult?: boolean;
			httpStatus?: number;
			retryAfter?: string;
			echo?: boolean;
			billed?: boolean;
	  }
	/** Success without a result. */
	| { kind: 'missingResult' }
	/** Success with this state; the description defaults to the document's for it, `httpStatus` to 200. */
	| { kind: 'state'; state: unknown; description?: string; httpStatus?: number }
	/** Any JSON with status 200; billed when its error_code is 0. */
	| { kind: 'json'; body: unknown }
	/** Any HTTP answer, an HTML page by default; not billed. `retryAfter` is the Retry-After header as it stands. */
	| {
			kind: 'http';
			status: number;
			body?: string;
			contentType?: string;
			retryAfter?: string;
			headers?: Record<string, string>;
	  }
	/** An HTML page with status 200; not billed. */
	| { kind: 'notJson' }
	/** The number is looked up, then the connection is reset before any byte of the answer. */
	| { kind: 'resetBefore' }
	/** The headers and half of the body, then the connection ends. */
	| { kind: 'resetMidBody' }
	/** The number is looked up and never answered; the connection lasts until a side gives up. */
	| { kind: 'hang' }
	/** The body comes one byte at a time, `intervalMs` milliseconds apart. */
	| { kind: 'drip'; intervalMs: number };

/** When to spoil an answer. Neither `mobile` nor `call` means every request; the first rule that matches wins. */
export interface Rule {
	/** Only requests for this number, as it reads once decrypted. */
	mobile?: string;
	/** Only the request with this number in the overall order of arrival, from 1, since the start or the last reset. */
	call?: number;
	/** How many matches use the rule up; unlimited by default. */
	times?: number;
	/** Milliseconds between the lookup and the answer, in place of the simulator's latency. */
	latency?: number;
	fault: Fault;
}

/** An answer, ready to be sent. */
export interface Answer {
	status: number;
	headers: Record<string, string>;
	body: string;
	/** Whether the lookup is paid. */
	billed: boolean;
}

// A table rather than a list, so that the compiler notices a kind that is missing.
const kinds: Record<Fault['kind'], true> = {
	code: true,
	missingResult: true,
	state: true,
	json: true,
	http: true,
	notJson: true,
	resetBefore: true,
	resetMidBody: true,
	hang: true,
	drip: true,
};

/** A rule out of JSON; a kind that does not exist is refused here, where the person who wrote it sees it. */
export function parseRule(value: unknown): Rule {
	const kind = (value as Partial<Rule> | null)?.fault?.kind;
	if (kind === undefined || !Object.hasOwn(kinds, kind)) {
		throw new TypeError(
			`A rule needs a fault whose kind is one of ${Object.keys(kinds).join(', ')}`,
		);
	}
	return value as Rule;
}

function jsonAnswer(body: unknown, billed: boolean, status = 200): Answer {
	const headers = { 'content-type': 'application/json;charset=utf-8' };
	return { status, headers, body: JSON.stringify(body), billed };
}

/** An answer that says nothing of a lookup; where there is no body, an HTML page that names the status. */
export function httpAnswer(http: Omit<Extract<Fault, { kind: 'http' }>, 'kind'>): Answer {
	const { status, contentType = 'text/html', retryAfter } = http;
	const title = `${status} ${STATUS_CODES[status] ?? ''}`;
	return {
		status,
		headers: {
			'content-type': contentType,
			...(retryAfter !== undefined && { 'retry-after': retryAfter }),
			...http.headers,
		},
		body:
			http.body ??
			`<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`,
		billed: false,
	};
}

/**
 * What is sent for `genuine`, the answer that the document asks for, once `fault` has had its way with it.
 *
 * @param carried tells what the request said, as it came and decoded
 */
export function answerFor(genuine: Envelope, fault?: Fault, carried = () => ''): Answer {
	const billed = genuine.error_code === 0;
	switch (fault?.kind) {
		case 'code': {
			const known = failure(fault.code);
			const echo = fault.echo ? carried() : undefined;
			const {
				reason = echo ?? known.reason,
				resultcode = known.resultcode,
				result = echo ? { key: echo } : null,
			} = fault;
			const body = {
				// What is undefined leaves no trace in JSON.
				resultcode: resultcode ?? undefined,
				reason,
				result: fault.omitResult ? undefined : result,
				error_code: fault.asString ? String(fault.code) : fault.code,
			};
			const answer = jsonAnswer(body, fault.billed ?? fault.code === 0, fault.httpStatus);
			if (fault.retryAfter !== undefined) answer.headers['retry-after'] = fault.retryAfter;
			return answer;
		}
		case 'missingResult':
			return jsonAnswer(billed ? { ...genuine, result: undefined } : genuine, billed);
		case 'state': {
			const {
				state,
				description = states.find((_, i) => String(i) === String(state)) ?? '未知状态',
			} = fault;
			const result = genuine.result && { ...genuine.result, state, description };
			return jsonAnswer({ ...genuine, result }, billed, fault.httpStatus);
		}
		case 'json': {
			const said = (fault.body as { error_code?: unknown } | null)?.error_code;
			return jsonAnswer(fault.body, said === 0 || said === '0');
		}
		case 'http':
			return httpAnswer(fault);
		case 'notJson':
			return httpAnswer({ status: 200 });
		default:
			return jsonAnswer(genuine, billed);
	}
}

/** Sends an answer, or as much of it as `fault` lets through. */
export async function deliver(res: ServerResponse, answer: Answer, fault?: Fault): Promise<void> {
	// A pipelined answer has no socket of its own yet, its request does.
	const { socket } = res.req;
	if (fault?.kind === 'hang') return;
	if (fault?.kind === 'resetBefore') return void socket.resetAndDestroy();
	const bytes = Buffer.from(answer.body);
	res.writeHead(answer.status, { ...answer.headers, 'content-length': bytes.length });
	if (fault?.kind === 'resetMidBody') {
		res.write(bytes.subarray(0, bytes.length / 2), () => socket.destroy());
	} else if (fault?.kind === 'drip') {
		for (let i = 0; i < bytes.length && !res.destroyed; i++) {
			if (i > 0) await sleep(fault.intervalMs, undefined, { ref: false });
			res.write(bytes.subarray(i, i + 1));
		}
		res.end();
	} else {
		res.end(bytes);
	}
}
