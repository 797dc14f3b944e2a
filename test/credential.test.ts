import type { IDataObject, IHttpRequestOptions } from 'n8n-workflow';

import { JuheApi } from '../credentials/JuheApi.credentials';
import { testCredential } from './engine';
import { phones, useSimulator } from './simulated';
import type { Fault } from './simulator/simulator';

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

	test('with a wrong key says so', async () => {
		expect(await dialog({ apiKey: 'wrong' })).toMatch(/^Juhe 10001: /);
	});

	test.each([
		10001, 10002, 10003, 10004, 10005, 10007, 10008, 10009, 10011, 10012, 10013, 10014, 10020,
		10021, 10006, 10022, 10099,
	])('names code %i in words, as a number and as a string', async (code) => {
		for (const asString of [false, true]) {
			juhe.simulator.reset();
			juhe.simulator.script({ fault: { kind: 'code', code, asString } });
			expect(await dialog()).toMatch(new RegExp(`^Juhe ${code}: [A-Z].+\\. [A-Z].+\\.$`));
		}
	});

	test('lets pass what only says that there is no number', async () => {
		juhe.simulator.script({ fault: { kind: 'code', code: 224902, asString: true } });
		expect(await dialog()).toBe('OK');
	});

	const elsewhere: Array<[string, Fault]> = [
		['a web page', { kind: 'notJson' }],
		['another JSON', { kind: 'json', body: { status: 'ok' } }],
		['a code that is null', { kind: 'json', body: { error_code: null } }],
		['a code that is empty', { kind: 'json', body: { error_code: '' } }],
	];
	test.each(elsewhere)('does not take %s for Juhe', async (_, fault) => {
		juhe.simulator.script({ fault });
		expect(await dialog()).toMatch('answers, but not as Juhe does');
	});

	test.each([302, 401, 404, 500, 503])(
		'is red for HTTP status %i, whatever the body says',
		async (status) => {
			const body = JSON.stringify({ error_code: 224902 });
			const contentType = 'application/json';
			juhe.simulator.script({ fault: { kind: 'http', status, body, contentType } });
			expect(await dialog()).not.toBe('OK');
		},
	);

	test('does not pass with a wrong path, nor where nobody listens', async () => {
		const baseUrl = `${juhe.simulator.url}/elsewhere`;
		expect(await dialog({ baseUrl })).toMatch('HTTP 404');
		expect(await dialog({ baseUrl: 'http://127.0.0.1:1' })).toBe('ECONNREFUSED');
	});

	test('takes a key with what is pasted around it, as the node does', async () => {
		const { key, openid } = juhe.simulator;
		for (const around of [
			' ?\n',
			'"?"',
			"'? '",
			'\u200b?\ufeff',
			'“?”',
			'\u202a?\u202c',
			'\t`?`',
		]) {
			const credential = { apiKey: around.replace('?', key), openid: around.replace('?', openid) };
			expect(await dialog(credential)).toBe('OK');
			const { outputs } = await juhe.run(phones('13800138000'), {
				credential,
				parameters: { operation: 'aes' },
			});
			expect(outputs[0]![0]!.json.route).toBe('normal');
		}
	});

	test.each([
		'http:127.0.0.1:80',
		'http:/127.0.0.1',
		'//127.0.0.1',
		'127.0.0.1',
		'http://a@127.0.0.1',
		'http://127.0.0.1?',
		'http://127.0.0.1/#',
		'http://127.0.0.1\t.invalid',
		'ftp://127.0.0.1',
		'',
	])('refuses the Base URL %j, as the node does', async (baseUrl) => {
		expect(await dialog({ baseUrl })).toBe('Invalid URL');
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

	test('takes spaces and slashes around the base URL', async () => {
		expect(await dialog({ baseUrl: ` ${juhe.simulator.url}// ` })).toBe('OK');
	});
});

describe('authenticate', () => {
	const { authenticate } = new JuheApi();
	/** The request as it is sent, with the key of the credential added. */
	async function sent(request: Partial<IHttpRequestOptions> & { form?: IDataObject }) {
		if (typeof authenticate !== 'function') throw new TypeError('authenticate is no function');
		return await authenticate({ apiKey: ' K \n' }, { url: '/', ...request });
	}

	test.each([
		['a GET', { method: 'GET' }, { qs: { key: 'K' } }],
		['a request without method, which is a GET', {}, { qs: { key: 'K' } }],
		['a GET with a query', { method: 'GET', qs: { a: 1 } }, { qs: { a: 1, key: 'K' } }],
		[
			'a POST',
			{ method: 'POST' },
			{ body: { key: 'K' }, headers: { 'Content-Type': 'application/x-www-form-urlencoded' } },
		],
		['a POST with fields', { method: 'POST', body: { a: 1 } }, { body: { a: 1, key: 'K' } }],
		[
			'a POST with a form of the HTTP Request node',
			{ method: 'POST', form: { a: 1 } },
			{ form: { a: 1, key: 'K' } },
		],
		[
			'a POST in JSON',
			{ method: 'POST', body: { a: 1 }, headers: { 'Content-Type': 'application/json' } },
			{ body: { a: 1, key: 'K' }, headers: { 'Content-Type': 'application/json' } },
		],
		['a POST of text', { method: 'POST', body: '{"a":1}' }, { body: '{"a":1}', qs: { key: 'K' } }],
		[
			'a POST of bytes',
			{ method: 'POST', body: Buffer.from('a') },
			{ body: Buffer.from('a'), qs: { key: 'K' } },
		],
	] as const)('puts the key into %s', async (_, request, expected) => {
		expect(await sent(request as never)).toMatchObject(expected);
	});

	test.each<[string, object]>([
		['a null body', { method: 'POST', body: null }],
		['a method in small letters', { method: 'post', body: { a: 1 } }],
		['no headers', { method: 'GET', headers: null }],
		['a query as text', { method: 'GET', qs: 'a=1' }],
		['a form that is null', { method: 'POST', form: null, body: undefined }],
		['a method that is no text', { method: 7 }],
	])('takes a request with %s', async (_, request) => {
		expect(JSON.stringify(await sent(request as never))).toContain('"key":"K"');
	});

	test('takes a credential without a key', async () => {
		if (typeof authenticate !== 'function') throw new TypeError('authenticate is no function');
		expect(await authenticate({}, { url: '/' })).toMatchObject({ qs: { key: '' } });
	});

	test('puts the key into form parameters', async () => {
		const request = await sent({ method: 'POST', body: new URLSearchParams({ a: '1' }) });
		expect((request.body as URLSearchParams).toString()).toBe('a=1&key=K');
		expect(request.qs).toBeUndefined();
	});
});
