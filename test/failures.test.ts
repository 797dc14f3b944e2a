import { getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import { aesKeyOf } from '../nodes/JuheMobileStatus/encryption';
import { JUHE_CODES, networkFailure, readReply } from '../nodes/JuheMobileStatus/errors';
import type { Memory } from '../nodes/JuheMobileStatus/memory';
import { Pace } from '../nodes/JuheMobileStatus/pace';
import { run } from '../nodes/JuheMobileStatus/run';
import {
	CONTINUE,
	detailsOf,
	distinctNumbers,
	ERROR_OUTPUT,
	OPERATION_NAMES,
	phones,
	rowOf,
	setClock,
	useSimulator,
	withOptions,
} from './simulated';
import type { Fault } from './simulator/simulator';

const juhe = useSimulator();

/** API document, section 4: error_code, older resultcode, reason; and the class that the contract gives it. */
const CODES = [
	[10001, '101', '错误的请求KEY', 'account'],
	[10002, '102', '该KEY无请求权限', 'account'],
	[10003, '103', 'KEY过期', 'account'],
	[10004, '104', '错误的OPENID', 'account'],
	[10005, '105', '应用未审核超时，请提交认证', 'account'],
	[10007, '107', '未知的请求源', 'account'],
	[10008, '108', '被禁止的IP', 'account'],
	[10009, '109', '被禁止的KEY', 'account'],
	[10011, '111', '当前IP请求超过限制', 'mayPass'],
	[10012, '112', '请求超过次数限制', 'account'],
	[10013, '113', '测试KEY超过请求限制', 'account'],
	[
		10014,
		'114',
		'系统内部异常(调用充值类业务时，请务必联系客服或通过订单查询接口检测订单，避免造成损失)',
		'mayPass',
	],
	[10020, '120', '接口维护', 'account'],
	[10021, '121', '接口停用', 'account'],
	[224902, null, '参数错误', 'row'],
	[224915, null, '网络异常,请重试', 'mayPass'],
	[224919, null, '查询失败', 'row'],
	[224922, null, '查询无此记录', 'row'],
	[224924, null, '同一手机号请求过于频繁', 'mayPass'],
	[299999, null, '未知错误', 'row'],
] as const;

const [BAD, ...GOOD] = ['13800138001', '13800138000', '13800138002', '13800138003'] as const;
/** A fault for the number that each of these tests fails. */
function failing(fault: Fault, times?: number) {
	juhe.simulator.script({ mobile: BAD, fault, ...(times && { times }) });
}
const NO_RETRY = { retries: 0 };

test('the code table holds the codes of the document, and no other', () => {
	expect(Object.keys(JUHE_CODES).map(Number)).toEqual(
		CODES.map(([code]) => code as number).filter((code) => code !== 299999),
	);
});

describe.each(CODES)('code %i', (code, resultcode, reason, errorClass) => {
	const rows = phones(GOOD[0], BAD, GOOD[1]);
	const details = {
		code,
		resultcode,
		reason,
		remedy: expect.stringMatching(/^[A-Z].+\.$/),
		attempts: 1,
		billable: 'no',
	};

	test.each([false, true])(
		'is the error of its row, with its details (as a string: %s)',
		async (asString) => {
			failing({ kind: 'code', code, asString });
			const { outputs } = await juhe.run(rows, {
				...CONTINUE,
				...withOptions({ ...NO_RETRY, concurrency: 1 }),
			});

			expect(outputs[0]).toHaveLength(3);
			expect(outputs[0]![1]).toEqual({
				json: {
					phone: BAD,
					error: expect.stringMatching(new RegExp(`^Juhe ${code}: [A-Z].+\\.$`)),
					details,
				},
				pairedItem: { item: 1 },
			});
			const last = outputs[0]![2]!;
			if (errorClass !== 'account') {
				expect(last.json.route).toBe('normal');
				return;
			}
			expect(last.json).toMatchObject({
				phone: GOOD[1],
				error: expect.stringMatching(new RegExp(`^Juhe ${code}: .*notQueried`)),
				details: { ...details, attempts: 0, notQueried: true },
			});
			expect(juhe.simulator.counts.requests).toBe(2);
		},
	);

	test('on the error output comes with its row and its details', async () => {
		failing({ kind: 'code', code });
		const { outputs } = await juhe.run(rows, {
			...ERROR_OUTPUT,
			...withOptions({ ...NO_RETRY, concurrency: 3 }),
		});

		expect(outputs.map((output) => output.length)).toEqual([2, 1]);
		expect(outputs[1]![0]).toMatchObject({
			json: { phone: BAD, error: expect.stringContaining(`Juhe ${code}: `), details },
			pairedItem: { item: 1 },
		});
	});

	test('stops the workflow with message, description and item', async () => {
		failing({ kind: 'code', code });
		const { error } = await juhe.run(rows, withOptions(NO_RETRY));

		expect(error).toMatchObject({
			name: 'NodeApiError',
			message: expect.stringMatching(new RegExp(`^Juhe ${code}: [A-Z].+\\.$`)),
			context: { itemIndex: 1 },
			// n8n shows it under Error details.
			errorResponse: { error_code: code, resultcode, reason },
		});
		const old = resultcode === null ? '' : ` (resultcode ${resultcode})`;
		const said = `The service says “${reason}”${old}. `;
		expect(error!.description).toEqual(expect.stringContaining(said));
		expect((error!.description as string).replace(said, '')).toMatch(/^[A-Z](?!his query).+\.$/);
	});

	test(errorClass === 'mayPass' ? 'is tried again' : 'is not tried again', async () => {
		failing({ kind: 'code', code }, 1);
		const { outputs } = await juhe.run(phones(BAD), {
			...CONTINUE,
			...withOptions({ retries: 1 }),
		});

		const passed = errorClass === 'mayPass';
		expect(juhe.simulator.counts.requests).toBe(passed ? 2 : 1);
		if (passed)
			expect(outputs[0]![0]!.json.mobileStatus).toMatchObject({ attempts: 2, billable: 'yes' });
		else expect(outputs[0]![0]!.json.error).toContain(String(code));
	});
});

/** What may go wrong beside codes: the fault, the row's code and what may have been billed. */
const FAULTS: Array<
	[name: string, fault: Fault, code: string | number, mayPass: boolean, lost: boolean]
> = [
	['HTTP 429', { kind: 'http', status: 429 }, 429, true, false],
	['HTTP 502 with HTML', { kind: 'http', status: 502 }, 502, true, false],
	['HTTP 503', { kind: 'http', status: 503 }, 503, true, false],
	['HTTP 504', { kind: 'http', status: 504 }, 504, true, false],
	['HTTP 500', { kind: 'http', status: 500 }, 500, false, false],
	['HTTP 404', { kind: 'http', status: 404 }, 404, false, false],
	[
		'a redirect',
		{ kind: 'http', status: 302, headers: { location: 'http://127.0.0.1:1/' } },
		302,
		false,
		false,
	],
	['a reset before the answer', { kind: 'resetBefore' }, 'connectionLost', true, true],
	['a reset within the answer', { kind: 'resetMidBody' }, 'connectionLost', true, true],
	['no answer', { kind: 'hang' }, 'timeout', true, true],
	['an answer that drips', { kind: 'drip', intervalMs: 40 }, 'timeout', true, true],
];

describe.each(FAULTS)('%s', (_, fault, code, mayPass, lost) => {
	const timeout = 150;
	const billable = lost ? 'uncertain' : 'no';

	test('is an error of its row', async () => {
		failing(fault);
		const { outputs } = await juhe.run(phones(GOOD[0], BAD, GOOD[1]), {
			...CONTINUE,
			...withOptions({ ...NO_RETRY, timeout }),
		});

		expect(outputs[0]!.map(({ json }) => json.route)).toEqual(['normal', undefined, 'normal']);
		expect(outputs[0]![1]!.json).toMatchObject({
			error: expect.stringMatching(new RegExp(`^Juhe ${code}: [A-Z].+\\.$`)),
			details: { code, attempts: 1, billable },
		});
	});

	test('stops the workflow with a message of ours', async () => {
		failing(fault);
		const { error } = await juhe.run(phones(BAD), withOptions({ ...NO_RETRY, timeout }));
		expect(error).toMatchObject({
			name: 'NodeApiError',
			message: expect.stringMatching(`^Juhe ${code}: `),
			description: expect.stringMatching(
				`^${lost ? 'This query may have been billed. ' : ''}(Check|Raise|Run) .+\\.$`,
			),
		});
	});

	test(mayPass ? 'passes at the second try' : 'is not tried again', async () => {
		failing(fault, 1);
		const { outputs } = await juhe.run(phones(BAD), {
			...CONTINUE,
			...withOptions({ retries: 1, timeout }),
		});

		expect(juhe.simulator.counts.requests).toBe(mayPass ? 2 : 1);
		if (mayPass) {
			expect(outputs[0]![0]!.json.mobileStatus).toMatchObject({
				attempts: 2,
				billable: lost ? 'uncertain' : 'yes',
			});
		}
	});

	test('with Resend After Lost Answer off', async () => {
		failing(fault, 1);
		await juhe.run(phones(BAD), {
			...CONTINUE,
			...withOptions({ retries: 1, timeout, resendUncertain: false }),
		});
		expect(juhe.simulator.counts.requests).toBe(mayPass && !lost ? 2 : 1);
	});
});

describe('an answer that is none', () => {
	const bodies: Array<[name: string, fault: Fault, code: string]> = [
		['HTML with 200', { kind: 'notJson' }, 'notJuhe'],
		['a list', { kind: 'json', body: [{ error_code: 0 }] }, 'notJuhe'],
		['a text', { kind: 'json', body: 'ok' }, 'notJuhe'],
		['null', { kind: 'json', body: null }, 'notJuhe'],
		['no error_code', { kind: 'json', body: { result: { state: '0' } } }, 'notJuhe'],
		[
			'an error_code that is no number',
			{ kind: 'json', body: { error_code: 'x', result: { state: '0' } } },
			'notJuhe',
		],
		[
			'a blank error_code',
			{ kind: 'json', body: { error_code: ' ', result: { state: '0' } } },
			'notJuhe',
		],
		[
			'an empty error_code',
			{ kind: 'json', body: { error_code: '', result: { state: '0' } } },
			'notJuhe',
		],
		['success without result', { kind: 'missingResult' }, 'noResult'],
		['an empty result', { kind: 'json', body: { error_code: 0, result: {} } }, 'noResult'],
		[
			'a result that is a list',
			{ kind: 'json', body: { error_code: 0, result: [{ state: '0' }] } },
			'noResult',
		],
		[
			'a megabyte',
			{ kind: 'json', body: { error_code: 0, result: { state: '0', pad: 'x'.repeat(1e6) } } },
			'notJuhe',
		],
	];
	test.each(bodies)('%s', async (_, fault, code) => {
		failing(fault);
		const { outputs } = await juhe.run(phones(BAD, GOOD[0]), CONTINUE);

		expect(outputs[0]![0]!.json).toMatchObject({
			error: expect.stringMatching(`^Juhe ${code}: [A-Z].+\\.$`),
			details: { code, attempts: 1, billable: 'uncertain' },
		});
		expect(outputs[0]![1]!.json.route).toBe('normal');
		expect(juhe.simulator.counts.requests).toBe(2);
	});

	test('success whose error_code is a string is success', async () => {
		failing({ kind: 'json', body: { error_code: '0', result: { state: '4' } } });
		const { outputs } = await juhe.run(phones(BAD));
		expect(outputs[0]![0]!.json.route).toBe('preCancelled');
	});
});

test('an undocumented code in an HTTP failure is told, and what a gateway answers may still pass', async () => {
	failing({ kind: 'code', code: 777, httpStatus: 400, reason: '坏请求' });
	const refused = await juhe.run(phones(BAD), CONTINUE);
	expect(refused.outputs[0]![0]!.json.details).toMatchObject({ code: 777, reason: '坏请求' });

	juhe.simulator.reset();
	failing({ kind: 'code', code: 777, httpStatus: 503 }, 1);
	const passed = await juhe.run(phones(BAD));
	expect(passed.outputs[0]![0]!.json.route).toBe('normal');
});

test('a reason of any length is told to its first 500 characters', async () => {
	failing({ kind: 'code', code: 224919, reason: '长'.repeat(9999) });
	const { outputs } = await juhe.run(phones(BAD), CONTINUE);
	expect(detailsOf(outputs[0]![0]!)?.reason).toBe('长'.repeat(500));
});

test("the service's own resultcode is told, and a reason that is a number", () => {
	const text = JSON.stringify({ error_code: 10012, resultcode: '999', reason: 42 });
	expect(readReply({ statusCode: 200, headers: {}, text }, (words) => words)).toMatchObject({
		failure: { details: { resultcode: '999', reason: '42' } },
	});
});

test('fields of an answer keep their types', () => {
	const result = { state: 3, isp: true, city: null };
	const text = JSON.stringify({ error_code: 0, result });
	expect(readReply({ statusCode: 200, headers: {}, text }, (words) => words)).toEqual({ result });
});

test('a refused connection is tried again, and named', async () => {
	await juhe.simulator.refuse();
	const { outputs } = await juhe.run(phones(BAD), { ...CONTINUE, ...withOptions({ retries: 1 }) });
	expect(outputs[0]![0]!.json).toMatchObject({
		error: 'Juhe connectionRefused: The service refused the connection.',
		details: { code: 'connectionRefused', attempts: 2, billable: 'no' },
	});
});

test.each([
	['ECONNRESET', 'connectionLost', 'mayPass', true],
	['EPIPE', 'connectionLost', 'mayPass', true],
	['ECONNABORTED', 'connectionLost', 'mayPass', true],
	['ETIMEDOUT', 'connectionLost', 'mayPass', true],
	['ERR_BAD_RESPONSE', 'connectionLost', 'mayPass', true],
	['ECONNREFUSED', 'connectionRefused', 'mayPass', undefined],
	['EAI_AGAIN', 'noConnection', 'mayPass', undefined],
	['EHOSTUNREACH', 'noConnection', 'mayPass', undefined],
	['ENETUNREACH', 'noConnection', 'mayPass', undefined],
	['ENOTFOUND', 'noConnection', 'row', undefined],
	['CERT_HAS_EXPIRED', 'noConnection', 'row', undefined],
])(
	'what node calls %s is %s, however deep n8n wraps it',
	(networkCode, code, errorClass, lostAnswer) => {
		for (const error of [{ code: networkCode }, { cause: { cause: { code: networkCode } } }]) {
			expect(networkFailure(error, false)).toMatchObject({
				class: errorClass,
				details: { code },
				...(lostAnswer && { lostAnswer }),
			});
			const { message, details } = networkFailure(error, false);
			expect(message).toMatch(/^Juhe \w+: [A-Z].+\.$/);
			expect(message.includes('refused')).toBe(code === 'connectionRefused');
			if (!lostAnswer) expect(details.remedy).toContain(`Network code: ${networkCode}.`);
		}
	},
);

test('an error without a code, be it its own cause, is a connection that never was', () => {
	const error: { cause?: unknown } = {};
	error.cause = error;
	expect(networkFailure(error, false)).toMatchObject({
		class: 'row',
		details: { code: 'noConnection', billable: 'no' },
	});
});

test('a host that does not exist is named, not tried again', async () => {
	const { outputs } = await juhe.run(phones(BAD), {
		...CONTINUE,
		credential: { baseUrl: 'http://juhe.invalid' },
	});
	expect(outputs[0]![0]!.json.details).toMatchObject({ code: 'noConnection', billable: 'no' });
});

test('a number that was lost once stays uncertain, whatever comes after', async () => {
	failing({ kind: 'resetBefore' }, 1);
	failing({ kind: 'code', code: 224919 });
	const { outputs } = await juhe.run(phones(BAD, `+86${BAD}`), CONTINUE);
	expect(outputs[0]!.map(({ json }) => json.details)).toEqual([
		expect.objectContaining({ code: 224919, attempts: 2, billable: 'uncertain' }),
		expect.objectContaining({ code: 224919, attempts: 0, billable: 'no' }),
	]);
});

describe('a bad number', () => {
	const rows = phones(GOOD[0], '010-62345678', GOOD[1]);

	test('is an error of its row alone, told without the number', async () => {
		const { outputs } = await juhe.run(rows, CONTINUE);
		expect(outputs[0]!.map(({ json }) => json.route)).toEqual(['normal', undefined, 'normal']);
		expect(outputs[0]![1]!.json).toEqual({
			phone: '010-62345678',
			error: 'Mobile Number of row 2 begins with 0, as landlines do',
			details: {
				code: 'invalidNumber',
				resultcode: null,
				reason: null,
				remedy: expect.stringMatching(/^Correct the number/),
				attempts: 0,
				billable: 'no',
			},
		});
	});

	test('stops the workflow before a single number is paid', async () => {
		const { error } = await juhe.run(rows);
		expect(error).toMatchObject({
			name: 'NodeOperationError',
			message: expect.stringContaining('of row 2 '),
			context: { itemIndex: 1 },
		});
		expect(error!.message).not.toContain('62345678');
		expect(juhe.simulator.counts.requests).toBe(0);
	});
});

describe('On Error: Stop', () => {
	test('throws the earliest failing row once what is under way has ended, and sends nothing further', async () => {
		const numbers = distinctNumbers(20);
		// The later row fails first; the earlier one is still under way then.
		juhe.simulator.latency = 30;
		juhe.simulator.script({
			mobile: numbers[4]!,
			latency: 5,
			fault: { kind: 'code', code: 224919 },
		});
		juhe.simulator.script({ mobile: numbers[2]!, fault: { kind: 'code', code: 224902 } });
		const { error } = await juhe.run(phones(...numbers), withOptions({ concurrency: 5 }));

		expect(error).toMatchObject({
			message: expect.stringContaining('224902'),
			context: { itemIndex: 2 },
		});
		expect(juhe.simulator.counts).toMatchObject({ requests: 5, inFlight: 0 });
	});

	test('blames the row that ended the run, not one that waited for its next try', async () => {
		juhe.simulator.script({ mobile: GOOD[0], fault: { kind: 'code', code: 224915 } });
		juhe.simulator.script({ mobile: BAD, latency: 30, fault: { kind: 'code', code: 10012 } });
		const { error } = await juhe.run(phones(GOOD[0], BAD));
		expect(error).toMatchObject({
			message: expect.stringContaining('10012'),
			context: { itemIndex: 1 },
		});
	});
});

describe('the account', () => {
	test('ends the run at once: what is under way comes out, the rest says notQueried', async () => {
		const numbers = distinctNumbers(60);
		juhe.simulator.latency = 20;
		juhe.simulator.script({
			mobile: numbers[12]!,
			latency: 1,
			fault: { kind: 'code', code: 10012 },
		});
		const { outputs } = await juhe.run(phones(...numbers), {
			...CONTINUE,
			...withOptions({ concurrency: 10 }),
		});

		const items = outputs[0]!;
		expect(items.map(rowOf)).toEqual(numbers.map((_, index) => index));
		const notSent = items.filter((item) => detailsOf(item)?.notQueried);
		const answered = items.filter(({ json }) => json.route === 'normal');
		expect(answered.length).toBeLessThanOrEqual(22);
		expect(answered.length + notSent.length).toBe(59);
		expect(juhe.simulator.counts.requests).toBe(answered.length + 1);
		expect(notSent[0]!.json.details).toMatchObject({ code: 10012, attempts: 0, billable: 'no' });
	});

	test('leaves a row that waited for its next try with what it met itself', async () => {
		juhe.simulator.script({ mobile: GOOD[0], fault: { kind: 'code', code: 224915 } });
		juhe.simulator.script({ mobile: BAD, latency: 30, fault: { kind: 'code', code: 10012 } });
		const { outputs } = await juhe.run(phones(GOOD[0], BAD), CONTINUE);
		expect(outputs[0]!.map((item) => detailsOf(item)?.code)).toEqual([224915, 10012]);
		expect(juhe.simulator.counts.requests).toBe(2);
	});
});

test.each([
	[0, [375, 750, 1500]],
	[1 - Number.EPSILON, [625, 1250, 2500]],
])('waits between tries grow, and are jittered (%d)', async (random, expected) => {
	// The clock stands still, and no wait is waited for.
	setClock(Date.now());
	jest.spyOn(Math, 'random').mockReturnValue(random);
	const turn = Object.getOwnPropertyDescriptor(Pace.prototype, 'turn')?.value as Pace['turn'];
	const waits: number[] = [];
	jest.spyOn(Pace.prototype, 'turn').mockImplementation(function (this: Pace, notBefore) {
		if (notBefore > 0) waits.push(Math.round(notBefore - Date.now()));
		return turn.call(this, 0);
	});
	try {
		failing({ kind: 'code', code: 224924 });
		await juhe.run(phones(BAD), { ...CONTINUE, ...withOptions({ retries: 3 }) });
	} finally {
		jest.restoreAllMocks();
		jest.useRealTimers();
	}
	expect(waits).toEqual(expected);
});

describe('cancelling the execution', () => {
	test('before the first request sends nothing; after the run nothing listens for it any more', async () => {
		const cancelled = new AbortController();
		cancelled.abort();
		const running = new AbortController();
		for (const signal of [cancelled.signal, running.signal, undefined]) {
			const query = jest.fn(async () => ({
				answer: { result: null, attempts: 1, billable: 'yes' as const, checkedAt: '' },
			}));
			const memory = {
				recall: () => undefined,
				record: () => undefined,
				sentInVain: () => undefined,
			} as Partial<Memory> as Memory;
			const conduct = {
				concurrency: 2,
				requestsPerSecond: 0,
				maxQueries: 0,
				resendUncertain: true,
				stopOnFailure: true,
				cancelSignal: signal,
			};
			const [outcome] = await run(
				[{ mobile: BAD }],
				async (_, pace) => ((await pace.turn(0)) ? await query() : undefined),
				memory,
				conduct,
			);
			expect(query).toHaveBeenCalledTimes(signal?.aborted ? 0 : 1);
			if (signal?.aborted) {
				expect(outcome).toMatchObject({
					failure: {
						message: 'The execution was cancelled. This row was not sent (notQueried).',
						details: { code: 'cancelled', notQueried: true, billable: 'no' },
					},
				});
			}
			if (signal) expect(getEventListeners(signal, 'abort')).toEqual([]);
		}
	});

	test('ends waits at once and sends nothing more', async () => {
		juhe.simulator.script({ fault: { kind: 'code', code: 224915 } });
		let cancel = () => {};
		const finished = juhe.run(phones(...distinctNumbers(20)), {
			...CONTINUE,
			...withOptions({ concurrency: 5, retries: 5 }),
			onStart: (stop) => (cancel = stop),
		});
		// Past the first requests, and in the wait before their second try.
		await new Promise((resolve) => setTimeout(resolve, 100));
		const sent = juhe.simulator.counts.requests;
		cancel();
		const { run } = await finished;
		await new Promise((resolve) => setTimeout(resolve, 1000));

		expect(run.status).toBe('canceled');
		expect(sent).toBe(5);
		expect(juhe.simulator.counts.requests).toBe(5);
	});
});

describe('no secret is left behind', () => {
	/** Ways in which a service may send back what it was sent. */
	const ECHOES: Record<string, (echo: string) => { status?: number; body: unknown }> = {
		'in the reason of an account code': (echo) => ({
			body: { error_code: 10012, resultcode: echo, reason: echo, result: { key: echo } },
		}),
		'in the reason of an unknown code': (echo) => ({ body: { error_code: 299999, reason: echo } }),
		'as the code': (echo) => ({ body: { error_code: echo } }),
		'in the result': (echo) => ({
			body: {
				error_code: 0,
				result: { state: echo, city: echo, mobile: echo, [echo]: echo, more: { echo } },
			},
		}),
		'as text': (echo) => ({ body: echo }),
		'in an HTTP failure': (echo) => ({ status: 502, body: { message: echo } }),
		'in a refusal': (echo) => ({ status: 400, body: { error_code: 1, reason: echo } }),
	};
	let answer: (echo: string) => { status?: number; body: unknown };
	let sent: URLSearchParams[] = [];
	const echoing = createServer(async (request, response) => {
		const body = await text(request);
		const form = new URLSearchParams(body || request.url!.split('?')[1]);
		sent.push(form);
		const reply = answer(
			[
				request.url,
				body,
				...form.values(),
				body.replaceAll(/%../g, (encoded) => encoded.toLowerCase()),
				...[...form.values()].map((value) => value.toUpperCase().replace(/=+$/, '')),
				juhe.simulator.openid,
				aesKeyOf(juhe.simulator.openid),
			].join(' '),
		);
		response.statusCode = reply.status ?? 200;
		response.end(JSON.stringify(reply.body));
	});
	beforeAll(() => new Promise<void>((resolve) => echoing.listen(0, '127.0.0.1', resolve)));
	afterAll(() => new Promise((resolve) => echoing.close(resolve)));

	test.each(
		Object.keys(ECHOES).flatMap((way) =>
			OPERATION_NAMES.map((operation) => [way, operation] as const),
		),
	)('by a service that sends it back %s (%s)', async (way, operation) => {
		answer = ECHOES[way]!;
		const { port } = echoing.address() as AddressInfo;
		for (const method of ['POST', 'GET']) {
			for (const how of [{}, CONTINUE, ERROR_OUTPUT]) {
				sent = [];
				const { run, error } = await juhe.run(phones(BAD), {
					...how,
					...withOptions({ method, retries: 0 }, { operation }),
					credential: { baseUrl: `http://127.0.0.1:${port}` },
				});

				// All that n8n would save of the execution, and what an error does not list by itself.
				const record = JSON.stringify([run, error?.message, error?.description, error?.stack]);
				const secrets = [
					juhe.simulator.key,
					juhe.simulator.openid,
					aesKeyOf(juhe.simulator.openid),
				];
				for (const form of sent) {
					expect(form.get('key')).toBe(juhe.simulator.key);
					if (operation !== 'plain') secrets.push(form.get('mobile')!);
				}
				const forms = secrets
					.map((secret) => secret.replace(/=+$/, ''))
					.flatMap((secret) => [secret, encodeURIComponent(secret)]);
				expect(sent).toHaveLength(1);
				const small = record.toLowerCase();
				expect(forms.filter((form) => small.includes(form.toLowerCase()))).toEqual([]);
			}
		}
	});

	test.each([
		['shorter than any secret, which would only garble the words', 'abc', / mobile=\d+&key=abc /],
		['that the OpenID begins with', 'abcd', / mobile=\d+&key=\*\*\* /],
		['of odd characters', 'a=b.c+d/e f(0)==', / mobile=\d+&key=\*\*\*%3D%3D /],
		['with half a character', 'abcd\ud800', / mobile=\d+&key=\*\*\* /],
	])('of a key %s', async (_, apiKey, expected) => {
		answer = (echo) => ({ body: { error_code: 299999, reason: echo } });
		const { port } = echoing.address() as AddressInfo;
		const { outputs } = await juhe.run(phones(BAD), {
			...CONTINUE,
			// The service sends the path back as well.
			credential: {
				apiKey,
				openid: 'abcd-and-more',
				baseUrl: `http://127.0.0.1:${port}/abcd-and-more`,
			},
		});
		const reason = detailsOf(outputs[0]![0]!)?.reason;
		expect(reason).toMatch(expected);
		expect(reason).toMatch(/^\/\*\*\*\/mobile_status/);
		expect(reason).not.toMatch(/b\.c|f\(0|f%280/i);
	});
});
