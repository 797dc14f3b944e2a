import type {
	ICredentialDataDecryptedObject,
	IExecuteFunctions,
	IHttpRequestOptions,
} from 'n8n-workflow';

import type { Send } from './juhe/client';
import type { Account } from './juhe/account';
import type { NetworkFault, Reply } from './juhe/reply';

/** A reply of the API has some 300 bytes. A longer one than this is not read to its end. */
const MAX_REPLY_BYTES = 64 * 1024;

/** How Node.js, OpenSSL and axios write a code. Other text could quote what was sent. */
const ERROR_CODE = /^[A-Z][A-Z0-9_]*$/;

/** What the requests of a run have in common. */
export interface RequestSettings {
	method: 'GET' | 'POST';
	/** For one request, to the end of its reply, in milliseconds. */
	timeout: number;
}

/**
 * Creates the function that sends one request (API document, sections 1 to 3).
 *
 * @param credentialData the credential as n8n stores it; `authenticate` reads the key from it
 */
export function createSend(
	context: IExecuteFunctions,
	account: Account,
	credentialData: ICredentialDataDecryptedObject,
	{ method, timeout }: RequestSettings,
): Send {
	// Without it the helper fetches and decrypts the credential for every request.
	const credentialsDecrypted = { id: '', name: '', type: 'juheApi', data: credentialData };
	return async (mobile) => {
		const deadline = AbortSignal.timeout(timeout);
		// The helper ends a request when the execution is cancelled, which would lose an answer that is paid for. The
		// deadline takes the place of that signal. It also ends a body that drips, which the helper's own timeout does not.
		const requester = Object.create(context, {
			getExecutionCancelSignal: { value: () => deadline },
		}) as IExecuteFunctions;
		try {
			const response = (await context.helpers.httpRequestWithAuthentication.call(
				requester,
				'juheApi',
				requestOptions(account.url, method, mobile),
				{ credentialsDecrypted },
			)) as Omit<Reply, 'text'> & { body: AsyncIterable<Buffer> };
			const { statusCode, headers, body } = response;
			const { text, cutBy } = await readText(body);
			const fault = cutBy === undefined ? undefined : toNetworkFault(cutBy, deadline.aborted);
			return { statusCode, headers, text, fault };
		} catch (error) {
			return toNetworkFault(error, deadline.aborted);
		}
	};
}

/** Fresh options for each request: the helper assigns into them. */
function requestOptions(url: string, method: 'GET' | 'POST', mobile: string): IHttpRequestOptions {
	return {
		method,
		url,
		headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
		// A stream can be left unread.
		encoding: 'stream',
		returnFullResponse: true,
		ignoreHttpStatusErrors: true,
		// A redirect would carry the key to another address.
		disableFollowRedirect: true,
		...(method === 'GET' ? { qs: { mobile } } : { body: new URLSearchParams({ mobile }) }),
	};
}

/** Reads a body. The text is undefined for a body that is too long, which is not read on; `cutBy` is what ended a body before it was whole. */
export async function readText(
	body: AsyncIterable<Buffer>,
): Promise<{ text: string | undefined; cutBy?: unknown }> {
	const chunks: Buffer[] = [];
	let length = 0;
	let cutBy: unknown;
	try {
		for await (const chunk of body) {
			length += chunk.length;
			if (length > MAX_REPLY_BYTES) return { text: undefined };
			chunks.push(chunk);
		}
	} catch (error) {
		cutBy = error;
	}
	return { text: Buffer.concat(chunks).toString('utf8'), cutBy };
}

/** What ended a request without a reply. */
export function toNetworkFault(error: unknown, timedOut: boolean): NetworkFault {
	// n8n's helper wraps the error of axios, which may wrap the error of Node.js.
	let cause = error as { code?: unknown; cause?: unknown } | null | undefined;
	for (let depth = 0; typeof cause === 'object' && cause !== null && depth < 4; depth++) {
		if (typeof cause.code === 'string') {
			return { networkCode: ERROR_CODE.test(cause.code) ? cause.code : 'unknown', timedOut };
		}
		cause = cause.cause as typeof cause;
	}
	return { networkCode: 'none', timedOut };
}
