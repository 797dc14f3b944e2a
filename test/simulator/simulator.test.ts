import axios, { type AxiosRequestConfig } from 'axios';
import CryptoJS from 'crypto-js';
import { spawn } from 'node:child_process';
import { constants, publicEncrypt } from 'node:crypto';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import aesVectors from '../vectors/aes.json';
import rsaVectors from '../vectors/rsa.json';
import { startSimulator, type Fault, type Simulator, type SimulatorOptions } from './simulator';

// The document's own example number: its last digit, 8, stands for the document's own state.
const MOBILE = '15856521458';
const FOUND = {
	province: '上海市',
	city: '上海市',
	isp: '移动',
	state: '3',
	description: '不在网',
};
const PATHS = {
	plain: '/mobile_status/query',
	aes: '/mobile_status/queryEncry',
	rsa: '/mobile_status/queryRV2',
};
const WRONG_KEY = { resultcode: '101', reason: '错误的请求KEY', result: null, error_code: 10001 };
const BAD_NUMBER = { reason: '参数错误', result: null, error_code: 224902 };

let simulator: Simulator;

async function restart(options: SimulatorOptions) {
	await simulator.close();
	simulator = await startSimulator(options);
}

beforeEach(async () => {
	simulator = await startSimulator();
});
afterEach(() => simulator.close());

const protect: Record<keyof typeof PATHS, (mobile: string) => string> = {
	plain: (mobile) => mobile,
	aes: (mobile) => {
		const key = CryptoJS.enc.Utf8.parse(CryptoJS.MD5(simulator.openid).toString().slice(0, 16));
		return CryptoJS.AES.encrypt(mobile, key, { mode: CryptoJS.mode.ECB }).toString();
	},
	rsa: (mobile) => {
		const padding = constants.RSA_PKCS1_OAEP_PADDING;
		const key = { key: simulator.rsaPublicKey, padding, oaepHash: 'sha1' };
		return publicEncrypt(key, Buffer.from(mobile)).toString('base64');
	},
};

/** A request as a plain axios client makes it; a new connection each, whatever the environment says of proxies. */
function send(config: AxiosRequestConfig) {
	return axios.request({
		baseURL: simulator.url,
		proxy: false,
		httpAgent: new Agent(),
		maxRedirects: 0,
		validateStatus: () => true,
		...config,
	});
}

function get(path: string, params: object, config?: AxiosRequestConfig) {
	return send({ url: path, params, ...config });
}

function post(path: string, params: Record<string, string>, config?: AxiosRequestConfig) {
	return send({ url: path, method: 'POST', data: new URLSearchParams(params), ...config });
}

/** The plain lookup with the right key. */
function lookup(mobile = MOBILE, config?: AxiosRequestConfig) {
	return post(PATHS.plain, { key: simulator.key, mobile }, config);
}

/** Sends bytes as they are and returns what comes back until the other side ends the connection. */
async function raw(bytes: string | Buffer): Promise<string> {
	const socket = connect(Number(new URL(simulator.url).port), '127.0.0.1');
	let answer = '';
	socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
	socket.on('error', () => undefined);
	socket.write(bytes);
	// A connection that is reset ends as well.
	await new Promise((resolve) => socket.once('close', resolve));
	return answer;
}

/** Waits until something holds, but not for ever: a loop would outlive its failed test. */
async function until(holds: () => boolean) {
	for (let tries = 0; !holds(); tries++) {
		if (tries === 1000) throw new Error(`Never came true: ${holds.toString()}`);
		await sleep(2);
	}
}

describe('lookups', () => {
	describe.each(['plain', 'aes', 'rsa'] as const)('%s', (protection) => {
		test.each([
			['GET', get],
			['POST', post],
		] as const)('%s is decrypted, answered and billed', async (method, ask) => {
			const sent = protect[protection](MOBILE);
			const { status, data, headers } = await ask(PATHS[protection], {
				key: simulator.key,
				mobile: sent,
			});

			expect(status).toBe(200);
			expect(headers['content-type']).toBe('application/json;charset=utf-8');
			expect(data).toEqual({
				reason: '成功',
				result:
					protection === 'plain'
						? { mobile: MOBILE, ...FOUND }
						: { ...FOUND, orderid: expect.stringMatching(/^JH\d{24}$/) as string },
				error_code: 0,
			});
			expect(simulator.counts).toMatchObject({
				requests: 1,
				billed: 1,
				lookups: new Map([[MOBILE, 1]]),
			});
			expect(simulator.received).toHaveLength(1);
			expect(simulator.received[0]).toMatchObject({
				method,
				path: PATHS[protection],
				mobile: MOBILE,
			});
		});
	});

	test.each([
		['13800138000', '0', '正常使用'],
		['13800138004', '0', '正常使用'],
		['13800138005', '1', '停机'],
		['13800138006', '2', '在网但不可用'],
		['13800138007', '3', '不在网'],
		['13800138008', '3', '不在网'],
		['13800138009', '4', '预销户'],
	])('%s has state %s by its last digit', async (mobile, state, description) => {
		expect((await lookup(mobile)).data.result).toMatchObject({ mobile, state, description });
	});

	test.each([
		['13800138000', '移动'],
		['18600138000', '联通'],
		['18900138000', '电信'],
	])('%s is a number of %s', async (mobile, isp) => {
		expect((await lookup(mobile)).data.result).toMatchObject({ isp });
	});

	test.each(aesVectors.vectors)(
		'AES as javax.crypto makes it: $mobile',
		async ({ openid, mobile, ciphertext }) => {
			simulator.openid = openid;
			const { data } = await post(PATHS.aes, { key: simulator.key, mobile: ciphertext });
			expect(data.error_code).toBe(0);
			expect(simulator.counts.lookups).toEqual(new Map([[mobile, 1]]));
		},
	);

	test.each(
		rsaVectors.keys.map((key) => [key.publicKeySpkiPem.length > 300 ? 2048 : 1024, key] as const),
	)(
		'RSA as javax.crypto makes it, %d bits',
		async (_bits, { privateKeyPkcs8Pem, publicKeySpkiPem, ciphertextsByJava }) => {
			await restart({ privateKey: privateKeyPkcs8Pem });
			expect(simulator.rsaPublicKey.trim()).toBe(publicKeySpkiPem.trim());
			for (const { mobile, ciphertext } of ciphertextsByJava) {
				const { data } = await get(PATHS.rsa, { key: simulator.key, mobile: ciphertext });
				expect(data.error_code).toBe(0);
				expect(simulator.received.at(-1)?.mobile).toBe(mobile);
			}
			expect(simulator.counts.billed).toBe(ciphertextsByJava.length);
		},
	);
});

describe('refusals', () => {
	afterEach(() => expect(simulator.counts.billed).toBe(0));

	test.each(Object.entries(PATHS))('a wrong or missing key: %s', async (_protection, path) => {
		expect((await post(path, { key: 'wrong', mobile: MOBILE })).data).toEqual(WRONG_KEY);
		expect((await get(path, { mobile: MOBILE })).data).toEqual(WRONG_KEY);
	});

	test.each(['plain', 'aes', 'rsa'] as const)(
		'a number missing, short, long or with letters: %s',
		async (protection) => {
			const { key } = simulator;
			expect((await post(PATHS[protection], { key })).data).toEqual(BAD_NUMBER);
			for (const number of ['', '1585652145', '158565214580', '1585652145x']) {
				const mobile = protect[protection](number);
				expect((await post(PATHS[protection], { key, mobile })).data).toEqual(BAD_NUMBER);
			}
		},
	);

	test.each(['aes', 'rsa'] as const)(
		'a number that is not encrypted, or for somebody else: %s',
		async (protection) => {
			const { key, openid, rsaPublicKey } = simulator;
			const mobile = protect[protection](MOBILE);
			await restart({ openid: 'JH00', privateKey: rsaVectors.keys[1]?.privateKeyPkcs8Pem });
			expect(simulator.openid).not.toBe(openid);
			expect(simulator.rsaPublicKey).not.toBe(rsaPublicKey);
			expect((await post(PATHS[protection], { key, mobile })).data).toEqual(BAD_NUMBER);
			expect((await post(PATHS[protection], { key, mobile: MOBILE })).data).toEqual(BAD_NUMBER);
		},
	);

	test('base64 that is not escaped in the address, and base64url', async () => {
		const vector = aesVectors.vectors.find(({ ciphertext }) => ciphertext.includes('+'))!;
		simulator.openid = vector.openid;
		const url = `${PATHS.aes}?key=${simulator.key}&mobile=`;
		expect((await send({ url: url + vector.ciphertext })).data).toEqual(BAD_NUMBER);
		const base64url = vector.ciphertext.replaceAll('+', '-').replaceAll('/', '_');
		expect((await send({ url: url + base64url })).data).toEqual(BAD_NUMBER);
	});

	test('parameters that are not where the document wants them', async () => {
		const params = { key: simulator.key, mobile: MOBILE };
		expect((await send({ url: PATHS.plain, method: 'POST', data: params })).data).toEqual(
			WRONG_KEY,
		);
		const headers = { 'Content-Type': 'text/plain' };
		const data = new URLSearchParams(params).toString();
		expect((await send({ url: PATHS.plain, method: 'POST', data, headers })).data).toEqual(
			WRONG_KEY,
		);
		expect((await send({ url: PATHS.plain, method: 'POST', params })).data).toEqual(WRONG_KEY);
	});

	test('an unknown path and a wrong method', async () => {
		const { status, data } = await send({ url: '/mobile_status/queryX' });
		expect([status, data]).toEqual([404, expect.stringContaining('<html>')]);
		const put = await send({ url: PATHS.plain, method: 'PUT' });
		expect([put.status, put.headers.allow]).toEqual([405, 'GET, POST']);
		expect(simulator.counts.requests).toBe(2);
	});
});

test.each([
	['bytes that are no HTTP', Buffer.from([0, 255, 254, 13, 10, 13, 10]), /^HTTP\/1\.1 400 /],
	[
		'a path that is no URL',
		'GET //?% HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
		/^HTTP\/1\.1 404 /,
	],
	['another protocol', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', /^$/],
	[
		'an endless header',
		`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`,
		/^(HTTP\/1\.1 431 [^]*)?$/,
	],
	[
		'a form of junk',
		Buffer.concat([
			Buffer.from(`POST ${PATHS.aes} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`),
			Buffer.from('Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\n\r\n'),
			Buffer.from([37, 255, 0, 61, 38, 37, 61, 128]),
		]),
		/^HTTP\/1\.1 200 [^]*"error_code":10001/,
	],
])('%s does no harm', async (_what, bytes, answer) => {
	expect(await raw(bytes)).toMatch(answer);
	expect((await lookup()).data.error_code).toBe(0);
});

test('a body past 64 KB is refused and does no harm', async () => {
	const { status } = await lookup('1'.repeat(1_000_000));
	expect(status).toBe(413);
	expect((await lookup()).data.error_code).toBe(0);
});

describe('scripted faults', () => {
	const RESULT = { mobile: MOBILE, ...FOUND };

	test.each<[name: string, fault: Fault, data: unknown, billed: number]>([
		[
			'a service code',
			{ kind: 'code', code: 224915 },
			{ reason: '网络异常,请重试', result: null, error_code: 224915 },
			0,
		],
		[
			'a system code',
			{ kind: 'code', code: 10012 },
			{ resultcode: '112', reason: '请求超过次数限制', result: null, error_code: 10012 },
			0,
		],
		[
			'a code as a string, with something in its result',
			{
				kind: 'code',
				code: 10012,
				asString: true,
				result: { key: 'leaked' },
				resultcode: null,
				reason: 'full',
			},
			{ reason: 'full', result: { key: 'leaked' }, error_code: '10012' },
			0,
		],
		[
			'a code that is not listed, without a result',
			{ kind: 'code', code: 299999, omitResult: true, resultcode: '199' },
			{ resultcode: '199', reason: '未知错误', error_code: 299999 },
			0,
		],
		[
			'a code that costs money',
			{ kind: 'code', code: 224922, billed: true },
			{ reason: '查询无此记录', result: null, error_code: 224922 },
			1,
		],
		['success without a result', { kind: 'missingResult' }, { reason: '成功', error_code: 0 }, 1],
		[
			'another state of the document',
			{ kind: 'state', state: '1' },
			{ reason: '成功', result: { ...RESULT, state: '1', description: '停机' }, error_code: 0 },
			1,
		],
		[
			'a state that nobody knows',
			{ kind: 'state', state: 7, description: '携号转网' },
			{ reason: '成功', result: { ...RESULT, state: 7, description: '携号转网' }, error_code: 0 },
			1,
		],
		['any JSON', { kind: 'json', body: [null, 1] }, [null, 1], 0],
		[
			'any JSON that reads as success',
			{ kind: 'json', body: { error_code: '0' } },
			{ error_code: '0' },
			1,
		],
		['a page', { kind: 'notJson' }, expect.stringContaining('<html>'), 0],
	])('%s', async (_name, fault, data, billed) => {
		simulator.script({ fault });
		const answer = await lookup();
		expect(answer.status).toBe(200);
		expect(answer.data).toEqual(data);
		expect(simulator.counts.billed).toBe(billed);
	});

	test('a code with a status of its own', async () => {
		simulator.script({ fault: { kind: 'code', code: 10020, httpStatus: 503 } });
		const { status, data } = await lookup();
		expect([status, data.error_code]).toEqual([503, 10020]);
	});

	test('a code that asks to be left alone', async () => {
		simulator.script({ fault: { kind: 'code', code: 10011, retryAfter: '60' } });
		expect((await lookup()).headers['retry-after']).toBe('60');
	});

	test('a code that tells what the request carried', async () => {
		simulator.script({ fault: { kind: 'code', code: 10012, echo: true } });
		const { data } = await lookup();
		const carried = [simulator.key, MOBILE, simulator.openid].map((each) =>
			String(data.reason).includes(each),
		);
		expect(carried).toEqual([true, true, true]);
		expect(data).toMatchObject({ result: { key: data.reason }, error_code: 10012 });
	});

	test.each<
		[fault: Omit<Extract<Fault, { kind: 'http' }>, 'kind'>, headers: object, data: unknown]
	>([
		[{ status: 502 }, { 'content-type': 'text/html' }, expect.stringContaining('502 Bad Gateway')],
		[
			{ status: 429, retryAfter: '2', body: 'slow', contentType: 'text/plain' },
			{ 'retry-after': '2' },
			'slow',
		],
		[{ status: 301, headers: { location: '/x' }, body: '' }, { location: '/x' }, ''],
	])('HTTP %o', async (fault, headers, data) => {
		simulator.script({ fault: { kind: 'http', ...fault } });
		const answer = await lookup();
		expect(answer.status).toBe(fault.status);
		expect(answer.headers).toMatchObject(headers);
		expect(answer.data).toEqual(data);
		expect(simulator.counts.billed).toBe(0);
	});

	test.each([
		['resetBefore', { code: 'ECONNRESET' }],
		// What axios calls an answer that ends before its length; its status is there already.
		['resetMidBody', { code: 'ERR_BAD_RESPONSE', message: 'stream has been aborted' }],
	] as const)('%s loses an answer that was paid', async (kind, error) => {
		simulator.script({ fault: { kind } });
		await expect(lookup()).rejects.toMatchObject(error);
		expect(simulator.counts.lookups).toEqual(new Map([[MOBILE, 1]]));
	});

	test('resetMidBody promises the whole body and sends half', async () => {
		const form = `key=${simulator.key}&mobile=${MOBILE}`;
		const request = `GET ${PATHS.plain}?${form} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
		const whole = (await raw(request)).split('\r\n\r\n')[1]!;
		simulator.script({ fault: { kind: 'resetMidBody' } });
		const [head, body] = (await raw(request)).split('\r\n\r\n') as [string, string];
		expect(head.toLowerCase()).toContain(`content-length: ${Buffer.byteLength(whole)}\r\n`);
		expect(whole.startsWith(body)).toBe(true);
		expect(body).not.toBe('');
		expect(body).not.toBe(whole);
	});

	test('hang stays in flight and paid until the client gives up', async () => {
		simulator.script({ fault: { kind: 'hang' } });
		await expect(lookup(MOBILE, { timeout: 100 })).rejects.toMatchObject({ code: 'ECONNABORTED' });
		await until(() => simulator.counts.inFlight === 0);
		expect(simulator.counts).toMatchObject({ billed: 1, peakInFlight: 1 });
	});

	test('hang ends with the simulator', async () => {
		simulator.script({ fault: { kind: 'hang' } });
		const lost = expect(lookup()).rejects.toMatchObject({ code: 'ECONNRESET' });
		await until(() => simulator.counts.inFlight === 1);
		await simulator.close();
		await lost;
	});

	test('drip brings the same answer in many pieces', async () => {
		simulator.script({ fault: { kind: 'drip', intervalMs: 0 } });
		const { data } = await lookup(MOBILE, { responseType: 'stream' });
		const pieces: Buffer[] = [];
		for await (const piece of data as AsyncIterable<Buffer>) pieces.push(piece);
		expect(pieces.length).toBeGreaterThan(5);
		expect(JSON.parse(Buffer.concat(pieces).toString())).toEqual({
			reason: '成功',
			result: RESULT,
			error_code: 0,
		});
	});

	test('drip is in flight no longer than its client waits', async () => {
		simulator.script({ fault: { kind: 'drip', intervalMs: 20 } });
		// The timeout of axios is one of silence, which a drip never keeps.
		const gone = lookup(MOBILE, { signal: AbortSignal.timeout(100) });
		await expect(gone).rejects.toMatchObject({ code: 'ERR_CANCELED' });
		await until(() => simulator.counts.inFlight === 0);
		expect(simulator.counts.billed).toBe(1);
	});

	test('a wrong key stays wrong where the fault is about a result', async () => {
		simulator.script({ fault: { kind: 'state', state: '1' } });
		expect((await post(PATHS.plain, { key: 'wrong', mobile: MOBILE })).data).toEqual(WRONG_KEY);
	});

	test('rules go by decrypted number and by call, the first match wins, and are used up', async () => {
		const fault = (code: number): Fault => ({ kind: 'code', code });
		simulator.script({ call: 2, fault: fault(10014) });
		simulator.script({ mobile: MOBILE, times: 2, fault: fault(224924) });
		simulator.script({ mobile: MOBILE, call: 5, fault: fault(224919) });
		const codes: number[] = [];
		for (const mobile of [MOBILE, MOBILE, '13800138000', MOBILE, MOBILE, MOBILE]) {
			const { data } = await post(PATHS.aes, { key: simulator.key, mobile: protect.aes(mobile) });
			codes.push(data.error_code);
		}
		expect(codes).toEqual([224924, 10014, 0, 224924, 224919, 0]);
	});

	test('a rule that cannot be sent spoils its own request only', async () => {
		simulator.script({ times: 1, fault: { kind: 'http', status: 9 } });
		expect((await lookup()).status).toBe(500);
		expect((await lookup()).data.error_code).toBe(0);
	});
});

describe('counting', () => {
	test('in flight, connections and their peaks', async () => {
		simulator.script({ times: 5, fault: { kind: 'hang' } });
		const aborter = new AbortController();
		const lost = [0, 1, 2, 3, 4].map((digit) =>
			expect(lookup(`1380013800${digit}`, { signal: aborter.signal })).rejects.toMatchObject({
				code: 'ERR_CANCELED',
			}),
		);
		await until(() => simulator.counts.inFlight === 5);
		aborter.abort();
		await Promise.all(lost);
		await until(() => simulator.counts.inFlight === 0);
		await lookup('13800138000');
		expect(simulator.counts).toMatchObject({ requests: 6, billed: 6, peakInFlight: 5 });
		expect(simulator.counts.peakConnections).toBeGreaterThanOrEqual(5);
		expect(simulator.counts.lookups.get('13800138000')).toBe(2);
	});

	test('a connection that is kept is one', async () => {
		const httpAgent = new Agent({ keepAlive: true });
		for (let i = 0; i < 3; i++) await lookup(MOBILE, { httpAgent });
		expect(simulator.counts).toMatchObject({ requests: 3, peakInFlight: 1, peakConnections: 1 });
		httpAgent.destroy();
	});

	test('a connection that has ended is none', async () => {
		await lookup();
		await until(() => {
			simulator.reset();
			return simulator.counts.peakConnections === 0;
		});
	});

	test('the log holds what came, in order', async () => {
		const before = performance.now();
		await lookup();
		await get(PATHS.aes, { key: simulator.key, mobile: 'junk' });
		expect(simulator.received).toMatchObject([
			{
				method: 'POST',
				path: PATHS.plain,
				url: PATHS.plain,
				headers: { 'content-type': expect.stringContaining('x-www-form-urlencoded') as string },
				body: `key=${simulator.key}&mobile=${MOBILE}`,
			},
			{
				method: 'GET',
				path: PATHS.aes,
				url: `${PATHS.aes}?key=${simulator.key}&mobile=junk`,
				mobile: 'junk',
				body: '',
			},
		]);
		const [first, second] = simulator.received.map(({ at }) => at) as [number, number];
		expect(before <= first && first <= second && second <= performance.now()).toBe(true);
	});

	test('the log says what became of a request', async () => {
		const fault = { kind: 'resetMidBody' } as const;
		simulator.script({ call: 2, fault });
		await lookup();
		await lookup().catch(() => undefined);
		expect(simulator.received).toMatchObject([
			{ fault: undefined, billed: true, answeredAt: expect.any(Number) as number },
			{ fault, billed: true },
		]);
		expect(simulator.received[1]!.answeredAt).toBeUndefined();
	});

	test('the log can be switched off', async () => {
		await restart({ keepRequests: false });
		await lookup();
		expect(simulator.received).toEqual([]);
		expect(simulator.counts.requests).toBe(1);
	});

	test('reset forgets counts, log and rules, not what is in flight', async () => {
		simulator.script({ times: 1, fault: { kind: 'hang' } });
		simulator.script({ fault: { kind: 'notJson' } });
		const aborter = new AbortController();
		const lost = expect(lookup(MOBILE, { signal: aborter.signal })).rejects.toThrow();
		await until(() => simulator.counts.billed === 1);
		simulator.reset();
		expect(simulator.counts).toEqual({
			...{ requests: 0, billed: 0, lookups: new Map(), limited: 0 },
			...{ inFlight: 1, peakInFlight: 1, peakConnections: 1 },
		});
		expect(simulator.received).toEqual([]);
		expect((await lookup()).data.error_code).toBe(0);
		aborter.abort();
		await lost;
	});
});

test('a lookup is paid before the latency is over, and latency changes while it runs', async () => {
	simulator.latency = 3_600_000;
	const lost = expect(lookup()).rejects.toMatchObject({ code: 'ECONNRESET' });
	await until(() => simulator.counts.billed === 1);
	simulator.script({ times: 1, latency: 1, fault: { kind: 'state', state: '0' } });
	expect((await lookup()).data.result.state).toBe('0');
	simulator.latency = 0;
	expect((await lookup()).data.error_code).toBe(0);
	await simulator.close();
	await lost;
});

test.each([
	[
		'code',
		200,
		{ resultcode: '111', reason: '当前IP请求超过限制', result: null, error_code: 10011 },
	],
	['http', 429, expect.stringContaining('429 Too Many Requests')],
] as const)(
	'a rate limit answers by %s what comes too early',
	async (limitReply, limitedStatus, limitedData) => {
		await restart({ ratePerSecond: 2, limitReply });
		const clock = jest.spyOn(performance, 'now');
		const at = async (ms: number) => {
			clock.mockReturnValue(ms);
			const { status, data } = await lookup();
			return [status, data.error_code === 0 ? 'found' : data] as unknown;
		};
		try {
			expect(await at(5000)).toEqual([200, 'found']);
			expect(await at(5500)).toEqual([200, 'found']);
			expect(await at(5999)).toEqual([limitedStatus, limitedData]);
			expect(await at(6000)).toEqual([200, 'found']);
			expect(await at(6000)).toEqual([limitedStatus, limitedData]);
			expect(simulator.counts).toMatchObject({ requests: 5, billed: 3, limited: 2 });
			simulator.reset();
			expect(await at(6000)).toEqual([200, 'found']);
		} finally {
			clock.mockRestore();
		}
	},
);

test('refuse cuts and refuses connections, accept takes them again at the same address', async () => {
	const { url } = simulator;
	simulator.script({ times: 1, fault: { kind: 'hang' } });
	const lost = expect(lookup()).rejects.toMatchObject({ code: 'ECONNRESET' });
	await until(() => simulator.counts.inFlight === 1);
	await simulator.refuse();
	await lost;
	await expect(lookup()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
	await simulator.accept();
	expect(simulator.url).toBe(url);
	expect((await lookup()).data.error_code).toBe(0);
});

test('close ends connections that have said nothing, and may be called again', async () => {
	const ended = raw('');
	await until(() => simulator.counts.peakConnections === 1);
	await simulator.close();
	expect(await ended).toBe('');
	await simulator.close();
});

describe('control over HTTP', () => {
	test('counts, script and reset, none of them counted', async () => {
		const rule = { mobile: MOBILE, fault: { kind: 'code', code: 224922 } };
		expect((await send({ url: '/simulator/script', method: 'POST', data: rule })).status).toBe(204);
		expect((await lookup()).data.error_code).toBe(224922);
		await lookup('13800138000');
		const counts = {
			requests: 2,
			billed: 1,
			lookups: { '13800138000': 1 },
			limited: 0,
			inFlight: 0,
			peakInFlight: 1,
		};
		expect((await send({ url: '/simulator/counts' })).data).toMatchObject(counts);
		expect((await send({ url: '/simulator/reset', method: 'POST' })).status).toBe(204);
		expect((await send({ url: '/simulator/counts' })).data).toMatchObject({
			requests: 0,
			billed: 0,
			lookups: {},
		});
		expect((await lookup()).data.error_code).toBe(0);
		expect(simulator.received).toHaveLength(1);
	});

	test.each(['', 'junk', 'null', '{}', '{"fault":{"kind":"toString"}}'])(
		'a rule that is none: %s',
		async (data) => {
			expect((await send({ url: '/simulator/script', method: 'POST', data })).status).toBe(400);
			expect((await lookup()).data.error_code).toBe(0);
		},
	);

	test('nothing else', async () => {
		expect((await send({ url: '/simulator/counts', method: 'POST' })).status).toBe(404);
		expect((await send({ url: '/simulator/x' })).status).toBe(404);
	});
});

test('the program prints what a client needs and ends cleanly on SIGTERM', async () => {
	const main = ['--import', 'tsx', `${__dirname}/main.ts`, '--port', '0'];
	const child = spawn(process.execPath, main, {
		stdio: ['ignore', 'pipe', 'inherit'],
		timeout: 20_000,
	});
	const exit = once(child, 'exit');
	const printed: string[] = [];
	try {
		for await (const line of createInterface(child.stdout)) {
			printed.push(line);
			if (line.startsWith('Ctrl+C')) break;
		}
		const text = printed.join('\n');
		expect(text).toContain(simulator.rsaPublicKey);
		const after = (label: string) => new RegExp(`^${label} +(\\S+)$`, 'm').exec(text)?.[1];
		expect(after('OpenID')).toBe(simulator.openid);
		const params = { key: after('Key'), mobile: MOBILE };
		const { data } = await send({ baseURL: after('Base URL'), url: PATHS.plain, params });
		expect(data.error_code).toBe(0);
	} finally {
		child.kill('SIGTERM');
	}
	expect(await exit).toEqual([0, null]);
}, 30_000);
