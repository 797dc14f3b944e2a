/** What an example's file says of itself. What it does is shown in the n8n product: test/e2e and test/queue. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { parse } from 'csv-parse/sync';
import type { IDataObject, INode, INodeProperties } from 'n8n-workflow';

import { JuheApi } from '../credentials/JuheApi.credentials';
import { PROPERTIES } from '../nodes/JuheMobileStatus/properties';
import { JUHE_NODE, type WorkflowFile } from './engine';
import fieldCases from './field-cases/numbers.json';

const EXAMPLES = join(__dirname, '..', 'examples');
const NOTE = 'n8n-nodes-base.stickyNote';
/** Workflows that check a whole list, again and again. */
const LISTS = [
	'crm-http.json',
	'google-sheets.json',
	'hubspot.json',
	'keep-results-beside.json',
	'postgres-list.json',
	'scheduled-list-check.json',
];
/** What a window of 1400 × 850 leaves to n8n's canvas, in pixels, and the margin when n8n zooms to fit. */
const CANVAS = { width: 1358, height: 749, margin: 1.2 };

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

test('the README counts the nodes of every example, in English and in Chinese', () => {
	const counted = read('README.md').matchAll(
		/\]\(([\w-]+\.json)\)[^|]*\| (\d+)(?:(?:, and|，另有) (\d+) [^|]+)? +\|/g,
	);
	const counts = [...counted].map(([, file, working, setUp = 0]) => [
		file,
		Number(working) + Number(setUp),
	]);
	const nodes = FILES.map((file) => [
		file,
		readWorkflow(file).nodes.filter(({ type }) => type !== NOTE).length,
	]);
	expect(counts.sort()).toEqual([...nodes, ...nodes].sort());
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
		expect(notes.length).toBeLessThanOrEqual(3);
		expect(others.filter((text) => /dry run|max queries per execution/i.test(text))).not.toEqual(
			[],
		);
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

	test('opens on one screen, its text large enough to read', () => {
		const areas = [...notes, ...regular].map(areaOf);
		const extent = (from: 'left' | 'top', to: 'right' | 'bottom') =>
			Math.max(...areas.map((area) => area[to])) - Math.min(...areas.map((area) => area[from]));
		const zoom = Math.min(
			CANVAS.width / extent('left', 'right'),
			CANVAS.height / extent('top', 'bottom'),
		);
		expect(zoom / CANVAS.margin).toBeGreaterThanOrEqual(0.68);
	});

	test("has what n8n's own export has, and nothing of the n8n that it was made on", () => {
		// Without pinData, n8n cannot execute a step of the workflow.
		expect(rest).toEqual({
			name: expect.any(String) as string,
			pinData: {},
			active: false,
			settings: expect.objectContaining({ executionOrder: 'v1' }) as object,
			meta: {},
			id: expect.stringMatching(/^juhe/) as string,
			tags: [],
		});
		// By its name n8n finds a credential of the importing n8n; an id would be one of ours. With null in its place, n8n's
		// editor shows a credential that is made later, and does not save it in the node.
		const credentials = nodes.flatMap((node) => Object.values(node.credentials ?? {}));
		expect(credentials.map(({ id }) => id)).toEqual(credentials.map(() => ''));
		const hosts = [...read(file).matchAll(/https?:\/\/([\w.:-]+)/g)].map(([, host]) => host!);
		const known = ['crm.example.com', 'docs.google.com', 'localhost:5678', 'qyapi.weixin.qq.com'];
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
		// These only read or delete what the others have written.
		expect(ours.length === 0).toBe(['forget-a-number.json', 'report.json'].includes(file));
		for (const { type, typeVersion, credentials = {}, parameters } of ours) {
			// n8n makes the second type, for agents, of the first.
			expect([JUHE_NODE, `${JUHE_NODE}Tool`]).toContain(type);
			expect([typeVersion, Object.keys(credentials)]).toEqual([1, ['juheApi']]);
			expect(undeclared(parameters as IDataObject, PROPERTIES)).toEqual([]);
		}
	});
});

describe.each(LISTS)('the list %s', (file) => {
	const { nodes, connections } = readWorkflow(file);
	const parametersOf = (name: string) =>
		nodes.find((node) => node.name === name)?.parameters as IDataObject | undefined;

	test('has at most ten nodes, beside the notes and what sets it up', () => {
		const setUp = new Set<string>();
		const follow = (name: string) => {
			setUp.add(name);
			for (const { node } of connections[name]?.main?.[0] ?? []) follow(node);
		};
		follow('Set Up Once');
		const working = nodes.filter(({ type, name }) => type !== NOTE && !setUp.has(name));
		expect(working.length).toBeLessThanOrEqual(10);
	});

	test('makes the table of its history, and fills all of its columns', () => {
		const { columns: made, tableName } = parametersOf('Create History') as {
			columns: { column: Array<{ name: string }> };
			tableName: string;
		};
		const { columns: filled } = parametersOf('History') as { columns: { value: IDataObject } };
		expect(tableName).toBe('juhe_runs');
		expect(Object.keys(filled.value)).toEqual(made.column.map(({ name }) => name));
	});
});

// The suppressed numbers are in a Data Table, and the list in PostgreSQL is not looked up there: its note says so.
test.each(LISTS.filter((file) => file !== 'postgres-list.json'))(
	'%s looks up a number among the suppressed ones, however the cell writes it',
	(file) => {
		const { nodes } = readWorkflow(file);
		const { filters } = nodes.find(({ name }) => name === 'Not Suppressed')!.parameters as {
			filters: { conditions: Array<{ keyName: string; keyValue: string }> };
		};
		const [{ keyName, keyValue }] = filters.conditions as [(typeof filters.conditions)[0]];
		expect(keyName).toBe('phone');
		const expression = keyValue.replace(/^={{|}}$/g, '').replace(/\$json[.\w]*/, 'cell');
		// eslint-disable-next-line @typescript-eslint/no-implied-eval -- the expression, as n8n evaluates it
		const numberOf = new Function('cell', `return ${expression}`) as (cell: unknown) => string;
		for (const { cell, mobile } of fieldCases) {
			if (mobile) expect([cell, numberOf(cell)]).toEqual([cell, mobile]);
		}
		expect(numberOf(13800138000)).toBe('13800138000');
		expect([undefined, 'none'].map(numberOf)).toEqual(['', '']);
	},
);

test('crm-cleansing.json holds the 60 rows of contacts.csv', () => {
	const { nodes } = readWorkflow('crm-cleansing.json');
	const list = nodes.find(({ name }) => name === 'Contacts List')!;
	const { contacts } = JSON.parse(list.parameters.jsonOutput as string) as { contacts: unknown };
	expect(contacts).toEqual(parse(read('contacts.csv'), { columns: true }));
});
