/**
 * Lists that are checked again and again, by the examples as they are, on n8n's Data Tables: a number is paid once, by
 * schedule and by hand, also where n8n is killed in the middle; what is suppressed is not asked; and what executions that
 * overlap cost.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { IDataObject, INode } from 'n8n-workflow';

import type { Execution, WorkflowFile } from '../../scripts/real-n8n';
import { stateByLastDigit } from '../simulator/service';
import { startInbox } from './inbox';
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
const ROWS = 3 * BATCH;
const LONG_AGO = '2020-01-01T00:00:00.000Z';

let world: World;
let inbox: Awaited<ReturnType<typeof startInbox>>;
let group: Awaited<ReturnType<typeof startGroup>>;
let smtp: { id: string; name: string };
beforeAll(async () => {
	world = await startWorld();
	inbox = await startInbox();
	group = await startGroup();
	const account = { host: HOST, port: inbox.port, secure: false, disableStartTls: true };
	smtp = { id: await world.n8n.createCredential('SMTP account', account, 'smtp'), name: '' };
});
beforeEach(() => {
	world.simulator.reset();
	world.simulator.latency = 0;
	inbox.mails.length = 0;
	group.messages.length = 0;
});
afterAll(async () => {
	await world.stop();
	inbox.close();
	group.close();
});

/** The server of a group's bot: keeps what it is sent. */
async function startGroup() {
	const messages: Array<{ path: string; body: IDataObject }> = [];
	const server = createServer((request, response) => {
		let body = '';
		request.setEncoding('utf8').on('data', (text: string) => (body += text));
		request.on('end', () => {
			messages.push({ path: request.url!, body: JSON.parse(body) as IDataObject });
			response.setHeader('content-type', 'application/json').end('{"errcode":0}');
		});
	});
	await once(server.listen(0, HOST), 'listening');
	const url = `http://${HOST}:${(server.address() as AddressInfo).port}`;
	return { messages, url, close: () => server.close() };
}

interface Published {
	id: string;
	/** Of the webhook that stands beside the schedule: n8n has no way to fire a schedule. */
	path: string;
}

const read = (file: string) =>
	JSON.parse(readFileSync(join(EXAMPLES, file), 'utf8')) as WorkflowFile;

/** Runs a copy of an example by hand, with parameters of its nodes changed. */
async function runCopy(
	file: string,
	change: (name: string, parameters: IDataObject) => unknown,
): Promise<Execution> {
	const example = read(file);
	for (const { name, parameters } of example.nodes) change(name, parameters);
	const id = await world.n8n.importWorkflow(example, world.credential);
	return await runByHand(world.n8n, id, 'Every Morning');
}

const dryRun = (file: string) =>
	runCopy(file, (name, { options }) => {
		if (name === CHECK) Object.assign(options as IDataObject, { dryRun: true });
	});

/** Publishes an example as it is, with a webhook and with its alerts switched on. */
async function publish(file: string): Promise<Published> {
	const example = read(file);
	const path = file.replace('.json', '');
	const parameters = { httpMethod: 'POST', path, options: {} };
	const webhook = node('Webhook', 'n8n-nodes-base.webhook', parameters, {
		typeVersion: 2,
		webhookId: path,
	});
	const nodes = example.nodes.map((each): INode => {
		if (each.name === 'Alert by Mail') return { ...each, disabled: false, credentials: { smtp } };
		if (each.name !== 'Alert by Bot') return each;
		const url = (each.parameters.url as string).replace(/^https:\/\/[^/]+/, group.url);
		return { ...each, disabled: false, parameters: { ...each.parameters, url } };
	});
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
	// Where a batch has nothing to write, the node puts out an empty item.
	const rows = itemsOf(execution, 'Write Back').filter(({ id }) => id).length;
	const tasks = execution.data.resultData.runData['Write Back'] ?? [];
	const time = tasks.reduce((sum, { executionTime }) => sum + executionTime, 0);
	const perRow = rows === 0 ? '' : ` (${(time / rows).toFixed(1)} ms a row)`;
	const { billed } = world.simulator.counts;
	console.log(`${what}: ${billed} queries paid so far, ${rows} rows written back${perRow}`);
}

/** The last row of the history. */
const lastRun = async () => (await (await dataTable(world.n8n, 'juhe_runs')).read()).at(-1);

describe('scheduled-list-check.json', () => {
	let workflow: Published;
	let contacts: Awaited<ReturnType<typeof dataTable>>;
	beforeAll(async () => {
		workflow = await publish('scheduled-list-check.json');
		for (let times = 0; times < 2; times++) {
			await runByHand(world.n8n, workflow.id, 'Set Up Once');
		}
		contacts = await dataTable(world.n8n, 'juhe_contacts');
	});

	it('makes its tables, and checks its sample', async () => {
		await byHand(workflow);
		expectChecked(await contacts.read(), 6);
		expect(world.simulator.counts.billed).toBe(6);
	});

	it('pays a list once, then what is edited and what is due, and tells of what has changed', async () => {
		const { counts } = world.simulator;
		await contacts.fill(listOf(ROWS));
		report(`${ROWS} rows, first run`, await bySchedule(workflow));
		expect([counts.billed, counts.lookups.size]).toEqual([ROWS, ROWS]);
		const checked = await contacts.read();
		expectChecked(checked, ROWS);
		expect(await lastRun()).toMatchObject({
			workflow: 'Check a list every morning with Juhe Mobile Status',
			dryRun: false,
			rows: ROWS,
			queried: ROWS,
			billable: ROWS,
			normal: ROWS / 2,
			noRecord: 0,
			cost: null,
			stoppedBy: null,
		});
		// What the workflow itself has written is read again, and neither asked nor written.
		report(`${ROWS} rows, second run`, await bySchedule(workflow));
		expect(counts.billed).toBe(ROWS);
		expect(await contacts.read()).toEqual(checked);
		expect(await lastRun()).toMatchObject({ rows: ROWS, queried: 0, reused: ROWS });
		expect([inbox.mails, group.messages]).toEqual([[], []]);

		world.simulator.reset();
		const edited = [5_000, 5_001, 5_002, 5_003, 5_004].map(numberOf);
		for (const [index, phone] of edited.entries()) {
			await contacts.edit('name', `R${index}`, { phone: `+86 ${phone}` });
		}
		const due = [50, 70, 190].map(numberOf);
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
		const line = `R70 139****0070: normal → notOnNetwork (remove)`;
		expect(group.messages).toEqual([
			{
				path: '/cgi-bin/webhook/send?key=YOUR-KEY',
				body: {
					msgtype: 'text',
					text: { content: `1 个号码的状态有变化 / numbers have changed\n${line}` },
				},
			},
		]);
		await until('the mail has come', () => inbox.mails.length === 1);
		expect(inbox.mails[0]).toContain('Subject: 1 numbers have changed');
		expect(inbox.mails[0]).toContain('R70 139****0070: normal ');
		expect(inbox.mails[0]).not.toContain(due[1]);

		const lost = async () => (await contacts.read()).find(({ name }) => name === 'R10')!;
		const written = await lost();
		expect(written).toMatchObject({ route: 'invalidNumber', mobileStatus_mobile: null });
		expect(written.remark).toMatch(/^'Mobile Number' (?!in row)/);
		await bySchedule(workflow);
		expect([await lost(), counts.billed]).toEqual([written, 8]);

		// A row that is neither due nor was touched is not read.
		const later = await runCopy('scheduled-list-check.json', (name, { filters }) => {
			const { conditions = [] } = (filters ?? {}) as { conditions?: IDataObject[] };
			const touched = conditions.find(({ keyName }) => keyName === 'updatedAt');
			if (name === 'Due Rows') touched!.keyValue = '={{ $now.toISO() }}';
		});
		expect([later.status, itemsOf(later, 'Due Rows')]).toEqual(['success', []]);
	});

	it('a dry run writes no result, and tells of no change', async () => {
		const before = await contacts.read();
		const execution = await dryRun('scheduled-list-check.json');
		const plans = itemsOf(execution, CHECK).map((row) => row.dryRun ?? row.details_code);
		expect(new Set(plans)).toEqual(new Set(['reusable', 'invalidNumber']));
		expect(await contacts.read()).toEqual(before);
		expect([itemsOf(execution, 'Changed'), world.simulator.counts.requests]).toEqual([[], 0]);
		expect(await lastRun()).toMatchObject({ dryRun: true, reused: ROWS - 1, normal: 0 });
	});

	it('takes those that waited longest, and leaves out a suppressed number', async () => {
		await contacts.fill(listOf(8));
		await contacts.edit('name', 'R0', { phone: numberOf(0) });
		const suppressed = await dataTable(world.n8n, 'juhe_suppressed');
		await suppressed.fill([{ phone: numberOf(3) }, { phone: numberOf(6) }]);
		await contacts.edit('name', 'R3', { phone: `+86 139-0000-0003 (2024年更新)` });
		const execution = await runCopy('scheduled-list-check.json', (name, parameters) => {
			if (name === 'Due Rows') parameters.limit = 6;
		});
		const asked = [...world.simulator.counts.lookups.keys()].sort();
		expect(asked).toEqual([1, 2, 4, 5, 7].map(numberOf));
		expect(itemsOf(execution, 'Due Rows')).toHaveLength(6);
		const [six] = (await contacts.read()).filter(({ name }) => name === 'R6');
		expect(six).toMatchObject({ route: null, mobileStatus_mobile: null });
		await suppressed.fill([]);
	});

	it('leaves what was not sent due, and says in the history what stopped it', async () => {
		await contacts.fill(listOf(5));
		world.simulator.script({ fault: { kind: 'code', code: 10012 } });
		await byHand(workflow);
		expect(await lastRun()).toMatchObject({ rows: 5, errors: 5, stoppedBy: '10012' });
		world.simulator.reset();
		await byHand(workflow);
		expectChecked(await contacts.read(), 5);
	});

	it('checks the list also where its history is missing, and says so', async () => {
		await contacts.fill(listOf(5));
		await (await dataTable(world.n8n, 'juhe_runs')).drop();
		const execution = await byHand(workflow);
		expect(execution.data.resultData.error?.message).toContain('juhe_runs');
		expectChecked(await contacts.read(), 5);
		await runByHand(world.n8n, workflow.id, 'Set Up Once');
	});

	it('started twice at once, both pay for the rows that both have read, and the results are right', async () => {
		const { n8n, simulator } = world;
		await contacts.fill(listOf(ROWS));
		simulator.latency = 20;
		const start = () => n8n.webhook(workflow.path, {});
		const both = await executionsOf(n8n, workflow.id, () => Promise.all([start(), start()]), 2);
		expect(both.map(({ status }) => status)).toEqual(['success', 'success']);
		expectChecked(await contacts.read(), ROWS);
		const counts = [...simulator.counts.lookups.values()];
		expect(counts.filter((times) => times > 2)).toEqual([]);
		const twice = counts.filter((times) => times === 2).length;
		console.log(`Started twice at once: ${twice} of ${ROWS} numbers were paid twice`);
	});

	ownIt('pays one batch twice at most where n8n is killed in the middle of the loop', async () => {
		const { simulator } = world;
		const n8n = world.own!;
		await contacts.fill(listOf(ROWS));
		simulator.latency = 20;
		await n8n.webhook(workflow.path, {});
		await until('a batch is done', () => simulator.counts.billed >= 1.5 * BATCH, 120_000);
		await n8n.kill();
		const { billed } = simulator.counts;
		await n8n.start();
		report(`${ROWS} rows, killed after ${billed} queries`, await bySchedule(workflow));
		expectChecked(await contacts.read(), ROWS);
		expect(simulator.counts.lookups.size).toBe(ROWS);
		expect(simulator.counts.billed - ROWS).toBeLessThanOrEqual(BATCH);
	});
});

describe('keep-results-beside.json', () => {
	it('pays for what is new or due, and every number of the list has its result', async () => {
		const file = 'keep-results-beside.json';
		const workflow = await publish(file);
		await runByHand(world.n8n, workflow.id, 'Set Up Once');
		const results = await dataTable(world.n8n, 'juhe_results');
		for (const run of [byHand, bySchedule]) {
			const execution = await run(workflow);
			expect(execution.status).toBe('success');
			const rows = await results.read();
			expectChecked(rows, 6);
			expect(rows.map(({ name }) => name)).toEqual([1, 2, 3, 4, 5, 6].map((n) => `客户0${n}`));
			expect(world.simulator.counts.billed).toBe(6);
		}
		expect(await lastRun()).toMatchObject({ rows: 6, queried: 0, reused: 6 });

		// One has changed since.
		const [first] = await results.read();
		const phone = first!.phone as string;
		world.simulator.script({ mobile: phone, fault: { kind: 'state', state: '3' } });
		await results.edit('phone', phone, { mobileStatus_recheckAt: null });
		await bySchedule(workflow);
		expect([world.simulator.counts.lookups.get(phone), world.simulator.counts.billed]).toEqual([
			2, 7,
		]);
		expect(JSON.stringify(group.messages)).toContain('客户01 138****2340: normal → notOnNetwork');
		expect(JSON.stringify(group.messages)).not.toContain(phone);

		const before = await results.read();
		const dry = await dryRun(file);
		expect(itemsOf(dry, CHECK).map((row) => row.dryRun)).toEqual(Array(6).fill('reusable'));
		expect(itemsOf(dry, 'Changed')).toEqual([]);
		const withoutTimes = (rows: IDataObject[]) => rows.map(({ updatedAt, ...row }) => row);
		expect(withoutTimes(await results.read())).toEqual(withoutTimes(before));

		// A number cell, the same number once more, a suppressed number, and none.
		const suppressed = await dataTable(world.n8n, 'juhe_suppressed');
		await suppressed.fill([{ phone: numberOf(8) }]);
		const cells = [Number(numberOf(1)), numberOf(1), numberOf(8), 'none'];
		await runCopy(file, (name, parameters) => {
			const rows = cells.map((cell) => ({ name: 'more', phone: cell }));
			if (name === 'Contacts List') parameters.jsCode = `return ${JSON.stringify(rows)};`;
		});
		expect(world.simulator.counts.billed).toBe(8);
		const more = (await results.read()).filter(({ name }) => name === 'more');
		expect(more.map(({ phone, route }) => [phone, route])).toEqual([
			[numberOf(1), 'normal'],
			['none', 'invalidNumber'],
		]);
		await suppressed.fill([]);
	});
});
