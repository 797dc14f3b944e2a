/** The simulator of the service, in processes of its own, over http and https. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer } from 'node:tls';

import axios from 'axios';

import { freePorts } from '../real-n8n';

export const ROOT = join(__dirname, '../..');
/** Milliseconds between a lookup of the simulator and its answer. */
export const LATENCY = 50;

/** A connection that is kept would be closed by the time of the next question. */
const control = axios.create({ httpAgent: new Agent({ keepAlive: false }) });

/** What the simulator has counted since the last reset. */
export interface Counts {
	requests: number;
	billed: number;
	peakConnections: number;
}

export interface SimulatorProcess {
	url: string;
	reset: () => Promise<void>;
	counts: () => Promise<Counts>;
	stop: () => unknown;
}

/** @param rate requests a second that the service bears; 0 for any number */
export async function startSimulator(rate = 0): Promise<SimulatorProcess> {
	const [port = 0] = await freePorts(1);
	const options = Object.entries({ '--port': port, '--latency': LATENCY, '--rate': rate });
	const child = spawn(
		process.execPath,
		['--import', 'tsx', 'test/simulator/main.ts', ...options.flat().map(String)],
		{ cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] },
	);
	const url = `http://127.0.0.1:${port}`;
	const counts = async () => (await control.get<Counts>(`${url}/simulator/counts`)).data;
	const deadline = Date.now() + 30_000;
	const isReady = () =>
		counts().then(
			() => true,
			(error: unknown) => {
				if (Date.now() > deadline) throw error;
				return false;
			},
		);
	while (!(await isReady())) await sleep(50);
	const reset = async () => {
		await control.post(`${url}/simulator/reset`);
	};
	return { url, counts, reset, stop: () => child.kill() };
}

/** The credential that the simulator accepts. @param baseUrl its own address, or that of TLS in front of it */
export function credentialFor(baseUrl: string) {
	const vectors = readFileSync(join(ROOT, 'test/vectors/rsa.json'), 'utf8');
	const { publicKeySpkiPem: rsaPublicKey } = JSON.parse(vectors).keys[0];
	return {
		apiKey: 'simulator-key-0123456789abcdef01',
		openid: 'JH0123456789abcdef0123456789abcdef',
		rsaPublicKey: rsaPublicKey as string,
		baseUrl,
	};
}

/** TLS in front of the simulator, which counts handshakes. */
export interface Tls {
	url: string;
	/** File of the certificate, for NODE_EXTRA_CA_CERTS. */
	certificate: string;
	handshakes: () => number;
	stop: () => void;
}

/** Makes a certificate that only this run trusts. @throws Error where there is no openssl */
export async function startTls(simulator: SimulatorProcess): Promise<Tls> {
	const folder = mkdtempSync(join(tmpdir(), 'juhe-bench-tls-'));
	const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
	const request = 'req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=simulator';
	const files = ['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate];
	execFileSync('openssl', [...request.split(' '), ...files], { stdio: 'pipe' });

	let handshakes = 0;
	const target = Number(new URL(simulator.url).port);
	const pem = { key: readFileSync(key), cert: readFileSync(certificate) };
	const server = createServer(pem, (socket) => {
		handshakes++;
		const plain = connect(target, '127.0.0.1');
		for (const side of [socket, plain]) {
			side.on('error', () => {
				socket.destroy();
				plain.destroy();
			});
		}
		socket.pipe(plain).pipe(socket);
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const stop = () => {
		server.close();
		rmSync(folder, { recursive: true, force: true });
	};
	const { port } = server.address() as AddressInfo;
	return { url: `https://127.0.0.1:${port}`, certificate, handshakes: () => handshakes, stop };
}
