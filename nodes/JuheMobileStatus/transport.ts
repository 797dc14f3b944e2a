import {
	NodeOperationError,
	type ICredentialsDecrypted,
	type IDataObject,
	type IExecuteFunctions,
	type IHttpRequestOptions,
} from 'n8n-workflow';

import { aesKeyOf } from './encryption';
import {
	networkFailure,
	NO_RECORD_CODE,
	parseObject,
	readReply,
	type Failure,
	type Reply,
} from './errors';
import { maskMobile } from './number';
import { OPERATIONS } from './operations';
import type { Pace } from './pace';
import type { Settings } from './properties';
import type { Answer } from './result';

/** What the credential's Base URL begins with. */
const DEFAULT_BASE_URL = 'https://v.juhe.cn';
/** A true answer has some 300 bytes; a longer one than this is not read to its end. */
const MAX_REPLY_BYTES = 64 * 1024;
/** The wait before a number is tried again, in milliseconds; it doubles with each try. */
const FIRST_WAIT = 500;
/** In milliseconds; where the service asks for a longer wait, nothing is tried again. */
const LONGEST_WAIT = 60_000;
/** Shorter text than this is no secret: taking it out of the service's words would only garble them. */
const MIN_SECRET_LENGTH = 4;

/** What became of one number; undefined where the run ended before it was sent. */
export type Queried = { answer: Answer } | { failure: Failure } | undefined;

/** Asks the service for one number of 11 digits, trying again where that may help. */
export type Query = (
	mobile: string,
	pace: Pace,
	/** True where an answer to it was lost before. */
	wasLost: boolean,
) => Promise<Queried>;

/** The `juheApi` credential as a run uses it: trimmed and checked, with the data that `authenticate` reads. */
export interface Account {
	apiKey: string;
	/** Without trailing slashes. */
	baseUrl: string;
	/** The operation's path below it. */
	path: string;
	protect: (mobile: string) => string;
	/** What may be shown nowhere. */
	secrets: string[];
	credential: ICredentialsDecrypted;
}

/** Makes the query of a run. */
export function queryWith(context: IExecuteFunctions, account: Account, settings: Settings): Query {
	return async (mobile, pace, wasLostBefore) => {
		const sent = account.protect(mobile);
		const hide = redactor(
			sent === mobile ? account.secrets : [...account.secrets, sent],
			settings.maskNumber ? mobile : undefined,
		);
		let last: Failure | undefined;
		let notBefore = 0;
		let wasLost = wasLostBefore;
		for (let attempts = 1; ; attempts++) {
			if (!(await pace.turn(notBefore))) return last && { failure: { ...last, unsettled: true } };
			const sentAt = Date.now();
			const read = await send(context, account, settings, sent, hide);
			if ('failure' in read && read.failure.slowDown)
				pace.slowDown(sentAt, read.failure.retryAfter, read.failure.slowDown === 'surely');
			else pace.answered(sentAt);
			if ('result' in read) return { answer: answerOf(read.result, attempts, wasLost) };

			const { failure } = read;
			if (failure.details.code === NO_RECORD_CODE && settings.noRecord === 'route') {
				return { answer: answerOf(null, attempts, wasLost) };
			}
			wasLost ||= failure.lostAnswer === true;
			failure.details.attempts = attempts;
			if (wasLost) failure.details.billable = 'uncertain';

			const wait = Math.max(failure.retryAfter ?? 0, backoff(attempts));
			const mayTryAgain =
				failure.class === 'mayPass' &&
				attempts <= settings.retries &&
				wait <= LONGEST_WAIT &&
				(settings.resendUncertain || !failure.lostAnswer);
			// Who asks for fewer requests and for a longer wait than anybody sits through, is asked nothing more.
			if (failure.slowDown === 'surely' && wait > LONGEST_WAIT) failure.class = 'account';
			if (!mayTryAgain) return { failure };
			last = failure;
			notBefore = Date.now() + wait;
		}
	};
}

/** The wait after so many attempts, in milliseconds: growing, and jittered so that rows do not come back in step. */
function backoff(attempts: number): number {
	return FIRST_WAIT * 2 ** (attempts - 1) * (0.75 + Math.random() / 2);
}

function answerOf(result: IDataObject | null, attempts: number, wasLost: boolean): Answer {
	const checkedAt = new Date().toISOString();
	return { result, attempts, billable: wasLost ? 'uncertain' : 'yes', checkedAt };
}

/** One request (API document, sections 1 to 3), read to its end or to its deadline. */
async function send(
	context: IExecuteFunctions,
	account: Account,
	settings: Settings,
	sent: string,
	hide: (text: string) => string,
): Promise<{ result: IDataObject } | { failure: Failure }> {
	const deadline = AbortSignal.timeout(settings.timeout);
	// The helper ties a request to the signal that cancels the execution. A cancelled run sends nothing more, but
	// cutting off what is under way would lose answers that are paid for: so the only signal is the deadline,
	// which also ends a body that drips (the helper's own timeout starts anew with every byte).
	const requester = Object.create(context, {
		getExecutionCancelSignal: { value: () => deadline },
	}) as IExecuteFunctions;
	const request: IHttpRequestOptions = {
		method: settings.method,
		url: `${account.baseUrl}${account.path}`,
		// A body as a stream is ours to stop reading.
		encoding: 'stream',
		returnFullResponse: true,
		ignoreHttpStatusErrors: true,
		// A redirect would carry the key to wherever it points.
		disableFollowRedirect: true,
	};
	if (settings.method === 'GET') request.qs = { mobile: sent };
	else request.body = new URLSearchParams({ mobile: sent });

	try {
		const response = (await context.helpers.httpRequestWithAuthentication.call(
			requester,
			'juheApi',
			request,
			// Without this the helper fetches and decrypts the credential for every request.
			{ credentialsDecrypted: account.credential },
		)) as Omit<Reply, 'text'> & { body: AsyncIterable<Buffer> };
		const { statusCode, headers, body } = response;
		const { text, cutBy } = await readText(body);
		// A connection that is cut, or left open, behind a whole answer has lost nothing: it is paid for.
		const isLost = cutBy !== undefined && parseObject(text).error_code === undefined;
		return isLost
			? { failure: networkFailure(cutBy, deadline.aborted) }
			: readReply({ statusCode, headers, text }, hide);
	} catch (error) {
		return { failure: networkFailure(error, deadline.aborted) };
	}
}

/** Undefined for a body that is longer than any true answer; `cutBy` is what ended one before it was whole. */
async function readText(
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

/**
 * Resolves the credential and checks what the operation needs of it; its RSA key is read here, once a run.
 *
 * @throws NodeOperationError that names the credential's field.
 */
export async function openAccount(
	context: IExecuteFunctions,
	settings: Settings,
): Promise<Account> {
	const isWithout = context.getNode().credentials?.juheApi === undefined;
	const data: IDataObject =
		settings.dryRun && isWithout
			? { baseUrl: DEFAULT_BASE_URL }
			: await context.getCredentials('juheApi');
	const field = (name: string) => {
		const value = data[name];
		return typeof value === 'string' ? value.trim() : '';
	};
	// A dry run sends nothing, so it lacks no secret.
	const secret = (name: string) => field(name) || (settings.dryRun ? 'none' : '');
	const refuse = (displayName: string, reason: string): never => {
		throw new NodeOperationError(context.getNode(), `${displayName} in the credential ${reason}`, {
			description: 'Nothing was sent. Correct the Juhe API credential of this node.',
		});
	};

	const [apiKey, openid, rsaPublicKey] = [
		secret('apiKey'),
		secret('openid'),
		field('rsaPublicKey'),
	];
	if (apiKey === '') refuse('Key', 'is empty');
	const baseUrl =
		readBaseUrl(field('baseUrl')) ??
		refuse('Base URL', 'is not an http or https address without user, query and fragment');
	const operation = OPERATIONS.find(({ value }) => value === settings.operation) ?? OPERATIONS[0];
	const protection = operation.prepare({ openid, rsaPublicKey });
	if ('reason' in protection) return refuse(protection.field, protection.reason);

	return {
		apiKey,
		baseUrl,
		path: operation.path,
		protect: protection.protect,
		secrets: [apiKey, openid, aesKeyOf(openid)],
		// n8n takes only the data of it.
		credential: { id: '', name: '', type: 'juheApi', data: { ...data, apiKey } },
	};
}

/** The address without trailing slashes, or undefined where it is none that a key may be sent to. */
function readBaseUrl(text: string): string | undefined {
	// URL drops line breaks inside an address without a word, and tells nothing of a query or fragment that is empty.
	if (/[\s\\?#]/.test(text) || !URL.canParse(text)) return undefined;
	const url = new URL(text);
	if (!['http:', 'https:'].includes(url.protocol) || url.username + url.password !== '') {
		return undefined;
	}
	let { href } = url;
	while (href.endsWith('/')) href = href.slice(0, -1);
	return href;
}

/**
 * Takes secrets, as they are or encoded for a URL, in small or capital letters, with or without the padding of base64,
 * and the number where it is to be masked, out of a text.
 */
function redactor(secrets: string[], maskedMobile?: string): (text: string) => string {
	const forms = secrets
		.map((secret) => secret.replace(/={1,2}$/, ''))
		.filter((secret) => secret.length >= MIN_SECRET_LENGTH)
		// Unlike encodeURIComponent this takes half a surrogate pair, too.
		.flatMap((secret) => [secret, new URLSearchParams({ '': secret }).toString().slice(1)])
		.map((form) => form.toLowerCase())
		// One of them may begin with another.
		.sort((a, b) => b.length - a.length);
	const hideSecrets = (text: string) => {
		const lower = text.toLowerCase();
		const found = forms.filter((form) => lower.includes(form));
		// Made only where there is something to hide: such a pattern takes longer than all else that a row needs.
		const pattern = found.map((form) => form.replace(/\W/g, '\\$&')).join('|');
		return found.length === 0 ? text : text.replace(new RegExp(pattern, 'gi'), '***');
	};
	return (text) => {
		const hidden = hideSecrets(text);
		return maskedMobile === undefined
			? hidden
			: hidden.replaceAll(maskedMobile, maskMobile(maskedMobile));
	};
}
