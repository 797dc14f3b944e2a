/** docs/benchmark.md: the ratios of docs/benchmark.json, and its charts. */
import type { Figures, Measurement, Run } from './figures';

const INTRO = `# Benchmark

What the node costs beside other ways to do the same. All figures are in [benchmark.json](benchmark.json): a part for each
command, with the day and the machine. The commands write this page, too. The two sides of a ratio are measured in one run, in
turns. Seconds are those that n8n records for the node; CPU time is that of the whole process.`;

/** A table of Markdown. */
export function table(head: string[], rows: Array<Array<string | number>>): string {
	return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function measuredBy({ command, date, n8n, machine, latency, rounds, remark }: Measurement): string {
	const where = `n8n ${n8n}, ${machine}, ${latency} ms latency, medians of ${rounds} rounds.`;
	return [`\`${command}\`, ${date}: ${where}`, remark].filter(Boolean).join(' ');
}

const count = (value: number) => value.toLocaleString('en-US');
const perSecond = ({ rows, seconds }: Run) => rows / (seconds ?? NaN);
/** Of the times for a row. */
const time = (a: Run, b: Run) => (perSecond(b) / perSecond(a)).toFixed(2);

/** The first such run. @throws Error where there is none */
function find(runs: Run[], wanted: Partial<Run>): Run {
	const found = runs.find((run) =>
		Object.entries(wanted).every(([name, value]) => run[name as keyof Run] === value),
	);
	if (!found) throw new Error(`No run is ${JSON.stringify(wanted)}`);
	return found;
}

function speed({ measured, runs, overhead }: Figures['speed']): string {
	const { rows } = runs[0]!;
	const usual = { where: 'n8n', list: 'distinct', rows };
	const ours = (operation: string, atOnce: number, more: Partial<Run> = {}) => {
		const what = `Juhe Mobile Status, ${operation}, ${atOnce} at a time`;
		return find(runs, { ...usual, what, ...more });
	};
	const floor = (atOnce: number, more: Partial<Run> = {}) =>
		find(runs, { ...usual, what: `Bare node, plain, ${atOnce} at a time`, ...more });
	const other = (what: string, more: Partial<Run> = {}) =>
		find(runs, { ...usual, what: `${what}, with credential`, ...more });
	const [bare, dirty] = [{ where: 'bare engine' }, { list: 'dirty' }];
	const http = (more?: Partial<Run>) => other('HTTP Request, plain', more);
	const code = (operation: string) => other(`Code + HTTP Request, ${operation}`);
	const of = (operations: string[], ratio: (operation: string) => string) =>
		operations.map(ratio).join(', ');

	const { what } = ours('plain', 50);
	const lengths = runs.filter((run) => run.what === what && run.where === 'n8n' && !run.failedWith);
	const byLength = lengths
		.filter(({ list }) => list === 'distinct')
		.sort((a, b) => a.rows - b.rows);
	const [shortest, longest] = [byLength[0]!, byLength.at(-1)!];
	const limited = runs.flatMap((run) => {
		const rate = /bears (\d+) a second/.exec(run.what)?.[1];
		if (rate === undefined) return [];
		const refused = `${(100 * (run.requests / run.rows - 1)).toFixed(1)}%`;
		return [[`${rate} a second`, (Number(rate) / perSecond(run)).toFixed(2), refused]];
	});

	return `## Ratios

${measuredBy(measured)} Lists of ${count(rows)} rows.

![Seconds and queries billed of each way to check ${count(rows)} rows](benchmark.svg)

${table(
	['Time of the node : time of', '20 at a time', '50 at a time'],
	[
		[
			'a bare node, for plain, AES, RSA',
			...[20, 50].map((at) =>
				of(['plain', 'aes', 'rsa'], (each) => time(ours(each, at), floor(at))),
			),
		],
		[
			"a bare node on n8n's bare engine, plain",
			...[20, 50].map((at) => time(ours('plain', at, bare), floor(at, bare))),
		],
		['HTTP Request with credential, plain', '', time(ours('plain', 50), http())],
		[
			'Code and HTTP Request, for AES, RSA',
			'',
			of(['aes', 'rsa'], (each) => time(ours(each, 50), code(each))),
		],
		['HTTP Request, dirty list', '', time(ours('plain', 50, dirty), http(dirty))],
	],
)}

The dirty list has 30% duplicates in other spellings and 5% rows that hold no number. Its bill is ${(ours('plain', 50, dirty).billed / http(dirty).requests).toFixed(2)} of that of HTTP Request, which cleans the numbers by an expression. HTTP Request sends all rows at once, whatever the service allows.

A row of ${count(longest.rows)} takes ${time(longest, shortest)} of the time of one of ${count(shortest.rows)}.

${table(['The service bears', 'Time : shortest possible', 'Refused requests'], limited)}

On n8n's bare engine, without requests, a row of ${count(find(runs, { what: STUBBED }).rows)} takes ${overhead.cpu} ms of CPU time; of a node that only adds an answer, ${overhead.cpuOfSuchNode} ms. The heap is ${overhead.heapBytes} bytes a row larger, of which the ledger of the execution takes ${overhead.ledgerBytes}.`;
}

const STUBBED = 'Juhe Mobile Status, plain, answers at once';

function https(part: Figures['https']): string {
	const each = part.http.map(({ what }, index) => [
		what,
		time(part.https[index]!, part.http[index]!),
	]);
	const [ours, bare, http] = part.https as [Run, Run, Run];
	return `## Over https

${measuredBy(part.measured)} n8n opens a connection for each request, so each has a handshake.

${table(['What', 'Time over https : over http'], each)}

Over https the node takes ${time(ours, bare)} of the time of the bare node and ${time(ours, http)} of that of HTTP Request.`;
}

function reuse({ measured, runs }: Figures['reuse']): string {
	const due = runs.filter(({ billed }) => billed > 0);
	const cpuOf = (shape: string) =>
		runs.find(({ what }) => what.startsWith(`Results as ${shape}, 0%`))!.cpu;
	return `## A list that is checked again

${measuredBy(measured)} ${count(due[0]!.rows)} rows carry a result of yesterday.

Where ${count(due[0]!.billed)} of them are due, ${count(due[0]!.billed)} are billed. Reading results from columns takes ${(cpuOf('columns') / cpuOf('object')).toFixed(1)} of the CPU time of reading them from an object.`;
}

function writeback({ measured, batch, tables }: Figures['writeback']): string {
	const [shortest, longest] = [tables[0]!, tables.at(-1)!];
	return `## Writing back

${measuredBy(measured)} A batch of ${batch} checked rows is written into a table by the nodes Write Back of the examples.

${table(
	['Rows in the table', 'Time of Data Table : PostgreSQL'],
	tables.map(({ rows, dataTable, postgres }) => [count(rows), (dataTable / postgres).toFixed(0)]),
)}

In a table of ${count(longest.rows)} rows a Data Table takes ${(longest.dataTable / shortest.dataTable).toFixed(2)} of the time that it takes in one of ${count(shortest.rows)}, and PostgreSQL ${(longest.postgres / shortest.postgres).toFixed(2)}.`;
}

function sql({ measured, rows, batch, batches, ...figures }: Figures['sql']): string {
	const { command, date, machine, remark } = measured;
	return `\`${command}\`, ${date}, ${machine}, also lets the SQL of postgres-list.json claim and write back ${count(rows)} due rows, ${count(batches)} batches of ${batch} one after the other. A claim takes ${figures.claim} ms, a batch with its claim ${figures.claimAndWriteBack} ms. The last tenth of the batches takes ${figures.lastToFirst.claimAndWriteBack} of the time of the first. ${remark}`;
}

function year({ command, date, numbers, nights }: Figures['year']): string {
	return `## A year of nightly checks

\`${command}\`, ${date}, simulates ${count(numbers)} numbers over ${nights} nights. The workflow runs every night and asks for the numbers that are due. The chances that a number changes its state are assumptions; they are in the data file.

![Queries billed and days until a change is seen, by Recheck After (Days)](year.svg)

A change that is gone again before the next check is not seen.`;
}

export function pageOf(figures: Figures): string {
	const parts = [
		...[speed(figures.speed), https(figures.https), reuse(figures.reuse)],
		...[writeback(figures.writeback), sql(figures.sql), year(figures.year)],
	];
	return `${[INTRO, ...parts].join('\n\n')}\n`;
}
