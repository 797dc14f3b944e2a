/** What comes down a broken wire, and no sound HTTP server would send: written to the socket byte by byte. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

import { CONTINUE, detailsOf, phones, statusOf, useSimulator, withOptions } from './simulated';

const juhe = useSimulator();
const ANSWER = JSON.stringify({
	reason: '成功',
	result: { mobile: '13800138000', province: '上海市', state: '0', description: '正常使用' },
	error_code: 0,
});

function http(body: string | Buffer, headers: Record<string, string> = {}, status = '200 OK') {
	const all = {
		'Content-Length': String(Buffer.byteLength(body)),
		Connection: 'close',
		...headers,
	};
	const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
	return Buffer.concat([
		Buffer.from(`HTTP/1.1 ${status}\r\n${lines.join('')}\r\n`),
		Buffer.from(body),
	]);
}

let server: Server;
let respond: (socket: Socket) => void;
let requests: number;
const sockets = new Set<Socket>();

beforeAll(async () => {
	server = createServer((socket) => {
		sockets.add(socket);
		socket.on('error', () => {});
		socket.once('data', () => {
			requests++;
			respond(socket);
		});
	}).listen(0, '127.0.0.1');
	await once(server, 'listening');
});
beforeEach(() => (requests = 0));
afterAll(async () => {
	for (const socket of sockets) socket.destroy();
	await once(server.close(), 'close');
});

async function ask(options = {}) {
	const { port } = server.address() as AddressInfo;
	const { outputs } = await juhe.run(phones('13800138000'), {
		...CONTINUE,
		...withOptions({ retries: 1, timeout: 400, ...options }),
		credential: { baseUrl: `http://127.0.0.1:${port}` },
	});
	expect(outputs[0]).toHaveLength(1);
	return outputs[0]![0]!;
}

const ENDINGS: Array<[string, (socket: Socket) => void]> = [
	['is zipped', (socket) => socket.end(http(gzipSync(ANSWER), { 'Content-Encoding': 'gzip' }))],
	['begins with a byte order mark', (socket) => socket.end(http(`\ufeff${ANSWER}`))],
	[
		'comes after an interim one',
		(socket) => socket.end(`HTTP/1.1 100 Continue\r\n\r\n${http(ANSWER).toString()}`),
	],
	['was announced as longer', (socket) => socket.end(http(ANSWER, { 'Content-Length': '5000' }))],
	[
		'is followed by a reset',
		(socket) => {
			socket.write(http(ANSWER, { 'Content-Length': '5000' }));
			setTimeout(() => socket.resetAndDestroy(), 50);
		},
	],
	[
		'is never ended',
		(socket) => socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${ANSWER}`),
	],
];

test.each(ENDINGS)('a whole answer that %s is taken, not paid again', async (_, send) => {
	respond = send;
	const item = await ask();
	expect(item.json.route).toBe('normal');
	expect(statusOf(item)).toMatchObject({ province: '上海市', attempts: 1, billable: 'yes' });
	expect(requests).toBe(1);
});

const BROKEN: Array<[string, 'connectionLost' | 'notJuhe' | 'timeout', (socket: Socket) => void]> =
	[
		['an end without a word', 'connectionLost', (socket) => socket.end()],
		['half a header', 'connectionLost', (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-')],
		[
			'half an answer',
			'connectionLost',
			(socket) => socket.end(http(ANSWER.slice(0, 60), { 'Content-Length': '500' })),
		],
		[
			'half a chunk',
			'connectionLost',
			(socket) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"er'),
		],
		[
			'a header without end',
			'timeout',
			(socket) => {
				socket.write('HTTP/1.1 200 OK\r\n');
				const drip = setInterval(() => socket.write('X-Drip: 1\r\n'), 50);
				socket.once('close', () => clearInterval(drip));
			},
		],
		['no HTTP', 'notJuhe', (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n\r\n')],
		['an answer without a header', 'notJuhe', (socket) => socket.end(ANSWER)],
		[
			'two lengths',
			'notJuhe',
			(socket) =>
				socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n${ANSWER}`),
		],
		[
			'a header of 100 KB',
			'notJuhe',
			(socket) => socket.end(`HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(100_000)}\r\n\r\n${ANSWER}`),
		],
		[
			'a zip that is none',
			'notJuhe',
			(socket) => socket.end(http(ANSWER, { 'Content-Encoding': 'gzip' })),
		],
		[
			'a cut zip',
			'notJuhe',
			(socket) =>
				socket.end(http(gzipSync(ANSWER).subarray(0, 60), { 'Content-Encoding': 'gzip' })),
		],
	];

test.each(BROKEN)(
	'%s is %s, and may have been billed',
	async (_, code, send) => {
		respond = send;
		const tries = code === 'notJuhe' ? 1 : 2;
		expect(detailsOf(await ask())).toMatchObject({ code, attempts: tries, billable: 'uncertain' });
		expect(requests).toBe(tries);

		requests = 0;
		expect(detailsOf(await ask({ resendUncertain: false }))).toMatchObject({ code, attempts: 1 });
		expect(requests).toBe(1);
	},
	20_000,
);

test('a zip of 100 MB is not unpacked', async () => {
	const bomb = http(gzipSync(Buffer.alloc(100_000_000, ' ')), { 'Content-Encoding': 'gzip' });
	respond = (socket) => socket.end(bomb);
	const before = process.memoryUsage().rss;
	expect(detailsOf(await ask({ timeout: 10_000 }))).toMatchObject({ code: 'notJuhe' });
	expect(process.memoryUsage().rss - before).toBeLessThan(80_000_000);
});

test('an answer of 64 KB is read, one byte more is not', async () => {
	const answer = '{"error_code":0,"result":{"state":"0"}}'.padEnd(64 * 1024);
	respond = (socket) => socket.end(http(Buffer.from(answer)));
	expect((await ask()).json.route).toBe('normal');
	respond = (socket) => socket.end(http(Buffer.from(`${answer} `)));
	expect(detailsOf(await ask())).toMatchObject({ code: 'notJuhe' });
});

test('an answer without end is not read to its end', async () => {
	let written = 0;
	const chunk = Buffer.alloc(64 * 1024, ' ');
	respond = (socket) => {
		socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n');
		const pour = () => {
			while (!socket.destroyed && socket.write(chunk)) written += chunk.length;
		};
		socket.on('drain', pour);
		pour();
	};
	expect(detailsOf(await ask({ timeout: 10_000 }))).toMatchObject({ code: 'notJuhe', attempts: 1 });
	// What fits into the buffers on the way may have been sent, and no more.
	expect(written).toBeLessThan(50_000_000);
});

describe.each([301, 302, 303, 307, 308])('a redirect with %i', (status) => {
	test.each(['GET', 'POST'])(
		'of a %s is not followed: key and number stay here',
		async (method) => {
			const elsewhere = `${juhe.simulator.url}/mobile_status/query`;
			respond = (socket) => socket.end(http('', { Location: elsewhere }, `${status} Moved`));
			expect(detailsOf(await ask({ method }))).toMatchObject({ code: status, billable: 'no' });
			expect(juhe.simulator.counts.requests).toBe(0);
		},
	);
});
