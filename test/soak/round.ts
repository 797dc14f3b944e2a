/** What a soak draws at random: lists, settings and troubles of a workflow that is executed a few times. */
import fc from 'fast-check';

import type { Fault } from '../simulator/simulator';

/** API document, section 4, by what the contract says the node does about a code. */
export const ACCOUNT = [
	10001, 10002, 10003, 10004, 10005, 10007, 10008, 10009, 10012, 10013, 10020, 10021,
];
const MAY_PASS = [224915, 224924, 10011, 10014];
export const OF_THE_ROW = [224902, 224919, 224922, 299999];

export const SPELLINGS: Array<(mobile: string) => string | number> = [
	(mobile) => mobile,
	(mobile) => Number(mobile),
	(mobile) => `+86 ${mobile}`,
	(mobile) => `0086-${mobile}`,
	(mobile) => `${mobile.slice(0, 3)} ${mobile.slice(3, 7)} ${mobile.slice(7)}`,
	(mobile) => `(${mobile.slice(0, 3)})${mobile.slice(3)}\u200b`,
	(mobile) => mobile.replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0)),
];
export const NO_NUMBERS = [
	'',
	'010-62345678',
	'1380013800',
	'1.38E+10',
	'={{ $env }}',
	'13800138000&key=1',
];

type Cell = { number: number; spelling: number } | { noNumber: number };

/** One of the simulator's rules, with its number by index. */
interface Trouble {
	number?: number;
	call?: number;
	times?: number;
	latency?: number;
	fault: Fault;
}

const code = fc.oneof(
	{ weight: 3, arbitrary: fc.constantFrom(...MAY_PASS, ...OF_THE_ROW) },
	// Ends the run, and with it the round's chances to meet anything else.
	{ weight: 1, arbitrary: fc.constantFrom(...ACCOUNT) },
);
const retryAfter = fc.constantFrom(
	undefined,
	undefined,
	'0',
	'1',
	'soon',
	'Wed, 21 Oct 2015 07:28:00 GMT',
	'86400',
	'99999999999',
);
const passingFault: fc.Arbitrary<Fault> = fc.oneof(
	fc.record({
		kind: fc.constant('code' as const),
		code,
		retryAfter,
		asString: fc.boolean(),
		echo: fc.boolean(),
		httpStatus: fc.constantFrom(200, 200, 400, 403),
	}),
	fc.record({
		kind: fc.constant('http' as const),
		status: fc.constantFrom(429, 500, 502, 503, 504, 404, 302),
		retryAfter,
	}),
	fc.record({
		kind: fc.constant('state' as const),
		state: fc.constantFrom('0', '1', '2', '3', '4', '9'),
	}),
	fc.constantFrom<Fault>(
		{ kind: 'notJson' },
		{ kind: 'missingResult' },
		{ kind: 'resetBefore' },
		{ kind: 'resetMidBody' },
		{ kind: 'http', status: 200, body: '{"error_code":', contentType: 'application/json' },
		{ kind: 'http', status: 200, body: '\u0000'.repeat(70_000) },
	),
);
const trouble: fc.Arbitrary<Trouble> = fc.oneof(
	{ weight: 5, arbitrary: faultOf(passingFault, 8) },
	// Each of these takes a whole timeout.
	{
		weight: 1,
		arbitrary: faultOf(
			fc.constantFrom<Fault>({ kind: 'hang' }, { kind: 'drip', intervalMs: 100 }),
			3,
		),
	},
);

function faultOf(fault: fc.Arbitrary<Fault>, maxTimes: number): fc.Arbitrary<Trouble> {
	const times = fc.integer({ min: 1, max: maxTimes });
	const latency = fc.constantFrom(undefined, undefined, 0, 30);
	return fc.oneof(
		{ weight: 4, arbitrary: fc.record({ number: fc.nat(20), times, latency, fault }) },
		{ weight: 2, arbitrary: fc.record({ call: fc.integer({ min: 1, max: 60 }), latency, fault }) },
		{ weight: 1, arbitrary: fc.record({ times, latency, fault }) },
	);
}

/** Once in so many draws. */
function sometimes<T>(oneIn: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
	return fc.oneof(
		{ weight: oneIn - 1, arbitrary: fc.constant(undefined) },
		{ weight: 1, arbitrary },
	);
}

function listOf(maxLength: number): fc.Arbitrary<Cell[]> {
	const number = fc.record({ number: fc.nat(maxLength), spelling: fc.nat(SPELLINGS.length - 1) });
	const noNumber = fc.record({ noNumber: fc.nat(NO_NUMBERS.length - 1) });
	const cells = fc.array(
		fc.oneof({ weight: 30, arbitrary: number }, { weight: 1, arbitrary: noNumber }),
		{
			maxLength,
			size: 'max',
		},
	);
	const numbers = fc.array(number, { minLength: 1, maxLength, size: 'max' });
	return fc.oneof({ weight: 2, arbitrary: numbers }, { weight: 1, arbitrary: cells });
}

const execution = fc.record({
	cells: fc.oneof({ weight: 4, arbitrary: listOf(20) }, { weight: 1, arbitrary: listOf(400) }),
	troubles: fc.array(trouble, { maxLength: 6 }),
	/** Milliseconds until the execution is cancelled. */
	cancelAfter: sometimes(8, fc.nat(300)),
	/** When the simulator refuses connections, and for how long, in milliseconds. */
	down: sometimes(8, fc.record({ at: fc.nat(100), during: fc.nat(1000) })),
});
export type Execution = typeof execution extends fc.Arbitrary<infer T> ? T : never;

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
		reuseHours: fc.constantFrom(1, 8760),
		onlyChanges: fc.boolean(),
	},
	{ requiredKeys: [] },
);

/** A workflow that is executed up to three times. */
export const round = fc.record({
	operation: fc.constantFrom('plain', 'aes', 'rsa'),
	onError: fc.constantFrom(
		'stopWorkflow' as const,
		'continueRegularOutput' as const,
		'continueErrorOutput' as const,
	),
	splitOutputs: fc.boolean(),
	options,
	dryRun: fc.integer({ min: 0, max: 14 }).map((draw) => draw === 14),
	/** In milliseconds, of an execution in which an answer never comes. */
	shortTimeout: fc.integer({ min: 800, max: 1500 }),
	retryOnFail: sometimes(
		3,
		fc.record({ maxTries: fc.integer({ min: 2, max: 3 }), waitBetweenTries: fc.nat(300) }),
	),
	latency: fc.nat(15),
	rate: sometimes(
		5,
		fc.record({
			ratePerSecond: fc.integer({ min: 40, max: 300 }),
			limitReply: fc.constantFrom('code' as const, 'http' as const),
		}),
	),
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
