/**
 * A year of a list that is checked every night, simulated: what recheck dates save, and how late they see a change. Nothing
 * is sent. The rates of change are assumptions; no public figures are known.
 */
import { statusOf, type Advice, type Route } from '../../nodes/JuheMobileStatus/juhe/status';
import { RECHECK_DAYS } from '../../nodes/JuheMobileStatus/properties';
import { DEFAULT_NAME } from './charts';
import { rounded, today, type Year } from './figures';
import { writePart } from './report';

const NUMBERS = 10_000;
const NIGHTS = 365;
const SEED = 20_261_125;
/** When in a run a number is checked, in days: its `recheckAt` then lies behind the start of the run of that night. */
const CHECKED_AT = 0.01;

/** The chance a day that a number goes from one state of the API to another. */
const RATES: Record<string, Record<string, number>> = {
	'0': { '1': 0.001, '2': 0.0003 },
	'1': { '0': 0.05, '4': 0.02 },
	'2': { '0': 0.03, '4': 0.01 },
	'3': { '0': 0.0005 },
	'4': { '0': 0.01, '3': 0.02 },
};
/** How many of a hundred numbers begin in each state. */
const BEGIN: Record<string, number> = { '0': 85, '1': 5, '2': 3, '3': 5, '4': 2 };

type Days = Record<Advice, number>;
const DEFAULT_DAYS = Object.fromEntries(
	RECHECK_DAYS.map(({ name, default: days }) => [name, days]),
) as Days;
const scaled = (factor: number) =>
	Object.fromEntries(
		Object.entries(DEFAULT_DAYS).map(([advice, days]) => [advice, Math.round(days * factor)]),
	) as Days;

/** Settings of Recheck After (Days); without days every number is asked for every night. */
const SETTINGS: ReadonlyArray<{ name: string; days?: Days }> = [
	{ name: 'Every number, every night' },
	{ name: DEFAULT_NAME, days: DEFAULT_DAYS },
	{ name: 'Half of it', days: scaled(0.5) },
	{ name: 'Twice as long', days: scaled(2) },
];

/** Numbers from 0 up to 1, the same for the same seed (a linear congruential generator). */
function createRandom(seed: number): () => number {
	let state = seed;
	return () => {
		state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
		return state / 2 ** 32;
	};
}

interface Simulated {
	queries: number;
	/** Days from each change that was seen to the night that saw it. */
	delays: number[];
}

/** The same numbers live the same year under each setting. */
function simulate(days: Days | undefined): Simulated {
	const random = createRandom(SEED);
	const year: Simulated = { queries: 0, delays: [] };
	for (let number = 0; number < NUMBERS; number++) {
		let state = firstState(number);
		let seen: Route | undefined;
		let changedAt = 0;
		let due = 0;
		for (let night = 0; night < NIGHTS; night++) {
			const before = state;
			state = nextState(state, random());
			if (state !== before && statusOf({ state: before }).route === seen) changedAt = night;
			if (night < due) continue;
			year.queries++;
			const { route, advice } = statusOf({ state });
			if (seen !== undefined && route !== seen) year.delays.push(night - changedAt);
			seen = route;
			due = night + (days ? days[advice] + CHECKED_AT : 1);
		}
	}
	return year;
}

function firstState(number: number): string {
	let share = number % 100;
	for (const [state, percent] of Object.entries(BEGIN)) {
		if (share < percent) return state;
		share -= percent;
	}
	return '0';
}

function nextState(state: string, chance: number): string {
	let left = chance;
	for (const [next, rate] of Object.entries(RATES[state] ?? {})) {
		if (left < rate) return next;
		left -= rate;
	}
	return state;
}

/** `npm run bench -- year`. */
export function simulateYear({ print }: { print: boolean }): void {
	const settings = SETTINGS.map(({ name, days }): Year['settings'][number] => {
		const { queries, delays } = simulate(days);
		const delay = delays.reduce((sum, each) => sum + each, 0) / delays.length;
		return {
			...{ name, days, queries },
			...{ meanDaysUntilSeen: rounded(delay, 1), changesSeen: delays.length },
		};
	});
	const states = Object.entries(RATES).map(([state, to]) => ({
		route: routeOf(state),
		atStart: BEGIN[state]!,
		chances: Object.fromEntries(
			Object.entries(to).map(([next, rate]) => [routeOf(next), rounded(100 * rate, 2)]),
		),
	}));
	const command = 'npm run bench -- year';
	const year = { command, date: today(), numbers: NUMBERS, nights: NIGHTS, states, settings };
	writePart('year', year, print);
}

function routeOf(state: string): Route {
	return statusOf({ state }).route;
}
