/**
 * The node as n8n's own AI builder finds, reads and builds with it: through n8n's MCP server, which has the assistant's
 * tools. n8n validates no parameter of a community node, so what the definition says is all that a model has.
 */
import type { IDataObject } from 'n8n-workflow';

import { dataTable, itemsOf, runByHand, startWorld, type World } from './world';

const NODE = 'n8n-nodes-juhe.juheMobileStatus';
const TABLE = 'contacts';
let world: World;
let apiKey: string;

beforeAll(async () => {
	world = await startWorld();
	const { n8n } = world;
	await n8n.api('PATCH', '/rest/mcp/settings', { mcpAccessEnabled: true });
	// A key that is there already is shown no more.
	const key = await n8n.api<{ data: { apiKey: string } }>('POST', '/rest/mcp/api-key/rotate');
	({ apiKey } = key.data);
});
beforeEach(() => world.simulator.reset());
afterAll(() => world.stop());

/** Calls a tool of the MCP server. @throws Error with its words where it refuses */
async function tool<T extends IDataObject>(name: string, args: object): Promise<T> {
	const response = await fetch(`${world.n8n.url}/mcp-server/http`, {
		method: 'POST',
		headers: {
			'content-type': 'application/json',
			accept: 'application/json, text/event-stream',
			authorization: `Bearer ${apiKey}`,
		},
		body: JSON.stringify({
			jsonrpc: '2.0',
			id: 1,
			method: 'tools/call',
			params: { name, arguments: args },
		}),
	});
	const text = await response.text();
	const message = text.split('\n').find((line) => line.startsWith('data:'));
	const { result } = JSON.parse(message?.slice('data:'.length) ?? text) as {
		result?: { isError?: boolean; structuredContent: T };
	};
	if (result === undefined || result.isError) throw new Error(`${name}: ${text}`);
	return result.structuredContent;
}

async function definitionOf(nodeId: string): Promise<string> {
	const { definitions } = await tool<{ definitions: string }>('get_node_types', {
		nodeIds: [{ nodeId }],
	});
	return definitions;
}

/** The code of the patterns in the definition, as a model copies it. */
async function patterns(): Promise<string[]> {
	const comment = (await definitionOf(NODE)).replace(/^ \* ?/gm, '');
	return [...comment.matchAll(/<pattern title=".*">\n([^]*?)<\/pattern>/g)].map(
		([, code]) => code!,
	);
}

/** Validates the code of a workflow and creates it. @returns the workflow's id, and what the tools warn of */
async function build(code: string, name: string) {
	type Warnings = { warnings?: Array<{ code: string }> };
	const validated = await tool<Warnings & { valid: boolean }>('validate_workflow', { code });
	const created = await tool<Warnings & { workflowId: string; autoAssignedCredentials: object[] }>(
		'create_workflow_from_code',
		{ code, name },
	);
	// From 2.41, n8n also tells how many boxes it would like on a canvas.
	const warnings = [validated, created]
		.flatMap((answer) => answer.warnings ?? [])
		.filter((warning) => warning.code !== 'TOP_LEVEL_ITEMS_OVER_CEILING');
	return { ...validated, ...created, warnings };
}

test.each([
	...['空号检测', '手机号', '号码检测', '手机在网状态', '聚合数据', 'juhe'],
	...['phone validation', 'number verification', 'HLR lookup', 'clean phone list'],
])('a search for %s has the node among its first three', async (query) => {
	const { results } = await tool<{ results: string }>('search_nodes', { queries: [query] });
	const found = [...results.matchAll(/^- (\S+)$/gm)].map((match) => match[1]);
	expect(found.slice(0, 3)).toContain(NODE);
});

test('an agent is offered the tool', async () => {
	const search = { queries: ['phone validation'], usage: 'agentTool' };
	const { results } = await tool<{ results: string }>('search_nodes', search);
	expect(/^- (\S+)$/m.exec(results)![1]).toBe(`${NODE}Tool`);
	expect(results).toContain('one call takes up to 100 numbers');
});

test('the search says what comes first, and what an operation needs', async () => {
	const { results } = await tool<{ results: string }>('search_nodes', { queries: ['juhe'] });
	for (const words of [
		'@builderHint Each distinct number is one paid query: begin with options.dryRun true',
		"@builderHint Needs 'OpenID' in the credential.",
		"@builderHint Needs 'RSA Public Key' in the credential.",
		'n8n-nodes-base.dataTable: "',
	]) {
		expect(results).toContain(words);
	}
});

test.each([NODE, `${NODE}Tool`])('the definition of %s says what the node does', async (nodeId) => {
	const definition = await definitionOf(nodeId);
	const routes = '0 Normal, 1 Suspended, 2 Unavailable, 3 Not on Network, 4 Pre-Cancelled, 5 Other';
	for (const words of [
		'splitOutputs false, summaryOutput false: 0 Rows\n',
		'splitOutputs false, summaryOutput true: 0 Rows, 1 Summary\n',
		`splitOutputs true, summaryOutput false: ${routes}\n`,
		`splitOutputs true, summaryOutput true: ${routes}, 6 Summary\n`,
		"onError 'continueErrorOutput' adds one output for the rows that fail, the last: 1, 2, 6 or 7",
		"set onError 'continueRegularOutput'",
		'begin with options.dryRun true, and always set options.maxQueries',
		'route: normal, suspended, unavailable, notOnNetwork, preCancelled, unknown, noRecord',
		'mobileStatus_recheckAt',
		'remove (route notOnNetwork): dead',
		"keep resultAs 'columns', set options.reuseResults to true",
		'One call takes up to 100 numbers',
	]) {
		expect(definition).toContain(words);
	}
	expect(definition).toMatch(/@builderHint Begin with true.*\n[^]*?dryRun\?: boolean/);
	expect(definition).toMatch(/@builderHint True: outputs 0 Normal.*\n[^]*?splitOutputs\?: boolean/);
});

test('the nightly job is built as its pattern stands there, and does what it says', async () => {
	const { n8n, simulator } = world;
	const projects = await tool<{ data: Array<{ id: string }> }>('search_projects', {});
	const text = ['label', 'advice', 'state', 'mobile', 'source', 'previousRoute'];
	await tool('create_data_table', {
		projectId: projects.data[0]!.id,
		name: TABLE,
		columns: [
			...['phone', 'route', ...text.map((name) => `mobileStatus_${name}`)].map((name) => ({
				name,
				type: 'string',
			})),
			{ name: 'mobileStatus_changed', type: 'boolean' },
			{ name: 'mobileStatus_checkedAt', type: 'date' },
			{ name: 'mobileStatus_recheckAt', type: 'date' },
		],
	});
	const table = await dataTable(n8n, TABLE);
	const cells = ['13800138000', '+86 138 0013 8007', 'no number', '138-0013-8000'];
	await table.fill(cells.map((phone) => ({ phone })));

	const [nightly] = await patterns();
	const built = await build(nightly!, 'Check contacts every night');
	expect(built).toMatchObject({
		valid: true,
		autoAssignedCredentials: [{ nodeName: 'Check Numbers', credentialType: 'juheApi' }],
	});
	expect(built.warnings).toEqual([]);

	// As it is built, it sends nothing and writes nothing.
	const before = await table.read();
	const dry = await runByHand(n8n, built.workflowId, 'Every Night');
	expect(dry.status).toBe('success');
	expect(itemsOf(dry, 'Check Numbers').map(({ dryRun }) => dryRun)).toEqual([
		...['billable', 'billable', undefined, 'duplicate'],
	]);
	expect(simulator.received).toHaveLength(0);
	expect(await table.read()).toEqual(before);

	const path = '/options/dryRun';
	await tool('update_workflow', {
		workflowId: built.workflowId,
		operations: [{ type: 'setNodeParameter', nodeName: 'Check Numbers', path, value: false }],
	});
	expect((await runByHand(n8n, built.workflowId, 'Every Night')).status).toBe('success');
	expect(simulator.received).toHaveLength(2);
	expect(await table.read()).toMatchObject([
		{ route: 'normal', mobileStatus_advice: 'keep', mobileStatus_source: 'query' },
		{ route: 'notOnNetwork', mobileStatus_advice: 'remove' },
		{ route: null, mobileStatus_advice: null },
		{ route: 'normal', mobileStatus_source: 'duplicate' },
	]);

	// Nothing is due the next night but the cell that holds no number.
	const next = await runByHand(n8n, built.workflowId, 'Every Night');
	expect(itemsOf(next, 'Check Numbers')).toMatchObject([{ details_code: 'invalidNumber' }]);
	expect(simulator.received).toHaveLength(2);
});

test('the branches on the advice are built, a lead without an answer by the fallback', async () => {
	const { n8n } = world;
	const [, branches] = await patterns();
	const ends = ['keep', 'recheck', 'remove', 'review', 'rest'].map(
		(name) =>
			`const ${name} = node({ type: 'n8n-nodes-base.noOp', version: 1, config: { name: '${name}' } });`,
	);
	const code = `
const start = trigger({ type: 'n8n-nodes-base.manualTrigger', version: 1, config: { name: 'Start' } });
const leads = node({ type: 'n8n-nodes-base.set', version: 3.4, config: { name: 'Leads', parameters: { mode: 'raw', jsonOutput: '{ "leads": [{ "phone": "13800138000" }, { "phone": "13800138007" }, { "phone": "none" }] }' } } });
const rows = node({ type: 'n8n-nodes-base.splitOut', version: 1, config: { name: 'Rows', parameters: { fieldToSplitOut: 'leads' } } });
const check = node({ type: '${NODE}', version: 1, config: { name: 'Check', onError: 'continueRegularOutput', parameters: { mobile: expr('{{ $json.phone }}'), options: { maxQueries: 10 } }, credentials: { juheApi: newCredential('Juhe account') } } });
${ends.join('\n')}
${branches!}
export default workflow('id', 'name').add(start).to(leads).to(rows).to(check).to(byAdvice.onCase(0, keep).onCase(1, recheck).onCase(2, remove).onCase(3, review).onCase(4, rest));`;
	const built = await build(code, 'Check leads');
	expect(built.valid).toBe(true);
	expect(built.warnings).toEqual([]);
	const ran = await runByHand(n8n, built.workflowId, 'Start');
	expect(ran.status).toBe('success');
	const phonesOf = (name: string) => itemsOf(ran, name).map(({ phone }) => phone);
	expect([phonesOf('keep'), phonesOf('remove'), phonesOf('rest')]).toEqual([
		...[['13800138000'], ['13800138007'], ['none']],
	]);
});

test('the tool of an agent is built as its pattern stands there', async () => {
	const [, , agentTool] = await patterns();
	const code = `
const chat = trigger({ type: '@n8n/n8n-nodes-langchain.chatTrigger', version: 1.4, config: { name: 'Chat', parameters: {} } });
const model = languageModel({ type: '@n8n/n8n-nodes-langchain.lmChatOpenAi', version: 1.3, config: { name: 'Model', parameters: {} } });
${agentTool!}
const agent = node({ type: '@n8n/n8n-nodes-langchain.agent', version: 3.1, config: { name: 'Agent', parameters: { promptType: 'define', text: expr('{{ $json.chatInput }}'), options: { systemMessage: 'You check mobile numbers.' } }, subnodes: { model: model, tools: [checkNumbersTool] } } });
export default workflow('id', 'name').add(chat).to(agent);`;
	const built = await build(code, 'Agent with a check of numbers');
	expect(built).toMatchObject({
		valid: true,
		autoAssignedCredentials: [{ nodeName: 'Check Mobile Numbers', credentialType: 'juheApi' }],
	});
	expect(built.warnings).toEqual([]);
	const { workflow } = await tool<{ workflow: { nodes: Array<{ name: string }> } }>(
		'get_workflow_details',
		{ workflowId: built.workflowId },
	);
	expect(workflow.nodes.find((node) => node.name === 'Check Mobile Numbers')).toMatchObject({
		type: `${NODE}Tool`,
		onError: 'continueRegularOutput',
		parameters: {
			mobile: expect.stringContaining("$fromAI('mobile'"),
			options: { maxQueries: 100 },
		},
	});
});
