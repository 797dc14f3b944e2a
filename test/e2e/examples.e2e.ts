/**
 * The examples in the n8n that people import them into: everything in them is known to n8n's own node types, and the
 * parts that the engine's tests cannot run (Filter, If, Merge, Set, HTTP Request) do what the notes on the canvas say.
 */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
	NodeHelpers,
	type IDataObject,
	type INode,
	type INodeParameters,
	type INodeTypeDescription,
} from 'n8n-workflow';

import type { WorkflowFile } from '../../scripts/real-n8n';
import { ownIt } from './ownIt';
import {
	dataTable,
	HOST,
	itemsOf,
	runByHand,
	runByWebhook,
	startWorld,
	workflowOf,
	type World,
} from './world';

const EXAMPLES = join(__dirname, '../../examples');
const FILES = readdirSync(EXAMPLES).filter((name) => name.endsWith('.json'));
const CHECK = 'Juhe Mobile Status';

let world: World;
/** What the editor gets to know of the nodes. */
let nodeTypes: INodeTypeDescription[];
beforeAll(async () => {
	world = await startWorld();
	nodeTypes = await world.n8n.api('GET', '/types/nodes.json');
});
beforeEach(() => world.simulator.reset());
afterAll(() => world.stop());

const read = (file: string) =>
	JSON.parse(readFileSync(join(EXAMPLES, file), 'utf8')) as WorkflowFile & { id: string };

/** @throws Error for a node, or a version of it, that n8n does not know: the editor would show a question mark */
function typeOf({ name, type, typeVersion }: INode): INodeTypeDescription {
	const known = nodeTypes.find(
		(candidate) =>
			candidate.name === type && [candidate.version].flat().some((each) => each === typeVersion),
	);
	if (known === undefined) throw new Error(`${name}: n8n has no ${type} of version ${typeVersion}`);
	return known;
}

describe.each(FILES)('%s', (file) => {
	const { nodes } = read(file);

	it.each(nodes.map((node) => [node.name, node] as const))(
		'%s is set as n8n declares it',
		(_, node) => {
			const type = typeOf(node);
			// What is not declared, or not shown with the other values, does not come back.
			const kept = NodeHelpers.getNodeParameters(
				type.properties,
				node.parameters,
				true,
				false,
				node,
				type,
			);
			expect(kept).toMatchObject(node.parameters);
			// What the editor's red triangle says: values that are no options, required ones that are missing.
			expect(NodeHelpers.getNodeParametersIssues(type.properties, node, type)).toBeNull();
			const accepted = (type.credentials ?? [])
				.filter((credential) => NodeHelpers.displayParameter(kept!, credential, node, type))
				.map(({ name }) => name);
			// The HTTP Request node says in a parameter which one it takes.
			expect([...accepted, node.parameters.genericAuthType]).toEqual(
				expect.arrayContaining(Object.keys(node.credentials ?? {})),
			);
			expect(unmappedColumns(node)).toEqual([]);
		},
	);
});

/** Columns of a mapping whose schema does not hold them: n8n does not look into a mapping. */
function unmappedColumns({ parameters }: INode): string[] {
	const columns = parameters.columns as
		{ value: IDataObject; schema: Array<{ id: string }>; matchingColumns: string[] } | undefined;
	if (columns?.schema === undefined) return [];
	const ids = columns.schema.map(({ id }) => id);
	return [...Object.keys(columns.value), ...columns.matchingColumns].filter(
		(name) => !ids.includes(name),
	);
}

ownIt('all import on the command line, and find the credential by its name', async () => {
	const { output } = await world.own!.cli('import:workflow', '--separate', `--input=${EXAMPLES}`);
	expect(output).toContain(`Successfully imported ${FILES.length} workflows`);
	for (const { id, nodes } of FILES.map(read)) {
		const { data } = await world.n8n.api<{ data: WorkflowFile }>('GET', `/rest/workflows/${id}`);
		expect(data.nodes.map(({ name, type, parameters }) => ({ name, type, parameters }))).toEqual(
			nodes.map(({ name, type, parameters }) => ({ name, type, parameters })),
		);
		const ours = data.nodes.flatMap(({ credentials }) => credentials?.juheApi ?? []);
		for (const { id: found } of ours) expect(found).toBe(world.credential.id);
	}
});

ownIt("n8n's report on what n8n 3 breaks names none of them", async () => {
	const { n8n, credential } = world;
	const more = { alwaysOutputData: true };
	// Named, as every node whose outputs are an expression.
	const named = workflowOf('Always Output Data', [], { splitOutputs: true }, more);
	const names = new Map<string, string>();
	for (const file of [...FILES.map(read), named]) {
		names.set(await n8n.importWorkflow(file, credential), file.name);
	}
	const path = '/rest/breaking-changes/report';
	type Report = { report: { workflowResults: Array<{ ruleId: string }> } };
	const { data } = await n8n.api<{ data: Report }>('POST', `${path}/refresh?version=v3`);
	const affected: unknown[] = [];
	for (const { ruleId } of data.report.workflowResults) {
		type Rule = { affectedWorkflows: Array<{ id: string }> };
		const rule = await n8n.api<{ data: Rule }>('GET', `${path}/${ruleId}`);
		for (const { id } of rule.data.affectedWorkflows) affected.push([ruleId, names.get(id)]);
	}
	expect(affected).toEqual([['always-output-data-multi-output-v3', named.name]]);
});

/** An example with nodes changed, and a webhook in the place of its trigger: n8n has no way to press its button. */
function withWebhook(
	file: string,
	path: string,
	changes: Record<string, Partial<INode>> = {},
): WorkflowFile {
	const example = read(file);
	const webhook = {
		type: 'n8n-nodes-base.webhook',
		typeVersion: 2,
		webhookId: path,
		parameters: { httpMethod: 'POST', path, responseMode: 'lastNode', options: {} },
	};
	const nodes = example.nodes.map((node) => ({
		...node,
		...(/\.(manual|schedule)Trigger$/.test(node.type) && webhook),
		...changes[node.name],
	}));
	return { ...example, name: path, nodes };
}

/** A node's parameters with other options. */
function options(file: string, name: string, change: IDataObject): Partial<INode> {
	const { parameters } = read(file).nodes.find((node) => node.name === name)!;
	return {
		parameters: {
			...parameters,
			options: { ...(parameters.options as IDataObject), ...change } as INodeParameters,
		},
	};
}

/** Stands in for a node that writes elsewhere: gives the fields that it would write, evaluated as there. */
function writes(fields: Array<[name: string, value: unknown]>): Partial<INode> {
	const assignments = fields.map(([name, value]) => ({
		id: name,
		name,
		value: value as string,
		type: name === 'row_number' ? 'number' : 'string',
	}));
	return {
		type: 'n8n-nodes-base.set',
		typeVersion: 3.4,
		parameters: { mode: 'manual', assignments: { assignments }, options: {} },
		credentials: undefined,
	};
}

/** Gives the rows that the webhook in the place of the schedule was sent. */
const reads: Partial<INode> = {
	type: 'n8n-nodes-base.code',
	typeVersion: 2,
	parameters: { jsCode: "return $('Every Morning').first().json.body.rows;" },
	credentials: undefined,
};

/** The last row of the history. */
const lastRun = async () => (await (await dataTable(world.n8n, 'juhe_runs')).read()).at(-1);

describe('crm-cleansing.json', () => {
	it('sorts its 60 rows: each comes out once, and each number is paid once', async () => {
		const id = await world.n8n.importWorkflow(read('crm-cleansing.json'), world.credential);
		const execution = await runByHand(world.n8n, id, 'Manual Trigger');
		expect(execution.status).toBe('success');
		const ends = ['Keep', 'Recheck', 'Remove', 'Review', 'Could Not Check'];
		const rows = ends.map((end) => itemsOf(execution, end));
		expect(rows.map(({ length }) => length)).toEqual([30, 11, 9, 0, 10]);
		expect(new Set(rows.flat().map((row) => row.id)).size).toBe(60);
		const [keep, recheck, remove] = rows.map((some) => [...new Set(some.map((row) => row.route))]);
		expect([keep, remove]).toEqual([['normal'], ['notOnNetwork']]);
		expect(recheck!.sort()).toEqual(['preCancelled', 'suspended', 'unavailable']);
		expect([...world.simulator.counts.lookups.values()]).toEqual(Array(42).fill(1));
	});
});

describe('encrypted.json', () => {
	it('shows both answers to a contact side by side', async () => {
		const execution = await runByWebhook(world, withWebhook('encrypted.json', 'encrypted'), []);
		expect(execution.status).toBe('success');
		const rows = itemsOf(execution, 'Side by Side');
		expect(rows.map(({ aesRoute, rsaRoute }) => [aesRoute, rsaRoute])).toEqual(
			[
				'normal',
				'suspended',
				'unavailable',
				'notOnNetwork',
				'preCancelled',
				'normal',
				'normal',
				'notOnNetwork',
			].map((route) => [route, route]),
		);
		const [mobile, orderid] = [/^1\d\d\*{4}\d{4}$/, /^JH/].map(
			(pattern) => expect.stringMatching(pattern) as string,
		);
		for (const { id, name, phone, aesRoute, rsaRoute, ...results } of rows) {
			expect(results).toEqual({
				aes_mobile: mobile,
				aes_orderid: orderid,
				rsa_mobile: mobile,
				rsa_orderid: orderid,
			});
			expect(results.aes_orderid).not.toBe(results.rsa_orderid);
		}
		expect(world.simulator.counts.billed).toBe(14);
	});
});

describe('google-sheets.json', () => {
	const { columns } = read('google-sheets.json').nodes.find(({ name }) => name === 'Write Back')!
		.parameters as { columns: { value: IDataObject } };
	const sheet = { 'Read Rows': reads, 'Write Back': writes(Object.entries(columns.value)) };
	const daysFromNow = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
	/** A row that was checked 10 days ago. */
	const checked = (mobile: string, state: string, route: string, recheckIn: number) => ({
		route,
		mobileStatus_mobile: mobile,
		mobileStatus_state: state,
		mobileStatus_advice: 'keep',
		mobileStatus_source: 'query',
		mobileStatus_checkedAt: daysFromNow(-10),
		mobileStatus_recheckAt: daysFromNow(recheckIn),
	});
	const rows: IDataObject[] = [
		{ row_number: 2, phone: 13800138000, route: '' },
		{ row_number: 3, phone: '138-0013-8007', route: '' },
		{ row_number: 4, phone: '', route: '' },
		{ row_number: 5, phone: 'no number', ...checked('13800138009', '0', 'normal', 20) },
		{ row_number: 6, phone: 13800138001, ...checked('13800138001', '0', 'normal', 20) },
		{ row_number: 7, phone: 13800138005, ...checked('13800138005', '1', 'suspended', -3) },
		{ row_number: 8, phone: 13800138002, ...checked('13800138009', '0', 'normal', 20) },
		{ row_number: 9, phone: 13800138003, route: '' },
	];

	it('sends and writes nothing in a dry run', async () => {
		const execution = await runByWebhook(
			world,
			withWebhook('google-sheets.json', 'sheet-dry', sheet),
			rows,
		);
		expect(execution.status).toBe('success');
		expect(itemsOf(execution, CHECK).map(({ row_number, dryRun }) => [row_number, dryRun])).toEqual(
			[
				[2, 'billable'],
				[3, 'billable'],
				[5, undefined],
				[6, 'reusable'],
				[7, 'billable'],
				[8, 'billable'],
				[9, 'billable'],
			],
		);
		expect(itemsOf(execution, 'Write Back')).toEqual([]);
		expect(world.simulator.counts.requests).toBe(0);
		expect(await lastRun()).toMatchObject({ dryRun: true, rows: 7, billable: 5, reused: 1 });
	});

	it('writes down what is new, due or edited, and what is no number; the rest stays due', async () => {
		const suppressed = await dataTable(world.n8n, 'juhe_suppressed');
		await suppressed.fill([{ phone: '13800138010' }]);
		world.simulator.script({ mobile: '13800138002', fault: { kind: 'code', code: 224919 } });
		const live = options('google-sheets.json', CHECK, { dryRun: false, maxQueries: 4 });
		const file = withWebhook('google-sheets.json', 'sheet-live', { ...sheet, [CHECK]: live });
		const refused = { row_number: 10, phone: '+86 138-0013-8010' };
		const execution = await runByWebhook(world, file, [refused, ...rows]);
		expect(execution.status).toBe('success');
		const at = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string;
		const written = (row_number: number, route: string, result: string[]) => ({
			row_number,
			route,
			...Object.fromEntries(
				['mobile', 'state', 'advice', 'checkedAt', 'recheckAt'].map((name, index) => [
					`mobileStatus_${name}`,
					result[index] ?? '',
				]),
			),
		});
		expect(itemsOf(execution, 'Write Back')).toEqual([
			written(2, 'normal', ['13800138000', '0', 'keep', at, at]),
			written(3, 'notOnNetwork', ['13800138007', '3', 'remove', at, at]),
			written(5, 'invalidNumber', []),
			written(7, 'suspended', ['13800138005', '1', 'recheck', at, at]),
		]);
		const later = itemsOf(execution, CHECK).slice(-2);
		expect(later.map(({ row_number, details_code }) => [row_number, details_code])).toEqual([
			[8, 224919],
			[9, 'overCap'],
		]);
		expect(world.simulator.counts.billed).toBe(3);
		expect(await lastRun()).toMatchObject({
			...{ workflow: file.name, dryRun: false, rows: 7, queried: 3, errors: 3, notQueried: 1 },
			...{ reused: 1, normal: 2, suspended: 1, notOnNetwork: 1, stoppedBy: null },
		});
	});
});

describe('hubspot.json', () => {
	it('writes into a contact what was answered, by its email', async () => {
		const { email, additionalFields } = read('hubspot.json').nodes.find(
			({ name }) => name === 'Update Contact',
		)!.parameters as {
			email: string;
			additionalFields: {
				customPropertiesUi: {
					customPropertiesValues: Array<{ property: string; value: string }>;
				};
			};
		};
		const properties = additionalFields.customPropertiesUi.customPropertiesValues;
		const execution = await runByWebhook(
			world,
			withWebhook('hubspot.json', 'hubspot', {
				'Contacts to Check': reads,
				'Update Contact': writes([
					['email', email],
					...properties.map(({ property, value }): [string, string] => [property, value]),
				]),
				[CHECK]: options('hubspot.json', CHECK, { dryRun: false }),
			}),
			[
				{ id: '1', properties: { email: 'one@example.com', mobilephone: '+86 13800138009' } },
				{ id: '2', properties: { email: 'two@example.com', mobilephone: '+1 202 555 0100' } },
			],
		);
		expect(execution.status).toBe('success');
		const at = expect.stringMatching(/Z$/) as string;
		expect(await lastRun()).toMatchObject({ rows: 2, queried: 1, errors: 1, preCancelled: 1 });
		expect(itemsOf(execution, 'Update Contact')).toEqual([
			{
				email: 'one@example.com',
				juhe_route: 'preCancelled',
				juhe_advice: 'recheck',
				juhe_checked_at: at,
			},
			{
				email: 'two@example.com',
				juhe_route: 'invalidNumber',
				juhe_advice: 'review',
				juhe_checked_at: at,
			},
		]);
	});
});

describe('crm-http.json', () => {
	it('reads contacts from an API and writes into them, with the credential, what was answered', async () => {
		const contacts = [
			{ id: 'a', mobile: '13800138000' },
			{ id: 'b', mobile: '13800138007' },
			{ id: 'c', mobile: '400 000 0000' },
		];
		const received: unknown[] = [];
		const crm = createServer((request, response) => {
			let body = '';
			request.setEncoding('utf8').on('data', (text: string) => (body += text));
			request.on('end', () => {
				if (request.headers['x-token'] !== 'made up') response.writeHead(401);
				const isUpdate = request.method === 'PATCH';
				received.push([request.method, request.url, ...(isUpdate ? [JSON.parse(body)] : [])]);
				response.setHeader('content-type', 'application/json');
				response.end(JSON.stringify(isUpdate ? {} : { contacts }));
			});
		});
		await once(crm.listen(0, HOST), 'listening');
		try {
			const name = 'CRM account';
			const token = { name: 'x-token', value: 'made up' };
			const id = await world.n8n.createCredential(name, token, 'httpHeaderAuth');
			const host = `http://${HOST}:${(crm.address() as AddressInfo).port}`;
			const there = Object.fromEntries(
				read('crm-http.json')
					.nodes.filter(({ type }) => type.endsWith('.httpRequest'))
					.map(({ name: node, parameters }) => {
						const url = (parameters.url as string).replace('https://crm.example.com', host);
						const credentials = { httpHeaderAuth: { id, name } };
						return [node, { parameters: { ...parameters, url }, credentials }];
					}),
			);
			const live = options('crm-http.json', CHECK, { dryRun: false });
			const file = withWebhook('crm-http.json', 'crm', { ...there, [CHECK]: live });
			const { status, data } = await runByWebhook(world, file, []);
			expect(status).toBe('success');
			// Whatever becomes of the history, the results are written.
			const { 'Update Contact': written, History: history } = data.resultData.runData;
			expect(history![0]!.executionIndex).toBeGreaterThan(written!.at(-1)!.executionIndex);
			expect(await lastRun()).toMatchObject({ rows: 3, queried: 2, errors: 1, billable: 2 });

			const recheckAt = expect.stringMatching(/Z$/) as string;
			expect(received).toEqual([
				['GET', expect.stringMatching(/^\/api\/contacts\?dueAt=2\d{3}-.*&limit=100$/)],
				['PATCH', '/api/contacts/a', { route: 'normal', advice: 'keep', recheckAt }],
				['PATCH', '/api/contacts/b', { route: 'notOnNetwork', advice: 'remove', recheckAt }],
				['PATCH', '/api/contacts/c', { route: 'invalidNumber', advice: 'review', recheckAt }],
			]);
		} finally {
			crm.close();
		}
	});
});
