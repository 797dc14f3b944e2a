/**
 * Checks a list twice on n8n's own engine: `npm run demo`. The second run gets the rows of the first, a few of them
 * edited. A simulator answers, so it needs no account and no network.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import Table from 'cli-table3';
import { Command, Option } from 'commander';
import { parse } from 'csv-parse/sync';
import type { IDataObject } from 'n8n-workflow';

import { OPERATIONS } from '../nodes/JuheMobileStatus/juhe/operations';
import { runNode } from '../test/engine';
import { startSimulator, type Simulator } from '../test/simulator/simulator';

const CONTACTS = join(__dirname, '..', 'examples', 'contacts.csv');
/** Price per Query, invented: the real one is in the account's contract. */
const PRICE = 0.1;
/** What a person changes in the list between the runs: `phone` by `id`. */
const EDITS = new Map([
	['C005', '186 0099 7894'],
	['C020', '13800138006'],
	['C031', '13800123407'],
]);
const MAX_SHOWN = 9;

interface Row extends IDataObject {
	id: string;
	phone: string;
	route?: string;
	mobileStatus_advice?: string;
	mobileStatus_source?: string;
	mobileStatus_billable?: string;
	error?: string;
}

interface Run {
	/** The rows that come out, in the order of the list. */
	rows: Row[];
	/** The item of the Summary output. */
	summary: Record<'rows' | 'billable' | 'duplicates' | 'reused' | 'errors' | 'cost', number> & {
		advice: Record<string, number>;
	};
}

async function main({ operation }: { operation: string }): Promise<void> {
	const contacts = parse<Row>(readFileSync(CONTACTS), { bom: true, columns: true });
	const simulator = await startSimulator({ latency: 40, keepRequests: false });
	const first = await check(contacts, operation, simulator);
	const edited = first.rows.map((row) => {
		const phone = EDITS.get(row.id);
		return phone === undefined ? row : { ...row, phone };
	});
	const second = await check(edited, operation, simulator);

	const { rows, cost, advice, errors } = first.summary;
	const total = (cost + second.summary.cost).toFixed(2);
	console.log(`${rows} contacts, phone numbers as people type them. Some of the rows that come out:
${sampleOf(first.rows)}
${advice.keep} to keep, ${advice.recheck} to check again later, ${advice.remove} to remove, ${errors} without a mobile number.

Then ${EDITS.size} phone numbers are edited, and the node gets its own output again:
${billsOf({ 'First run': first, 'Second run': second })}
Both runs: ${total}. A query for every row, twice: ${(2 * rows * PRICE).toFixed(2)}.
The rows carry their results, so a later run pays only for what is new, edited or due.
(A simulator on this machine answered: nothing was paid.)`);
}

/** Runs the node on the rows, with Reuse Results in Rows. @throws Error where the node stops */
async function check(rows: Row[], operation: string, simulator: Simulator): Promise<Run> {
	const { outputs, error } = await runNode(rows, {
		credential: simulator.credential,
		parameters: {
			operation,
			summaryOutput: true,
			options: { reuseResults: true, pricePerQuery: PRICE },
		},
		node: { onError: 'continueRegularOutput' },
	});
	const [checked, [summary] = []] = outputs;
	if (!checked || !summary) throw error ?? new Error('The node has no output');
	return { rows: checked.map(({ json }) => json as Row), summary: summary.json as Run['summary'] };
}

/** The first row of each kind: a route, a number that is known already, a cell without a mobile number. */
function sampleOf(rows: Row[]): string {
	const table = tableOf('Row', 'Phone', 'Route', 'Advice', 'Billed');
	const kinds = new Set<unknown>();
	for (const [index, row] of rows.entries()) {
		const { phone, route, error, mobileStatus_source: source } = row;
		const kind = source === 'query' ? route : (source ?? error);
		if (kinds.has(kind) || kinds.size === MAX_SHOWN) continue;
		kinds.add(kind);
		const reason = error?.replace(/^'Mobile Number' in row \d+ /, '');
		const outcome = route ? [route, row.mobileStatus_advice] : [{ colSpan: 2, content: reason }];
		const billed =
			source === 'duplicate' ? 'no, asked above' : (row.mobileStatus_billable ?? 'no, not sent');
		table.push([index + 1, phone, ...outcome, billed] as Table.HorizontalTableRow);
	}
	return table.toString();
}

function billsOf(runs: Record<string, Run>): string {
	const cost = `Cost at ${PRICE.toFixed(2)}`;
	const table = tableOf('', 'Rows', 'Queries billed', 'Duplicates', 'Reused', 'Not sent', cost);
	for (const [name, { summary }] of Object.entries(runs)) {
		const { rows, billable, duplicates, reused, errors } = summary;
		table.push([name, rows, billable, duplicates, reused, errors, summary.cost.toFixed(2)]);
	}
	return table.toString();
}

function tableOf(...head: string[]): Table.Table {
	return new Table({ head, style: { head: [], border: [], compact: true } });
}

const program = new Command('demo')
	.description('Checks a contact list twice, and says what each run costs. A simulator answers.')
	.addOption(
		new Option('--operation <name>', 'how the numbers travel')
			.choices(OPERATIONS.map(({ value }) => value))
			.default('plain'),
	)
	.action(main);

program.parseAsync().then(
	// n8n's engine leaves timers behind that would keep the process alive.
	() => process.stdout.write('', () => process.exit()),
	(error: unknown) => program.error(`error: ${(error as Error).message}`),
);
