import type {
	IAuthenticate,
	ICredentialTestRequest,
	ICredentialType,
	IDataObject,
	IHttpRequestOptions,
	INodeProperties,
} from 'n8n-workflow';

import { JUHE_CODES } from '../nodes/JuheMobileStatus/juhe/codes';

/** Codes below this are about the key, the account or the service as a whole (API document, section 4). */
const FIRST_SERVICE_CODE = 200000;
const FORM = 'application/x-www-form-urlencoded';

/** Key, OpenID and RSA public key of a Juhe account, and where its API is. */
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
				'Needed by every operation. In the Juhe console: My Data (我的数据), above the name of the API.',
		},
		{
			displayName: 'OpenID',
			name: 'openid',
			type: 'string',
			typeOptions: { password: true },
			default: '',
			description:
				'Needed by the AES-encrypted query only, whose key is made from it. In the Juhe console: the account page (个人中心).',
		},
		{
			displayName: 'RSA Public Key',
			name: 'rsaPublicKey',
			type: 'string',
			typeOptions: { rows: 5 },
			default: '',
			placeholder: 'e.g. -----BEGIN PUBLIC KEY-----',
			description:
				'Needed by the RSA-encrypted query only. In the Juhe console: Account Management, Basic Information (账号管理 → 基本信息). Paste it as it is: PEM or base64, with or without line breaks.',
		},
		{
			displayName: 'Base URL',
			name: 'baseUrl',
			type: 'string',
			default: 'https://v.juhe.cn',
			placeholder: 'e.g. https://v.juhe.cn',
			description:
				"Where the API is, or a gateway to it. The API's document lists http://v.juhe.cn, which is the fallback where https does not get through.",
		},
		{
			displayName:
				'With http the key, and with the plain query the number too, can be read by everybody on the way. Use https where you can.',
			name: 'httpNotice',
			type: 'notice',
			default: '',
			// A stand-in or a gateway on the same machine is no way that others could listen on.
			displayOptions: {
				show: { baseUrl: [{ _cnd: { regex: String.raw`^\s*http://(?!127\.|localhost\b)` } }] },
			},
		},
	];

	/**
	 * Adds `key` as the API wants it (sections 1 to 3): to the form of a POST, to the query of a GET, and of a POST
	 * whose body has no fields.
	 */
	authenticate: IAuthenticate = async (credentials, request) => {
		const key = (credentials.apiKey as string).trim();
		// n8n's HTTP Request node hands over its form in `form`, which IHttpRequestOptions does not know.
		const { form, body } = request as IHttpRequestOptions & { form?: IDataObject };
		if (form !== undefined) {
			Object.assign(request, { form: { ...form, key } });
		} else if (body instanceof URLSearchParams) {
			body.set('key', key);
		} else if ((request.method ?? 'GET') !== 'GET' && isFields(body)) {
			request.body = { ...body, key };
			request.headers = { 'Content-Type': FORM, ...request.headers };
		} else {
			request.qs = { ...request.qs, key };
		}
		return request;
	};

	/** Asks without a number: the service then says what it thinks of the key, and looks nothing up. */
	test: ICredentialTestRequest = {
		request: {
			// What the node would refuse has no address to be tried at. (A row of slashes is looked at from its first only.)
			baseURL: String.raw`={{ /^\s*https?:[/][/][^\s\\?#@/]+([/][^\s\\?#]*)?\s*$/i.test($credentials.baseUrl) ? $credentials.baseUrl.trim().replace(/(?<![/])[/]+$/, "") : "" }}`,
			url: '/mobile_status/query',
			method: 'POST',
			// n8n would show the bare words of an HTTP status, "Not Found", and read no rule.
			ignoreHttpStatusErrors: true,
			disableFollowRedirect: true,
		},
		// n8n reads a rule as "the test has not passed when the value is this one", compared with ===.
		rules: [
			...Object.entries(JUHE_CODES)
				.filter(([code]) => Number(code) < FIRST_SERVICE_CODE)
				.flatMap(([code, { sentence, remedy }]) =>
					[Number(code), code].map((value) => rule(value, `Juhe ${code}: ${sentence} ${remedy}`)),
				),
			rule(undefined, 'The Base URL answers, but not as Juhe does. Check it.'),
		],
	};
}

function isFields(body: unknown): body is IDataObject | undefined {
	return body === undefined || Object.getPrototypeOf(body) === Object.prototype;
}

function rule(value: unknown, message: string) {
	return {
		type: 'responseSuccessBody' as const,
		properties: { key: 'error_code', value, message },
	};
}
