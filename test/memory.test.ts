import type { IDataObject } from 'n8n-workflow';

import { JuheMobileStatus } from '../nodes/JuheMobileStatus/JuheMobileStatus.node.ts';
import { JUHE_NODE, runWorkflow, type WorkflowFile } from './engine';
import {
	CONTINUE,
	detailsOf,
	distinctNumbers,
	ERROR_OUTPUT,
	phones,
	productionRuns,
	rowOf,
	setClock,
	statusOf,
	useSimulator,
	withOptions,
} from './simulated';

const juhe = useSimulator();
const HOUR = 3_600_000;

afterEach(() => jest.useRealTimers());
/** The text that the node keeps in static data. */
function storeOf(staticData: IDataObject | undefined): string {
	return ((staticData?.['node:Juhe'] as IDataObject | undefined)?.juhe as string | undefined) ?? '';
}

describe('Retry On Fail', () => {
	const numbers = distinctNumbers(6);
	const bad = numbers[3]!;
	const retry = (node: object = {}) => ({
		node: { retryOnFail: true, waitBetweenTries: 1, ...node },
	});

	test('asks only for what has no answer yet, and pays nothing twice', async () => {
		juhe.simulator.script({ mobile: bad, times: 2, fault: { kind: 'code', code: 224919 } });
		const { outputs, error, run } = await juhe.run(phones(...numbers, numbers[0]), {
			...retry(),
			...withOptions({ concurrency: 1 }),
		});

		expect(error).toBeUndefined();
		expect(
			outputs[0]!
				.map(statusOf)
				.map(({ source, billable, attempts }) => [source, billable, attempts]),
		).toEqual([...numbers.map(() => ['query', 'yes', 1]), ['duplicate', 'no', 0]]);
		// Three tries: 1 to 4, then 4, then 4 to 6.
		expect(juhe.simulator.counts).toMatchObject({ requests: 8, billed: 6 });
		expect([...juhe.simulator.counts.lookups.values()]).toEqual(numbers.map(() => 1));
		expect(JSON.stringify(run.data.executionData?.contextData)).toBe('{"node:Juhe":{}}');
	});

	test('goes on after an account code, where the account works again', async () => {
		juhe.simulator.script({ mobile: bad, times: 1, fault: { kind: 'code', code: 10012 } });
		const { outputs, error } = await juhe.run(phones(...numbers), {
			...retry(),
			...withOptions({ concurrency: 1 }),
		});
		expect(error).toBeUndefined();
		expect(outputs[0]).toHaveLength(6);
		expect(juhe.simulator.counts).toMatchObject({ requests: 7, billed: 6 });
	});

	test('keeps what was paid in the failed execution, without a number, for a retry by hand', async () => {
		juhe.simulator.script({ mobile: bad, fault: { kind: 'code', code: 224919 } });
		const { run } = await juhe.run(phones(...numbers), withOptions({ concurrency: 1 }));
		const kept = JSON.stringify(run.data.executionData?.contextData);
		expect(Object.keys(JSON.parse(kept)['node:Juhe'].juhe.answers)).toHaveLength(3);
		for (const number of numbers) expect(kept).not.toContain(number);
	});

	test.each([CONTINUE, ERROR_OUTPUT])(
		'with Continue ($node.onError) is run again only for its first row, and pays nothing twice',
		async ({ node }) => {
			juhe.simulator.script({ mobile: numbers[0]!, fault: { kind: 'code', code: 224919 } });
			const { outputs, run } = await juhe.run(phones(...numbers), retry({ ...node, maxTries: 4 }));
			expect(outputs.flat()).toHaveLength(6);
			expect(juhe.simulator.counts).toMatchObject({ requests: 5 + 4, billed: 5 });
			expect(JSON.stringify(run.data.executionData?.contextData)).toBe('{"node:Juhe":{}}');
		},
	);

	test('an answer lost in an earlier try stays uncertain', async () => {
		juhe.simulator.script({ mobile: bad, times: 1, fault: { kind: 'resetBefore' } });
		const { outputs } = await juhe.run(phones(bad), { ...retry(), ...withOptions({ retries: 0 }) });
		expect(statusOf(outputs[0]![0]!)).toMatchObject({ billable: 'uncertain', attempts: 1 });
	});

	test.each([
		['connectionLost', { kind: 'resetBefore' }],
		['timeout', { kind: 'hang' }],
		['notJuhe', { kind: 'notJson' }],
	] as const)(
		'does not send again what was lost (%s) where that is not wanted',
		async (code, fault) => {
			const options = { concurrency: 1, resendUncertain: false, timeout: 300 };
			juhe.simulator.script({ mobile: bad, times: 1, fault });
			const stopped = await juhe.run(phones(...numbers), { ...retry(), ...withOptions(options) });
			expect(stopped.error).toMatchObject({
				message: `Juhe ${code}: An earlier try lost the answer to this number. It was not sent again.`,
				description: expect.stringMatching(/may have been billed.*Resend After Lost Answer/),
				context: { itemIndex: 3 },
			});
			// As in the first try, nothing is sent that would be paid for a run that fails.
			expect(juhe.simulator.counts.requests).toBe(4);

			juhe.simulator.reset();
			juhe.simulator.script({ mobile: numbers[0]!, times: 1, fault });
			juhe.simulator.script({ mobile: bad, times: 1, fault: { kind: 'code', code: 224919 } });
			const { outputs } = await juhe.run(phones(...numbers, numbers[0]), {
				...retry(CONTINUE.node),
				...withOptions(options),
			});
			// The one that failed for sure is sent again.
			expect(juhe.simulator.counts.requests).toBe(6 + 1);
			expect(outputs[0]!.map(detailsOf)).toEqual([
				expect.objectContaining({ code, attempts: 1, billable: 'uncertain' }),
				...Array.from({ length: 5 }),
				expect.objectContaining({ code, attempts: 0, billable: 'no' }),
			]);
		},
	);

	test('counts numbers against Max Queries per Run once, over all tries', async () => {
		juhe.simulator.script({ mobile: bad, times: 1, fault: { kind: 'code', code: 224919 } });
		const { outputs, error } = await juhe.run(phones(...numbers.slice(0, 4)), {
			...retry(),
			...withOptions({ concurrency: 1, maxQueries: 4 }),
		});
		expect(error).toBeUndefined();
		expect(outputs[0]).toHaveLength(4);

		juhe.simulator.reset();
		await juhe.run(phones(...numbers), { ...retry(), ...withOptions({ maxQueries: 2 }) });
		expect(juhe.simulator.counts.billed).toBe(2);

		// Three answered and one in vain; later that one answered, and another in vain.
		for (const inVain of [numbers.slice(3, 4), numbers.slice(2, 4)]) {
			juhe.simulator.reset();
			for (const mobile of inVain) {
				juhe.simulator.script({ mobile, times: 1, fault: { kind: 'code', code: 224919 } });
			}
			const capped = await juhe.run(phones(...numbers), {
				...retry(),
				...withOptions({ concurrency: 1, maxQueries: 5 }),
			});
			expect(capped.error).toMatchObject({ context: { itemIndex: 5 } });
			expect(juhe.simulator.counts.billed).toBe(5);
		}
	});

	test('delivers a change that an earlier try of the same execution had already found', async () => {
		const workflow = productionRuns(juhe.run);
		juhe.simulator.script({ mobile: numbers[0]!, times: 1, fault: { kind: 'code', code: 224919 } });
		const { outputs } = await workflow.run(phones(...numbers), {
			...retry(CONTINUE.node),
			...withOptions({ onlyChanges: true }),
		});
		expect(outputs[0]!.map(({ json }) => json.previousRoute)).toEqual(numbers.map(() => null));
	});

	test('in a loop begins anew with each turn', async () => {
		// Two nodes of ours cannot stand for a loop; running the node twice in one execution can.
		const node = (name: string, type: string, more: object = {}) => ({
			id: name,
			name,
			type,
			typeVersion: 1,
			position: [0, 0],
			parameters: {},
			...more,
		});
		const file = {
			nodes: [
				node('Start', 'n8n-nodes-base.manualTrigger'),
				node('A', 'n8n-nodes-base.noOp'),
				node('B', 'n8n-nodes-base.noOp'),
				node('Juhe', JUHE_NODE, {
					parameters: { mobile: '={{ $json.phone }}', options: { maxQueries: 1 } },
					credentials: { juheApi: { id: '1', name: 'c' } },
				}),
			],
			connections: {
				Start: {
					main: [
						[
							{ node: 'A', type: 'main', index: 0 },
							{ node: 'B', type: 'main', index: 0 },
						],
					],
				},
				A: { main: [[{ node: 'Juhe', type: 'main', index: 0 }]] },
				B: { main: [[{ node: 'Juhe', type: 'main', index: 0 }]] },
			},
			settings: { executionOrder: 'v1' },
		} as unknown as WorkflowFile;
		const rows = phones(numbers[0]).map((json) => ({ json }));
		const { run } = await runWorkflow(file, {
			credential: juhe.simulator.credential,
			pinData: { A: rows, B: rows },
		});
		expect(run.data.resultData.runData.Juhe).toHaveLength(2);
		expect(run.status).toBe('success');
		expect(juhe.simulator.counts.billed).toBe(2);
	});
});

test("an agent's tool pays a number once an execution, and tells the model nothing but the answer", async () => {
	const type = `${JUHE_NODE}Tool`;
	const tool = new JuheMobileStatus();
	tool.description = { ...tool.description, name: `${tool.description.name}Tool` };
	const node = (name: string, nodeType: string, more: object = {}) => ({
		id: name,
		name,
		type: nodeType,
		typeVersion: 1,
		position: [0, 0],
		parameters: {},
		...more,
	});
	const calls = ['A', 'B', 'C', 'D', 'E'];
	const to = (name: string) => ({ main: [[{ node: name, type: 'main', index: 0 }]] });
	const file = {
		nodes: [
			node('Start', 'n8n-nodes-base.manualTrigger'),
			...calls.map((name, place) => ({
				...node(name, 'n8n-nodes-base.noOp'),
				position: [0, place * 100],
			})),
			node('Juhe', type, {
				parameters: {
					mobile: '={{ $json.mobile }}',
					splitOutputs: true,
					options: { maxQueries: 2, onlyChanges: true },
				},
				credentials: { juheApi: { id: '1', name: 'c' } },
				onError: 'continueRegularOutput',
			}),
		],
		connections: {
			Start: { main: [calls.map((name) => ({ node: name, type: 'main', index: 0 }))] },
			...Object.fromEntries(calls.map((name) => [name, to('Juhe')])),
		},
		settings: { executionOrder: 'v1' },
	} as unknown as WorkflowFile;
	const call = (mobile: string) => [{ json: { mobile, cookie: 'of the agent', toolCallId: '1' } }];
	const { run } = await runWorkflow(file, {
		credential: juhe.simulator.credential,
		nodeTypes: { [type]: tool },
		pinData: {
			A: call('13800138007'),
			B: call('13800138007'),
			C: call('12345'),
			D: call('13800138000'),
			E: call('13800138007'),
		},
	});
	const answers = run.data.resultData.runData.Juhe!.map(({ data }) => data?.main);
	expect(answers.map((outputs) => outputs?.length)).toEqual([1, 1, 1, 1, 1]);
	expect(answers.map((outputs) => outputs?.[0]?.[0]?.json)).toEqual([
		{ route: 'notOnNetwork', mobileStatus: expect.objectContaining({ source: 'query' }) },
		{
			route: 'notOnNetwork',
			mobileStatus: expect.objectContaining({ source: 'duplicate', billable: 'no' }),
		},
		{ error: 'Mobile Number has 5 digits instead of 11', details: expect.any(Object) },
		{ route: 'normal', mobileStatus: expect.objectContaining({ source: 'query' }) },
		{
			route: 'notOnNetwork',
			mobileStatus: expect.objectContaining({ source: 'duplicate', billable: 'no' }),
		},
	]);
	expect(juhe.simulator.counts).toMatchObject({ requests: 2, billed: 2 });
});

describe('Max Queries per Run', () => {
	test('sends no more numbers than it says; tries of one number count once', async () => {
		const numbers = distinctNumbers(5);
		juhe.simulator.script({ mobile: numbers[0]!, times: 1, fault: { kind: 'code', code: 224915 } });
		const { outputs } = await juhe.run(phones(...numbers, numbers[0], numbers[4]), {
			...CONTINUE,
			...withOptions({ maxQueries: 3 }),
		});
		expect(outputs[0]!.map(({ json }) => json.route)).toEqual([
			'normal',
			'normal',
			'normal',
			undefined,
			undefined,
			'normal',
			undefined,
		]);
		expect(outputs[0]![3]!.json).toMatchObject({
			error: expect.stringContaining('Max Queries per Run (3)'),
			details: {
				code: 'overCap',
				attempts: 0,
				billable: 'no',
				remedy: expect.stringContaining('Max Queries per Run'),
			},
		});
		expect(juhe.simulator.counts.lookups.size).toBe(3);
	});

	test('is not to blame for a run that a bad cell ends before anything is sent', async () => {
		const { error } = await juhe.run(
			phones('13800138000', '13800138001', 'x'),
			withOptions({ maxQueries: 1 }),
		);
		expect(error).toMatchObject({ context: { itemIndex: 2 } });
		expect(juhe.simulator.counts.requests).toBe(0);
	});

	test('on Stop fails after the paid rows are remembered, so that later executions get on', async () => {
		const workflow = productionRuns(juhe.run);
		const numbers = distinctNumbers(5);
		const go = () =>
			workflow.run(phones(...numbers), withOptions({ maxQueries: 2, reuseHours: 1 }));

		for (const billed of [2, 4]) {
			const { error } = await go();
			expect(error).toMatchObject({
				name: 'NodeOperationError',
				message: expect.stringContaining('Max Queries per Run (2)'),
			});
			expect(juhe.simulator.counts.billed).toBe(billed);
		}
		const { error, outputs } = await go();
		expect(error).toBeUndefined();
		expect(outputs[0]!.map((item) => statusOf(item).source)).toEqual([
			'reused',
			'reused',
			'reused',
			'reused',
			'query',
		]);
		expect(juhe.simulator.counts.billed).toBe(5);
	});
});

describe('Dry Run', () => {
	const rows = phones(
		'13800138000',
		'138 0013 8000',
		'12345',
		'13800138007',
		'13800138008',
		'+86 13800138007',
		'+86 13800138008',
	);

	test('says of each row what would happen, and sends nothing', async () => {
		const workflow = productionRuns(juhe.run);
		await workflow.run(phones('13800138007', '13800138005'), withOptions({ reuseHours: 1 }));
		juhe.simulator.reset();
		const before = structuredClone(workflow.staticData);
		const { outputs } = await workflow.run(rows, {
			...CONTINUE,
			...withOptions({ dryRun: true, maxQueries: 1, reuseHours: 1, maskNumber: true }),
		});

		expect(outputs[0]!.map(({ json }) => json.route)).toEqual([
			'billable',
			'duplicate',
			undefined,
			'reusable',
			'overCap',
			'reusable',
			'overCap',
		]);
		expect(outputs[0]![0]!.json.mobileStatus).toEqual({
			mobile: '138****8000',
			label: 'Would be queried and billed',
			operation: 'plain',
			billable: 'no',
			attempts: 0,
		});
		expect(detailsOf(outputs[0]![2]!)).toMatchObject({ code: 'invalidNumber' });
		expect(juhe.simulator.counts.requests).toBe(0);
		expect(workflow.staticData).toEqual(before);
	});

	test('an invalid number stops it where errors stop', async () => {
		const { error } = await juhe.run(rows, withOptions({ dryRun: true }));
		expect(error).toMatchObject({ name: 'NodeOperationError', context: { itemIndex: 2 } });
	});

	test('needs no secret, and no credential at all, but looks at the shape of a key', async () => {
		const good = phones('13800138000');
		for (const operation of ['plain', 'aes']) {
			const { outputs } = await juhe.run(good, {
				...withOptions({ dryRun: true }, { operation }),
				credential: { apiKey: '', openid: '' },
			});
			expect(outputs[0]![0]!.json.route).toBe('billable');
		}
		for (const credentials of [{}, undefined]) {
			const without = await juhe.run(good, {
				...withOptions({ dryRun: true }),
				node: { credentials },
			});
			expect(without.outputs[0]![0]!.json.route).toBe('billable');
		}

		for (const credential of [{ rsaPublicKey: 'garbage' }, { baseUrl: 'ftp://x' }] as Array<
			Record<string, string>
		>) {
			const { error } = await juhe.run(good, {
				...withOptions({ dryRun: true }, { operation: 'rsa' }),
				credential,
			});
			expect(error).toMatchObject({ name: 'NodeOperationError' });
		}
	});

	test('with Split Into Outputs puts all rows on Other; with Only Changed lets all rows out', async () => {
		const { outputs } = await juhe.run(phones('13800138000', '13800138007'), {
			...withOptions({ dryRun: true, onlyChanges: true }, { splitOutputs: true }),
		});
		expect(outputs.map((output) => output.length)).toEqual([0, 0, 0, 0, 0, 2]);
		expect(outputs[5]![0]!.json).not.toHaveProperty('previousRoute');
	});
});

describe('Reuse Results', () => {
	const numbers = ['13800138000', '13800138005', '13800138007'];

	test('pays for a number once in so many hours, and says when it was checked', async () => {
		const workflow = productionRuns(juhe.run);
		const start = Date.parse('2026-11-24T08:00:00Z');
		setClock(start);
		const first = await workflow.run(
			phones(...numbers),
			withOptions({ reuseHours: 2 }, { operation: 'aes' }),
		);
		const reusedAt = async (now: number) => {
			setClock(now);
			const { outputs } = await workflow.run(
				phones(...numbers, '+86 138-0013-8000'),
				withOptions({ reuseHours: 2 }, { operation: 'aes' }),
			);
			return outputs[0]!;
		};

		const again = await reusedAt(start + 2 * HOUR - 1);
		expect(juhe.simulator.counts.requests).toBe(3);
		expect(again.slice(0, 3).map(({ json }) => json)).toEqual(
			first.outputs[0]!.map(({ json }) => ({
				...json,
				mobileStatus: {
					...(json.mobileStatus as object),
					source: 'reused',
					billable: 'no',
					attempts: 0,
				},
			})),
		);
		expect(statusOf(again[3]!)).toMatchObject({
			source: 'reused',
			checkedAt: '2026-11-24T08:00:00.000Z',
		});

		const later = await reusedAt(start + 2 * HOUR);
		expect(later.map((item) => statusOf(item).source)).toEqual([
			'query',
			'query',
			'query',
			'duplicate',
		]);
		expect(juhe.simulator.counts.billed).toBe(6);
	});

	test('takes nothing from the future, where a clock was set back', async () => {
		const workflow = productionRuns(juhe.run);
		setClock(Date.parse('2026-11-24T08:00:00Z'));
		await workflow.run(phones(...numbers), withOptions({ reuseHours: 1 }));
		setClock(Date.parse('2026-11-24T07:59:00Z'));
		await workflow.run(phones(...numbers), withOptions({ reuseHours: 1 }));
		expect(juhe.simulator.counts.billed).toBe(6);
	});

	test('says reused in the further tries of an execution too', async () => {
		const workflow = productionRuns(juhe.run);
		await workflow.run(phones(numbers[0]), withOptions({ reuseHours: 1 }));
		juhe.simulator.script({ mobile: numbers[1]!, times: 1, fault: { kind: 'code', code: 224919 } });
		const { outputs } = await workflow.run(phones(...numbers), {
			...withOptions({ reuseHours: 1 }),
			node: { retryOnFail: true, waitBetweenTries: 1 },
		});
		expect(outputs[0]!.map((item) => statusOf(item).source)).toEqual(['reused', 'query', 'query']);
	});

	test('never reuses an error, nor No Record', async () => {
		const workflow = productionRuns(juhe.run);
		juhe.simulator.script({ mobile: numbers[0]!, times: 1, fault: { kind: 'code', code: 224919 } });
		juhe.simulator.script({ mobile: numbers[1]!, times: 1, fault: { kind: 'code', code: 224922 } });
		await workflow.run(phones(...numbers), {
			...CONTINUE,
			...withOptions({ reuseHours: 1, noRecord: 'route' }),
		});
		const { outputs } = await workflow.run(phones(...numbers), withOptions({ reuseHours: 1 }));
		expect(outputs[0]!.map((item) => statusOf(item).source)).toEqual(['query', 'query', 'reused']);
	});

	test('what an execution paid that failed is reused by the next one', async () => {
		const workflow = productionRuns(juhe.run);
		juhe.simulator.script({ mobile: numbers[2]!, times: 1, fault: { kind: 'code', code: 10012 } });
		const { error } = await workflow.run(
			phones(...numbers),
			withOptions({ reuseHours: 1, concurrency: 1 }),
		);
		expect(error).toBeDefined();
		const { outputs } = await workflow.run(phones(...numbers), withOptions({ reuseHours: 1 }));
		expect(outputs[0]!.map((item) => statusOf(item).source)).toEqual(['reused', 'reused', 'query']);
	});

	test('what a cancelled execution paid is reused by the next one', async () => {
		const workflow = productionRuns(juhe.run);
		juhe.simulator.script({ mobile: numbers[2]!, fault: { kind: 'code', code: 224915 } });
		let cancel = () => {};
		const finished = workflow.run(phones(...numbers), {
			...withOptions({ reuseHours: 1, retries: 5, concurrency: 1 }),
			onStart: (stop) => (cancel = stop),
		});
		while (juhe.simulator.counts.requests < 3)
			await new Promise((resolve) => setTimeout(resolve, 10));
		cancel();
		expect((await finished).run.status).toBe('canceled');
		juhe.simulator.reset();
		const { outputs } = await workflow.run(phones(...numbers), withOptions({ reuseHours: 1 }));
		expect(outputs[0]!.map((item) => statusOf(item).source)).toEqual(['reused', 'reused', 'query']);
	});

	test('another key or another base URL finds nothing', async () => {
		const workflow = productionRuns(juhe.run);
		await workflow.run(phones(...numbers), withOptions({ reuseHours: 1 }));
		juhe.simulator.key = 'another-key-0123456789';
		const { outputs } = await workflow.run(phones(...numbers), withOptions({ reuseHours: 1 }));
		expect(outputs[0]!.map((item) => statusOf(item).source)).toEqual(['query', 'query', 'query']);

		const elsewhere = juhe.simulator.url.replace('127.0.0.1', 'localhost');
		const other = await workflow.run(phones(...numbers), {
			...CONTINUE,
			...withOptions({ reuseHours: 1 }),
			credential: { baseUrl: elsewhere },
		});
		expect(
			other.outputs[0]!.filter(
				(item) => item.json.mobileStatus && statusOf(item).source === 'reused',
			),
		).toEqual([]);
	});

	test('the store holds no number, no secret and no row', async () => {
		const workflow = productionRuns(juhe.run);
		await workflow.run(
			[{ phone: numbers[0], name: 'Nobody Else' }],
			withOptions({ reuseHours: 1, onlyChanges: true }, { operation: 'aes' }),
		);
		const saved = JSON.stringify(workflow.staticData);
		expect(saved).toContain('normal');
		const sent = new URLSearchParams(juhe.simulator.received[0]!.body).get('mobile')!;
		for (const secret of [
			numbers[0]!,
			'0013800',
			'Nobody',
			juhe.simulator.key,
			juhe.simulator.openid,
			sent,
		]) {
			expect(saved).not.toContain(secret);
		}
	});

	test.each([
		['text', 'garbage'],
		['another format', JSON.stringify({ version: 99, numbers: [] })],
		['a number', 7],
		['entries of another shape', JSON.stringify({ version: 1, numbers: [['a', 'b', 'c', 'd']] })],
		['entries that are none', JSON.stringify({ version: 1, numbers: [null] })],
		['no list', JSON.stringify({ version: 1, numbers: {} })],
		['an object', { version: 1, numbers: [] }],
	])('a store that holds %s is ignored with a warning, and rebuilt', async (_, juheData) => {
		const workflow = productionRuns(juhe.run);
		workflow.staticData = { 'node:Juhe': { juhe: juheData } };
		const { outputs, run } = await workflow.run(phones(...numbers), withOptions({ reuseHours: 1 }));
		expect(outputs[0]).toHaveLength(3);
		expect(JSON.stringify(run.data.resultData.runData.Juhe![0]!.hints)).toContain('cannot be read');

		const again = await workflow.run(phones(...numbers), withOptions({ reuseHours: 1 }));
		expect(again.outputs[0]!.map((item) => statusOf(item).source)).toEqual([
			'reused',
			'reused',
			'reused',
		]);
		// In production it has nothing else to tell than what came of the rows.
		expect(again.run.data.resultData.runData.Juhe![0]!.hints).toHaveLength(1);
	});

	test.each([
		['a hash that is none', 0, 7],
		['no time', 1, 'soon'],
		['a route that is none', 2, 7],
		['no fields', 3, 'abcdef'],
		['a field too few', 3, ['上海市', '上海市', '移动', '0', '正常']],
	])('a store is not half believed: one entry with %s spoils it', async (_, place, value) => {
		const workflow = productionRuns(juhe.run);
		const options = withOptions({ reuseHours: 1, onlyChanges: true });
		await workflow.run(phones(...numbers), options);
		const kept = JSON.parse(storeOf(workflow.staticData));
		expect(kept.numbers[1][0]).toHaveLength(16);
		kept.numbers[1][place] = value;
		workflow.staticData = { 'node:Juhe': { juhe: JSON.stringify(kept) } };
		const { run } = await workflow.run(phones(...numbers), options);
		expect(JSON.stringify(run.data.resultData.runData.Juhe![0]!.hints)).toContain('cannot be read');
		expect(juhe.simulator.counts.billed).toBe(6);
	});

	test.each([['text'], [[1, 2]], [7], [null]])(
		'static data that is %j itself does no harm',
		async (data) => {
			const { outputs, run } = await juhe.run(phones(...numbers), {
				mode: 'trigger',
				staticData: { 'node:Juhe': data } as never,
				...withOptions({ reuseHours: 1, onlyChanges: true }),
			});
			expect(outputs[0]).toHaveLength(3);
			expect(JSON.stringify(run.data.resultData.runData.Juhe![0]!.hints)).toContain('no place');
		},
	);

	test('a manual run says that it is forgotten', async () => {
		const { run } = await juhe.run(phones(...numbers), {
			mode: 'manual',
			...withOptions({ reuseHours: 1 }),
		});
		expect(run.data.resultData.runData.Juhe![0]!.hints).toEqual([
			{ message: expect.stringMatching(/^3 rows/), type: 'info', location: 'outputPane' },
			{
				message: expect.stringContaining('this manual run is forgotten'),
				type: 'warning',
				location: 'outputPane',
			},
		]);
	});

	test('without it, and without Only Changed, nothing is kept', async () => {
		const { staticData } = await juhe.run(phones(...numbers), { mode: 'trigger' });
		expect(storeOf(staticData)).toBe('');
	});

	test('keeps 20,000 numbers, lets the oldest go first, and costs little room', async () => {
		const workflow = productionRuns(juhe.run);
		const go = (...list: string[]) =>
			workflow.run(
				phones(...list),
				withOptions({ reuseHours: 1, onlyChanges: true, concurrency: 50 }, { operation: 'aes' }),
			);
		const many = distinctNumbers(100);
		await go(...many.slice(0, 50));
		// As if 19,950 others had been asked for since.
		const kept = JSON.parse(storeOf(workflow.staticData));
		const entry = kept.numbers[0] as unknown[];
		const others = Array.from({ length: 19_950 }, (_, index) => [
			String(index).padStart(16, '_'),
			...entry.slice(1),
		]);
		workflow.staticData = {
			'node:Juhe': { juhe: JSON.stringify({ ...kept, numbers: [...kept.numbers, ...others] }) },
		};
		// Asked for again, the first is the newest now.
		await go(many[0]!);
		await go(...many.slice(50, 90));
		expect(JSON.parse(storeOf(workflow.staticData)).numbers).toHaveLength(20_000);
		expect(Buffer.byteLength(JSON.stringify(workflow.staticData))).toBeLessThan(5_000_000);

		juhe.simulator.reset();
		const { outputs } = await go(many[0]!, many[1]!, many[40]!, many[41]!, many[50]!, many[89]!);
		expect(juhe.simulator.counts.billed).toBe(2);
		expect(outputs[0]!.map(({ json }) => [json.phone, json.previousRoute])).toEqual([
			[many[1], null],
			[many[40], null],
		]);
	});

	test('what is too old is swept out', async () => {
		const workflow = productionRuns(juhe.run);
		setClock(Date.parse('2026-11-24T08:00:00Z'));
		await workflow.run(phones(...numbers), withOptions({ reuseHours: 1 }));
		setClock(Date.parse('2026-11-24T10:00:00Z'));
		await workflow.run(phones('13900139000'), withOptions({ reuseHours: 1 }));
		expect(JSON.parse(storeOf(workflow.staticData)).numbers).toHaveLength(1);
	});

	test('two executions that overlap cost at worst a number asked again', async () => {
		const workflow = productionRuns(juhe.run);
		await Promise.all([
			workflow.run(phones(numbers[0]), withOptions({ reuseHours: 1 })),
			workflow.run(phones(numbers[1]), withOptions({ reuseHours: 1 })),
		]);
		const { outputs } = await workflow.run(phones(...numbers), withOptions({ reuseHours: 1 }));
		expect(outputs[0]!.map(({ json }) => json.route)).toEqual([
			'normal',
			'suspended',
			'notOnNetwork',
		]);
		expect(juhe.simulator.counts.billed).toBeLessThanOrEqual(5);
	});
});

describe('Only Changed', () => {
	const numbers = ['13800138000', '13800138001', '13800138002', '13800138003'];
	const changed = (outputs: Awaited<ReturnType<typeof juhe.run>>['outputs']) =>
		outputs.flat().map(({ json }) => [json.phone, json.previousRoute, json.route]);

	test('lets all rows out the first time, then the changed ones with their previous route', async () => {
		const workflow = productionRuns(juhe.run);
		const go = () =>
			workflow.run(phones(...numbers, '+86 13800138001'), withOptions({ onlyChanges: true }));
		expect(changed((await go()).outputs)).toEqual(
			[...numbers, '+86 13800138001'].map((phone) => [phone, null, 'normal']),
		);
		expect((await go()).outputs).toEqual([[]]);

		juhe.simulator.script({ mobile: numbers[1]!, fault: { kind: 'state', state: '3' } });
		const { outputs } = await go();
		expect(changed(outputs)).toEqual([
			[numbers[1], 'normal', 'notOnNetwork'],
			['+86 13800138001', 'normal', 'notOnNetwork'],
		]);
		expect(outputs[0]!.map(rowOf)).toEqual([1, 4]);
		expect(statusOf(outputs[0]![0]!)).toMatchObject({ previousRoute: 'normal', source: 'query' });
		expect((await go()).outputs).toEqual([[]]);

		juhe.simulator.reset();
		expect(changed((await go()).outputs)).toEqual([
			[numbers[1], 'notOnNetwork', 'normal'],
			['+86 13800138001', 'notOnNetwork', 'normal'],
		]);
	});

	test('a row that errors comes out as an error, is no change and loses no history', async () => {
		const workflow = productionRuns(juhe.run);
		const go = () =>
			workflow.run(phones(...numbers), { ...ERROR_OUTPUT, ...withOptions({ onlyChanges: true }) });
		await go();
		juhe.simulator.script({ mobile: numbers[2]!, times: 1, fault: { kind: 'code', code: 224919 } });
		const { outputs } = await go();
		expect(outputs[0]).toEqual([]);
		expect(outputs[1]!.map(rowOf)).toEqual([2]);
		expect(changed((await go()).outputs)).toEqual([]);
	});

	test('where the first row fails and nothing is tried again, the others are told once', async () => {
		const workflow = productionRuns(juhe.run);
		juhe.simulator.script({ mobile: numbers[0]!, fault: { kind: 'code', code: 224919 } });
		const go = () =>
			workflow.run(phones(...numbers), { ...CONTINUE, ...withOptions({ onlyChanges: true }) });
		expect((await go()).outputs[0]!.map(rowOf)).toEqual([0, 1, 2, 3]);
		expect((await go()).outputs[0]!.map(rowOf)).toEqual([0]);
	});

	test('a change found by an execution that failed comes out of the next one', async () => {
		const workflow = productionRuns(juhe.run);
		const go = () =>
			workflow.run(
				phones(...numbers),
				withOptions({ onlyChanges: true, reuseHours: 1, concurrency: 1 }),
			);
		await workflow.run(phones(...numbers), withOptions({ onlyChanges: true }));
		setClock(Date.now() + 2 * HOUR);
		juhe.simulator.script({ mobile: numbers[0]!, fault: { kind: 'state', state: '4' } });
		juhe.simulator.script({ mobile: numbers[3]!, times: 1, fault: { kind: 'code', code: 224919 } });
		expect((await go()).error).toBeDefined();
		const { outputs } = await go();
		expect(changed(outputs)).toEqual([[numbers[0], 'normal', 'preCancelled']]);
		expect(statusOf(outputs[0]![0]!).source).toBe('reused');
	});

	test('a change found by a cancelled execution comes out of the next one', async () => {
		const workflow = productionRuns(juhe.run);
		const options = withOptions({ onlyChanges: true, retries: 5, concurrency: 1 });
		await workflow.run(phones(...numbers), options);
		juhe.simulator.reset();
		juhe.simulator.script({ mobile: numbers[0]!, fault: { kind: 'state', state: '4' } });
		juhe.simulator.script({ mobile: numbers[1]!, times: 1, fault: { kind: 'code', code: 224915 } });
		let cancel = () => {};
		const finished = workflow.run(phones(...numbers), {
			...options,
			onStart: (stop) => (cancel = stop),
		});
		while (juhe.simulator.counts.requests < 2)
			await new Promise((resolve) => setTimeout(resolve, 10));
		cancel();
		await finished;
		const { outputs } = await workflow.run(phones(...numbers), options);
		expect(changed(outputs)).toEqual([[numbers[0], 'normal', 'preCancelled']]);
	});

	test('history does not expire with Reuse Results', async () => {
		const workflow = productionRuns(juhe.run);
		setClock(Date.parse('2026-11-24T08:00:00Z'));
		await workflow.run(phones(...numbers), withOptions({ onlyChanges: true, reuseHours: 1 }));
		setClock(Date.parse('2027-11-24T08:00:00Z'));
		const { outputs } = await workflow.run(
			phones(...numbers),
			withOptions({ onlyChanges: true, reuseHours: 1 }),
		);
		expect(outputs).toEqual([[]]);
		expect(juhe.simulator.counts.billed).toBe(8);
	});

	test.each([[undefined], [null], [false]])(
		'goes with Retry On Fail, where a row has a column error that says %j',
		async (error) => {
			const workflow = productionRuns(juhe.run);
			const go = () =>
				workflow.run([{ phone: numbers[0]!, error }, { phone: numbers[1]! }], {
					node: { retryOnFail: true, waitBetweenTries: 1 },
					...withOptions({ onlyChanges: true }),
				});
			expect((await go()).outputs[0]).toHaveLength(2);
			expect((await go()).outputs[0]).toEqual([]);
			expect(juhe.simulator.counts.requests).toBe(4);
		},
	);

	test('with outputs split keeps rows to their outputs', async () => {
		const workflow = productionRuns(juhe.run);
		const go = () =>
			workflow.run(phones(...numbers), withOptions({ onlyChanges: true }, { splitOutputs: true }));
		expect((await go()).outputs.map((output) => output.length)).toEqual([4, 0, 0, 0, 0, 0]);
		juhe.simulator.script({ mobile: numbers[1]!, fault: { kind: 'state', state: '1' } });
		expect((await go()).outputs.map((output) => output.length)).toEqual([0, 1, 0, 0, 0, 0]);
	});
});

describe('the summary', () => {
	const hintOf = ({ run }: Awaited<ReturnType<typeof juhe.run>>) =>
		run.data.resultData.runData.Juhe![0]!.hints?.[0]?.message;

	test('counts what came of the rows, without a number', async () => {
		const rows = phones('13800138000', '13800138005', '13800138007', '13800138007', '12345');
		expect(hintOf(await juhe.run(rows, CONTINUE))).toBe(
			'5 rows: 3 queried, 1 duplicate, 0 reused, 1 error. 2 to remove, 1 to recheck.',
		);
		expect(hintOf(await juhe.run(rows, { ...CONTINUE, ...withOptions({ dryRun: true }) }))).toBe(
			'5 rows: 3 billable, 1 duplicate, 0 reusable, 0 over the cap, 1 error. Nothing was sent.',
		);
		expect(hintOf(await juhe.run(rows.slice(0, 1)))).toBe(
			'1 row: 1 queried, 0 duplicates, 0 reused, 0 errors. 0 to remove, 0 to recheck.',
		);
	});

	test('counts what earlier executions have paid, and what is past the cap', async () => {
		const workflow = productionRuns(juhe.run);
		await workflow.run(phones('13800138000', '13800138007'), withOptions({ reuseHours: 1 }));
		const rows = phones('13800138000', '13800138007', '13800138001', '13800138002');
		const options = { reuseHours: 1, maxQueries: 1 };
		const dry = { ...options, dryRun: true };
		expect(hintOf(await workflow.run(rows, withOptions(dry)))).toBe(
			'4 rows: 1 billable, 0 duplicates, 2 reusable, 1 over the cap, 0 errors. Nothing was sent.',
		);
		expect(hintOf(await workflow.run(rows, { ...CONTINUE, ...withOptions(options) }))).toBe(
			'4 rows: 1 queried, 0 duplicates, 2 reused, 1 error. 1 to remove, 0 to recheck.',
		);
	});
});
