/**
 * Measures the node against a bare lookup node, against n8n's HTTP Request node and against axios alone, in a real n8n
 * and on its bare engine: `npm run bench`. All take turns in one run, against one simulator in a process of its own.
 * What is shown are medians; ratios between them mean more than the seconds of one machine.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

import axios from 'axios';
import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import type { INode, INodeParameters, ITaskData } from 'n8n-workflow';

import type { EngineJob, EngineResult } from '../test/bench/engine';
import {
	ensureN8n,
	freePorts,
	N8N_VERSION,
	packTarball,
	startN8n,
	type N8n,
	type WorkflowFile,
} from './real-n8n';
import { yearSection } from './year';

const ROOT = join(__dirname, '..');
const REPORT = join(ROOT, 'docs/benchmark.md');
const ROWS = 2000;
/** Rows of the lists on which time has to grow in step; the longest are measured once. */
const LENGTHS = [1000, 10_000, 100_000] as const;
const MEASURED_ONCE = 20_000;
const CONCURRENCIES = [10, 20, 50] as const;
const OPERATIONS = ['plain', 'aes', 'rsa'] as const;
/** Requests a second that some of the services bear; nobody tells the node. */
const RATES = [20, 50, 100] as const;
const LIMITED_ROWS = 1000;
/** Milliseconds between a lookup of the simulator and its answer. */
const LATENCY = 50;
/** For the simulator's counts: a connection that is kept would be closed by the time of the next question. */
const control = axios.create({ httpAgent: new Agent({ keepAlive: false }) });
const KEY = 'simulator-key-0123456789abcdef01';
const OPENID = 'JH0123456789abcdef0123456789abcdef';

type List = 'distinct' | 'dirty';
type Operation = (typeof OPERATIONS)[number];

/** Something that looks numbers up, and the list that it gets. */
interface Contender {
	/** The simulator that it asks. */
	baseUrl: string;
	where: 'n8n' | 'engine' | 'alone';
	name: string;
	list: List;
	rows: number;
	/** Runs once. @throws Error where it does not get to its end */
	run: () => Promise<{ seconds: number; cpu?: number; memory?: number; heap?: number }>;
}

interface Measured extends Omit<Contender, 'run' | 'baseUrl'> {
	seconds: number;
	/** CPU milliseconds a row, of the whole process. */
	cpu?: number;
	/** The most megabytes that the n8n process took. */
	memory?: number;
	/** The most bytes in use on the engine's heap. */
	heap?: number;
	/** What the simulator counted. */
	requests: number;
	billed: number;
	connections: number;
	/** Why there are no seconds. */
	error?: string;
}

/** `count` distinct numbers, or a list with 30% duplicates in other spellings and 5% that are no numbers. */
function phones(list: List, count: number): string[] {
	const number = (index: number) => `139${String(index).padStart(7, '0')}0`;
	const distinct = Math.round(count * 0.65);
	return Array.from({ length: count }, (_, index) => {
		if (list === 'distinct') return number(index);
		// Of twenty rows thirteen are new, six are known in another spelling, one is none.
		const place = index % 20;
		const block = Math.floor(index / 20) * 13;
		if (place < 13) return number(Math.min(block + place, distinct - 1));
		if (place === 19) return '010-62345678';
		return `+86 ${number(block + place - 13).replace(/(\d{3})(\d{4})/, '$1-$2-')}`;
	});
}

async function main({ rounds }: { rounds: number }): Promise<void> {
	const install = await ensureN8n(({ name }) => console.log(`Fetching ${name}`));
	const tarball = await packTarball();
	const ports = await freePorts(1 + RATES.length);
	const simulators = ports.map((port, index) => startSimulator(port, RATES[index - 1] ?? 0));
	const [baseUrl = '', ...limitedUrls] = ports.map((port) => `http://127.0.0.1:${port}`);
	const n8n = await startN8n({
		install,
		tarball,
		env: {
			N8N_CUSTOM_EXTENSIONS: join(ROOT, 'test/bench'),
			N8N_PAYLOAD_SIZE_MAX: '256',
			NODE_FUNCTION_ALLOW_BUILTIN: 'crypto',
		},
	});
	try {
		await Promise.all([baseUrl, ...limitedUrls].map(untilListening));
		const all = [
			...(await inN8n(n8n, baseUrl)),
			...onEngine(baseUrl),
			...alone(baseUrl),
			...limitedUrls.map((url, index) =>
				engine(url, nameOf.limited(RATES[index]!), 'ours', 'plain', 10, LIMITED_ROWS),
			),
		];
		const measured = await measure(all, rounds);
		const report = toMarkdown(measured, rounds);
		writeFileSync(REPORT, `${report}\n${yearSection()}`);
		writeFileSync(join(ROOT, 'docs/benchmark.svg'), toChart(measured));
		console.log(report);
	} finally {
		await n8n.stop();
		simulators.forEach((simulator) => simulator.kill());
		rmSync(dirname(tarball), { recursive: true, force: true });
	}
}

function startSimulator(port: number, rate: number): ChildProcess {
	const program = ['--import', 'tsx', 'test/simulator/main.ts'];
	const options = Object.entries({ '--port': port, '--latency': LATENCY, '--rate': rate });
	return spawn(process.execPath, [...program, ...options.flat().map(String)], {
		cwd: ROOT,
		stdio: ['ignore', 'ignore', 'inherit'],
	});
}

async function untilListening(baseUrl: string): Promise<void> {
	const deadline = Date.now() + 30_000;
	for (;;) {
		try {
			await control.get(`${baseUrl}/simulator/counts`);
			return;
		} catch (error) {
			if (Date.now() > deadline) throw error;
			await sleep(50);
		}
	}
}

function credentialFor(baseUrl: string) {
	const vectors = readFileSync(join(ROOT, 'test/vectors/rsa.json'), 'utf8');
	const { publicKeySpkiPem: rsaPublicKey } = JSON.parse(vectors).keys[0];
	return { apiKey: KEY, openid: OPENID, rsaPublicKey, baseUrl };
}

const nameOf = {
	ours: (operation: Operation, concurrency: number) =>
		`Juhe Mobile Status, ${operation}, ${concurrency} at a time`,
	floor: (concurrency: number) => `Bare node, plain, ${concurrency} at a time`,
	stubbed: 'Juhe Mobile Status, plain, answers at once',
	copied: 'A node that only adds an answer',
	http: 'HTTP Request, plain, with credential',
	limited: (rate: number) => `Juhe Mobile Status as it is, the service bears ${rate} a second`,
	httpBare: 'HTTP Request, plain, without credential',
	codeAndHttp: (operation: Operation) => `Code + HTTP Request, ${operation}, with credential`,
};

/** Contenders in the n8n product, each a workflow of its own: webhook → rows → the node → its end. */
async function inN8n(n8n: N8n, baseUrl: string): Promise<Contender[]> {
	const credential = credentialFor(baseUrl);
	const name = 'Juhe account';
	const id = await n8n.createCredential(name, credential);
	const credentials = { juheApi: { id, name } };
	const workflow = async (
		title: string,
		nodes: Array<Partial<INode>>,
		list: List = 'distinct',
		rows = ROWS,
	): Promise<Contender> => {
		const path = `bench-${title}-${list}-${rows}`.replace(/\W+/g, '-').toLowerCase();
		const workflowId = await n8n.importWorkflow(workflowOf(path, nodes), { id, name });
		await n8n.activate(workflowId);
		const run = async () => {
			const body = { rows: phones(list, rows).map((phone) => ({ phone })) };
			forgetPeak(n8n.pid);
			const before = cpuTime(n8n.pid);
			await (await n8n.webhook(path, body)).text();
			const cpu = (cpuTime(n8n.pid) - before) / rows;
			const memory = peakMemory(n8n.pid);
			const tasks = await newestTasks(n8n, workflowId);
			const failed = tasks.find(({ error }) => error);
			if (failed) throw new Error(failed.error?.message);
			const seconds = tasks.reduce((sum, { executionTime }) => sum + executionTime / 1000, 0);
			return { seconds, cpu, memory };
		};
		return { baseUrl, where: 'n8n', name: title, list, rows, run };
	};

	const ours = (operation: Operation, concurrency: number, list?: List, rows?: number) =>
		workflow(
			nameOf.ours(operation, concurrency),
			[
				{
					type: 'n8n-nodes-juhe.juheMobileStatus',
					parameters: { operation, mobile: '={{ $json.phone }}', options: { concurrency } },
					credentials,
					onError: 'continueRegularOutput',
				},
			],
			list,
			rows,
		);
	const floor = (concurrency: number) =>
		workflow(nameOf.floor(concurrency), [
			{
				type: 'CUSTOM.floor',
				parameters: { mobile: '={{ $json.phone }}', concurrency },
				credentials,
			},
		]);
	const http = (path: string, mobile: string, withCredential = true): Partial<INode> => ({
		type: 'n8n-nodes-base.httpRequest',
		typeVersion: 4.2,
		parameters: {
			method: 'POST',
			url: `${baseUrl}/mobile_status/${path}`,
			...(withCredential && {
				authentication: 'predefinedCredentialType',
				nodeCredentialType: 'juheApi',
			}),
			sendBody: true,
			contentType: 'form-urlencoded',
			bodyParameters: {
				parameters: [
					{ name: 'mobile', value: mobile },
					...(withCredential ? [] : [{ name: 'key', value: KEY }]),
				],
			},
			options: {},
		},
		credentials,
		onError: 'continueRegularOutput',
	});
	const cleaned = '={{ $json.phone.replace(/\\D/g, "").slice(-11) }}';
	const encrypt = {
		aes: `const key = crypto.createHash('md5').update(${JSON.stringify(OPENID)}).digest('hex').slice(0, 16);
const encrypt = (mobile) => { const cipher = crypto.createCipheriv('aes-128-ecb', key, null); return cipher.update(mobile, 'utf8', 'base64') + cipher.final('base64'); };`,
		rsa: `const key = crypto.createPublicKey(${JSON.stringify(credential.rsaPublicKey)});
const encrypt = (mobile) => crypto.publicEncrypt({ key, oaepHash: 'sha1' }, Buffer.from(mobile)).toString('base64');`,
	};
	const codeAndHttp = (operation: 'aes' | 'rsa', path: string) =>
		workflow(nameOf.codeAndHttp(operation), [
			{
				type: 'n8n-nodes-base.code',
				typeVersion: 2,
				parameters: {
					jsCode: `const crypto = require('crypto');\n${encrypt[operation]}\nreturn $input.all().map(({ json }) => ({ json: { ...json, mobile: encrypt(json.phone) } }));`,
				},
			},
			http(path, '={{ $json.mobile }}'),
		]);

	return [
		...(await Promise.all(
			CONCURRENCIES.flatMap((concurrency) => [
				...OPERATIONS.map((operation) => ours(operation, concurrency)),
				floor(concurrency),
			]),
		)),
		await workflow(nameOf.http, [http('query', cleaned)]),
		await workflow(nameOf.httpBare, [http('query', cleaned, false)]),
		await codeAndHttp('aes', 'queryEncry'),
		await codeAndHttp('rsa', 'queryRV2'),
		await ours('plain', 50, 'dirty'),
		await workflow(nameOf.http, [http('query', cleaned)], 'dirty'),
		...(await Promise.all(LENGTHS.map((rows) => ours('plain', 50, 'distinct', rows)))),
		await ours('plain', 50, 'dirty', 100_000),
		await workflow(nameOf.httpBare, [http('query', cleaned, false)], 'distinct', MEASURED_ONCE),
	];
}

function workflowOf(path: string, nodes: Array<Partial<INode>>): WorkflowFile {
	const place = (
		name: string,
		type: string,
		parameters: INodeParameters,
		more: Partial<INode> = {},
	): INode => ({ id: name, name, type, typeVersion: 1, position: [0, 0], parameters, ...more });
	const webhook = { httpMethod: 'POST', path, responseMode: 'lastNode', options: {} };
	const all = [
		place('Webhook', 'n8n-nodes-base.webhook', webhook, { typeVersion: 2, webhookId: path }),
		place('Rows', 'n8n-nodes-base.splitOut', { fieldToSplitOut: 'body.rows', options: {} }),
		...nodes.map((node, index) => place(`Node ${index}`, '', {}, node)),
		place('End', 'n8n-nodes-base.noOp', {}, { executeOnce: true }),
	];
	return {
		name: path,
		nodes: all,
		connections: Object.fromEntries(
			all
				.slice(1)
				.map(({ name }, index) => [
					all[index]!.name,
					{ main: [[{ node: name, type: 'main' as const, index: 0 }]] },
				]),
		),
		settings: { executionOrder: 'v1' },
	};
}

/** What n8n saved of the last run of the nodes that are measured; `executionTime` is in milliseconds. */
async function newestTasks(n8n: N8n, workflowId: string): Promise<ITaskData[]> {
	for (;;) {
		const [newest] = await n8n.executions(workflowId);
		const runData = newest?.data.resultData.runData ?? {};
		if (newest && newest.status !== 'running') {
			// Or the next round would have to read this one again.
			await n8n.api('POST', '/rest/executions/delete', { ids: [newest.id] }).catch(() => undefined);
			return Object.keys(runData)
				.filter((name) => name.startsWith('Node '))
				.map((name) => runData[name]![0]!);
		}
		await sleep(50);
	}
}

/** CPU time of a process so far, in milliseconds; 0 where there is no /proc to ask. */
function cpuTime(pid: number | undefined): number {
	try {
		const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
		return (Number(fields[11]) + Number(fields[12])) * 10;
	} catch {
		return 0;
	}
}

/** The most memory that a process has taken since `forgetPeak`, in megabytes; 0 where there is no /proc to ask. */
function peakMemory(pid: number | undefined): number {
	try {
		const status = readFileSync(`/proc/${pid}/status`, 'utf8');
		return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
	} catch {
		return 0;
	}
}

function forgetPeak(pid: number | undefined): void {
	try {
		writeFileSync(`/proc/${pid}/clear_refs`, '5');
	} catch {
		// No /proc, or not allowed: the peak is then that of all runs so far.
	}
}

/** A contender on n8n's bare engine; each run has a process of its own. */
function engine(
	baseUrl: string,
	name: string,
	contender: EngineJob['contender'],
	operation: Operation,
	concurrency: number,
	rows = ROWS,
	checkout = ROOT,
): Contender {
	const run = async () => {
		const job: EngineJob = {
			contender,
			operation,
			concurrency,
			phones: phones('distinct', rows),
			credential: credentialFor(baseUrl),
		};
		// Collecting takes time: the heap is measured where the seconds are not what matters.
		const flags = rows > ROWS ? ['--expose-gc'] : [];
		const child = spawn(process.execPath, [...flags, '--import', 'tsx', 'test/bench/engine.ts'], {
			cwd: checkout,
			stdio: ['pipe', 'pipe', 'ignore'],
		});
		child.stdin.end(JSON.stringify(job));
		const [output, [exitCode]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
		if (exitCode !== 0) throw new Error(`It ended with ${exitCode}`);
		return JSON.parse(output) as EngineResult;
	};
	return { baseUrl, where: 'engine', name, list: 'distinct', rows, run };
}

function onEngine(baseUrl: string): Contender[] {
	const longest = LENGTHS[2];
	return [
		...([20, 50] as const).flatMap((concurrency) => [
			engine(baseUrl, nameOf.ours('plain', concurrency), 'ours', 'plain', concurrency),
			engine(baseUrl, nameOf.floor(concurrency), 'floor', 'plain', concurrency),
		]),
		engine(baseUrl, nameOf.ours('aes', 50), 'ours', 'aes', 50),
		engine(baseUrl, nameOf.ours('rsa', 50), 'ours', 'rsa', 50),
		engine(baseUrl, nameOf.stubbed, 'stubbed', 'plain', 50, longest),
		engine(baseUrl, nameOf.copied, 'copied', 'plain', 50, longest),
		engine(baseUrl, nameOf.ours('plain', 50), 'ours', 'plain', 50, longest),
	];
}

/** The same lookups by the client that n8n's helper is made of: what the wire allows. */
function alone(baseUrl: string): Contender[] {
	const client = (keepAlive: boolean): Contender => ({
		baseUrl,
		where: 'alone',
		name: `axios, ${keepAlive ? 'with' : 'without'} keep-alive, 50 at a time`,
		list: 'distinct',
		rows: ROWS,
		run: async () => {
			const http = axios.create({ httpAgent: new Agent({ keepAlive }) });
			const line = phones('distinct', ROWS).values();
			const { user, system } = process.cpuUsage();
			const begin = performance.now();
			const work = async () => {
				for (const mobile of line) {
					const form = new URLSearchParams({ key: KEY, mobile });
					await http.post(`${baseUrl}/mobile_status/query`, form);
				}
			};
			await Promise.all(Array.from({ length: 50 }, work));
			const seconds = (performance.now() - begin) / 1000;
			const used = process.cpuUsage();
			return { seconds, cpu: (used.user - user + used.system - system) / 1000 / ROWS };
		},
	});
	return [client(true), client(false)];
}

/** Lets everybody run in turns, so that a slow minute of the machine is nobody's own. */
async function measure(all: Contender[], rounds: number): Promise<Measured[]> {
	const turns = Array.from({ length: rounds }, (_, round) =>
		all.flatMap((contender, index) =>
			round === 0 || contender.rows < MEASURED_ONCE ? [{ contender, index }] : [],
		),
	).flat();
	const bar = new SingleBar({
		format: '{bar} {value}/{total} {name}',
		clearOnComplete: true,
		noTTYOutput: true,
		notTTYSchedule: 60_000,
	});
	bar.start(turns.length, 0, { name: '' });
	const runs = all.map(() => [] as Measured[]);
	for (const { contender, index } of turns) {
		const { run, baseUrl, ...what } = contender;
		bar.increment(0, { name: `${what.name}, ${what.rows} rows` });
		await control.post(`${baseUrl}/simulator/reset`);
		const result = await run().catch((error: unknown) => ({
			seconds: NaN,
			error: (error as Error).message.split('\n')[0],
		}));
		const { data } = await control.get(`${baseUrl}/simulator/counts`);
		const { requests, billed, peakConnections: connections } = data;
		runs[index]!.push({ ...what, ...result, requests, billed, connections });
		bar.increment(1);
	}
	bar.stop();
	return runs.map((each) => {
		const sorted = [...each].sort((a, b) => a.seconds - b.seconds);
		return sorted[Math.floor(sorted.length / 2)]!;
	});
}

/** Finds one of those that were measured. */
function finder(measured: Measured[]) {
	return (name: string, more: Partial<Contender> = {}) => {
		const wanted = { where: 'n8n', list: 'distinct', rows: ROWS, ...more, name };
		return measured.find((each) =>
			Object.entries(wanted).every(([key, value]) => each[key as keyof Measured] === value),
		)!;
	};
}

function ratiosOf(measured: Measured[]): Array<[what: string, value: string]> {
	const find = finder(measured);
	const ratio = (of: Measured, to: Measured) => (of.seconds / to.seconds).toFixed(2);
	const speed = ({ rows, seconds }: Measured) => rows / seconds;
	const [shortest, , longest] = LENGTHS.map((rows) => find(nameOf.ours('plain', 50), { rows }));
	const dirty = [nameOf.ours('plain', 50), nameOf.http].map((name) =>
		find(name, { list: 'dirty' }),
	);
	const bare = (name: string, rows: number = ROWS) => find(name, { where: 'engine', rows });
	const heaps = [nameOf.ours('plain', 50), nameOf.copied].map((name) => bare(name, LENGTHS[2]));
	return [
		...CONCURRENCIES.flatMap((concurrency) =>
			OPERATIONS.map((operation): [string, string] => [
				`time: ${operation}, ${concurrency} at a time : bare node`,
				ratio(find(nameOf.ours(operation, concurrency)), find(nameOf.floor(concurrency))),
			]),
		),
		...([20, 50] as const).map((concurrency): [string, string] => [
			`time on the bare engine: plain, ${concurrency} at a time : bare node`,
			ratio(bare(nameOf.ours('plain', concurrency)), bare(nameOf.floor(concurrency))),
		]),
		[
			'time: plain, 50 at a time : HTTP Request with credential',
			ratio(find(nameOf.ours('plain', 50)), find(nameOf.http)),
		],
		...(['aes', 'rsa'] as const).map((operation): [string, string] => [
			`time: ${operation}, 50 at a time : Code + HTTP Request with credential`,
			ratio(find(nameOf.ours(operation, 50)), find(nameOf.codeAndHttp(operation))),
		]),
		['time: dirty list, 50 at a time : HTTP Request with credential', ratio(dirty[0]!, dirty[1]!)],
		['bill: dirty list : HTTP Request', (dirty[0]!.requests / dirty[1]!.requests).toFixed(2)],
		[
			`rows a second: ${LENGTHS[2]} rows : ${LENGTHS[0]} rows`,
			(speed(longest!) / speed(shortest!)).toFixed(2),
		],
		...RATES.flatMap((rate): Array<[string, string]> => {
			const { seconds, requests, rows } = bare(nameOf.limited(rate), LIMITED_ROWS);
			const service = `where the service bears ${rate} a second`;
			return [
				[`time: ideal, ${service}`, (seconds / (rows / rate)).toFixed(2)],
				[`requests in vain, ${service}`, `${(100 * (requests / rows - 1)).toFixed(1)}%`],
			];
		}),
		[
			'CPU ms a row of all but the request helper, engine included',
			bare(nameOf.stubbed, LENGTHS[2]).cpu!.toFixed(3),
		],
		[
			'CPU ms a row of the engine alone, with a node that only adds an answer',
			bare(nameOf.copied, LENGTHS[2]).cpu!.toFixed(3),
		],
		[
			`peak heap over that of such a node, bytes a row (${LENGTHS[2]} rows)`,
			((heaps[0]!.heap! - heaps[1]!.heap!) / LENGTHS[2]).toFixed(0),
		],
	];
}

const PLACES = { n8n: 'n8n', engine: 'bare engine', alone: 'no n8n' };

function toMarkdown(measured: Measured[], rounds: number): string {
	const openFiles = execFileSync('sh', ['-c', 'ulimit -n']).toString().trim();
	const cells = (each: Measured) => [
		each.name,
		PLACES[each.where],
		each.list,
		each.rows,
		each.error ?? each.seconds.toFixed(2),
		each.error ? '' : Math.round(each.rows / each.seconds),
		each.cpu?.toFixed(2) ?? '',
		each.memory?.toFixed(0) ?? '',
		each.connections,
		each.requests,
		each.billed,
	];
	return `# Benchmark

\`npm run bench\`, ${new Date().toISOString().slice(0, 10)}: n8n ${N8N_VERSION}, ${cpus().length} × ${cpus()[0]?.model.trim()}, Node.js ${process.versions.node} for the bare engine, at most ${openFiles} open files; the simulator on the same machine with ${LATENCY} ms latency. Medians of ${rounds} rounds, lists of ${MEASURED_ONCE.toLocaleString('en-US')} rows and more once. Seconds are those that the engine records for the node; CPU and memory are those of the whole process.

The dirty list has 30% duplicates in other spellings and 5% rows that hold no mobile number; the HTTP Request node gets it with a cleaning expression. The HTTP Request node sends all rows at once, whatever the service allows.

## Ratios

${table(['What', ''], ratiosOf(measured))}

## All figures

${table(
	[
		...['What', 'Where', 'List', 'Rows', 'Seconds', 'Rows a second', 'CPU ms a row', 'Peak MB'],
		...['Peak connections', 'Requests', 'Billed'],
	],
	measured.map(cells),
)}
`;
}

/** Bars of seconds for the list of ROWS rows in n8n; it reads on light and on dark ground. */
function toChart(measured: Measured[]): string {
	const find = finder(measured);
	const shown = [
		...OPERATIONS.map((operation) => find(nameOf.ours(operation, 50))),
		find(nameOf.floor(50)),
		find(nameOf.http),
		find(nameOf.codeAndHttp('aes')),
		find(nameOf.codeAndHttp('rsa')),
		find(nameOf.ours('plain', 50), { list: 'dirty' }),
		find(nameOf.http, { list: 'dirty' }),
	];
	const longest = Math.max(...shown.map(({ seconds }) => seconds));
	const bars = shown.map(({ name, list, seconds, billed }, index) => {
		const y = 40 + index * 26;
		const width = (seconds / longest) * 300;
		const fill = name.startsWith('Juhe') ? '#0c8c7f' : '#8a94a3';
		return [
			`<text x="350" y="${y + 14}" text-anchor="end">${name}${list === 'dirty' ? ', dirty list' : ''}</text>`,
			`<rect x="360" y="${y}" width="${width.toFixed(1)}" height="18" rx="3" fill="${fill}"/>`,
			`<text x="${(368 + width).toFixed(1)}" y="${y + 14}">${seconds.toFixed(1)} s, ${billed.toLocaleString('en-US')} billed</text>`,
		].join('');
	});
	const height = 60 + shown.length * 26;
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" width="820" height="${height}" viewBox="0 0 820 ${height}" font-family="sans-serif" font-size="13" fill="#7b8694">`,
		`<text x="10" y="22" font-size="15">${ROWS.toLocaleString('en-US')} rows in n8n ${N8N_VERSION}, ${LATENCY} ms latency: seconds, less is better</text>`,
		...bars,
		'</svg>',
		'',
	].join('\n');
}

/** A table of Markdown. */
function table(head: string[], rows: Array<Array<string | number>>): string {
	return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function medianOf(values: number[]): number {
	return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

/** Prints the node of another checkout beside this one, on n8n's bare engine, in turns. */
async function compare({ source, rounds }: { source: string; rounds: number }): Promise<void> {
	const [port = 0] = await freePorts(1);
	const simulator = startSimulator(port, 0);
	const baseUrl = `http://127.0.0.1:${port}`;
	try {
		await untilListening(baseUrl);
		const rows: string[][] = [];
		for (const concurrency of [20, 50]) {
			for (const operation of OPERATIONS) {
				const sides = [source, ROOT].map((checkout) =>
					engine(baseUrl, '', 'ours', operation, concurrency, ROWS, checkout),
				);
				const seconds: number[][] = [[], []];
				for (let round = 0; round < rounds; round++) {
					for (const [side, { run }] of sides.entries()) {
						seconds[side]!.push((await run()).seconds);
					}
				}
				const [before = 0, now = 0] = seconds.map(medianOf);
				const figures = [before.toFixed(2), now.toFixed(2), (now / before).toFixed(2)];
				rows.push([`${operation}, ${concurrency} at a time`, ...figures]);
			}
		}
		for (const contender of ['stubbed', 'copied'] as const) {
			const results = [];
			for (const checkout of [source, ROOT]) {
				const long = engine(baseUrl, '', contender, 'plain', 50, LENGTHS[2], checkout);
				results.push(await long.run());
			}
			const figures = results.map(({ seconds, heap = 0 }) =>
				[`${seconds.toFixed(2)} s`, `${Math.round(heap / LENGTHS[2])} bytes a row`].join(', '),
			);
			rows.push([`${contender}, ${LENGTHS[2]} rows`, ...figures, '']);
		}
		console.log(table(['What', 'Before, seconds', 'Now, seconds', 'Ratio'], rows));
	} finally {
		simulator.kill();
	}
}

new Command('bench')
	.description(
		'Measures the node in a real n8n and writes docs/benchmark.md and docs/benchmark.svg.',
	)
	.option('--rounds <number>', 'rounds for the lists of up to 10,000 rows', Number, 3)
	.action(main)
	.addCommand(
		new Command('compare')
			.description('Prints the node of another checkout, with its packages, beside this one.')
			.requiredOption('--source <folder>', 'the other checkout')
			.option('--rounds <number>', 'rounds of each', Number, 3)
			.action(compare),
	)
	.addCommand(
		new Command('year')
			.description(
				'Simulates a year of nightly checks, and writes its section of docs/benchmark.md.',
			)
			.action(() => {
				const [measured = ''] = readFileSync(REPORT, 'utf8').split('\n## A year of nightly checks');
				writeFileSync(REPORT, `${measured.trimEnd()}\n\n${yearSection()}`);
				console.log(yearSection());
			}),
	)
	.parseAsync()
	.catch((error: unknown) => {
		console.error(error);
		process.exitCode = 1;
	});
