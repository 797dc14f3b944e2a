import type { FailureClass, RateLimitSignal } from './failure';

export interface JuheCode {
	/** The code of the API's older version, `resultcode`; service-level codes have none. */
	resultcode?: string;
	class: FailureClass;
	/** What happened, in one English sentence. */
	sentence: string;
	/** What to do about it. */
	remedy: string;
	/** Whether the whole run should send more slowly: the service asks for it, or the code may come of too many. */
	rateLimit?: RateLimitSignal;
}

/** Every code of the API document (section 4), with what the node does about it. */
export const JUHE_CODES = {
	10001: {
		resultcode: '101',
		class: 'fatal',
		sentence: 'The key is not known to the service.',
		remedy:
			"Copy the key of this API from the Juhe console (My Data, 我的数据) to 'Key' in the credential.",
	},
	10002: {
		resultcode: '102',
		class: 'fatal',
		sentence: 'The key has no permission for this API.',
		remedy: 'Apply for the mobile status API in the Juhe console, or use the key of that API.',
	},
	10003: {
		resultcode: '103',
		class: 'fatal',
		sentence: 'The key has expired.',
		remedy: "Renew the API in the Juhe console, or enter a valid key as 'Key' in the credential.",
	},
	10004: {
		resultcode: '104',
		class: 'fatal',
		sentence: 'The OpenID is not the one of the account.',
		remedy:
			"Copy the OpenID of the account from the Juhe console (个人中心) to 'OpenID' in the credential.",
	},
	10005: {
		resultcode: '105',
		class: 'fatal',
		sentence: 'The application is not reviewed in time.',
		remedy: 'Submit the account verification in the Juhe console.',
	},
	10007: {
		resultcode: '107',
		class: 'fatal',
		sentence: 'The service does not know the source of the request.',
		remedy: 'Add this server to the allowed sources of the key in the Juhe console.',
	},
	10008: {
		resultcode: '108',
		class: 'fatal',
		sentence: 'The IP address of this server is blocked.',
		remedy: "Add the server's public IP address to the key's allowlist in the Juhe console.",
	},
	10009: {
		resultcode: '109',
		class: 'fatal',
		sentence: 'The key is blocked.',
		remedy: 'Ask the support of Juhe to unblock the key, or use another one.',
	},
	10011: {
		resultcode: '111',
		class: 'transient',
		sentence: 'This server sends more requests than the service allows.',
		remedy: "Lower 'Max Concurrent Requests' or set 'Max Requests per Second', then try again.",
		rateLimit: 'explicit',
	},
	10012: {
		resultcode: '112',
		class: 'fatal',
		sentence: 'The request quota of the key is used up.',
		remedy: 'Buy more queries in the Juhe console, then run the rest.',
	},
	10013: {
		resultcode: '113',
		class: 'fatal',
		sentence: 'The quota of the test key is used up.',
		remedy: 'Replace the test key with a paid one, then run the rest.',
	},
	10014: {
		resultcode: '114',
		class: 'transient',
		sentence: 'The service has an internal exception.',
		remedy: 'Try again later. If it stays so, ask the support of Juhe.',
	},
	10020: {
		resultcode: '120',
		class: 'fatal',
		sentence: 'The API is under maintenance.',
		remedy: 'Run the rest after the maintenance.',
	},
	10021: {
		resultcode: '121',
		class: 'fatal',
		sentence: 'The API is out of service.',
		remedy: 'Ask the support of Juhe which API replaces it.',
	},
	224902: {
		class: 'permanent',
		sentence: 'The service does not accept the parameters.',
		remedy:
			"Check the number. With AES or RSA, check that 'OpenID' or 'RSA Public Key' belongs to the account of 'Key'.",
	},
	224915: {
		class: 'transient',
		sentence: 'The service has a network exception.',
		remedy: 'Try again later.',
		rateLimit: 'suspected',
	},
	224919: {
		class: 'permanent',
		sentence: 'The query does not succeed.',
		remedy: 'Try again later. If it stays so, ask the support of Juhe.',
	},
	224922: {
		class: 'permanent',
		sentence: 'The service has no record of this number.',
		remedy: "Check the number, or set 'No Record (224922)' to route such numbers.",
	},
	224924: {
		class: 'transient',
		sentence: 'The same number is queried too often.',
		remedy: 'Wait some minutes, then try again.',
	},
} as const satisfies Record<number, JuheCode>;

/** What is said of a code that the document does not list. */
export const UNLISTED_CODE = {
	sentence: 'The API document does not list this code.',
	remedy: 'Try again. If it stays so, ask the support of Juhe.',
} as const satisfies Pick<JuheCode, 'sentence' | 'remedy'>;
