import { aesKeyOf, encryptAes, encryptRsa, readRsaPublicKey } from './encryption';

/** The fields of the `juheApi` credential that protect a number; empty where the credential leaves them out. */
export interface ProtectingFields {
	openid: string;
	rsaPublicKey: string;
}

/** What turns a number of 11 digits into the `mobile` that is sent, or which field stands in the way and why. */
export type Protection =
	{ encrypt: (mobile: string) => string } | { field: 'OpenID' | 'RSA Public Key'; reason: string };

interface Operation {
	value: string;
	name: string;
	action: string;
	description: string;
	/** Path below the base URL, as the API document's section gives it. */
	path: string;
	/** Called once a run: the keys are made and checked here, not once a row. */
	prepare: (fields: ProtectingFields) => Protection;
}

/** The three queries of the API document (sections 1 to 3): what the dropdown shows and what is sent. */
export const OPERATIONS = [
	{
		value: 'plain',
		name: 'Plain Query',
		action: 'Check mobile numbers',
		description: 'The number travels as it is, protected by HTTPS only. One paid query a number.',
		path: '/mobile_status/query',
		prepare: () => ({ encrypt: (mobile) => mobile }),
	},
	{
		value: 'aes',
		name: 'AES-Encrypted Query',
		action: 'Check mobile numbers with AES encryption',
		description:
			'The number travels encrypted with a key made from the OpenID. Equal numbers look equal on the way. One paid query a number.',
		path: '/mobile_status/queryEncry',
		prepare: ({ openid }) => {
			if (openid === '') return { field: 'OpenID', reason: 'is empty' };
			const aesKey = aesKeyOf(openid);
			return { encrypt: (mobile) => encryptAes(mobile, aesKey) };
		},
	},
	{
		value: 'rsa',
		name: 'RSA-Encrypted Query',
		action: 'Check mobile numbers with RSA encryption',
		description:
			"The number travels encrypted with the account's RSA public key (OAEP), each time anew. One paid query a number.",
		path: '/mobile_status/queryRV2',
		prepare: ({ rsaPublicKey }) => {
			const read = readRsaPublicKey(rsaPublicKey);
			if ('reason' in read) return { field: 'RSA Public Key', reason: read.reason };
			return { encrypt: (mobile) => encryptRsa(mobile, read.key) };
		},
	},
] as const satisfies readonly Operation[];

export type OperationName = (typeof OPERATIONS)[number]['value'];
