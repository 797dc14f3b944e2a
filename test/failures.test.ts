/** Whatever goes wrong in a call: no row is lost, no number is paid twice, no secret is told, and each row says why. */
import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IExecuteFunctions, INodeParameters } from 'n8n-workflow';

import type { Account } from '../nodes/JuheMobileStatus/juhe/account';
import { Client } from '../nodes/JuheMobileStatus/juhe/client';
import { JUHE_CODES } from '../nodes/JuheMobileStatus/juhe/codes';
import { RateLimiter, type Slot } from '../nodes/JuheMobileStatus/juhe/rateLimiter';
import { parseReply } from '../nodes/JuheMobileStatus/juhe/reply';
import { Ledger } from '../nodes/JuheMobileStatus/list/ledger';
import { ListRun } from '../nodes/JuheMobileStatus/list/run';
import { createSend } from '../nodes/JuheMobileStatus/request';
import { runNode, type NodeRun } from './engine';
import { CODES, isLost, kindOf, TROUBLES, type Trouble } from './faults';
import { secretsIn } from './secrets';
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
import { startSimulator, type Fault, type Simulator } from './simulator/simulator';

const juhe = useSimulator();
const WAYS = ['stopWorkflow', 'continueRegularOutput', 'continueErrorOutput'] as const;
const [BAD, ...GOOD] = distinctNumbers(4) as [string, string, string, string];
afterEach(() => {
	jest.useRealTimers();
	jest.restoreAllMocks();
});

const ROWS = 5;
const CONCURRENCY = 2;
/** For the requests of most runs, in milliseconds: no answer is lost by a machine that is slow. */
const TIMEOUT = 60_000;

/** Each kind of trouble × On Error × the place of the row that fails × retries, over the three queries in turn. */
describe('the matrix', () => {
	/** `bad` is the index of the row that fails, `times` how often it does. */
	type Cell = { way: (typeof WAYS)[number]; bad: number; options: INodeParameters; times?: number };
	const CELLS = WAYS.flatMap((way): Cell[] => [
		...[0, 2, 4].map((bad) => ({ way, bad, options: { retries: 0 } })),
		{ way, bad: 2, options: { retries: 2 } },
		{ way, bad: 0, options: { retries: 2 }, times: 1 },
		{ way, bad: 4, options: { retries: 2, resendUncertain: false } },
	]);
	const kinds = TROUBLES.map(kindOf);
	const cases = TROUBLES.map((trouble, index) => {
		const isFirst = kinds.indexOf(kinds[index]!) === index;
		// One cell for each of its kind that follows, another one each time.
		const cells = isFirst ? CELLS : [CELLS[(7 * index) % CELLS.length]!];
		return { ...trouble, trouble, cells, count: cells.length };
	});
	const isSlow = ({ code }: Trouble) => code === 'timeout';
	// Started here, because tests that run at the same time do not wait for beforeAll.
	const starting = startSimulator({ latency: 2 });
	let simulator: Simulator;
	let next = 0;
	afterAll(async () => (await starting).close());
	test.concurrent.each(cases.filter((each) => !isSlow(each)))('$name, $count cells', play, TIMEOUT);
	// One after the other: answers that are slow would be lost, too.
	test.each(cases.filter(isSlow))('$name, $count cells', play, TIMEOUT);

	async function play({ trouble, cells }: (typeof cases)[number]): Promise<void> {
		simulator = await starting;
		const timeout = isSlow(trouble) ? 1500 : TIMEOUT;
		const sent: string[] = [];
		const saved = cells.map(async (cell, index) => {
			const { way, bad, options, times } = cell;
			const numbers = Array.from({ length: ROWS }, () => `139${String(next++).padStart(7, '0')}0`);
			sent.push(...numbers);
			simulator.script({ mobile: numbers[bad]!, fault: trouble.fault, times });
			const operation = OPERATION_NAMES[(index + next) % OPERATION_NAMES.length]!;
			const result = await runNode(phones(...numbers), {
				credential: simulator.credential,
				parameters: { operation, options: { ...options, concurrency: CONCURRENCY, timeout } },
				node: { onError: way },
			});
			expectCell(trouble, cell, numbers, result);
			return result;
		});
		const { key, openid } = simulator;
		const results = await Promise.all(saved);
		const received = simulator.received.filter(({ mobile }) => sent.includes(mobile!));
		expect(secretsIn(results, { key, openid, received })).toEqual([]);
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
		const triesAgain = trouble.class === 'transient' && (mayResend || !isLost(trouble));
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
				const wasLost = index === bad && isLost(trouble);
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
	['words without end', { code: 224919, reason: '长'.repeat(999) }, { reason: '长'.repeat(500) }],
	['another resultcode', { code: 10012, resultcode: '999' }, { resultcode: '999' }],
	['a reason that is a number', { code: 10012, reason: 42 }, { reason: '42' }],
])('%s is told as it is', async (_, fault, expected) => {
	juhe.simulator.script({ mobile: BAD, fault: { kind: 'code', ...fault } as Fault });
	const { outputs } = await juhe.run(phones(BAD), { ...CONTINUE, ...withOptions({ retries: 0 }) });
	expect(detailsOf(outputs[0]![0]!)).toMatchObject(expected);
});

const SUCCESS = JSON.stringify({ error_code: 0, reason: '成功', result: { state: '0' } });
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

describe('a reply about', () => {
	const repliesWith = async (mobile: unknown, operation: string) => {
		const body = { error_code: 0, result: { state: '0', mobile } };
		juhe.simulator.script({ fault: { kind: 'json', body } });
		const { outputs } = await juhe.run(phones(BAD, BAD), {
			...CONTINUE,
			parameters: { operation },
		});
		expect(juhe.simulator.counts.requests).toBe(1);
		return outputs[0]!;
	};
	const each = (...replies: unknown[]) =>
		replies.flatMap((replied) => OPERATION_NAMES.map((operation) => ({ replied, operation })));

	const wide = '１３９０００００００１';
	const marked = '\u202d13900000001\u202c';
	const dashed = '139–0000–0001';
	const numbers = ['13900000001', 13900000001, '+86 139-0000-0001', '1', dashed, wide, marked];
	const otherMasked = ['138****0000', '139****9999', '139****9990', '138********', '****9999'];
	const otherPrefix = [`手机13900000001`, `1${BAD}`];
	test.each(each(...numbers, "'13900000001", ...otherMasked, ...otherPrefix))(
		'$replied is no answer, $operation',
		async ({ replied, operation }) => {
			const [first] = await repliesWith(replied, operation);
			const details = { code: 'otherNumber', billable: 'uncertain', attempts: 1 };
			expect(detailsOf(first!)).toMatchObject(details);
		},
	);

	const masked = `${BAD.slice(0, 3)}****${BAD.slice(7)}`;
	const alsoMasked = `${BAD.slice(0, 3)}____${BAD.slice(7)}`;
	const none = { number: '13900000001' };
	const marks = `\u202d${BAD}\u202c`;
	const like = [`86${BAD}`, `+0086 ${BAD}`, `0${BAD}`, `手机${BAD}`, masked, alsoMasked];
	const encrypted = ['q3Rh13900000001', '13900000001/a=', 'a139****9999', '139****9999a'];
	const silent = ['*******', `${BAD.slice(0, 3)}*****`, '编号7', '', null, none, ...encrypted];
	const same = [BAD, Number(BAD), ...like, marks, ...silent];
	test.each(each(...same))('$replied is an answer, $operation', async ({ replied, operation }) => {
		const [, second] = await repliesWith(replied, operation);
		expect(statusOf(second!)).toMatchObject({ mobile: BAD, source: 'duplicate' });
	});
});

test.each([401, 403, 404])('HTTP %d ends a run at once, and says what to check', async (status) => {
	juhe.simulator.script({ fault: { kind: 'http', status } });
	const { outputs } = await juhe.run(phones(...GOOD), {
		...CONTINUE,
		...withOptions({ concurrency: 1 }),
	});
	const remedy = expect.stringContaining("'Base URL'") as unknown;
	for (const item of outputs[0]!) expect(detailsOf(item)).toMatchObject({ code: status, remedy });
	expect(juhe.simulator.counts.requests).toBe(1);
});

test.each(['x10012', '10012x', '1e4', true, 10012.5, [10012], { code: 10012 }, null])(
	'%j is no error_code',
	async (error_code) => {
		juhe.simulator.script({ fault: { kind: 'json', body: { error_code } } });
		const { outputs } = await juhe.run(phones(BAD), CONTINUE);
		expect(detailsOf(outputs[0]![0]!)).toMatchObject({ code: 'notJuhe', billable: 'uncertain' });
	},
);

test('success whose error_code is a text is success', async () => {
	const body = { error_code: '0', result: { state: '4' } };
	juhe.simulator.script({ fault: { kind: 'json', body } });
	const { outputs } = await juhe.run(phones(BAD));
	expect(outputs[0]![0]!.json.route).toBe('preCancelled');
});

const ASKED = { mobile: BAD, attempts: 1, maybeBilled: false, redact: String };

describe('no connection', () => {
	const toNobody = async (onError: (typeof WAYS)[number]) => {
		await juhe.simulator.refuse();
		const how = { node: { onError }, ...withOptions({ retries: 1 }) };
		return await juhe.run(phones(BAD, ...GOOD), how);
	};

	test('to a service that is down stops the workflow', async () => {
		const { outputs, error } = await toNobody('stopWorkflow');
		expect(outputs).toEqual([]);
		expect(error!.message).toMatch(/^Juhe connectionRefused: /);
		expect(error!.context).toHaveProperty('itemIndex');
	});

	test.each(WAYS.slice(1))('to a service that is down: each row says so (%s)', async (onError) => {
		const items = (await toNobody(onError)).outputs.flat();
		const failed = { attempts: 2, billable: 'no' };
		expect(items.map(detailsOf)).toMatchObject([failed, failed, failed, failed]);
		const messages = items.map(({ json }) => json.error as string);
		expect(messages.filter((each) => !each.startsWith('Juhe connectionRefused: '))).toEqual([]);
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

	const circle: { cause?: unknown } = {};
	circle.cause = circle;
	const wrapped = (code: string) => [{ code }, { cause: { cause: { code } } }];
	const refused = [...wrapped('ECONNREFUSED')];
	const lost = ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ETIMEDOUT', 'ERR_BAD_RESPONSE'];
	const yet = ['EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'];
	const never = ['ENOTFOUND', 'CERT_HAS_EXPIRED', 'ERR_TLS_X'];
	const cases = [
		{
			code: 'connectionLost',
			kind: 'transient',
			billable: 'uncertain',
			errors: lost.flatMap(wrapped),
		},
		{ code: 'connectionRefused', kind: 'transient', billable: 'no', errors: refused },
		{ code: 'noConnection', kind: 'transient', billable: 'no', errors: yet.flatMap(wrapped) },
		{ code: 'noConnection', kind: 'permanent', billable: 'no', errors: never.flatMap(wrapped) },
		{
			code: 'noConnection',
			kind: 'permanent',
			billable: 'no',
			errors: [circle, undefined, 'text'],
		},
	];
	const parsedFrom = async (error: unknown) => {
		const helpers = { httpRequestWithAuthentication: () => Promise.reject(error as Error) };
		const context = { helpers } as unknown as IExecuteFunctions;
		const send = createSend(context, {} as Account, {}, { method: 'POST', timeout: TIMEOUT });
		return parseReply(await send(BAD), ASKED);
	};
	test.each(cases)('is $code ($kind, $billable), however deep n8n wraps it', async (expected) => {
		const { code, kind, billable, errors } = expected;
		const failed = { failure: { class: kind, details: { code, billable } } };
		const parsed = await Promise.all(errors.map(parsedFrom));
		expect(parsed).toMatchObject(errors.map(() => failed));
	});

	test.each([
		{ networkCode: 'ENOTFOUND', error: { code: 'ENOTFOUND' } },
		{ networkCode: 'none', error: 'text' },
	])('is told with the code of the network, $networkCode', async ({ networkCode, error }) => {
		const remedy = expect.stringContaining(networkCode) as string;
		expect(await parsedFrom(error)).toMatchObject({ failure: { details: { remedy } } });
	});
});

describe('tries', () => {
	const account = { encrypt: String, secrets: [] as string[] } as unknown as Account;
	const at = Date.parse('2026-11-24T08:00:00Z');
	const waits = { none: [], grow: [375, 750, 1500], jitter: [625, 1250, 2500] };
	const utc = (time: number) => new Date(time).toUTCString();
	const slot: Slot = { startedAt: 0, release: () => {} };
	const limited = { text: '{"error_code":10011}', statusCode: 200 };
	const suspect = { text: '{"error_code":224915}', statusCode: 200 };
	const options = {
		slot,
		signal: new AbortController().signal,
		lostAnswers: 0,
		maybeBilled: false,
		reserve: () => true,
		onFailedRequest: () => {},
	};

	test.each<[object, number[], string?, string?]>([
		[{}, waits.grow],
		[{ random: 1 - Number.EPSILON }, waits.jitter],
		[{ after: '2' }, [2000, 2000, 2000]],
		[{ after: utc(at + 9000) }, [9000, 9000, 9000]],
		// The clock of this machine is an hour off.
		[{ after: utc(at + 3_609_000), date: utc(at + 3_600_000) }, [9000, 9000, 9000]],
		[{ after: '2.25' }, [2250, 2250, 2250]],
		[{ after: 'soon' }, waits.grow],
		[{ after: '2 soon' }, waits.grow],
		[{ after: 'soon 2' }, waits.grow],
		[{ after: '61' }, waits.none],
		[{ ...limited, after: '60' }, [60_000, 60_000, 60_000], 'explicit'],
		[{ statusCode: 429 }, waits.grow, 'explicit'],
		// Nothing can work for longer than anybody waits.
		[{ ...limited, after: '61' }, waits.none, 'explicit', 'fatal'],
		[suspect, waits.grow, 'suspected'],
		[{ ...suspect, after: '61' }, waits.none, 'suspected'],
	])('after %j wait %j', async (answer, expected, signal = undefined, ends = 'transient') => {
		const headerless: { after?: string; date?: string } = {};
		const defaults = { statusCode: 503, text: '', random: 0, ...headerless };
		const { after, date, random, ...reply } = { ...defaults, ...answer };
		const [waited, held, signals]: [number[], number[], unknown[]] = [[], [], []];
		setClock(at);
		jest.spyOn(Math, 'random').mockReturnValue(random);
		const limiter = {
			acquire: async (_signal: AbortSignal, delay: number) => {
				waited.push(Math.round(delay));
				return slot;
			},
			onReply: () => signals.push(undefined),
			onRateLimit: (_slot: Slot, told: unknown, wait: number) => {
				signals.push(told);
				held.push(wait);
			},
		} as unknown as RateLimiter;
		const headers = { 'retry-after': after, date };
		const settings = { retries: 3, maskNumber: false, resendUncertain: true };
		const client = new Client(account, async () => ({ ...reply, headers }), limiter, settings);
		const ended = await client.lookup(BAD, options);
		expect(waited).toEqual(expected);
		// A wait that ends the run holds back nobody.
		expect(Math.max(0, ...held)).toBe(signal && after === '60' ? 60_000 : 0);
		expect(ended).toMatchObject({ failure: { class: ends } });
		expect(new Set(signals)).toEqual(new Set(signal === undefined ? [] : [signal]));
	});

	const success = '{"error_code":0,"result":{"state":"0"}}';
	test.each<[string, string | Error, number, boolean]>([
		['an answer', success, 200, true],
		['an answer behind HTTP 500', success, 500, true],
		['a code', '{"error_code":224919}', 200, true],
		['no result', '{"error_code":0}', 200, true],
		['another number', '{"error_code":0,"result":{"mobile":"13900000001"}}', 200, true],
		['a page', '<html>', 200, false],
		['a page of a gateway', '<html>', 502, false],
		['the code of a gateway', '{"error_code":7}', 503, false],
	])('tell the rate limiter what the service itself replies: %s', async (...given) => {
		const [, text, statusCode, isReply] = given;
		const onReply = jest.fn();
		const limiter = { onReply } as unknown as RateLimiter;
		const settings = { retries: 0, maskNumber: false, resendUncertain: true };
		const send = async () => ({ text: String(text), statusCode, headers: {} });
		await new Client(account, send, limiter, settings).lookup(BAD, options);
		expect(onReply).toHaveBeenCalledTimes(isReply ? 1 : 0);
	});

	test('count lost answers, and end where the cap or the lookup breaks off', async () => {
		const release = jest.fn();
		const limiter = { acquire: async () => ({ ...slot, release }) } as unknown as RateLimiter;
		const settings = { retries: 5, maskNumber: false, resendUncertain: true };
		const lookup = async (change: object, broken = false) => {
			const send = async () => {
				if (broken) throw new Error('a secret');
				return { networkCode: 'ECONNRESET', timedOut: false };
			};
			const given = { ...options, lostAnswers: 1, ...change };
			return await new Client(account, send, limiter, settings).lookup(BAD, given);
		};
		const lost = { class: 'transient', details: { code: 'connectionLost' } };
		expect(await lookup({})).toMatchObject({ failure: lost, lostAnswers: 6 });
		release.mockClear();
		expect(await lookup({ reserve: () => false })).toMatchObject({ failure: lost, lostAnswers: 2 });
		expect(release).toHaveBeenCalledTimes(1);
		const details = { code: 'unexpected', attempts: 1, billable: 'uncertain' };
		const unexpected = { failure: { class: 'permanent', details }, lostAnswers: 2 };
		const brokenOff = await lookup({ slot: { ...slot, release } }, true);
		expect(brokenOff).toMatchObject(unexpected);
		expect(release).toHaveBeenCalledTimes(2);
		expect(JSON.stringify(brokenOff)).not.toContain('secret');
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

describe('a cell without a number', () => {
	const BAD_CELL = '010-62345678';
	const rows = phones(GOOD[0], BAD_CELL, GOOD[1]);
	const reason = 'begins with 0, as landlines do';

	test('stops the workflow before any is paid, also at the cap', async () => {
		const { error } = await juhe.run(rows, withOptions({ maxQueries: 0 }));
		const message = `'Mobile Number' holds no mobile number in 1 of 3 items. Item 1 ${reason}. Nothing was sent.`;
		expect(error).toMatchObject({ name: 'NodeOperationError', message, context: { itemIndex: 1 } });
		expect(juhe.simulator.counts.requests).toBe(0);
	});

	test.each(WAYS.slice(1))('fails alone (%s)', async (onError) => {
		const { outputs } = await juhe.run(rows, { node: { onError } });
		const failed = outputs.flat().find((item) => rowOf(item) === 1)!;
		const nothing = { resultcode: null, reason: null, attempts: 0, billable: 'no' };
		const details = { code: 'invalidNumber', remedy: expect.any(String) as string, ...nothing };
		expect(failed.json).toMatchObject({ phone: BAD_CELL, error: `'Mobile Number' ${reason}` });
		expect(detailsOf(failed)).toEqual(details);
		expect(juhe.simulator.counts.requests).toBe(2);
	});
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

	describe('is not due to a row that waits', () => {
		beforeEach(() => {
			juhe.simulator.script({ mobile: GOOD[0], fault: { kind: 'code', code: 224915 } });
			juhe.simulator.script({ mobile: BAD, latency: 30, fault: { kind: 'code', code: 10012 } });
		});
		afterEach(() => expect(juhe.simulator.counts.requests).toBe(2));

		test('but to the one that is named', async () => {
			const { error } = await juhe.run(phones(GOOD[0], BAD));
			const message = expect.stringContaining('10012') as string;
			expect(error).toMatchObject({ message, context: { itemIndex: 1 } });
		});

		test('whose own code is told', async () => {
			const { outputs } = await juhe.run(phones(GOOD[0], BAD), CONTINUE);
			expect(outputs[0]!.map((item) => detailsOf(item)!.code)).toEqual([224915, 10012]);
		});
	});

	const checkedAt = new Date().toISOString();
	const answer = { result: null, attempts: 1, billable: 'yes' as const, checkedAt };
	const failure = {
		message: 'The execution is cancelled. Not sent (notQueried).',
		details: { code: 'cancelled', notQueried: true, billable: 'no' },
	};
	test.each([
		{
			name: 'is cancelled',
			cancelSignal: AbortSignal.abort(),
			lookups: 0,
			outcome: { failure },
		},
		{ name: 'goes on', cancelSignal: new AbortController().signal, outcome: { answer } },
		{ name: 'cannot be cancelled', cancelSignal: undefined, outcome: { answer } },
	])('of an execution that $name leaves nothing that listens on', async (expected) => {
		const { cancelSignal, outcome, lookups = 1 } = expected;
		const lookup = jest.fn(async () => ({ answer }));
		const client = { lookup } as unknown as Client;
		const record = { entries: {}, queries: 0, planned: {} };
		const ledger = new Ledger('', record, new RateLimiter(sleep as never));
		const { outcomes } = await new ListRun(client, ledger, {
			...{ call: 0, concurrency: 2, maxQueries: 99, reuseResults: false, stopOnFailure: true },
			...{ retries: 0, failOnNoRecord: false, resendUncertain: true, cancelSignal },
		}).toEnd([{ mobile: BAD }]);
		expect(lookup).toHaveBeenCalledTimes(lookups);
		expect(outcomes[0]).toMatchObject(outcome);
		expect(cancelSignal ? getEventListeners(cancelSignal, 'abort') : []).toEqual([]);
	});

	test('by a cancelled execution: waits end at once, and nothing more is sent', async () => {
		juhe.simulator.script({ fault: { kind: 'code', code: 224915 } });
		jest.spyOn(Math, 'random').mockReturnValue(0);
		let cancel = () => {};
		const finished = juhe.run(phones(...distinctNumbers(20)), {
			...{ ...CONTINUE, ...withOptions({ concurrency: 5, retries: 5 }) },
			onStart: (stop) => (cancel = stop),
		});
		while (juhe.simulator.counts.requests < 5) await sleep(5);
		cancel();
		const { run: ended } = await finished;
		const sent = juhe.simulator.counts.requests;
		// The first wait would be over.
		await sleep(500);
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
