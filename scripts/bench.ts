/**
 * Measures the node in a real n8n against a bare lookup node, against n8n's HTTP Request node and against axios alone:
 * `npm run bench`. Everything runs in turns in one run, against one simulator in a process of its own, and what is
 * shown are the medians; ratios between them mean more than the seconds of one machine.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import axios from 'axios';
import { SingleBar } from 'cli-progress';
import type { INode, INodeParameters, ITaskData } from 'n8n-workflow';

import {
	ensureN8n,
	freePorts,
	N8N_VERSION,
	packTarball,
	startN8n,
	type N8n,
	type WorkflowFile,
} from './real-n8n';

const ROOT = join(__dirname, '..');
const ROUNDS = 3;
const ROWS = 2000;
/** Rows of the lists on which time has to grow in step. */
const LENGTHS = [1000, 10_000];
/** Milliseconds between a lookup of the simulator and its answer. */
const LATENCY = 50;
const KEY = 'simulator-key-0123456789abcdef01';
const OPENID = 'JH0123456789abcdef0123456789abcdef';

interface Contender {
	name: string;
	list: 'distinct' | 'dirty';
	rows: number;
	/** Runs once. @returns seconds that the lookups took */
	run: () => Promise<{ seconds: number; cpu?: number }>;
}

interface Measured extends Pick<Contender, 'name' | 'list' | 'rows'> {
	seconds: number;
	/** CPU milliseconds a row of the whole n8n process, where n8n was what ran. */
	cpu: number | undefined;
	requests: number;
	billed: number;
	peak: number;
}

/** `count` distinct numbers, or a list with 30% duplicates in other spellings and 5% that are no numbers. */
function phones(list: 'distinct' | 'dirty', count: number): string[] {
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

async function main(): Promise<void> {
	const install = await ensureN8n(({ name }) => console.log(`Fetching ${name}`));
	const tarball = await packTarball();
	const [port] = await freePorts(1);
	const baseUrl = `http://127.0.0.1:${port}`;
	const simulator = spawn(
		process.execPath,
		[
			'--import',
			'tsx',
			'test/simulator/main.ts',
			'--port',
			String(port),
			'--latency',
			String(LATENCY),
		],
		{ cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] },
	);
	const n8n = await startN8n({
		install,
		tarball,
		env: { N8N_CUSTOM_EXTENSIONS: join(ROOT, 'test/bench'), N8N_PAYLOAD_SIZE_MAX: '64' },
	});
	try {
		await untilListening(baseUrl, simulator);
		const measured = await measure(await contenders(n8n, baseUrl), baseUrl);
		const report = toMarkdown(measured);
		writeFileSync(join(ROOT, 'docs/benchmark.md'), report);
		writeFileSync(join(ROOT, 'docs/benchmark.svg'), toChart(measured));
		console.log(report);
	} finally {
		await n8n.stop();
		simulator.kill();
		rmSync(dirname(tarball), { recursive: true, force: true });
	}
}

async function untilListening(baseUrl: string, simulator: ChildProcess): Promise<void> {
	while (simulator.exitCode === null) {
		if (
			await axios.get(`${baseUrl}/simulator/counts`).then(
				() => true,
				() => false,
			)
		)
			return;
		await sleep(50);
	}
	throw new Error('The simulator did not start');
}

async function contenders(n8n: N8n, baseUrl: string): Promise<Contender[]> {
	const rsaPublicKey = JSON.parse(readFileSync(join(ROOT, 'test/vectors/rsa.json'), 'utf8')).keys[0]
		.publicKeySpkiPem;
	const name = 'Juhe account';
	const id = await n8n.createCredential(name, {
		apiKey: KEY,
		openid: OPENID,
		rsaPublicKey,
		baseUrl,
	});
	const credentials = { juheApi: { id, name } };
	const inN8n = async (
		title: string,
		list: Contender['list'],
		rows: number,
		type: string,
		parameters: INodeParameters,
		more: Partial<INode> = {},
	): Promise<Contender> => {
		const path = `bench-${title}-${list}-${rows}`.replace(/\W+/g, '-').toLowerCase();
		const workflow = workflowOf(path, { type, parameters, credentials, ...more });
		const workflowId = await n8n.importWorkflow(workflow, { id, name });
		await n8n.activate(workflowId);
		const body = { rows: phones(list, rows).map((phone) => ({ phone })) };
		return {
			name: title,
			list,
			rows,
			run: async () => {
				const before = cpuTime(n8n.pid);
				await (await n8n.webhook(path, body)).text();
				const cpu = (cpuTime(n8n.pid) - before) / rows;
				const task = await newestTask(n8n, workflowId);
				if (task.error) throw new Error(`${title}: ${task.error.message}`);
				return { seconds: task.executionTime / 1000, cpu };
			},
		};
	};

	const mobile = '={{ $json.phone }}';
	const ours = (
		operation: string,
		concurrency: number,
		list: Contender['list'] = 'distinct',
		rows = ROWS,
	) =>
		inN8n(
			`Juhe Mobile Status, ${operation}, ${concurrency} at a time`,
			list,
			rows,
			'n8n-nodes-juhe.juheMobileStatus',
			{
				operation,
				mobile,
				options: { concurrency },
			},
			{ onError: 'continueRegularOutput' },
		);
	const floor = (concurrency: number) =>
		inN8n(`Bare node, plain, ${concurrency} at a time`, 'distinct', ROWS, 'CUSTOM.floor', {
			mobile,
			concurrency,
		});
	const httpRequest = (list: Contender['list'], withCredential: boolean) =>
		inN8n(
			`HTTP Request, ${withCredential ? 'with' : 'without'} credential`,
			list,
			ROWS,
			'n8n-nodes-base.httpRequest',
			{
				method: 'POST',
				url: `${baseUrl}/mobile_status/query`,
				...(withCredential && {
					authentication: 'predefinedCredentialType',
					nodeCredentialType: 'juheApi',
				}),
				sendBody: true,
				contentType: 'form-urlencoded',
				bodyParameters: {
					parameters: [
						{ name: 'mobile', value: '={{ $json.phone.replace(/\\D/g, "").slice(-11) }}' },
						...(withCredential ? [] : [{ name: 'key', value: KEY }]),
					],
				},
				options: {},
			},
			{ typeVersion: 4.2, onError: 'continueRegularOutput' },
		);
	const plainClient = (keepAlive: boolean): Contender => ({
		name: `axios, ${keepAlive ? 'with' : 'without'} keep-alive, 50 at a time`,
		list: 'distinct',
		rows: ROWS,
		run: () => askWithAxios(baseUrl, keepAlive),
	});
	return [
		await ours('plain', 20),
		await floor(20),
		await ours('plain', 50),
		await ours('aes', 50),
		await ours('rsa', 50),
		await floor(50),
		await httpRequest('distinct', true),
		await httpRequest('distinct', false),
		plainClient(true),
		plainClient(false),
		await ours('plain', 50, 'dirty'),
		await httpRequest('dirty', true),
		...(await Promise.all(LENGTHS.map((rows) => ours('plain', 50, 'distinct', rows)))),
	];
}

/** Webhook → rows → the node → its end. */
function workflowOf(path: string, node: Partial<INode>): WorkflowFile {
	const place = (
		name: string,
		type: string,
		parameters: INodeParameters,
		more: Partial<INode>,
	): INode => ({
		id: name,
		name,
		type,
		typeVersion: 1,
		position: [0, 0],
		parameters,
		...more,
	});
	const to = (name: string) => ({ main: [[{ node: name, type: 'main' as const, index: 0 }]] });
	const webhook = { httpMethod: 'POST', path, responseMode: 'lastNode', options: {} };
	return {
		name: path,
		nodes: [
			place('Webhook', 'n8n-nodes-base.webhook', webhook, { typeVersion: 2, webhookId: path }),
			place('Rows', 'n8n-nodes-base.splitOut', { fieldToSplitOut: 'body.rows', options: {} }, {}),
			place('Node', '', {}, node),
			place('End', 'n8n-nodes-base.noOp', {}, { executeOnce: true }),
		],
		connections: { Webhook: to('Rows'), Rows: to('Node'), Node: to('End') },
		settings: { executionOrder: 'v1' },
	};
}

/** What n8n saved of the node's last run; `executionTime` is in milliseconds, the node's own. */
async function newestTask(n8n: N8n, workflowId: string): Promise<ITaskData> {
	for (;;) {
		const [newest] = await n8n.executions(workflowId);
		const task = newest?.data.resultData.runData.Node?.[0];
		if (newest?.status !== 'running' && task) {
			// Or the next round would have to read this one again.
			await n8n.api('POST', '/rest/executions/delete', { ids: [newest.id] }).catch(() => undefined);
			return task;
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

/** The same lookups by the client that n8n's helper is made of: what the wire allows. */
async function askWithAxios(baseUrl: string, keepAlive: boolean): Promise<{ seconds: number }> {
	const client = axios.create({ httpAgent: new Agent({ keepAlive }) });
	const line = phones('distinct', ROWS).values();
	const begin = performance.now();
	const work = async () => {
		for (const mobile of line) {
			await client.post(
				`${baseUrl}/mobile_status/query`,
				new URLSearchParams({ key: KEY, mobile }),
			);
		}
	};
	await Promise.all(Array.from({ length: 50 }, work));
	return { seconds: (performance.now() - begin) / 1000 };
}

/** Lets everybody run in turns, so that a slow minute of the machine is nobody's own. */
async function measure(all: Contender[], baseUrl: string): Promise<Measured[]> {
	const bar = new SingleBar({ format: '{bar} {value}/{total} {name}', clearOnComplete: true });
	bar.start(all.length * ROUNDS, 0, { name: '' });
	const runs = all.map(() => [] as Measured[]);
	for (let round = 0; round < ROUNDS; round++) {
		for (const [index, { name, list, rows, run }] of all.entries()) {
			bar.increment(0, { name });
			await axios.post(`${baseUrl}/simulator/reset`);
			const { seconds, cpu } = await run();
			const { data } = await axios.get(`${baseUrl}/simulator/counts`);
			const { requests, billed, peakInFlight: peak } = data;
			runs[index]?.push({ name, list, rows, seconds, cpu, requests, billed, peak });
			bar.increment(1, { name });
		}
	}
	bar.stop();
	return runs.map((each) => {
		const sorted = [...each].sort((a, b) => a.seconds - b.seconds);
		return sorted[Math.floor(sorted.length / 2)]!;
	});
}

function secondsOf(measured: Measured[], name: string, list = 'distinct', rows = ROWS): number {
	const found = measured.find(
		(each) => each.name === name && each.list === list && each.rows === rows,
	);
	return found?.seconds ?? NaN;
}

function toMarkdown(measured: Measured[]): string {
	const ours = (what: string) => `Juhe Mobile Status, ${what} at a time`;
	const ratio = (a: number, b: number) => (a / b).toFixed(2);
	const http = 'HTTP Request, with credential';
	const at = (what: string, list?: string, rows?: number) =>
		secondsOf(measured, ours(what), list, rows);
	const ratios = [
		[
			'plain, 20 at a time : bare node',
			ratio(at('plain, 20'), secondsOf(measured, 'Bare node, plain, 20 at a time')),
		],
		[
			'plain, 50 at a time : bare node',
			ratio(at('plain, 50'), secondsOf(measured, 'Bare node, plain, 50 at a time')),
		],
		[
			'AES, 50 at a time : bare node',
			ratio(at('aes, 50'), secondsOf(measured, 'Bare node, plain, 50 at a time')),
		],
		[
			'RSA, 50 at a time : bare node',
			ratio(at('rsa, 50'), secondsOf(measured, 'Bare node, plain, 50 at a time')),
		],
		[
			'plain, 50 at a time : HTTP Request with credential',
			ratio(at('plain, 50'), secondsOf(measured, http)),
		],
		[
			'dirty list, 50 at a time : HTTP Request with credential',
			ratio(at('plain, 50', 'dirty'), secondsOf(measured, http, 'dirty')),
		],
		[
			`rows a second, ${LENGTHS[1]} rows : ${LENGTHS[0]} rows`,
			ratio(
				LENGTHS[1]! / at('plain, 50', 'distinct', LENGTHS[1]),
				LENGTHS[0]! / at('plain, 50', 'distinct', LENGTHS[0]),
			),
		],
	];
	return [
		'# Benchmark',
		'',
		`\`npm run bench\`, ${new Date().toISOString().slice(0, 10)}: n8n ${N8N_VERSION}, ${cpus().length} × ${cpus()[0]?.model.trim()}, the simulator on the same machine with ${LATENCY} ms latency. Medians of ${ROUNDS} rounds; seconds are those that n8n records for the node.`,
		'',
		'The dirty list has 30% duplicates in other spellings and 5% rows that hold no mobile number; the HTTP Request node gets it with a cleaning expression.',
		'',
		'| What | List | Rows | Seconds | Rows a second | CPU ms a row | Requests | Billed | Peak requests |',
		'| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
		...measured.map(
			({ name, list, rows, seconds, cpu, requests, billed, peak }) =>
				`| ${[name, list, rows, seconds.toFixed(2), Math.round(rows / seconds), cpu?.toFixed(2) ?? '', requests, billed, peak].join(' | ')} |`,
		),
		'',
		'| Ratio | |',
		'| --- | --- |',
		...ratios.map(([what, value]) => `| ${what} | ${value} |`),
		'',
	].join('\n');
}

/** Bars of seconds for the list of ROWS rows; it reads on light and on dark ground. */
function toChart(measured: Measured[]): string {
	const shown = measured.filter(({ rows }) => rows === ROWS);
	const longest = Math.max(...shown.map(({ seconds }) => seconds));
	const bars = shown.map(({ name, list, seconds }, index) => {
		const y = 40 + index * 26;
		const width = (seconds / longest) * 380;
		const fill = name.startsWith('Juhe') ? '#0c8c7f' : '#8a94a3';
		return [
			`<text x="330" y="${y + 14}" text-anchor="end">${name}${list === 'dirty' ? ', dirty list' : ''}</text>`,
			`<rect x="340" y="${y}" width="${width.toFixed(1)}" height="18" rx="3" fill="${fill}"/>`,
			`<text x="${(348 + width).toFixed(1)}" y="${y + 14}">${seconds.toFixed(1)} s</text>`,
		].join('');
	});
	const height = 60 + shown.length * 26;
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" width="800" height="${height}" viewBox="0 0 800 ${height}" font-family="sans-serif" font-size="13" fill="#7b8694">`,
		`<text x="10" y="22" font-size="15">${ROWS.toLocaleString('en-US')} rows in n8n ${N8N_VERSION}, ${LATENCY} ms latency: seconds, less is better</text>`,
		...bars,
		'</svg>',
		'',
	].join('\n');
}

main().catch((error: unknown) => {
	console.error(error);
	process.exit(1);
});
