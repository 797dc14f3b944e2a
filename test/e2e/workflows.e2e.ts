import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IDataObject, INode, INodeExecutionData, INodeParameters, IRun } from 'n8n-workflow';

import type { WorkflowFile } from '../../scripts/real-n8n';
import { stateByLastDigit } from '../simulator/service';
import {
	lastTry,
	runByWebhook,
	savedExecution,
	startWorld,
	until,
	workflowOf,
	type World,
} from './world';

let world: World;
beforeAll(async () => (world = await startWorld()));
beforeEach(() => world.simulator.reset());
afterAll(() => world.stop());

const EXAMPLES = join(__dirname, '../../examples');
const ROUTES = ['normal', 'suspended', 'unavailable', 'notOnNetwork', 'preCancelled'];
/** What the stand-in service says of a number. */
const routeOf = (mobile: string) => ROUTES[stateByLastDigit[Number(mobile.at(-1))]!];

/** Runs a workflow that the server has by `n8n execute`. */
async function execute(id: string): Promise<Pick<IRun, 'data' | 'status'>> {
	const { output, exitCode } = await world.n8n.cli('execute', `--id=${id}`, '--rawOutput');
	expect(exitCode).toBe(0);
	return JSON.parse(output.slice(output.indexOf('\n{'), output.lastIndexOf('\n}') + 2)) as IRun;
}

describe('a list goes in and comes out sorted', () => {
	const rows = [
		{ name: 'first', phone: '13800138000' },
		{ name: 'written otherwise', phone: '+86 138-0013-8000' },
		{ name: 'as a number', phone: 13800138005 },
		{ name: 'gone', phone: '13800138007' },
		{ name: 'about to go', phone: '１３８００１３８００９' },
	];
	const mobiles = ['13800138000', '13800138000', '13800138005', '13800138007', '13800138009'];

	const expectRows = (items: INodeExecutionData[]) => {
		expect(items.map(({ json }) => ({ name: json.name, phone: json.phone }))).toEqual(rows);
		expect(items.map(({ json }) => (json.mobileStatus as IDataObject).mobile)).toEqual(mobiles);
		expect(items.map(({ json }) => json.route)).toEqual(mobiles.map(routeOf));
		expect(items.map(({ pairedItem }) => pairedItem)).toEqual(rows.map((_, item) => ({ item })));
	};

	it.each(['plain', 'aes', 'rsa'])('by hand and by webhook, %s', async (operation) => {
		const file = workflowOf(`list-${operation}`, rows, { operation });
		const served = await runByWebhook(world, file, rows);
		expect(served.status).toBe('success');
		expectRows(lastTry(served, 'Juhe').outputs[0]!);
		expect([...world.simulator.counts.lookups.values()]).toEqual([1, 1, 1, 1]);

		world.simulator.reset();
		expectRows(lastTry(await execute(served.workflowId), 'Juhe').outputs[0]!);
		expect(world.simulator.counts.billed).toBe(4);
	});

	it('on an output per route', async () => {
		const file = workflowOf('split', [], { splitOutputs: true });
		const execution = await runByWebhook(world, file, rows);
		const names = lastTry(execution, 'Juhe').outputs.map((output) =>
			output.map(({ json }) => json.name),
		);
		expect(names).toEqual([
			['first', 'written otherwise'],
			['as a number'],
			[],
			['gone'],
			['about to go'],
			[],
		]);
	});
});

describe('examples/crm-cleansing.json', () => {
	it('sorts its list: a query per number, every row once, what cannot be checked on its own branch', async () => {
		const file = JSON.parse(
			readFileSync(join(EXAMPLES, 'crm-cleansing.json'), 'utf8'),
		) as WorkflowFile;
		const list = file.nodes.find(({ name }) => name === 'Contacts List')!;
		const { contacts } = JSON.parse(list.parameters.jsonOutput as string) as {
			contacts: Array<Record<string, string>>;
		};
		const run = await execute(await world.n8n.importWorkflow(file, world.credential));

		const outputs = lastTry(run, 'Juhe Mobile Status').outputs;
		const [checked, unchecked] = [outputs.slice(0, -1).flat(), outputs.at(-1)!];
		const inOrder = [...checked, ...unchecked].sort((a, b) => indexOf(a) - indexOf(b));
		expect(inOrder.map(indexOf)).toEqual(contacts.map((_, index) => index));
		inOrder.forEach((item, index) => expect(item.json).toMatchObject(contacts[index]!));

		// Read here in another way than the node does it.
		const digits = contacts.map(({ phone }) =>
			phone!
				.normalize('NFKC')
				.replace(/\D/g, '')
				.replace(/^(00)?86/, ''),
		);
		for (const item of checked) {
			const mobile = digits[indexOf(item)]!;
			expect(item.json).toMatchObject({ route: routeOf(mobile), mobileStatus: { mobile } });
		}
		expect(unchecked.map(({ json }) => (json.details as IDataObject).code)).toEqual(
			unchecked.map(() => 'invalidNumber'),
		);

		const { lookups, billed } = world.simulator.counts;
		expect(new Set(lookups.keys())).toEqual(new Set(checked.map((item) => digits[indexOf(item)])));
		expect(billed).toBe(lookups.size);
		const ends = ['Keep', 'Recheck', 'Remove', 'Review', 'Could Not Check'];
		const advice = {
			normal: 'Keep',
			suspended: 'Recheck',
			unavailable: 'Recheck',
			notOnNetwork: 'Remove',
			preCancelled: 'Recheck',
		};
		const expected = ends.map(
			(end) =>
				checked.filter(({ json }) => advice[json.route as keyof typeof advice] === end).length,
		);
		// A node that several outputs lead to runs once for each.
		const arrived = ends.map(
			(end) =>
				(run.data.resultData.runData[end] ?? []).flatMap(({ data }) => data!.main![0]!).length,
		);
		expect(arrived).toEqual([...expected.slice(0, -1), unchecked.length]);
	});

	const indexOf = ({ pairedItem }: INodeExecutionData) => (pairedItem as { item: number }).item;
});

describe('On Error, with one row of three that the service cannot answer', () => {
	const rows = [
		{ name: 'one', phone: '13800138001' },
		{ name: 'two', phone: '13800138002' },
		{ name: 'three', phone: '13800138007' },
	];
	const error = 'Juhe 224919: The query did not succeed.';
	const details = {
		code: 224919,
		resultcode: null,
		reason: '查询失败',
		attempts: 1,
		billable: 'no',
	};

	const run = async (name: string, parameters: INodeParameters, more: Partial<INode>) => {
		world.simulator.script({ mobile: rows[1]!.phone, fault: { kind: 'code', code: 224919 } });
		return await runByWebhook(world, workflowOf(name, rows, parameters, more), rows);
	};
	const failed = { json: { ...rows[1], error, details }, pairedItem: { item: 1 } };
	const good = (index: number) => ({
		json: { ...rows[index], route: routeOf(rows[index]!.phone) },
		pairedItem: { item: index },
	});

	it.each([false, true])(
		'Stop Workflow: the execution says what and which row (split: %s)',
		async (splitOutputs) => {
			const execution = await run(`stop-${splitOutputs}`, { splitOutputs }, {});
			expect(execution.status).toBe('error');
			expect(lastTry(execution, 'Juhe').error).toMatchObject({
				name: 'NodeApiError',
				message: error,
				description:
					'The service says “查询失败”. Run the row again later; if it stays, ask the support of Juhe.',
				context: { itemIndex: 1 },
			});
			expect(execution.data.resultData.lastNodeExecuted).toBe('Juhe');
		},
	);

	it.each([
		['one output', false, [[good(0), failed, good(2)]]],
		['an output per route', true, [[good(0)], [], [], [good(2)], [], [failed]]],
	])('Continue: the failing row stays in its place (%s)', async (_, splitOutputs, outputs) => {
		const execution = await run(
			`regular-${splitOutputs}`,
			{ splitOutputs },
			{ onError: 'continueRegularOutput' },
		);
		expect(execution.status).toBe('success');
		expect(lastTry(execution, 'Juhe').outputs).toMatchObject(outputs);
	});

	it.each([
		['one output', false, [[good(0), good(2)], [failed]]],
		['an output per route', true, [[good(0)], [], [], [good(2)], [], [], [failed]]],
	])(
		'Continue (using error output): the row is on the last branch, whole (%s)',
		async (_, splitOutputs, outputs) => {
			const execution = await run(
				`branch-${splitOutputs}`,
				{ splitOutputs },
				{ onError: 'continueErrorOutput' },
			);
			expect(execution.status).toBe('success');
			expect(lastTry(execution, 'Juhe').outputs).toMatchObject(outputs);
			expect(lastTry(execution, `Output ${outputs.length - 1}`).outputs[0]).toMatchObject([
				{ json: failed.json },
			]);
		},
	);

	it('Retry On Fail: what was paid for in the first try is not paid again', async () => {
		world.simulator.script({
			mobile: rows[1]!.phone,
			times: 1,
			fault: { kind: 'code', code: 224919 },
		});
		const file = workflowOf(
			'retry',
			rows,
			{},
			{ retryOnFail: true, maxTries: 3, waitBetweenTries: 100 },
		);
		const execution = await runByWebhook(world, file, rows);
		expect(execution.status).toBe('success');
		expect(lastTry(execution, 'Juhe').outputs).toMatchObject([[good(0), good(1), good(2)]]);
		expect(Object.fromEntries(world.simulator.counts.lookups)).toEqual(
			Object.fromEntries(rows.map(({ phone }) => [phone, 1])),
		);
	});

	it('a key that the service refuses stops the run before the rest is sent', async () => {
		world.simulator.script({ fault: { kind: 'code', code: 10012, result: world.account.apiKey } });
		const file = workflowOf(
			'account',
			[],
			{ options: { concurrency: 1 } },
			{ onError: 'continueErrorOutput' },
		);
		const execution = await runByWebhook(world, file, rows);
		expect(world.simulator.counts.requests).toBe(1);
		const [checked, unchecked] = lastTry(execution, 'Juhe').outputs;
		expect(checked).toEqual([]);
		expect(unchecked).toMatchObject([
			{ json: { ...rows[0], details: { code: 10012, attempts: 1 } } },
			{ json: { ...rows[1], details: { code: 10012, attempts: 0, notQueried: true } } },
			{ json: { ...rows[2], details: { code: 10012, attempts: 0, notQueried: true } } },
		]);
	});
});

describe('what an execution leaves to the next one, in the static data that n8n saves', () => {
	const rows = [{ phone: '13800138000' }, { phone: '13800138007' }];
	/** Runs a published workflow once more, and gives what the node with this name put out. */
	const runAgain = async (id: string, path: string, nodeName = 'Juhe') => {
		const before = (await world.n8n.executions(id)).length;
		await world.n8n.webhook(path, { rows });
		await until(
			'one more execution is saved',
			async () => (await world.n8n.executions(id)).length > before,
		);
		const { outputs } = lastTry(await savedExecution(world.n8n, id), nodeName);
		return outputs.flat().map(({ json }) => json);
	};
	const publish = async (name: string, options: IDataObject) => {
		const id = await world.n8n.importWorkflow(
			workflowOf(name, [], { options } as INodeParameters),
			world.credential,
		);
		await world.n8n.activate(id);
		return id;
	};

	it('results are reused', async () => {
		const id = await publish('reuse', { reuseHours: 1 });
		expect((await runAgain(id, 'reuse')).map(({ mobileStatus }) => mobileStatus)).toMatchObject([
			{ source: 'query', billable: 'yes' },
			{ source: 'query', billable: 'yes' },
		]);
		expect((await runAgain(id, 'reuse')).map(({ mobileStatus }) => mobileStatus)).toMatchObject([
			{ source: 'reused', billable: 'no', state: '0' },
			{ source: 'reused', billable: 'no', state: '3' },
		]);
		expect(world.simulator.counts.billed).toBe(2);
	});

	it('only changes come out', async () => {
		const id = await publish('changes', { onlyChanges: true });
		expect(await runAgain(id, 'changes')).toMatchObject([
			{ previousRoute: null },
			{ previousRoute: null },
		]);
		world.simulator.script({ mobile: '13800138000', fault: { kind: 'state', state: '1' } });
		expect(await runAgain(id, 'changes')).toMatchObject([
			{ phone: '13800138000', previousRoute: 'normal', route: 'suspended' },
		]);
	});

	it('examples/scheduled-list-check.json: its second run pays nothing and has nothing to tell', async () => {
		const file = JSON.parse(
			readFileSync(join(EXAMPLES, 'scheduled-list-check.json'), 'utf8'),
		) as WorkflowFile;
		// n8n has no way to fire a schedule; a webhook in its place runs the rest as the schedule would.
		const parameters = {
			httpMethod: 'POST',
			path: 'schedule',
			responseMode: 'lastNode',
			options: {},
		};
		const webhook = {
			type: 'n8n-nodes-base.webhook',
			typeVersion: 2,
			webhookId: 'schedule',
			parameters,
		};
		const nodes = file.nodes.map((node) => ({
			...node,
			...(node.type.endsWith('.scheduleTrigger') && webhook),
		}));
		const id = await world.n8n.importWorkflow({ ...file, nodes }, world.credential);
		await world.n8n.activate(id);

		expect(await runAgain(id, 'schedule', 'Changed')).toHaveLength(
			world.simulator.counts.lookups.size,
		);
		const { billed } = world.simulator.counts;
		expect(billed).toBe(6);
		expect(await runAgain(id, 'schedule', 'Changed')).toEqual([]);
		expect(world.simulator.counts.billed).toBe(billed);
	});
});

it('cancelled while a number hangs, nothing more is sent', async () => {
	const { n8n, simulator, credential } = world;
	const timeout = 1000;
	const rows = ['13800138000', '13800138001', '13800138002'].map((phone) => ({ phone }));
	simulator.script({ mobile: rows[0]!.phone, fault: { kind: 'hang' } });
	const id = await n8n.importWorkflow(
		workflowOf('cancel', [], { options: { concurrency: 1, timeout } }),
		credential,
	);
	await n8n.activate(id);
	const answer = n8n.webhook('cancel', { rows });
	await until('the first number is under way', () => simulator.counts.requests === 1);

	const [running] = await n8n.executions(id, 'running');
	await n8n.api('POST', `/rest/executions/${running!.id}/stop`, {});
	expect((await savedExecution(n8n, id)).status).toBe('canceled');
	await until('the request has ended', () => simulator.counts.inFlight === 0);
	// That nothing comes can only be waited for: as long as a second request and its first retry would take.
	await sleep(2 * timeout);
	expect(simulator.counts.requests).toBe(1);
	await answer;
});

it('leaves no secret anywhere: not in the database, the executions, the log', async () => {
	const { n8n, simulator, account } = world;
	const rows = ['13800138001', '13800138002', '13800138003', '13800138004'].map((phone) => ({
		phone,
	}));
	for (const operation of ['plain', 'aes', 'rsa']) {
		for (const method of ['GET', 'POST']) {
			simulator.script({ mobile: '13800138002', times: 2, fault: { kind: 'resetBefore' } });
			simulator.script({ mobile: '13800138003', times: 1, fault: { kind: 'hang' } });
			simulator.script({
				mobile: '13800138004',
				times: 1,
				fault: {
					kind: 'code',
					code: 224902,
					reason: `参数错误 ${account.apiKey}`,
					result: { key: account.apiKey },
				},
			});
			const options = { method, timeout: 500, retries: 1 };
			for (const onError of ['stopWorkflow', 'continueErrorOutput'] as const) {
				const name = `secrets-${operation}-${method}-${onError}`;
				await runByWebhook(
					world,
					workflowOf(name, rows, { operation, options }, { onError }),
					rows,
				);
			}
		}
	}
	const sent = simulator.received
		.filter(({ path }) => path !== '/mobile_status/query')
		.flatMap(({ method, url, body }) =>
			new URLSearchParams(method === 'GET' ? url.split('?')[1] : body).getAll('mobile'),
		);
	expect(sent.length).toBeGreaterThan(16);
	const secrets = [account.apiKey, account.openid, ...sent];
	const forms = new Set(
		secrets.flatMap((secret) => [secret, encodeURIComponent(secret), JSON.stringify(secret)]),
	);

	const folder = join(n8n.userFolder, '.n8n');
	const names = (await readdir(folder)).filter((name) => /sqlite|log/i.test(name));
	const files = await Promise.all(
		names.map(async (name) => [name, await readFile(join(folder, name))] as const),
	);
	const places = new Map([...files, ['the log', Buffer.from(n8n.logs)] as const]);
	// The search reaches the saved rows and the log.
	expect([...places.values()].some((content) => content.includes('13800138002'))).toBe(true);
	expect(n8n.logs).toContain('Editor is now accessible');
	for (const [place, content] of places) {
		expect([place, [...forms].filter((form) => content.includes(form))]).toEqual([place, []]);
	}
});
