/** One call of the node in n8n's workflows: what comes out, on which output, and what is left of it in n8n. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IDataObject, INodeParameters, OnError } from 'n8n-workflow';

import { DETAILS } from '../../nodes/JuheMobileStatus/list/outcome';
import fieldCases from '../field-cases/numbers.json';
import { secretsIn } from '../secrets';
import { ownIt } from './ownIt';
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
	wired,
	workflowOf,
	type World,
} from './world';

let world: World;
beforeAll(async () => (world = await startWorld({ N8N_LOG_LEVEL: 'debug' })));
beforeEach(() => world.simulator.reset());
afterAll(() => world.stop());

/** How often each number was paid, in the order of its first query. */
const lookups = () => Object.fromEntries(world.simulator.counts.lookups);
const codeOf = ({ details, details_code }: IDataObject) =>
	details_code ?? (details as IDataObject | undefined)?.code;

describe('a list goes in and comes out sorted', () => {
	const rows = [
		{ name: 'first', phone: '13800138000' },
		{ name: 'written otherwise', phone: '+86 138-0013-8000' },
		{ name: 'as a number', phone: 13800138005 },
		{ name: 'gone', phone: '13800138007' },
		{ name: 'about to go', phone: '１３８００１３８００９' },
	];
	const mobiles = ['13800138000', '13800138000', '13800138005', '13800138007', '13800138009'];
	const expected = rows.map((row, item) => ({
		json: { ...row, route: routeOf(mobiles[item]!), mobileStatus_mobile: mobiles[item] },
		pairedItem: { item },
	}));
	const counts = { rows: 5, queried: 4, duplicates: 1, errors: 0, billable: 4 };

	it.each(['plain', 'aes', 'rsa'])(
		'by a webhook, %s, on an output per route',
		async (operation) => {
			const parameters = { operation, splitOutputs: true, summaryOutput: true };
			const execution = await runByWebhook(world, workflowOf(operation, [], parameters), rows);
			expect(execution.status).toBe('success');
			const [first, second, third, fourth, fifth] = expected;
			expect(lastTry(execution, 'Juhe').outputs).toMatchObject([
				...[[first, second], [third], [], [fourth], [fifth], []],
				[{ json: counts }],
			]);
			expect(Object.values(lookups())).toEqual([1, 1, 1, 1]);
		},
	);

	it('with Always Output Data: no output has a row of another route', async () => {
		const file = workflowOf(
			'always-output-data',
			[],
			{ splitOutputs: true, summaryOutput: true },
			{ alwaysOutputData: true },
		);
		const execution = await runByWebhook(world, file, rows.slice(3, 4));
		expect(execution.status).toBe('success');
		const [normal, ...others] = lastTry(execution, 'Juhe').outputs;
		// n8n 2 puts an empty item on the first output, which n8n 3 does only where all outputs are empty.
		expect(normal!.filter(({ json }) => Object.keys(json).length > 0)).toEqual([]);
		expect(others.map((items) => items.map(({ json }) => json.route ?? json.rows))).toEqual([
			...[[], [], ['notOnNetwork'], [], [], [1]],
		]);
	});

	ownIt('by hand, with a line at the output pane, and by n8n execute', async () => {
		const { credential } = world;
		const n8n = world.own!;
		const id = await n8n.importWorkflow(workflowOf('by-hand', rows), credential);
		await runByHand(n8n, id, 'By Hand');
		await n8n.cli('execute', `--id=${id}`);
		const executions = await n8n.executions(id);
		expect(executions.map(({ mode }) => mode)).toEqual(['cli', 'manual']);
		for (const execution of executions) {
			expect(lastTry(execution, 'Juhe').outputs).toMatchObject([expected]);
			expect(execution.data.resultData.runData.Juhe![0]!.hints).toMatchObject([
				{ message: expect.stringContaining('4 queried, 1 duplicate') as string, type: 'info' },
			]);
		}
		// Nothing is left of an execution for the next one.
		expect(Object.values(lookups())).toEqual([2, 2, 2, 2]);
	});
});

describe('a list with rows that fail', () => {
	const asObject = {
		route: 'notOnNetwork',
		mobileStatus: { mobile: '13800138007', state: '3', checkedAt: '2026-01-01T00:00:00.000Z' },
	};
	const asColumns = {
		route: 'notOnNetwork',
		mobileStatus_mobile: '13800138007',
		mobileStatus_state: '3',
	};
	const details = {
		code: 'timeout',
		resultcode: null,
		reason: null,
		remedy: '',
		attempts: 3,
		billable: 'uncertain',
	};
	const detailsColumns = Object.fromEntries(
		Object.entries(details).map(([name, value]) => [`details_${name}`, value]),
	);
	/** A list of which every row carries what the node wrote into it last time. */
	const rowsWith = (carried: IDataObject, priorDetails: IDataObject = detailsColumns) => {
		const priorError = { error: 'Juhe timeout: No answer.', ...priorDetails };
		return [
			{ name: 'good', phone: '13800138001', ...priorError, ...carried },
			{ name: 'not answered', phone: '13800138002', ...priorError, ...carried },
			{ name: 'no number', phone: 'none', ...carried },
			{ name: 'gone', phone: '13800138005', error: 'of the list', ...carried },
		];
	};
	const unanswered = { mobile: '13800138002', fault: { kind: 'code', code: 224919 } } as const;

	it.each([
		['object', 'continueRegularOutput', false],
		['columns', 'continueRegularOutput', true],
		['object', 'continueErrorOutput', false],
		['columns', 'continueErrorOutput', false],
		['object', 'continueErrorOutput', true],
		['columns', 'continueErrorOutput', true],
	] as Array<[string, OnError, boolean]>)(
		'as %s, %s, all outputs: %s: a failing row is whole, without the result of last time',
		async (resultAs, onError, allOutputs) => {
			world.simulator.script(unanswered);
			const isObject = resultAs === 'object';
			const rows = isObject ? rowsWith(asObject, { details }) : rowsWith(asColumns);
			const isSeparate = onError === 'continueErrorOutput';
			const [regular, last] = allOutputs ? [5, 6] : [0, 0];
			const errors = isSeparate ? last + 1 : regular;
			const file = workflowOf(
				`fails-${resultAs}-${onError}-${allOutputs}`,
				[],
				{ splitOutputs: allOutputs, summaryOutput: allOutputs, options: { resultAs } },
				{ onError },
			);
			// What the next node gets to see, before n8n saves it.
			const fields = 'Object.keys($json).filter((name) => $json[name] !== undefined)';
			file.nodes.push(set('Seen', `={{ { name: $json.name, seen: ${fields}.sort() } }}`));
			file.connections[`Output ${errors}`] = {
				main: [[{ node: 'Seen', type: 'main', index: 0 }]],
			};
			const execution = await runByWebhook(world, file, rows);
			expect(execution.status).toBe('success');
			const { outputs } = lastTry(execution, 'Juhe');
			expect(outputs).toHaveLength(Math.max(last, errors) + 1);
			const failed = outputs[errors]!.filter(({ json }) => codeOf(json) !== undefined);
			expect(
				failed.map(({ json, pairedItem }) => [json.name, json.phone, codeOf(json), pairedItem]),
			).toEqual([
				['not answered', '13800138002', 224919, { item: 1 }],
				['no number', 'none', 'invalidNumber', { item: 2 }],
			]);
			// n8n's error output needs the object.
			const isNested = isObject || isSeparate;
			const added = isNested ? ['details'] : DETAILS.map((name) => `details_${name}`);
			const names = [...added, 'error', 'name', 'phone'].sort();
			expect(failed.map(({ json }) => Object.keys(json).sort())).toEqual([names, names]);
			expect(itemsOf(execution, 'Seen')).toEqual(
				expect.arrayContaining(failed.map(({ json: { name } }) => ({ name, seen: names }))),
			);

			const good = outputs[0]![0]!.json;
			const gone = outputs[allOutputs ? 1 : 0]!.find(({ json }) => json.name === 'gone')!.json;
			expect(good.route).toBe('normal');
			expect(Object.keys(good).filter((name) => /^(error|details)/.test(name))).toEqual([]);
			expect([gone.route, gone.error]).toEqual(['suspended', 'of the list']);
			const summary = [{ json: { rows: 4, queried: 2, errors: 2 } }];
			if (allOutputs) expect(outputs[6]).toMatchObject(summary);
		},
	);

	it('Stop Workflow: the execution says what and which row', async () => {
		world.simulator.script(unanswered);
		const execution = await runByWebhook(world, workflowOf('stop', []), rowsWith({}).slice(0, 2));
		expect(execution.status).toBe('error');
		const { name, message, description, context } = lastTry(execution, 'Juhe').error as never;
		expect({ name, message, description, context }).toMatchObject({
			name: 'NodeApiError',
			message: expect.stringMatching(/^Juhe 224919: /) as string,
			description: expect.stringContaining('查询失败') as string,
			context: { itemIndex: 1 },
		});
	});

	it('a key that the service refuses stops the run before the rest is sent', async () => {
		world.simulator.script({ fault: { kind: 'code', code: 10012, echo: true } });
		const parameters = { summaryOutput: true, options: { concurrency: 1 } };
		const file = workflowOf('fatal', [], parameters, { onError: 'continueErrorOutput' });
		const rows = ['13800138001', '13800138002', '13800138003'].map((phone) => ({ phone }));
		const [checked, summary, failed] = lastTry(
			await runByWebhook(world, file, rows),
			'Juhe',
		).outputs;
		expect(world.simulator.counts.requests).toBe(1);
		expect(checked).toEqual([]);
		expect(failed).toMatchObject([
			{ json: { ...rows[0], details: { code: 10012, attempts: 1 } } },
			{ json: { ...rows[1], details: { code: 10012, attempts: 0, notQueried: true } } },
			{ json: { ...rows[2], details: { code: 10012, attempts: 0, notQueried: true } } },
		]);
		expect(summary).toMatchObject([{ json: { stoppedBy: 10012, errors: 3, notQueried: 2 } }]);
	});

	it('Merge by position: rows stay beside their own', async () => {
		world.simulator.script(unanswered);
		const rows = rowsWith({});
		const merge = { mode: 'combine', combineBy: 'combineByPosition', options: {} };
		const file = behindRows(
			'merge',
			[
				juhe('Juhe', {}, { onError: 'continueRegularOutput' }),
				set('Names', '={{ { expected: $json.name } }}'),
				node('Merge', 'n8n-nodes-base.merge', merge, { typeVersion: 3 }),
			],
			[
				['Rows', 'Juhe'],
				['Rows', 'Names'],
				['Juhe', 'Merge'],
				['Names', 'Merge', { input: 1 }],
			],
		);
		const merged = itemsOf(await runByWebhook(world, file, rows), 'Merge');
		expect(merged.map(({ name, expected, route }) => [name, expected, route])).toEqual(
			['normal', undefined, undefined, 'suspended'].map((route, i) => [
				rows[i]!.name,
				rows[i]!.name,
				route,
			]),
		);
	});

	it('a sub-workflow gives rows back whole and linked; called anew by a retry, it pays anew', async () => {
		const { n8n, credential, simulator } = world;
		simulator.script({ mobile: '13800138002', times: 1, fault: { kind: 'code', code: 10012 } });
		const trigger = { inputSource: 'passthrough' };
		const sub = wired(
			'sub',
			[
				node('Called', 'n8n-nodes-base.executeWorkflowTrigger', trigger, { typeVersion: 1.1 }),
				juhe('Juhe', { options: { concurrency: 1 } }),
			],
			[['Called', 'Juhe']],
		);
		const subId = await n8n.importWorkflow(sub, credential);
		await n8n.activate(subId);
		const workflowId = { __rl: true, mode: 'id', value: subId };
		const call = { workflowId, mode: 'once', options: {} };
		const parent = behindRows(
			'parent',
			[
				node('Call', 'n8n-nodes-base.executeWorkflow', call, { typeVersion: 1.2 }),
				set('Linked', `={{ { ...$json, linked: $('Rows').item.json.name } }}`),
			],
			[
				['Rows', 'Call'],
				['Call', 'Linked'],
			],
		);
		const rows = rowsWith({}).filter(({ phone }) => phone !== 'none');
		const failed = await runByWebhook(world, parent, rows);
		expect(failed.status).toBe('error');
		const linked = itemsOf(await retry(n8n, failed), 'Linked');
		expect(linked).toMatchObject(
			rows.map(({ name, phone }) => ({ name, phone, linked: name, route: routeOf(phone) })),
		);
		expect(lookups()).toEqual({ '13800138001': 2, '13800138002': 1, '13800138005': 1 });
	});
});

it('cancelled while a number hangs, it sends nothing more; retried by hand, it begins anew', async () => {
	const { n8n, simulator, credential } = world;
	const timeout = 1000;
	const rows = ['13800138000', '13800138001', '13800138002'].map((phone) => ({ phone }));
	simulator.script({ mobile: rows[1]!.phone, times: 1, fault: { kind: 'hang' } });
	const file = workflowOf('cancel', [], { options: { concurrency: 1, timeout } });
	const id = await n8n.importWorkflow(file, credential);
	await n8n.activate(id);
	const answer = n8n.webhook('cancel', { rows });
	await until('the second number is under way', () => simulator.counts.requests === 2);

	const [running] = await n8n.executions(id, 'running');
	await n8n.api('POST', `/rest/executions/${running!.id}/stop`, {});
	await until('the request has ended', () => simulator.counts.inFlight === 0);
	await answer;
	// That nothing comes can only be waited for: as long as a second request and its first retry would take.
	await sleep(2 * timeout);
	expect(simulator.counts.requests).toBe(2);
	const cancelled = await endedExecution(n8n, running!.id);
	expect(cancelled.status).toBe('canceled');

	// n8n saves a cancelled execution as it was when it began.
	expect(itemsOf(await retry(n8n, cancelled), 'Output 0')).toHaveLength(rows.length);
	expect(Object.values(lookups())).toEqual([2, 2, 1]);
});

// The last: the log has what all tests have left.
ownIt('leaves no secret anywhere: not in the database, the executions, the debug log', async () => {
	const { simulator } = world;
	const n8n = world.own!;
	const rows = ['13800138001', '13800138002', '13800138003', '13800138004'].map((phone) => ({
		phone,
	}));
	for (const operation of ['plain', 'aes', 'rsa']) {
		for (const [method, onError] of [
			['GET', 'stopWorkflow'],
			['POST', 'continueErrorOutput'],
		] as const) {
			simulator.script({ mobile: '13800138002', times: 2, fault: { kind: 'resetBefore' } });
			simulator.script({ mobile: '13800138003', times: 1, fault: { kind: 'hang' } });
			const echo = { kind: 'code', code: 224902, echo: true } as const;
			simulator.script({ mobile: '13800138004', times: 1, fault: echo });
			const parameters: INodeParameters = {
				operation,
				// n8n logs the error of a run that stops, with the service's own words.
				options: { method, timeout: 500, retries: 1, maskNumber: onError === 'stopWorkflow' },
			};
			const file = workflowOf(`secrets-${operation}-${method}`, [], parameters, { onError });
			await runByWebhook(world, file, rows);
		}
	}
	expect(simulator.received.length).toBeGreaterThan(16);
	const folder = join(n8n.userFolder, '.n8n');
	const names = (await readdir(folder)).filter((name) => /sqlite|log/i.test(name));
	const files = await Promise.all(
		names.map(async (name) => [name, await readFile(join(folder, name))] as const),
	);
	// The search reaches the saved rows and the log.
	expect(files.some(([, content]) => content.includes('13800138002'))).toBe(true);
	expect(n8n.logs).toContain('5 rows: 4 queried, 1 duplicate');
	expect(n8n.logs).not.toContain('1380013800');
	for (const [place, content] of [...files, ['the log', Buffer.from(n8n.logs)] as const]) {
		expect([place, secretsIn(content.toString('latin1'), simulator)]).toEqual([place, []]);
	}
});

it('every field case is read as a person reads it, and no other number is sent', async () => {
	const file = workflowOf('field-cases', [], {}, { onError: 'continueRegularOutput' });
	const rows = fieldCases.map(({ cell }) => ({ phone: cell }));
	const read = itemsOf(await runByWebhook(world, file, rows), 'Juhe').map(
		({ phone, mobileStatus_mobile }) => [phone, mobileStatus_mobile],
	);
	expect(read).toEqual(fieldCases.map(({ cell, mobile }) => [cell, mobile]));
	const numbers = new Set(fieldCases.flatMap(({ mobile }) => mobile ?? []));
	expect(new Set(world.simulator.counts.lookups.keys())).toEqual(numbers);
});
