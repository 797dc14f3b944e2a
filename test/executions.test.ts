/** One execution in which the node is called many times: what it asks, what it pays, and that no row is lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ExecuteContext } from 'n8n-core';
import type { IDataObject, INode, INodeExecutionData, INodeType, IRun } from 'n8n-workflow';

import type { Client, LookupResult } from '../nodes/JuheMobileStatus/juhe/client';
import { RateLimiter } from '../nodes/JuheMobileStatus/juhe/rateLimiter';
import { Ledger } from '../nodes/JuheMobileStatus/list/ledger';
import { ListRun } from '../nodes/JuheMobileStatus/list/run';
import { splitNumbers } from '../nodes/JuheMobileStatus/tool';
import * as engine from './engine';
import { agent, itemsOf, JUHE_TOOL, juheNode, nodeType, workflowOf } from './engine';
import { secretsIn } from './secrets';
import {
	CONTINUE,
	detailsOf,
	distinctNumbers,
	ERROR_OUTPUT,
	OPERATION_NAMES,
	phones,
	setClock,
	statusOf,
	useSimulator,
	withOptions,
} from './simulated';
import type { Fault } from './simulator/simulator';

type Rows = IDataObject[] | Record<string, IDataObject[]>;
type NodeTypes = Record<string, INodeType>;
type Settings = Partial<INode>;
type Values = INode['parameters'];

// A machine that does much else at the time is slow.
jest.setTimeout(30_000);
const juhe = useSimulator();
const STOP = { node: {} };
const KINDS = [STOP, CONTINUE, ERROR_OUTPUT];
const ONE_BY_ONE = { retries: 0, concurrency: 1 };
const LOST: Fault = { kind: 'resetBefore' };
const code = (value: number, echo = false): Fault => ({ kind: 'code', code: value, echo });
const http = (status: number): Fault => ({ kind: 'http', status });

/** The settings of a node that n8n runs again after a failure. */
const retrying = (maxTries: number, node: Settings = {}): Settings => {
	return { retryOnFail: true, waitBetweenTries: 1, maxTries, ...node };
};

/** Rows come by the name of the node that gives them; an array, out of the node Rows. */
function optionsWith(rows: Rows, nodeTypes?: NodeTypes): engine.RunOptions {
	const byNode = Object.entries(Array.isArray(rows) ? { Rows: rows } : rows);
	const pinData = byNode.map(([name, given]) => [name, given.map((json) => ({ json }))]);
	const { credential } = juhe.simulator;
	return { credential, pinData: Object.fromEntries(pinData), nodeTypes };
}

async function run(file: engine.WorkflowFile, rows: Rows, nodeTypes?: NodeTypes): Promise<IRun> {
	return (await engine.runWorkflow(file, optionsWith(rows, nodeTypes))).run;
}

/** Goes on with an execution that is saved, as a process of n8n does that knows nothing of it. */
async function resume(file: engine.WorkflowFile, saved: IRun, nodeTypes?: NodeTypes) {
	return (await engine.resumeWorkflow(file, saved, optionsWith([], nodeTypes))).run;
}

/** Loop Over Items around our node. */
function loop(batchSize: number, parameters: Values, node?: Settings): engine.WorkflowFile {
	const nodes = { Loop: engine.loopNode(batchSize), Juhe: juheNode(parameters, node) };
	return workflowOf(nodes, 'Start > Rows > Loop.1 > Juhe > Loop > Done');
}

const phonesOf = (items: INodeExecutionData[]) => items.map(({ json }) => json.phone);
/** Rows whose query may have been billed. */
const uncertainOf = (items: INodeExecutionData[]) =>
	items.filter((item) => detailsOf(item)?.billable === 'uncertain').length;

/** How many items have which source, or failed with which code; in a dry run, which plan. */
function tally(items: INodeExecutionData[]): Record<string, number> {
	const counts: Record<string, number> = {};
	for (const item of items) {
		const name = (detailsOf(item)?.code ?? statusOf(item).source ?? item.json.dryRun) as string;
		counts[name] = (counts[name] ?? 0) + 1;
	}
	return counts;
}

/** What the simulator has got, and what of it is paid. */
function expectSent(requests: number, billed = requests) {
	const { counts } = juhe.simulator;
	expect([counts.requests, counts.billed]).toEqual([requests, billed]);
}

/** What runs an agent with our node as its tool. */
function agentWith(
	turns: IDataObject[][],
	style: engine.AgentStyle,
	node?: Settings,
	options = {},
	operation = 'plain',
) {
	const isText = turns.flat().every(({ phone }) => typeof phone === 'string');
	const type = isText ? 'string' : 'json';
	const parameters: Values = {
		mobile: `={{ $fromAI('phone', '', '${type}') }}`,
		operation,
		options,
	};
	const tool = juheNode(parameters, { type: JUHE_TOOL, ...node });
	const nodes = { Tool: tool, Agent: { type: 'agent' } };
	const file = workflowOf(nodes, 'Start > Rows > Agent', 'Tool.ai_tool > Agent');
	return [file, phones('of the chat'), { agent: agent(turns, style) }] as const;
}

/** What the model of such an agent is told, call by call. */
async function textsOf(...of: Parameters<typeof agentWith>): Promise<string[]> {
	return itemsOf(await run(...agentWith(...of)), 'Agent').map(({ json }) => json.text as string);
}

describe('The engine of the tests', () => {
	const rows = phones('1', '2', '3', '4', '5', '6', '7');
	const two = workflowOf({ Juhe: juheNode() }, 'Start > Rows > Juhe', 'Start > B > Juhe');
	const turns = [[{ phone: 'A' }, { phone: 'B' }], [{ phone: 'A' }]];

	test.each<[string, Parameters<typeof run>, number[], number]>([
		['a loop', [loop(3, {}), rows], [3, 3, 1], 1],
		['two connections', [two, rows], [7, 1], 1],
		['tool calls side by side', [...agentWith(turns, 'sideBySide')], [1, 1, 1], 2],
		['tool calls by the engine', [...agentWith(turns, 'byEngine')], [1, 1, 1], 1],
		['Retry On Fail', [loop(9, {}, retrying(4)), phones('bad')], [1, 1, 1, 1], 1],
	])('calls the node as n8n does: %s', async (_, [file, given, nodeTypes], expected, together) => {
		const calls: number[] = [];
		let [atOnce, most] = [0, 0];
		const counting = nodeType(async function () {
			calls.push(this.getInputData().length);
			most = Math.max(most, ++atOnce);
			await new Promise((resolve) => setTimeout(resolve, 5));
			atOnce--;
			if (this.getInputData()[0]!.json.phone === 'bad') throw new TypeError('bad');
			return [this.getInputData()];
		});
		const { status } = await run(file, given, { [engine.JUHE_NODE]: counting, ...nodeTypes });
		expect([status, calls, most]).toEqual([expected[3] ? 'error' : 'success', expected, together]);
	});
});

describe('Loop Over Items', () => {
	const twenty = distinctNumbers(20);
	const dashed = (text: string) => `${text.slice(0, 3)}-${text.slice(3, 7)}-${text.slice(7)}`;
	const forms = [String, dashed, (text: string) => `+86 ${text}`, (text: string) => Number(text)];
	/** Five numbers in four ways to write them, a way a turn. */
	const five = forms.flatMap((form) => twenty.slice(0, 5).map((text): unknown => form(text)));
	const CASES: Array<[string, unknown[], number, Record<string, number>]> = [
		['the cap counts over all turns', twenty, 6, { query: 6, overCap: 14 }],
		['a number is paid once', five, 99, { query: 5, duplicate: 15 }],
		['both hold together', five, 3, { query: 3, duplicate: 9, overCap: 8 }],
	];

	test.each(CASES)('%s', async (_, numbers, maxQueries, expected) => {
		for (const node of [CONTINUE.node, retrying(3, CONTINUE.node)]) {
			for (const operation of OPERATION_NAMES) {
				juhe.simulator.reset();
				const parameters = { operation, options: { maxQueries } };
				const done = itemsOf(await run(loop(5, parameters, node), phones(...numbers)), 'Done');
				expect(phonesOf(done)).toEqual(numbers);
				expect(tally(done)).toEqual(expected);
				expectSent(expected.query!);
			}
		}
		const file = loop(5, { summaryOutput: true, options: { maxQueries } }, CONTINUE.node);
		const total = itemsOf(await run(file, phones(...numbers)), 'Juhe').at(-1)!;
		const { query, duplicate = 0, overCap = 0 } = expected;
		expect(total.json).toMatchObject({ rows: 20, queried: query, billable: query });
		expect(total.json).toMatchObject({ duplicates: duplicate, notQueried: overCap });
	});

	test.each(CASES)('a dry run says so, too: %s', async (_, numbers, maxQueries, expected) => {
		const file = loop(5, { options: { dryRun: true, maxQueries } });
		const { query, ...others } = expected;
		const plans = tally(itemsOf(await run(file, phones(...numbers)), 'Done'));
		expect(plans).toEqual({ billable: query, ...others });
		expectSent(0);
	});

	test('a dry run that n8n tries again says the same', async () => {
		const file = loop(5, { options: { dryRun: true } }, retrying(3, CONTINUE.node));
		// n8n looks at the first item alone.
		const done = itemsOf(await run(file, phones('x', twenty[0])), 'Done');
		expect(tally(done)).toEqual({ billable: 1, invalidNumber: 1 });
	});

	test('a number without a record is paid once, too', async () => {
		juhe.simulator.script({ mobile: twenty[0], fault: code(224922) });
		const file = loop(1, { options: { noRecord: 'route' } });
		const done = itemsOf(await run(file, phones(twenty[0], twenty[0])), 'Done');
		expect(tally(done)).toEqual({ query: 1, duplicate: 1 });
		expect(done.map(({ json }) => json.route)).toEqual(['noRecord', 'noRecord']);
		expect(juhe.simulator.counts.requests).toBe(1);
	});

	test.each([
		['the first', 5, [STOP, CONTINUE]],
		['another', 7, [STOP]],
	])('Retry On Fail in it asks for what has no answer: %s row fails', async (_, place, kinds) => {
		for (const { node } of kinds) {
			juhe.simulator.reset();
			juhe.simulator.script({ mobile: twenty[place], times: 2, fault: code(224919) });
			const file = loop(5, { options: ONE_BY_ONE }, retrying(3, node));
			expect(tally(itemsOf(await run(file, phones(...twenty)), 'Done'))).toEqual({ query: 20 });
			expectSent(22, 20);
		}
	});
});

test.each(OPERATION_NAMES)(
	'A later turn is told all that the service said (%s)',
	async (operation) => {
		const [A, B] = distinctNumbers(2);
		const body = { error_code: 0, result: { state: '0', isp: null, orderid: 'JH1' } };
		juhe.simulator.script({ mobile: B, fault: { kind: 'json', body } });
		const done = itemsOf(await run(loop(2, { operation }), phones(A, B, A, B)), 'Done');
		const asked = { source: 'query', billable: 'yes', attempts: 1 };
		const told = done.map((item) => ({ ...statusOf(item), ...asked }));
		expect(told.slice(2)).toEqual(told.slice(0, 2));
		expectSent(2);
	},
);

test('A long run logs its progress every 10 seconds, without a number', async () => {
	const logger = { info: jest.fn<unknown, [string]>(), debug: jest.fn() };
	const log = jest
		.spyOn(ExecuteContext.prototype, 'logger', 'get')
		.mockReturnValue(logger as never);
	const numbers = distinctNumbers(10);
	await juhe.run(phones(...numbers), withOptions(ONE_BY_ONE));
	const { requests } = juhe.simulator.counts;
	const start = Math.round(performance.now());
	// Each request takes 4 seconds of the clock.
	const clock = () => start + (juhe.simulator.counts.requests - requests) * 4000;
	const now = jest.spyOn(performance, 'now').mockImplementation(clock);
	await juhe.run(phones(...numbers), withOptions(ONE_BY_ONE));
	const lines = logger.info.mock.calls.flat();
	log.mockRestore();
	now.mockRestore();
	expect(lines).toEqual([
		'3 numbers done, 7 left, 3 answered, 0.3 numbers a second',
		'6 numbers done, 4 left, 6 answered, 0.3 numbers a second',
		'9 numbers done, 1 left, 9 answered, 0.3 numbers a second',
	]);
});

test.each<[number, Record<string, number>]>([
	[99, { query: 5, duplicate: 5 }],
	[0, { overCap: 10 }],
	[3, { query: 3, duplicate: 3, overCap: 4 }],
])('Two connections pay a number once, under one cap (%d)', async (maxQueries, expected) => {
	const rows = phones(...distinctNumbers(5));
	const nodes = { Juhe: juheNode({ options: { maxQueries } }, CONTINUE.node) };
	const file = workflowOf(nodes, 'Start > A > Juhe > Done', 'Start > B > Juhe');
	expect(tally(itemsOf(await run(file, { A: rows, B: rows }), 'Done'))).toEqual(expected);
	expectSent(expected.query ?? 0);
});

/** A and B stand for two numbers. */
test.each<[sent: unknown, parts: unknown]>([
	[[], ['']],
	['[1, 2]', [1, 2]],
	['A', ['A']],
	['139/0000/0000', ['139/0000/0000']],
	['- 12345', ['- 12345']],
	["'A', `B`", ['A', 'B']],
	['A , B，thanks', ['A', 'B']],
	['- A\n * B', ['A', 'B']],
	['•A\n•B', ['A', 'B']],
	['1. A 2. B', ['A', 'B']],
	['（9）A，（10）B', ['A', 'B']],
	['9、A 10. B', ['A', 'B']],
	['A, 张三 B', ['A', '张三 B']],
	['A  B thanks', ['A', 'B']],
	['A B 1390000000', ['A', 'B', '1390000000']],
	['张三 A 李四 B', ['A', 'B']],
	// What objects to a number objects to it in a list, too.
	['A 12345', ['A 12345']],
	['A 139 0000 0010', ['A 139 0000 0010']],
	['+1 A', ['+1 A']],
	['order A B', ['order A B']],
	['order A, order B', ['order A', 'order B']],
	['A ext 8001', ['A ext 8001']],
	['+86 A +86  B', ['+86A', '+86B']],
	['86 A 86 B', ['86A', '86B']],
	['(+86) A (0086) B', ['(+86)A', '(0086)B']],
])('a tool splits %j into %j', (sent, parts) => {
	const filled = (value: unknown): unknown =>
		JSON.parse(JSON.stringify(value).replace(/A/g, '13900000000').replace(/B/g, '13900000010'));
	expect(splitNumbers(filled(sent))).toEqual(filled(parts));
});

describe.each(['sideBySide', 'byEngine'] as const)('Tool calls of an agent (%s)', (style) => {
	const [A, B, C, D, bad] = distinctNumbers(5).map((phone) => ({ phone }));
	const turns = [
		[A!, A!, B!, B!, C!, D!],
		[A!, B!],
	];

	test.each([0, 1, 2, 99])('pay a number once, under one cap (%d)', async (maxQueries) => {
		juhe.simulator.latency = 20;
		for (const { node } of [STOP, CONTINUE]) {
			juhe.simulator.reset();
			const texts = await textsOf(turns, style, node, { maxQueries });
			const answers = texts.filter((text) => text.includes('"route":"normal"'));
			const refusals = texts.filter((text) => text.includes("'Max Queries per Execution'"));
			expectSent(Math.min(maxQueries, 4));
			// What is sent is answered as often as it is asked for. n8n 2.35 starts with C and D instead of A and B.
			const sent = new Set(juhe.simulator.received.map(({ mobile }) => mobile));
			const answered = turns.flat().filter(({ phone }) => sent.has(phone)).length;
			expect([answers.length, refusals.length]).toEqual([answered, 8 - answered]);
			const from = (source: string) =>
				answers.filter((text) => text.includes(`source":"${source}"`)).length;
			expect([from('query'), from('duplicate')]).toEqual([sent.size, answered - sent.size]);
		}
	});

	test('ask once for a number that fails while others wait for it', async () => {
		juhe.simulator.latency = 20;
		juhe.simulator.script({ fault: code(224919) });
		const texts = await textsOf([[A!, A!, A!]], style, CONTINUE.node);
		expect(texts.filter((text) => text.includes('224919'))).toHaveLength(3);
		// n8n's engine calls one tool after the other.
		expectSent(style === 'sideBySide' ? 1 : 3, 0);
	});

	const listed = distinctNumbers(3);
	test.each<{ way: string; sent: unknown }>([
		{ way: 'an array', sent: listed },
		{ way: 'an array of numbers', sent: listed.map(Number) },
		{ way: 'JSON text', sent: JSON.stringify(listed) },
		{ way: 'commas', sent: listed.join(', ') },
		{ way: 'Chinese commas', sent: listed.join('、') },
		{ way: 'semicolons', sent: listed.join('；') },
		{ way: 'lines', sent: listed.join('\n') },
		{ way: 'a numbered list', sent: listed.map((each, i) => `${i + 1}. ${each}`).join('\n') },
		{ way: 'Chinese item numbers', sent: listed.map((each, i) => `${i + 1}、${each}`).join('\n') },
		{ way: 'item numbers in a line', sent: listed.map((each, i) => `${i + 1}. ${each}`).join(' ') },
		{
			way: 'item numbers in brackets',
			sent: listed.map((each, i) => `（${i + 1}）${each}`).join('，'),
		},
		{ way: 'country codes and blanks', sent: listed.map((each) => `+86 ${each}`).join(' ') },
		{ way: 'country codes in brackets', sent: listed.map((each) => `(86) ${each}`).join(' ') },
		{ way: 'country codes without plus', sent: listed.map((each) => `0086  ${each}`).join('  ') },
		{ way: 'a marked list', sent: listed.map((each) => `- +86 ${each}`).join('\n') },
		{ way: 'marks without blanks', sent: listed.map((each) => `  •${each}`).join('\n') },
		{ way: 'quotes that are no JSON', sent: listed.map((each) => `'${each}'`).join(' ') },
		{ way: 'blanks', sent: listed.join(' ') },
		{
			way: 'groups and commas',
			sent: listed.map((each) => each.replace(/^(...)(....)/, '$1 $2 ')).join(','),
		},
		{ way: 'words', sent: `${listed[0]}, ${listed[1]} 和 ${listed[2]}` },
		{ way: 'the same number twice', sent: [...listed, listed[0], `+86${listed[1]}`] },
	])('take a list in one call: $way', async ({ sent }) => {
		const [text] = await textsOf([[{ phone: sent as string }]], style);
		const items = JSON.parse(text!) as IDataObject[];
		expect(items.map((json) => statusOf({ json }).mobile)).toEqual(listed);
		expectSent(3);
	});

	test('tell a model what it can use, or what is chosen', async () => {
		const forPeople = ['operation', 'attempts', 'recheckAt', 'orderid'];
		for (const { options, told } of [
			{ options: {}, told: [] },
			{ options: { resultFields: ['state', ...forPeople] }, told: forPeople },
		]) {
			const [text] = await textsOf([[A!]], style, {}, options, 'aes');
			const [json] = JSON.parse(text!) as [IDataObject];
			expect(statusOf({ json })).toHaveProperty('state', '0');
			expect(forPeople.filter((name) => name in statusOf({ json }))).toEqual(told);
		}
	});

	test('say what a dry run plans, and that a list is empty', async () => {
		const list = [{ phone: JSON.stringify([...listed, listed[0]]) }];
		const told = async (options: Values, item: IDataObject = list[0]!) =>
			JSON.parse((await textsOf([[item]], style, {}, options))[0]!) as IDataObject[];
		const plan = (number: string) => ({ number, dryRun: 'billable' });
		expect(await told({ dryRun: true })).toEqual(listed.map(plan));
		expect(await told({ dryRun: true, maskNumber: true })).toEqual(
			listed.map((number) => plan(number.replace(/^(...)..../, '$1****'))),
		);
		expect(await told({}, { phone: '[]' })).toEqual([
			{ number: '', error: expect.stringContaining('is empty') as string, code: 'invalidNumber' },
		]);
		expectSent(0);
	});

	test('answer a list number by number, and pay nothing for it again', async () => {
		const good = distinctNumbers(32);
		const bad = ['12345', '010-62345678', '138****8000'];
		const list = [...good.slice(0, 20), ...bad, ...good.slice(20), ...good.slice(0, 5)];
		const given = [[{ phone: list.join('\n') }], [{ phone: JSON.stringify(list) }]];
		for (const { node } of [STOP, CONTINUE]) {
			juhe.simulator.reset();
			const texts = await textsOf(given, style, node, { maxQueries: 32 });
			for (const text of texts) {
				const items = JSON.parse(text) as IDataObject[];
				expect(items).toHaveLength(35);
				expect(items.filter(({ route }) => route === 'normal')).toHaveLength(32);
				const failed = items.filter(({ error }) => error !== undefined);
				expect(failed).toEqual(
					bad.map((number) => ({
						number,
						error: expect.stringMatching(
							/^'Mobile Number' (?!is an object).*\. Correct the number, or leave it out\.$/,
						),
						code: 'invalidNumber',
					})),
				);
			}
			expectSent(32);
		}
	});

	test('ask for the number alone where the model sends an object', async () => {
		for (const phone of ['{"phone":"13800138000"}', '[{"phone":"13800138000"}]']) {
			const [text] = await textsOf([[{ phone }]], style);
			expect(text).toContain("'Mobile Number' is an object: send the number alone. Correct");
		}
		expectSent(0);
	});

	test('refuse more than 100 numbers, and send none of them', async () => {
		const list = distinctNumbers(101);
		const [text] = await textsOf([[{ phone: list.join(',') }]], style);
		expect(JSON.parse(text!)).toEqual([
			{
				error: expect.stringMatching(/101 numbers, .* with 100 numbers or fewer\.$/),
				code: 'invalidNumber',
			},
		]);
		expectSent(0);
		await textsOf([[{ phone: list.slice(1).join(',') }]], style);
		expectSent(100);
	});

	test('say what to do, in the credential, too', async () => {
		const { key } = juhe.simulator;
		juhe.simulator.key = '';
		const [text] = await textsOf([[A!]], style);
		juhe.simulator.key = key;
		expect(text).toMatch(/'Key' in the credential is empty\. Nothing was sent\. Correct the/);
	});

	test('wait for each other without a start of their own', async () => {
		const acquire = jest.spyOn(RateLimiter.prototype, 'acquire');
		juhe.simulator.latency = 50;
		await textsOf([Array(5).fill(A)], style, CONTINUE.node, { requestsPerSecond: 1000 });
		expect(acquire).toHaveBeenCalledTimes(1);
		acquire.mockRestore();
		expectSent(1);
	});

	test('speak of no row, where they fail', async () => {
		for (const { node } of [STOP, CONTINUE]) {
			juhe.simulator.script({ mobile: bad!.phone, fault: code(224919) });
			const failing = [[{ phone: '12345' }, A!, bad!, B!]];
			const texts = await textsOf(failing, style, node, { maxQueries: 2 });
			const said = texts.map((text) => /"route"|'M\w+ \w+|224919/.exec(text)?.[0]);
			expect(said.sort()).toEqual(['"route"', "'Max Queries", "'Mobile Number", '224919']);
			for (const text of texts) expect(text).not.toMatch(/\brows?\b/i);
		}
	});
});

describe('Retry On Fail', () => {
	const numbers = distinctNumbers(5);

	test.each(KINDS)('asks for no answer twice, at any Max Tries ($node)', async ({ node }) => {
		for (let maxTries = 0; maxTries <= 9; maxTries++) {
			// As n8n counts them.
			const tries = Math.min(5, Math.max(2, maxTries || 3));
			for (const failures of [tries - 1, tries]) {
				juhe.simulator.reset();
				juhe.simulator.script({ mobile: numbers[0], times: failures, fault: code(224919) });
				const settings = { node: retrying(maxTries, node), ...withOptions(ONE_BY_ONE) };
				const { outputs, error } = await juhe.run(phones(...numbers), settings);
				const recovers = failures < tries;
				const stops = !recovers && node === STOP.node;
				expect(error === undefined).toBe(!stops);
				const expected = recovers ? { query: 5 } : stops ? {} : { query: 4, 224919: 1 };
				expect(tally(outputs.flat())).toEqual(expected);
				const billed = expected.query ?? 0;
				expectSent(failures + billed, billed);
			}
		}
	});

	// n8n takes any of them for a failure of the node, and runs it again.
	test.each(['a remark', '', 0, { an: 'object' }])(
		'where rows have an error: %j',
		async (error) => {
			const rows = phones(...numbers).map((row) => ({ ...row, error, note: 'kept' }));
			const parameters = { options: ONE_BY_ONE };
			for (const node of KINDS.map((kind) => retrying(4, kind.node))) {
				for (const file of [loop(5, parameters, node), loop(2, parameters, node)]) {
					juhe.simulator.reset();
					juhe.simulator.script({ mobile: numbers[2], times: 1, fault: code(224919) });
					const done = itemsOf(await run(file, rows), 'Done');
					expect(tally(done)).toEqual({ query: 5 });
					expect(done.map(({ json }) => json)).toMatchObject(rows);
					expectSent(6, 5);
				}
			}
		},
	);
});

describe('A failed execution retried by hand', () => {
	const numbers = distinctNumbers(6);
	const CASES = [...OPERATION_NAMES.map((operation) => ({ operation })), { maskNumber: true }];

	test.each<Values>(CASES)('asks for no answer twice: %j', async ({ operation, ...options }) => {
		const file = (node: Settings, maxQueries = 99, dryRun = false) =>
			loop(6, { operation, options: { ...ONE_BY_ONE, ...options, maxQueries, dryRun } }, node);
		juhe.simulator.script({ mobile: numbers[3], fault: code(224919) });
		const failed = await run(file(retrying(2)), phones(...numbers));
		expectSent(5, 3);
		// It has tries of its own.
		const again = await resume(file(retrying(2)), failed);
		expectSent(7, 3);
		expect([failed.status, again.status]).toEqual(['error', 'error']);

		const continued = itemsOf(await resume(file(CONTINUE.node), again), 'Done');
		expect(phonesOf(continued)).toEqual(numbers);
		expect(tally(continued)).toEqual({ query: 5, 224919: 1 });
		expectSent(10, 5);

		// From the same failed execution, under a cap that four numbers have used up.
		const capped = itemsOf(await resume(file(CONTINUE.node, 4), again), 'Done');
		expect(tally(capped)).toEqual({ query: 3, 224919: 1, overCap: 2 });
		expectSent(11, 5);
		const planned = itemsOf(await resume(file(CONTINUE.node, 4, true), again), 'Done');
		expect(tally(planned)).toEqual({ reusable: 3, billable: 1, overCap: 2 });
		// The number that was not billed takes nothing from the cap.
		const more = itemsOf(await resume(file(CONTINUE.node, 5, true), again), 'Done');
		expect(tally(more)).toEqual({ reusable: 3, billable: 2, overCap: 1 });
		expectSent(11, 5);
	});

	test('knows in a loop what the turns before have paid', async () => {
		const rows = phones(...[0, 1, 2, 0, 1, 5, 5, 4, 0].map((place) => numbers[place]));
		juhe.simulator.script({ mobile: numbers[5], times: 1, fault: code(224919) });
		const file = loop(3, { options: ONE_BY_ONE });
		const done = itemsOf(await resume(file, await run(file, rows)), 'Done');
		expect(tally(done)).toEqual({ query: 5, duplicate: 4 });
		expectSent(6, 5);
	});
});

describe('What an execution has paid for outlives whatever stops it', () => {
	const [A, B] = distinctNumbers(2);
	const rows = phones(A, B, A).map((row, turn) => ({ ...row, limit: turn === 1 ? null : 1 }));
	const OPTION = { retries: '={{ $json.limit }}' };

	test.each<{ name: string; parameters?: Values; inTurn2?: () => void; stops?: boolean }>([
		{ name: 'an option that gives nothing in turn 2', parameters: { options: OPTION } },
		{
			name: 'a credential that is emptied after turn 1',
			inTurn2: () => (juhe.simulator.key = ''),
		},
		{
			name: 'another node that fails in turn 2',
			inTurn2: () => {
				throw new TypeError('failed');
			},
		},
	])('$name', async ({ parameters = {}, inTurn2 = () => {} }) => {
		const { key } = juhe.simulator;
		let turns = 0;
		const next = nodeType(async function () {
			if (++turns === 2) inTurn2();
			return [this.getInputData()];
		});
		const file = (settings: Values) => {
			const nodes = { Loop: engine.loopNode(1), Next: { type: 'next' }, Juhe: juheNode(settings) };
			return workflowOf(nodes, 'Start > Rows > Loop.1 > Next > Juhe > Loop > Done');
		};
		const options = { ...optionsWith(rows, { next }), credential: juhe.simulator.credential };
		Object.defineProperty(options.credential, 'apiKey', {
			get: () => juhe.simulator.key,
			enumerable: true,
		});
		const { run: failed } = await engine.runWorkflow(file(parameters), options);
		expect(failed.status).toBe('error');
		expectSent(1);
		juhe.simulator.key = key;
		const done = itemsOf(await resume(file({}), failed, { next }), 'Done');
		expect(tally(done)).toEqual({ query: 2, duplicate: 1 });
		expectSent(2);
	});

	test('an item without json is an error item, beside rows that are paid for', async () => {
		const binary = { file: { data: '', mimeType: 'text/plain' } };
		const code = nodeType(async () => [
			[{ json: { phone: A } }, { binary }, { json: { phone: B } }] as INodeExecutionData[],
		]);
		for (const { node } of KINDS.slice(1)) {
			juhe.simulator.reset();
			const nodes = { Code: { type: 'code' }, Juhe: juheNode({}, node) };
			const file = workflowOf(nodes, 'Start > Code > Juhe');
			const items = itemsOf(await run(file, [], { code }), 'Juhe');
			expect(tally(items)).toEqual({ query: 2, invalidNumber: 1 });
			expect(items.find((item) => detailsOf(item))).toMatchObject({ binary });
			expectSent(2);
		}
	});
});

describe('Max Queries per Execution counts numbers, and repetitions after a lost answer', () => {
	const [A, B] = distinctNumbers(2);

	test.each<[string, unknown[], Fault, Values, Settings, number]>([
		['1, with five retries', [A], LOST, { maxQueries: 1, retries: 5 }, {}, 1],
		['1, over five tries', [A], LOST, { maxQueries: 1, retries: 5 }, retrying(5), 1],
		['1, over four turns', [A, A, A, A], LOST, { maxQueries: 1, retries: 5 }, {}, 1],
		['2, with five retries', [A], LOST, { maxQueries: 2, retries: 5 }, {}, 2],
		['3, over five tries', [A], LOST, { maxQueries: 3, retries: 5 }, retrying(5), 3],
		['3, over four turns', [A, B, A, B], LOST, { maxQueries: 3, retries: 1 }, {}, 3],
		['0', [A, B], LOST, { maxQueries: 0 }, {}, 0],
		['less than 0', [A, B], LOST, { maxQueries: -3.5 }, {}, 0],
		['1, unbilled tries', [A], http(503), { maxQueries: 1, retries: 0 }, retrying(4), 4],
		['1, unbilled turns', [A, A, A, A], code(224919), { maxQueries: 1 }, {}, 4],
	])('%s', async (_, numbers, fault, options, node, requests) => {
		juhe.simulator.script({ fault });
		const file = loop(1, { options }, { ...CONTINUE.node, ...node });
		const done = itemsOf(await run(file, phones(...numbers)), 'Done');
		expect(phonesOf(done)).toEqual(numbers);
		expect(done.every((item) => detailsOf(item) !== undefined)).toBe(true);
		// Each query in one row only, also where the last try may send nothing more.
		const asked = new Set(juhe.simulator.received.map(({ mobile }) => mobile));
		expect(uncertainOf(done)).toBe(fault === LOST ? asked.size : 0);
		expectSent(requests, fault === LOST ? requests : 0);
	});

	test('0 sends nothing, also to a number whose last query was not billed', async () => {
		juhe.simulator.script({ fault: code(224919) });
		const caps = phones(A, A).map((row, turn) => ({ ...row, cap: 1 - turn }));
		const file = loop(1, { options: { maxQueries: '={{ $json.cap }}' } }, CONTINUE.node);
		const done = itemsOf(await run(file, caps), 'Done');
		expect(tally(done)).toEqual({ 224919: 1, overCap: 1 });
		expectSent(1, 0);
	});

	test('a number that is sent again after an unbilled try counts once', async () => {
		juhe.simulator.script({ mobile: A, times: 1, fault: http(503) });
		const file = loop(2, { options: { ...ONE_BY_ONE, maxQueries: 2 } }, retrying(2));
		expect(tally(itemsOf(await run(file, phones(A, B)), 'Done'))).toEqual({ query: 2 });
		expectSent(3, 2);
	});
});

describe('A number is asked for anew', () => {
	const [A, B, C] = distinctNumbers(3);

	test.each<Values>([
		{},
		{ resultAs: 'columns' },
		{ maskNumber: true },
		{ maskNumber: true, resultFields: ['mobile', 'checkedAt'] },
		{ routeField: 'r', outputField: 'o' },
	])('for a row that brings back its answer, and for no other row: %j', async (options) => {
		for (const maxQueries of [99, 5]) {
			juhe.simulator.reset();
			let rounds = 0;
			const again = nodeType(async function () {
				const items = this.getInputData();
				if (++rounds > 3) return [items];
				// The last row comes back without its answer.
				return [[], items.map((item, i) => (i < 3 ? item : { json: { phone: C } }))];
			}, 2);
			const node = juheNode({ options: { ...options, maxQueries } }, CONTINUE.node);
			const nodes = { Juhe: node, Again: { type: 'again' } };
			const back = 'Start > Rows > Juhe > Again.1 > Juhe';
			const file = workflowOf(nodes, back, 'Again > Done', 'Start > Fresh > Juhe');
			const older = { mobile: A!, state: '0', checkedAt: '2026-01-01T00:00:00Z' };
			const others = [{ phone: A!, route: 'normal', mobileStatus: older }, { phone: C! }];
			const rows = { Rows: phones(A, A, B, C), Fresh: others };
			const done = itemsOf(await run(file, rows, { again }), 'Done');
			expect(phonesOf(done)).toEqual([A, A, B, C, A, C]);
			// Four rounds of two numbers, and C once.
			expectSent(Math.min(maxQueries, 9));
		}
	});

	test('also for a row that comes back through a table of whole seconds', async () => {
		setClock(Date.parse('2026-11-24T08:00:00.500Z'));
		for (const { round, sent } of [
			{ round: Math.floor, sent: 8 },
			{ round: Math.round, sent: 8 },
			// Another time is another answer.
			{ round: (seconds: number) => seconds + 0.001, sent: 2 },
		]) {
			juhe.simulator.reset();
			let rounds = 0;
			const table = nodeType(async function () {
				const items = this.getInputData().map(({ json }) => {
					const time = Date.parse(json.mobileStatus_checkedAt as string);
					const stored = new Date(round(time / 1000) * 1000).toISOString();
					return { json: { ...json, mobileStatus_checkedAt: stored } };
				});
				return ++rounds > 3 ? [items] : [[], items];
			}, 2);
			const nodes = { Juhe: juheNode(), Table: { type: 'table' } };
			const file = workflowOf(nodes, 'Start > Rows > Juhe > Table.1 > Juhe', 'Table > Done');
			await run(file, phones(A, B), { table });
			expectSent(sent);
		}
		jest.useRealTimers();
	});

	test('but not where the results in rows are reused', async () => {
		let rounds = 0;
		const again = nodeType(async function () {
			const items = this.getInputData();
			return ++rounds > 1 ? [items] : [[], items];
		}, 2);
		const node = juheNode({ options: { reuseResults: true } });
		const nodes = { Juhe: node, Again: { type: 'again' } };
		const file = workflowOf(nodes, 'Start > Rows > Juhe > Again.1 > Juhe', 'Again > Done');
		expect(tally(itemsOf(await run(file, phones(A, B), { again }), 'Done'))).toEqual({ reused: 2 });
		expectSent(2);
	});

	test('but not for a call of a tool, whatever the model sends', async () => {
		for (const style of ['sideBySide', 'byEngine'] as const) {
			// The model knows the time of the answer that it gets.
			setClock(Date.parse('2026-11-24T08:00:00Z'));
			juhe.simulator.reset();
			const told = JSON.parse((await textsOf([[{ phone: A }]], style))[0]!) as IDataObject[];
			juhe.simulator.reset();
			const turns = [[{ phone: A }], ...Array(3).fill([{ phone: A, ...told[0] }])];
			await textsOf(turns, style);
			jest.useRealTimers();
			expectSent(1);
		}
	});

	test('but not after a Wait that hands the execution to the database', async () => {
		const wait = nodeType(async function () {
			await this.putExecutionToWait(new Date(Date.now() + 120_000));
			return [this.getInputData()];
		});
		const nodes = { Juhe: juheNode(), Wait: { type: 'wait' } };
		const rows = { Rows: phones(A, B), Later: phones(A, B, C) };
		for (const { summaryOutput, maxQueries, sent } of [
			{ summaryOutput: false, maxQueries: 99, sent: 3 },
			{ summaryOutput: true, maxQueries: 2, sent: 2 },
		]) {
			juhe.simulator.reset();
			nodes.Juhe = juheNode({ summaryOutput, options: { maxQueries } }, CONTINUE.node);
			const last = `Start > Wait > Later > Juhe${summaryOutput ? '.1' : ''} > End`;
			const file = workflowOf(nodes, 'Start > Rows > Juhe > Done', last);
			const waiting = await run(file, rows, { wait });
			expect(waiting.status).toBe('waiting');
			expectSent(2);
			const ended = await resume(file, waiting, { wait });
			expectSent(sent);
			expect(tally(itemsOf(ended, 'Done'))).toEqual({
				...{ query: sent, duplicate: 2 },
				...(sent === 2 && { overCap: 1 }),
			});
			const total = { rows: 5, queried: sent, duplicates: 2, notQueried: 3 - sent, billable: sent };
			if (summaryOutput) expect(itemsOf(ended, 'End').at(-1)!.json).toMatchObject(total);
		}
	});
});

describe('An answer that is lost', () => {
	const [A, B] = distinctNumbers(2);

	test.each<{ name: string; fault: Fault; isLost: boolean }>([
		{ name: 'HTTP 408', fault: http(408), isLost: true },
		{ name: 'HTTP 500', fault: http(500), isLost: true },
		{ name: 'HTTP 502', fault: http(502), isLost: true },
		{ name: 'a timeout', fault: { kind: 'hang' }, isLost: true },
		{ name: 'a reset', fault: LOST, isLost: true },
		{ name: 'a cut body', fault: { kind: 'resetMidBody' }, isLost: true },
		{ name: 'no result', fault: { kind: 'missingResult' }, isLost: true },
		{ name: 'no reply of Juhe', fault: { kind: 'notJson' }, isLost: true },
		{ name: 'HTTP 503', fault: http(503), isLost: false },
		{ name: 'HTTP 429', fault: http(429), isLost: false },
	])('is sent again within the retries of the execution: $name', async ({ fault, isLost }) => {
		for (const resendUncertain of isLost ? [true, false] : [false]) {
			const timeout = fault.kind === 'hang' ? 300 : 60_000;
			const options = { resendUncertain, retries: 0, timeout };
			for (const { numbers, node = {}, byHand = false } of [
				{ numbers: [A], node: retrying(2, CONTINUE.node) },
				{ numbers: [A, A], node: CONTINUE.node },
				{ numbers: [A], byHand: true },
			]) {
				juhe.simulator.reset();
				juhe.simulator.script({ fault });
				let ended = await run(loop(1, { options }, node), phones(...numbers));
				if (byHand) ended = await resume(loop(1, { options }, CONTINUE.node), ended);
				const done = itemsOf(ended, 'Done');
				expect(done).toHaveLength(numbers.length);
				const requests = !isLost || (byHand && resendUncertain) ? 2 : 1;
				expect(juhe.simulator.counts.requests).toBe(requests);
				expect(uncertainOf(done)).toBe(isLost ? 1 : 0);
				if (requests === 1) expect(done.at(-1)!.json.error).toContain('It is not sent again.');
			}
		}
	});

	const OTHER: Fault = { kind: 'json', body: { error_code: 0, result: { mobile: B, state: '0' } } };
	test.each<[string, Fault]>([
		['connectionLost', LOST],
		['noResult', { kind: 'missingResult' }],
		['otherNumber', OTHER],
	])('costs three queries at most, over the turns of a loop: %s', async (name, fault) => {
		juhe.simulator.script({ fault });
		const done = itemsOf(await run(loop(1, {}, CONTINUE.node), phones(A, A, A, A, A)), 'Done');
		expect(tally(done)).toEqual({ [name]: 5 });
		expect(uncertainOf(done)).toBe(name === 'connectionLost' ? 1 : 3);
		expect(juhe.simulator.counts.requests).toBe(3);
	});

	test('counts over the turns of a loop, whatever else fails in between', async () => {
		juhe.simulator.script({ call: 1, fault: LOST });
		juhe.simulator.script({ call: 2, fault: http(503) });
		juhe.simulator.script({ fault: LOST });
		const file = loop(1, { options: { retries: 1 } }, CONTINUE.node);
		const done = itemsOf(await run(file, phones(A, A, A)), 'Done');
		expect(tally(done)).toEqual({ 503: 1, connectionLost: 2 });
		expectSent(3, 2);
	});

	test('makes the cost of the answer uncertain that a later try gets', async () => {
		juhe.simulator.script({ times: 1, fault: LOST });
		const failed = await run(loop(1, { options: { retries: 0 } }, {}), phones(A));
		const [done] = itemsOf(await resume(loop(1, {}), failed), 'Done');
		expect(statusOf(done!)).toMatchObject({ source: 'query', billable: 'uncertain' });
		expectSent(2);

		// Also of an answer that came in the try before, which another row has failed.
		juhe.simulator.reset();
		juhe.simulator.script({ mobile: A, fault: code(224922) });
		juhe.simulator.script({ mobile: B, times: 1, fault: code(224919) });
		const file = loop(2, { options: { ...ONE_BY_ONE, noRecord: 'route' } }, retrying(2));
		const again = itemsOf(await run(file, phones(A, B)), 'Done');
		expect(again.map((item) => statusOf(item).billable)).toEqual(['uncertain', 'yes']);
	});
});

test('A call that begins later waits for the answer to a number under way, also at the cap', async () => {
	const [mobile] = distinctNumbers(1);
	const checkedAt = new Date().toISOString();
	const limiter = new RateLimiter(sleep as never);
	const ledger = new Ledger('', { entries: {}, queries: 0, planned: {} }, limiter);
	let answer!: (result: LookupResult) => void;
	const client = { lookup: () => new Promise<LookupResult>((resolve) => (answer = resolve)) };
	limiter.configure(Infinity, 2);
	const start = (call: number) =>
		new ListRun(client as unknown as Client, ledger, {
			...{ call, concurrency: 2, maxQueries: 1, reuseResults: false, stopOnFailure: false },
			...{ failOnNoRecord: false, resendUncertain: true, retries: 0 },
		}).toEnd([{ mobile: mobile! }]);
	const first = start(0);
	await sleep(5);
	const second = start(1);
	await sleep(5);
	answer({ answer: { result: {}, attempts: 1, billable: 'yes', checkedAt } });
	expect((await first).outcomes).toMatchObject([{ source: 'query' }]);
	expect((await second).outcomes).toMatchObject([{ source: 'duplicate' }]);
});

describe('A run in which nothing works', () => {
	const numbers = distinctNumbers(400);
	const always = (fault: Fault) => juhe.simulator.script({ fault });
	const answeredFirst = (fault: Fault) => {
		juhe.simulator.script({ call: 1, fault: { kind: 'state', state: '0' } });
		always(fault);
	};
	const inTurns = (codes: number[]) => {
		numbers.forEach((mobile, i) => juhe.simulator.script({ mobile, fault: code(codes[i % 2]!) }));
	};

	test.each<[string, () => unknown, number, number, number]>([
		['ends: lost answers', () => always(LOST), 400, 10, 30],
		['ends: 224902', () => always(code(224902)), 400, 10, 30],
		['ends: nothing listens', () => juhe.simulator.refuse(), 400, 10, 30],
		['ends at once: 404', () => always(http(404)), 400, 1, 1],
		['ends later on: lost', () => answeredFirst(LOST), 400, 1, 101],
		['goes on: 224922', () => always(code(224922)), 150, 10, 150],
		['goes on: two codes', () => inTurns([224902, 224919]), 60, 10, 60],
	])('%s', async (_, fail, count, concurrency, ended) => {
		await fail();
		const settings = { ...CONTINUE, ...withOptions({ retries: 0, concurrency }) };
		const { outputs } = await juhe.run(phones(...numbers.slice(0, count)), settings);
		const items = outputs[0]!;
		expect(phonesOf(items)).toEqual(numbers.slice(0, count));
		const notSent = items.filter((item) => detailsOf(item)?.notQueried);
		expect(count - notSent.length).toBe(ended);
		const why = ended > 1 ? `${ended > 100 ? 100 : 30} numbers in a row .*` : '';
		const message = new RegExp(`^Juhe \\w+: [^.]+\\. ${why}Not sent \\(notQueried\\)\\.$`);
		for (const { json } of notSent) expect(json.error).toMatch(message);
		const codes = new Set(items.flatMap((item) => detailsOf(item)?.code ?? []));
		expect(codes.size).toBe(count === 60 ? 2 : 1);
	});

	test.each([
		['ends, at a number a turn', Infinity, 30 + 37, 0],
		['goes on as soon as the service is back', 35, 35 + 320, 320],
	])('in a loop of 40 batches %s', async (_, times, requests, answered) => {
		juhe.simulator.script({ times, fault: code(224902) });
		const file = loop(10, { options: { retries: 0 } }, CONTINUE.node);
		const done = itemsOf(await run(file, phones(...numbers)), 'Done');
		expect(phonesOf(done)).toEqual(numbers);
		expect(done.filter((item) => detailsOf(item) === undefined)).toHaveLength(answered);
		expectSent(requests, answered);
	});
});

test('A loop sends nothing more where nothing works and the service asks for a wait', async () => {
	juhe.simulator.script({ fault: { kind: 'code', code: 10011, retryAfter: '60' } });
	const numbers = distinctNumbers(200);
	const file = loop(40, { options: { retries: 0, concurrency: 50 } }, CONTINUE.node);
	const done = itemsOf(await run(file, phones(...numbers)), 'Done');
	expect(phonesOf(done)).toEqual(numbers);
	expect(done.filter((item) => detailsOf(item)?.notQueried)).toHaveLength(170);
	expectSent(30, 0);
});

describe('What an execution keeps', () => {
	const numbers = distinctNumbers(6);

	test.each(OPERATION_NAMES)('holds no secret, and masked no number (%s)', async (operation) => {
		const { simulator } = juhe;
		for (const [maskNumber, { node }, failing] of [
			...KINDS.flatMap((kind) => [224919, 10012].map((each) => [true, kind, each] as const)),
			// Without a mask results show their numbers; there are none of a call that fails.
			[false, STOP, 224919] as const,
		]) {
			simulator.reset();
			simulator.script({ mobile: numbers[4], fault: code(failing, maskNumber) });
			const options = { ...ONE_BY_ONE, maskNumber };
			const file = loop(maskNumber ? 3 : 6, { operation, options }, retrying(2, node));
			const saved = await run(file, phones(...numbers));
			expect(saved.status).toBe(node === STOP.node ? 'error' : 'success');
			const text = JSON.stringify(saved, (key, value) => (key === 'phone' ? undefined : value));
			expect(simulator.received.length).toBeGreaterThan(4);
			expect(secretsIn(saved, simulator)).toEqual([]);
			expect(numbers.filter((number) => text.includes(number))).toEqual([]);
		}
	});
});
