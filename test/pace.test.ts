import { Pace } from '../nodes/JuheMobileStatus/pace';

beforeEach(() => jest.useFakeTimers({ now: 1_800_000_000_000 }));
afterEach(() => jest.useRealTimers());

/** Lets time pass until all is done. */
async function finish<T>(work: Promise<T>): Promise<T> {
	const state = { done: false };
	const finished = work.finally(() => (state.done = true));
	while (!state.done) await jest.advanceTimersByTimeAsync(1);
	return await finished;
}

function wait(milliseconds: number): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A run against a service that bears `perSecond` requests in any second; complaints are tried again. */
async function runAgainst(
	perSecond: number,
	run: {
		numbers: number;
		concurrency: number;
		latency: number;
		retryAfter?: number;
		requestsPerSecond?: number;
	},
) {
	const pace = new Pace(run.requestsPerSecond ?? Infinity);
	const begin = Date.now();
	const borne: number[] = [];
	const starts: number[] = [];
	let left = run.numbers;
	let complaints = 0;
	let mostTries = 0;
	const work = async () => {
		while (left > 0) {
			left--;
			let notBefore = 0;
			for (let tries = 1; ; tries++) {
				mostTries = Math.max(mostTries, tries);
				await pace.turn(notBefore);
				const sentAt = Date.now();
				starts.push(sentAt - begin);
				const isTooMany = borne.filter((at) => at > sentAt - 1000).length >= perSecond;
				if (!isTooMany) borne.push(sentAt);
				await wait(run.latency);
				if (!isTooMany) {
					pace.answered();
					break;
				}
				complaints++;
				pace.slowDown(sentAt, run.retryAfter);
				notBefore = Date.now() + 500 * 2 ** (tries - 1);
			}
		}
	};
	await finish(Promise.all(Array.from({ length: run.concurrency }, work)));
	return { seconds: (Date.now() - begin) / 1000, complaints, mostTries, starts };
}

test('without a limit nothing waits', async () => {
	const { seconds, starts } = await runAgainst(Infinity, {
		numbers: 100,
		concurrency: 10,
		latency: 10,
	});
	expect(seconds).toBeCloseTo(0.1, 1);
	expect(starts.filter((at) => at === 0)).toHaveLength(10);
});

test('requests a second start evenly spread, and never catch up in a burst', async () => {
	const { starts } = await runAgainst(Infinity, {
		numbers: 40,
		concurrency: 50,
		latency: 10,
		requestsPerSecond: 20,
	});
	const gaps = starts.slice(1).map((at, index) => at - starts[index]!);
	expect(Math.min(...gaps)).toBeGreaterThanOrEqual(50);
	expect(Math.max(...gaps)).toBeLessThanOrEqual(52);
});

describe('a service that bears so many requests a second', () => {
	test.each([
		[20, 10, 50],
		[50, 10, 50],
		[50, 20, 100],
		[100, 10, 30],
		[100, 50, 50],
		[200, 20, 20],
	])(
		'%i: asked by %i at a time, in %i ms each, it is found out without much asked in vain',
		async (perSecond, concurrency, latency) => {
			const numbers = perSecond * 30;
			const { seconds, complaints, mostTries } = await runAgainst(perSecond, {
				numbers,
				concurrency,
				latency,
			});

			expect(seconds).toBeLessThan(1.25 * 30);
			expect(complaints).toBeLessThan(0.02 * numbers + concurrency);
			expect(mostTries).toBeLessThanOrEqual(3);
		},
	);
});

test('Retry-After holds the whole run', async () => {
	const { starts } = await runAgainst(5, {
		numbers: 10,
		concurrency: 10,
		latency: 10,
		retryAfter: 7000,
	});
	expect(starts.filter((at) => at < 7000)).toHaveLength(10);
	expect(starts.filter((at) => at >= 7000).length).toBeGreaterThanOrEqual(5);
});

test('one complaint among many answers costs little, and is forgotten', async () => {
	const pace = new Pace(Infinity);
	const send = async (count: number) => {
		const begin = Date.now();
		for (let sent = 0; sent < count; sent++) {
			await pace.turn(0);
			await wait(5);
			pace.answered();
		}
		return Date.now() - begin;
	};
	await finish(send(400));
	pace.slowDown(Date.now());
	await finish(send(2000));
	expect(await finish(send(200))).toBeLessThanOrEqual(200 * 7);
});

test('what was sent before the run slowed down tells nothing new', async () => {
	const pace = new Pace(Infinity);
	const sentAt = Date.now();
	await finish(wait(10));
	pace.slowDown(sentAt);
	pace.slowDown(sentAt, 60_000);
	const begin = Date.now();
	expect(await finish(pace.turn(0))).toBe(true);
	expect(Date.now() - begin).toBeLessThanOrEqual(1001);
});

test('the end lets go of everybody who waits, and of whoever comes later', async () => {
	const pace = new Pace(1);
	await pace.turn(0);
	const waiting = [pace.turn(0), pace.turn(Date.now() + 3_600_000)];
	pace.end();
	expect(await Promise.all([...waiting, pace.turn(0)])).toEqual([false, false, false]);
	expect(pace.hasEnded).toBe(true);
	expect(jest.getTimerCount()).toBe(0);
});
