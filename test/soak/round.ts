/** What a round draws at random: a list, settings, and the executions that check it one after the other. */
import fc from 'fast-check';

import { TROUBLES, type Trouble } from '../faults';
import type { Fault, Rule } from '../simulator/simulator';

export const NO_NUMBERS = ['', '010-62345678', '1380013800', '={{ $env }}', '13800138000&key=1'];
/** How a list may spell a number. */
export const SPELLINGS: Array<(mobile: string) => string | number> = [
	(mobile) => mobile,
	Number,
	(mobile) => `+86 ${mobile}`,
	(mobile) => `${mobile.slice(0, 3)}-${mobile.slice(3, 7)}-${mobile.slice(7)}`,
];
/** What people and tables do to a row between two executions; much of it makes its result one that nobody gave. */
export const EDITS = [
	...(['numberChanged', 'recheckCleared', 'stateForged', 'routeForged', 'mobileForged'] as const),
	...(['fromTomorrow', 'noTime', 'datesFromTable', 'secondsFromTable'] as const),
	'numbersFromTable' as const,
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

/** A fault by the name of its trouble; `answer` for one that is none. */
const faultOf = (trouble: Trouble) =>
	fc
		.record({
			retryAfter: pick(undefined, undefined, '0', '1', 'soon', '86400', '99999999999'),
			echo: fc.boolean(),
			httpStatus: pick(undefined, undefined, 400, 403, 500),
		})
		.map(({ retryAfter, ...of }) => {
			const { name, fault } = trouble;
			if (fault.kind === 'code') return { name, fault: { ...of, ...fault, retryAfter } };
			return { name, fault: fault.kind === 'http' ? { ...fault, retryAfter } : { ...fault } };
		});
const oddAnswer = fc.record({
	name: kind('answer'),
	fault: fc.record({
		kind: kind('state'),
		...{
			state: pick<unknown>('0', '1', 2, '3', '4', '9', ''),
			httpStatus: pick(undefined, 400, 500),
		},
	}),
});
type Spoilt = fc.Arbitrary<{ name: string; fault: Fault }>;
const anyOf = (is: (trouble: Trouble) => boolean): Spoilt =>
	fc.oneof(...TROUBLES.filter(is).map(faultOf));
const quickFault: Spoilt = fc.oneof(
	{ weight: 5, arbitrary: anyOf((each) => each.class === 'transient' && each.code !== 'timeout') },
	{ weight: 4, arbitrary: anyOf((each) => each.class === 'permanent') },
	{ weight: 2, arbitrary: oddAnswer },
	// It ends the run, and with it the round's chances to meet anything else.
	{ weight: 1, arbitrary: anyOf((each) => each.class === 'fatal') },
);
/** Each of these takes a whole timeout. */
const slowFault = anyOf(({ code }) => code === 'timeout');

/** One of the simulator's rules, with its number by index, and the name of its trouble. */
type Script = Omit<Rule, 'mobile'> & { name: string; number?: number };

function scriptOf(spoilt: Spoilt, most: number): fc.Arbitrary<Script> {
	const when = fc.oneof(
		{ weight: 4, arbitrary: fc.record({ number: fc.nat(20), times: upTo(most) }) },
		{ weight: 2, arbitrary: fc.record({ call: upTo(60) }) },
		{ weight: 1, arbitrary: fc.record({ times: upTo(most) }) },
	);
	const latency = pick(undefined, undefined, 0, 30);
	return fc
		.record({ when, latency, spoilt })
		.map(({ when: rule, latency: wait, spoilt: by }) => ({ ...rule, latency: wait, ...by }));
}

const script = fc.oneof(
	{ weight: 6, arbitrary: scriptOf(quickFault, 8) },
	{ weight: 1, arbitrary: scriptOf(slowFault, 3) },
);

/** Where the rate is limited for good, it takes minutes to show: scripts/endings.ts. */
const isLimit = ({ name }: Script) => /10011|429/.test(name);
const nothingWorks = (quickFault as fc.Arbitrary<Script>).filter((each) => !isLimit(each));

function listOf(minLength: number, maxLength: number) {
	const number = fc.record({ number: fc.nat(maxLength), spelling: fc.nat(SPELLINGS.length - 1) });
	const noNumber = fc.record({ noNumber: fc.nat(NO_NUMBERS.length - 1) });
	const cell = fc.oneof({ weight: 60, arbitrary: number }, { weight: 1, arbitrary: noNumber });
	return fc.array(cell, { minLength, maxLength, size: 'max' });
}

const execution = fc.record({
	/**
	 * How the node is called: once, in a loop of batches, over two connections, or again with the rows that it gave, out of a
	 * table that keeps whole seconds or not.
	 */
	shape: fc.oneof(
		fc.record({ kind: pick('once', 'twice') }),
		fc.record({ kind: kind('loop'), turns: upTo(12) }),
		fc.record({ kind: kind('back'), rounds: upTo(2), seconds: fc.boolean() }),
	),
	/** How often the execution waits between two calls, so that it goes on from the database. */
	waits: sometimes(4, upTo(2)),
	resultAs: pick('object', 'columns'),
	dryRun: fc.nat(14).map((draw) => draw === 14),
	troubles: fc.oneof(
		{ weight: 9, arbitrary: fc.array(script, { maxLength: 6 }) },
		{ weight: 2, arbitrary: fc.tuple(nothingWorks) },
	),
	edits: fc.array(fc.record({ row: fc.nat(400), edit: pick(...EDITS) }), { maxLength: 9 }),
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
		maxQueries: fc.oneof(
			{ weight: 1, arbitrary: pick(0, -1, 2.7) },
			{ weight: 5, arbitrary: upTo(30) },
		),
		maskNumber: fc.boolean(),
		...{ method: pick('GET', 'POST'), requestsPerSecond: fc.integer({ min: 40, max: 1000 }) },
		reuseResults: pick(true, true, false),
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
	cells: fc.oneof(
		{ weight: 4, arbitrary: listOf(1, 20) },
		{ weight: 1, arbitrary: listOf(60, 400) },
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
