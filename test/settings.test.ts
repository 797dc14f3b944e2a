import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import rsa from './vectors/rsa.json';
import {
	CONTINUE,
	distinctNumbers,
	ERROR_OUTPUT,
	phones,
	useSimulator,
	withOptions,
} from './simulated';

const juhe = useSimulator();
const ROWS = phones('13800138000', '13800138001');

/** Nothing was sent, and the error names what is to be mended. */
async function expectRefusal(
	how: Parameters<typeof juhe.run>[1],
	message: string,
	secret?: string,
): Promise<void> {
	const stopped = await juhe.run(ROWS, how);
	expect(stopped.error).toMatchObject({
		name: 'NodeOperationError',
		message: expect.stringContaining(message),
		description: expect.stringContaining('Nothing was sent'),
	});

	// Continuing must not let rows pass as if they had been checked.
	const continued = await juhe.run(ROWS, { ...how, ...CONTINUE });
	expect(continued.outputs.flat()).toEqual(
		ROWS.map((row, item) => ({
			json: {
				...row,
				error: expect.stringContaining(message),
				details: expect.objectContaining({
					code: 'invalidSettings',
					attempts: 0,
					billable: 'no',
					remedy: expect.stringContaining('Nothing was sent'),
				}),
			},
			pairedItem: { item },
		})),
	);
	const { outputs } = await juhe.run(ROWS, { ...how, ...ERROR_OUTPUT });
	expect(outputs.slice(0, -1).flat()).toEqual([]);
	expect(outputs.at(-1)!.map(({ json }) => json.phone)).toEqual(['13800138000', '13800138001']);

	expect(juhe.simulator.counts.requests).toBe(0);
	if (secret) expect(JSON.stringify([stopped.run, continued.run])).not.toContain(secret);
}

describe('options out of range', () => {
	const whole = (from: number, to: number) => `must be a whole number from ${from} to ${to}`;
	test.each([
		['concurrency', 0, `Max Concurrent Requests ${whole(1, 50)}`],
		['concurrency', 51, `Max Concurrent Requests ${whole(1, 50)}`],
		['concurrency', 1.5, `Max Concurrent Requests ${whole(1, 50)}`],
		['concurrency', -1, `Max Concurrent Requests ${whole(1, 50)}`],
		['concurrency', 'many', `Max Concurrent Requests ${whole(1, 50)}`],
		['concurrency', '', `Max Concurrent Requests ${whole(1, 50)}`],
		['concurrency', '={{ NaN }}', `Max Concurrent Requests ${whole(1, 50)}`],
		['concurrency', '={{ [5] }}', `Max Concurrent Requests ${whole(1, 50)}`],
		['concurrency', '={{ true }}', `Max Concurrent Requests ${whole(1, 50)}`],
		['requestsPerSecond', -1, `Max Requests per Second ${whole(0, 1000)}`],
		['requestsPerSecond', 'fast', `Max Requests per Second ${whole(0, 1000)}`],
		['timeout', 0, `Timeout (Ms) ${whole(1, 300000)}`],
		['timeout', 300001, `Timeout (Ms) ${whole(1, 300000)}`],
		['retries', 6, `Retries ${whole(0, 5)}`],
		['retries', -1, `Retries ${whole(0, 5)}`],
		['retries', '1e0', `Retries ${whole(0, 5)}`],
		['method', 'PUT', 'HTTP Method must be one of GET, POST'],
		['noRecord', 'drop', 'No Record (224922) must be one of error, route'],
		['maskNumber', 'no', 'Mask Number must be true or false'],
		['resendUncertain', '={{ 0 }}', 'Resend After Lost Answer must be true or false'],
		['routeField', '  ', 'Routing Field must be a field name'],
		[
			'routeField',
			'__proto__',
			'Routing Field must be a field name, not blank and none of __proto__, constructor, prototype',
		],
		['routeField', ' constructor', 'Routing Field must be a field name'],
		['outputField', 'prototype', 'Put Result in Field must be a field name'],
		['outputField', '={{ 7 }}', 'Put Result in Field must be a field name'],
		['outputField', 'route', 'Routing Field must be another field than Put Result in Field'],
	])('%s = %j', async (name, value, message) => {
		await expectRefusal(withOptions({ [name]: value }), message);
	});

	test('an operation that does not exist', async () => {
		await expectRefusal(
			{ parameters: { operation: 'des' } },
			'Operation must be one of plain, aes, rsa',
		);
	});

	test('an expression that cannot be evaluated', async () => {
		const options = withOptions({ concurrency: '={{ $("Nowhere").first().json.x }}' });
		const { error } = await juhe.run(ROWS, options);
		expect(error).toMatchObject({
			name: 'NodeOperationError',
			message: "Referenced node doesn't exist",
			node: { name: 'Juhe' },
		});
		const { outputs } = await juhe.run(ROWS, { ...CONTINUE, ...options });
		expect(outputs[0]!.map(({ json }) => json.details)).toEqual(
			ROWS.map(() => expect.objectContaining({ remedy: 'Correct the node or its credential.' })),
		);
	});

	test('a number as text, as a variable gives it, is taken', async () => {
		const { error } = await juhe.run(
			ROWS,
			withOptions({ concurrency: '={{ "2" }}', retries: '0', timeout: '5000' }),
		);
		expect(error).toBeUndefined();
	});
});

describe('the credential', () => {
	const privateKey = rsa.keys[0]!.privateKeyPkcs8Pem;
	test.each([
		['a blank key', 'plain', { apiKey: ' \n' }, 'Key in the credential is empty', undefined],
		['no text for a key', 'plain', { apiKey: 7 }, 'Key in the credential is empty', undefined],
		['no OpenID for AES', 'aes', { openid: '  ' }, 'OpenID in the credential is empty', undefined],
		[
			'no RSA key',
			'rsa',
			{ rsaPublicKey: '' },
			'RSA Public Key in the credential is empty',
			undefined,
		],
		[
			'a private RSA key',
			'rsa',
			{ rsaPublicKey: privateKey },
			'RSA Public Key in the credential looks like a private key',
			privateKey.slice(40, 80),
		],
		[
			'garbage for an RSA key',
			'rsa',
			{ rsaPublicKey: 'hunter2hunter2' },
			'RSA Public Key in the credential is cut short',
			'hunter2',
		],
		[
			'no base URL',
			'plain',
			{ baseUrl: '' },
			'Base URL in the credential is not an http',
			undefined,
		],
		[
			'another protocol',
			'plain',
			{ baseUrl: 'ftp://127.0.0.1' },
			'Base URL in the credential is not an http',
			undefined,
		],
		[
			'no URL at all',
			'plain',
			{ baseUrl: 'v.juhe.cn' },
			'Base URL in the credential is not an http',
			undefined,
		],
		[
			'a user in the URL',
			'plain',
			{ baseUrl: 'http://me:hunter2@127.0.0.1' },
			'Base URL in the credential is not an http',
			'hunter2',
		],
		[
			'a query in the URL',
			'plain',
			{ baseUrl: 'http://127.0.0.1/?key=hunter2' },
			'Base URL in the credential is not an http',
			'hunter2',
		],
		[
			'a line break in the URL',
			'plain',
			{ baseUrl: 'http://127.0.0.1\n.evil.invalid' },
			'Base URL in the credential is not an http',
			'evil',
		],
	])('%s', async (_, operation, credential, message, secret) => {
		await expectRefusal({ parameters: { operation }, credential }, message, secret);
	});

	test.each([
		'javascript:alert(1)',
		'file:///etc/passwd',
		'data:text/plain,x',
		'http:\\\\127.0.0.1',
	])('leads nowhere but to http and https: %s', async (baseUrl) => {
		await expectRefusal({ credential: { baseUrl } }, 'Base URL in the credential is not an http');
	});

	test('is not needed further than the operation goes', async () => {
		const { error } = await juhe.run(ROWS, { credential: { openid: '', rsaPublicKey: 'garbage' } });
		expect(error).toBeUndefined();
	});

	test('may have been pasted with spaces and line breaks around it', async () => {
		const { simulator } = juhe;
		const credential = {
			apiKey: ` ${simulator.key}\n`,
			openid: `\t${simulator.openid} `,
			baseUrl: ` ${simulator.url}//\n`,
		};
		const { outputs, error } = await juhe.run(ROWS, {
			credential,
			parameters: { operation: 'aes' },
		});
		expect(error).toBeUndefined();
		expect(outputs[0]).toHaveLength(2);
	});

	test('may lead to a gateway with a path of its own', async () => {
		const { outputs } = await juhe.run(phones('13800138000'), {
			...CONTINUE,
			credential: { baseUrl: `${juhe.simulator.url}/gate/way/` },
		});
		expect(outputs[0]![0]!.json.details).toMatchObject({ code: 404 });
		expect(juhe.simulator.received[0]!.path).toBe('/gate/way/mobile_status/query');
	});
});

test("requests go through the proxy that n8n's environment names", async () => {
	const asked: string[] = [];
	const proxy = createServer((request, response) => {
		asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
		response.end(JSON.stringify({ reason: '成功', result: { state: '0' }, error_code: 0 }));
	});
	proxy.listen(0, '127.0.0.1');
	await once(proxy, 'listening');
	process.env.HTTP_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
	try {
		const { outputs } = await juhe.run(phones('13800138000'), {
			credential: { baseUrl: 'http://juhe.invalid' },
		});
		expect(outputs[0]![0]!.json.route).toBe('normal');
		expect(asked).toEqual(['POST http://juhe.invalid/mobile_status/query']);
	} finally {
		delete process.env.HTTP_PROXY;
		proxy.close();
	}
});

test('a key with characters that mean something in a form arrives as it is, and alone', async () => {
	for (const method of ['POST', 'GET']) {
		juhe.simulator.reset();
		const key = 'a&mobile=13900139000+%00=é\r\nx';
		const { outputs } = await juhe.run(phones('13800138000'), {
			...CONTINUE,
			...withOptions({ method }),
			credential: { apiKey: key },
		});
		expect(outputs[0]![0]!.json.details).toMatchObject({ code: 10001 });
		const { url, body } = juhe.simulator.received[0]!;
		const form = new URLSearchParams(method === 'GET' ? url.split('?')[1] : body);
		expect([...form].sort()).toEqual([
			['key', key],
			['mobile', '13800138000'],
		]);
	}
});

describe('requests', () => {
	test.each([1, 7, 50])(
		'are never more than %i at a time, and as many as may be',
		async (concurrency) => {
			// Long enough for fifty to be on their way before the first is answered.
			juhe.simulator.latency = 3 * concurrency;
			const { outputs } = await juhe.run(
				phones(...distinctNumbers(120)),
				withOptions({ concurrency }),
			);
			expect(outputs[0]).toHaveLength(120);
			expect(juhe.simulator.counts).toMatchObject({ billed: 120, peakInFlight: concurrency });
		},
	);

	test('are ten at a time where nothing is said', async () => {
		juhe.simulator.latency = 20;
		await juhe.run(phones(...distinctNumbers(30)));
		expect(juhe.simulator.counts.peakInFlight).toBe(10);
	});

	test('start one after the other where the limit by the second leaves room between them', async () => {
		juhe.simulator.latency = 20;
		await juhe.run(
			phones(...distinctNumbers(10)),
			withOptions({ requestsPerSecond: 10, concurrency: 50 }),
		);
		expect(juhe.simulator.counts).toMatchObject({ billed: 10, peakInFlight: 1 });
	});
});

describe('a service that asks for fewer requests', () => {
	test.each([
		['with 429 and Retry-After', { kind: 'http', status: 429, retryAfter: '1' } as const],
		['with 10011', { kind: 'code', code: 10011 } as const],
	])('%s is left alone by the whole run', async (_, fault) => {
		juhe.simulator.latency = 5;
		juhe.simulator.script({ call: 4, fault });
		const { outputs } = await juhe.run(
			phones(...distinctNumbers(12)),
			withOptions({ concurrency: 3 }),
		);

		expect(outputs[0]!.every(({ json }) => json.route === 'normal')).toBe(true);
		const starts = juhe.simulator.received.map(({ at }) => at);
		const complaint = starts[3]!;
		const afterwards = starts.filter((at) => at > complaint + 30);
		expect(Math.min(...afterwards) - complaint).toBeGreaterThan(800);
		expect(juhe.simulator.counts.requests).toBe(13);
	});

	test('for longer than a minute gets its rows as errors instead', async () => {
		juhe.simulator.script({ call: 1, fault: { kind: 'http', status: 503, retryAfter: '61' } });
		const { outputs } = await juhe.run(ROWS, { ...CONTINUE, ...withOptions({ concurrency: 1 }) });
		expect(outputs[0]!.map(({ json }) => json.route)).toEqual([undefined, 'normal']);
		expect(juhe.simulator.counts.requests).toBe(2);
	});

	test('for longer than a minute is asked for nothing more where it means everybody', async () => {
		juhe.simulator.script({ call: 1, fault: { kind: 'http', status: 429, retryAfter: '86400' } });
		const { outputs } = await juhe.run(ROWS, { ...CONTINUE, ...withOptions({ concurrency: 1 }) });
		expect(outputs[0]!.map(({ json }) => json.details)).toMatchObject([
			{ code: 429, attempts: 1 },
			{ code: 429, attempts: 0, notQueried: true },
		]);
		expect(juhe.simulator.counts.requests).toBe(1);
	});

	test('for longer than a minute, perhaps for another reason, holds back nobody else', async () => {
		juhe.simulator.script({
			times: 1,
			fault: { kind: 'code', code: 224915, retryAfter: '86400' },
		});
		const { outputs } = await juhe.run(ROWS, { ...CONTINUE, ...withOptions({ concurrency: 1 }) });
		expect(outputs[0]!.map(({ json }) => json.route)).toEqual([undefined, 'normal']);
		expect(juhe.simulator.counts.requests).toBe(2);
	});

	test('with a date in Retry-After is left alone until then', async () => {
		const until = Math.ceil(Date.now() / 1000) * 1000 + 1000;
		juhe.simulator.script({
			call: 1,
			fault: { kind: 'http', status: 503, retryAfter: new Date(until).toUTCString() },
		});
		await juhe.run(ROWS, withOptions({ concurrency: 1 }));
		expect(Date.now()).toBeGreaterThanOrEqual(until);
	});
});
