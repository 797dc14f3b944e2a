/** The states of the API document (sections 1 to 3) as routes. The label is for people, the advice for a list. */
const STATES = {
	'0': { route: 'normal', label: 'Normal', advice: 'keep' },
	'1': { route: 'suspended', label: 'Suspended', advice: 'recheck' },
	'2': { route: 'unavailable', label: 'On network but unavailable', advice: 'recheck' },
	'3': { route: 'notOnNetwork', label: 'Not on network', advice: 'remove' },
	'4': { route: 'preCancelled', label: 'About to be cancelled', advice: 'recheck' },
} as const;
const UNKNOWN = { route: 'unknown', label: 'Unknown state', advice: 'review' } as const;
const NO_RECORD = { route: 'noRecord', label: 'No record', advice: 'review' } as const;

/** What a state means for a list. */
export type Status = (typeof STATES)[keyof typeof STATES] | typeof UNKNOWN | typeof NO_RECORD;
export type Route = Status['route'];
export type Advice = Status['advice'];

/** Every route, in the order of the states. */
export const ROUTES: readonly Route[] = [...Object.values(STATES), UNKNOWN, NO_RECORD].map(
	({ route }) => route,
);
export const ADVICES = ['keep', 'recheck', 'remove', 'review'] as const satisfies readonly Advice[];

/** The status of a result's `state`; null for a number that the service has no record of (224922). */
export function statusOf(result: { state?: unknown } | null): Status {
	if (result === null) return NO_RECORD;
	const { state } = result;
	if (typeof state !== 'string' && typeof state !== 'number') return UNKNOWN;
	return Object.hasOwn(STATES, state) ? STATES[state as keyof typeof STATES] : UNKNOWN;
}
