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
	 * Adds `key` as the API wants it (sections 1 to 3): to the form of a POST, be it fields or text, and to the query of a
	 * GET and of a request whose body is no form. It takes any request and does not throw.
	 */
	authenticate: IAuthenticate = async (credentials, request) => {
		const key = cleanSecret({ ...credentials }.apiKey);
		const options: RequestOptions = { ...request };
		const { form, formData, body, qs } = options;
		const type = contentTypeOf(options.headers);
		const isPost = /^(POST|PUT|PATCH)$/i.test(String(options.method));
		const hasBody = [form, formData, body].some((part) => part !== undefined && part !== null);
		const formWithKey = withKey(form, key);
		const bodyWithKey = isForm(body, type) ? withKey(hasBody ? body : {}, key) : undefined;
		if (isPost && formWithKey !== undefined) {
			options.form = formWithKey;
		} else if (isPost && bodyWithKey !== undefined) {
			options.body = bodyWithKey as IHttpRequestOptions['body'];
		} else {
			options.qs = { ...(isFields(qs) ? qs : parseQuery(qs)), key };
		}
		if (type === undefined && (!hasBody || options.body !== body)) {
			options.headers = { ...options.headers, 'Content-Type': FORM };
		}
		return options;
	};
}

/** A form with the key in it, in the shape that it came in; undefined for what is no form. */
function withKey(form: unknown, key: string): unknown {
	if (isFields(form)) return { ...form, key };
	if (typeof form !== 'string' && !(form instanceof URLSearchParams)) return undefined;
	const fields = new URLSearchParams(form);
	fields.set('key', key);
	return typeof form === 'string' ? fields.toString() : fields;
}

/** Text is a form where its type says so, or where it has no type and begins like one. */
function isForm(body: unknown, type: string | undefined): boolean {
	if (typeof body !== 'string') return true;
	return type === undefined ? /^($|[^\s{}[\]"<>=]+=)/.test(body) : type.startsWith(FORM);
}

/** A query that is no object may be text or URLSearchParams; of all else nothing is left. */
function parseQuery(qs: unknown): IDataObject {
	return typeof qs === 'string' || qs instanceof URLSearchParams
		? Object.fromEntries(new URLSearchParams(qs))
		: {};
}

/** In small letters; undefined where there is none. */
function contentTypeOf(headers: unknown): string | undefined {
	const named = Object.entries({ ...(headers as object) }).find(([name]) =>
		/^content-type$/i.test(name),
	);
	return named && (typeof named[1] === 'string' ? named[1].trim().toLowerCase() : '');
}

/** An object of names and values, not a stream, a buffer or a form of its own class. */
function isFields(value: unknown): value is IDataObject {
	if (typeof value !== 'object' || value === null) return false;
	const prototype = Object.getPrototypeOf(value) as object | null;
	return prototype === null || Object.getPrototypeOf(prototype) === null;
}
