import type { IDataObject } from 'n8n-workflow';

import { maskMobile } from './number';
import type { OperationName } from './operations';
import type { Outcome } from './run';

/** The API document's states (sections 1 to 3) as routes; the label is shown, the advice is for cleansing a list. */
const STATES = {
	'0': { route: 'normal', label: 'Normal', advice: 'keep' },
	'1': { route: 'suspended', label: 'Suspended', advice: 'recheck' },
	'2': { route: 'unavailable', label: 'On network but unavailable', advice: 'recheck' },
	'3': { route: 'notOnNetwork', label: 'Not on network', advice: 'remove' },
	'4': { route: 'preCancelled', label: 'About to be cancelled', advice: 'recheck' },
} as const;
const UNKNOWN = { route: 'unknown', label: 'Unknown state', advice: 'review' } as const;
const NO_RECORD = { route: 'noRecord', label: 'No record', advice: 'review' } as const;

type Verdict = (typeof STATES)[keyof typeof STATES] | typeof UNKNOWN | typeof NO_RECORD;
export type Route = Verdict['route'];

/** The outputs when the node is split: one a state, in the states' order, and one for the rest. */
export const SPLIT_OUTPUTS = [
	{ route: 'normal', displayName: 'Normal' },
	{ route: 'suspended', displayName: 'Suspended' },
	{ route: 'unavailable', displayName: 'Unavailable' },
	{ route: 'notOnNetwork', displayName: 'Not on Network' },
	{ route: 'preCancelled', displayName: 'Pre-Cancelled' },
	{ route: 'other', displayName: 'Other' },
] as const;

/** The index of a route's output when the node is split; `other` takes what has no output of its own. */
export function outputOf(route: Route | 'other'): number {
	const index = SPLIT_OUTPUTS.findIndex((output) => output.route === route);
	return index === -1 ? SPLIT_OUTPUTS.length - 1 : index;
}

/** One answered query: what the service said of a number, and what it took. */
export interface Answer {
	/** The API_FIELDS of the reply's `result`; null where the service has no record of the number (224922). */
	result: IDataObject | null;
	/** Requests sent for the number, 1 and up. */
	attempts: number;
	/** `uncertain`: an earlier answer was lost on the way and may have been billed as well. */
	billable: 'yes' | 'uncertain';
	/** ISO 8601, when the answer came. */
	checkedAt: string;
}

/** What a dry run says of a row. */
const PLANS = {
	billable: 'Would be queried and billed',
	duplicate: 'Would take the answer of an earlier row',
	reusable: 'Would take the answer of an earlier execution',
	overCap: 'Would not be sent: Max Queries per Run',
} as const;
export type Plan = keyof typeof PLANS;

/**
 * The API's own fields that go into the output (API document, sections 1 to 3); whatever else a reply holds stays out
 * of people's data. Its `mobile` is not among them: the encrypted queries leave it out, so it is always ours.
 */
export const API_FIELDS = ['province', 'city', 'isp', 'state', 'description', 'orderid'] as const;

/** An answer as the row shows it. */
export function toResult(
	mobile: string,
	answer: Answer,
	source: 'query' | 'duplicate' | 'reused',
	settings: { operation: OperationName; maskNumber: boolean },
): { route: Route; result: IDataObject } {
	const { route, label, advice } = verdictOn(answer.result);
	const isPayer = source === 'query';
	return {
		route,
		result: {
			mobile: shown(mobile, settings),
			...answer.result,
			label,
			advice,
			operation: settings.operation,
			billable: isPayer ? answer.billable : 'no',
			attempts: isPayer ? answer.attempts : 0,
			source,
			checkedAt: answer.checkedAt,
		},
	};
}

/** A row of a dry run: what would happen to it. */
export function toPlan(
	mobile: string,
	plan: Plan,
	settings: { operation: OperationName; maskNumber: boolean },
): { route: Plan; result: IDataObject } {
	const { operation } = settings;
	const result = {
		mobile: shown(mobile, settings),
		label: PLANS[plan],
		operation,
		billable: 'no',
		attempts: 0,
	};
	return { route: plan, result };
}

function shown(mobile: string, { maskNumber }: { maskNumber: boolean }): string {
	return maskNumber ? maskMobile(mobile) : mobile;
}

/** What an answer means for a list. */
export function verdictOn(result: IDataObject | null): Verdict {
	if (result === null) return NO_RECORD;
	const { state } = result;
	if (typeof state !== 'string' && typeof state !== 'number') return UNKNOWN;
	return Object.hasOwn(STATES, state) ? STATES[state as keyof typeof STATES] : UNKNOWN;
}

/** What a run came to, in one line for people: "3 rows: 2 queried, 1 duplicate, 0 reused, 0 errors. 1 to remove." */
export function summaryOf(outcomes: Outcome[]): string {
	const counts = new Map<string, number>();
	for (const outcome of outcomes) {
		const words =
			'failure' in outcome
				? ['error']
				: 'plan' in outcome
					? [outcome.plan]
					: [outcome.source, verdictOn(outcome.answer.result).advice];
		for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
	}
	const say = (word: string, one: string, many = one) => {
		const count = counts.get(word) ?? 0;
		return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;
	};
	counts.set('row', outcomes.length);
	const isDry = outcomes.some((outcome) => 'plan' in outcome);
	const rows = say('row', 'row', 'rows');
	const duplicates = say('duplicate', 'duplicate', 'duplicates');
	const errors = say('error', 'error', 'errors');
	return isDry
		? `${rows}: ${say('billable', 'billable')}, ${duplicates}, ${say('reusable', 'reusable')}, ${say('overCap', 'over the cap')}, ${errors}. Nothing was sent.`
		: `${rows}: ${say('query', 'queried')}, ${duplicates}, ${say('reused', 'reused')}, ${errors}. ${say('remove', 'to remove')}, ${say('recheck', 'to recheck')}.`;
}
