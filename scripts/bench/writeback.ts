/** Results written back to a Data Table and to PostgreSQL, by the nodes of the example workflows. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { IDataObject, INode } from 'n8n-workflow';

import { startQueue } from '../../test/queue/services';
import type { N8n } from '../real-n8n';
import { checkedList } from './lists';
import { measure, type Contender } from './measure';
import { createWorkflows, withN8n } from './n8n';
import { measuredBy, rounded } from './figures';
import { writePart } from './report';
import { startSimulator } from './simulator';
import type { BenchOptions } from './speed';
import { EXAMPLES, exampleNode, fillTable, measureSql } from './sql';

/** Rows of one batch, as in the examples. */
const BATCH = 200;
const CHUNK = 10_000;

/** `npm run bench -- writeback`. */
export async function writeBack({ rounds, long, print }: BenchOptions): Promise<void> {
	const simulator = await startSimulator();
	const queue = await startQueue();
	try {
		await withN8n(async (n8n) => {
			const { workflow } = await createWorkflows(n8n, simulator, BATCH);
			const lines: Array<{ length: number; dataTable: Contender; postgres: Contender }> = [];
			for (const length of [long / 100, long / 10, long]) {
				const list = `juhe_contacts_${length}`;
				await fillDataTable(n8n, list, length);
				const setUp = readFileSync(join(EXAMPLES, 'postgres-list.sql'), 'utf8');
				queue.sql('postgres', `CREATE DATABASE ${list}`);
				queue.sql(list, setUp + fillTable(length));
				const id = await n8n.createCredential(
					list,
					{
						host: '127.0.0.1',
						port: Number(queue.env.DB_POSTGRESDB_PORT),
						...{ user: 'n8n', database: list, ssl: 'disable', sshTunnel: false },
					},
					'postgres',
				);
				const items = () => batchOf(length);
				lines.push({
					length,
					dataTable: await workflow(`Data Table, ${length} rows`, [dataTableNode(list)], { items }),
					postgres: await workflow(
						`PostgreSQL, ${length} rows`,
						[{ ...postgresNode(), credentials: { postgres: { id, name: list } } }],
						{ items },
					),
				});
			}
			const results = await measure(
				lines.flatMap(({ dataTable, postgres }) => [dataTable, postgres]),
				rounds,
			);
			for (const { length } of lines) {
				const count = 'SELECT count("mobileStatus_province") FROM juhe_contacts';
				const [written] = queue.sql(`juhe_contacts_${length}`, count);
				if (written !== String(BATCH)) throw new Error(`PostgreSQL has written ${written} rows`);
			}
			const perRow = (contender: Contender) => {
				const { seconds, failedWith } = results.get(contender)!;
				if (failedWith !== undefined) throw new Error(failedWith);
				return rounded((1000 * seconds) / BATCH, 2);
			};
			const tables = lines.map(({ length, dataTable, postgres }) => ({
				...{ rows: length, dataTable: perRow(dataTable), postgres: perRow(postgres) },
			}));
			const measured = measuredBy('npm run bench -- writeback', rounds);
			writePart('writeback', { measured, batch: BATCH, tables }, print);
		});
		writePart('sql', await measureSql(queue, 10 * long, BATCH), print);
	} finally {
		await queue.stop();
		simulator.stop();
	}
}

function dataTableNode(list: string): Partial<INode> {
	const { type, typeVersion, parameters } = exampleNode('scheduled-list-check', 'Write Back');
	const dataTableId = { __rl: true, value: list, mode: 'name' };
	// Here all rows are written.
	const byId = { keyName: 'id', condition: 'eq', keyValue: '={{ $json.id }}' };
	const filters = { conditions: [byId] };
	return { type, typeVersion, parameters: { ...parameters, dataTableId, filters } };
}

function postgresNode(): Partial<INode> {
	const node = exampleNode('postgres-list', 'Write Back');
	const { type, typeVersion, executeOnce, parameters } = node;
	// Here no execution has claimed the rows.
	const query = (parameters.query as string).replace('contact.claimed_by = $2 AND ', '');
	const queryReplacement = "={{ [JSON.stringify($('Rows').all().map(({ json }) => json))] }}";
	return {
		...{ type, typeVersion, executeOnce },
		parameters: { ...parameters, query, options: { queryReplacement } },
	};
}

interface Column {
	name: string;
	type: string;
}

/** The columns of the examples' Data Table. */
function columns(): Column[] {
	const { parameters } = exampleNode('scheduled-list-check', 'Create List');
	return (parameters.columns as unknown as { column: Column[] }).column;
}

/** Checked rows with the columns of the table. */
function rowsOf(count: number): IDataObject[] {
	const names = columns().map(({ name }) => name);
	return checkedList(count, 0, 'columns').map((row) =>
		Object.fromEntries(names.filter((name) => name in row).map((name) => [name, row[name]])),
	);
}

/** A batch of rows that lie all over the table; their `id` begins with 1. */
function batchOf(length: number): IDataObject[] {
	const step = Math.max(1, Math.floor(length / BATCH));
	const rows = rowsOf(length).map((row, index) => ({ id: index + 1, ...row }));
	return rows.filter((_, index) => index % step === 0).slice(0, BATCH);
}

async function fillDataTable(n8n: N8n, name: string, length: number): Promise<void> {
	const project = await n8n.api<{ data: { id: string } }>('GET', '/rest/projects/personal');
	const tables = `/rest/projects/${project.data.id}/data-tables`;
	const created = await n8n.api<{ data: { id: string } }>('POST', tables, {
		name,
		columns: columns(),
	});
	const rows = rowsOf(length);
	for (let start = 0; start < length; start += CHUNK) {
		const data = rows.slice(start, start + CHUNK);
		const insert = `${tables}/${created.data.id}/insert`;
		await n8n.api('POST', insert, { data, returnType: 'count' });
	}
}
