/** What the tests of the node cannot show of the simulator: foreign ciphertexts, and its life as a program. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import axios from 'axios';

import aes from '../vectors/aes.json';
import rsa from '../vectors/rsa.json';
import { startSimulator } from './simulator';

const MOBILE = '15856521458';
const http = axios.create({ proxy: false, validateStatus: () => true });

test('it decrypts what javax.crypto encrypts, and nothing that was meant for others', async () => {
	const simulator = await startSimulator();
	const ask = async (url: string, path: string, mobile: string): Promise<unknown> => {
		const form = new URLSearchParams({ key: simulator.key, mobile });
		const { data } = await http.post<{ error_code: number }>(`${url}${path}`, form);
		return data.error_code;
	};
	for (const { openid, mobile, ciphertext } of aes.vectors) {
		const path = '/mobile_status/queryEncry';
		simulator.openid = openid;
		expect(await ask(simulator.url, path, ciphertext)).toBe(0);
		expect(simulator.received.at(-1)?.mobile).toBe(mobile);
		simulator.openid = 'JH00';
		expect(await ask(simulator.url, path, ciphertext)).toBe(224902);
	}
	for (const { privateKeyPkcs8Pem: privateKey, ciphertextsByJava } of rsa.keys) {
		const path = '/mobile_status/queryRV2';
		const other = await startSimulator({ privateKey });
		for (const { mobile, ciphertext } of ciphertextsByJava) {
			expect(await ask(other.url, path, ciphertext)).toBe(0);
			expect(other.received.at(-1)?.mobile).toBe(mobile);
			expect(await ask(other.url, path, MOBILE)).toBe(224902);
		}
		await other.close();
	}
	await simulator.close();
});

test('the program prints what a client needs, takes rules over HTTP, and ends on SIGTERM', async () => {
	const main = ['--import', 'tsx', `${__dirname}/main.ts`, '--port', '0'];
	const child = spawn(process.execPath, main, { stdio: ['ignore', 'pipe', 'inherit'] });
	const exit = once(child, 'exit');
	let printed = '';
	try {
		for await (const line of createInterface(child.stdout)) {
			if (line.startsWith('Ctrl+C')) break;
			printed += `${line}\n`;
		}
		const after = (label: string) => new RegExp(`^${label} +(\\S+)$`, 'm').exec(printed)?.[1];
		expect(printed).toContain('BEGIN PUBLIC KEY');
		expect(after('OpenID')).toMatch(/^JH/);
		http.defaults.baseURL = after('Base URL');
		const lookUp = async () => {
			const params = { key: after('Key'), mobile: MOBILE };
			const { data } = await http.get<{ error_code: number }>('/mobile_status/query', { params });
			return data.error_code;
		};
		const rule = { mobile: MOBILE, times: 1, fault: { kind: 'code', code: 224922 } };
		expect((await http.post('/simulator/script', rule)).status).toBe(204);
		expect([await lookUp(), await lookUp()]).toEqual([224922, 0]);
		expect((await http.post('/simulator/script', { fault: { kind: 'toString' } })).status).toBe(
			400,
		);
		const counts = { requests: 2, billed: 1, lookups: { [MOBILE]: 1 } };
		expect((await http.get('/simulator/counts')).data).toMatchObject(counts);
		await http.post('/simulator/reset');
		expect((await http.get('/simulator/counts')).data).toMatchObject({
			requests: 0,
			lookups: {},
		});
		expect((await http.get('/simulator/x')).status).toBe(404);
	} finally {
		child.kill('SIGTERM');
	}
	expect(await exit).toEqual([0, null]);
}, 30_000);
