import { createHmac } from 'node:crypto';

import { aesKeyOf, INVISIBLE, QUOTES } from './encryption';
import { operationOf, type OperationName } from './operations';

export const DEFAULT_BASE_URL = 'https://v.juhe.cn';

/** A credential that is checked for an operation. */
export interface Account {
	apiKey: string;
	/** Without a trailing slash. */
	baseUrl: string;
	/** The address of the operation. */
	url: string;
	/** A number of 11 digits → the `mobile` that is sent. */
	encrypt: (mobile: string) => string;
	/** The credential's field that the number is encrypted with; undefined for the plain query. */
	encryptionField?: string;
	/** Key, OpenID and AES key, which may be shown nowhere. */
	secrets: string[];
}

/** The fields of the credential, as the editor shows them. */
export const CREDENTIAL_FIELDS = ['Key', 'OpenID', 'RSA Public Key', 'Base URL'] as const;

/** A field of the credential that cannot be used, and why, as a predicate. */
export interface AccountRefusal {
	/** As the editor shows it. */
	field: string;
	reason: string;
}

/** http or https, then a host, then a path or none. No user, query or fragment. White space around it is ignored. */
const BASE_URL = /^\s*(https?:\/\/[^\s\\?#@/]+(?:\/[^\s\\?#]*)?)\s*$/i;

/**
 * Checks what an operation needs of the `juheApi` credential.
 *
 * @param data as n8n stores it; empty for a dry run without a credential
 * @param dryRun nothing is sent, so no secret may be missing
 */
export function resolveCredential(
	data: Readonly<Record<string, unknown>>,
	operationName: OperationName,
	{ dryRun }: { dryRun: boolean },
): { account: Account } | AccountRefusal {
	const apiKey = cleanSecret(data.apiKey);
	if (apiKey === '' && !dryRun) return { field: 'Key', reason: 'is empty' };
	const baseUrl = parseBaseUrl(dryRun ? (data.baseUrl ?? DEFAULT_BASE_URL) : data.baseUrl);
	if (baseUrl === undefined) {
		return {
			field: 'Base URL',
			reason: 'is not an http or https address without user, query and fragment',
		};
	}
	const { path, encryptionField, prepare } = operationOf(operationName);
	const openid = cleanSecret(data.openid);
	const rsaPublicKey = typeof data.rsaPublicKey === 'string' ? data.rsaPublicKey : '';
	const pasted = { OpenID: openid, 'RSA Public Key': rsaPublicKey };
	const isMissing = encryptionField !== undefined && pasted[encryptionField].trim() === '';
	const prepared =
		dryRun && isMissing
			? { encrypt: (mobile: string) => mobile }
			: prepare({ openid, rsaPublicKey });
	if ('reason' in prepared) return { field: encryptionField ?? '', reason: prepared.reason };
	const secrets = [apiKey, openid, aesKeyOf(openid)];
	const url = `${baseUrl}${path}`;
	return {
		account: { apiKey, baseUrl, url, encrypt: prepared.encrypt, encryptionField, secrets },
	};
}

const AROUND_SECRET = `[\\s${QUOTES}]+`;
const EDGES_OF_SECRET = new RegExp(`^${AROUND_SECRET}|${AROUND_SECRET}$|[\\r\\n\\t]`, 'g');

/** A pasted Key or OpenID without what cannot be seen in it, and without white space and quotes around it. */
export function cleanSecret(value: unknown): string {
	return typeof value === 'string' ? value.replace(INVISIBLE, '').replace(EDGES_OF_SECRET, '') : '';
}

/** The address without trailing slashes, or undefined where the key may not be sent to it. */
export function parseBaseUrl(value: unknown): string | undefined {
	const [, text = ''] = (typeof value === 'string' && BASE_URL.exec(value)) || [];
	if (!URL.canParse(text)) return undefined;
	let { href } = new URL(text);
	while (href.endsWith('/')) href = href.slice(0, -1);
	return href;
}

/**
 * What stands for a number in a masked result: 16 letters of its HMAC under the account's key.
 *
 * Letters only, because a spreadsheet takes digits for a number and rounds them.
 */
export function fingerprint({ apiKey }: Account, mobile: string): string {
	const digest = createHmac('sha256', apiKey).update(mobile).digest('hex').slice(0, 16);
	return digest.replace(/\d/g, (digit) => 'ghijklmnop'.charAt(Number(digit)));
}
