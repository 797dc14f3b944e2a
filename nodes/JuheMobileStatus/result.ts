import type { IDataObject } from 'n8n-workflow';

import { maskMobile } from './number';
import type { OperationName } from './operations';

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
	/** `result` of the reply; null where the service has no record of the number (224922). */
	result: IDataObject | null;
	/** Requests sent for the number, 1 and up. */
	attempts: number;
	/** `uncertain`: an earlier answer was lost on the way and may have been billed as well. */
	billable: 'yes' | 'uncertain';
	/** ISO 8601, when the answer came. */
	checkedAt: string;
}

/** The API's own fields that go into the output; whatever else a reply holds stays out of people's data. */
const API_FIELDS = ['province', 'city', 'isp', 'state', 'description', 'orderid'] as const;

/**
 * An answer as the row shows it.
 *
 * `mobile` is always the normalised number: the encrypted queries leave it out (API document, sections 2 and 3).
 */
export function toResult(
	mobile: string,
	answer: Answer,
	isDuplicate: boolean,
	settings: { operation: OperationName; maskNumber: boolean },
): { route: Route; result: IDataObject } {
	const { route, label, advice } = verdictOn(answer.result);
	const result: IDataObject = { mobile: settings.maskNumber ? maskMobile(mobile) : mobile };
	for (const field of API_FIELDS) {
		const value = answer.result?.[field];
		if (value === null || !['object', 'undefined'].includes(typeof value)) result[field] = value;
	}
	return {
		route,
		result: Object.assign(result, {
			label,
			advice,
			operation: settings.operation,
			billable: isDuplicate ? 'no' : answer.billable,
			attempts: isDuplicate ? 0 : answer.attempts,
			source: isDuplicate ? 'duplicate' : 'query',
			checkedAt: answer.checkedAt,
		}),
	};
}

function verdictOn(result: IDataObject | null): Verdict {
	if (result === null) return NO_RECORD;
	const { state } = result;
	if (typeof state !== 'string' && typeof state !== 'number') return UNKNOWN;
	return Object.hasOwn(STATES, state) ? STATES[state as keyof typeof STATES] : UNKNOWN;
}
