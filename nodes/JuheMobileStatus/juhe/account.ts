import { aesKeyOf } from './encryption';
import { OPERATIONS, type OperationName } from './operations';
export const DEFAULT_BASE_URL = 'https://v.juhe.cn';
export interface Account {
	apiKey: string;
	baseUrl: string;
	url: string;
	encrypt: (mobile: string) => string;
	encryptionField?: string;
	secrets: string[];
}
export function openAccount(
	data: Record<string, unknown>,
	operationName: OperationName,
	{ dryRun }: { dryRun: boolean },
): { account: Account } | { field: string; reason: string } {
	const field = (name: string) => {
		const v = data[name];
		return typeof v === 'string' ? v.trim() : '';
	};
	const secret = (name: string) => field(name) || (dryRun ? 'none' : '');
	const [apiKey, openid, rsaPublicKey] = [
		secret('apiKey'),
		secret('openid'),
		field('rsaPublicKey'),
	];
	if (apiKey === '') return { field: 'Key', reason: 'is empty' };
	const baseUrl = readBaseUrl(
		dryRun && data.baseUrl === undefined ? DEFAULT_BASE_URL : field('baseUrl'),
	);
	if (baseUrl === undefined)
		return {
			field: 'Base URL',
			reason: 'is not an http or https address without user, query and fragment',
		};
	const operation = OPERATIONS.find(({ value }) => value === operationName) ?? OPERATIONS[0];
	const p = operation.prepare({ openid, rsaPublicKey });
	if ('reason' in p) return p;
	return {
		account: {
			apiKey,
			baseUrl,
			url: baseUrl + operation.path,
			encrypt: p.encrypt,
			encryptionField: ({ plain: undefined, aes: 'OpenID', rsa: 'RSA Public Key' } as const)[
				operationName
			],
			secrets: [apiKey, openid, aesKeyOf(openid)],
		},
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
