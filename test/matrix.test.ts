/**
 * Every code and every fault of the network × the three queries × the three ways of On Error × the place of the row
 * that fails × no tries and two: whatever goes wrong, no row is lost, no number is paid twice, no secret is told.
 *
 * Many runs go on at the same time, against one simulator, on numbers of their own: most of them do nothing but wait.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { aesKeyOf } from '../nodes/JuheMobileStatus/encryption';
import { JUHE_CODES } from '../nodes/JuheMobileStatus/errors';
import { runNode, type NodeRun } from './engine';
import { detailsOf, distinctNumbers, OPERATION_NAMES, phones, rowOf } from './simulated';
import { startSimulator, type Fault, type Simulator } from './simulator/simulator';

let simulator: Simulator;
beforeAll(async () => {
	simulator = await startSimulator({ latency: 2 });
});
afterAll(() => simulator.close());

const CONCURRENCY = 2;
/** For the requests of most runs, in milliseconds: no answer is lost by a machine that is slow. */
const TIMEOUT = 60_000;
/** For the requests of runs in which an answer never comes. */
const SHORT_TIMEOUT = 8_000;
/** For a test, in milliseconds; what takes so long hangs. */
const HANGS = 240_000;

interface Trouble {
	name: string;
	fault: Fault;
	/** What the error item says. */
	code: number | string;
	class: 'account' | 'mayPass' | 'row';
	/** Whether the lookup is done and only its answer lost. */
	isLost: boolean;
	/** Whether its runs do hardly anything but wait: they begin before all others. */
	waits?: true;
}

const TROUBLES: Trouble[] = [
	...Object.entries(JUHE_CODES).map(([code, { class: errorClass }]) => ({
		name: code,
		fault: { kind: 'code', code: Number(code) } as const,
		code: Number(code),
		class: errorClass,
		isLost: false,
		...(code === '10011' && { waits: true as const }),
	})),
	{
		name: '10012, telling what it was sent',
		fault: { kind: 'code', code: 10012, echo: true },
		code: 10012,
		class: 'account',
		isLost: false,
	},
	...[429, 502, 503, 504].map((status) => ({
		name: `HTTP ${status}`,
		fault: { kind: 'http', status } as const,
		code: status,
		class: 'mayPass' as const,
		isLost: false,
		...(status === 429 && { waits: true as const }),
	})),
	{
		name: 'HTTP 500',
		fault: { kind: 'http', status: 500 },
		code: 500,
		class: 'row',
		isLost: false,
	},
	{ name: 'no JSON', fault: { kind: 'notJson' }, code: 'notJuhe', class: 'row', isLost: false },
	{
		name: 'no result',
		fault: { kind: 'missingResult' },
		code: 'noResult',
		class: 'row',
		isLost: true,
	},
	{
		name: 'reset before',
		fault: { kind: 'resetBefore' },
		code: 'connectionLost',
		class: 'mayPass',
		isLost: true,
	},
	{
		name: 'reset within',
		fault: { kind: 'resetMidBody' },
		code: 'connectionLost',
		class: 'mayPass',
		isLost: true,
	},
	{
		name: 'hang',
		fault: { kind: 'hang' },
		code: 'timeout',
		class: 'mayPass',
		isLost: true,
		waits: true,
	},
	{
		name: 'drip',
		fault: { kind: 'drip', intervalMs: 1000 },
		code: 'timeout',
		class: 'mayPass',
		isLost: true,
		waits: true,
	},
];
const WAYS = ['stopWorkflow', 'continueRegularOutput', 'continueErrorOutput'] as const;
const PLACES = { first: 0, middle: 2, last: 4 } as const;
const ROWS = 5;

/** Of each number of a run: the requests that came for it. */
function requestsFor(numbers: string[]): number[] {
	return numbers.map(
		(number) => simulator.received.filter(({ mobile }) => mobile === number).length,
	);
}

function expectCell(
	trouble: Trouble,
	cell: { numbers: string[]; bad: number; way: (typeof WAYS)[number]; retries: number },
	{ outputs, error, run }: NodeRun,
): void {
	const { numbers, bad, way, retries } = cell;
	const requests = requestsFor(numbers);
	const tries = trouble.class === 'mayPass' ? retries + 1 : 1;

	// Nobody is asked for twice but the number that fails, and that one as often as it may be.
	expect(requests[bad]).toBe(tries);
	expect(Math.max(0, ...requests.filter((_, index) => index !== bad))).toBeLessThanOrEqual(1);
	for (const [index, number] of numbers.entries()) {
		const isBilled = index === bad ? trouble.isLost : true;
		expect(simulator.counts.lookups.get(number) ?? 0).toBe(isBilled ? requests[index] : 0);
	}

	const answered = numbers.filter((_, index) => index !== bad && requests[index] === 1);
	if (way === 'stopWorkflow') {
		expect(error).toMatchObject({ context: { itemIndex: bad } });
		expect(error?.message).toMatch(new RegExp(`^Juhe ${trouble.code}: `));
		const kept = run.data.executionData?.contextData['node:Juhe'] as {
			juhe: { answers: object; inVain: object };
		};
		expect(Object.keys(kept.juhe.answers)).toHaveLength(answered.length);
		expect(Object.keys(kept.juhe.inVain)).toHaveLength(1);
	} else {
		expect(error).toBeUndefined();
		const items = outputs.flat();
		expect(items.map(rowOf).sort()).toEqual([...numbers.keys()]);
		expect(items.map(({ json }) => json.phone).sort()).toEqual([...numbers].sort());
		const failed = items.find((item) => rowOf(item) === bad);
		expect(failed && detailsOf(failed)).toMatchObject({ code: trouble.code, attempts: tries });
		expect(items.filter(({ json }) => json.route === 'normal')).toHaveLength(answered.length);
		if (trouble.class !== 'account') expect(answered).toHaveLength(ROWS - 1);
		for (const item of items.filter((each) => requests[rowOf(each)] === 0)) {
			expect(detailsOf(item)).toMatchObject({ code: trouble.code, notQueried: true, attempts: 0 });
		}
	}
	// What was under way when the run ended, and no more.
	if (trouble.class === 'account' || (way === 'stopWorkflow' && trouble.class === 'row')) {
		expect(requests.slice(bad + 1).filter(Boolean).length).toBeLessThan(2 * CONCURRENCY);
	}
}

/** All that n8n would save of an execution, and what an error does not list by itself. */
function recordOf({ run, error }: NodeRun): string {
	return JSON.stringify([run, error?.message, error?.description, error?.stack]);
}

/** What the record of an execution must not hold. */
function secretsOf(numbers: string[], operation: (typeof OPERATION_NAMES)[number]): string[] {
	const sent = simulator.received.filter(({ mobile }) => numbers.includes(mobile ?? ''));
	const ciphertexts =
		operation === 'plain'
			? []
			: sent.map(({ body }) => new URLSearchParams(body).get('mobile') ?? '');
	return [simulator.key, simulator.openid, aesKeyOf(simulator.openid), ...ciphertexts].flatMap(
		(secret) => [secret, encodeURIComponent(secret)],
	);
}

let next = 0;
function newNumbers(): string[] {
	return Array.from({ length: ROWS }, () => `139${String(next++).padStart(7, '0')}0`);
}

/** Runs all cells of a trouble. */
async function play(trouble: Trouble): Promise<void> {
	const cells = OPERATION_NAMES.flatMap((operation) =>
		WAYS.flatMap((way) =>
			Object.values(PLACES).flatMap((bad) =>
				[0, 2].map((retries) => ({ operation, way, bad, retries, numbers: newNumbers() })),
			),
		),
	);
	const timeout = trouble.code === 'timeout' ? SHORT_TIMEOUT : TIMEOUT;
	await Promise.all(
		cells.map(async (cell) => {
			const { operation, way, bad, retries, numbers } = cell;
			simulator.script({ mobile: numbers[bad]!, fault: trouble.fault });
			const result = await runNode(phones(...numbers), {
				credential: simulator.credential,
				parameters: { operation, options: { retries, concurrency: CONCURRENCY, timeout } },
				node: { onError: way },
			});
			expectCell(trouble, cell, result);
			const record = recordOf(result);
			const told = secretsOf(numbers, operation).filter((secret) => record.includes(secret));
			expect(told).toEqual([]);
		}),
	);
}

describe('the matrix', () => {
	/** How each trouble ended: undefined, or what went wrong. */
	const ends = new Map<Trouble, Promise<unknown>>();
	const begin = (trouble: Trouble | undefined) => {
		if (trouble === undefined || ends.has(trouble)) return;
		const end = play(trouble).then(
			() => undefined,
			(error: unknown) => error,
		);
		ends.set(trouble, end);
	};
	beforeAll(() => TROUBLES.filter(({ waits }) => waits).forEach(begin));

	test.each(TROUBLES)(
		'$name',
		async (trouble) => {
			// While this one waits for its next tries, the following ones have the machine.
			const index = TROUBLES.indexOf(trouble);
			TROUBLES.slice(index, index + 3).forEach(begin);
			const error = await ends.get(trouble);
			if (error !== undefined) throw error as Error;
		},
		HANGS,
	);
});

describe('a service that is down', () => {
	const cells = OPERATION_NAMES.flatMap((operation) =>
		WAYS.flatMap((way) => [0, 2].map((retries) => ({ operation, way, retries }))),
	);
	beforeEach(async () => {
		await simulator.accept();
		simulator.reset();
	});

	test(
		'refuses every row: each comes out as such, or the first stops the run, and nothing is told',
		async () => {
			await simulator.refuse();
			await Promise.all(
				cells.map(async ({ operation, way, retries }) => {
					const numbers = newNumbers();
					const result = await runNode(phones(...numbers), {
						credential: simulator.credential,
						parameters: { operation, options: { retries, concurrency: CONCURRENCY } },
						node: { onError: way },
					});
					const message = 'Juhe connectionRefused: The service refused the connection.';
					if (way === 'stopWorkflow') {
						expect(result.error).toMatchObject({ message });
						expect(result.error?.context).toHaveProperty('itemIndex');
					} else {
						const items = result.outputs.flat();
						expect(items.map(rowOf)).toEqual([...numbers.keys()]);
						expect(items.map(({ json }) => json.phone)).toEqual(numbers);
						for (const item of items) {
							expect(item.json.error).toBe(message);
							expect(detailsOf(item)).toMatchObject({ attempts: retries + 1, billable: 'no' });
						}
					}
					const record = recordOf(result);
					const told = secretsOf([], operation).filter((secret) => record.includes(secret));
					expect(told).toEqual([]);
				}),
			);
			expect(simulator.counts.requests).toBe(0);
		},
		HANGS,
	);

	test(
		'for a moment costs what was under way, and no row',
		async () => {
			const numbers = distinctNumbers(12);
			simulator.latency = 50;
			const running = runNode(phones(...numbers), {
				credential: simulator.credential,
				parameters: { options: { concurrency: 3, timeout: TIMEOUT } },
			});
			while (simulator.counts.requests < 5) await sleep(5);
			await simulator.refuse();
			await sleep(100);
			await simulator.accept();

			const { outputs, error } = await running;
			expect(error).toBeUndefined();
			expect(outputs[0]!.map(({ json }) => json.route)).toEqual(numbers.map(() => 'normal'));
			const uncertain = outputs[0]!.filter(
				({ json }) => (json.mobileStatus as { billable: string }).billable === 'uncertain',
			);
			expect(uncertain.length).toBeGreaterThan(0);
			expect(uncertain.length).toBeLessThanOrEqual(3);
			expect(simulator.counts.billed).toBeLessThanOrEqual(numbers.length + uncertain.length);
		},
		HANGS,
	);
});
