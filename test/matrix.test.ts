/**
 * Every code and every fault of the network × the three queries × the three ways of On Error × the place of the row
 * that fails × no tries and two: whatever goes wrong, no row is lost, no number is paid twice, no secret is told.
 *
 * All runs go on at the same time, against one simulator, on numbers of their own.
 */
import { JUHE_CODES } from '../nodes/JuheMobileStatus/errors';
import type { NodeRun } from './engine';
import { detailsOf, rowOf, useSimulator } from './simulated';
import type { Fault } from './simulator/simulator';

const juhe = useSimulator({ latency: 2 });

const CONCURRENCY = 2;
/** For the requests of these runs, in milliseconds; only what hangs or drips takes so long. */
const TIMEOUT = 2500;

interface Trouble {
	name: string;
	fault: Fault;
	/** What the error item says. */
	code: number | string;
	class: 'account' | 'mayPass' | 'row';
	/** Whether the lookup is done and only its answer lost. */
	isLost: boolean;
}

const TROUBLES: Trouble[] = [
	...Object.entries(JUHE_CODES).map(([code, { class: errorClass }]) => ({
		name: code,
		fault: { kind: 'code', code: Number(code) } as const,
		code: Number(code),
		class: errorClass,
		isLost: false,
	})),
	...[429, 502, 503, 504].map((status) => ({
		name: `HTTP ${status}`,
		fault: { kind: 'http', status } as const,
		code: status,
		class: 'mayPass' as const,
		isLost: false,
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
	{ name: 'hang', fault: { kind: 'hang' }, code: 'timeout', class: 'mayPass', isLost: true },
	{
		name: 'drip',
		fault: { kind: 'drip', intervalMs: 1000 },
		code: 'timeout',
		class: 'mayPass',
		isLost: true,
	},
];
const OPERATIONS = ['plain', 'aes', 'rsa'] as const;
const WAYS = ['stopWorkflow', 'continueRegularOutput', 'continueErrorOutput'] as const;
const PLACES = { first: 0, middle: 2, last: 4 } as const;
const ROWS = 5;

/** Of each number of a run: the requests that came for it. */
function requestsFor(numbers: string[]): number[] {
	return numbers.map(
		(number) => juhe.simulator.received.filter(({ mobile }) => mobile === number).length,
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
		expect(juhe.simulator.counts.lookups.get(number) ?? 0).toBe(isBilled ? requests[index] : 0);
	}

	const answered = numbers.filter((_, index) => index !== bad && requests[index] === 1);
	if (way === 'stopWorkflow') {
		expect(error).toMatchObject({ context: { itemIndex: bad } });
		expect(error?.message).toMatch(new RegExp(`^Juhe ${trouble.code}: `));
		const kept = run.data.executionData?.contextData['node:Juhe'] as {
			juhe: { answers: object; unanswered: object };
		};
		expect(Object.keys(kept.juhe.answers)).toHaveLength(answered.length);
		expect(Object.keys(kept.juhe.unanswered)).toHaveLength(1);
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
	// What was under way when the account stopped, and no more.
	if (trouble.class === 'account') {
		expect(requests.slice(bad + 1).filter(Boolean).length).toBeLessThan(2 * CONCURRENCY);
	}
}

test.each(TROUBLES)(
	'$name',
	async (trouble) => {
		let next = 0;
		const cells = OPERATIONS.flatMap((operation) =>
			WAYS.flatMap((way) =>
				Object.values(PLACES).flatMap((bad) =>
					[0, 2].map((retries) => ({ operation, way, bad, retries })),
				),
			),
		).map((cell) => ({
			...cell,
			numbers: Array.from({ length: ROWS }, () => `139${String(next++).padStart(7, '0')}0`),
		}));
		await Promise.all(
			cells.map(async (cell) => {
				const { operation, way, bad, retries, numbers } = cell;
				juhe.simulator.script({ mobile: numbers[bad]!, fault: trouble.fault });
				const result = await juhe.run(
					numbers.map((phone) => ({ phone })),
					{
						parameters: {
							operation,
							options: { retries, concurrency: CONCURRENCY, timeout: TIMEOUT },
						},
						node: { onError: way },
					},
				);
				expectCell(trouble, cell, result);

				const record = JSON.stringify([result.run, result.error?.message, result.error?.stack]);
				const sent = juhe.simulator.received.filter(({ mobile }) => numbers.includes(mobile ?? ''));
				const secrets = sent.flatMap(({ body }) => [
					juhe.simulator.key,
					juhe.simulator.openid,
					...(operation === 'plain' ? [] : [new URLSearchParams(body).get('mobile')!]),
				]);
				expect(secrets.filter((secret) => record.includes(secret))).toEqual([]);
			}),
		);
	},
	60_000,
);
