/** When a run ends in which nothing works, and when the next one may go on. */
import type { LookupResult } from '../nodes/JuheMobileStatus/juhe/client';
import { serviceFailure, type FailureClass } from '../nodes/JuheMobileStatus/juhe/failure';
import { CircuitBreaker } from '../nodes/JuheMobileStatus/list/circuitBreaker';

const ANSWER: LookupResult = {
	answer: { result: {}, attempts: 1, billable: 'yes', checkedAt: '2026-11-24T08:00:00Z' },
};

function failed(failureClass: FailureClass = 'transient', code = 503): LookupResult {
	const failure = serviceFailure({
		class: failureClass,
		code,
		sentence: '',
		remedy: '',
		attempts: 1,
	});
	return { failure, lostAnswers: 0 };
}
const { failure: FAILURE } = failed() as Extract<LookupResult, { failure: unknown }>;

let breaker: CircuitBreaker;
beforeEach(() => {
	jest.useFakeTimers();
	breaker = new CircuitBreaker();
});
afterEach(() => jest.useRealTimers());

/** Starts as many numbers as may start, and gives their places. */
function startAll(concurrency = 50): number[] {
	const started: number[] = [];
	while (breaker.mayStart(concurrency)) started.push(breaker.onStart());
	return started;
}

test('ten numbers at a time see whether the service is back', () => {
	breaker.onEnd(breaker.onStart(), ANSWER);
	expect(startAll()).toHaveLength(60);
	const inTurn: number[] = [];
	for (let ended = 0; ended < 60; ended++) {
		breaker.onEnd(Infinity, failed());
		inTurn.push(startAll().length);
	}
	// From the tenth on, nobody starts before nine are left.
	expect(inTurn).toEqual([...Array<number>(9).fill(1), ...Array<number>(50).fill(0), 1]);
	expect(breaker.opened).toBeUndefined();
	breaker.onEnd(breaker.onStart(), ANSWER);
	expect(startAll()).toHaveLength(60);
});

test.each([
	{ isAnswered: false, limit: 30, atOnce: 30 },
	{ isAnswered: true, limit: 100, atOnce: 60 },
])('$limit in a row with one code open it', ({ isAnswered, limit, atOnce }) => {
	if (isAnswered) breaker.onEnd(breaker.onStart(), ANSWER);
	expect(startAll()).toHaveLength(atOnce);
	for (let count = 0; count < 5; count++) breaker.onEnd(Infinity, failed());
	expect(startAll()).toHaveLength(isAnswered ? 5 : 0);
	for (let count = 5; count < limit - 1; count++) breaker.onEnd(breaker.onStart(), failed());
	breaker.onEnd(breaker.onStart(), failed('permanent', 224919));
	for (let count = 0; count < limit - 1; count++) breaker.onEnd(breaker.onStart(), failed());
	expect(breaker.opened).toBeUndefined();
	breaker.onEnd(breaker.onStart(), failed());
	const reason = `${limit} numbers in a row ended so, and the run stopped.`;
	expect(breaker.opened).toEqual({ failure: FAILURE, reason });
	// The latest failure is told.
	const latest = failed('permanent', 224919) as Extract<LookupResult, { failure: unknown }>;
	breaker.onEnd(breaker.onStart(), latest);
	expect(breaker.opened).toEqual({ failure: latest.failure, reason });
});

test('a number that started after it opened closes it, whatever ends in between', () => {
	const [first, second] = [breaker.onStart(), breaker.onStart()];
	breaker.onEnd(first, failed('fatal'));
	const later = breaker.onStart();
	breaker.onEnd(second, failed('fatal'));
	breaker.onEnd(later, ANSWER);
	expect(breaker.opened).toBeUndefined();
});

test('no interrupted failure counts, and none that started before the latest answer', () => {
	const places = Array.from({ length: 100 }, () => breaker.onStart());
	breaker.onEnd(breaker.onStart(), ANSWER);
	for (const place of places) breaker.onEnd(place, failed());
	const interrupted = { failure: { ...FAILURE, interrupted: true as const }, lostAnswers: 0 };
	for (let count = 0; count < 100; count++) breaker.onEnd(breaker.onStart(), interrupted);
	expect(breaker.opened).toBeUndefined();
	// A fatal failure counts wherever it started.
	breaker.onStart();
	breaker.onEnd(1, failed('fatal'));
	expect(breaker.opened?.reason).toBe('');
});

test.each<[string, LookupResult]>([
	['fails with another code', failed('permanent', 224919)],
	['is answered', ANSWER],
])('it stays open where a number that started before %s', (_, result) => {
	const [first, ...others] = startAll(1);
	breaker.onEnd(first!, failed('fatal', 10012));
	expect(startAll()).toEqual([]);
	for (const place of others) breaker.onEnd(place, result);
	expect(breaker.opened?.reason).toBe('');
	// One number sees whether the service works again, and closes it.
	const probes = startAll();
	expect(probes).toHaveLength(1);
	breaker.onEnd(probes[0]!, failed('permanent', 224919));
	const [probe] = startAll();
	breaker.onEnd(probe!, ANSWER);
	expect(breaker.opened).toBeUndefined();
	expect(startAll(20)).toHaveLength(30);
});

test.each([
	{ requests: 30, minutes: 3, opens: true },
	{ requests: 29, minutes: 10, opens: false },
	{ requests: 300, minutes: 2.9, opens: false },
])(
	'after $minutes minutes without an answer and $requests failed requests it is open: $opens',
	({ requests, minutes, opens }) => {
		for (let count = 1; count < requests; count++) breaker.onFailedRequest(FAILURE);
		expect(breaker.opened).toBeUndefined();
		jest.advanceTimersByTime(minutes * 60_000);
		breaker.onFailedRequest(FAILURE);
		const opened = { failure: FAILURE, reason: expect.stringContaining('3 minutes') };
		expect(breaker.opened).toEqual(opens ? opened : undefined);
	},
);

test('an answer ends the minutes without one', () => {
	for (let count = 0; count < 40; count++) breaker.onFailedRequest(FAILURE);
	breaker.onEnd(breaker.onStart(), ANSWER);
	jest.advanceTimersByTime(600_000);
	for (let count = 0; count < 40; count++) breaker.onFailedRequest(FAILURE);
	expect(breaker.opened).toBeUndefined();
});
