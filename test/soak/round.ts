/** What a round draws at random: a list, settings, and the executions that check it one after the other. */
import fc from 'fast-check';

import type { Fault } from '../simulator/simulator';

/** Codes of section 4 of the API document, by what the contract says that the node does about them. */
export const FATAL = [
	...[10001, 10002, 10003, 10004, 10005, 10006, 10007, 10008, 10009, 10012, 10013, 10020, 10021],
	...[401, 403, 404],
];
const TRANSIENT = [224915, 224924, 10011, 10014];
export const OF_THE_ROW = [224902, 224919, 224922, 299999];

/** How a list may spell a number. */
export const SPELLINGS: Array<(mobile: string) => string | number> = [
	(mobile) => mobile,
	Number,
	(mobile) => `+86 ${mobile}`,
	(mobile) => `0086-${mobile}`,
	(mobile) => `${mobile.slice(0, 3)} ${mobile.slice(3, 7)} ${mobile.slice(7)}`,
	(mobile) => mobile.replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0)),
];
export const NO_NUMBERS = ['', '010-62345678', '1380013800', '={{ $env }}', '13800138000&key=1'];

type Cell = { number: number; spelling: number } | { noNumber: number };

/** One of the simulator's rules, with its number by index. */
interface Trouble {
	number?: number;
	call?: number;
	times?: number;
	latency?: number;
	fault: Fault;
}

/** Once in so many draws. */
function sometimes<T>(oneIn: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
	return fc.oneof(
		{ weight: oneIn - 1, arbitrary: fc.constant(undefined) },
		{ weight: 1, arbitrary },
	);
}

const retryAfter = fc.constantFrom(
	...[undefined, undefined, '0', '1', 'soon', '86400', '99999999999'],
	'Wed, 21 Oct 2015 07:28:00 GMT',
);
const quickFault: fc.Arbitrary<Fault> = fc.oneof(
	fc.record({
		kind: fc.constant('code' as const),
		code: fc.oneof(
			{ weight: 5, arbitrary: fc.constantFrom(...TRANSIENT, ...OF_THE_ROW) },
			// Ends the run, and with it the round's chances to meet anything else.
			{ weight: 1, arbitrary: fc.constantFrom(...FATAL.filter((code) => code > 1000)) },
		),
		retryAfter,
		asString: fc.boolean(),
		echo: fc.boolean(),
		httpStatus: fc.constantFrom(200, 200, 400, 403),
	}),
	fc.record({
		kind: fc.constant('http' as const),
		status: fc.constantFrom(429, 500, 502, 502, 503, 504, 504, 404, 302),
		retryAfter,
	}),
	fc.record({
		kind: fc.constant('state' as const),
		state: fc.constantFrom('0', '1', '2', '3', '4', '9'),
	}),
	fc.constantFrom<Fault>(
		...[{ kind: 'notJson' as const }, { kind: 'missingResult' as const }],
		...[{ kind: 'resetBefore' as const }, { kind: 'resetMidBody' as const }],
		{ kind: 'http', status: 200, body: '{"error_code":', contentType: 'application/json' },
		{ kind: 'http', status: 200, body: '\u0000'.repeat(70_000) },
	),
);
/** Each of these takes a whole timeout. */
const slowFault = fc.constantFrom<Fault>({ kind: 'hang' }, { kind: 'drip', intervalMs: 100 });

function troubleOf(fault: fc.Arbitrary<Fault>, maxTimes: number): fc.Arbitrary<Trouble> {
	const times = fc.integer({ min: 1, max: maxTimes });
	const latency = fc.constantFrom(undefined, undefined, 0, 30);
	return fc.oneof(
		{ weight: 4, arbitrary: fc.record({ number: fc.nat(20), times, latency, fault }) },
		{ weight: 2, arbitrary: fc.record({ call: fc.integer({ min: 1, max: 60 }), latency, fault }) },
		{ weight: 1, arbitrary: fc.record({ times, latency, fault }) },
	);
}

const trouble = fc.oneof(
	{ weight: 6, arbitrary: troubleOf(quickFault, 8) },
	{ weight: 1, arbitrary: troubleOf(slowFault, 3) },
);

function listOf(maxLength: number): fc.Arbitrary<Cell[]> {
	const number = fc.record({ number: fc.nat(maxLength), spelling: fc.nat(SPELLINGS.length - 1) });
	const noNumber = fc.record({ noNumber: fc.nat(NO_NUMBERS.length - 1) });
	const cell = fc.oneof({ weight: 30, arbitrary: number }, { weight: 1, arbitrary: noNumber });
	const size = { minLength: 1, maxLength, size: 'max' } as const;
	return fc.oneof(
		{ weight: 2, arbitrary: fc.array(number, size) },
		{ weight: 1, arbitrary: fc.array(cell, size) },
	);
}

/**
 * How an execution calls the node: once, in a loop of batches, over two connections, or again with the rows that it gave.
 */
const shape = fc.oneof(
	fc.constant({ kind: 'once' as const }),
	fc.record({ kind: fc.constant('loop' as const), batchSize: fc.integer({ min: 1, max: 12 }) }),
	fc.constant({ kind: 'twice' as const }),
	fc.record({ kind: fc.constant('back' as const), rounds: fc.integer({ min: 1, max: 2 }) }),
);

/** What people and tables do to a row between two executions; some of it makes its result one that nobody answered. */
export const EDITS = [
	...(['numberChanged', 'recheckCleared', 'stateForged', 'routeForged', 'mobileForged'] as const),
	...(['fromTomorrow', 'noTime', 'datesFromTable', 'numbersFromTable'] as const),
];

const execution = fc.record({
	shape,
	resultAs: fc.constantFrom('object' as const, 'columns' as const),
	dryRun: fc.integer({ min: 0, max: 14 }).map((draw) => draw === 14),
	troubles: fc.oneof(
		{ weight: 9, arbitrary: fc.array(trouble, { maxLength: 6 }) },
		// Nothing works.
		{ weight: 1, arbitrary: fc.tuple(fc.record({ fault: quickFault }) as fc.Arbitrary<Trouble>) },
	),
	/** Rows of the list, and what is done to them before the execution. */
	edits: fc.array(fc.record({ row: fc.nat(400), edit: fc.constantFrom(...EDITS) }), {
		maxLength: 5,
	}),
	/** How a failed execution is retried by hand. */
	byHand: sometimes(2, fc.constantFrom('asItIs' as const, 'continueRegularOutput' as const)),
	/** Milliseconds until the execution is cancelled. */
	cancelAfter: sometimes(10, fc.nat(300)),
	/** When the simulator refuses connections, and for how long, in milliseconds. */
	down: sometimes(10, fc.record({ at: fc.nat(100), during: fc.nat(1000) })),
});
export type Execution = typeof execution extends fc.Arbitrary<infer T> ? T : never;

const days = fc.constantFrom(0, 30);
const options = fc.record(
	{
		concurrency: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 50 })),
		retries: fc.integer({ min: 0, max: 3 }),
		resendUncertain: fc.boolean(),
		noRecord: fc.constantFrom('error', 'route'),
		maxQueries: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 30 }), fc.constant(10_000)),
		maskNumber: fc.boolean(),
		method: fc.constantFrom('GET', 'POST'),
		requestsPerSecond: fc.integer({ min: 40, max: 1000 }),
		reuseResults: fc.boolean(),
		recheckAfter: fc.record({ keep: days, recheck: days, remove: days, review: days }),
		pricePerQuery: fc.constantFrom(0, 0.035),
		outputField: fc.constantFrom('mobileStatus', 'juhe'),
		routeField: fc.constantFrom('route', 'status'),
	},
	{ requiredKeys: [] },
);

/** A workflow that checks its list up to three times, and writes back into it what the node gives. */
export const round = fc.record({
	operation: fc.constantFrom('plain', 'aes', 'rsa'),
	onError: fc.constantFrom(
		...(['stopWorkflow', 'continueRegularOutput', 'continueErrorOutput'] as const),
	),
	splitOutputs: fc.boolean(),
	summaryOutput: fc.boolean(),
	options,
	/** In milliseconds, of an execution in which an answer never comes. */
	shortTimeout: fc.integer({ min: 800, max: 1500 }),
	retryOnFail: sometimes(
		3,
		fc.record({ maxTries: fc.integer({ min: 0, max: 4 }), waitBetweenTries: fc.nat(300) }),
	),
	latency: fc.nat(15),
	rate: sometimes(
		5,
		fc.record({
			ratePerSecond: fc.integer({ min: 40, max: 300 }),
			limitReply: fc.constantFrom('code' as const, 'http' as const),
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
