/** The node beside n8n's own: an agent that uses it as a tool, loops, merges, sub-workflows, pinned data, retries. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type {
	IDataObject,
	INode,
	INodeExecutionData,
	INodeParameters,
	NodeConnectionType,
} from 'n8n-workflow';

import { type Execution, type WorkflowFile } from '../../scripts/real-n8n';
import { stateByLastDigit } from '../simulator/service';
import {
	node,
	runByWebhook,
	savedExecution,
	startWorld,
	until,
	workflowOf,
	type World,
} from './world';

const EXAMPLES = join(__dirname, '../../examples');
const ROUTES = ['normal', 'suspended', 'unavailable', 'notOnNetwork', 'preCancelled'];
/** What the stand-in service says of a number. */
const routeOf = (mobile: string) => ROUTES[stateByLastDigit[Number(mobile.at(-1))]!];

/** A tool call, or the last words, of the scripted chat model. */
type Turn = { mobiles: string[] } | { say: string };

interface ToolMessage {
	role: string;
	content: string;
	tool_call_id?: string;
}

/** What n8n sends to a chat model that speaks OpenAI's chat completions. */
interface ChatRequest {
	stream?: boolean;
	messages: ToolMessage[];
	tools: Array<{
		function: { name: string; description: string; parameters: { properties: IDataObject } };
	}>;
}

/** A chat model on 127.0.0.1 that says what a test has written for it. */
class ChatModel {
	readonly requests: ChatRequest[] = [];
	private turns: Turn[] = [];
	private calls = 0;
	private readonly server: Server = createServer((req, res) => {
		const chunks: Buffer[] = [];
		req.on('data', (chunk: Buffer) => chunks.push(chunk));
		req.on('end', () => {
			const turn = this.turns.shift();
			if (!req.url?.endsWith('/chat/completions') || turn === undefined) {
				res.writeHead(404).end(`${req.url} is not in the script`);
				return;
			}
			const request = JSON.parse(Buffer.concat(chunks).toString()) as ChatRequest;
			this.requests.push(request);
			const message = this.messageOf(turn, request.tools[0]!.function.name);
			const finish_reason = 'mobiles' in turn ? 'tool_calls' : 'stop';
			const common = { id: `chat-${this.requests.length}`, created: 0, model: 'scripted' };
			if (request.stream) {
				const delta = { ...common, object: 'chat.completion.chunk' };
				const event = (choice: object) =>
					`data: ${JSON.stringify({ ...delta, choices: [{ index: 0, ...choice }] })}\n\n`;
				res.writeHead(200, { 'content-type': 'text/event-stream' });
				res.end(
					event({ delta: message, finish_reason: null }) +
						event({ delta: {}, finish_reason }) +
						'data: [DONE]\n\n',
				);
				return;
			}
			res.writeHead(200, { 'content-type': 'application/json' });
			res.end(
				JSON.stringify({
					...common,
					object: 'chat.completion',
					choices: [{ index: 0, message, finish_reason }],
					usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
				}),
			);
		});
	});

	async start(): Promise<void> {
		await once(this.server.listen(0, '127.0.0.1'), 'listening');
	}

	get url(): string {
		return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
	}

	/** Begins a new conversation. */
	script(...turns: Turn[]): void {
		this.turns = turns;
		this.calls = 0;
		this.requests.length = 0;
	}

	/** What the tool answered to each call, in the order of the calls. */
	get toolResults(): IDataObject[] {
		const messages = this.requests.at(-1)!.messages.filter(({ role }) => role === 'tool');
		const byId = new Map(messages.map(({ tool_call_id, content }) => [tool_call_id, content]));
		expect(byId.size).toBe(this.calls);
		return Array.from({ length: this.calls }, (_, index) => {
			const items = JSON.parse(byId.get(`call_${index}`)!) as IDataObject[];
			expect(items).toHaveLength(1);
			return items[0]!;
		});
	}

	async stop(): Promise<void> {
		const closed = once(this.server, 'close');
		this.server.close();
		this.server.closeAllConnections();
		await closed;
	}

	private messageOf(turn: Turn, name: string) {
		if ('say' in turn) return { role: 'assistant', content: turn.say };
		const tool_calls = turn.mobiles.map((mobile, index) => ({
			index,
			id: `call_${this.calls++}`,
			type: 'function',
			function: { name, arguments: JSON.stringify({ mobile }) },
		}));
		return { role: 'assistant', content: null, tool_calls };
	}
}

let world: World;
const model = new ChatModel();
let openAiApi: { id: string; name: string };

beforeAll(async () => {
	await model.start();
	world = await startWorld({ N8N_LOG_LEVEL: 'debug' });
	openAiApi = {
		id: await world.n8n.createCredential(
			'OpenAI account',
			{ apiKey: 'scripted', url: model.url },
			'openAiApi',
		),
		name: 'OpenAI account',
	};
});
beforeEach(() => world.simulator.reset());
afterAll(async () => {
	await world.stop();
	await model.stop();
});

type Link = [from: string, to: string, type?: NodeConnectionType, input?: number, output?: number];

/** Nodes and what they are connected by, as a workflow. */
function wired(name: string, nodes: INode[], links: Link[]): WorkflowFile {
	const connections: WorkflowFile['connections'] = {};
	for (const [from, to, type = 'main', input = 0, output = 0] of links) {
		const outputs = ((connections[from] ??= {})[type] ??= []);
		while (outputs.length <= output) outputs.push([]);
		outputs[output]!.push({ node: to, type, index: input });
	}
	return { name, nodes, connections, settings: { executionOrder: 'v1' } };
}

const juheNode = (name: string, parameters: INodeParameters = {}, more: Partial<INode> = {}) =>
	node(
		name,
		'n8n-nodes-juhe.juheMobileStatus',
		{ mobile: '={{ $json.phone }}', ...parameters },
		{ credentials: { juheApi: { id: null, name: '' } }, ...more },
	);

const setNode = (name: string, jsonOutput: string) =>
	node(name, 'n8n-nodes-base.set', { mode: 'raw', jsonOutput, options: {} }, { typeVersion: 3.4 });

const webhookNode = (path: string) =>
	node(
		'Webhook',
		'n8n-nodes-base.webhook',
		{ httpMethod: 'POST', path, responseMode: 'lastNode', options: {} },
		{ typeVersion: 2, webhookId: path },
	);

/** A webhook that gives its rows, and nodes behind it that begin at `Rows`. */
function behindRows(name: string, nodes: INode[], links: Link[]): WorkflowFile {
	const rows = node('Rows', 'n8n-nodes-base.splitOut', {
		fieldToSplitOut: 'body.rows',
		options: {},
	});
	return wired(name, [webhookNode(name), rows, ...nodes], [['Webhook', 'Rows'], ...links]);
}

const jsonOf = (items: INodeExecutionData[] | undefined) => (items ?? []).map(({ json }) => json);

/** Everything that came out of a node's first output, run after run. */
const allOf = (execution: Pick<Execution, 'data'>, name: string) =>
	(execution.data.resultData.runData[name] ?? []).flatMap(({ data }) =>
		jsonOf(data?.main?.[0] ?? []),
	);

/** An execution that has ended, with its data. */
async function executionOf(id: string): Promise<Execution> {
	let execution: Execution | undefined;
	await until(`execution ${id} has ended`, async () => {
		execution = await world.n8n.api<Execution>('GET', `/api/v1/executions/${id}?includeData=true`);
		return !['new', 'running'].includes(execution.status);
	});
	return execution!;
}

/** Runs a workflow by hand from a trigger, as the editor does. */
async function runByHand(id: string, triggerToStartFrom: IDataObject): Promise<Execution> {
	const { data } = await world.n8n.api<{ data: { executionId: string } }>(
		'POST',
		`/rest/workflows/${id}/run`,
		{ triggerToStartFrom },
	);
	return await executionOf(data.executionId);
}

/** Retries a failed execution, as the list of executions offers it. */
async function retry({ id }: Execution, loadWorkflow = false): Promise<Execution> {
	const { data } = await world.n8n.api<{ data: { id: string } }>(
		'POST',
		`/rest/executions/${id}/retry`,
		{ loadWorkflow },
	);
	return await executionOf(data.id);
}

const statusOf = (row: IDataObject) => row.mobileStatus as IDataObject | undefined;
const sourcesOf = (rows: IDataObject[]) => rows.map((row) => statusOf(row)?.source ?? row.error);

/** How often each number was paid for. */
const lookups = () => Object.fromEntries(world.simulator.counts.lookups);

describe('an agent with the node as a tool', () => {
	const good = ['13800138000', '13800138007'] as const;
	const bad = '12345';
	const bothOnce = { [good[0]]: 1, [good[1]]: 1 };

	const agentOf = (name: string, parameters: INodeParameters = {}, more: Partial<INode> = {}) =>
		behindRows(
			name,
			[
				node(
					'Agent',
					'@n8n/n8n-nodes-langchain.agent',
					{ promptType: 'define', text: '={{ $json.question }}', options: {} },
					{ typeVersion: 3.1 },
				),
				node(
					'Model',
					'@n8n/n8n-nodes-langchain.lmChatOpenAi',
					{
						model: { __rl: true, mode: 'id', value: 'scripted' },
						responsesApiEnabled: false,
						options: {},
					},
					{ typeVersion: 1.3, credentials: { openAiApi } },
				),
				juheNode(
					'Mobile Status',
					{
						mobile: "={{ $fromAI('mobile', 'the Chinese mobile number to check', 'string') }}",
						...parameters,
					},
					{ type: 'n8n-nodes-juhe.juheMobileStatusTool', ...more },
				),
			],
			[
				['Rows', 'Agent'],
				['Model', 'Agent', 'ai_languageModel'],
				['Mobile Status', 'Agent', 'ai_tool'],
			],
		);
	const question = [{ question: 'Which of them are in use?' }];

	it('says what the tool does, what it costs, and what it takes', async () => {
		model.script({ say: 'nothing to check' });
		await runByWebhook(world, agentOf('agent-schema'), question);
		const [{ function: tool }] = model.requests[0]!.tools as [ChatRequest['tools'][number]];
		expect(tool).toMatchObject({
			name: 'Mobile_Status',
			description: expect.stringMatching(/Chinese mobile numbers.*paid query/s) as string,
			parameters: {
				properties: {
					mobile: { type: 'string', description: 'the Chinese mobile number to check' },
				},
				required: ['mobile'],
			},
		});
		expect(world.simulator.counts.requests).toBe(0);
	});

	it.each([
		['at once', [{ mobiles: [good[0], bad, good[1]] }]],
		['one after the other', [good[0], bad, good[1]].map((mobile) => ({ mobiles: [mobile] }))],
	])('is told of each number that it asks for %s', async (how, calls) => {
		model.script(...calls, { say: 'done' });
		const name = `agent-${how.replace(/ /g, '-')}`;
		const execution = await runByWebhook(world, agentOf(name), question);
		expect(execution.status).toBe('success');
		expect(allOf(execution, 'Agent')).toMatchObject([{ output: 'done' }]);
		expect(model.toolResults).toMatchObject([
			{ route: 'normal', mobileStatus: { mobile: good[0], state: '0', billable: 'yes' } },
			{ error: expect.stringContaining('has 5 digits instead of 11') as string },
			{ route: 'notOnNetwork', mobileStatus: { mobile: good[1], state: '3', billable: 'yes' } },
		]);
		expect(lookups()).toEqual(bothOnce);
	});

	it('keeps the numbers of several questions apart', async () => {
		const questions = good.map((mobile) => ({ question: mobile }));
		// n8n asks for all questions before it runs a tool, and once more for each with what the tool said.
		model.script(
			...good.map((mobile) => ({ mobiles: [mobile] })),
			{ say: 'first' },
			{ say: 'second' },
		);
		const execution = await runByWebhook(world, agentOf('agent-questions'), questions);
		expect(allOf(execution, 'Agent')).toMatchObject([{ output: 'first' }, { output: 'second' }]);
		expect(model.requests.slice(-2).map(({ messages }) => messages[0]!.content)).toEqual(good);
		for (const [index, request] of model.requests.slice(-2).entries()) {
			const told = request.messages.filter(({ role }) => role === 'tool');
			expect(told.map(({ content }) => JSON.parse(content) as unknown)).toMatchObject([
				[{ mobileStatus: { mobile: good[index] } }],
			]);
		}
		expect(lookups()).toEqual(bothOnce);
	});

	it.each([
		// n8n lets a tool's error go to the model unless the tool is told to stop, as its message alone.
		[undefined, {}],
		[
			'continueRegularOutput',
			{ details: { code: 224919, reason: '查询失败', remedy: expect.any(String) as string } },
		],
	] as const)(
		'is told of a number that the service cannot answer (On Error: %s)',
		async (onError, more) => {
			world.simulator.script({ mobile: good[0], fault: { kind: 'code', code: 224919 } });
			model.script({ mobiles: [...good] }, { say: 'done' });
			const file = agentOf(`agent-224919-${onError}`, {}, { onError });
			expect((await runByWebhook(world, file, question)).status).toBe('success');
			expect(model.toolResults).toMatchObject([
				{ error: 'Juhe 224919: The query did not succeed.', ...more },
				{ route: 'notOnNetwork', mobileStatus: { mobile: good[1] } },
			]);
			expect(lookups()).toEqual({ [good[1]]: 1 });
		},
	);

	it('stops where the tool is told to', async () => {
		model.script({ mobiles: [bad] }, { say: 'never said' });
		const file = agentOf('agent-stop', {}, { onError: 'stopWorkflow' });
		const execution = await runByWebhook(world, file, question);
		expect(execution.status).toBe('error');
		expect(model.requests).toHaveLength(1);
		expect(world.simulator.counts.requests).toBe(0);
	});

	it('gets every row where the node is set to split its outputs, which a tool does not have', async () => {
		model.script({ mobiles: [...good] }, { say: 'done' });
		const file = agentOf('agent-split', { splitOutputs: true });
		expect((await runByWebhook(world, file, question)).status).toBe('success');
		expect(model.toolResults).toMatchObject(good.map((mobile) => ({ route: routeOf(mobile) })));
	});

	it('pays once for a number that it asks for again, and is told the answer alone', async () => {
		model.script({ mobiles: [good[0], good[0]] }, { mobiles: [good[0]] }, { say: 'done' });
		expect((await runByWebhook(world, agentOf('agent-again'), question)).status).toBe('success');
		expect(sourcesOf(model.toolResults)).toEqual(['query', 'duplicate', 'duplicate']);
		expect(lookups()).toEqual({ [good[0]]: 1 });
		// n8n gives a tool the agent's whole input item, here a webhook's.
		expect(JSON.stringify(model.toolResults)).not.toMatch(/headers|toolCallId|webhookUrl/);
	});

	it('examples/ai-agent-tool.json can be imported as it is, and answers a chat', async () => {
		const file = JSON.parse(
			readFileSync(join(EXAMPLES, 'ai-agent-tool.json'), 'utf8'),
		) as WorkflowFile;
		expect(await world.n8n.importWorkflow(file)).toBeDefined();
		const nodes = file.nodes.map((each) =>
			each.credentials?.openAiApi ? { ...each, credentials: { openAiApi } } : each,
		);
		const id = await world.n8n.importWorkflow({ ...file, nodes }, world.credential);
		model.script({ mobiles: [...good, bad] }, { say: 'Both were checked.' });
		const chat = { chatInput: 'Are they in use?', sessionId: 'one', action: 'sendMessage' };
		const execution = await runByHand(id, {
			name: 'When chat message received',
			data: {
				startTime: 0,
				executionIndex: 0,
				executionTime: 0,
				source: [],
				data: { main: [[{ json: chat }]] },
			},
		});
		expect(execution.status).toBe('success');
		expect(allOf(execution, 'Agent')).toMatchObject([{ output: 'Both were checked.' }]);
		expect(model.requests[0]!.messages.map(({ content }) => content)).toEqual([
			expect.stringContaining('costs money'),
			chat.chatInput,
		]);
		expect(model.toolResults).toMatchObject([
			{ route: 'normal' },
			{ route: 'notOnNetwork' },
			{ error: expect.any(String) as string, details: { remedy: expect.any(String) as string } },
		]);
		expect(lookups()).toEqual(bothOnce);
	});
});

describe('Mobile Number as a bare path, which the node reads by itself, and as an expression, which n8n evaluates', () => {
	const cells: unknown[] = [
		'13800138000',
		'+86 138-0013-8000',
		'１３８００１３８０００',
		13800138000,
		138001380001.5,
		-1,
		1.38e25,
		0,
		'',
		' ',
		null,
		true,
		false,
		[],
		['13800138000'],
		{},
		{ phone: '13800138000' },
		'={{ $json.other }}',
		'{{ 1 }}',
		'1.38E+10',
		'手机',
	];
	const row = (cell: unknown) => ({
		phone: cell,
		'phone no': cell,
		手机: cell,
		contact: { phone: cell, 'a"b': cell, deep: { 号码: cell } },
		$odd_1: cell,
		list: [cell],
	});
	const rows = [
		...cells.map(row),
		{},
		{ contact: null },
		{ contact: 'text' },
		{ contact: 5 },
		{ contact: [] },
		{ contact: { deep: null } },
		{ contact: { deep: 'text' } },
	] as IDataObject[];
	const paths = [
		'$json.phone',
		'$json["phone no"]',
		"$json['phone no']",
		'$json.手机',
		'$json["手机"]',
		'$json.contact.phone',
		'$json["contact"].phone',
		'$json.contact.deep.号码',
		'$json.$odd_1',
		'$json.missing',
		'$json.missing.deeper',
		'$json.phone.length',
		'$json.list["0"]',
		'$json.toString',
		'$json.phone.constructor',
	];

	it('give equal results for every kind of cell', async () => {
		const options = { dryRun: true };
		const nodes = paths.flatMap((path, index) =>
			[`={{ ${path} }}`, `={{ [${path}][0] }}`].map((mobile, way) =>
				juheNode(`${index} ${way}`, { mobile, options }, { onError: 'continueRegularOutput' }),
			),
		);
		const execution = await runByWebhook(
			world,
			behindRows(
				'paths',
				nodes,
				nodes.map(({ name }) => ['Rows', name]),
			),
			rows,
		);
		expect(execution.status).toBe('success');
		for (const [index, path] of paths.entries()) {
			const [byPath, byExpression] = [0, 1].map((way) => allOf(execution, `${index} ${way}`));
			expect(byPath).toHaveLength(rows.length);
			expect([path, byPath]).toEqual([path, byExpression]);
		}
		expect(world.simulator.counts.requests).toBe(0);
	});
});

describe('by hand', () => {
	const rows = [{ phone: '13800138000' }, { phone: '13800138007' }];

	it('pinned data is taken in place of queries', async () => {
		const pinned = { phone: '13800138000', route: 'pinned' };
		const { nodes, ...file } = workflowOf('pinned', rows);
		const { data } = await world.n8n.api<{ data: { id: string } }>('POST', '/rest/workflows', {
			...file,
			nodes: nodes.map((each) =>
				each.credentials ? { ...each, credentials: { juheApi: world.credential } } : each,
			),
			pinData: { Juhe: [{ json: pinned }] },
		});
		const execution = await runByHand(data.id, { name: 'By Hand' });
		expect(execution).toMatchObject({ status: 'success', mode: 'manual' });
		expect(allOf(execution, 'Output 0')).toEqual([pinned]);
		expect(world.simulator.counts.requests).toBe(0);
	});

	it('the output pane says what the run came to, and that nothing of it is kept', async () => {
		const file = workflowOf('hints', rows, { options: { reuseHours: 1 } });
		const id = await world.n8n.importWorkflow(file, world.credential);
		for (const billed of [2, 4]) {
			const execution = await runByHand(id, { name: 'By Hand' });
			expect(execution.data.resultData.runData.Juhe![0]!.hints).toEqual([
				{
					message:
						'2 rows: 2 queried, 0 duplicates, 0 reused, 0 errors. 1 to remove, 0 to recheck.',
					type: 'info',
					location: 'outputPane',
				},
				{
					message: expect.stringContaining('this manual run is forgotten') as string,
					type: 'warning',
					location: 'outputPane',
				},
			]);
			expect(world.simulator.counts.billed).toBe(billed);
		}
	});
});

describe('Loop Over Items', () => {
	const rows = [
		['a', '13800138001'],
		['b', '13800138002'],
		['c', '138 0013 8001'],
		['d', '13800138003'],
		['e', '13800138004'],
		['f', '13800138003'],
		['g', '13800138001'],
	].map(([name, phone]) => ({ name, phone }) as IDataObject);
	/** Each number once a batch of three: the last row's is in the first batch, too. */
	const paid = { '13800138001': 2, '13800138002': 1, '13800138003': 1, '13800138004': 1 };
	const tried = { retryOnFail: true, maxTries: 3, waitBetweenTries: 100 };

	const loopOf = (name: string, parameters: INodeParameters = {}, more: Partial<INode> = {}) =>
		behindRows(
			name,
			[
				node(
					'Loop',
					'n8n-nodes-base.splitInBatches',
					{ batchSize: 3, options: {} },
					{ typeVersion: 3 },
				),
				juheNode('Juhe', parameters, more),
				node('Done', 'n8n-nodes-base.noOp'),
			],
			[
				['Rows', 'Loop'],
				['Loop', 'Done', 'main', 0, 0],
				['Loop', 'Juhe', 'main', 0, 1],
				['Juhe', 'Loop'],
			],
		);
	const expectAllRows = (execution: Execution) => {
		expect(execution.status).toBe('success');
		expect(allOf(execution, 'Done')).toMatchObject(rows);
		expect(allOf(execution, 'Done')).toHaveLength(rows.length);
	};

	it('every row comes out once, and a number is paid once a batch', async () => {
		const execution = await runByWebhook(world, loopOf('loop'), rows);
		expectAllRows(execution);
		expect(sourcesOf(allOf(execution, 'Done'))).toEqual([
			'query',
			'query',
			'duplicate',
			'query',
			'query',
			'duplicate',
			'query',
		]);
		expect(lookups()).toEqual(paid);
	});

	it('with Reuse Results a number is paid once', async () => {
		const file = loopOf('loop-reuse', { options: { reuseHours: 1 } });
		const execution = await runByWebhook(world, file, rows);
		expectAllRows(execution);
		expect(sourcesOf(allOf(execution, 'Done')).at(-1)).toBe('reused');
		expect(lookups()).toEqual({ ...paid, '13800138001': 1 });
	});

	it.each([undefined, 'continueRegularOutput'] as const)(
		'with Retry On Fail a batch that fails pays nothing twice (On Error: %s)',
		async (onError) => {
			// The first row of its batch: with Continue, n8n looks at no other.
			const fault = { kind: 'code', code: 224919 } as const;
			world.simulator.script({ mobile: '13800138003', times: 1, fault });
			const file = loopOf(`loop-retry-${onError}`, {}, { onError, ...tried });
			const execution = await runByWebhook(world, file, rows);
			expectAllRows(execution);
			expect(lookups()).toEqual(paid);
		},
	);

	it('with Retry On Fail a batch that keeps failing leaves the next one alone', async () => {
		world.simulator.script({ mobile: '13800138003', fault: { kind: 'code', code: 224919 } });
		const file = loopOf('loop-in-vain', {}, { onError: 'continueRegularOutput', ...tried });
		const execution = await runByWebhook(world, file, rows);
		expectAllRows(execution);
		const error = 'Juhe 224919: The query did not succeed.';
		expect(sourcesOf(allOf(execution, 'Done'))).toEqual([
			'query',
			'query',
			'duplicate',
			error,
			'query',
			error,
			'query',
		]);
		const { '13800138003': _, ...others } = paid;
		expect(lookups()).toEqual(others);
	});

	it('a loop that fails in its second batch and is retried by hand goes on there', async () => {
		world.simulator.script({
			mobile: '13800138004',
			times: 1,
			fault: { kind: 'code', code: 10012 },
		});
		const file = loopOf('loop-by-hand', { options: { concurrency: 1 } });
		const failed = await runByWebhook(world, file, rows);
		expect(failed.status).toBe('error');
		expectAllRows(await retry(failed));
		expect(lookups()).toEqual(paid);
	});
});

it('Merge by position: rows stay beside their own where some fail', async () => {
	const rows = ['13800138001', 'none', '13800138002', '', '13800138007'].map((phone, index) => ({
		name: `row ${index}`,
		phone,
	}));
	world.simulator.script({ mobile: '13800138002', fault: { kind: 'code', code: 224919 } });
	const file = behindRows(
		'merge',
		[
			juheNode('Juhe', {}, { onError: 'continueRegularOutput' }),
			setNode('Names', '={"expected": "{{ $json.name }}"}'),
			node(
				'Merge',
				'n8n-nodes-base.merge',
				{ mode: 'combine', combineBy: 'combineByPosition', options: {} },
				{ typeVersion: 3 },
			),
		],
		[
			['Rows', 'Juhe'],
			['Rows', 'Names'],
			['Juhe', 'Merge'],
			['Names', 'Merge', 'main', 1],
		],
	);
	const execution = await runByWebhook(world, file, rows);
	expect(execution.status).toBe('success');
	const merged = allOf(execution, 'Merge');
	expect(merged).toMatchObject(rows.map((row) => ({ ...row, expected: row.name })));
	expect(merged.map(({ route, details }) => route ?? (details as IDataObject).code)).toEqual([
		'normal',
		'invalidNumber',
		224919,
		'invalidNumber',
		'notOnNetwork',
	]);
});

describe('in a sub-workflow', () => {
	const rows = ['13800138007', 'none', '13800138001'].map((phone, index) => ({
		name: `row ${index}`,
		phone,
	}));

	/** Publishes a sub-workflow with the node in it, and a workflow that gives it the rows. */
	const publish = async (name: string, options: INodeParameters, onError?: INode['onError']) => {
		const { n8n, credential } = world;
		const called = node(
			'Called',
			'n8n-nodes-base.executeWorkflowTrigger',
			{ inputSource: 'passthrough' },
			{ typeVersion: 1.1 },
		);
		const sub = wired(
			`${name}-sub`,
			[called, juheNode('Juhe', { options }, { onError })],
			[['Called', 'Juhe']],
		);
		const subId = await n8n.importWorkflow(sub, credential);
		await n8n.activate(subId);
		const parent = behindRows(
			name,
			[
				node('By Hand', 'n8n-nodes-base.manualTrigger'),
				setNode('List', JSON.stringify({ body: { rows } })),
				node(
					'Call',
					'n8n-nodes-base.executeWorkflow',
					{ workflowId: { __rl: true, mode: 'id', value: subId }, mode: 'once', options: {} },
					{ typeVersion: 1.2 },
				),
				setNode('Linked', `={{ { ...$json, linked: $('Rows').item.json.name } }}`),
			],
			[
				['By Hand', 'List'],
				['List', 'Rows'],
				['Rows', 'Call'],
				['Call', 'Linked'],
			],
		);
		const id = await n8n.importWorkflow(parent);
		await n8n.activate(id);
		return { id, subId };
	};
	const call = async (name: string, id: string, sent = rows) => {
		const { n8n } = world;
		const before = (await n8n.executions(id)).length;
		await n8n.webhook(name, { rows: sent });
		await until(
			'one more execution is saved',
			async () => (await n8n.executions(id)).length > before,
		);
		return await savedExecution(n8n, id);
	};

	it('rows come back whole and linked, and what is kept for later executions is kept', async () => {
		const { id, subId } = await publish('sub', { reuseHours: 1 }, 'continueRegularOutput');
		for (const source of ['query', 'reused']) {
			const execution = await call('sub', id);
			expect(execution.status).toBe('success');
			const linked = allOf(execution, 'Linked');
			expect(linked).toMatchObject(rows.map((row) => ({ ...row, linked: row.name })));
			expect(linked.map((row) => statusOf(row)?.source)).toEqual([source, undefined, source]);
			const [inner] = await world.n8n.executions(subId);
			expect(inner!.mode).toBe('integrated');
			expect(inner!.data.resultData.runData.Juhe![0]!.hints).toMatchObject([{ type: 'info' }]);
		}
		expect(world.simulator.counts.billed).toBe(2);
	});

	it('what it learns is kept even where its caller is run by hand', async () => {
		const { id } = await publish('sub-by-hand', { reuseHours: 1 }, 'continueRegularOutput');
		for (const source of ['query', 'reused']) {
			const linked = allOf(await runByHand(id, { name: 'By Hand' }), 'Linked');
			expect(linked.map((row) => statusOf(row)?.source)).toEqual([source, undefined, source]);
		}
		expect(world.simulator.counts.billed).toBe(2);
	});

	it.each([
		['pays again', 0, 2],
		['pays nothing twice with Reuse Results', 1, 1],
	])('a caller that is retried by hand calls it anew, which %s', async (_, reuseHours, queries) => {
		const fault = { kind: 'code', code: 10012 } as const;
		world.simulator.script({ mobile: rows[2]!.phone, times: 1, fault });
		const name = `sub-retry-${reuseHours}`;
		const { id } = await publish(name, { concurrency: 1, reuseHours });
		const valid = rows.filter(({ phone }) => phone !== 'none');
		const failed = await call(name, id, valid);
		expect(failed.status).toBe('error');
		expect((await retry(failed)).status).toBe('success');
		expect(lookups()).toEqual({ [rows[0]!.phone]: queries, [rows[2]!.phone]: 1 });
	});
});

describe('an execution that is retried by hand', () => {
	const numbers = ['13800138001', '13800138002', '13800138003', '13800138004'];
	const rows = numbers.map((phone) => ({ phone }));
	const eachOnce = Object.fromEntries(numbers.map((phone) => [phone, 1]));

	it.each([
		['the original workflow', false],
		['the workflow as it is now', true],
	])(
		'does not pay again what it had paid for when it failed (with %s)',
		async (_, loadWorkflow) => {
			const fault = { kind: 'code', code: 10012 } as const;
			world.simulator.script({ mobile: numbers[2], times: 2, fault });
			const file = workflowOf(`by-hand-${loadWorkflow}`, [], { options: { concurrency: 1 } });
			const failed = await runByWebhook(world, file, rows);
			expect(failed.status).toBe('error');
			expect(lookups()).toEqual({ [numbers[0]!]: 1, [numbers[1]!]: 1 });

			// The account does not work yet; then it does.
			const failedAgain = await retry(failed, loadWorkflow);
			expect(failedAgain.status).toBe('error');
			const retried = await retry(failedAgain, loadWorkflow);
			expect(retried).toMatchObject({ status: 'success', mode: 'retry' });
			expect(allOf(retried, 'Output 0')).toMatchObject(
				numbers.map((mobile) => ({ phone: mobile, route: 'normal', mobileStatus: { mobile } })),
			);
			expect(lookups()).toEqual(eachOnce);
		},
	);

	it.each([
		['the original workflow takes and keeps what was known when it failed', false, 2],
		['the workflow as it is now takes and keeps what is known now', true, 1],
	])('with Reuse Results, %s', async (_, loadWorkflow, queries) => {
		const { n8n, simulator } = world;
		const fault = { kind: 'code', code: 10012 } as const;
		simulator.script({ mobile: numbers[1], times: 1, fault });
		const path = `by-hand-reuse-${loadWorkflow}`;
		const file = workflowOf(path, [], { options: { concurrency: 1, reuseHours: 1 } });
		const failed = await runByWebhook(world, file, rows.slice(0, 2));
		expect(failed.status).toBe('error');
		const later = async (some: IDataObject[]) => {
			const before = (await n8n.executions(failed.workflowId)).length;
			await n8n.webhook(path, { rows: some });
			await until(
				'one more execution is saved',
				async () => (await n8n.executions(failed.workflowId)).length > before,
			);
		};

		await later(rows.slice(2));
		expect((await retry(failed, loadWorkflow)).status).toBe('success');
		expect(lookups()).toEqual(eachOnce);
		await later(rows);
		expect(lookups()).toEqual({ ...eachOnce, [numbers[2]!]: queries, [numbers[3]!]: queries });
	});

	it('pays again when it was cancelled: n8n has saved it as it was when it began', async () => {
		const { n8n, simulator } = world;
		simulator.script({ mobile: numbers[2], times: 1, fault: { kind: 'hang' } });
		const options = { concurrency: 1, timeout: 1000, retries: 0 };
		const id = await n8n.importWorkflow(workflowOf('cancelled', [], { options }), world.credential);
		await n8n.activate(id);
		const answer = n8n.webhook('cancelled', { rows });
		await until('the third number is under way', () => simulator.counts.requests === 3);
		const [running] = await n8n.executions(id, 'running');
		await n8n.api('POST', `/rest/executions/${running!.id}/stop`, {});
		await until('the request has ended', () => simulator.counts.inFlight === 0);
		await answer;
		const cancelled = await executionOf(running!.id);
		expect(cancelled.status).toBe('canceled');
		expect(cancelled.data.executionData!.contextData).toEqual({});

		expect(allOf(await retry(cancelled), 'Output 0')).toHaveLength(rows.length);
		expect([...simulator.counts.lookups.values()]).toEqual([2, 2, 2, 1]);
	});
});

// The last: it reads what all others have left.
it('the debug log tells of the runs and holds no number, no key and no OpenID', () => {
	const { n8n, account } = world;
	expect(n8n.logs).toContain('2 rows: 2 queried, 0 duplicates, 0 reused, 0 errors.');
	expect(n8n.logs.match(/1380013800\d/)).toBeNull();
	for (const secret of [account.apiKey, account.openid]) expect(n8n.logs).not.toContain(secret);
});
