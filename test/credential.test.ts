import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { runInNewContext } from 'node:vm';
import type {
	ICredentialDataDecryptedObject,
	IDataObject,
	IHttpRequestOptions,
} from 'n8n-workflow';

import { JuheApi } from '../credentials/JuheApi.credentials';
import { testCredential } from './engine';
import { phones, useSimulator } from './simulated';
import type { Fault } from './simulator/simulator';
import rsa from './vectors/rsa.json';

const [{ privateKeyPkcs8Pem }] = rsa.keys as [(typeof rsa.keys)[0]];
const juhe = useSimulator();
/** What the dialog says after Test, with fields of the right credential replaced. */
const dialog = (fields: Record<string, string> = {}) =>
	testCredential({ ...juhe.simulator.credential, ...fields });

describe('Test in the credential dialog', () => {
	test('with the right key is OK, sends no number and bills nothing', async () => {
		expect(await dialog()).toBe('OK');
		const { received, counts } = juhe.simulator;
		expect(received).toHaveLength(1);
		expect(received[0]).toMatchObject({ method: 'POST', url: '/mobile_status/query' });
		expect(Object.fromEntries(new URLSearchParams(received[0]!.body))).toEqual({
			key: juhe.simulator.key,
		});
		expect(counts.billed).toBe(0);
	});

	test.each([
		...[10001, 10002, 10003, 10004, 10005, 10007, 10008, 10009, 10011, 10012, 10013, 10014],
		...[10020, 10021, 10006, 10022, 10099, -1, 1, 101, 10100, 199_999],
	])('names code %i in words, as a number and as a string', async (code) => {
		for (const asString of [false, true]) {
			juhe.simulator.reset();
			juhe.simulator.script({ fault: { kind: 'code', code, asString } });
			expect(await dialog()).toMatch(new RegExp(`^Juhe ${code}: [A-Z].+\\. [A-Z].+\\.$`));
		}
	});

	test.each([...[224902, '224902', 224922, 224915, 200_000, 0, '0']])(
		'is green for code %j, which says that the key is accepted',
		async (error_code) => {
			juhe.simulator.script({ fault: { kind: 'json', body: { error_code } } });
			expect(await dialog()).toBe('OK');
		},
	);

	test.each([
		['OpenID', { openid: ' "\u200b" ' }, 'is empty'],
		['RSA Public Key', { rsaPublicKey: privateKeyPkcs8Pem }, 'is a PKCS#8 private key'],
		['RSA Public Key', { rsaPublicKey: 'MIIBIjAN' }, 'ends in the middle of the base64'],
		['Key', { apiKey: ' “” ' }, 'is empty'],
	])('is red for a %s that cannot be used, without a request', async (field, fields, reason) => {
		expect(await dialog(fields)).toBe(`'${field}' ${reason}.`);
		expect(juhe.simulator.counts.requests).toBe(0);
	});

	test('is green without OpenID and RSA Public Key, and with slashes behind the Base URL', async () => {
		const baseUrl = ` ${juhe.simulator.url}// `;
		expect(await dialog({ openid: '', rsaPublicKey: ' ', baseUrl })).toBe('OK');
	});

	const elsewhere: Array<[string, Fault]> = [
		['a web page', { kind: 'notJson' }],
		['another JSON', { kind: 'json', body: { status: 'ok' } }],
		['a code that is null', { kind: 'json', body: { error_code: null } }],
		['a code that is empty', { kind: 'json', body: { error_code: '' } }],
		['a code that is no number', { kind: 'json', body: { error_code: true, result: {} } }],
		['a list', { kind: 'json', body: [] }],
	];
	test.each(elsewhere)('does not take %s for Juhe', async (_, fault) => {
		juhe.simulator.script({ fault });
		expect(await dialog()).toMatch(/^Juhe notJuhe: .*'Base URL'/);
	});

	test.each([302, 401, 404, 500, 503])(
		'is red for HTTP status %i, whatever the body says',
		async (status) => {
			const body = JSON.stringify({ error_code: 224902 });
			const contentType = 'application/json';
			juhe.simulator.script({ fault: { kind: 'http', status, body, contentType } });
			expect(await dialog()).toMatch(`Juhe ${status}: `);
		},
	);

	test('does not pass with a wrong key, with a wrong path, nor where nobody listens', async () => {
		expect(await dialog({ apiKey: 'wrong' })).toMatch(/^Juhe 10001: /);
		const baseUrl = `${juhe.simulator.url}/elsewhere`;
		expect(await dialog({ baseUrl })).toMatch('HTTP status 404');
		expect(await dialog({ baseUrl: 'http://127.0.0.1:1' })).toMatch('connectionRefused');
	});

	test.each([
		...[' ?\n', '"?"', "'? '", '\u200b?\ufeff', '“?”', '\u202a?\u202c', '\t`?`', '「?」'],
		...['„?“', '‹?›', '＂?＂', '\u3164?\u2800', '\u3000?\u00a0'],
		...['\r\n"\u2066?\u2069" ', '\u0000\u001f?\u007f'],
	])('takes a key inside %j, as the node does', async (around) => {
		const { key, openid } = juhe.simulator;
		const inside = (secret: string) =>
			around.replace('?', `${secret.slice(0, 5)}\u200b${secret.slice(5)}`);
		const credential = { apiKey: inside(key), openid: inside(openid) };
		expect(await dialog(credential)).toBe('OK');
		const parameters = { operation: 'aes' };
		const { outputs } = await juhe.run(phones('13800138000'), { credential, parameters });
		expect(outputs[0]![0]!.json.route).toBe('normal');
	});

	test.each([
		...['', '127.0.0.1', '//127.0.0.1', 'http:127.0.0.1:80', 'http:/127.0.0.1', 'ftp://127.0.0.1'],
		...[
			'http://a@127.0.0.1',
			'http://127.0.0.1?',
			'http://127.0.0.1/#',
			'http://127.0.0.1\t.invalid',
		],
		...['http:\\\\127.0.0.1', 'http://127.0.0.1:99999'],
		...['http://127.0.0.1/a b', 'at http://127.0.0.1'],
	])('refuses the Base URL %j, as the node does', async (baseUrl) => {
		expect(await dialog({ baseUrl })).toMatch("'Base URL' is not an http");
		const { error } = await juhe.run(phones('13800138000'), { credential: { baseUrl } });
		expect(error?.message).toContain("'Base URL' in the credential");
		expect(juhe.simulator.counts.requests).toBe(0);
	});

	test('does not follow a redirect, which would carry the key along', async () => {
		const location = `${juhe.simulator.url}/stolen`;
		juhe.simulator.script({ call: 1, fault: { kind: 'http', status: 307, headers: { location } } });
		expect(await dialog()).not.toBe('OK');
		expect(juhe.simulator.counts.requests).toBe(1);
	});
});

describe('Test in the credential dialog ends by itself', () => {
	const LATE = /^Juhe timeout: The service does not answer in time\. .*'Base URL'/;
	const LONG = /^Juhe notJuhe: The answer is longer than any of the API\. .*'Base URL'/;
	const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n';
	const drip = (head: string, drop: string) => (socket: Socket) => {
		socket.write(head);
		const timer = setInterval(() => socket.write(drop), 20);
		socket.once('close', () => clearInterval(timer));
	};
	/** Writes as much as the other side takes. */
	const flood = (head: string) => (socket: Socket) => {
		const chunk = Buffer.alloc(16 * 1024, ' ');
		const pour = () => {
			while (!socket.destroyed && socket.write(chunk));
		};
		socket.write(head);
		socket.on('drain', pour);
		pour();
	};
	const code = '{"error_code":224902}';

	test.each<[string, RegExp, (socket: Socket) => unknown]>([
		['says nothing', LATE, () => {}],
		['drips a header', LATE, drip(HEAD, 'X-Drip: 1\r\n')],
		['drips a body', LATE, drip(`${HEAD}\r\n`, ' ')],
		['drips behind a code', LATE, drip(`${HEAD}\r\n${code}`, ' ')],
		['drips a page of HTTP status 500', LATE, drip('HTTP/1.1 500 Oops\r\n\r\n', ' ')],
		['sends a body without end', LONG, flood(`${HEAD}\r\n`)],
		['sends a body without end behind a code', LONG, flood(`${HEAD}\r\n${code}`)],
		['sends a page without end', /^Juhe 404: /, flood('HTTP/1.1 404 Not Found\r\n\r\n')],
		['sends 64 KB', /^OK$/, (socket) => socket.end(`${HEAD}\r\n${code.padEnd(65_536)}`)],
		['sends 64 KB and a byte', LONG, (socket) => socket.end(`${HEAD}\r\n${code.padEnd(65_537)}`)],
	])('where an address %s', async (_, message, respond) => {
		const timeout = AbortSignal.timeout.bind(AbortSignal);
		const clock = jest.spyOn(AbortSignal, 'timeout').mockImplementation(() => timeout(250));
		const closed: Array<Promise<unknown>> = [];
		const server = createServer((socket) => {
			socket.on('error', () => {});
			closed.push(new Promise((resolve) => socket.once('close', resolve)));
			socket.once('data', () => respond(socket));
		});
		await once(server.listen(0, '127.0.0.1'), 'listening');
		const { port } = server.address() as AddressInfo;
		try {
			expect(await dialog({ baseUrl: `http://127.0.0.1:${port}` })).toMatch(message);
			expect(clock.mock.calls).toEqual([[10_000]]);
			// Nothing goes on behind the dialog: the connection is closed from our side.
			await Promise.all(closed);
			expect(closed).toHaveLength(1);
		} finally {
			clock.mockRestore();
			server.close();
		}
	});
});

describe('authenticate', () => {
	const CREDENTIAL = { apiKey: ' “K”\n' };
	const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
	const json = { body: { a: 1 }, headers: { 'content-type': 'application/json' } };
	const foreign = runInNewContext('({ a: 1 })') as object;
	const body = Buffer.from('a');
	const stream = Readable.from(['a']);
	/** The request as it is sent, with the key of the credential added. */
	async function sent(request: object, credential: unknown = CREDENTIAL) {
		const { authenticate } = new JuheApi();
		if (typeof authenticate !== 'function') throw new TypeError('authenticate is no function');
		return await authenticate(
			credential as ICredentialDataDecryptedObject,
			Object.freeze(request) as IHttpRequestOptions,
		);
	}

	test.each<[string, object, object]>([
		['a GET', { method: 'GET' }, { qs: { key: 'K' }, headers: FORM }],
		['a GET in small letters', { method: 'get', qs: { a: 1 } }, { qs: { a: 1, key: 'K' } }],
		['a request without method', {}, { qs: { key: 'K' }, headers: FORM }],
		['a GET with a query as text', { qs: 'a=1' }, { qs: { a: '1', key: 'K' } }],
		[
			'a GET with parameters',
			{ qs: new URLSearchParams({ a: '1' }) },
			{ qs: { a: '1', key: 'K' } },
		],
		['a DELETE', { method: 'DELETE' }, { qs: { key: 'K' } }],
		['a method that is no text', { method: 7, headers: null }, { qs: { key: 'K' }, headers: FORM }],
		['a POST', { method: 'POST' }, { body: { key: 'K' }, headers: FORM }],
		['a null body', { method: 'POST', body: null }, { body: { key: 'K' }, headers: FORM }],
		['fields', { method: 'post', body: { a: 1 } }, { body: { a: 1, key: 'K' }, headers: FORM }],
		['fields of another realm', { method: 'POST', body: foreign }, { body: { a: 1, key: 'K' } }],
		['JSON', { method: 'POST', ...json }, { ...json, body: { a: 1, key: 'K' } }],
		['a form', { method: 'POST', form: { a: 1 } }, { form: { a: 1, key: 'K' } }],
		['a form in parts', { method: 'POST', formData: { a: 1 } }, { qs: { key: 'K' } }],
		['bytes', { method: 'POST', body }, { body, qs: { key: 'K' } }],
		['a stream', { method: 'POST', body: stream }, { body: stream, qs: { key: 'K' } }],
		['a FormData', { method: 'POST', body: new FormData() }, { qs: { key: 'K' } }],
	])('puts the key into %s', async (_, request, expected) => {
		const { headers, ...parts } = (await sent(request)) as object as IDataObject;
		expect({ headers, ...parts }).toMatchObject(expected);
		// Once, because two keys and two types would be read by chance.
		expect(
			Object.values(parts).filter((part) => (part as IDataObject | undefined)?.key),
		).toHaveLength(1);
		expect(Object.keys(headers ?? {}).length).toBeLessThanOrEqual(1);
	});

	const typed = (type: string) => ({ headers: { 'content-type': type } });
	const form = typed('Application/X-WWW-Form-Urlencoded; charset=UTF-8');
	test.each<[string, object, object]>([
		['text', { body: 'a=1', ...form }, { body: 'a=1&key=K', ...form }],
		['text without a type', { body: 'a=1' }, { body: 'a=1&key=K', headers: FORM }],
		['text that is empty', { body: '' }, { body: 'key=K', headers: FORM }],
		['text with a key', { body: 'key=old&a=%2B&key=', ...form }, { body: 'key=K&a=%2B', ...form }],
		['text in small letters', { method: 'post', body: 'a=1', ...form }, { body: 'a=1&key=K' }],
		['text of a PUT', { method: 'PUT', body: 'a=1', ...form }, { body: 'a=1&key=K' }],
		['text in `form`', { form: 'a=1&key=old' }, { form: 'a=1&key=K' }],
		['parameters', { body: new URLSearchParams('a=1&key=old') }, { body: 'a=1&key=K' }],
		['parameters in `form`', { form: new URLSearchParams('a=1') }, { form: 'a=1&key=K' }],
	])('keeps the key in a form that is %s', async (_, request, expected) => {
		const { qs, body, form, headers, ...rest } = (await sent({
			method: 'POST',
			...request,
		})) as object as IDataObject;
		const text = (part: unknown) => (part instanceof URLSearchParams ? part.toString() : part);
		expect({ body: text(body), form: text(form), headers }).toMatchObject(expected);
		expect(qs).toBeUndefined();
		expect(JSON.stringify(rest)).not.toContain('K');
	});

	test.each([
		['JSON of its type', '{"a":"b=c"}', typed('application/json')],
		['JSON without a type', '{"a":"b=c"}', {}],
		['XML', '<a b="c=d"/>', {}],
		['text of another type', 'a=1', typed('text/plain')],
	])('leaves a body that is %s as it is', async (_, body, type) => {
		expect(await sent({ method: 'POST', body, ...type })).toEqual({
			...{ method: 'POST', body, qs: { key: 'K' }, ...type },
		});
	});

	test.each([[{}], [null], [{ apiKey: null }], [{ apiKey: 7 }]])(
		'takes the credential %j',
		async (credential) => expect(await sent({}, credential)).toMatchObject({ qs: { key: '' } }),
	);
});
