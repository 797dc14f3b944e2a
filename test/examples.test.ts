import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { parse } from 'csv-parse/sync';
import type { IDataObject, INodeExecutionData, INodeProperties } from 'n8n-workflow';

import { PROPERTIES } from '../nodes/JuheMobileStatus/properties';
import { JUHE_NODE, runWorkflow, type WorkflowFile } from './engine';
import { rowOf, statusOf, useSimulator } from './simulated';

const EXAMPLES = join(__dirname, '..', 'examples');
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

describe.each(readdirSync(EXAMPLES).filter((name) => name.endsWith('.json')))('%s', (file) => {
	const { nodes, connections } = readWorkflow(file);
	const names = nodes.map(({ name }) => name);

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
		const list = workflow.nodes.find(({ name }) => name === 'Contacts List');
		expect(contacts).toHaveLength(60);
		expect(JSON.parse(list?.parameters.jsonOutput as string)).toEqual({ contacts });
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
		const tally: Record<string, number> = {};
		for (const item of outputs.flat()) {
			const key = `${item.json.route as string}: ${statusOf(item).advice as string}`;
			tally[key] = (tally[key] ?? 0) + 1;
		}

		expect(rows).toEqual([...contacts.keys()]);
		expect(tally).toEqual({
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
	const list = workflow.nodes.find(({ name }) => name === 'Contacts List');
	const { contacts } = JSON.parse(list?.parameters.jsonOutput as string) as {
		contacts: IDataObject[];
	};

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
