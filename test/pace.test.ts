import { Pace } from '../nodes/JuheMobileStatus/pace';

beforeEach(() => jest.useFakeTimers({ now: 1_800_000_000_000 }));
afterEach(() => jest.useRealTimers());

/** Lets time pass until all is done. */
async function finish<T>(work: Promise<T>): Promise<T> {
	const state = { done: false };
	const finished = work.finally(() => (state.done = true));
	while (!state.done) await jest.advanceTimersToNextTimerAsync();
	return await finished;
}

function wait(milliseconds: number): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** How services count: each gets the time of a request, and says whether it bears it. */
const LIMITERS = {
	'in any second': (perSecond: number) => {
		const borne: number[] = [];
		return (now: number) => {
			const isBorne = borne.filter((at) => at > now - 1000).length < perSecond;
			if (isBorne) borne.push(now);
			return isBorne;
		};
	},
	'by the clock': (perSecond: number) => {
		const borne = new Map<number, number>();
		return (now: number) => {
			const second = Math.floor(now / 1000);
			borne.set(second, (borne.get(second) ?? 0) + 1);
			return borne.get(second)! <= perSecond;
		};
	},
	'from a bucket': (perSecond: number) => {
		let tokens = perSecond;
		let last = Date.now();
		return (now: number) => {
			tokens = Math.min(perSecond, tokens + ((now - last) * perSecond) / 1000);
			last = now;
			return tokens >= 1 && tokens-- > 0;
		};
	},
};

/** A run against a service that bears what `isBorne` says; complaints are tried again. */
async function runAgainst(
	isBorne: (now: number) => boolean,
	run: {
		numbers: number;
		concurrency: number;
		latency: number;
		retryAfter?: number;
		requestsPerSecond?: number;
		/** False where the complaints may have another reason. */
		isSure?: boolean;
	},
) {
	const pace = new Pace(run.requestsPerSecond ?? Infinity, run.concurrency);
	const begin = Date.now();
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
				const isAnswered = isBorne(sentAt);
				await wait(run.latency);
				if (isAnswered) {
					pace.answered(sentAt);
					break;
				}
				complaints++;
				pace.slowDown(sentAt, run.retryAfter, run.isSure);
				notBefore = Date.now() + 500 * 2 ** (tries - 1);
			}
		}
	};
	await finish(Promise.all(Array.from({ length: run.concurrency }, work)));
	return { seconds: (Date.now() - begin) / 1000, complaints, mostTries, starts };
}

const BEARS_ALL = () => true;

test('without a limit nothing waits', async () => {
	const { seconds, starts } = await runAgainst(BEARS_ALL, {
		numbers: 100,
		concurrency: 10,
		latency: 10,
	});
	expect(seconds).toBeCloseTo(0.1, 1);
	expect(starts.filter((at) => at === 0)).toHaveLength(10);
});

test('requests a second start evenly spread, and never catch up in a burst', async () => {
	const { starts } = await runAgainst(BEARS_ALL, {
		numbers: 40,
		concurrency: 50,
		latency: 10,
		requestsPerSecond: 20,
	});
	const gaps = starts.slice(1).map((at, index) => at - starts[index]!);
	expect(Math.min(...gaps)).toBeGreaterThanOrEqual(50);
	expect(Math.max(...gaps)).toBeLessThanOrEqual(52);
});

test('answers that come together are asked for again over a round trip', async () => {
	const { seconds, starts } = await runAgainst(BEARS_ALL, {
		numbers: 500,
		concurrency: 50,
		latency: 100,
	});
	// What starts within a millisecond; the first requests cannot know how long a round trip is.
	const together = new Map<number, number>();
	for (const start of starts) together.set(start, (together.get(start) ?? 0) + 1);
	expect(together.get(0)).toBe(50);
	expect(Math.max(...[...together.values()].slice(1))).toBeLessThanOrEqual(2);
	// Each of fifty may ask ten times in ten round trips, and the last of them starts one round trip late.
	expect(seconds).toBeLessThanOrEqual(1.1 + 0.1);
});

describe.each(Object.entries(LIMITERS))('a service that counts %s', (_, limiter) => {
	test.each([
		[10, 10, 50],
		[20, 10, 50],
		[50, 10, 50],
		[50, 20, 100],
		[100, 10, 30],
		[100, 50, 50],
		[200, 20, 20],
	])(
		'and bears %i: asked by %i at a time, in %i ms each, it is found out without much asked in vain',
		async (perSecond, concurrency, latency) => {
			const numbers = Math.max(1000, perSecond * 30);
			const { seconds, complaints, mostTries } = await runAgainst(limiter(perSecond), {
				numbers,
				concurrency,
				latency,
			});

			expect(seconds).toBeLessThan((1.25 * numbers) / perSecond);
			expect(complaints).toBeLessThan(0.02 * numbers + (concurrency > 10 ? concurrency : 0));
			expect(mostTries).toBeLessThanOrEqual(3);
		},
	);
});

test('a first complaint that comes before much could be answered is no measure', async () => {
	// Five at once, and fifty a second.
	let tokens = 5;
	let last = Date.now();
	const { seconds, complaints } = await runAgainst(
		(now) => {
			tokens = Math.min(5, tokens + (now - last) / 20);
			last = now;
			return tokens >= 1 && tokens-- > 0;
		},
		{ numbers: 1500, concurrency: 10, latency: 50 },
	);
	expect(seconds).toBeLessThan(45);
	expect(complaints).toBeLessThan(15);
});

test('a service that refuses all for a while is found again', async () => {
	const refusesUntil = Date.now() + 5000;
	const { seconds, complaints } = await runAgainst((now) => now > refusesUntil, {
		numbers: 1500,
		concurrency: 10,
		latency: 50,
	});
	expect(seconds).toBeLessThan(40);
	expect(complaints).toBeLessThan(25);
});

test('a service that bears fewer than before, and later more again, is followed', async () => {
	const begin = Date.now();
	const borne = (perSecond: number) => LIMITERS['in any second'](perSecond);
	const [many, few] = [borne(100), borne(20)];
	const isScarce = (now: number) => now > begin + 10_000 && now < begin + 40_000;
	const { starts, complaints } = await runAgainst((now) => (isScarce(now) ? few : many)(now), {
		numbers: 8000,
		concurrency: 10,
		latency: 50,
	});
	const between = (from: number, to: number) =>
		starts.filter((at) => at >= from * 1000 && at < to * 1000).length / (to - from);
	expect(between(5, 10)).toBeGreaterThan(80);
	expect(between(20, 40)).toBeLessThan(22);
	expect(between(20, 40)).toBeGreaterThan(16);
	expect(between(90, 95)).toBeGreaterThan(80);
	expect(complaints).toBeLessThan(160);
});

describe('complaints that may have another reason', () => {
	const TROUBLE = { numbers: 4000, concurrency: 10, latency: 50, isSure: false };

	test('slow nothing down where they are few', async () => {
		let asked = 0;
		const { seconds } = await runAgainst(() => ++asked % 8 !== 0, TROUBLE);
		// A number takes 50 ms, and one in seven times half a second more.
		expect(seconds).toBeLessThan((1.2 * 4000 * (0.05 + 0.55 / 7)) / 10);
	});

	test('slow the run down where they are many, though not to a stop, and it recovers', async () => {
		let asked = 0;
		const troubledUntil = Date.now() + 20_000;
		const { starts } = await runAgainst(
			() => ++asked % 2 === 0 || Date.now() > troubledUntil,
			TROUBLE,
		);
		const between = (from: number, to: number) =>
			starts.filter((at) => at >= from * 1000 && at < to * 1000).length / (to - from);
		expect(between(5, 20)).toBeLessThan(30);
		expect(between(5, 20)).toBeGreaterThan(9);
		const last = starts.at(-1)! / 1000;
		expect(last).toBeLessThan(60);
		expect(between(last - 2, last - 1)).toBeGreaterThan(150);
	});

	test('are taken for a limit by a run that is wide enough to meet one', async () => {
		const { seconds, complaints } = await runAgainst(LIMITERS['in any second'](50), {
			...TROUBLE,
			numbers: 1500,
			concurrency: 50,
		});
		expect(seconds).toBeLessThan(36);
		expect(complaints).toBeLessThan(600);
	});
});

test('Retry-After holds the whole run', async () => {
	const { starts } = await runAgainst(LIMITERS['in any second'](5), {
		numbers: 10,
		concurrency: 10,
		latency: 10,
		retryAfter: 7000,
	});
	expect(starts.filter((at) => at < 7000)).toHaveLength(10);
	expect(starts.filter((at) => at >= 7000).length).toBeGreaterThanOrEqual(5);
});

test('one complaint among many answers costs little, and is forgotten', async () => {
	const pace = new Pace(Infinity, 1);
	const send = async (count: number) => {
		const begin = Date.now();
		for (let sent = 0; sent < count; sent++) {
			await pace.turn(0);
			const sentAt = Date.now();
			await wait(5);
			pace.answered(sentAt);
		}
		return Date.now() - begin;
	};
	await finish(send(400));
	pace.slowDown(Date.now());
	await finish(send(2000));
	expect(await finish(send(200))).toBeLessThanOrEqual(200 * 7);
});

test('what was sent before the run slowed down tells nothing new', async () => {
	const pace = new Pace(Infinity, 1);
	const sentAt = Date.now();
	await finish(wait(10));
	pace.slowDown(sentAt);
	pace.slowDown(sentAt, 60_000);
	const begin = Date.now();
	expect(await finish(pace.turn(0))).toBe(true);
	expect(Date.now() - begin).toBeLessThanOrEqual(1001);
});

test('the end lets go of everybody who waits, and of whoever comes later', async () => {
	const pace = new Pace(1, 3);
	await pace.turn(0);
	const waiting = [pace.turn(0), pace.turn(Date.now() + 3_600_000)];
	pace.end();
	expect(await Promise.all([...waiting, pace.turn(0)])).toEqual([false, false, false]);
	expect(pace.hasEnded).toBe(true);
	expect(jest.getTimerCount()).toBe(0);
});
