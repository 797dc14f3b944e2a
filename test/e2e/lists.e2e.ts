/**
 * Lists that are checked again and again, by the examples as they are, on n8n's Data Tables: a number is paid once, by
 * schedule and by hand, where executions overlap, and where n8n is killed in the middle.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { IDataObject, INode } from 'n8n-workflow';

import type { Execution, WorkflowFile } from '../../scripts/real-n8n';
import { stateByLastDigit } from '../simulator/service';
import { ownIt } from './ownIt';
import {
	dataTable,
	executionsOf,
	HOST,
	itemsOf,
	node,
	runByHand,
	startWorld,
	until,
	type World,
} from './world';

const EXAMPLES = join(__dirname, '../../examples');
const CHECK = 'Juhe Mobile Status';
const ROUTES = ['normal', 'suspended', 'unavailable', 'notOnNetwork', 'preCancelled'];
const BATCH = 200;
const LONG_AGO = '2020-01-01T00:00:00.000Z';

let world: World;
let inbox: Awaited<ReturnType<typeof startInbox>>;
let smtp: { id: string; name: string };
beforeAll(async () => {
	world = await startWorld();
	inbox = await startInbox();
	const account = { host: HOST, port: inbox.port, secure: false, disableStartTls: true };
	smtp = { id: await world.n8n.createCredential('SMTP account', account, 'smtp'), name: '' };
});
beforeEach(() => {
	world.simulator.reset();
	world.simulator.latency = 0;
	inbox.subjects.length = 0;
});
afterAll(async () => {
	await world.stop();
	inbox.close();
});

/** A mail server that takes every mail and keeps its subject. */
async function startInbox() {
	const subjects: string[] = [];
	const server = createServer((socket) => {
		let isMail = false;
		socket.write('220 inbox\r\n');
		socket.setEncoding('utf8').on('data', (text: string) => {
			subjects.push(...[...text.matchAll(/^Subject: (.*)\r$/gm)].map(([, subject]) => subject!));
			if (isMail && !text.endsWith('\r\n.\r\n')) return;
			isMail = text === 'DATA\r\n';
			socket.write(isMail ? '354 go on\r\n' : text === 'QUIT\r\n' ? '221 bye\r\n' : '250 ok\r\n');
		});
	});
	await once(server.listen(0, HOST), 'listening');
	return { subjects, port: (server.address() as AddressInfo).port, close: () => server.close() };
}

interface Published {
	id: string;
	/** Of the webhook that stands beside the schedule: n8n has no way to fire a schedule. */
	path: string;
}

const read = (file: string) =>
	JSON.parse(readFileSync(join(EXAMPLES, file), 'utf8')) as WorkflowFile;

/** Runs another copy of an example by hand, in a dry run. */
async function dryRun(file: string): Promise<Execution> {
	const example = read(file);
	for (const { name, parameters } of example.nodes) {
		if (name === CHECK) Object.assign(parameters.options as IDataObject, { dryRun: true });
	}
	const id = await world.n8n.importWorkflow(example, world.credential);
	await runByHand(world.n8n, id, 'Set Up Once');
	return await runByHand(world.n8n, id, 'Every Morning');
}

/** Publishes an example as it is, with a webhook and with its mails switched on. */
async function publish(file: string): Promise<Published> {
	const example = read(file);
	const path = file.replace('.json', '');
	const parameters = { httpMethod: 'POST', path, options: {} };
	const webhook = node('Webhook', 'n8n-nodes-base.webhook', parameters, {
		typeVersion: 2,
		webhookId: path,
	});
	const nodes = example.nodes.map((each): INode =>
		each.credentials?.smtp ? { ...each, disabled: false, credentials: { smtp } } : each,
	);
	const connections = { ...example.connections, Webhook: example.connections['Every Morning']! };
	const id = await world.n8n.importWorkflow(
		{ ...example, nodes: [...nodes, webhook], connections },
		world.credential,
	);
	await world.n8n.activate(id);
	return { id, path };
}

const bySchedule = async ({ id, path }: Published) =>
	(await executionsOf(world.n8n, id, () => world.n8n.webhook(path, {})))[0]!;
const byHand = ({ id }: Published) => runByHand(world.n8n, id, 'Every Morning');

const numberOf = (index: number) => `139${String(index).padStart(8, '0')}`;
const routeOf = (phone: unknown) => ROUTES[stateByLastDigit[Number(String(phone).at(-1))]!];
const listOf = (count: number) =>
	Array.from({ length: count }, (_, index) => ({ name: `R${index}`, phone: numberOf(index) }));

/** Each row holds the route of its own number, and a date that has not come. */
function expectChecked(rows: IDataObject[], count: number): void {
	expect(rows).toHaveLength(count);
	expect(rows.map(({ route }) => route)).toEqual(rows.map(({ phone }) => routeOf(phone)));
	const now = new Date().toISOString();
	expect(rows.filter((row) => !((row.mobileStatus_recheckAt as string) > now))).toEqual([]);
}

/** Says what an execution came to. */
function report(what: string, execution: Execution): void {
	const rows = itemsOf(execution, 'Write Back').length;
	const tasks = execution.data.resultData.runData['Write Back'] ?? [];
	const time = tasks.reduce((sum, { executionTime }) => sum + executionTime, 0);
	const perRow = rows === 0 ? '' : ` (${(time / rows).toFixed(1)} ms a row)`;
	const { billed } = world.simulator.counts;
	console.log(`${what}: ${billed} queries paid so far, ${rows} rows written back${perRow}`);
}

describe('scheduled-list-check.json', () => {
	let workflow: Published;
	beforeAll(async () => (workflow = await publish('scheduled-list-check.json')));

	it('makes its tables, and checks its sample', async () => {
		for (let times = 0; times < 2; times++) {
			await runByHand(world.n8n, workflow.id, 'Set Up Once');
		}
		await byHand(workflow);
		expectChecked(await (await dataTable(world.n8n, 'juhe_contacts')).read(), 6);
		expect(world.simulator.counts.billed).toBe(6);
	});

	it('pays 2,000 rows once, then what is edited and what is due', async () => {
		const { counts } = world.simulator;
		const contacts = await dataTable(world.n8n, 'juhe_contacts');
		await contacts.fill(listOf(2_000));
		report('2,000 rows, first run', await bySchedule(workflow));
		expect([counts.billed, counts.lookups.size]).toEqual([2_000, 2_000]);
		expectChecked(await contacts.read(), 2_000);
		report('2,000 rows, second run', await bySchedule(workflow));
		report('2,000 rows, by hand', await byHand(workflow));
		expect(counts.billed).toBe(2_000);
		expect(inbox.subjects).toEqual(['List checked: 2000 queries', 'List checked: 0 queries']);

		world.simulator.reset();
		inbox.subjects.length = 0;
		const edited = [5_000, 5_001, 5_002, 5_003, 5_004].map(numberOf);
		for (const [index, phone] of edited.entries()) {
			await contacts.edit('name', `R${index}`, { phone: `+86 ${phone}` });
		}
		const due = [500, 700, 1_900].map(numberOf);
		for (const phone of due) {
			await contacts.edit('phone', phone, { mobileStatus_recheckAt: LONG_AGO });
		}
		world.simulator.script({ mobile: due[1]!, fault: { kind: 'state', state: '3' } });
		await contacts.edit('name', 'R10', { phone: 'lost' });
		await contacts.edit('name', 'R11', { name: 'R11, renamed' });

		const execution = await byHand(workflow);
		report('5 numbers edited, 3 due', execution);
		expect([...counts.lookups.keys()].sort()).toEqual([...due, ...edited].sort());
		expect(itemsOf(execution, 'Changed')).toMatchObject([
			{ phone: due[1], mobileStatus_previousRoute: 'normal', route: 'notOnNetwork' },
		]);
		await until('both mails have come', () => inbox.subjects.length === 2);
		expect(inbox.subjects.sort()).toEqual(['1 numbers have changed', 'List checked: 8 queries']);
		const [lost] = (await contacts.read()).filter(({ name }) => name === 'R10');
		expect(lost).toMatchObject({ route: 'invalidNumber', mobileStatus_mobile: null });
		expect(lost!.remark).toMatch(/^'Mobile Number' (?!in row)/);

		// What the workflow itself has written is looked at once more, and then no longer.
		await bySchedule(workflow);
		expect(itemsOf(await bySchedule(workflow), 'Due Rows')).toEqual([]);
		expect(counts.billed).toBe(8);
	});

	it('a dry run writes nothing, and tells of no change', async () => {
		const execution = await dryRun('scheduled-list-check.json');
		const plans = itemsOf(execution, CHECK).map((row) => row.dryRun ?? row.details_code);
		expect(new Set(plans)).toEqual(new Set(['reusable', 'invalidNumber']));
		const ends = ['Rows to Write', 'Changed'].map((name) => itemsOf(execution, name));
		expect([ends, world.simulator.counts.requests]).toEqual([[[], []], 0]);
	});

	it('started three times at once, one execution checks and the others end', async () => {
		const { n8n, simulator } = world;
		await (await dataTable(n8n, 'juhe_contacts')).fill(listOf(400));
		simulator.latency = 20;
		const start = () => n8n.webhook(workflow.path, {});
		const startAll = () => Promise.all([start(), start(), start()]);
		const three = await executionsOf(n8n, workflow.id, startAll, 3);
		expect(three.map((each) => itemsOf(each, 'Due Rows').length).sort()).toEqual([0, 0, 400]);
		expect(simulator.counts.billed).toBe(400);
	});

	ownIt('pays one batch twice at most where n8n is killed in the middle of the loop', async () => {
		const { simulator } = world;
		const n8n = world.own!;
		const contacts = await dataTable(n8n, 'juhe_contacts');
		await contacts.fill(listOf(2_000));
		simulator.latency = 20;
		await n8n.webhook(workflow.path, {});
		await until('three batches are done', () => simulator.counts.billed >= 3.5 * BATCH, 60_000);
		await n8n.kill();
		const { billed } = simulator.counts;
		await n8n.start();

		// The dead execution's turn holds for 15 minutes.
		await bySchedule(workflow);
		expect(simulator.counts.billed).toBe(billed);
		const turns = await dataTable(n8n, 'juhe_turns');
		await turns.edit('workflow', workflow.id, { heldUntil: LONG_AGO });
		report(`2,000 rows, killed after ${billed} queries`, await bySchedule(workflow));
		expectChecked(await contacts.read(), 2_000);
		expect(simulator.counts.lookups.size).toBe(2_000);
		expect(simulator.counts.billed - 2_000).toBeLessThanOrEqual(BATCH);
	});
});

describe('keep-results-beside.json', () => {
	it('pays for what is new or due, and every row of the list comes out with its result', async () => {
		const workflow = await publish('keep-results-beside.json');
		await runByHand(world.n8n, workflow.id, 'Set Up Once');
		for (const run of [byHand, bySchedule]) {
			const rows = itemsOf(await run(workflow), 'Loop Over Items');
			expect(rows.map(({ id }) => id)).toEqual(['C001', 'C002', 'C003', 'C004', 'C005', 'C006']);
			expect(rows.map(({ route }) => route)).toEqual(rows.map(({ phone }) => routeOf(phone)));
			expect(world.simulator.counts.billed).toBe(6);
		}
		const results = await dataTable(world.n8n, 'juhe_results');
		await results.edit('phone', '13800012340', { mobileStatus_recheckAt: null });
		await bySchedule(workflow);
		expect(world.simulator.counts.lookups.get('13800012340')).toBe(2);
		expect(world.simulator.counts.billed).toBe(7);

		const changed = { mobileStatus_changed: true, mobileStatus_previousRoute: 'suspended' };
		await results.edit('phone', '13800012340', changed);
		const dry = await dryRun('keep-results-beside.json');
		expect(itemsOf(dry, CHECK).map((row) => row.dryRun)).toEqual(Array(6).fill('reusable'));
		const ends = ['Results to Write', 'Changed'].map((name) => itemsOf(dry, name));
		expect([ends, world.simulator.counts.billed]).toEqual([[[], []], 7]);
	});
});
