/**
 * A stand-in for Juhe's mobile status API on 127.0.0.1: it follows the API document to the letter, decrypts for real,
 * counts what it bills and fails in whatever way it is told to. What it says is in service.ts, how it fails in faults.ts.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import {
	createServer,
	type IncomingHttpHeaders,
	type IncomingMessage,
	type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import rsaVectors from '../vectors/rsa.json';
import {
	answerFor,
	deliver,
	httpAnswer,
	parseRule,
	type Answer,
	type Fault,
	type Rule,
} from './faults';
import { endpoints, failure, success, unprotect } from './service';

export type { Fault, Rule } from './faults';

/** What a simulator is started with; every field has a default. */
export interface SimulatorOptions {
	/** TCP port; 0, the default, takes any that is free. */
	port?: number;
	/** The address of this machine that it listens on, default 127.0.0.1. */
	host?: string;
	/** The `key` that requests must carry; any other is answered with 10001. */
	key?: string;
	/** The account's OpenID, which the AES key is made from (section 2). */
	openid?: string;
	/** RSA private key as PEM (section 3); by default the 2048-bit throwaway key of test/vectors/rsa.json. */
	privateKey?: string;
	/** Milliseconds between a lookup and its answer, default 0. */
	latency?: number;
	/** Requests let through in any one second, default 0 = no limit. Those turned away do not count towards it. */
	ratePerSecond?: number;
	/** How a request past the limit is turned away: `code`, the default, with 10011, `http` with status 429. */
	limitReply?: 'code' | 'http';
	/** Whether `received` is filled, default true; a long benchmark does without. */
	keepRequests?: boolean;
}

/** One request, as it came in. */
export interface ReceivedRequest {
	method: string;
	/** The address without its query string. */
	path: string;
	/** The address with its query string. */
	url: string;
	headers: IncomingHttpHeaders;
	/** The `mobile` parameter once decrypted; as it came where that fails, undefined where there is none. */
	mobile: string | undefined;
	/** The raw body; empty past 64 KB. */
	body: string;
	/** When it arrived, by performance.now(), in milliseconds. */
	at: number;
	/** What spoilt its answer. */
	fault?: Fault;
	/** Whether it was billed. */
	billed?: boolean;
	/** When its answer had gone out to the last byte; undefined where it was cut, or is still on its way. */
	answeredAt?: number;
}

/** What has happened since the start or the last reset. Requests to /simulator/… are never counted. */
export interface Counts {
	/** Requests that arrived, whatever their path or their end. */
	requests: number;
	/**
	 * Paid lookups: those for which error_code 0 was produced, at the moment of the lookup. An answer that is then lost
	 * (reset, hang, drip, a client that no longer waits) was paid all the same.
	 */
	billed: number;
	/** Paid lookups by number. */
	lookups: Map<string, number>;
	/** Requests turned away by the rate limit. */
	limited: number;
	/** Requests that are neither answered nor cut at this moment. */
	inFlight: number;
	peakInFlight: number;
	/** The most connections open at one time, idle ones included. */
	peakConnections: number;
}

const MAX_BODY_BYTES = 64 * 1024;

/** The whole body is taken in, so that its sender gets to read the answer; past the limit none of it is kept. */
async function readBody(req: IncomingMessage): Promise<string | undefined> {
	const chunks: Buffer[] = [];
	let bytes = 0;
	for await (const chunk of req as AsyncIterable<Buffer>) {
		bytes += chunk.length;
		if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
	}
	return bytes <= MAX_BODY_BYTES ? Buffer.concat(chunks).toString() : undefined;
}

/** A running stand-in; `startSimulator` makes one. */
class Simulator {
	/** As in the options; may be changed while it runs. */
	key: string;
	/** As in the options; may be changed while it runs. */
	openid: string;
	/** Milliseconds between a lookup and its answer; may be changed while it runs. */
	latency: number;
	/** The public half of the RSA key, PEM (SPKI). */
	readonly rsaPublicKey: string;
	readonly counts: Counts = {
		requests: 0,
		billed: 0,
		lookups: new Map(),
		limited: 0,
		inFlight: 0,
		peakInFlight: 0,
		peakConnections: 0,
	};
	/** Every request in order of arrival, so that entry n is call n + 1 to a rule; empty without `keepRequests`. */
	readonly received: ReceivedRequest[] = [];

	private readonly privateKey: KeyObject;
	private readonly ratePerSecond: number;
	private readonly limitFault: Fault;
	private readonly keepRequests: boolean;
	private rules: Array<{ rule: Rule; left: number }> = [];
	/** When the requests of the last second were let through, in milliseconds. */
	private passes: number[] = [];
	private connections = 0;
	private port: number;
	private readonly host: string;
	private readonly server = createServer((req, res) => {
		this.serve(req, res).catch((error: unknown) => {
			// A broken upload, or a rule that cannot be sent (such as a status of 9): the next request must still be served.
			if (res.headersSent) res.destroy();
			else res.writeHead(500).end(String(error));
		});
	});

	constructor(options: SimulatorOptions) {
		this.port = options.port ?? 0;
		this.host = options.host ?? '127.0.0.1';
		this.key = options.key ?? 'simulator-key-0123456789abcdef01';
		this.openid = options.openid ?? 'JH0123456789abcdef0123456789abcdef';
		this.latency = options.latency ?? 0;
		this.privateKey = createPrivateKey(
			options.privateKey ?? rsaVectors.keys[0]!.privateKeyPkcs8Pem,
		);
		this.rsaPublicKey = createPublicKey(this.privateKey)
			.export({ type: 'spki', format: 'pem' })
			.toString();
		this.ratePerSecond = options.ratePerSecond ?? 0;
		this.limitFault =
			options.limitReply === 'http' ? { kind: 'http', status: 429 } : { kind: 'code', code: 10011 };
		this.keepRequests = options.keepRequests ?? true;
		this.server.on('connection', (socket) => {
			this.connections++;
			this.counts.peakConnections = Math.max(this.counts.peakConnections, this.connections);
			socket.once('close', () => this.connections--);
		});
	}

	/** Data of the `juheApi` credential that it accepts now. */
	get credential() {
		const { key, openid, rsaPublicKey, url } = this;
		return { apiKey: key, openid, rsaPublicKey, baseUrl: url };
	}

	/** The base URL, without a trailing slash. */
	get url(): string {
		return `http://${this.host}:${this.port}`;
	}

	/** Adds a rule behind those that are there. */
	script(rule: Rule): void {
		this.rules.push({ rule, left: rule.times ?? Infinity });
	}

	/** Forgets counts, log and rules; what is in flight stays counted as such. */
	reset(): void {
		const { lookups, inFlight } = this.counts;
		lookups.clear();
		Object.assign(this.counts, { requests: 0, billed: 0, limited: 0, peakInFlight: inFlight });
		this.counts.peakConnections = this.connections;
		this.received.length = 0;
		this.rules = [];
		this.passes = [];
	}

	/** Goes down: open connections are cut, new ones refused, until `accept`. */
	async refuse(): Promise<void> {
		if (!this.server.listening) return;
		const closed = once(this.server, 'close');
		this.server.close();
		this.server.closeAllConnections();
		await closed;
	}

	/** Listens, again after `refuse`, on the port it had. */
	async accept(): Promise<void> {
		if (this.server.listening) return;
		this.server.listen(this.port, this.host);
		await once(this.server, 'listening');
		this.port = (this.server.address() as AddressInfo).port;
	}

	/** Ends the server and every open connection; nothing of it keeps the process alive after that. */
	async close(): Promise<void> {
		await this.refuse();
	}

	private async serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
		const { method = '', url = '', headers } = req;
		const [path, query] = url.split(/\?(.*)/s, 2) as [string, string?];
		if (path.startsWith('/simulator/')) return this.control(`${method} ${path}`, req, res);

		// Counted before the body is read, so that calls are numbered in the order of arrival.
		const call = ++this.counts.requests;
		const entry: ReceivedRequest = {
			method,
			path,
			url,
			headers,
			mobile: undefined,
			body: '',
			at: performance.now(),
		};
		if (this.keepRequests) this.received.push(entry);
		this.counts.inFlight++;
		this.counts.peakInFlight = Math.max(this.counts.peakInFlight, this.counts.inFlight);
		res.once('close', () => this.counts.inFlight--);
		res.once('finish', () => (entry.answeredAt = performance.now()));

		const body = await readBody(req);
		entry.body = body ?? '';
		const { fault, latency = this.latency, answer } = this.answer(entry, query, body, call);
		// After the lookup: a client that stops waiting has paid. The timer must not outlive the server.
		if (latency > 0) await sleep(latency, undefined, { ref: false });
		if (!res.destroyed) await deliver(res, answer, fault);
	}

	private answer(
		entry: ReceivedRequest,
		query: string | undefined,
		body: string | undefined,
		call: number,
	): { answer: Answer; fault?: Fault; latency?: number } {
		const protection = endpoints.get(entry.path);
		if (!protection) return { answer: httpAnswer({ status: 404 }) };
		if (entry.method !== 'GET' && entry.method !== 'POST') {
			return { answer: httpAnswer({ status: 405, headers: { allow: 'GET, POST' } }) };
		}
		if (body === undefined) return { answer: httpAnswer({ status: 413 }) };

		const form = /^application\/x-www-form-urlencoded\s*(;|$)/i.test(
			entry.headers['content-type'] ?? '',
		);
		const params = new URLSearchParams(entry.method === 'GET' ? query : form ? body : '');
		const sent = params.get('mobile') ?? undefined;
		const mobile = sent && unprotect(protection, sent, this.openid, this.privateKey);
		entry.mobile = mobile ?? sent;

		const rule = this.overRate(entry.at)
			? { fault: this.limitFault }
			: this.match(entry.mobile, call);
		const genuine =
			params.get('key') !== this.key
				? failure(10001)
				: mobile && /^\d{11}$/.test(mobile)
					? success(protection, mobile)
					: failure(224902);
		const carried = () => [entry.url, body, ...params.values(), this.openid].join(' ');
		const answer = answerFor(genuine, rule?.fault, carried);
		entry.fault = rule?.fault;
		entry.billed = answer.billed && Boolean(mobile);
		if (entry.billed && mobile) {
			this.counts.billed++;
			this.counts.lookups.set(mobile, (this.counts.lookups.get(mobile) ?? 0) + 1);
		}
		return { fault: rule?.fault, latency: rule?.latency, answer };
	}

	private overRate(now: number): boolean {
		if (this.ratePerSecond === 0) return false;
		this.passes = this.passes.filter((at) => now - at < 1000);
		const over = this.passes.length >= this.ratePerSecond;
		if (over) this.counts.limited++;
		else this.passes.push(now);
		return over;
	}

	private match(mobile: string | undefined, call: number): Rule | undefined {
		const found = this.rules.find(
			({ rule, left }) =>
				left > 0 &&
				(rule.mobile === undefined || rule.mobile === mobile) &&
				(rule.call === undefined || rule.call === call),
		);
		if (found) found.left--;
		return found?.rule;
	}

	/** For a simulator in another process. */
	private async control(action: string, req: IncomingMessage, res: ServerResponse): Promise<void> {
		const body = await readBody(req);
		if (action === 'GET /simulator/counts') {
			const counts = { ...this.counts, lookups: Object.fromEntries(this.counts.lookups) };
			res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(counts));
		} else if (action === 'POST /simulator/script') {
			try {
				this.script(parseRule(JSON.parse(body ?? '')));
				res.writeHead(204).end();
			} catch (error) {
				res.writeHead(400).end(String(error));
			}
		} else if (action === 'POST /simulator/reset') {
			this.reset();
			res.writeHead(204).end();
		} else {
			res.writeHead(404).end();
		}
	}
}

export type { Simulator };

/** Starts a stand-in service, which accepts requests once the promise is fulfilled. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
	const simulator = new Simulator(options);
	await simulator.accept();
	return simulator;
}
