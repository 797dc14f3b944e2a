import type {
	IAuthenticate,
	ICredentialType,
	IDataObject,
	IHttpRequestOptions,
	INodeProperties,
} from 'n8n-workflow';

import { cleanSecret, DEFAULT_BASE_URL } from '../nodes/JuheMobileStatus/juhe/account';

const FORM = 'application/x-www-form-urlencoded';

/** Fields of n8n's older request helper, which its HTTP Request node still uses. */
interface RequestOptions extends IHttpRequestOptions {
	form?: unknown;
	formData?: unknown;
}

/** Key, OpenID and RSA public key of a Juhe account, and where its API is. The node tests it: see credentialTest.ts. */
export class JuheApi implements ICredentialType {
	name = 'juheApi';

	displayName = 'Juhe API';

	icon = { light: 'file:../icons/juhe.svg', dark: 'file:../icons/juhe.dark.svg' } as const;

	documentationUrl = 'https://github.com/n8n-nodes-juhe/n8n-nodes-juhe#credentials';

	properties: INodeProperties[] = [
		{
			displayName: 'Key',
			name: 'apiKey',
			type: 'string',
			typeOptions: { password: true },
			default: '',
			required: true,
			description:
				'Needed by every operation. In the Juhe console: My Data (我的数据), above the name of the API',
		},
		{
			displayName: 'OpenID',
			name: 'openid',
			type: 'string',
			typeOptions: { password: true },
			default: '',
			description:
				'Needed by AES only, whose key is made from it. In the Juhe console: Personal Center (个人中心)',
		},
		{
			displayName: 'RSA Public Key',
			name: 'rsaPublicKey',
			type: 'string',
			typeOptions: { rows: 5 },
			default: '',
			placeholder: 'e.g. -----BEGIN PUBLIC KEY-----',
			description:
				'Needed by RSA only. In the Juhe console: Account Management → Basic Information (账号管理 → 基本信息). PEM or base64, with or without line breaks.',
		},
		{
			displayName: 'Base URL',
			name: 'baseUrl',
			type: 'string',
			default: DEFAULT_BASE_URL,
			placeholder: 'e.g. https://v.juhe.cn',
			description:
				'The address of the API, or of a gateway to it. The API document lists http://v.juhe.cn: use it only where https does not work.',
		},
		{
			displayName:
				'With http everybody on the way can read the key, and the number of a plain query. Use https where you can.',
			name: 'httpNotice',
			type: 'notice',
			default: '',
			// Nobody else can read what goes to the same machine.
			displayOptions: {
				show: { baseUrl: [{ _cnd: { regex: String.raw`^\s*http://(?!127\.|localhost\b)` } }] },
			},
		},
	];

	/**
	 * Adds `key` as the API wants it (sections 1 to 3): to the form of a POST, and to the query of a GET and of a request
	 * whose body is no form. It takes any request and does not throw.
	 */
	authenticate: IAuthenticate = async (credentials, request) => {
		const key = cleanSecret({ ...credentials }.apiKey);
		const options: RequestOptions = { ...request };
		const { form, formData, body, qs, headers } = options;
		const isPost = /^(POST|PUT|PATCH)$/i.test(options.method ?? 'GET');
		const hasBody = [form, formData, body].some((part) => part !== undefined && part !== null);
		if (!hasBody && !hasContentType(headers)) {
			options.headers = { ...headers, 'Content-Type': FORM };
		}
		if (isPost && isFields(form)) {
			options.form = { ...form, key };
		} else if (isPost && body instanceof URLSearchParams) {
			const fields = new URLSearchParams(body);
			fields.set('key', key);
			options.body = fields;
		} else if (isPost && (isFields(body) || !hasBody)) {
			options.body = { ...(isFields(body) && body), key };
			if (!hasContentType(headers)) options.headers = { ...headers, 'Content-Type': FORM };
		} else {
			options.qs = { ...(isFields(qs) ? qs : parseQuery(qs)), key };
		}
		return options;
	};
}

/** A query that is no object may be text or URLSearchParams; of all else nothing is left. */
function parseQuery(qs: unknown): IDataObject {
	return typeof qs === 'string' || qs instanceof URLSearchParams
		? Object.fromEntries(new URLSearchParams(qs))
		: {};
}

function hasContentType(headers: unknown): boolean {
	return Object.keys({ ...(headers as object) }).some((name) => /^content-type$/i.test(name));
}

/** An object of names and values, not a stream, a buffer or a form of its own class. */
function isFields(value: unknown): value is IDataObject {
	if (typeof value !== 'object' || value === null) return false;
	const prototype = Object.getPrototypeOf(value) as object | null;
	return prototype === null || Object.getPrototypeOf(prototype) === null;
}
