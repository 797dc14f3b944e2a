import type { IDataObject, IHttpRequestOptions } from 'n8n-workflow';

import { JuheApi } from '../credentials/JuheApi.credentials';
import { testCredential } from './engine';
import { useSimulator } from './simulated';
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
		expect(await dialog({ apiKey: 'wrong' })).toMatch(
			/^Juhe 10001: The key is not known to the service\. Copy/,
		);
	});

	test.each([
		10001, 10002, 10003, 10004, 10005, 10007, 10008, 10009, 10011, 10012, 10013, 10014, 10020,
		10021,
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
	];
	test.each(elsewhere)('does not take %s for Juhe', async (_, fault) => {
		juhe.simulator.script({ fault });
		expect(await dialog()).toMatch('answers, but not as Juhe does');
	});

	test('reads the code of an answer whatever its HTTP status', async () => {
		juhe.simulator.script({ fault: { kind: 'code', code: 10003, httpStatus: 403 } });
		expect(await dialog()).toMatch(/^Juhe 10003: The key has expired/);
	});

	test('does not pass with a wrong path, nor where nobody listens', async () => {
		const baseUrl = `${juhe.simulator.url}/elsewhere`;
		expect(await dialog({ baseUrl })).toMatch('answers, but not as Juhe does');
		expect(await dialog({ baseUrl: 'http://127.0.0.1:1' })).toBe('ECONNREFUSED');
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

	test('puts the key into form parameters', async () => {
		const request = await sent({ method: 'POST', body: new URLSearchParams({ a: '1' }) });
		expect((request.body as URLSearchParams).toString()).toBe('a=1&key=K');
		expect(request.qs).toBeUndefined();
	});
});
