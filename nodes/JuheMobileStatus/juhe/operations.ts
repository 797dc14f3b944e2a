import { aesKeyOf, encryptAes, encryptRsa, parseRsaPublicKey } from './encryption';

/** The credential's fields that encrypt a number; empty where the credential leaves them out. */
export interface EncryptionFields {
	openid: string;
	rsaPublicKey: string;
}

/** What turns a number of 11 digits into the `mobile` that is sent, or why the field cannot be used. */
export type Encryption = { encrypt: (mobile: string) => string } | { reason: string };

interface Operation {
	value: string;
	name: string;
	action: string;
	description: string;
	/** Path below the base URL, as the section of the API document gives it. */
	path: string;
	/** The credential's field that the number is encrypted with, as the editor shows it. */
	encryptionField?: 'OpenID' | 'RSA Public Key';
	/** Called once a run: keys are made and checked here, not once a row. */
	prepare: (fields: EncryptionFields) => Encryption;
}

/** The three queries of the API document (sections 1 to 3): what the dropdown shows, and what is sent. */
export const OPERATIONS = [
	{
		value: 'plain',
		name: 'Check Number (Plain)',
		action: 'Check number',
		description: 'Sends the number as it is, protected by HTTPS. One paid query per number.',
		path: '/mobile_status/query',
		prepare: () => ({ encrypt: (mobile) => mobile }),
	},
	{
		value: 'aes',
		name: 'Check Number (AES)',
		action: 'Check number with AES',
		description:
			'Sends the number encrypted with a key made from the OpenID. Equal numbers have equal ciphertexts. One paid query per number.',
		path: '/mobile_status/queryEncry',
		encryptionField: 'OpenID',
		prepare: ({ openid }) => {
			if (openid === '') return { reason: 'is empty' };
			const aesKey = aesKeyOf(openid);
			return { encrypt: (mobile) => encryptAes(mobile, aesKey) };
		},
	},
	{
		value: 'rsa',
		name: 'Check Number (RSA)',
		action: 'Check number with RSA',
		description:
			"Sends the number encrypted with the account's RSA public key (OAEP). Equal numbers have different ciphertexts. One paid query per number.",
		path: '/mobile_status/queryRV2',
		encryptionField: 'RSA Public Key',
		prepare: ({ rsaPublicKey }) => {
			const parsed = parseRsaPublicKey(rsaPublicKey);
			if ('reason' in parsed) return parsed;
			return { encrypt: (mobile) => encryptRsa(mobile, parsed.key) };
		},
	},
] as const satisfies readonly Operation[];

export type OperationName = (typeof OPERATIONS)[number]['value'];

/** The operation of a name. It throws for any other name: a plain query in its place would show the number. */
export function operationOf(name: OperationName): Operation {
	const operation = OPERATIONS.find(({ value }) => value === name);
	if (operation === undefined) throw new TypeError(`'${name}' is not an operation of this node`);
	return operation;
}
