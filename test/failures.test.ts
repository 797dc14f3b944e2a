/** Whatever goes wrong in a call: no row is lost, no number is paid twice, no secret is told, and each row says why. */
import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IExecuteFunctions, INodeParameters } from 'n8n-workflow';

import type { Account } from '../nodes/JuheMobileStatus/juhe/account';
import { Client } from '../nodes/JuheMobileStatus/juhe/client';
import { JUHE_CODES } from '../nodes/JuheMobileStatus/juhe/codes';
import { aesKeyOf } from '../nodes/JuheMobileStatus/juhe/encryption';
import { RateLimiter, type Slot } from '../nodes/JuheMobileStatus/juhe/rateLimiter';
import { parseReply } from '../nodes/JuheMobileStatus/juhe/reply';
import { Ledger } from '../nodes/JuheMobileStatus/list/ledger';
import { ListRun } from '../nodes/JuheMobileStatus/list/run';
import { createSend } from '../nodes/JuheMobileStatus/request';
import { runNode, type NodeRun } from './engine';
import {
	CONTINUE,
	detailsOf,
	distinctNumbers,
	OPERATION_NAMES,
	phones,
	rowOf,
	setClock,
	statusOf,
	useSimulator,
	withOptions,
} from './simulated';
import { failure } from './simulator/service';
import { startSimulator, type Fault, type Simulator } from './simulator/simulator';

const juhe = useSimulator();
const WAYS = ['stopWorkflow', 'continueRegularOutput', 'continueErrorOutput'] as const;
const [BAD, ...GOOD] = distinctNumbers(4) as [string, string, string, string];
afterEach(() => {
	jest.useRealTimers();
	jest.restoreAllMocks();
});

/** The codes of the API document (section 4), and codes that it does not list, by the class of the contract. */
const CODES = {
	fatal: [10001, 10002, 10003, 10004, 10005, 10007, 10008, 10009, 10012, 10013, 10020, 10021],
	transient: [10011, 10014, 224915, 224924],
	permanent: [224902, 224919, 224922],
};
const UNLISTED = { fatal: [777, 10006, 199999], transient: [], permanent: [200000, 299999] };

interface Trouble {
	/** What the error item says. */
	code: number | string;
	resultcode: string | null;
	reason: string | null;
	class: 'fatal' | 'transient' | 'permanent';
	billable: 'no' | 'uncertain';
	/** Whether only the answer is lost. */
	isLost: boolean;
	/** Different ways to get there. */
	faults: Fault[];
}

const other = (
	code: number | string,
	failureClass: Trouble['class'],
	billable: Trouble['billable'],
	...faults: Fault[]
): Trouble => ({
	...{ code, resultcode: null, reason: null, class: failureClass, billable, faults },
	isLost: failureClass === 'transient' && billable === 'uncertain',
});
const http = (status: number): Fault => ({ kind: 'http', status });
const json = (body: unknown): Fault => ({ kind: 'json', body });
const state = { state: '0' };

const TROUBLES: Trouble[] = [
	other('timeout', 'transient', 'uncertain', { kind: 'hang' }, { kind: 'drip', intervalMs: 500 }),
	...[...Object.entries(CODES), ...Object.entries(UNLISTED)].flatMap(([failureClass, codes]) =>
		codes.map((code): Trouble => {
			const faults: Fault[] = [false, true].map((asString) => ({ kind: 'code', code, asString }));
			const billable = code === 224922 ? 'uncertain' : 'no';
			const { reason, resultcode = null } = failure(code);
			const trouble = other(code, failureClass as Trouble['class'], billable, ...faults);
			return { ...trouble, reason, resultcode };
		}),
	),
	...[401, 403, 404].map((status) => other(status, 'fatal', 'no', http(status))),
	...[429, 503].map((status) => other(status, 'transient', 'no', http(status))),
	...[408, 500, 502, 504, 520, 524].map((status) =>
		other(status, 'transient', 'uncertain', http(status)),
	),
	...[302, 400].map((status) => other(status, 'permanent', 'no', http(status))),
	other(...(['connectionLost', 'transient', 'uncertain', { kind: 'resetBefore' }] as const), {
		kind: 'resetMidBody',
	}),
	other(
		...(['notJuhe', 'permanent', 'uncertain', { kind: 'notJson' }] as const),
		...['', ' ', 'x', undefined].map((error_code) => json({ error_code, result: state })),
		...[[{ error_code: 0 }], 'ok', null].map(json),
		json({ error_code: 0, result: { ...state, pad: 'x'.repeat(70_000) } }),
	),
	other(
		...(['noResult', 'permanent', 'uncertain', { kind: 'missingResult' }] as const),
		...[{}, [state], 'ok', null].map((result) => json({ error_code: 0, result })),
	),
];
const ROWS = 5;
const CONCURRENCY = 2;
/** For the requests of most runs, in milliseconds: no answer is lost by a machine that is slow. */
const TIMEOUT = 60_000;

/** Every trouble × On Error × the place of the row that fails × retries, over the three queries in turn. */
describe('the matrix', () => {
	/** `bad` is the index of the row that fails, `times` how often it does. */
	type Cell = { way: (typeof WAYS)[number]; bad: number; options: INodeParameters; times?: number };
	const CELLS = WAYS.flatMap((way): Cell[] => [
		...[0, 2, 4].map((bad) => ({ way, bad, options: { retries: 0 } })),
		{ way, bad: 2, options: { retries: 2 } },
		{ way, bad: 0, options: { retries: 2 }, times: 1 },
		{ way, bad: 4, options: { retries: 2, resendUncertain: false } },
	]);
	let simulator: Simulator;
	let next = 0;
	beforeAll(async () => {
		simulator = await startSimulator({ latency: 2 });
	});
	afterAll(() => simulator.close());
	test.each(TROUBLES)('$code: $reason', play, TIMEOUT);

	async function play(trouble: Trouble): Promise<void> {
		const { faults } = trouble;
		const timeout = trouble.code === 'timeout' ? 1500 : TIMEOUT;
		const cells = CELLS.map(async (cell, index) => {
			const { way, bad, options, times } = cell;
			const numbers = Array.from({ length: ROWS }, () => `139${String(next++).padStart(7, '0')}0`);
			const fault = faults[(index + bad) % faults.length]!;
			simulator.script({ mobile: numbers[bad]!, fault, times });
			const operation = OPERATION_NAMES[index % OPERATION_NAMES.length]!;
			const result = await runNode(phones(...numbers), {
				credential: simulator.credential,
				parameters: { operation, options: { ...options, concurrency: CONCURRENCY, timeout } },
				node: { onError: way },
			});
			expectCell(trouble, cell, numbers, result);
			const { received, openid, key } = simulator;
			const ciphertexts = received
				.filter(({ mobile }) => operation !== 'plain' && numbers.includes(mobile!))
				.map(({ body }) => new URLSearchParams(body).get('mobile')!);
			const secrets = [key, openid, aesKeyOf(openid), ...ciphertexts];
			// All that n8n would save of the execution, and what an error does not list by itself.
			const { run: record, error } = result;
			const saved = JSON.stringify([record, error?.message, error?.description, error?.stack]);
			expect(secrets.filter((secret) => saved.includes(secret))).toEqual([]);
		});
		await Promise.all(cells);
	}

	function expectCell(
		trouble: Trouble,
		{ way, bad, options, times = Infinity }: Cell,
		numbers: string[],
		{ outputs, error }: NodeRun,
	): void {
		const { code, resultcode, reason, billable } = trouble;
		const mayResend = options.resendUncertain ?? true;
		const requests = numbers.map(
			(number) => simulator.received.filter(({ mobile }) => mobile === number).length,
		);
		const triesAgain = trouble.class === 'transient' && (mayResend || !trouble.isLost);
		const tries = triesAgain ? Math.min(options.retries as number, times) + 1 : 1;
		const fails = tries <= times;

		// Nobody is asked for twice but the number that fails, and what is billed was not said to be free.
		expect(requests[bad]).toBe(tries);
		numbers.forEach((number, index) => {
			if (index !== bad) expect(requests[index]).toBeLessThanOrEqual(1);
			const paid = simulator.counts.lookups.get(number) ?? 0;
			if (index !== bad || !fails) expect(paid).toBeGreaterThanOrEqual(requests[index] ? 1 : 0);
			else if (billable === 'no') expect(paid).toBe(0);
		});
		if (!fails || (trouble.class !== 'fatal' && way !== 'stopWorkflow')) {
			expect(requests.every(Boolean)).toBe(true);
		} else if (trouble.class !== 'transient') {
			// What was under way when the run ended, and no more.
			expect(requests.slice(bad + 1).filter(Boolean).length).toBeLessThan(2 * CONCURRENCY);
		}

		const message = expect.stringMatching(
			new RegExp(
				`^Juhe ${code}: (?!.*([Ee]rror|[Pp]roblem|[Ff]ailure|[Mm]istake|in a row))[A-Z].+\\.$`,
			),
		);
		if (way === 'stopWorkflow' && fails) {
			expect(error).toMatchObject({
				...{ name: 'NodeApiError', message, context: { itemIndex: bad } },
				// n8n shows it under Error details.
				errorResponse: { error_code: code, resultcode, reason },
			});
			const older = resultcode === null ? '' : ` (resultcode ${resultcode})`;
			const words = reason === null ? '' : `The service says “${reason}”${older}. `;
			const cost = billable === 'uncertain' ? 'This query may have been billed. ' : '';
			const remedy = (JUHE_CODES as Record<string, { remedy: string }>)[code]?.remedy ?? '';
			const description = error!.description as string;
			expect(description.startsWith(words + cost + remedy)).toBe(true);
			expect(description.slice((words + cost).length)).toMatch(/^(?!This query)[A-Z][^“”]+\.$/);
			return;
		}
		expect(error).toBeUndefined();
		const items = outputs.flat();
		expect(items.map(rowOf).sort()).toEqual([...numbers.keys()]);
		for (const output of outputs) expect(output.map(rowOf)).toEqual(output.map(rowOf).sort());
		items.forEach((item) => {
			const [index, { json: row }] = [rowOf(item), item];
			expect(row.phone).toBe(numbers[index]);
			const remedy = expect.stringMatching(/^[A-Z].+\.$/);
			if (index === bad && fails) {
				const details = { code, resultcode, reason, remedy, attempts: tries, billable };
				expect(row).toMatchObject({ phone: row.phone, error: message });
				expect(detailsOf(item)).toEqual(details);
				expect(Object.keys(row).filter((name) => !name.startsWith('details'))).toHaveLength(2);
			} else if (requests[index]! > 0) {
				const wasLost = index === bad && trouble.isLost;
				const paid = { attempts: requests[index], billable: wasLost ? 'uncertain' : 'yes' };
				expect(row.route).toBe('normal');
				expect(statusOf(item)).toMatchObject({ ...paid, source: 'query' });
			} else {
				const details = { code, resultcode, reason, attempts: 0, billable: 'no', notQueried: true };
				expect(detailsOf(item)).toMatchObject(details);
				expect(row.error).toMatch(new RegExp(`^Juhe ${code}: .*notQueried`));
			}
		});
		const failed = items.filter((item) => detailsOf(item));
		if (way === 'continueErrorOutput') expect(outputs[1]).toEqual(failed);
		else expect(outputs).toHaveLength(1);
	}
});

test('the code table holds the codes of the document, and no other', () => {
	expect(Object.keys(JUHE_CODES).map(Number)).toEqual(Object.values(CODES).flat().sort());
});

test.each<[string, object, object]>([
	['an unlisted code with HTTP 400', { code: 777, httpStatus: 400 }, { code: 777, attempts: 1 }],
	['an unlisted code with HTTP 503', { code: 777, httpStatus: 503 }, { code: 503 }],
	['a listed code with HTTP 503', { code: 224919, httpStatus: 503 }, { code: 224919 }],
	['words without end', { code: 224919, reason: '长'.repeat(999) }, { reason: '长'.repeat(500) }],
	['another resultcode', { code: 10012, resultcode: '999' }, { resultcode: '999' }],
	['a reason that is a number', { code: 10012, reason: 42 }, { reason: '42' }],
])('%s is told as it is', async (_, fault, expected) => {
	juhe.simulator.script({ mobile: BAD, fault: { kind: 'code', ...fault } as Fault });
	const { outputs } = await juhe.run(phones(BAD), { ...CONTINUE, ...withOptions({ retries: 0 }) });
	expect(detailsOf(outputs[0]![0]!)).toMatchObject(expected);
});

const SUCCESS = JSON.stringify({ error_code: 0, reason: '成功', result: state });
test.each([301, 400, 401, 404, 408, 429, 500, 502, 503, 504, 520, 524])(
	'a whole success behind HTTP %d is an answer, paid once',
	async (status) => {
		juhe.simulator.script({ fault: { kind: 'http', status, body: SUCCESS } });
		const { outputs } = await juhe.run(phones(BAD), CONTINUE);
		expect(outputs[0]![0]!.json.route).toBe('normal');
		expect(statusOf(outputs[0]![0]!)).toMatchObject({ billable: 'yes', attempts: 1 });
		expect(juhe.simulator.counts.requests).toBe(1);
	},
);

test.each([
	{ replied: '13900000001', isOther: true },
	{ replied: 13900000001, isOther: true },
	{ replied: '+86 139-0000-0001', isOther: true },
	{ replied: '1', isOther: true },
	{ replied: BAD, isOther: false },
	{ replied: `86${BAD}`, isOther: false },
	{ replied: Number(BAD), isOther: false },
	{ replied: `${BAD.slice(0, 3)}****${BAD.slice(7)}`, isOther: false },
	{ replied: '', isOther: false },
	{ replied: null, isOther: false },
	{ replied: { number: '13900000001' }, isOther: false },
])('a reply about $replied is no answer: $isOther', async ({ replied, isOther }) => {
	juhe.simulator.script({ fault: json({ error_code: 0, result: { ...state, mobile: replied } }) });
	for (const operation of OPERATION_NAMES) {
		const how = { ...CONTINUE, parameters: { operation } };
		const { outputs } = await juhe.run(phones(BAD, BAD), how);
		const [first, second] = outputs[0]!;
		const details = { code: 'otherNumber', billable: 'uncertain', attempts: 1 };
		if (isOther) expect(detailsOf(first!)).toMatchObject(details);
		else expect(statusOf(second!)).toMatchObject({ mobile: BAD, source: 'duplicate' });
	}
	expect(juhe.simulator.counts.requests).toBe(OPERATION_NAMES.length);
});

test('success whose error_code is a text is success', async () => {
	juhe.simulator.script({ fault: json({ error_code: '0', result: { state: '4' } }) });
	const { outputs } = await juhe.run(phones(BAD));
	expect(outputs[0]![0]!.json.route).toBe('preCancelled');
});

const ASKED = { mobile: BAD, attempts: 1, maybeBilled: false, redact: String };

describe('no connection', () => {
	test.each(WAYS)('to a service that is down: each row says so (%s)', async (onError) => {
		await juhe.simulator.refuse();
		const how = { node: { onError }, ...withOptions({ retries: 1 }) };
		const { outputs, error } = await juhe.run(phones(BAD, ...GOOD), how);
		expect(outputs.flat()).toHaveLength(error ? 0 : 4);
		if (error) expect(error.context).toHaveProperty('itemIndex');
		for (const row of error
			? [{ error: error.message }]
			: outputs.flat().map((item) => item.json)) {
			expect(row.error).toMatch(/^Juhe connectionRefused: /);
			if ('phone' in row) {
				expect(detailsOf({ json: row })).toMatchObject({ attempts: 2, billable: 'no' });
			}
		}
	});

	test('for a moment costs no row', async () => {
		const numbers = distinctNumbers(12);
		juhe.simulator.latency = 50;
		const options = withOptions({ concurrency: 3, timeout: TIMEOUT });
		const running = juhe.run(phones(...numbers), options);
		while (juhe.simulator.counts.requests < 5) await sleep(5);
		await juhe.simulator.refuse();
		await sleep(100);
		await juhe.simulator.accept();

		const { outputs } = await running;
		expect(outputs[0]!.map(({ json: row }) => row.route)).toEqual(numbers.map(() => 'normal'));
		const unsure = outputs[0]!.filter((item) => statusOf(item).billable === 'uncertain');
		expect(unsure.length).toBeGreaterThan(0);
		expect(unsure.length).toBeLessThanOrEqual(3);
		expect(juhe.simulator.counts.billed).toBeLessThanOrEqual(numbers.length + unsure.length);
	});

	const lost = ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ETIMEDOUT', 'ERR_BAD_RESPONSE'];
	test.each([
		['connectionLost', 'transient', 'uncertain', lost],
		['connectionRefused', 'transient', 'no', ['ECONNREFUSED']],
		['noConnection', 'transient', 'no', ['EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']],
		['noConnection', 'permanent', 'no', ['ENOTFOUND', 'CERT_HAS_EXPIRED', 'ERR_TLS_X', undefined]],
	])('is %s (%s, %s), however deep n8n wraps it', async (code, kind, billable, causes) => {
		for (const networkCode of causes) {
			const loop: { cause?: unknown } = {};
			loop.cause = loop;
			for (const error of networkCode === undefined
				? [loop, undefined, 'text']
				: [{ code: networkCode }, { cause: { cause: { code: networkCode } } }]) {
				const helpers = { httpRequestWithAuthentication: () => Promise.reject(error as Error) };
				const context = { helpers } as unknown as IExecuteFunctions;
				const send = createSend(context, {} as Account, {}, { method: 'POST', timeout: TIMEOUT });
				const parsed = parseReply(await send(BAD), ASKED);
				expect(parsed).toMatchObject({ failure: { class: kind, details: { code, billable } } });
				if (billable === 'no') expect(JSON.stringify(parsed)).toContain(networkCode ?? 'none');
			}
		}
	});
});

describe('tries', () => {
	const account = { encrypt: String, secrets: [] as string[] } as unknown as Account;
	const at = Date.parse('2026-11-24T08:00:00Z');
	const waits = { none: [], grow: [375, 750, 1500], jitter: [625, 1250, 2500] };
	const slot: Slot = { startedAt: 0, release: () => {} };
	const limited = { text: '{"error_code":10011}', statusCode: 200 };
	const suspect = { text: '{"error_code":224915}', statusCode: 200 };

	test.each<[object, number[], string?, string?]>([
		[{}, waits.grow],
		[{ random: 1 - Number.EPSILON }, waits.jitter],
		[{ after: '2' }, [2000, 2000, 2000]],
		[{ after: new Date(at + 9000).toUTCString() }, [9000, 9000, 9000]],
		[{ after: 'soon' }, waits.grow],
		[{ after: '61' }, waits.none],
		[{ ...limited, after: '60' }, [60_000, 60_000, 60_000], 'explicit'],
		[{ statusCode: 429 }, waits.grow, 'explicit'],
		// Nothing can work for longer than anybody waits.
		[{ ...limited, after: '61' }, waits.none, 'explicit', 'fatal'],
		[suspect, waits.grow, 'suspected'],
		[{ ...suspect, after: '61' }, waits.none, 'suspected'],
	])('after %j wait %j', async (answer, expected, signal = undefined, ends = 'transient') => {
		const defaults = { statusCode: 503, after: undefined, text: '', random: 0 };
		const { after, random, ...reply } = { ...defaults, ...answer };
		const [waited, signals]: [number[], unknown[]] = [[], []];
		setClock(at);
		jest.spyOn(Math, 'random').mockReturnValue(random);
		const limiter = {
			acquire: async (_signal: AbortSignal, delay: number) => {
				waited.push(Math.round(delay));
				return slot;
			},
			onReply: () => signals.push(undefined),
			onRateLimit: (_slot: Slot, told: unknown) => signals.push(told),
		} as unknown as RateLimiter;
		const headers = { 'retry-after': after };
		const settings = { retries: 3, maskNumber: false, resendUncertain: true };
		const client = new Client(account, async () => ({ ...reply, headers }), limiter, settings);
		const ended = await client.lookup(BAD, {
			slot,
			signal: new AbortController().signal,
			lostAnswers: 0,
			maybeBilled: false,
			reserve: () => true,
			onFailedRequest: () => {},
		});
		expect(waited).toEqual(expected);
		expect(ended).toMatchObject({ failure: { class: ends } });
		expect(new Set(signals)).toEqual(new Set(signal === undefined ? [] : [signal]));
	});

	test('hold no slot while they wait; what was lost once stays uncertain', async () => {
		juhe.simulator.script({ mobile: BAD, times: 1, fault: { kind: 'resetBefore' } });
		juhe.simulator.script({ mobile: BAD, fault: { kind: 'code', code: 224919 } });
		const { outputs } = await juhe.run(phones(BAD, ...GOOD, `+86${BAD}`), {
			...{ ...CONTINUE, ...withOptions({ concurrency: 1 }) },
		});
		const order = juhe.simulator.received.map(({ mobile }) => mobile);
		expect(order).toEqual([BAD, ...GOOD, BAD]);
		expect([0, 4].map((row) => detailsOf(outputs[0]![row]!))).toEqual([
			expect.objectContaining({ code: 224919, attempts: 2, billable: 'uncertain' }),
			expect.objectContaining({ code: 224919, attempts: 0, billable: 'no' }),
		]);
	});
});

test.each(WAYS)('a cell without a number fails before any is paid (%s)', async (onError) => {
	const rows = phones(GOOD[0], '010-62345678', GOOD[1]);
	const how = { node: { onError }, ...withOptions({ maxQueries: onError === WAYS[0] ? 1 : 99 }) };
	const { outputs, error } = await juhe.run(rows, how);
	const told = { name: 'NodeOperationError', context: { itemIndex: 1 } };
	if (onError === WAYS[0]) expect(error).toMatchObject(told);
	const failed = outputs.flat().find((item) => rowOf(item) === 1);
	const message = error?.message ?? failed?.json.error;
	expect(message).toBe(
		error === undefined
			? "'Mobile Number' begins with 0, as landlines do"
			: "'Mobile Number' holds no mobile number in 1 of 3 items. Item 1 begins with 0, as landlines do. Nothing was sent.",
	);
	expect(message).not.toContain('62345678');
	expect(juhe.simulator.counts.requests).toBe(error ? 0 : 2);
	if (error) return;
	const nothing = { resultcode: null, reason: null, attempts: 0, billable: 'no' };
	const details = { code: 'invalidNumber', remedy: expect.any(String), ...nothing };
	expect(failed!.json).toMatchObject({ phone: '010-62345678', error: message });
	expect(detailsOf(failed!)).toEqual(details);
});

describe('the end of a run', () => {
	test('by On Error = Stop: requests under way end, the earliest row is named', async () => {
		const numbers = distinctNumbers(20);
		// The later row fails first; the earlier one is still under way then.
		juhe.simulator.latency = 300;
		const fault = { kind: 'code', code: 224919 } as const;
		juhe.simulator.script({ mobile: numbers[4]!, latency: 5, fault });
		juhe.simulator.script({ mobile: numbers[2]!, fault: { kind: 'code', code: 224902 } });
		const { error } = await juhe.run(phones(...numbers), withOptions({ concurrency: 5 }));
		expect(error).toMatchObject({ context: { itemIndex: 2 } });
		expect(error!.message).toContain('224902');
		expect(juhe.simulator.counts).toMatchObject({ requests: 5, inFlight: 0 });
	});

	test.each([{}, CONTINUE])('is not due to a row that waits (%j)', async (how) => {
		juhe.simulator.script({ mobile: GOOD[0], fault: { kind: 'code', code: 224915 } });
		juhe.simulator.script({ mobile: BAD, latency: 30, fault: { kind: 'code', code: 10012 } });
		const { outputs, error } = await juhe.run(phones(GOOD[0], BAD), how);
		if (!outputs.length) expect(error).toMatchObject({ context: { itemIndex: 1 } });
		else expect(outputs[0]!.map((item) => detailsOf(item)?.code)).toEqual([224915, 10012]);
		expect(error?.message ?? '10012').toContain('10012');
		expect(juhe.simulator.counts.requests).toBe(2);
	});

	test('by a cancelled execution: nothing is sent, and nothing listens on', async () => {
		const answer = {
			result: null,
			attempts: 1,
			billable: 'yes' as const,
			checkedAt: new Date().toISOString(),
		};
		for (const cancelSignal of [AbortSignal.abort(), new AbortController().signal, undefined]) {
			const isCancelled = cancelSignal?.aborted === true;
			const lookup = jest.fn(async () => ({ answer }));
			const client = { lookup } as unknown as Client;
			const ledger = new Ledger(
				'',
				{ entries: {}, queries: 0, planned: {} },
				new RateLimiter(sleep as never),
			);
			const { outcomes } = await new ListRun(client, ledger, {
				...{ call: 0, concurrency: 2, maxQueries: 99, reuseResults: false, stopOnFailure: true },
				...{ retries: 0, failOnNoRecord: false, resendUncertain: true, cancelSignal },
			}).toEnd([{ mobile: BAD }]);
			expect(lookup).toHaveBeenCalledTimes(isCancelled ? 0 : 1);
			const details = { code: 'cancelled', notQueried: true, billable: 'no' };
			const message = 'The execution is cancelled. Not sent (notQueried).';
			const failed = { failure: { message, details } };
			expect(outcomes[0]).toMatchObject(isCancelled ? failed : { answer });
			if (cancelSignal) expect(getEventListeners(cancelSignal, 'abort')).toEqual([]);
		}
	});

	test('by a cancelled execution: waits end at once, and nothing more is sent', async () => {
		juhe.simulator.script({ fault: { kind: 'code', code: 224915 } });
		let cancel = () => {};
		const finished = juhe.run(phones(...distinctNumbers(20)), {
			...{ ...CONTINUE, ...withOptions({ concurrency: 5, retries: 5 }) },
			onStart: (stop) => (cancel = stop),
		});
		while (juhe.simulator.counts.requests < 5) await sleep(5);
		cancel();
		const { run: ended } = await finished;
		const sent = juhe.simulator.counts.requests;
		await sleep(1000);
		expect(ended.status).toBe('canceled');
		expect(juhe.simulator.counts.requests).toBe(sent);
	});
});

test.each([
	['aes', 224902, "Check 'OpenID'"],
	['rsa', 224902, "Check 'RSA Public Key'"],
	['plain', 224902, 'Check the number.'],
	['aes', 224919, 'Try again later.'],
])('a run that one code stops says what to check: %s, %d', async (operation, code, words) => {
	juhe.simulator.script({ fault: { kind: 'code', code } });
	const { outputs } = await juhe.run(phones(...distinctNumbers(40)), {
		...CONTINUE,
		parameters: { operation },
	});
	expect(detailsOf(outputs[0]!.at(-1)!)).toMatchObject({
		code,
		notQueried: true,
		remedy: expect.stringMatching(`^${words}`),
	});
	expect(juhe.simulator.counts.requests).toBe(30);
});
