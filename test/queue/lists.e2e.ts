/**
 * postgres-list.json on queue mode: several executions on two workers share a table, one worker is killed in the middle.
 * Every row is checked, no row is claimed twice, and of the dead worker one batch an execution is paid again.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Execution, WorkflowFile } from '../../scripts/real-n8n';
import { dataTable, itemsOf, until } from '../e2e/world';
import { begun, ended, startQueueWorld, type QueueWorld } from './services';

const EXAMPLES = join(__dirname, '../../examples');
const ROWS = 10_000;
const BATCH = 200;
const PATH = 'postgres-list';

let world: QueueWorld;
let workflowId: string;
const sql = (text: string) => world.queue.sql('lists', text);
const count = (condition: string) =>
	Number(sql(`SELECT count(*) FROM juhe_contacts WHERE ${condition}`)[0]);
const DUE = `coalesce("mobileStatus_recheckAt", '-infinity') <= now()`;

beforeAll(async () => {
	world = await startQueueWorld(2, 2);
	const { n8n, queue, simulator } = world;
	queue.sql('postgres', 'CREATE DATABASE lists');
	sql(readFileSync(join(EXAMPLES, 'postgres-list.sql'), 'utf8'));
	// Each claim is written down, so that the test sees the rows that are claimed again.
	sql(`
		TRUNCATE juhe_contacts;
		INSERT INTO juhe_contacts (name, phone)
			SELECT 'R' || i, '139' || lpad(i::text, 8, '0') FROM generate_series(1, ${ROWS}) AS i;
		CREATE TABLE claims (id int, claimed_by text);
		CREATE FUNCTION note_claim() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN INSERT INTO claims VALUES (NEW.id, NEW.claimed_by); RETURN NEW; END $$;
		CREATE TRIGGER note_claim AFTER UPDATE OF claimed_by ON juhe_contacts
			FOR EACH ROW EXECUTE FUNCTION note_claim();
	`);
	const { DB_POSTGRESDB_PORT: port } = queue.env;
	const server = { host: '127.0.0.1', port: Number(port), database: 'lists', user: 'n8n' };
	const postgres = { name: 'Postgres account', id: '' };
	const account = { ...server, password: '', ssl: 'disable' };
	postgres.id = await n8n.createCredential(postgres.name, account, 'postgres');
	const juheApi = { name: 'Juhe account', id: '' };
	juheApi.id = await n8n.createCredential(juheApi.name, simulator.credential);

	const example = JSON.parse(
		readFileSync(join(EXAMPLES, 'postgres-list.json'), 'utf8'),
	) as WorkflowFile;
	const nodes = example.nodes.map((node) => ({
		...node,
		...(node.credentials?.postgres && { credentials: { postgres } }),
		// n8n has no way to fire a schedule.
		...(node.name === 'Every 5 Minutes' && {
			type: 'n8n-nodes-base.webhook',
			typeVersion: 2,
			webhookId: PATH,
			parameters: { httpMethod: 'POST', path: PATH, options: {} },
		}),
	}));
	// Saved, for the times.
	const settings = { ...example.settings, saveDataSuccessExecution: 'all' };
	workflowId = await n8n.importWorkflow({ ...example, nodes, settings }, juheApi);
	await n8n.activate(workflowId);
});
afterAll(() => world.stop());

const start = () => world.n8n.webhook(PATH, {});
const allBegun = () => world.workers.reduce((sum, worker) => sum + begun(worker), 0);

/** Starts an execution, and waits until the workers that live have ended all of theirs. */
async function runToEnd(): Promise<void> {
	const [before, alive] = [allBegun(), world.workers[0]!];
	await start();
	await until('the execution has begun', () => allBegun() > before);
	await until('it has ended', () => ended(alive) === begun(alive), 5 * 60_000);
}

test('10,000 rows on two workers, one of them killed in the middle', async () => {
	const { n8n, simulator, workers } = world;
	const { counts } = simulator;
	const [survivor, victim] = workers as [(typeof workers)[0], (typeof workers)[0]];
	for (let executions = 0; executions < 4; executions++) await start();
	await until('both workers are full', () => begun(survivor) === 2 && begun(victim) === 2);
	await until('a third is paid', () => counts.billed >= ROWS / 3, 5 * 60_000);
	await victim.kill();
	await until('the others have ended', () => ended(survivor) === 2, 5 * 60_000);
	const lost = count(DUE);
	expect(lost).toBeGreaterThan(0);
	expect(lost).toBeLessThanOrEqual(2 * BATCH);
	// Nobody has claimed what another has.
	expect(sql('SELECT id FROM claims GROUP BY id HAVING count(*) > 1')).toEqual([]);
	expect(sql('SELECT count(DISTINCT claimed_by) FROM claims')).toEqual(['4']);

	// The dead executions' claims hold for 15 minutes.
	const { billed } = counts;
	await runToEnd();
	expect(counts.billed).toBe(billed);
	sql(`UPDATE juhe_contacts SET claimed_at = claimed_at - interval '16 minutes'`);
	await runToEnd();

	expect(count(DUE)).toBe(0);
	expect(count('claimed_at IS NOT NULL OR remark IS NOT NULL')).toBe(0);
	// The last digit makes the state of the stand-in service.
	const routes = `(ARRAY['normal', 'normal', 'normal', 'normal', 'normal', 'suspended',
		'unavailable', 'notOnNetwork', 'notOnNetwork', 'preCancelled'])[right(phone, 1)::int + 1]`;
	expect(count(`route = ${routes} AND "mobileStatus_mobile" = phone`)).toBe(ROWS);
	expect(counts.lookups.size).toBe(ROWS);
	expect(counts.billed - ROWS).toBeLessThanOrEqual(lost);
	const again = Number(sql('SELECT count(*) - count(DISTINCT id) FROM claims')[0]);
	expect(again).toBe(lost);

	const { data } = await n8n.api<{ data: Execution[] }>(
		'GET',
		`/api/v1/executions?includeData=true&status=success&workflowId=${workflowId}`,
	);
	const writes = data.flatMap((each) => each.data.resultData.runData['Write Back'] ?? []);
	const rows = data.flatMap((each) => itemsOf(each, 'Juhe Mobile Status')).length;
	const time = writes.reduce((sum, { executionTime }) => sum + executionTime, 0);
	console.log(
		`10,000 rows, a worker killed: ${counts.billed} queries paid, ${lost} rows claimed again, ` +
			`${(time / rows).toFixed(2)} ms a row of write-back (${rows} rows in ${writes.length} statements)`,
	);

	// Every execution that came to its end and had something to do is in the history.
	const runs = await (await dataTable(n8n, 'juhe_runs')).read();
	const checked = data.filter((each) => each.data.resultData.runData['Write Back']);
	expect(runs).toHaveLength(checked.length);
	expect(runs.reduce((sum, run) => sum + Number(run.queried), 0)).toBe(rows);
});

test('a number that is edited is due at once, and only that', async () => {
	const { simulator } = world;
	simulator.reset();
	sql(`UPDATE juhe_contacts SET phone = '+86 13712345678' WHERE name = 'R7'`);
	sql(`UPDATE juhe_contacts SET name = 'renamed' WHERE name = 'R8'`);
	sql(`UPDATE juhe_contacts SET phone = 'lost' WHERE name = 'R9'`);
	await runToEnd();
	expect([...simulator.counts.lookups]).toEqual([['13712345678', 1]]);
	expect(sql(`SELECT route FROM juhe_contacts WHERE name IN ('R7', 'R9') ORDER BY name`)).toEqual([
		'notOnNetwork',
		'invalidNumber',
	]);
	const [plan] = sql(`ANALYZE juhe_contacts; EXPLAIN SELECT id FROM juhe_contacts WHERE ${DUE}
		ORDER BY coalesce("mobileStatus_recheckAt", '-infinity') LIMIT ${BATCH}`).slice(1);
	expect(plan).toContain('Index Scan');
});

test('an execution ends where rows are not sent, and tells of what has changed', async () => {
	const { n8n, simulator } = world;
	simulator.reset();
	sql(`
		TRUNCATE juhe_contacts;
		INSERT INTO juhe_contacts (name, phone, route, "mobileStatus_state", "mobileStatus_mobile",
			"mobileStatus_checkedAt", "mobileStatus_recheckAt")
		SELECT 'R' || i, '139' || lpad(i::text, 8, '0'), 'normal', '0', '139' || lpad(i::text, 8, '0'),
			now() - interval '30 days', now() - interval '1 hour' + i * interval '1 second'
		FROM generate_series(1, 450) AS i`);
	// All others are as they were.
	simulator.script({ mobile: '13900000001', fault: { kind: 'state', state: '3' } });
	simulator.script({ mobile: '13900000250', fault: { kind: 'code', code: 10012 } });
	simulator.script({ fault: { kind: 'state', state: '0' } });
	await runToEnd();
	const [run] = (await (await dataTable(n8n, 'juhe_runs')).read()).slice(-1);
	expect(run).toMatchObject({ rows: 400, reused: 0, stoppedBy: '10012' });
	expect(Number(run!.notQueried)).toBeGreaterThan(0);
	// Those that were not sent, and those that no execution has claimed.
	expect(count(DUE)).toBe(Number(run!.notQueried) + 50);
	const { data } = await n8n.api<{ data: Execution[] }>(
		'GET',
		`/api/v1/executions?includeData=true&limit=1&workflowId=${workflowId}`,
	);
	expect(itemsOf(data[0]!, 'Rows That Changed')).toMatchObject([
		{ name: 'R1', mobileStatus_previousRoute: 'normal', route: 'notOnNetwork' },
	]);
});
