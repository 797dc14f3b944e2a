/** What somebody could try who answers the requests, or writes the cells: broken, hostile and huge replies, odd texts. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import {
	createServer as createRawServer,
	type AddressInfo,
	type Server,
	type Socket,
} from 'node:net';
import { text } from 'node:stream/consumers';
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';

import type { IDataObject } from 'n8n-workflow';

import { aesKeyOf } from '../nodes/JuheMobileStatus/juhe/encryption';
import { LEFT_OUT } from '../nodes/JuheMobileStatus/juhe/redact';
import { toNetworkFault } from '../nodes/JuheMobileStatus/request';
import { toldOf } from './secrets';
import {
	CONTINUE,
	detailsOf,
	ERROR_OUTPUT,
	OPERATION_NAMES,
	phones,
	statusOf,
	useSimulator,
	withOptions,
} from './simulated';

const juhe = useSimulator();
const baseUrlOf = (server: Server) =>
	`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;

describe('a reply', () => {
	const ANSWER = '{"reason":"成功","result":{"province":"上海市","state":"0"},"error_code":0}';
	const LENGTH = 100_000_000;
	let respond: (socket: Socket) => unknown;
	let requests = 0;
	const sockets = new Set<Socket>();
	const server = createRawServer((socket) => {
		sockets.add(socket.on('error', () => {}));
		socket.once('data', () => {
			requests++;
			respond(socket);
		});
	});
	beforeAll(() => once(server.listen(0, '127.0.0.1'), 'listening'));
	afterAll(async () => {
		for (const socket of sockets) socket.destroy();
		await once(server.close(), 'close');
	});

	/** A reply as it goes down the wire. */
	function http(body: string | Buffer, headers: IDataObject = {}, status = '200 OK') {
		const all = { 'Content-Length': Buffer.byteLength(body), Connection: 'close', ...headers };
		const lines = Object.entries(all).map(([name, value]) => `${name}: ${String(value)}\r\n`);
		const head = Buffer.from(`HTTP/1.1 ${status}\r\n${lines.join('')}\r\n`);
		return Buffer.concat([head, Buffer.from(body)]);
	}
	const zipped = { 'Content-Encoding': 'gzip' };
	const longer = { 'Content-Length': '5000' };
	/** The answer, filled up to so many bytes. */
	const padded = (bytes: number) => ANSWER + ' '.repeat(bytes - Buffer.byteLength(ANSWER));

	/** Bytes are sent and the connection ended. */
	type Reply = string | Buffer | ((socket: Socket) => unknown);
	async function ask(reply: Reply, options: IDataObject = {}) {
		respond = typeof reply === 'function' ? reply : (socket) => socket.end(reply);
		requests = 0;
		const { outputs } = await juhe.run(phones('13800138000'), {
			...{ ...CONTINUE, ...withOptions({ retries: 0, timeout: 400, ...options }) },
			credential: { baseUrl: baseUrlOf(server) },
		});
		expect(outputs[0]).toHaveLength(1);
		expect(requests).toBe(1);
		return outputs[0]![0]!;
	}

	test.each<[string, Reply]>([
		['is zipped', http(gzipSync(ANSWER), zipped)],
		['begins with a byte order mark', http(`\ufeff${ANSWER}`)],
		['follows an interim one', `HTTP/1.1 100 Continue\r\n\r\n${http(ANSWER).toString()}`],
		['was announced as longer', http(ANSWER, longer)],
		['has 64 KB', http(padded(65_536))],
		['is never ended', (socket) => socket.write(http(ANSWER, longer))],
		[
			'is followed by a reset',
			(socket) => {
				socket.write(http(ANSWER, longer));
				setTimeout(() => socket.resetAndDestroy(), 50);
			},
		],
	])('that is whole and %s is taken', async (_, reply) => {
		const item = await ask(reply);
		expect(item.json.route).toBe('normal');
		expect(statusOf(item)).toMatchObject({ province: '上海市', billable: 'yes' });
	});

	test.each<[string, string, Reply]>([
		['an end without a word', 'connectionLost', ''],
		['half a header', 'connectionLost', 'HTTP/1.1 200 OK\r\nContent-'],
		['half an answer', 'connectionLost', http(ANSWER.slice(0, 40), longer)],
		[
			'half a chunk',
			'connectionLost',
			'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"',
		],
		[
			...(['a header without end', 'timeout'] as const),
			(socket) => {
				socket.write('HTTP/1.1 200 OK\r\n');
				const drip = setInterval(() => socket.write('X-Drip: 1\r\n'), 50);
				socket.once('close', () => clearInterval(drip));
			},
		],
		['no HTTP', 'notJuhe', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
		['an answer without a header', 'notJuhe', ANSWER],
		['two lengths', 'notJuhe', http(ANSWER, { 'content-length': '6' })],
		['a long header', 'notJuhe', http(ANSWER, { X: 'x'.repeat(100_000) })],
		['a zip that is none', 'notJuhe', http(ANSWER, zipped)],
		['a cut zip', 'notJuhe', http(gzipSync(ANSWER).subarray(0, 60), zipped)],
		['a byte over 64 KB', 'notJuhe', http(padded(65_537))],
	])('that is %s is %s, and may have been billed', async (_, code, reply) => {
		expect(detailsOf(await ask(reply))).toMatchObject({ code, attempts: 1, billable: 'uncertain' });
	});

	test.each<[string, number]>([
		[`Content-Length: ${LENGTH}`, LENGTH],
		['Content-Length: 10', LENGTH],
		['Content-Length: 999999999999999', LENGTH],
		['X: without end', Infinity],
	])('of 100 MB and more is not taken in (%s)', async (header, length) => {
		let sent = 0;
		const flood = (socket: Socket) => {
			const chunk = Buffer.alloc(64 * 1024, ' ');
			const pour = () => {
				while (!socket.destroyed && sent < length && socket.write(chunk)) sent += chunk.length;
			};
			socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\n${header}\r\n\r\n`);
			socket.on('drain', pour);
			pour();
		};
		expect(detailsOf(await ask(flood, { timeout: 60_000 }))).toMatchObject({ code: 'notJuhe' });
		// What fits into the buffers on the way may have been sent, and no more.
		expect(sent).toBeLessThan(LENGTH / 2);
	});

	const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
	test.each<[string, (long: Buffer) => Buffer]>([
		['gzip', gzipSync],
		['br', (long) => brotliCompressSync(long, quality)],
		['deflate', deflateSync],
		['deflate', deflateRawSync],
		['gzip, gzip', (long) => gzipSync(gzipSync(long))],
	])('of 100 MB that is packed (%s) is not unpacked', async (encoding, pack) => {
		const packed = pack(Buffer.concat([Buffer.alloc(LENGTH, ' '), Buffer.from(ANSWER)]));
		const reply = http(packed, { 'Content-Encoding': encoding });
		const before = process.memoryUsage().rss;
		expect(detailsOf(await ask(reply, { timeout: 60_000 }))).toMatchObject({ code: 'notJuhe' });
		expect(process.memoryUsage().rss - before).toBeLessThan(LENGTH / 2);
	});

	test.each([300, 301, 302, 303, 307, 308])('%i leads the key nowhere else', async (status) => {
		const location = `${juhe.simulator.url}/mobile_status/query`;
		const reply = http('', { Location: location }, `${status} Moved`);
		for (const method of ['GET', 'POST']) {
			const item = await ask(reply, { method });
			expect(detailsOf(item)).toMatchObject({ code: status, billable: 'no' });
		}
		expect(juhe.simulator.counts.requests).toBe(0);
	});
});

test('a cell is data: nothing of it is sent but 11 digits, and it comes out as it came', async () => {
	const cells = [
		...['13800138000\r\nX-Injected: 1', '13800138000&key=other', '13800138000=1', '__proto__'],
		...['13800138000%0d%0a', '13800138000%26key=other', '13800138000;13900139000', '{{ 1+1 }}'],
		...['={{ $env }}', '={{ "13800138000" }}', "13800138000' or '1", '13800138000\u0000x'],
	];
	const { outputs } = await juhe.run(phones(...cells, '13900139001'), CONTINUE);
	expect(outputs[0]!.map(({ json }) => json.phone)).toEqual([...cells, '13900139001']);
	expect(juhe.simulator.received.length).toBeGreaterThan(0);
	for (const { body, headers } of juhe.simulator.received) {
		const form = Object.fromEntries(new URLSearchParams(body));
		expect(form).toEqual({ mobile: form.mobile, key: juhe.simulator.key });
		expect(['13800138000', '13900139001']).toContain(form.mobile);
		expect(headers).not.toHaveProperty('x-injected');
	}
});

test('names that mean something to JavaScript are but names, in a row and in the options', async () => {
	const row = JSON.parse(
		'{"phone":"13800138000","__proto__":{"x":1},"constructor":{"prototype":{"x":2}},"hasOwnProperty":"y"}',
	) as IDataObject;
	for (const outputField of ['toString', 'hasOwnProperty', 'a.b', '__proto__.x', 'then']) {
		for (const bad of [false, true]) {
			const resultAs = outputField === 'then' ? 'columns' : 'object';
			const options = withOptions({ outputField, routeField: 'valueOf', resultAs });
			const rows = [bad ? { ...row, phone: 'x' } : row];
			const { outputs } = await juhe.run(rows, { ...CONTINUE, ...options });
			const { json } = outputs[0]![0]!;
			const own = (name: string) => Object.getOwnPropertyDescriptor(json, name)?.value as unknown;
			if (bad) expect(detailsOf({ json })).toMatchObject({ code: 'invalidNumber' });
			else {
				const { state } = (own(outputField) ?? {
					state: own(`${outputField}_state`),
				}) as IDataObject;
				expect([state, own('valueOf')]).toEqual(['0', 'normal']);
			}
			expect(own('__proto__')).toEqual({ x: 1 });
			expect(own('constructor')).toEqual(row.constructor);
			expect('x' in {}).toBe(false);
		}
	}
});

describe('a service that sends back what it was sent', () => {
	/** Ways to do so: the HTTP status and the body. */
	const ECHOES: Array<(echo: string) => [status: number, body: unknown]> = [
		(echo) => [200, { error_code: 10012, resultcode: echo, reason: echo, result: { echo } }],
		(echo) => [200, { error_code: 299999, reason: echo }],
		(echo) => [200, { error_code: 224922, reason: echo }],
		(echo) => [200, { error_code: echo }],
		(echo) => [200, { error_code: 0, result: { state: echo, city: echo, [echo]: echo } }],
		(echo) => [200, echo],
		(echo) => [502, { message: echo }],
		(echo) => [400, { error_code: 1, reason: echo }],
	];
	interface Sent {
		/** The request as it came and decoded, and what it was made from. */
		echo: string;
		/** Key, OpenID, AES key and, where there is one, the ciphertext. */
		secrets: string[];
	}
	let answer: (sent: Sent) => [status: number, body: unknown];
	let received: Sent[] = [];
	const server = createServer(async (request, response) => {
		const body = await text(request);
		const form = new URLSearchParams(body || request.url!.split('?')[1]);
		const values = [...form.values()];
		const { openid } = juhe.simulator;
		const said = [
			...[request.url, body, ...values, openid, aesKeyOf(openid)],
			body.replaceAll(/%../g, (encoded) => encoded.toLowerCase()),
			...values.map((value) => value.toUpperCase().replace(/=+$/, '')),
		];
		const secrets = [form.get('key')!, openid, aesKeyOf(openid), form.get('mobile')!];
		const sent = { echo: said.join(' '), secrets: secrets.filter(({ length }) => length > 11) };
		received.push(sent);
		const [status, reply] = answer(sent);
		response.writeHead(status).end(JSON.stringify(reply));
	});
	beforeAll(() => once(server.listen(0, '127.0.0.1'), 'listening'));
	beforeEach(() => (received = []));
	afterAll(() => once(server.close(), 'close'));
	const credential = () => ({ baseUrl: baseUrlOf(server) });

	const WAYS = { stop: {}, continue: CONTINUE, errorOutput: ERROR_OUTPUT };
	const cases = ECHOES.flatMap((echo, index) =>
		OPERATION_NAMES.flatMap((operation) =>
			Object.entries(WAYS).map(([onError, how]) => ({ echo, index, operation, onError, how })),
		),
	);
	test.each(cases)('leaves no secret behind ($index, $operation, $onError)', async (given) => {
		const { echo, operation, onError, how } = given;
		answer = (sent) => echo(sent.echo);
		const method = onError === 'continue' ? 'GET' : 'POST';
		const { run, error } = await juhe.run(phones('13800138001'), {
			...{ ...how, ...withOptions({ method, retries: 0 }, { operation }) },
			credential: credential(),
		});
		expect(received).toHaveLength(1);
		const [{ secrets }] = received as [Sent];
		expect(secrets).toHaveLength(operation === 'plain' ? 3 : 4);
		expect(toldOf([run, error], secrets)).toEqual([]);
	});

	const key = 'simulator-key-0123456789abcdef01';
	test.each([
		{ name: 'as it is', saved: { deep: ['q+Zx0/8Lm3=='] }, found: true },
		{ name: 'URL-encoded', saved: encodeURIComponent('q+Zx0/8Lm3=='), found: true },
		{ name: 'cut', saved: key.slice(0, 13), found: true },
		{ name: 'in lines', saved: [key.toUpperCase().replace(/.{6}/g, '$&\n')], found: true },
		{ name: 'in the words of an error', saved: [new TypeError(`not ${key}`)], found: true },
		{ name: 'a few letters of it', saved: key.slice(0, 12), found: false },
	])('would be found by these tests: $name', ({ saved, found }) => {
		expect(toldOf(saved, [key, 'q+Zx0/8Lm3==']).length > 0).toBe(found);
	});

	const hex = (secret: string) => Buffer.from(secret).toString('hex');
	const base64 = (secret: string) => Buffer.from(secret).toString('base64');
	/** Each character of a text, written in another way. */
	const each = (secret: string, write: (code: string, character: string) => string) =>
		Array.from(secret, (character) =>
			write(character.charCodeAt(0).toString(16).padStart(2, '0'), character),
		).join('');
	const percent = (secret: string) => each(secret, (code) => `%${code}`);
	const every = (length: number, secret: string, separator: string) =>
		secret.replace(new RegExp(`.{${length}}`, 'g'), `$&${separator}`);
	const wide = (secret: string) =>
		secret.replace(/[!-~]/g, (character) => String.fromCharCode(character.charCodeAt(0) + 0xfee0));
	const DRESSES: Array<{ dressed: string; as: (secret: string) => string }> = [
		{ dressed: 'as it is', as: (secret) => secret },
		{ dressed: 'in capital letters', as: (secret) => secret.toUpperCase() },
		{ dressed: 'in full width', as: wide },
		{ dressed: 'with accents', as: (secret) => every(1, secret, '\u0301') },
		{ dressed: 'with a blank', as: (secret) => `${secret.slice(0, 9)} ${secret.slice(9)}` },
		{ dressed: 'with hyphens', as: (secret) => every(4, secret, '-') },
		{ dressed: 'with nothing that can be seen', as: (secret) => every(3, secret, '\u200b') },
		{ dressed: 'between Chinese words', as: (secret) => `您的${every(5, secret, '，然后')}不对` },
		{ dressed: 'in lines of base64', as: (secret) => every(76, secret, '\r\n') },
		{ dressed: 'in lines of HTML', as: (secret) => every(8, secret, '<br class="x">&nbsp;') },
		{ dressed: 'in lines of HTML in XML', as: (secret) => every(8, secret, '&lt;br/&gt;') },
		{ dressed: 'in lines of JSON', as: (secret) => every(8, secret, '\\r\\n') },
		{ dressed: 'cut to 200 characters', as: (secret) => secret.slice(0, 200) },
		{ dressed: 'cut to 20 characters', as: (secret) => secret.slice(0, 20) },
		{ dressed: 'cut to 12 characters', as: (secret) => secret.slice(2, 14) },
		{ dressed: 'cut, with dots', as: (secret) => `${every(2, secret.slice(-13, -1), '.')}…` },
		{ dressed: 'percent-encoded', as: percent },
		{ dressed: 'percent-encoded twice', as: (secret) => percent(percent(secret)) },
		{
			dressed: 'percent-encoded ten times',
			as: (secret) => percent(secret).replaceAll('%', `%${'25'.repeat(9)}`),
		},
		{ dressed: 'in full width, percent-encoded', as: (secret) => encodeURIComponent(wide(secret)) },
		{ dressed: 'with %u', as: (secret) => each(secret, (code) => `%u00${code}`) },
		{ dressed: 'in JSON in JSON', as: (secret) => each(secret, (code) => `\\\\u00${code}`) },
		{ dressed: 'in ES6', as: (secret) => each(secret, (code) => `\\u{${code}}`) },
		{ dressed: 'in C', as: (secret) => each(secret, (code) => `\\x${code}`) },
		{ dressed: 'in HTML', as: (secret) => each(secret, (code) => `&#x${code};`) },
		{
			dressed: 'in HTML in HTML',
			as: (secret) => each(secret, (_, c) => `&amp;#00${c.charCodeAt(0)};`),
		},
		{ dressed: 'in Unicode', as: (secret) => each(secret, (code) => `U+00${code} `) },
		{
			dressed: 'in decimal codes',
			as: (secret) => `{"data":[${each(secret, (_, c) => `,${c.charCodeAt(0)}`).slice(1)}]}`,
		},
		{ dressed: 'in hex', as: hex },
		{
			dressed: 'in hex with colons',
			as: (secret) => `Key ${every(2, hex(secret).toUpperCase(), ':')}`,
		},
		{ dressed: 'in hex with 0x', as: (secret) => each(secret, (code) => `0x${code}, `) },
		{ dressed: 'in hex of UTF-16', as: (secret) => Buffer.from(secret, 'utf16le').toString('hex') },
		{
			dressed: 'in octal digits',
			as: (secret) => each(secret, (_, c) => `\\${c.charCodeAt(0).toString(8)}`),
		},
		{ dressed: 'in base64', as: base64 },
		{ dressed: 'in base64 behind a letter', as: (secret) => `x ${base64(`=${secret}`)}` },
		{ dressed: 'in base64 behind Chinese', as: (secret) => base64(`密钥>${secret}?`) },
		{ dressed: 'in base64, in lines', as: (secret) => every(10, base64(secret), '\n') },
		{
			dressed: 'in base64 of a form',
			as: (secret) => base64(`a=1&b=${encodeURIComponent(secret)}`),
		},
		{ dressed: 'in base64 of hex', as: (secret) => base64(hex(secret)) },
		{ dressed: 'in base64url', as: (secret) => Buffer.from(secret).toString('base64url') },
		{
			dressed: 'in the hex of its bytes',
			as: (secret) => Buffer.from(secret, 'base64').toString('hex'),
		},
	];
	const OPERATION_AND_DRESS = OPERATION_NAMES.flatMap((operation) =>
		DRESSES.map((dress) => ({ operation, ...dress })),
	);
	const FIELDS = ['province', 'city', 'isp', 'description', 'orderid', 'state'];

	test.each(OPERATION_AND_DRESS)(
		'$dressed gets it left out ($operation)',
		async ({ operation, as }) => {
			const how = { ...CONTINUE, ...withOptions({ retries: 0 }, { operation }) };
			const ask = async () =>
				(await juhe.run(phones('13800138001'), { ...how, credential: credential() }))
					.outputs[0]![0]!;
			answer = ({ secrets }) => {
				const dressed = FIELDS.map((field, at) => [field, as(secrets[at % secrets.length]!)]);
				return [200, { error_code: 0, result: Object.fromEntries(dressed) }];
			};
			const taken = statusOf(await ask());
			expect(FIELDS.map((field) => taken[field])).toEqual(FIELDS.map(() => LEFT_OUT));
			answer = ({ secrets }) => {
				const [key, ...others] = secrets.map(as);
				return [200, { error_code: 10012, resultcode: key, reason: `KEY过期 ${others.at(-1)!}` }];
			};
			expect(detailsOf(await ask())).toMatchObject({ resultcode: LEFT_OUT, reason: LEFT_OUT });
		},
	);

	test.each([
		'成功',
		'请求超过次数限制',
		'JH249118111915000462815599',
		'2026-11-24T08:00:00.000Z',
		'100% <b>上海市</b> & C:\\new\\x',
		'dGhpcyBpcyBubyBzZWNyZXQgYXQgYWxs',
		'746869732069732061206c6f6e672074657874',
		"the key's first eleven: simulator-k",
	])('takes the words %j as they are', async (words) => {
		answer = () => [200, { error_code: 10012, resultcode: words, reason: words }];
		const { outputs } = await juhe.run(phones('13800138001'), {
			...{ ...CONTINUE, ...withOptions({}, { operation: 'rsa' }) },
			credential: credential(),
		});
		expect(detailsOf(outputs[0]![0]!)).toMatchObject({ resultcode: words, reason: words });
	});

	test.each([
		{
			key: 'too short to be one',
			apiKey: 'abc',
			reason: expect.stringMatching(/ mobile=\d+&key=abc /),
		},
		{ key: 'of four letters', apiKey: 'a-b-c-d', reason: LEFT_OUT },
		{ key: 'of odd characters', apiKey: 'a=b.c+d/e f(0)==', reason: LEFT_OUT },
		{ key: 'of Chinese characters', apiKey: '聚合数据', reason: LEFT_OUT },
		{ key: 'of single letters', apiKey: 'a-b-c-d-e-f-g-h-i-j-k-l-m', reason: LEFT_OUT },
		{ key: 'without letters', apiKey: '!!$$', reason: LEFT_OUT },
		{ key: 'with half a character', apiKey: 'abcd\ud800', reason: LEFT_OUT },
	])('takes words with a key $key as it should', async ({ apiKey, reason }) => {
		answer = ({ echo }) => [200, { error_code: 299999, reason: echo }];
		const { outputs } = await juhe.run(phones('13800138001'), {
			...CONTINUE,
			credential: { ...credential(), apiKey, openid: '' },
		});
		expect(detailsOf(outputs[0]![0]!)).toMatchObject({ reason });
	});

	test.each([
		{ key: 'of digits', apiKey: '12345678901234567890', written: '', code: LEFT_OUT },
		{ key: 'of digits with blanks', apiKey: '12345678901234567890', written: ' ', code: LEFT_OUT },
		{
			key: 'in hexadecimal digits',
			apiKey: '123456789012345678ab',
			written: '0x',
			code: 'notJuhe',
		},
	])('does not take a key $key for a code', async ({ apiKey, written, code }) => {
		answer = () => [200, { error_code: `${written}${apiKey}` }];
		const { outputs } = await juhe.run(phones('13800138001'), {
			...CONTINUE,
			credential: { ...credential(), apiKey },
		});
		expect(detailsOf(outputs[0]![0]!)).toMatchObject({ code });
	});
});

test.each([
	{ code: 'ECONNRESET', said: 'ECONNRESET' },
	{ code: 'CERT_HAS_EXPIRED', said: 'CERT_HAS_EXPIRED' },
	{ code: 'ENOTFOUND sesame-0123', said: 'unknown' },
	{ code: '0123456789abcdef', said: 'unknown' },
	{ code: 7, said: 'none' },
])('the network code $code is said as $said', ({ code, said }) => {
	const error = Object.assign(new Error('sesame'), { cause: { code } });
	expect(toNetworkFault(error, false)).toEqual({ networkCode: said, timedOut: false });
});
