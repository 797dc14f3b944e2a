/**
 * The node called several times in one execution: by loops, several connections, the tries of Retry On Fail, a retry by
 * hand, a polling loop and an agent's tool calls. A number is paid once, and the cap holds over all calls.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
	NodeHelpers,
	type IDataObject,
	type INode,
	type INodeParameters,
	type INodeProperties,
	type INodeTypeDescription,
} from 'n8n-workflow';

import type { Execution, WorkflowFile } from '../../scripts/real-n8n';
import { startChatModel, type ChatModel, type Turn } from './chatModel';
import {
	behindRows,
	endedExecution,
	itemsOf,
	juhe,
	lastTry,
	node,
	retry,
	routeOf,
	runByHand,
	runByWebhook,
	set,
	startWorld,
	until,
	type Link,
	type World,
} from './world';

let world: World;
let model: ChatModel;
let openAiApi: { id: string; name: string };
beforeAll(async () => {
	model = await startChatModel();
	world = await startWorld();
	const name = 'OpenAI account';
	const data = { apiKey: 'scripted', url: model.url };
	openAiApi = { id: await world.n8n.createCredential(name, data, 'openAiApi'), name };
});
beforeEach(() => world.simulator.reset());
afterAll(async () => {
	await world.stop();
	model.stop();
});

/** A valid number for 0 to 99; its last digit decides on its route. */
const numberOf = (index: number) => `138001380${String(index).padStart(2, '0')}`;
/** How often each number was paid. */
const lookups = () => Object.fromEntries(world.simulator.counts.lookups);
const eachOnce = (numbers: string[]) => Object.fromEntries(numbers.map((mobile) => [mobile, 1]));
/** How often a number was sent, whatever came of it. */
const requestsFor = (mobile: string) =>
	world.simulator.received.filter((request) => request.mobile === mobile).length;
/** What a row came to: who paid, or the code. */
const outcomeOf = ({ mobileStatus_source, details_code, code }: IDataObject) =>
	mobileStatus_source ?? details_code ?? code;
/** Shows the message of an execution that failed. */
const expectSuccess = ({ status, data }: Execution) =>
	expect([status, data.resultData.error?.message]).toEqual(['success', undefined]);
/** Changes a node of the workflow of an execution, as a person does who corrects it. */
async function change(
	{ workflowId }: Execution,
	name: string,
	changes: Partial<INode>,
): Promise<void> {
	const path = `/rest/workflows/${workflowId}`;
	const { data } = await world.n8n.api<{ data: WorkflowFile & { versionId: string } }>('GET', path);
	const nodes = data.nodes.map((each) => (each.name === name ? { ...each, ...changes } : each));
	await world.n8n.api('PATCH', path, { nodes, versionId: data.versionId });
}
const NOT_ANSWERED = { kind: 'code', code: 224919 } as const;
const CONTINUE = { onError: 'continueRegularOutput' } as const;

/**
 * A loop over the rows; the rows of all turns leave by `Done`, the summaries by `Summary`.
 *
 * @param next a node of the loop that follows ours
 */
const loopOf = (
	name: string,
	batchSize: number,
	options: INodeParameters,
	more: Partial<INode> = {},
	next?: INode,
) =>
	behindRows(
		name,
		[
			node('Loop', 'n8n-nodes-base.splitInBatches', { batchSize, options: {} }, { typeVersion: 3 }),
			juhe('Juhe', { summaryOutput: true, options }, more),
			node('Done', 'n8n-nodes-base.noOp'),
			node('Summary', 'n8n-nodes-base.noOp'),
			...(next ? [next] : []),
		],
		[
			['Rows', 'Loop'],
			['Loop', 'Done'],
			['Loop', 'Juhe', { output: 1 }],
			...(next ? [['Juhe', next.name] as Link] : []),
			[next?.name ?? 'Juhe', 'Loop'],
			['Juhe', 'Summary', { output: 1 }],
		],
	);

describe('Loop Over Items', () => {
	const rowsOf = (numbers: string[]) => numbers.map((phone, index) => ({ index, phone }));
	/** Every row has come out once, in order. */
	const expectRows = (execution: Execution, rows: IDataObject[]) => {
		expectSuccess(execution);
		const done = itemsOf(execution, 'Done');
		expect(done.map(({ index, phone }) => ({ index, phone }))).toEqual(rows);
		return done;
	};

	it('holds the cap over all turns, and the last summary is the total', async () => {
		const rows = rowsOf(Array.from({ length: 20 }, (_, index) => numberOf(index)));
		const file = loopOf('loop-cap', 5, { maxQueries: 6, pricePerQuery: 0.05 }, CONTINUE);
		const execution = await runByWebhook(world, file, rows);
		const expected = rows.map((_, index) => (index < 6 ? 'query' : 'overCap'));
		expect(expectRows(execution, rows).map(outcomeOf)).toEqual(expected);
		expect(world.simulator.counts.requests).toBe(6);
		const total = { rows: 20, queried: 6, errors: 14, notQueried: 14, billable: 6, cost: 0.3 };
		expect(itemsOf(execution, 'Summary').at(-1)).toMatchObject(total);
	});

	it('pays a number once, whichever turns it stands in', async () => {
		const numbers = [0, 5, 6, 7, 9].map(numberOf);
		const rows = rowsOf([...numbers, ...numbers, ...numbers, ...numbers]);
		const execution = await runByWebhook(world, loopOf('loop-duplicates', 4, {}), rows);
		const done = expectRows(execution, rows);
		expect(done.map(({ route }) => route)).toEqual(rows.map(({ phone }) => routeOf(phone)));
		expect(done.map(outcomeOf)).toEqual(rows.map((_, i) => (i < 5 ? 'query' : 'duplicate')));
		expect(lookups()).toEqual(eachOnce(numbers));
		const total = { rows: 20, queried: 5, duplicates: 15, errors: 0, stoppedBy: null };
		expect(itemsOf(execution, 'Summary').at(-1)).toMatchObject(total);
	});

	it.each([
		['a turn that fails once', 1, {}],
		['a turn that keeps failing', Infinity, CONTINUE],
	])('Retry On Fail pays nothing twice in %s', async (name, times, onError) => {
		const numbers = [0, 5, 6, 7].map(numberOf) as [string, string, string, string];
		const failing = numbers[2];
		const rows = rowsOf([numbers[0], numbers[1], failing, numbers[3], numbers[0], failing]);
		world.simulator.script({ mobile: failing, times, fault: NOT_ANSWERED });
		const tries = { retryOnFail: true, maxTries: 3, waitBetweenTries: 1 };
		// A try that is not billed takes nothing from the cap.
		const options = { maxQueries: numbers.length };
		const file = loopOf(name.replaceAll(' ', '-'), 2, options, { ...onError, ...tries });
		const outcomes = expectRows(await runByWebhook(world, file, rows), rows).map(outcomeOf);
		const isAnswered = times === 1;
		expect(outcomes).toEqual([
			'query',
			'query',
			isAnswered ? 'query' : 224919,
			'query',
			'duplicate',
			isAnswered ? 'duplicate' : 224919,
		]);
		expect(lookups()).toEqual(
			eachOnce(numbers.filter((mobile) => isAnswered || mobile !== failing)),
		);
	});

	it('retried by hand after all its tries, it goes on where it failed', async () => {
		const { n8n, simulator } = world;
		const [first, second, failing, third] = [0, 5, 6, 7].map(numberOf) as [string, ...string[]];
		const rows = rowsOf([first, second!, failing!, third!, first]);
		simulator.script({ mobile: failing, fault: NOT_ANSWERED });
		const tries = { retryOnFail: true, maxTries: 2, waitBetweenTries: 1 };
		const options = { maxQueries: 4, concurrency: 1 };
		const failed = await runByWebhook(world, loopOf('loop-by-hand', 2, options, tries), rows);
		expect([failed.status, requestsFor(failing!)]).toEqual(['error', 2]);
		const failedAgain = await retry(n8n, failed);
		expect([failedAgain.status, requestsFor(failing!)]).toEqual(['error', 4]);

		await change(failed, 'Juhe', CONTINUE);
		const done = expectRows(await retry(n8n, failedAgain, true), rows);
		expect(done.map(outcomeOf)).toEqual(['query', 'query', 224919, 'query', 'duplicate']);
		expect(lookups()).toEqual(eachOnce([first, second!, third!]));
	});

	describe('of one row a turn pays A, B, A once each', () => {
		const [A, B] = [0, 7].map(numberOf) as [string, string];
		const rows = rowsOf([A, B, A]);
		/** An execution that went through the loop, in one go or in parts. */
		const expectOnce = (execution: Execution) => {
			expect(expectRows(execution, rows).map(outcomeOf)).toEqual(['query', 'query', 'duplicate']);
			expect(lookups()).toEqual(eachOnce([A, B]));
			const total = { rows: 3, queried: 2, duplicates: 1 };
			expect(itemsOf(execution, 'Summary').at(-1)).toMatchObject(total);
		};
		const run = (name: string, timeout: number | string, next?: INode) =>
			runByWebhook(world, loopOf(name, 1, { timeout }, {}, next), rows);
		const isB = `$json.phone === '${B}'`;

		it('where an option comes out empty in the second turn, and is corrected', async () => {
			const failed = await run('loop-option', `={{ ${isB} ? null : 1000 }}`);
			expect(lastTry(failed, 'Juhe').error).toMatchObject({
				message: "'Timeout (Ms)' is set, but its value is empty",
			});
			const { name, parameters } = juhe('Juhe', { summaryOutput: true });
			await change(failed, name, { parameters });
			expectOnce(await retry(world.n8n, failed, true));
		});

		it('where another node fails in the second turn, and is corrected', async () => {
			const failed = await run('loop-next', 1000, set('Next', `={{ ${isB} ? 'no JSON' : $json }}`));
			expect([failed.status, lastTry(failed, 'Juhe').error]).toEqual(['error', undefined]);
			const { name, parameters } = set('Next', '={{ $json }}');
			await change(failed, name, { parameters });
			expectOnce(await retry(world.n8n, failed, true));
		});

		it('where the second turn waits so long that n8n hands the execution to its database', async () => {
			// From 65 seconds on.
			const amount = `={{ ${isB} ? 66 : 0 }}`;
			const wait = node('Wait', 'n8n-nodes-base.wait', { amount }, { typeVersion: 1.1 });
			const waiting = await run('loop-wait', 1000, wait);
			expect([waiting.status, lookups()]).toEqual(['waiting', eachOnce([A, B])]);
			let execution = waiting;
			const hasEnded = async () => {
				execution = await endedExecution(world.n8n, waiting.id);
				return execution.status !== 'waiting';
			};
			await until('the wait is over', hasEnded, 120_000);
			expectOnce(execution);
		});
	});
});

it.each([
	['that succeeds in its second try', 1, {}],
	['that succeeds in its last try', Infinity, {}],
	['that goes on after its last try', Infinity, CONTINUE],
])('Retry On Fail with 0 to 9 tries, of a node %s', async (name, failures, onError) => {
	/** n8n takes 2 to 5 tries, and 3 for none. */
	const tries = [3, 2, 2, 3, 4, 5, 5, 5, 5, 5];
	const failing = tries.map((_, index) => numberOf(10 * index));
	const good = tries.map((_, index) => numberOf(10 * index + 7));
	const isAnswered = !('onError' in onError);
	tries.forEach((count, index) =>
		world.simulator.script({
			mobile: failing[index],
			times: isAnswered ? Math.min(failures, count - 1) : Infinity,
			fault: NOT_ANSWERED,
		}),
	);
	// n8n also tries a node again that succeeds, where its first item has an `error` column.
	const rows = [{ phones: failing, error: 'of the list' }, { phones: good }];
	const nodes = tries.map((_, maxTries) =>
		juhe(
			`Node ${maxTries}`,
			{ mobile: `={{ $json.phones[${maxTries}] }}` },
			{ ...onError, retryOnFail: true, maxTries, waitBetweenTries: 1 },
		),
	);
	const links = nodes.map(({ name: to }, i): Link => [i === 0 ? 'Rows' : `Node ${i - 1}`, to]);
	const file = behindRows(name.replaceAll(' ', '-'), nodes, links);
	const execution = await runByWebhook(world, file, rows);
	expectSuccess(execution);
	expect(lookups()).toEqual(eachOnce(isAnswered ? [...failing, ...good] : good));
	expect(failing.map(requestsFor)).toEqual(tries.map((count) => Math.min(failures + 1, count)));
	expect(itemsOf(execution, 'Node 9')).toMatchObject([
		isAnswered ? { error: 'of the list', route: 'normal' } : { details_code: 224919 },
		{ route: 'notOnNetwork' },
	]);
});

it('two connections into one node share answers, cap and summary', async () => {
	const numbers = [0, 5, 6, 7].map(numberOf);
	const file = behindRows(
		'connections',
		[
			set('One Way', '={{ { ...$json, way: 1 } }}'),
			set('Other Way', '={{ { ...$json, way: 2 } }}'),
			juhe('Juhe', { summaryOutput: true, options: { maxQueries: 3 } }, CONTINUE),
		],
		[
			['Rows', 'One Way'],
			['Rows', 'Other Way'],
			['One Way', 'Juhe'],
			['Other Way', 'Juhe'],
		],
	);
	const execution = await runByWebhook(
		world,
		file,
		numbers.map((phone) => ({ phone })),
	);
	const all = itemsOf(execution, 'Juhe');
	expect(all.map(outcomeOf)).toEqual([
		...['query', 'query', 'query', 'overCap'],
		...['duplicate', 'duplicate', 'duplicate', 'overCap'],
	]);
	expect(new Set(all.map(({ way }) => way)).size).toBe(2);
	expect(lookups()).toEqual(eachOnce(numbers.slice(0, 3)));
	const total = { rows: 8, queried: 3, duplicates: 3, notQueried: 2 };
	expect(itemsOf(execution, 'Juhe', 1).at(-1)).toMatchObject(total);
});

describe('a loop that polls a number until it is in use again', () => {
	const [steady, polled] = [numberOf(0), numberOf(5)];
	/** A suspended row comes back to the node by `back`, the last of the nodes, with the result that it got. */
	const poll = async (name: string, options: INodeParameters, ...nodes: INode[]) => {
		const suspended = { mobile: polled, times: 2, fault: { kind: 'state', state: '1' } } as const;
		world.simulator.script(suspended);
		world.simulator.script({ mobile: polled, fault: { kind: 'state', state: '0' } });
		const names = ['Juhe', ...nodes.map((each) => each.name), 'Juhe'];
		const parameters = { splitOutputs: true, options };
		const file = behindRows(
			name,
			[juhe('Juhe', parameters, CONTINUE), ...nodes],
			[
				['Rows', 'Juhe'],
				...names.slice(1).map((to, i): Link => [names[i]!, to, { output: i === 0 ? 1 : 0 }]),
			],
		);
		// A node that does not ask anew would never leave the loop.
		file.settings = { ...file.settings, executionTimeout: 20 };
		return await runByWebhook(world, file, [{ phone: steady }, { phone: polled }]);
	};

	it.each([
		['anew', {}, 3, { route: 'normal' }],
		['no more often than the cap', { maxQueries: 3 }, 2, { details_code: 'overCap' }],
	])('asks %s after a short wait', async (how, options, queries, last) => {
		const wait = node('Wait', 'n8n-nodes-base.wait', { amount: 0.1 }, { typeVersion: 1.1 });
		const execution = await poll(`poll ${how}`.replaceAll(' ', '-'), options, wait);
		expectSuccess(execution);
		expect(lookups()).toEqual({ [steady]: 1, [polled]: queries });
		const { outputs } = lastTry(execution, 'Juhe');
		expect(outputs.flat()).toMatchObject([{ json: { phone: polled, ...last } }]);
	});

	it('asks anew after a wait in which n8n hands the execution to its database', async () => {
		// As for a wait of minutes; n8n puts out the call that ends the wait, so the row is fetched again.
		const parameters = { resume: 'webhook', options: {} };
		const trigger = { typeVersion: 1.1, webhookId: 'wait' };
		const wait = node('Wait', 'n8n-nodes-base.wait', parameters, trigger);
		const row = set('Row Again', "={{ $('Juhe').first(1).json }}");
		let execution = await poll('poll-long', {}, wait, row);
		for (const queries of [1, 2]) {
			expect([execution.status, lookups()[polled]]).toEqual(['waiting', queries]);
			const { metadata } = execution.data.resultData.runData.Wait!.at(-1)!;
			const { search, pathname } = new URL((metadata as IDataObject).resumeUrl as string);
			await fetch(world.n8n.url + pathname + search);
			await until('the number is asked anew', () => lookups()[polled] === queries + 1);
			execution = await endedExecution(world.n8n, execution.id);
		}
		expect(itemsOf(execution, 'Juhe').at(-1)).toMatchObject({ phone: polled, route: 'normal' });
		expect([execution.status, lookups()[steady]]).toEqual(['success', 1]);
	});
});

describe("an agent's tool, in examples/ai-agent-tool.json", () => {
	const example = JSON.parse(
		readFileSync(join(__dirname, '../../examples/ai-agent-tool.json'), 'utf8'),
	) as WorkflowFile;
	const [A, B, C, D] = [0, 5, 6, 7].map(numberOf) as [string, string, string, string];

	/** Sends a chat message to the example with changed nodes, and gives what the tool told the model. */
	const chat = async (turns: Turn[], changes: Record<string, Partial<INode>> = {}) => {
		const { n8n, credential } = world;
		model.script(...turns);
		const nodes = example.nodes.map((each) => ({
			...each,
			...(each.credentials?.openAiApi && { credentials: { openAiApi } }),
			...changes[each.name],
		}));
		const id = await n8n.importWorkflow({ ...example, nodes }, credential);
		const message = { chatInput: 'Are they in use?', sessionId: 'one', action: 'sendMessage' };
		return await runByHand(n8n, id, 'When chat message received', message);
	};
	const tool = example.nodes.find(({ type }) => type.endsWith('juheMobileStatusTool'))!;
	const withOptions = (options: INodeParameters) => ({
		[tool.name]: { parameters: { ...tool.parameters, options } },
	});
	/** What the tool told the model of each call: one item, without the agent's own input in it. */
	const told = () => {
		const results = model.toolResults;
		expect(JSON.stringify(results)).not.toMatch(/chatInput|sessionId|toolCallId|\brows?\b/i);
		expect(results.map((items) => items.length)).toEqual(results.map(() => 1));
		return results.map(([item]) => item!);
	};

	it.each([
		[1.9, {}],
		[1.9, { maxQueries: 2 }],
		[2.2, {}],
		[2.2, { maxQueries: 2 }],
		[3.1, {}],
		[3.1, { maxQueries: 2 }],
	] as Array<[number, { maxQueries?: number }]>)(
		'agent %s with the options %j: nothing is paid twice',
		async (typeVersion, options) => {
			const calls = [A, A, B, B, C, D, A, B];
			world.simulator.latency = 100;
			const execution = await chat(
				[{ mobiles: calls.slice(0, 6) }, { mobiles: [A, B] }, { say: 'x' }],
				{
					...withOptions(options),
					Agent: { typeVersion },
				},
			).finally(() => (world.simulator.latency = 0));
			expectSuccess(execution);
			const paid = Object.keys(lookups());
			expect(lookups()).toEqual(eachOnce(paid));
			expect(world.simulator.counts.requests).toBe(options.maxQueries ?? 4);
			const results = told();
			expect(results.map((result) => result.route ?? outcomeOf(result))).toEqual(
				calls.map((mobile) => (paid.includes(mobile) ? routeOf(mobile) : 'overCap')),
			);
			const sources = results.map(outcomeOf).filter((outcome) => outcome !== 'overCap');
			expect(sources.filter((source) => source !== 'duplicate')).toEqual(paid.map(() => 'query'));
		},
	);

	it('tells the model what it is, and what is wrong with a number', async () => {
		world.simulator.script({ mobile: B, fault: NOT_ANSWERED });
		const execution = await chat([{ mobiles: [A, '12345', B] }, { say: 'Checked.' }]);
		expect(itemsOf(execution, 'Agent')).toMatchObject([{ output: 'Checked.' }]);
		const [{ messages, tools }] = model.requests as [(typeof model.requests)[number]];
		expect(messages[0]!.content).toContain('costs money');
		expect(tools[0]!.function).toMatchObject({
			description: expect.stringMatching(/Chinese mobile numbers.*paid query/s) as string,
			parameters: { properties: { mobile: { type: 'string' } }, required: ['mobile'] },
		});
		expect(told()).toMatchObject([
			{ route: 'normal', mobileStatus_mobile: A, mobileStatus_billable: 'yes' },
			{ error: expect.stringMatching(/^'Mobile Number' .*Correct the number/) as string },
			{ error: expect.stringMatching(/^Juhe 224919: .*Try again later/) as string, number: B },
		]);
	});

	it.each([1.9, 2.2, 3.1])('agent %s checks a list in one call', async (typeVersion) => {
		const good = Array.from({ length: 32 }, (_, index) => numberOf(index));
		const bad = ['12345', '010-62345678', '138****8000'];
		const list = [...good, ...bad, ...good.slice(0, 5)].join(', ');
		const execution = await chat(
			[{ mobiles: [list] }, { mobiles: [list] }, { say: '其中有空号。' }],
			{ ...withOptions({ maxQueries: 32 }), Agent: { typeVersion } },
		);
		expectSuccess(execution);
		expect(lookups()).toEqual(eachOnce(good));
		expect(world.simulator.counts.requests).toBe(32);
		for (const items of model.toolResults) {
			expect(items.map(({ mobileStatus_mobile, number }) => mobileStatus_mobile ?? number)).toEqual(
				[...good, ...bad],
			);
			expect(items.filter(({ route }) => route !== undefined)).toHaveLength(32);
			for (const { error } of items.slice(32)) expect(error).toMatch(/ Correct the number/);
		}
		const { key, openid } = world.simulator;
		const told = JSON.stringify([model.requests, execution.data]);
		expect([key, openid].filter((secret) => told.includes(secret))).toEqual([]);
	});

	it('answers where On Error is Stop, too: the chat goes on', async () => {
		const changes = { [tool.name]: { onError: 'stopWorkflow' } as const };
		const execution = await chat([{ mobiles: ['12345'] }, { say: 'Not a number.' }], changes);
		expect([execution.status, model.requests.length]).toEqual(['success', 2]);
	});

	it('shows what makes sense for it, and has one output whatever it is set to', async () => {
		const types = await world.n8n.api<INodeTypeDescription[]>('GET', '/types/nodes.json');
		const type = types.find(({ name }) => name === tool.type)!;
		const parameters = { ...tool.parameters, operation: 'plain' };
		const shown = (properties: INodeProperties[]) =>
			properties
				.filter((each) => NodeHelpers.displayParameter(parameters, each, tool, type))
				.map(({ name }) => name);
		const names = shown(type.properties);
		expect(names).toEqual(expect.arrayContaining(['operation', 'mobile', 'options']));
		const options = type.properties.find(({ name }) => name === 'options')!;
		names.push(...shown(options.options as INodeProperties[]));
		expect(names).toEqual(expect.arrayContaining(['maxQueries', 'dryRun', 'maskNumber']));
		const ofRows = /^(splitOutputs|summaryOutput|outputField|routeField|resultAs|re(use|check).*)$/;
		expect(names.filter((name) => ofRows.test(name))).toEqual([]);

		const split = { parameters: { ...tool.parameters, splitOutputs: true, summaryOutput: true } };
		await chat([{ mobiles: [A, D] }, { say: 'x' }], { [tool.name]: split });
		expect(told()).toMatchObject([{ route: 'normal' }, { route: 'notOnNetwork' }]);
	});
});
