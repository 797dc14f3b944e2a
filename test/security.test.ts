/** What somebody could try who writes the cells, or answers the requests (see also wire.test.ts and failures.test.ts). */
import { once } from 'node:events';
import { createServer as createRawServer, type AddressInfo, type Socket } from 'node:net';
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';

import type { IDataObject } from 'n8n-workflow';

import { testCredential } from './engine';
import { CONTINUE, detailsOf, phones, statusOf, useSimulator, withOptions } from './simulated';

const juhe = useSimulator();

test.each([300, 301, 302, 303, 307, 308])(
	'a redirect with %i carries the key of the credential dialog nowhere',
	async (status) => {
		const location = `${juhe.simulator.url.replace('127.0.0.1', 'localhost')}/stolen`;
		juhe.simulator.script({ call: 1, fault: { kind: 'http', status, headers: { location } } });
		expect(await testCredential(juhe.simulator.credential)).not.toBe('OK');
		expect(juhe.simulator.counts.requests).toBe(1);
	},
);

test.each([
	'13800138000\r\nX-Injected: 1',
	'13800138000&key=other',
	'13800138000=1',
	'13800138000%0d%0a',
	'13800138000%26key=other',
	'13800138000\u0000',
	'13800138000;13900139000',
	'=13800138000',
	'={{ $env }}',
	'={{ "13800138000" }}',
	'{{ 1+1 }}',
	'__proto__',
])('a cell %j is data, is sent nowhere and comes out as it came', async (cell) => {
	const { outputs } = await juhe.run(phones(cell, '13900139001'), CONTINUE);
	expect(outputs[0]![0]!.json).toMatchObject({
		phone: cell,
		details: { code: 'invalidNumber', attempts: 0 },
	});
	expect(juhe.simulator.received).toHaveLength(1);
	const { body, headers } = juhe.simulator.received[0]!;
	expect([...new URLSearchParams(body)]).toEqual([
		['mobile', '13900139001'],
		['key', juhe.simulator.key],
	]);
	expect(headers).not.toHaveProperty('x-injected');
});

test('names that mean something to JavaScript are but names, in a row and in the options', async () => {
	const row = JSON.parse(
		'{"phone":"13800138000","__proto__":{"x":1},"constructor":{"prototype":{"x":2}},"hasOwnProperty":"y"}',
	) as IDataObject;
	for (const outputField of ['toString', 'hasOwnProperty', 'a.b', '__proto__.x', 'then']) {
		const { outputs } = await juhe.run([row], withOptions({ outputField, routeField: 'valueOf' }));
		const { json } = outputs[0]![0]!;
		const names = [...new Set([...Object.keys(row), outputField, 'valueOf'])].sort();
		expect(Object.keys(json).sort()).toEqual(names);
		expect(Object.getOwnPropertyDescriptor(json, outputField)?.value).toMatchObject({ state: '0' });
		expect(Object.getOwnPropertyDescriptor(json, '__proto__')?.value).toEqual({ x: 1 });
		expect('x' in {}).toBe(false);
	}
});

test.each([
	'http://127.0.0.1\t.invalid',
	'http://someone@127.0.0.1',
	'http://127.0.0.1?',
	'http://127.0.0.1/#',
	'//127.0.0.1',
	'data:application/json,{"error_code":0,"result":{"state":"0"}}',
	'data:application/json;base64,eyJlcnJvcl9jb2RlIjowfQ==',
	'unix:/var/run/docker.sock',
	'http://SIMULATOR?',
	'http://SIMULATOR/#',
	'http://someone:else@SIMULATOR',
	'http://SIMUL\tATOR',
	'http:\\\\SIMULATOR',
])('a Base URL %j is refused, in the dialog too, and nothing is sent', async (address) => {
	const baseUrl = address.replace(
		/SIMUL(\t?)ATOR/,
		new URL(juhe.simulator.url).host.replace('.', '$1.'),
	);
	const { error } = await juhe.run(phones('13800138000'), { credential: { baseUrl } });
	expect(error?.message).toMatch('Base URL in the credential is not an http');
	expect(await testCredential({ ...juhe.simulator.credential, baseUrl })).toBe('Invalid URL');
	expect(juhe.simulator.counts.requests).toBe(0);
});

test.each(['1000000000', 1e9, '10; drop', '0x10', '={{ Infinity }}', '={{ -0.5 }}', '١٠'])(
	'%j at once is refused',
	async (concurrency) => {
		const { error } = await juhe.run(phones('13800138000'), withOptions({ concurrency }));
		expect(error?.message).toBe('Max Concurrent Requests must be a whole number from 1 to 50');
		expect(juhe.simulator.counts.requests).toBe(0);
	},
);

test('what looks like a function or an object in a reply is left out, or is text', async () => {
	const result = {
		state: '__proto__',
		city: 'function () { return 1 }',
		isp: { toString: 'x' },
		province: ['={{ $env }}'],
		description: '={{ $env }}',
		then: 'x',
		toJSON: 'x',
	};
	juhe.simulator.script({ fault: { kind: 'json', body: { error_code: 0, result } } });
	const { outputs } = await juhe.run(phones('13800138000'));
	expect(outputs[0]![0]!.json.route).toBe('unknown');
	const { city, isp, province, state, description, then, toJSON } = statusOf(outputs[0]![0]!);
	expect({ city, isp, province, state, description, then, toJSON }).toEqual({
		city: result.city,
		state: '__proto__',
		description: '={{ $env }}',
	});
});

describe('a reply of 100 MB', () => {
	const LENGTH = 100_000_000;
	const ANSWER = '{"error_code":0,"result":{"state":"0"}}';
	/** Bytes that the service got rid of. */
	let sent = 0;
	let head: string;
	let bodies: Iterable<Buffer>;
	const sockets = new Set<Socket>();
	const server = createRawServer((socket) => {
		sockets.add(socket.on('error', () => {}));
		socket.once('data', async () => {
			socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\n${head}\r\n\r\n`);
			for (const body of bodies) {
				if (socket.destroyed) return;
				sent += body.length;
				if (!socket.write(body)) {
					await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {});
				}
			}
			socket.end();
		});
	});
	beforeAll(async () => {
		await once(server.listen(0, '127.0.0.1'), 'listening');
	});
	afterAll(async () => {
		for (const socket of sockets) socket.destroy();
		await once(server.close(), 'close');
	});

	function* plain() {
		const spaces = Buffer.alloc(64 * 1024, ' ');
		for (let length = 0; length < LENGTH; length += spaces.length) yield spaces;
		yield Buffer.from(ANSWER);
	}
	async function ask() {
		const { port } = server.address() as AddressInfo;
		sent = 0;
		const { outputs } = await juhe.run(phones('13800138000'), {
			...CONTINUE,
			...withOptions({ timeout: 60_000 }),
			credential: { baseUrl: `http://127.0.0.1:${port}` },
		});
		return outputs[0]![0]!;
	}

	test.each([
		['of that length', `Content-Length: ${LENGTH}`],
		['that lies low', 'Content-Length: 10'],
		['that lies high', 'Content-Length: 999999999999999'],
	])('%s is not taken in', async (_, header) => {
		[head, bodies] = [header, plain()];
		expect(detailsOf(await ask())).toMatchObject({ code: 'notJuhe', billable: 'uncertain' });
		expect(sent).toBeLessThan(LENGTH / 5);
	});

	const long = Buffer.concat([Buffer.alloc(LENGTH, ' '), Buffer.from(ANSWER)]);
	const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
	test.each([
		['gzip', () => gzipSync(long)],
		['br', () => brotliCompressSync(long, quality)],
		['deflate', () => deflateSync(long)],
		['deflate', () => deflateRawSync(long)],
		['gzip, gzip', () => gzipSync(gzipSync(long))],
	])('packed with %s is not unpacked', async (encoding, pack) => {
		const packed = pack();
		[head, bodies] = [
			`Content-Encoding: ${encoding}\r\nContent-Length: ${packed.length}`,
			[packed],
		];
		const before = process.memoryUsage().rss;
		expect(detailsOf(await ask())).toMatchObject({ code: 'notJuhe' });
		expect(process.memoryUsage().rss - before).toBeLessThan(LENGTH / 2);
	});
});
