/** What a round draws at random: a list, settings, and the executions that check it one after the other. */
import fc from 'fast-check';

import type { Fault, Rule } from '../simulator/simulator';

/** Codes and HTTP statuses after which nothing further can work. */
export const FATAL = [
	...[10001, 10002, 10003, 10004, 10005, 10006, 10007, 10008, 10009, 10012, 10013, 10020, 10021],
	...[401, 403, 404],
];
const TRANSIENT = [224915, 224924, 10011, 10014];
export const OF_THE_ROW = [224902, 224919, 224922, 299999];

export const NO_NUMBERS = ['', '010-62345678', '1380013800', '={{ $env }}', '13800138000&key=1'];
/** How a list may spell a number. */
export const SPELLINGS: Array<(mobile: string) => string | number> = [
	(mobile) => mobile,
	Number,
	(mobile) => `+86 ${mobile}`,
	(mobile) => `${mobile.slice(0, 3)}-${mobile.slice(3, 7)}-${mobile.slice(7)}`,
];
/** What people and tables do to a row between two executions; much of it makes its result one that nobody gave. */
const EDITS = [
	...(['numberChanged', 'recheckCleared', 'stateForged', 'routeForged', 'mobileForged'] as const),
	...(['fromTomorrow', 'noTime', 'datesFromTable', 'numbersFromTable'] as const),
];
export type Edit = (typeof EDITS)[number];

/** Once in so many draws. */
function sometimes<T>(oneIn: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
	const never = fc.constant(undefined);
	return fc.oneof({ weight: oneIn - 1, arbitrary: never }, { weight: 1, arbitrary });
}

const upTo = (max: number) => fc.integer({ min: 1, max });
const kind = <T extends string>(value: T) => fc.constant(value);
const pick = <const T>(...values: T[]) => fc.constantFrom(...values);

const retryAfter = pick(undefined, undefined, '0', '1', 'soon', '86400', '99999999999');
const quickFault: fc.Arbitrary<Fault> = fc.oneof(
	fc.record({
		kind: kind('code'),
		// A fatal one ends the run, and with it the round's chances to meet anything else.
		code: fc.oneof(
			{ weight: 5, arbitrary: pick(...TRANSIENT, ...OF_THE_ROW) },
			{ weight: 1, arbitrary: pick(...FATAL.filter((code) => code > 1000)) },
		),
		...{ retryAfter, asString: fc.boolean(), echo: fc.boolean() },
		httpStatus: pick(200, 200, 400, 403),
	}),
	fc.record({
		kind: kind('http'),
		status: pick(429, 500, 502, 502, 503, 504, 504, 404, 302),
		retryAfter,
	}),
	fc.record({ kind: kind('state'), state: pick('0', '1', '2', '3', '4', '9') }),
	pick<Fault>(
		...[{ kind: 'notJson' as const }, { kind: 'missingResult' as const }],
		...[{ kind: 'resetBefore' as const }, { kind: 'resetMidBody' as const }],
		{ kind: 'http', status: 200, body: '{"error_code":', contentType: 'application/json' },
		{ kind: 'http', status: 200, body: '\u0000'.repeat(70_000) },
	),
);
/** Each of these takes a whole timeout. */
const slowFault = pick<Fault>({ kind: 'hang' }, { kind: 'drip', intervalMs: 100 });

/** One of the simulator's rules, with its number by index. */
type Trouble = Omit<Rule, 'mobile'> & { number?: number };

function troubleOf(fault: fc.Arbitrary<Fault>, most: number): fc.Arbitrary<Trouble> {
	const latency = pick(undefined, undefined, 0, 30);
	return fc.oneof(
		{ weight: 4, arbitrary: fc.record({ number: fc.nat(20), times: upTo(most), latency, fault }) },
		{ weight: 2, arbitrary: fc.record({ call: upTo(60), latency, fault }) },
		{ weight: 1, arbitrary: fc.record({ times: upTo(most), latency, fault }) },
	);
}

const trouble = fc.oneof(
	{ weight: 6, arbitrary: troubleOf(quickFault, 8) },
	{ weight: 1, arbitrary: troubleOf(slowFault, 3) },
);
const nothingWorks = fc.record({ fault: quickFault }) as fc.Arbitrary<Trouble>;

function listOf(maxLength: number) {
	const number = fc.record({ number: fc.nat(maxLength), spelling: fc.nat(SPELLINGS.length - 1) });
	const noNumber = fc.record({ noNumber: fc.nat(NO_NUMBERS.length - 1) });
	const cell = fc.oneof({ weight: 60, arbitrary: number }, { weight: 1, arbitrary: noNumber });
	return fc.array(cell, { minLength: 1, maxLength, size: 'max' });
}

const execution = fc.record({
	/** How the node is called: once, in a loop of batches, over two connections, or again with the rows that it gave. */
	shape: fc.oneof(
		fc.record({ kind: pick('once', 'twice') }),
		fc.record({ kind: kind('loop'), batchSize: upTo(12) }),
		fc.record({ kind: kind('back'), rounds: upTo(2) }),
	),
	resultAs: pick('object', 'columns'),
	dryRun: fc.nat(14).map((draw) => draw === 14),
	troubles: fc.oneof(
		{ weight: 9, arbitrary: fc.array(trouble, { maxLength: 6 }) },
		{ weight: 1, arbitrary: fc.array(nothingWorks, { minLength: 1, maxLength: 1 }) },
	),
	edits: fc.array(fc.record({ row: fc.nat(400), edit: pick(...EDITS) }), { maxLength: 5 }),
	/** How a failed execution is retried by hand. */
	byHand: sometimes(2, pick('asItIs', 'continueRegularOutput')),
	/** Milliseconds until the execution is cancelled. */
	cancelAfter: sometimes(10, fc.nat(300)),
	/** When the simulator refuses connections, and for how long, in milliseconds. */
	down: sometimes(10, fc.record({ at: fc.nat(100), during: fc.nat(1000) })),
});
export type Execution = typeof execution extends fc.Arbitrary<infer T> ? T : never;

const days = pick(0, 30);
const options = fc.record(
	{
		concurrency: fc.oneof(upTo(4), upTo(50)),
		...{ retries: fc.nat(3), resendUncertain: fc.boolean(), noRecord: pick('error', 'route') },
		...{ maxQueries: fc.oneof(pick(0, 10_000), upTo(30)), maskNumber: fc.boolean() },
		...{ method: pick('GET', 'POST'), requestsPerSecond: fc.integer({ min: 40, max: 1000 }) },
		reuseResults: fc.boolean(),
		recheckAfter: fc.record({ keep: days, recheck: days, remove: days, review: days }),
		...{ pricePerQuery: pick(0, 0.035), outputField: pick('juhe'), routeField: pick('status') },
	},
	{ requiredKeys: [] },
);

/** A workflow that checks its list up to three times, and writes back into it what the node gives. */
export const round = fc.record({
	operation: pick('plain', 'aes', 'rsa'),
	onError: pick('stopWorkflow', 'continueRegularOutput', 'continueErrorOutput'),
	...{ splitOutputs: fc.boolean(), summaryOutput: fc.boolean(), options },
	/** In milliseconds, of an execution in which an answer never comes. */
	shortTimeout: fc.integer({ min: 800, max: 1500 }),
	retryOnFail: sometimes(3, fc.record({ maxTries: fc.nat(4), waitBetweenTries: fc.nat(300) })),
	latency: fc.nat(15),
	/** Requests a second that the service allows. */
	rate: sometimes(
		5,
		fc.record({
			ratePerSecond: fc.integer({ min: 40, max: 300 }),
			limitReply: pick('code', 'http'),
		}),
	),
	cells: fc.oneof({ weight: 4, arbitrary: listOf(20) }, { weight: 1, arbitrary: listOf(400) }),
	executions: fc.array(execution, { minLength: 1, maxLength: 3 }),
});
export type Round = typeof round extends fc.Arbitrary<infer T> ? T : never;

/** Eleven digits; the last one tells the state. */
export function mobileOf(number: number): string {
	return `139${String(number).padStart(7, '0')}${number % 10}`;
}

/** The round that a seed stands for. */
export function roundOf(seed: number): Round {
	return fc.sample(round, { seed, numRuns: 1 })[0]!;
}
