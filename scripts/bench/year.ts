/**
 * A year of a list that is checked every night, simulated: what recheck dates save, and how late they see a change. Nothing
 * is sent. The rates of change are assumptions; no public figures are known.
 */
import { statusOf, type Advice, type Route } from '../../nodes/JuheMobileStatus/juhe/status';
import { RECHECK_DAYS } from '../../nodes/JuheMobileStatus/properties';
import { table } from './report';

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

/** Settings of Recheck After (Days); undefined asks for every number every night. */
const SETTINGS: ReadonlyArray<readonly [name: string, days: Days | undefined]> = [
	['Every number, every night', undefined],
	['Recheck After (Days): the default', DEFAULT_DAYS],
	['Recheck After (Days): half of it', scaled(0.5)],
	['Recheck After (Days): twice as long', scaled(2)],
];

/** Numbers from 0 up to 1, the same for the same seed (a linear congruential generator). */
function createRandom(seed: number): () => number {
	let state = seed;
	return () => {
		state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
		return state / 2 ** 32;
	};
}

interface Year {
	queries: number;
	/** Days from each change that was seen to the night that saw it. */
	delays: number[];
}

/** The same numbers live the same year under each setting. */
function simulate(days: Days | undefined): Year {
	const random = createRandom(SEED);
	const year: Year = { queries: 0, delays: [] };
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

/** The section of docs/benchmark.md, without its heading. */
export function yearSection(): string {
	const years = SETTINGS.map(([name, days]) => ({ name, days, ...simulate(days) }));
	const naive = years[0]!.queries;
	const count = (value: number) => value.toLocaleString('en-US');
	const rows = years.map(({ name, days, queries, delays }) => [
		days ? `${name} (${Object.values(days).join(', ')})` : name,
		count(queries),
		`${((100 * queries) / naive).toFixed(1)}%`,
		(delays.reduce((sum, delay) => sum + delay, 0) / delays.length).toFixed(1),
		count(delays.length),
	]);
	const rates = Object.entries(RATES).map(([state, to]) => {
		const route = statusOf({ state }).route;
		const each = Object.entries(to).map(
			([next, rate]) => `${(100 * rate).toFixed(2)}% to ${statusOf({ state: next }).route}`,
		);
		return `- \`${route}\`, ${BEGIN[state]}% of the numbers at the start: ${each.join(', ')}`;
	});
	const head = [
		'Setting',
		'Queries billed',
		'Of all',
		'Mean days until a change is seen',
		'Changes seen',
	];
	return `\`npm run bench -- year\` simulates ${count(NUMBERS)} numbers over ${NIGHTS} nights. The workflow runs every night and asks for the
numbers that are due. A number changes its state with these chances a day, which are assumptions:

${rates.join('\n')}

${table(head, rows)}

A change that is gone again before the next check is not seen.`;
}
