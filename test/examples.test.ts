import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { parse } from 'csv-parse/sync';
import type { IDataObject, INode, INodeExecutionData, INodeProperties } from 'n8n-workflow';

import { JuheApi } from '../credentials/JuheApi.credentials';
import { PROPERTIES } from '../nodes/JuheMobileStatus/properties';
import { JUHE_NODE, runWorkflow, type WorkflowFile } from './engine';
import { detailsOf, distinctNumbers, rowOf, statusOf, useSimulator } from './simulated';

const EXAMPLES = join(__dirname, '..', 'examples');
const NOTE = 'n8n-nodes-base.stickyNote';
const juhe = useSimulator();

function read(name: string): string {
	return readFileSync(join(EXAMPLES, name), 'utf8');
}

function readWorkflow(name: string): WorkflowFile {
	return JSON.parse(read(name)) as WorkflowFile;
}

/** Names of parameters, and of options in collections, that no property declares. */
function undeclared(parameters: IDataObject, properties: INodeProperties[]): string[] {
	return Object.entries(parameters).flatMap(([name, value]) => {
		const property = properties.find((declared) => declared.name === name);
		if (property === undefined) return [name];
		if (property.type !== 'collection') return [];
		return undeclared(value as IDataObject, property.options as INodeProperties[]);
	});
}

/** The rows that a workflow brings along. */
function ownContacts({ nodes }: WorkflowFile): IDataObject[] {
	const list = nodes.find(({ name }) => name === 'Contacts List');
	return (JSON.parse(list?.parameters.jsonOutput as string) as { contacts: IDataObject[] })
		.contacts;
}

/**
 * Runs an example with rows in the place of what a node gives.
 *
 * @returns by node, the items of its outputs; empty for a node that was not reached
 */
async function runExample(
	workflow: WorkflowFile,
	source: string,
	rows: IDataObject[],
): Promise<(node: string) => INodeExecutionData[][]> {
	const { run } = await runWorkflow(workflow, {
		credential: juhe.simulator.credential,
		pinData: { [source]: rows.map((json) => ({ json })) },
	});
	const { error, runData } = run.data.resultData;
	expect(error).toBeUndefined();
	return (node) => (runData[node]?.[0]?.data?.main ?? []).map((output) => output ?? []);
}

/** How often each value occurs. */
function tally(values: unknown[]): IDataObject {
	const counts: Record<string, number> = {};
	for (const value of values) counts[String(value)] = (counts[String(value)] ?? 0) + 1;
	return counts;
}

/** What a note, or a node with its name below it, covers on the editor's canvas, in pixels. */
function areaOf({ position: [left, top], parameters, type, name }: INode) {
	const isNote = type === NOTE;
	// A node with an output per route, and one for errors, is drawn higher than all others.
	const height = isNote ? Number(parameters.height) : (parameters.splitOutputs ? 256 : 96) + 48;
	const right = left + (isNote ? Number(parameters.width) : 96);
	return { name, left, top, right, bottom: top + height };
}

type Area = ReturnType<typeof areaOf>;

function overlapping(areas: Area[]): string[] {
	return areas.flatMap((a, index) =>
		areas
			.slice(index + 1)
			.filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
			.map((b) => `${a.name} and ${b.name}`),
	);
}

function isWithin(inner: Area, outer: Area): boolean {
	return (
		outer.left <= inner.left &&
		inner.right <= outer.right &&
		outer.top <= inner.top &&
		inner.bottom <= outer.bottom
	);
}

/** Names that our node, its credential and the settings of every node show. */
const SHOWN = [
	...PROPERTIES.flatMap(({ displayName, type, options = [] }) => [
		displayName,
		...(type === 'collection' ? (options as INodeProperties[]) : []).map(
			(each) => each.displayName,
		),
	]),
	...new JuheApi().properties.map(({ displayName }) => displayName),
	'On Error',
];

/** Whether a text is a name as n8n writes them, Like This One, and not a stressed word or sentence. */
function isName(text: string): boolean {
	const words = text.split(' ');
	return (
		/[a-z]/.test(text) &&
		/^[A-Z]/.test(text) &&
		words.every((word) => /^([A-Z(\d].*|to|in|into|a|at|or|per|for|after)$/.test(word))
	);
}

const FILES = readdirSync(EXAMPLES).filter((name) => name.endsWith('.json'));

test('the README lists every example, in English and in Chinese', () => {
	const listed = [...read('README.md').matchAll(/\]\(([\w-]+\.json)\)/g)].map(([, file]) => file);
	expect(listed.sort()).toEqual([...FILES, ...FILES].sort());
});

describe.each(FILES)('%s', (file) => {
	const { nodes, connections, ...rest } = readWorkflow(file);
	const names = nodes.map(({ name }) => name);
	const notes = nodes.filter(({ type }) => type === NOTE);
	const regular = nodes.filter(({ type }) => type !== NOTE);

	test('explains itself: what it is, what to change first, what it may cost', () => {
		const [title, ...others] = notes.map(({ parameters }) => parameters.content as string);
		expect(title).toMatch(/^## .+\n[^]*\*\*First things? to change/);
		expect(title).toContain('中文');
		expect(others.length).toBeGreaterThanOrEqual(2);
		expect(others.filter((text) => /dry run|max queries per run/i.test(text))).not.toEqual([]);
		// A name in bold letters that nothing has is the name of something that was renamed.
		const bold = notes.flatMap(({ parameters }) =>
			[...(parameters.content as string).matchAll(/\*\*(.+?)\*\*/g)].map(([, text]) => text!),
		);
		expect(bold.filter((text) => isName(text) && ![...names, ...SHOWN].includes(text))).toEqual([]);
	});

	test('lies on the grid, nothing over anything else, every node in a note', () => {
		for (const { position } of nodes) expect(position.map((at) => at % 16)).toEqual([0, 0]);
		const [noteAreas, nodeAreas] = [notes.map(areaOf), regular.map(areaOf)];
		expect(overlapping(nodeAreas)).toEqual([]);
		expect(overlapping(noteAreas)).toEqual([]);
		const outside = nodeAreas.filter((node) => !noteAreas.some((note) => isWithin(node, note)));
		expect(outside).toEqual([]);
	});

	test('holds nothing of the n8n that it was made on', () => {
		expect(Object.keys(rest).sort()).toEqual(['active', 'id', 'name', 'settings']);
		expect(rest).toMatchObject({ active: false, settings: { executionOrder: 'v1' } });
		// By its name n8n finds a credential of the importing n8n; an id would be one of ours.
		const credentials = nodes.flatMap((node) => Object.values(node.credentials ?? {}));
		expect(credentials.map(({ id }) => id)).toEqual(credentials.map(() => null));
		const hosts = [...read(file).matchAll(/https?:\/\/([\w.:-]+)/g)].map(([, host]) => host!);
		const known = ['crm.example.com', 'docs.google.com', 'localhost:5678'];
		expect(hosts.filter((host) => !known.includes(host))).toEqual([]);
	});

	test('connects only nodes that it has', () => {
		// A model and a tool are connected to their agent by kinds of their own.
		const targets = Object.values(connections).flatMap((kinds) =>
			Object.values(kinds)
				.flat()
				.flatMap((output) => (output ?? []).map(({ node }) => node)),
		);
		expect(targets).not.toHaveLength(0);
		expect(names).toEqual(expect.arrayContaining([...Object.keys(connections), ...targets]));
	});

	test('gives each node a name and an id of its own', () => {
		expect(new Set(names).size).toBe(nodes.length);
		expect(new Set(nodes.map(({ id }) => id)).size).toBe(nodes.length);
	});

	test('sets only what our node declares', () => {
		const ours = nodes.filter(({ type }) => type.startsWith('n8n-nodes-juhe.'));
		expect(ours).not.toHaveLength(0);
		for (const { type, typeVersion, credentials = {}, parameters } of ours) {
			// n8n makes the second type, for agents, of the first.
			expect([JUHE_NODE, `${JUHE_NODE}Tool`]).toContain(type);
			expect([typeVersion, Object.keys(credentials)]).toEqual([1, ['juheApi']]);
			expect(undeclared(parameters as IDataObject, PROPERTIES)).toEqual([]);
		}
	});
});

describe('crm-cleansing.json', () => {
	const workflow = readWorkflow('crm-cleansing.json');
	const contacts = parse<Record<string, string>>(read('contacts.csv'), { columns: true });

	test('holds the 60 rows of contacts.csv', () => {
		expect(contacts).toHaveLength(60);
		expect(ownContacts(workflow)).toEqual(contacts);
	});

	test('lets each row out once, on every route, and pays each distinct number once', async () => {
		const { run } = await runWorkflow(workflow, {
			credential: juhe.simulator.credential,
			pinData: { Contacts: contacts.map((contact) => ({ json: contact })) },
		});
		const { runData } = run.data.resultData;
		const outputs = runData['Juhe Mobile Status']?.[0]?.data?.main as INodeExecutionData[][];
		const rows = outputs
			.flat()
			.map(rowOf)
			.sort((a, b) => a - b);
		const failed = outputs.pop();
		const routes = outputs
			.flat()
			.map((item) => `${item.json.route as string}: ${statusOf(item).advice as string}`);

		expect(rows).toEqual([...contacts.keys()]);
		expect(tally(routes)).toEqual({
			'normal: keep': 30,
			'suspended: recheck': 6,
			'unavailable: recheck': 3,
			'notOnNetwork: remove': 9,
			'preCancelled: recheck': 2,
		});
		// Landlines and another country, digits missing, letters, blanks, a number that a spreadsheet has rounded.
		expect(failed!.map(rowOf)).toEqual([10, 15, 19, 25, 30, 35, 40, 45, 49, 54]);
		expect([...juhe.simulator.counts.lookups.values()]).toEqual(Array(42).fill(1));
		const arrived = (node: string) =>
			runData[node]!.reduce((rows, { data }) => rows + (data?.main?.[0]?.length ?? 0), 0);
		expect(['Keep', 'Recheck', 'Remove', 'Could Not Check'].map(arrived)).toEqual([30, 11, 9, 10]);
	});
});

describe('scheduled-list-check.json', () => {
	const workflow = readWorkflow('scheduled-list-check.json');
	const contacts = ownContacts(workflow);

	test('lets all rows out the first time, then only what has changed, and pays for what is not fresh', async () => {
		let staticData: IDataObject | undefined;
		const changed = async () => {
			const { run, workflow: after } = await runWorkflow(
				{ ...workflow, staticData },
				{
					credential: juhe.simulator.credential,
					pinData: { Contacts: contacts.map((json) => ({ json })) },
					mode: 'trigger',
				},
			);
			staticData = JSON.parse(JSON.stringify(after.staticData)) as IDataObject;
			return run.data.resultData.runData['Juhe Mobile Status']?.[0]?.data?.main?.[0]?.map(
				({ json }) => json.previousRoute,
			);
		};
		expect(await changed()).toEqual(contacts.map(() => null));
		expect(await changed()).toEqual([]);
		expect(juhe.simulator.counts.billed).toBe(contacts.length);
	});
});

describe('encrypted.json', () => {
	const workflow = readWorkflow('encrypted.json');
	const contacts = ownContacts(workflow);

	test('gives the same routes by AES and by RSA, masked, each with an order number', async () => {
		const outputsOf = await runExample(workflow, 'Contacts', contacts);
		const [aes, rsa] = ['Check with AES', 'Check with RSA'].map((node) => outputsOf(node)[0]!);
		const routes = aes!.map(({ json }) => json.aesRoute);
		expect(routes).toEqual([
			'normal',
			'suspended',
			'unavailable',
			'notOnNetwork',
			'preCancelled',
			'normal',
			'normal',
			'notOnNetwork',
		]);
		expect(rsa!.map(({ json }) => json.rsaRoute)).toEqual(routes);
		const results = [...aes!, ...rsa!].map(({ json }) => (json.aes ?? json.rsa) as IDataObject);
		for (const { mobile, orderid } of results) {
			expect(mobile).toMatch(/^1\d\d\*{4}\d{4}$/);
			expect(orderid).toMatch(/^JH249/);
		}
		// A number and its other spelling share a query, and so an order number.
		expect(new Set(results.map(({ orderid }) => orderid)).size).toBe(14);
		expect(tally(juhe.simulator.received.map(({ path }) => path))).toEqual({
			'/mobile_status/queryEncry': 7,
			'/mobile_status/queryRV2': 7,
		});
		expect(juhe.simulator.counts.billed).toBe(14);
	});
});

describe('fan-out.json', () => {
	test('says what its list would cost before it sends anything, and takes out what is no number', async () => {
		const workflow = readWorkflow('fan-out.json');
		const outputsOf = await runExample(workflow, 'Contacts', ownContacts(workflow));
		const [read, unreadable] = outputsOf('Read Numbers');
		expect(tally(read!.map(({ json }) => json.route))).toEqual({ billable: 8, duplicate: 1 });
		expect(unreadable!.map(({ json }) => json.phone)).toEqual(['021-5555 0100']);
		expect(juhe.simulator.counts.requests).toBe(0);
	});
});

describe('batch-worker.json', () => {
	test('gives every row of a batch back, and pays for 250 numbers at the most', async () => {
		const phones = [...distinctNumbers(251), distinctNumbers(1)[0]!, 'none'];
		const outputsOf = await runExample(
			readWorkflow('batch-worker.json'),
			'Contacts',
			phones.map((phone) => ({ phone })),
		);
		const answers = outputsOf('Answer')[0]!;
		expect(answers.map(({ json }) => json.phone)).toEqual(phones);
		expect(tally(answers.map((item) => item.json.route ?? detailsOf(item)?.code))).toEqual({
			normal: 251,
			overCap: 1,
			invalidNumber: 1,
		});
		expect(juhe.simulator.counts.billed).toBe(250);
	});
});

describe.each<[string, string, number, (phone: string) => IDataObject]>([
	['google-sheets.json', 'Due', 500, (phone) => ({ row_number: 2, phone })],
	[
		'hubspot.json',
		'Contacts to Check',
		100,
		(mobilephone) => ({ id: '1', properties: { email: 'a@example.com', mobilephone } }),
	],
	['crm-http.json', 'Contacts', 100, (mobile) => ({ id: '1', mobile })],
])('%s', (file, source, cap, row) => {
	const workflow = readWorkflow(file);
	const check = workflow.nodes.find(({ type }) => type === JUHE_NODE)!;
	const numbers = [...distinctNumbers(cap + 1), distinctNumbers(1)[0]!];
	const rows = [...numbers, 'none'].map(row);

	test('pays nothing as it is imported, and says what it would pay', async () => {
		const outputsOf = await runExample(workflow, source, rows);
		const [planned, failed] = outputsOf(check.name);
		expect(tally(planned!.map(({ json }) => json.route))).toEqual({
			billable: cap,
			duplicate: 1,
			overCap: 1,
		});
		expect(failed!.map((item) => detailsOf(item)?.code)).toEqual(['invalidNumber']);
		expect(juhe.simulator.counts.requests).toBe(0);
	});

	test('without its dry run it pays up to its cap, and a number without record is an answer', async () => {
		const { dryRun, ...options } = check.parameters.options as IDataObject;
		expect(dryRun).toBe(true);
		const live = { ...check, parameters: { ...check.parameters, options } } as INode;
		const nodes = workflow.nodes.map((node) => (node === check ? live : node));
		juhe.simulator.script({ mobile: numbers[1]!, fault: { kind: 'code', code: 224922 } });
		const outputsOf = await runExample({ ...workflow, nodes }, source, rows);
		const [checked, failed] = outputsOf(check.name);
		expect(tally(checked!.map(({ json }) => json.route))).toEqual({ normal: cap, noRecord: 1 });
		expect(failed!.map((item) => detailsOf(item)?.code)).toEqual(['overCap', 'invalidNumber']);
		expect(juhe.simulator.counts.lookups.size).toBe(cap - 1);
		expect(juhe.simulator.counts.requests).toBe(cap);
	});
});
