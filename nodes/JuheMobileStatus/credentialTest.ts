import type {
	ICredentialsDecrypted,
	ICredentialTestFunctions,
	INodeCredentialTestResult,
} from 'n8n-workflow';

import { resolveCredential, type Account, type AccountRefusal } from './juhe/account';
import type { Failure } from './juhe/failure';
import type { OperationName } from './juhe/operations';
import { createRedactor } from './juhe/redact';
import { FIRST_SERVICE_CODE, parseReply, type NetworkFault, type Reply } from './juhe/reply';
import { readText, toNetworkFault } from './request';

/** For the one request, to the end of its reply, in milliseconds: somebody waits in front of the dialog. */
const TIMEOUT = 10_000;
const CHECK_BASE_URL = "Check that the 'Base URL' leads to Juhe or to a gateway to it.";

/**
 * Test in the credential's dialog: looks at every field, then asks the service without a number. The service says what it
 * thinks of the key, looks nothing up and bills nothing.
 *
 * A function, because a declarative test compares single values: it cannot be red for every code below 200000, and does
 * not see the RSA public key.
 */
export async function testJuheApi(
	this: ICredentialTestFunctions,
	{ data = {} }: ICredentialsDecrypted,
): Promise<INodeCredentialTestResult> {
	const resolve = (operation: OperationName) =>
		resolveCredential(data, operation, { dryRun: false });
	const plain = resolve('plain');
	if ('reason' in plain) return refusal(plain);
	const aes = isFilled(data.openid) ? resolve('aes') : plain;
	if ('reason' in aes) return refusal(aes);
	const rsa = isFilled(data.rsaPublicKey) ? resolve('rsa') : plain;
	if ('reason' in rsa) return refusal(rsa);
	const { account } = plain;
	const reply = await askWithoutNumber(this, account);
	const failure = failureIn(reply, account);
	return failure === undefined
		? { status: 'OK', message: 'Connection successful!' }
		: errorResult(describe(failure, reply));
}

/** A failure in words that hold in the dialog, where no run has a timeout that could be raised. */
function describe({ message, details }: Failure, reply: Reply | NetworkFault): string {
	const isTooLong = 'text' in reply && reply.text === undefined;
	if (details.code === 'notJuhe' && isTooLong) {
		return `Juhe notJuhe: The answer is longer than any of the API. ${CHECK_BASE_URL}`;
	}
	return `${message} ${details.code === 'timeout' ? CHECK_BASE_URL : details.remedy}`;
}

function refusal({ field, reason }: AccountRefusal): INodeCredentialTestResult {
	return errorResult(`'${field}' ${reason}.`);
}

function errorResult(message: string): INodeCredentialTestResult {
	return { status: 'Error', message };
}

function isFilled(value: unknown): boolean {
	return typeof value === 'string' && value.trim() !== '';
}

async function askWithoutNumber(
	{ helpers }: ICredentialTestFunctions,
	{ apiKey, url }: Account,
): Promise<Reply | NetworkFault> {
	const deadline = AbortSignal.timeout(TIMEOUT);
	try {
		// The one helper that n8n gives to a test.
		const { statusCode, headers, body } = (await helpers.request({
			method: 'POST',
			uri: url,
			form: { key: apiKey },
			timeout: TIMEOUT,
			// Older n8n's timeout does not end headers that drip. A socket takes a signal, unless it leads to a proxy.
			agentOptions: { signal: deadline },
			// A stream can be left unread.
			useStream: true,
			resolveWithFullResponse: true,
			simple: false,
			// A redirect would carry the key to another address.
			followRedirect: false,
		})) as Omit<Reply, 'text'> & { body: AsyncIterable<Buffer> & { destroy: () => void } };
		deadline.addEventListener('abort', () => {
			body.destroy();
		});
		const { text, cutBy } = await readText(body);
		// A body without a length looks whole where the deadline has cut it.
		return cutBy === undefined && !deadline.aborted
			? { statusCode, headers, text }
			: toNetworkFault(cutBy, deadline.aborted);
	} catch (error) {
		return toNetworkFault(error, deadline.aborted);
	}
}

/** The test asks without a number. */
const NO_NUMBER = { mobile: '', attempts: 1, maybeBilled: false };

/** Why the key does not count as accepted; undefined where the service goes past the key and asks for the number. */
function failureIn(reply: Reply | NetworkFault, account: Account): Failure | undefined {
	const parsed = parseReply(reply, { ...NO_NUMBER, redact: createRedactor(account.secrets) });
	const failure = 'failure' in parsed ? parsed.failure : undefined;
	const code = failure?.details.code ?? 0;
	if (code !== 0 && code !== 'noResult' && !(Number(code) >= FIRST_SERVICE_CODE)) return failure;
	if ('networkCode' in reply || (reply.statusCode >= 200 && reply.statusCode <= 299)) {
		return undefined;
	}
	// Behind an HTTP status that is no success, a body proves nothing.
	return failureIn({ ...reply, text: undefined }, account);
}
