/** The rate limiter in virtual time: how fast a run is, what a service refuses of it, and who starts when. */
import { sleep } from 'n8n-workflow';

import { RateLimiter, type Slot } from '../nodes/JuheMobileStatus/juhe/rateLimiter';

beforeEach(() => jest.useFakeTimers({ now: 1_800_000_000_000 }));
afterEach(() => jest.useRealTimers());

/** Lets time pass until the work is done. */
async function finish<T>(work: Promise<T>): Promise<T> {
	const state = { isDone: false };
	const finished = work.finally(() => (state.isDone = true));
	while (!state.isDone) await jest.advanceTimersToNextTimerAsync();
	return await finished;
}

/** How services count: each gets the time of a request, and says whether it is within the limit. */
const SERVICES = {
	'in any second': (perSecond: number) => {
		const accepted: number[] = [];
		return (now: number) =>
			accepted.filter((at) => at > now - 1000).length < perSecond && accepted.push(now) > 0;
	},
	'by the clock': (perSecond: number) => {
		const accepted = new Map<number, number>();
		return (now: number) => {
			const second = Math.floor(now / 1000);
			accepted.set(second, (accepted.get(second) ?? 0) + 1);
			return accepted.get(second)! <= perSecond;
		};
	},
	'from a bucket': (perSecond: number, size = perSecond) => {
		let [tokens, last] = [size, Date.now()];
		return (now: number) => {
			tokens = Math.min(size, tokens + ((now - last) * perSecond) / 1000);
			last = now;
			return tokens >= 1 && tokens-- > 0;
		};
	},
};

/** A list of numbers against a service that accepts what `accepts` says; refused ones are tried again. */
async function runAgainst(
	accepts: (now: number) => boolean,
	list: Record<'numbers' | 'concurrency' | 'latency', number> &
		Partial<Record<'retryAfter' | 'maxRate', number>> & { isSuspected?: boolean },
) {
	const limiter = new RateLimiter(sleep);
	limiter.configure(list.maxRate ?? Infinity, list.concurrency);
	const { signal } = new AbortController();
	const begin = Date.now();
	const starts: number[] = [];
	let [refused, mostTries, underWay, mostUnderWay] = [0, 0, 0, 0];
	const lookup = async (first: Slot) => {
		let slot = first;
		for (let tries = 1, isAccepted = false; !isAccepted; tries++) {
			mostTries = Math.max(mostTries, tries);
			mostUnderWay = Math.max(mostUnderWay, ++underWay);
			const sentAt = Date.now();
			starts.push(sentAt - begin);
			isAccepted = accepts(sentAt);
			await sleep(list.latency);
			underWay--;
			slot.release();
			if (isAccepted) limiter.onReply(slot);
			else {
				refused++;
				limiter.onRateLimit(slot, list.isSuspected ? 'suspected' : 'explicit', list.retryAfter);
				slot = (await limiter.acquire(signal, 500 * 2 ** (tries - 1)))!;
			}
		}
	};
	const sendAll = async () => {
		const lookups: Array<Promise<void>> = [];
		for (let number = 0; number < list.numbers; number++) {
			lookups.push(lookup((await limiter.acquire(signal))!));
		}
		await Promise.all(lookups);
	};
	await finish(sendAll());
	expect(mostUnderWay).toBeLessThanOrEqual(list.concurrency);
	/** Requests a second between two times, in seconds. */
	const rate = (from: number, to: number) =>
		starts.filter((at) => at >= from * 1000 && at < to * 1000).length / (to - from);
	return { seconds: (Date.now() - begin) / 1000, refused, mostTries, starts, rate };
}

const accepts = () => true;
const until = (end: number, then: () => boolean) => (now: number) => now > end || then();

test('without a limit nothing waits, and requests are spread over a round trip', async () => {
	const run = await runAgainst(accepts, { numbers: 500, concurrency: 50, latency: 100 });
	// The first requests cannot know how long a round trip is.
	const later = run.starts.slice(50);
	expect([run.starts[49], later.filter((start, index) => start === later[index - 2])]).toEqual([
		0,
		[],
	]);
	// Ten requests in a slot, and the last slot starts one round trip late.
	expect(run.seconds).toBeLessThanOrEqual(1.2);
});

test("the user's limit spreads requests evenly and never catches up in a burst", async () => {
	const list = { numbers: 40, concurrency: 50, latency: 10, maxRate: 20 };
	const { starts } = await runAgainst(accepts, list);
	const gaps = starts.slice(1).map((at, index) => at - starts[index]!);
	expect(gaps.filter((gap) => gap < 50 || gap > 52)).toEqual([]);
});

describe.each(Object.entries(SERVICES))('a limit counted %s is found', (_, service) => {
	/** Requests a second, concurrency, latency. */
	const CASES = '10 10 50, 20 10 50, 50 10 50, 50 20 100, 100 10 30, 100 50 50, 200 20 20';
	test.each(CASES.split(', '))('%s', async (given) => {
		const [perSecond = 0, concurrency = 0, latency = 0] = given.split(' ').map(Number);
		const numbers = Math.max(1000, perSecond * 30);
		const run = await runAgainst(service(perSecond), { numbers, concurrency, latency });
		expect(run.seconds).toBeLessThan((1.25 * numbers) / perSecond);
		expect(run.refused).toBeLessThan(0.02 * numbers + (concurrency > 10 ? concurrency : 0));
		expect(run.mostTries).toBeLessThanOrEqual(3);
	});
});

describe('a service that limits the rate', () => {
	const LIST = { numbers: 1500, concurrency: 10, latency: 50 };
	const WIDE = { ...LIST, concurrency: 50, isSuspected: true };
	const RARE = { ...LIST, isSuspected: true, retryAfter: 60_000 };
	const butOneIn = (count: number) => {
		let sent = 0;
		return () => ++sent % count !== 0;
	};

	test.each<[string, () => (now: number) => boolean, typeof LIST, number, number]>([
		['at five at once, fifty a second', () => SERVICES['from a bucket'](50, 5), LIST, 45, 15],
		['to nothing for 5 s', () => until(Date.now() + 5000, () => false), LIST, 40, 25],
		['as is suspected in a wide run', () => SERVICES['in any second'](50), WIDE, 36, 600],
		// The numbers that wait hold no slot, and a Retry-After holds its own number only.
		['as is suspected too rarely', () => butOneIn(5), RARE, 15, 400],
	])('%s', async (_, service, list, seconds, refused) => {
		const run = await runAgainst(service(), list);
		expect(run.seconds).toBeLessThan(seconds);
		expect(run.refused).toBeLessThan(refused);
	});

	test('more strictly than before, and later less again, is followed', async () => {
		const begin = Date.now();
		const [many, few] = [SERVICES['in any second'](100), SERVICES['in any second'](20)];
		const isScarce = (now: number) => now > begin + 10_000 && now < begin + 40_000;
		const service = (now: number) => (isScarce(now) ? few : many)(now);
		const { rate, refused } = await runAgainst(service, { ...LIST, numbers: 8000 });
		expect(rate(5, 10)).toBeGreaterThan(80);
		expect(Math.abs(rate(20, 40) - 19)).toBeLessThan(3);
		expect(rate(90, 95)).toBeGreaterThan(80);
		expect(refused).toBeLessThan(160);
	});

	test('as is suspected often slows the run, not to a stop, and is forgotten', async () => {
		const service = until(Date.now() + 20_000, butOneIn(2));
		const list = { ...LIST, numbers: 4000, isSuspected: true };
		const { starts, rate } = await runAgainst(service, list);
		expect(Math.abs(rate(5, 20) - 20)).toBeLessThan(11);
		const last = starts.at(-1)! / 1000;
		expect(last).toBeLessThan(60);
		expect(rate(last - 2, last - 1)).toBeGreaterThan(150);
	});

	test('with Retry-After holds the whole run', async () => {
		const list = { numbers: 10, concurrency: 10, latency: 10, retryAfter: 7000 };
		const { starts } = await runAgainst(SERVICES['in any second'](5), list);
		expect(starts.filter((at) => at < 7000)).toHaveLength(10);
		expect(starts.filter((at) => at >= 7000).length).toBeGreaterThanOrEqual(5);
	});
});

test.each([-3_600_000, -8000, 3_600_000])(
	'a clock that is set by %d ms in the middle of a run delays nothing',
	async (change) => {
		const set = setTimeout(() => jest.setSystemTime(Date.now() + change), 1000);
		const service = SERVICES['in any second'](50);
		const list = { numbers: 200, concurrency: 10, latency: 50, maxRate: 40 };
		const begin = performance.now();
		await runAgainst(() => service(performance.now()), list);
		expect(performance.now() - begin).toBeLessThan(5200);
		clearTimeout(set);
	},
);

test.each([{ maxRate: Infinity }, { maxRate: 1 }])(
	'a service that asks everybody to wait gets ten requests after each wait, at $maxRate a second',
	async ({ maxRate }) => {
		const service = until(Date.now() + 125_000, () => false);
		const list = { numbers: 20, concurrency: 10, latency: 10, retryAfter: 30_000, maxRate };
		const { starts } = await runAgainst(service, list);
		const early = starts.filter((at) => at < 120_000);
		expect(early.length).toBeGreaterThanOrEqual(30);
		expect(early.length).toBeLessThanOrEqual(50);
		const afterWait = early.filter((at) => at > 30_000);
		const gaps = afterWait.slice(1).map((at, index) => at - afterWait[index]!);
		expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1000 / maxRate);
	},
);

describe('the limiter', () => {
	let [limiter, abort] = [new RateLimiter(sleep), new AbortController()];
	beforeEach(() => {
		[limiter, abort] = [new RateLimiter(sleep), new AbortController()];
		limiter.configure(Infinity, 1);
	});
	const acquire = async (delay?: number) => (await limiter.acquire(abort.signal, delay))!;
	const slotAt = (startedAt: number): Slot => ({ startedAt, release: () => {} });
	/** How long so many requests of 5 ms take, one after the other. */
	const send = async (count: number) => {
		const begin = Date.now();
		for (let sent = 0; sent < count; sent++) {
			const slot = await acquire();
			await sleep(5);
			slot.release();
			limiter.onReply(slot);
		}
		return Date.now() - begin;
	};

	test('forgets one rate limit among many answers, and what was sent before it', async () => {
		const early = slotAt(performance.now());
		await finish(send(400));
		limiter.onRateLimit(slotAt(performance.now()), 'explicit');
		limiter.onRateLimit(early, 'explicit', 60_000);
		expect(await finish(send(2000))).toBeLessThan(2000 * 10);
		expect(await finish(send(200))).toBeLessThanOrEqual(200 * 7);
	});

	test('gives slots in order, and none to a number that waits for its next try', async () => {
		const begin = Date.now();
		const order: string[] = [];
		const request = async (name: string, delay?: number) => {
			const slot = await acquire(delay);
			order.push(`${name} ${Date.now() - begin}`);
			await sleep(100);
			slot.release();
		};
		const firstTries = ['a', 'b', 'c', 'd'].map((name) => request(name));
		const tries = [...firstTries, request('second', 150), request('third', 1000)];
		await finish(Promise.all(tries));
		expect(order).toEqual(['a 0', 'b 100', 'c 200', 'd 300', 'second 400', 'third 1000']);
	});

	test('lets everybody go whose signal is aborted, and loses no slot', async () => {
		const begin = Date.now();
		limiter.configure(1, 3);
		await acquire();
		// Two hold slots and wait for their time, one waits for a slot, and one for its next try.
		const waiting = [acquire(), acquire(), acquire(), acquire(3_600_000)];
		await jest.advanceTimersByTimeAsync(10);
		abort.abort();
		expect(await Promise.all([...waiting, acquire()])).toEqual(Array(5).fill(undefined));
		expect([Date.now(), jest.getTimerCount()]).toEqual([begin + 10, 0]);

		abort = new AbortController();
		limiter.configure(Infinity, 3);
		let started = 0;
		for (let request = 0; request < 5; request++) void acquire().then(() => started++);
		await jest.advanceTimersByTimeAsync(60_000);
		expect(started).toBe(2);
	});

	test('takes a slot back once', async () => {
		const slot = await acquire();
		slot.release();
		slot.release();
		const started: boolean[] = [];
		for (let request = 0; request < 2; request++) void acquire().then(() => started.push(true));
		await jest.advanceTimersByTimeAsync(1000);
		expect(started).toEqual([true]);
	});

	test("keeps the user's limit after a late timer", async () => {
		let waits = 0;
		limiter = new RateLimiter((time, signal) => sleep(time + (waits++ % 2) * 10, signal));
		limiter.configure(20, 1);
		const starts: number[] = [];
		const request = async () => {
			const slot = await acquire();
			starts.push(Date.now());
			slot.release();
		};
		await finish(Promise.all([request(), request(), request(), request(), request()]));
		const gaps = starts.slice(1).map((at, index) => at - starts[index]!);
		expect(gaps).toEqual([50, 60, 50, 60]);
	});

	test('is held for as long as the service asks', async () => {
		expect(limiter.isHeld).toBe(false);
		limiter.onRateLimit(slotAt(performance.now()), 'explicit', 3000);
		await jest.advanceTimersByTimeAsync(2999);
		expect(limiter.isHeld).toBe(true);
		await jest.advanceTimersByTimeAsync(1);
		expect(limiter.isHeld).toBe(false);
	});

	test('takes other limits between calls, and keeps what it knows of the service', async () => {
		limiter.configure(20, 1);
		expect(await finish(send(21))).toBeGreaterThanOrEqual(1000);
		limiter.configure(Infinity, 1);
		expect(await finish(send(21))).toBeLessThan(200);
		limiter.onRateLimit(slotAt(performance.now()), 'explicit');
		limiter.configure(Infinity, 50);
		expect(await finish(send(41))).toBeGreaterThan(900);

		// Slots that are taken away are given back first.
		limiter.configure(Infinity, 3);
		const held = [await finish(acquire()), await finish(acquire()), await finish(acquire())];
		limiter.configure(Infinity, 1);
		const started: boolean[] = [];
		void acquire().then(() => started.push(true));
		for (const [index, expected] of [[], [], [true]].entries()) {
			held[index]!.release();
			await jest.advanceTimersByTimeAsync(5000);
			expect(started).toEqual(expected);
		}
	});
});
