/**
 * A list of 10,000 rows on n8n's queue mode: one main process, two workers, Redis, PostgreSQL. The batches run as the
 * examples say; a list is checked by hand on a worker; then one worker is killed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IDataObject, INode } from 'n8n-workflow';

import { freePorts, type N8n, type WorkflowFile } from '../../scripts/real-n8n';
import { itemsOf, juhe, node, runByHand, set, until, wired } from '../e2e/world';
import type { Simulator } from '../simulator/simulator';
import { begun, ended, startQueueWorld, type QueueWorld, type Service } from './services';

const EXAMPLES = join(__dirname, '../../examples');
const SLOTS = 5;
const KEY = { name: 'x-batch-key', value: 'a long random value' };

let world: QueueWorld;
let simulator: Simulator;
let n8n: N8n;
let workers: Service[];
let credentials: Record<string, { id: string; name: string }>;

beforeAll(async () => {
	world = await startQueueWorld(2, SLOTS);
	({ simulator, n8n, workers } = world);
	const juheApi = await n8n.createCredential('Juhe account', simulator.credential);
	const httpHeaderAuth = await n8n.createCredential('Juhe batch key', KEY, 'httpHeaderAuth');
	credentials = {
		juheApi: { id: juheApi, name: 'Juhe account' },
		httpHeaderAuth: { id: httpHeaderAuth, name: 'Juhe batch key' },
	};
});
beforeEach(() => simulator.reset());
afterAll(() => world.stop());

type Row = IDataObject & { id: string; phone: string };

/** Rows with as many numbers. */
const rowsOf = (count: number): Row[] =>
	Array.from({ length: count }, (_, index) => ({
		id: `R${index}`,
		phone: `139${String(index).padStart(8, '0')}`,
	}));
const digits = ({ phone }: Row) => phone.replace(/\D/g, '').slice(-11);
const chunk = <T>(list: T[], size: number): T[][] =>
	Array.from({ length: Math.ceil(list.length / size) }, (_, index) =>
		list.slice(index * size, (index + 1) * size),
	);
const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
const read = (file: string) =>
	JSON.parse(readFileSync(join(EXAMPLES, file), 'utf8')) as WorkflowFile;
const parametersOf = (file: string, name: string) =>
	read(file).nodes.find((candidate) => candidate.name === name)!.parameters;

/** Imports and publishes an example, with some of its nodes changed. */
async function publish(file: string, changes: Record<string, Partial<INode>>): Promise<string> {
	const example = read(file);
	const nodes = example.nodes.map((original) => {
		const types = Object.keys(original.credentials ?? {});
		const own = types.length > 0 && {
			credentials: Object.fromEntries(types.map((type) => [type, credentials[type]!])),
		};
		return { ...original, ...own, ...changes[original.name] };
	});
	const id = await n8n.importWorkflow({ ...example, nodes }, credentials.juheApi);
	await n8n.activate(id);
	return id;
}

/** Calls a webhook, as soon as it listens. */
async function call(path: string, contacts: Row[]): Promise<Response> {
	let response: Response | undefined;
	await until(`${path} listens`, async () => {
		response = await fetch(`${n8n.url}/webhook/${path}`, {
			method: 'POST',
			headers: { 'content-type': 'application/json', [KEY.name]: KEY.value },
			body: JSON.stringify({ contacts }),
		});
		return response.status !== 404;
	});
	return response!;
}

/** The rows that a batch worker answers with. */
async function post(path: string, contacts: Row[]): Promise<IDataObject[]> {
	const response = await call(path, contacts);
	expect(response.status).toBe(200);
	return ((await response.json()) as { contacts: IDataObject[] }).contacts;
}

/** The list's workflow, started by a webhook: n8n has no way to press its button. `url` is where batches go. */
const publishFanOut = (path: string, url: string) =>
	publish('fan-out.json', {
		'Manual Trigger': {
			type: 'n8n-nodes-base.webhook',
			typeVersion: 2,
			webhookId: path,
			parameters: {
				httpMethod: 'POST',
				path,
				responseMode: 'lastNode',
				responseData: 'allEntries',
				options: {},
			},
		},
		'Contacts List': {
			parameters: {
				...parametersOf('fan-out.json', 'Contacts List'),
				jsonOutput: '={{ $json.body }}',
			},
		},
		'Check Batch': { parameters: { ...parametersOf('fan-out.json', 'Check Batch'), url } },
	});
const batchUrl = () => `${n8n.url}/webhook/juhe-batch`;
const idsOf = (rows: IDataObject[]) => rows.map(({ id }) => id as string).sort();

test('the examples import as they are', async () => {
	const files = readdirSync(EXAMPLES).filter((name) => name.endsWith('.json'));
	const { output, exitCode } = await n8n.cli(
		'import:workflow',
		'--separate',
		`--input=${EXAMPLES}`,
	);
	expect([exitCode, output]).toEqual([
		0,
		expect.stringContaining(`Successfully imported ${files.length} workflows`),
	]);
});

test('10,000 rows in batches: each row comes out once, and is paid once a batch', async () => {
	await publish('batch-worker.json', {});
	await publishFanOut('juhe-list', batchUrl());
	const distinct = rowsOf(9_000);
	// 500 numbers stand in three rows each, written in three ways.
	const spellings = [
		(phone: string) => `+86 ${phone.slice(0, 3)}-${phone.slice(3, 7)}-${phone.slice(7)}`,
		(phone: string) => `0086${phone}`,
	];
	const again = spellings.flatMap((spell, copy) =>
		distinct
			.slice(0, 500)
			.map(({ id, phone }) => ({ id: `${id} again ${copy}`, phone: spell(phone) })),
	);
	const list = [...distinct, ...again];
	expect(list).toHaveLength(10_000);

	const results = (await (await call('juhe-list', list)).json()) as IDataObject[];
	expect(idsOf(results)).toEqual(idsOf(list));
	expect(results.filter(({ error }) => error !== undefined)).toEqual([]);
	const numbers = list.map(digits).sort();
	const batches = chunk(numbers, 200).map((batch) => new Set(batch).size);
	expect(simulator.counts.billed).toBe(sum(batches));
	expect(simulator.counts.lookups.size).toBe(9_000);
	// 50 batches and the workflow that sends them; the log may come after the answer.
	await until('51 executions have ended', () => sum(workers.map(ended)) >= 51);
	expect(sum(workers.map(begun))).toBe(51);
	for (const worker of workers) expect(ended(worker)).toBeGreaterThanOrEqual(51 / 3);
});

test('rows of a batch without an answer come out too, and can be sent again', async () => {
	const list = rowsOf(450);
	// The first batch goes where nobody listens, until its rows are all there is.
	const [deadPort] = await freePorts(1);
	const dead = `http://127.0.0.1:${deadPort}/`;
	await publishFanOut(
		'juhe-part',
		`={{ $json.contacts[0].id === 'R0' && !$json.contacts[0].error ? '${dead}' : '${batchUrl()}' }}`,
	);
	const run = async (rows: Row[]) =>
		(await (await call('juhe-part', rows)).json()) as Array<Row & { error?: string }>;

	const results = await run(list);
	expect(idsOf(results)).toEqual(idsOf(list));
	const unanswered = results.filter(({ error }) => error !== undefined);
	expect(unanswered).toEqual(
		list.slice(0, 200).map((row) => ({
			...row,
			route: null,
			error: 'The batch got no answer',
		})),
	);
	expect(simulator.counts.billed).toBe(250);

	const again = await run(unanswered);
	expect(idsOf(again)).toEqual(idsOf(unanswered));
	expect(again.filter(({ error }) => error !== undefined)).toEqual([]);
	expect([simulator.counts.billed, simulator.counts.lookups.size]).toEqual([450, 450]);
});

test('by hand, on a worker: turns of a loop pay a number once, and share the cap and the total', async () => {
	const rows = [0, 1, 0, 2, 1, 3, 4, 0].map((number) => rowsOf(6)[number]!);
	const file = wired(
		'by hand',
		[
			node('By Hand', 'n8n-nodes-base.manualTrigger'),
			set('List', JSON.stringify({ rows })),
			node('Rows', 'n8n-nodes-base.splitOut', { fieldToSplitOut: 'rows', options: {} }),
			node(
				'Loop',
				'n8n-nodes-base.splitInBatches',
				{ batchSize: 3, options: {} },
				{ typeVersion: 3 },
			),
			juhe(
				'Juhe',
				{ summaryOutput: true, options: { maxQueries: 4 } },
				{ onError: 'continueRegularOutput' },
			),
			node('Done', 'n8n-nodes-base.noOp'),
		],
		[
			['By Hand', 'List'],
			['List', 'Rows'],
			['Rows', 'Loop'],
			['Loop', 'Done'],
			['Loop', 'Juhe', { output: 1 }],
			['Juhe', 'Loop'],
		],
	);
	const before = sum(workers.map(begun));
	const id = await n8n.importWorkflow(file, credentials.juheApi);
	const execution = await runByHand(n8n, id, 'By Hand');
	await until('a worker has begun it', () => sum(workers.map(begun)) === before + 1);
	expect([execution.mode, execution.status]).toEqual(['manual', 'success']);

	const done = itemsOf(execution, 'Done');
	expect(done.map(({ phone }) => phone)).toEqual(rows.map(({ phone }) => phone));
	expect(done.map(({ mobileStatus_source: source, details_code: code }) => source ?? code)).toEqual(
		['query', 'query', 'duplicate', 'query', 'duplicate', 'query', 'overCap', 'duplicate'],
	);
	expect([...simulator.counts.lookups.values()]).toEqual([1, 1, 1, 1]);
	expect(itemsOf(execution, 'Juhe', 1).at(-1)).toMatchObject({
		...{ rows: 8, queried: 4, duplicates: 3, errors: 1, billable: 4, failures: { overCap: 1 } },
	});
	const hints = execution.data.resultData.runData.Juhe!.map((turn) => turn.hints?.[0]?.message);
	expect(hints).toEqual([
		expect.stringMatching(/2 queried, 1 duplicate.*asks and pays anew/),
		expect.stringMatching(/2 queried, 1 duplicate.*asks and pays anew/),
		expect.stringContaining('1 over the cap'),
	]);
});

test('a worker is killed: its batches get no answer, and only they are to be sent again', async () => {
	const victim = workers[1]!;
	const batches = chunk(rowsOf(3_000), 100);
	const first = batches.slice(0, 10);
	const rest = batches.slice(10);
	const answers = await Promise.all(first.map((batch) => post('juhe-batch', batch)));

	// Nothing of ten waves ends between the condition and the kill.
	simulator.latency = 500;
	const responses = Promise.all(rest.map((batch) => call('juhe-batch', batch)));
	await until(
		'all slots are taken and have paid for something',
		() =>
			workers.every((worker) => begun(worker) - ended(worker) === SLOTS) &&
			simulator.counts.billed >= 1_100,
	);
	await victim.kill();
	simulator.latency = 50;

	const lost: Row[][] = [];
	for (const [index, response] of (await responses).entries()) {
		const body: unknown = await response.json();
		if (response.ok) answers.push((body as { contacts: IDataObject[] }).contacts);
		else {
			expect([response.status, body]).toEqual([500, { message: 'Error in workflow' }]);
			lost.push(rest[index]!);
		}
	}
	expect(lost).toHaveLength(SLOTS);
	const failed = await n8n.api<{ data: unknown[] }>('GET', '/api/v1/executions?status=error');
	const running = await n8n.api<{ data: unknown[] }>('GET', '/api/v1/executions?status=running');
	expect([failed.data.length, running.data.length]).toEqual([SLOTS, 0]);
	expect(n8n.logs).toContain('job stalled more than maxStalledCount');

	const paidInVain = lost.flat().filter((row) => simulator.counts.lookups.has(digits(row)));
	answers.push(...(await Promise.all(lost.map((batch) => post('juhe-batch', batch)))));
	expect(idsOf(answers.flat())).toEqual(idsOf(batches.flat()));
	expect(simulator.counts.billed).toBe(3_000 + paidInVain.length);
	expect(paidInVain.length).toBeLessThan(SLOTS * 100);
});
