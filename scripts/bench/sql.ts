/** The list in PostgreSQL: all rows are due, and are claimed and written back batch by batch, by the SQL of the example. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import type { IDataObject, INode } from 'n8n-workflow';

import type { Queue } from '../../test/queue/services';
import { ensureN8n } from '../real-n8n';
import { measuredBy, rounded, type Figures } from './figures';
import { checkedList } from './lists';
import { ROOT } from './simulator';

/** The part of n8n's own client that is used here. */
interface Client {
	connect(): Promise<void>;
	query(text: string, values?: unknown[]): Promise<{ rows: IDataObject[] }>;
	end(): Promise<void>;
}

export const EXAMPLES = join(ROOT, 'examples');
const EXECUTION = 'bench';
/** Batches at either end that are held against each other. */
const ENDS = 0.1;

export async function measureSql(
	queue: Queue,
	rows: number,
	batch: number,
): Promise<Figures['sql']> {
	const database = 'juhe_sql';
	queue.sql('postgres', `CREATE DATABASE ${database}`);
	queue.sql(database, readFileSync(join(EXAMPLES, 'postgres-list.sql'), 'utf8'));
	queue.sql(database, fillTable(rows, 'NULL'));
	const client = await connect(queue, database);
	const [claim, writeBack] = ['Claim', 'Write Back'].map(
		(name) => exampleNode('postgres-list', name).parameters.query as string,
	) as [string, string];
	const [result] = checkedList(1, 0, 'columns');
	const times: Array<{ claim: number; batch: number }> = [];
	for (;;) {
		const start = performance.now();
		const claimed = await client.query(claim, [EXECUTION, batch]);
		const claimedAt = performance.now();
		if (claimed.rows.length === 0) break;
		const checked = claimed.rows.map((row) => ({ ...row, ...result, phone: row.phone }));
		await client.query(writeBack, [JSON.stringify(checked), EXECUTION]);
		times.push({ claim: claimedAt - start, batch: performance.now() - start });
	}
	await client.end();
	const [written] = queue.sql(database, 'SELECT count(route) FROM juhe_contacts');
	if (written !== String(rows)) throw new Error(`${written} of ${rows} rows are written`);

	const count = Math.ceil(times.length * ENDS);
	const [first, last] = [times.slice(0, count), times.slice(-count)];
	const ratioOf = (what: 'claim' | 'batch') =>
		rounded(median(last.map((each) => each[what])) / median(first.map((each) => each[what])), 2);
	return {
		measured: {
			...measuredBy('npm run bench -- writeback', 1),
			remark: 'PostgreSQL without fsync.',
		},
		...{ rows, batch, batches: times.length },
		claim: rounded(median(times.map((each) => each.claim)), 1),
		claimAndWriteBack: rounded(median(times.map((each) => each.batch)), 1),
		lastToFirst: { claim: ratioOf('claim'), claimAndWriteBack: ratioOf('batch') },
	};
}

/** A node of an example workflow. */
export function exampleNode(example: string, name: string): INode {
	const { nodes } = JSON.parse(readFileSync(join(EXAMPLES, `${example}.json`), 'utf8')) as {
		nodes: INode[];
	};
	return nodes.find((node) => node.name === name)!;
}

/** SQL that puts so many rows in the place of the invented ones. @param recheckAt SQL: when they are due */
export function fillTable(length: number, recheckAt = "now() + interval '30 days'"): string {
	return `TRUNCATE juhe_contacts RESTART IDENTITY;
INSERT INTO juhe_contacts (phone, "mobileStatus_mobile", "mobileStatus_checkedAt", "mobileStatus_recheckAt")
SELECT phone, phone, now(), ${recheckAt}
FROM (SELECT '139' || lpad(n::text, 7, '0') || '0' AS phone FROM generate_series(0, ${length} - 1) AS n) AS numbers;
ANALYZE juhe_contacts;`;
}

async function connect(queue: Queue, database: string): Promise<Client> {
	const { Client } = createRequire((await ensureN8n()).n8n)('pg') as {
		Client: new (options: object) => Client;
	};
	const { DB_POSTGRESDB_PORT: port, DB_POSTGRESDB_USER: user } = queue.env;
	const client = new Client({ host: '127.0.0.1', port: Number(port), user, database });
	await client.connect();
	return client;
}

function median(values: number[]): number {
	return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
