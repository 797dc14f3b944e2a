/**
 * lead-gate.json: leads come side by side, each an execution of its own. What they spend together, by a Data Table and by
 * lead-gate.sql; what is known costs nothing; and where the service is down, no lead is lost.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IDataObject, INode, INodeParameters } from 'n8n-workflow';

import type { WorkflowFile } from '../../scripts/real-n8n';
import { startQueue, type Queue } from '../queue/services';
import { ownIt } from './ownIt';
import { dataTable, runByHand, startWorld, type World } from './world';

const EXAMPLES = join(__dirname, '../../examples');
const example = JSON.parse(readFileSync(join(EXAMPLES, 'lead-gate.json'), 'utf8')) as WorkflowFile;
const BUDGET = 50;
const LEADS = 300;
const AT_ONCE = 20;
const KEY = { name: 'x-lead-key', value: 'made up' };
const ALIVE = { ok: true, route: 'normal', advice: 'keep' };
const LATER = { ok: true, route: null, advice: null, later: true };
const LONG_AGO = '2020-01-01T00:00:00.000Z';

let world: World;
let postgres: Queue | undefined;
let workflowId: string;
let leads: Awaited<ReturnType<typeof dataTable>>;
beforeAll(async () => {
	world = await startWorld();
	if (world.own) postgres = await startQueue();
	const limit = { ...parametersOf('Places Before'), limit: BUDGET };
	workflowId = await publish('lead', { 'Places Before': { parameters: limit } });
	// The first run makes the table.
	await runByHand(world.n8n, workflowId, 'Every 5 Minutes');
	leads = await dataTable(world.n8n, 'juhe_leads');
});
beforeEach(async () => {
	world.simulator.reset();
	await leads.fill([{ phone: 'none' }]);
});
afterAll(async () => {
	await world.stop();
	await postgres?.stop();
});

const parametersOf = (name: string) => example.nodes.find((each) => each.name === name)!.parameters;

/** Publishes the example at a path of its own, with nodes changed. */
async function publish(path: string, changes: Record<string, Partial<INode>>): Promise<string> {
	const { n8n, credential } = world;
	const key = { name: path, id: await n8n.createCredential(path, KEY, 'httpHeaderAuth') };
	const nodes = example.nodes.map((each) => ({
		...each,
		...(each.name === 'Lead Comes In' && {
			webhookId: path,
			parameters: { ...each.parameters, path },
			credentials: { httpHeaderAuth: key },
		}),
		...changes[each.name],
	}));
	const id = await n8n.importWorkflow({ ...example, name: path, nodes }, credential);
	await n8n.activate(id);
	// Nobody gets in without the header.
	expect((await n8n.webhook(path, { phone: '13800138000' })).status).toBe(403);
	return id;
}

async function send(phone: string | undefined, path = 'lead'): Promise<IDataObject> {
	const response = await fetch(`${world.n8n.url}/webhook/${path}`, {
		method: 'POST',
		headers: { 'content-type': 'application/json', [KEY.name]: KEY.value },
		body: JSON.stringify({ phone }),
	});
	expect(response.status).toBe(200);
	return (await response.json()) as IDataObject;
}

const number = (index: number) => String(13900000000 + index);
const sideBySide = (path: string) =>
	Promise.all(Array.from({ length: LEADS }, (_, index) => send(number(index), path)));
const rowOf = async (mobile: string) => (await leads.read()).find(({ phone }) => phone === mobile)!;

test('a number is asked once, however it is written, and then answered until it is due', async () => {
	for (const phone of ['13800138000', '+86 138-0013-8000', '13800138000']) {
		expect(await send(phone)).toEqual(ALIVE);
	}
	expect(await send('13800138007')).toEqual({ ok: false, route: 'notOnNetwork', advice: 'remove' });
	expect(await send('1-380-013-8000')).toEqual({ ok: false, route: 'invalidNumber', advice: null });
	expect(await send(undefined)).toEqual({ ok: false, route: 'invalidNumber', advice: null });
	expect(world.simulator.counts.requests).toBe(2);
	await leads.edit('phone', '13800138000', { mobileStatus_recheckAt: LONG_AGO });
	expect(await send('13800138000')).toEqual(ALIVE);
	expect(world.simulator.counts.requests).toBe(3);
	// One of them without a number, and the one that each test begins with.
	expect(await leads.read()).toHaveLength(5);
});

test('a lead that comes while the service is down is let in, and asked for later', async () => {
	world.simulator.script({ fault: { kind: 'http', status: 503 } });
	expect(await send(number(0))).toEqual(LATER);
	const remark = expect.stringContaining('503') as string;
	// What was not billed has given its place back.
	const waiting = { later: true, route: null, remark, askedAt: null };
	expect(await rowOf(number(0))).toMatchObject(waiting);
	await runByHand(world.n8n, workflowId, 'Every 5 Minutes');
	expect(await rowOf(number(0))).toMatchObject(waiting);
	expect(await send(number(7))).toEqual(LATER);
	world.simulator.reset();
	await runByHand(world.n8n, workflowId, 'Every 5 Minutes');
	expect(await rowOf(number(0))).toMatchObject({ later: false, route: 'normal', remark: null });
	expect(await send(number(0))).toEqual(ALIVE);
	expect(await send(number(7))).toEqual({ ok: false, route: 'notOnNetwork', advice: 'remove' });
	expect(world.simulator.counts.requests).toBe(2);
});

test('a lead whose number the service refuses is let in, and not asked for again by itself', async () => {
	world.simulator.script({ fault: { kind: 'code', code: 224919 } });
	expect(await send(number(0))).toEqual({ ok: true, route: null, advice: null });
	const { requests } = world.simulator.counts;
	await runByHand(world.n8n, workflowId, 'Every 5 Minutes');
	expect(world.simulator.counts.requests).toBe(requests);
	world.simulator.reset();
	expect(await send(number(0))).toEqual(ALIVE);
});

test('one number many times at once: each is answered, and none after them asks', async () => {
	const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => send(number(1))));
	expect(answers).toEqual(Array(AT_ONCE).fill(ALIVE));
	const { billed } = world.simulator.counts;
	console.log(`One number ${AT_ONCE} times at once: ${billed} queries`);
	expect(await send(number(1))).toEqual(ALIVE);
	expect(world.simulator.counts.billed).toBe(billed);
});

test('a budget over executions side by side, in a Data Table', async () => {
	const { counts } = world.simulator;
	await sideBySide('lead');
	console.log(`${LEADS} leads at once, a budget of ${BUDGET}, Data Table: ${counts.billed} sent`);
	expect(counts.billed).toBeLessThanOrEqual(BUDGET + counts.peakInFlight);
	// Places that were given back can be taken.
	for (let next = LEADS; !(await send(number(next))).overBudget; next++);
	expect(counts.billed).toBeGreaterThanOrEqual(BUDGET);

	const { billed } = counts;
	const count = async () => (await leads.read()).filter(({ later }) => later).length;
	const waiting = await count();
	await runByHand(world.n8n, workflowId, 'Every 5 Minutes');
	expect([counts.billed, await count()]).toEqual([billed, waiting]);
	// The next day.
	await leads.edit('later', false, { askedAt: LONG_AGO });
	await runByHand(world.n8n, workflowId, 'Every 5 Minutes');
	expect([counts.billed, await count()]).toEqual([billed + BUDGET, waiting - BUDGET]);
});

ownIt('a budget over executions side by side, in PostgreSQL', async () => {
	const [table, query] = readFileSync(join(EXAMPLES, 'lead-gate.sql'), 'utf8').split(/(?=^WITH )/m);
	postgres!.sql('postgres', table!);
	const { DB_POSTGRESDB_PORT: port, DB_POSTGRESDB_USER: user } = postgres!.env;
	const server = { host: '127.0.0.1', port: Number(port), database: 'postgres', user };
	const account = { ...server, password: '', ssl: 'disable' };
	const id = await world.n8n.createCredential('Postgres account', account, 'postgres');
	const check = parametersOf('Juhe Mobile Status');
	const options = {
		...(check.options as INodeParameters),
		maxQueries: "={{ $('Places Before').first().json.left }}",
	};
	await publish('exact', {
		'Places Before': {
			type: 'n8n-nodes-base.postgres',
			typeVersion: 2.6,
			parameters: { operation: 'executeQuery', query: query!.replace('1000', String(BUDGET)) },
			credentials: { postgres: { id, name: '' } },
		},
		'Juhe Mobile Status': { parameters: { ...check, options } },
	});
	const answers = await sideBySide('exact');
	expect(answers.filter(({ overBudget }) => overBudget)).toHaveLength(LEADS - BUDGET);
	expect(world.simulator.counts.requests).toBe(BUDGET);
	expect(postgres!.sql('postgres', 'SELECT taken FROM juhe_budget')).toEqual([String(BUDGET)]);
	console.log(`${LEADS} leads at once, a budget of ${BUDGET}, PostgreSQL: ${BUDGET} sent`);
});
