/** Cleanses a contact list with the example workflow, on n8n's own engine: `npm run demo -- --help`. */
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';

import { SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import { Command, Option } from 'commander';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import type { IDataObject, INodeExecutionData } from 'n8n-workflow';

import { readMobile } from '../nodes/JuheMobileStatus/number';
import { OPERATIONS, type OperationName } from '../nodes/JuheMobileStatus/operations';
import { JUHE_NODE, runWorkflow, type RunOptions, type WorkflowFile } from '../test/engine';
import { startSimulator, type Simulator } from '../test/simulator/simulator';

const EXAMPLES = join(__dirname, '..', 'examples');
const DEFAULT_BASE_URL = 'https://v.juhe.cn';
/** Milliseconds between a lookup of the simulator and its answer: enough to see the bar move. */
const LATENCY = 40;
/** Of a longer list only the beginning is shown. */
const MAX_SHOWN = 200;
/** The exit code of what Ctrl+C ended. */
const INTERRUPTED = 130;

interface Options {
	operation: OperationName;
	file: string;
	column: string;
	out?: string;
	live?: true;
	yes?: true;
}

type Credential = RunOptions['credential'];
type Contact = Record<string, string>;

interface ContactList {
	columns: string[];
	contacts: Contact[];
	/** Distinct numbers that can be queried. */
	distinct: number;
}

/** What --out adds to the columns of the list, in this order. */
const RESULT_COLUMNS = [
	'route',
	'advice',
	'state',
	'description',
	'province',
	'city',
	'isp',
	'billable',
	'source',
	'error',
] as const;

/** What came out for a contact: a route and its fields, or an error, its code and remedy; '' for the rest. */
type Result = Record<(typeof RESULT_COLUMNS)[number] | 'code' | 'remedy', string>;

/** @throws Error with a sentence for the person at the terminal. */
async function main(options: Options): Promise<void> {
	const list = readContacts(options);
	if (!options.live) {
		const simulator = await startSimulator({ latency: LATENCY, keepRequests: false });
		await cleanse(list, options, simulator.credential, simulator);
		return;
	}
	const credential = readCredential(options.operation);
	console.log(`At most ${list.distinct} queries will be billed, one for each distinct number.`);
	console.log(
		'A number whose answer is lost on the way is asked for again, which may bill it again.',
	);
	if (!options.yes && !(await isConfirmed())) throw new Error('not confirmed, nothing was sent');
	await cleanse(list, options, credential);
}

/** Reads a list as spreadsheets save it: UTF-8 or GBK, with commas, semicolons or tabs. */
function readContacts({ file, column }: Options): ContactList {
	const text = decode(attempt(file, 'read', () => readFileSync(file)));
	const header = /^.*\S.*$/m.exec(text)?.[0] ?? '';
	const delimiter = [',', ';', '\t'].reduce((best, candidate) =>
		header.split(candidate).length > header.split(best).length ? candidate : best,
	);
	let columns: string[] = [];
	const readHeader = (names: string[]) => (columns = names.map((name) => name.trim()));
	let contacts: Contact[];
	try {
		contacts = parse<Contact>(text, { delimiter, columns: readHeader, skip_empty_lines: true });
	} catch (error) {
		throw new Error(`${file} cannot be read as CSV: ${(error as Error).message}`);
	}
	if (contacts.length === 0) throw new Error(`${file} has no rows`);
	if (!columns.includes(column)) {
		throw new Error(`${file} has no column "${column}". Its columns: ${columns.join(', ')}`);
	}
	const twice = columns.find((name, index) => columns.indexOf(name) !== index);
	if (twice !== undefined) throw new Error(`${file} has two columns named "${twice}"`);

	const numbers = contacts.map((contact) => readMobile(contact[column]));
	const distinct = new Set(numbers.flatMap((read) => ('mobile' in read ? [read.mobile] : [])));
	return { columns, contacts, distinct: distinct.size };
}

/** The text without a byte order mark. */
function decode(bytes: Buffer): string {
	try {
		return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
	} catch {
		// Excel on a Chinese Windows saves CSV in the encoding of the system.
		return new TextDecoder('gb18030').decode(bytes);
	}
}

/** @throws Error that names the file and says why it cannot be read or written. */
function attempt<T>(file: string, verb: 'read' | 'written', access: () => T): T {
	try {
		return access();
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		const reason = code === 'ENOENT' ? 'there is no such file or folder' : code;
		throw new Error(`${file} cannot be ${verb}: ${reason}`);
	}
}

/** The account for --live, from the environment. */
function readCredential(operation: OperationName): Credential {
	const need = (name: string) => {
		const value = process.env[name]?.trim();
		if (!value) throw new Error(`--live --operation ${operation} needs ${name} in the environment`);
		return value;
	};
	const readKey = (file: string) => attempt(file, 'read', () => readFileSync(file, 'utf8'));
	return {
		apiKey: need('JUHE_API_KEY'),
		openid: operation === 'aes' ? need('JUHE_OPENID') : '',
		rsaPublicKey: operation === 'rsa' ? readKey(need('JUHE_RSA_PUBLIC_KEY_FILE')) : '',
		baseUrl: process.env.JUHE_BASE_URL?.trim() || DEFAULT_BASE_URL,
	};
}

/** Asks whether to go on. @throws Error where there is no terminal to ask at. */
async function isConfirmed(): Promise<boolean> {
	if (!process.stdin.isTTY || !process.stdout.isTTY) {
		throw new Error(
			'nothing was sent: there is no terminal to ask at. --yes agrees to the queries',
		);
	}
	const terminal = createInterface({ input: process.stdin, output: process.stdout });
	const answer = await new Promise<string>((resolve) => {
		terminal.question('Go on? [y/N] ', resolve);
		// By Ctrl+C or Ctrl+D.
		terminal.once('close', () => resolve(''));
	});
	terminal.close();
	return /^y(es)?$/i.test(answer.trim());
}

/** Sends the list through the workflow, then shows and saves what came out. */
async function cleanse(
	list: ContactList,
	options: Options,
	credential: Credential,
	simulator?: Simulator,
): Promise<void> {
	const { file, column, operation, out } = options;
	// To be known before the queries are paid.
	if (out !== undefined) attempt(out, 'written', () => closeSync(openSync(out, 'a')));
	const service = simulator ? 'simulator: nothing is paid' : 'live';
	console.log(`${file}, column ${column}, ${operation} query, ${service}`);

	const stopProgress = simulator && showProgress(simulator, list.distinct);
	const results = await runExample(list.contacts, options, credential);
	stopProgress?.();

	report(list, results, column, simulator);
	if (out !== undefined) {
		attempt(out, 'written', () => writeFileSync(out, toCsv(list, results)));
		console.log(`\nSaved in ${out}`);
	}
}

/** On a terminal, a bar of the requests that have reached the simulator; gives what takes it away. */
function showProgress(simulator: Simulator, total: number): () => void {
	const bar = new SingleBar({
		format: '{bar} {value} of {total} numbers',
		stream: process.stdout,
		clearOnComplete: true,
	});
	bar.start(total, 0);
	const timer = setInterval(() => bar.update(simulator.counts.requests), LATENCY);
	return () => {
		clearInterval(timer);
		bar.stop();
	};
}

/** Runs the example workflow on the contacts and gives their results, in the same order. */
async function runExample(
	contacts: Contact[],
	{ operation, column }: Options,
	credential: Credential,
): Promise<Result[]> {
	const workflow = JSON.parse(
		readFileSync(join(EXAMPLES, 'crm-cleansing.json'), 'utf8'),
	) as WorkflowFile;
	const juhe = workflow.nodes.find(({ type }) => type === JUHE_NODE)!;
	juhe.parameters.operation = operation;
	// The workflow looks for the number in `phone`, whatever the list calls it.
	const items = contacts.map((contact) => ({ json: { ...contact, phone: contact[column] } }));
	const { run } = await runWorkflow(workflow, {
		credential,
		pinData: { Contacts: items },
		// Once: a second Ctrl+C does not wait for the answers that are still to come.
		onStart: (cancel) =>
			process.once('SIGINT', () => {
				process.exitCode = INTERRUPTED;
				console.error('Stopping as soon as the answers are in that are under way.');
				cancel();
			}),
	});

	const { error, runData } = run.data.resultData;
	const outputs = (runData[juhe.name]?.[0]?.data?.main ?? []).map((output) => output ?? []);
	// The error output is the last.
	const failed = outputs.pop();
	if (!failed) throw new Error(error?.message ?? 'stopped before the first query');
	const results: Result[] = [];
	const put = ({ pairedItem }: INodeExecutionData, fields: IDataObject) => {
		const { item } = pairedItem as { item: number };
		results[item] = toResult(fields);
	};
	for (const item of outputs.flat()) {
		put(item, { ...(item.json.mobileStatus as IDataObject), route: item.json.route });
	}
	for (const item of failed)
		put(item, { ...(item.json.details as IDataObject), error: item.json.error });
	return results;
}

function toResult(fields: IDataObject): Result {
	const texts = [...RESULT_COLUMNS, 'code', 'remedy'].map((name) => {
		const value = fields[name];
		return [name, typeof value === 'string' || typeof value === 'number' ? String(value) : ''];
	});
	return Object.fromEntries(texts) as Result;
}

/** Shows the rows, what they add up to, and what to do about those without a result. */
function report(list: ContactList, results: Result[], column: string, simulator?: Simulator): void {
	const rows = table('Row', 'Phone', 'Route or error', 'Advice', 'Source', 'Billable');
	for (const [index, result] of results.slice(0, MAX_SHOWN).entries()) {
		const { route, code, advice, source, billable } = result;
		const phone = showInvisible(list.contacts[index]![column]!);
		rows.push([index + 1, phone, route || `error ${code}`, advice, source, billable]);
	}
	console.log(`\n${rows.toString()}${andMore(results)}\n`);

	const routes = table('Route', 'Advice', 'Rows');
	for (const [route, group] of groupBy(results, (result) => result.route)) {
		routes.push([route || 'error', group[0]!.advice, group.length]);
	}
	console.log(`${routes.toString()}\n`);

	const count = (billable: string) =>
		results.filter((result) => result.billable === billable).length;
	const sums = table('In all', '');
	sums.push(
		['Rows', results.length],
		['Distinct numbers', list.distinct],
		['Billed queries', simulator?.counts.billed ?? count('yes')],
		['Perhaps billed, an answer was lost', count('uncertain')],
		// Rows that have a result because another row paid for it.
		['Saved queries', results.filter(({ route, billable }) => route && billable === 'no').length],
	);
	console.log(sums.toString());

	const failed = results
		.map((result, index) => ({ ...result, row: index + 1 }))
		.filter(({ error }) => error);
	for (const [remedy, group] of groupBy(failed, (result) => result.remedy)) {
		const lines = [...groupBy(group, ({ error }) => error)].map(
			([error, [first, ...others]]) =>
				`Row ${first!.row}${others.length > 0 ? ` and ${others.length} more` : ''}: ${error}`,
		);
		console.log(`\n${lines.slice(0, MAX_SHOWN).join('\n')}${andMore(lines)}\n→ ${remedy}`);
	}
}

function table(...head: string[]): Table.Table {
	return new Table({ head, style: { head: [], border: [], compact: true } });
}

function andMore(shown: unknown[]): string {
	return shown.length > MAX_SHOWN ? `\n… and ${shown.length - MAX_SHOWN} more` : '';
}

/** Characters that a terminal hides or obeys, in a form that can be seen. */
function showInvisible(text: string): string {
	return text.replace(
		/[\p{Cc}\p{Cf}]/gu,
		(character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
	);
}

function groupBy<T>(items: T[], keyOf: (item: T) => string): Map<string, T[]> {
	const groups = new Map<string, T[]>();
	for (const item of items) {
		const group = groups.get(keyOf(item));
		if (group) group.push(item);
		else groups.set(keyOf(item), [item]);
	}
	return groups;
}

/** The list as it came with the results beside it, for Excel, which takes CSV for UTF-8 only with a mark. */
function toCsv({ columns, contacts }: ContactList, results: Result[]): string {
	const taken = new Set(columns);
	const added = RESULT_COLUMNS.map((column) => {
		let name: string = column;
		while (taken.has(name)) name = `juhe_${name}`;
		return name;
	});
	const rows = contacts.map((contact, index) => [
		...columns.map((column) => contact[column]),
		...RESULT_COLUMNS.map((column) => results[index]![column]),
	]);
	return stringify([[...columns, ...added], ...rows], { bom: true });
}

const program = new Command('demo')
	.description(
		`Looks up the mobile numbers of a contact list with the example workflow, and says which to keep.
Answers come from a simulator of the service, unless --live is given.`,
	)
	.addOption(
		new Option('--operation <name>', 'how the numbers travel')
			.choices(OPERATIONS.map(({ value }) => value))
			.default('plain'),
	)
	.option('--file <csv>', 'the list', relative('', join(EXAMPLES, 'contacts.csv')))
	.option('--column <name>', 'its column that holds the numbers', 'phone')
	.option('--out <csv>', 'where to save the list with its results')
	.option('--live', 'ask the real service, which bills each distinct number')
	.option('--yes', 'with --live: agree to the queries beforehand')
	.addHelpText(
		'after',
		`
--live takes the account from the environment:
  JUHE_API_KEY              the key of the API
  JUHE_OPENID               for --operation aes
  JUHE_RSA_PUBLIC_KEY_FILE  for --operation rsa: a file with the public key
  JUHE_BASE_URL             ${DEFAULT_BASE_URL} unless set`,
	)
	.action(main);

program.parseAsync().then(
	// n8n's engine leaves timers behind that would keep the process alive.
	() => process.stdout.write('', () => process.exit()),
	(error: unknown) => program.error(`error: ${(error as Error).message}`),
);
