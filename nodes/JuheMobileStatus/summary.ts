import type { IDataObject } from 'n8n-workflow';

import type { Failure } from './juhe/failure';
import { NO_RECORD_CODE } from './juhe/reply';
import { ADVICES, ROUTES, statusOf } from './juhe/status';
import { PLANS, type Outcome } from './list/outcome';

/** What calls of the node came to, as the Summary output shows it. */
export interface Summary {
	rows: number;
	/** Rows whose query was answered. */
	queried: number;
	/** Rows that took the answer of another row. */
	duplicates: number;
	/** Rows that carried a result that still holds, or share the number of one. */
	reused: number;
	/** Rows without a result. */
	errors: number;
	/** Rows among `errors` that were not sent. */
	notQueried: number;
	/** Queries that are billed; in a dry run, that would be. */
	billable: number;
	/** Queries that may be billed. */
	uncertain: number;
	/** Rows with a result by route; in a dry run, by what would happen. */
	routes: Record<string, number>;
	advice: Record<string, number>;
	/** Rows without a result, by the code of their failure. */
	failures: Record<string, number>;
	/** The code that stopped the run; null where it ran to its end. */
	stoppedBy: number | string | null;
	startedAt: string;
	dryRun: boolean;
}

/** Counts the outcomes of one call. */
export function summarize(
	outcomes: Outcome[],
	stoppedBy: Failure | undefined,
	startedAt: string,
	dryRun: boolean,
): Summary {
	const zeros = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 0]));
	const summary: Summary = {
		rows: outcomes.length,
		queried: 0,
		duplicates: 0,
		reused: 0,
		errors: 0,
		notQueried: 0,
		billable: 0,
		uncertain: 0,
		routes: zeros(dryRun ? PLANS : ROUTES),
		advice: zeros(ADVICES),
		failures: {},
		stoppedBy: stoppedBy?.details.code ?? null,
		startedAt,
		dryRun,
	};
	const count = (counts: Record<string, number>, name: string) =>
		(counts[name] = (counts[name] ?? 0) + 1);
	for (const outcome of outcomes) {
		if ('failure' in outcome) {
			const { details } = outcome.failure;
			summary.errors++;
			count(summary.failures, String(details.code));
			if (details.notQueried) summary.notQueried++;
			if (details.billable === 'uncertain') summary.uncertain++;
			continue;
		}
		if ('plan' in outcome) {
			count(summary.routes, outcome.plan);
			if (outcome.plan === 'billable') summary.billable++;
			if (outcome.plan === 'duplicate') summary.duplicates++;
			if (outcome.plan === 'reusable') summary.reused++;
			if (outcome.plan === 'overCap') summary.notQueried++;
			continue;
		}
		const { route, advice } = statusOf(
			'answer' in outcome ? outcome.answer.result : outcome.stored.result,
		);
		count(summary.routes, route);
		count(summary.advice, advice);
		if (outcome.source === 'duplicate') summary.duplicates++;
		else if (outcome.source === 'reused') summary.reused++;
		else {
			summary.queried++;
			if (outcome.answer.billable === 'yes') summary.billable++;
			else summary.uncertain++;
		}
	}
	return summary;
}

/** What the calls of an execution came to so far. */
export interface Total {
	/** The sum of all calls but the last; undefined where there is one call. */
	before?: Summary;
	/** The last call, by n8n's run index, which the tries of a call share. */
	call: number;
	last: Summary;
}

/** Adds a call. A further try of the last call takes the place of the one before. */
export function addCall(total: Total | undefined, call: number, last: Summary): Total {
	if (total === undefined) return { call, last };
	return total.call === call ? { ...total, last } : { before: sumOf(total), call, last };
}

/** The sum of all calls. */
export function sumOf({ before, last }: Total): Summary {
	if (before === undefined) return last;
	return {
		rows: before.rows + last.rows,
		queried: before.queried + last.queried,
		duplicates: before.duplicates + last.duplicates,
		reused: before.reused + last.reused,
		errors: before.errors + last.errors,
		notQueried: before.notQueried + last.notQueried,
		billable: before.billable + last.billable,
		uncertain: before.uncertain + last.uncertain,
		routes: addCounts(before.routes, last.routes),
		advice: addCounts(before.advice, last.advice),
		failures: addCounts(before.failures, last.failures),
		stoppedBy: last.stoppedBy ?? before.stoppedBy,
		startedAt: before.startedAt,
		dryRun: before.dryRun && last.dryRun,
	};
}

function addCounts(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
	const sum = { ...a };
	for (const [name, count] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + count;
	return sum;
}

/** The item of the Summary output. @param price of a query; 0 for none */
export function summaryItem(summary: Summary, price: number): IDataObject {
	const { routes, advice, failures, stoppedBy, startedAt, dryRun, ...counts } = summary;
	return {
		...counts,
		cost: price === 0 ? null : costOf(summary, price),
		routes,
		advice,
		failures,
		stoppedBy,
		startedAt,
		finishedAt: new Date().toISOString(),
		dryRun,
	};
}

/** One line for people: "3 rows: 2 queried, 0 duplicates, 0 reused, 1 without a result: 1 over the cap. 1 to remove, …" */
export function summaryLine(summary: Summary, price: number): string {
	const { routes, advice, dryRun } = summary;
	const rows = say(summary.rows, 'row', 'rows');
	const duplicates = say(summary.duplicates, 'duplicate', 'duplicates');
	const cost = price === 0 ? '' : ` Cost: ${costOf(summary, price)}.`;
	return dryRun
		? `${rows}: ${say(summary.billable, 'billable')}, ${duplicates}, ${say(summary.reused, 'reusable')}, ${say(routes.overCap, 'over the cap')}, ${failuresInWords(summary)}. Nothing was sent.${cost}`
		: `${rows}: ${say(summary.queried, 'queried')}, ${duplicates}, ${say(summary.reused, 'reused')}, ${failuresInWords(summary)}. ${say(advice.remove, 'to remove')}, ${say(advice.recheck, 'to recheck')}.${cost}`;
}

/** What the codes of failures say in a list of counts; any other is said as it is. */
const CODES_IN_WORDS: Record<string, string> = {
	invalidNumber: 'not a mobile number',
	overCap: 'over the cap',
	cancelled: 'cancelled',
	invalidSettings: 'with settings that are refused',
	timeout: 'without an answer in time',
	connectionLost: 'with a lost connection',
	connectionRefused: 'with a refused connection',
	noConnection: 'without a connection',
	otherNumber: 'with a reply about another number',
	[NO_RECORD_CODE]: 'without a record',
};

function failuresInWords({ errors, failures }: Summary): string {
	const counts = Object.entries(failures).sort(([, a], [, b]) => b - a);
	const causes = counts.map(([code, count]) =>
		say(count, CODES_IN_WORDS[code] ?? `with code ${code}`),
	);
	return [say(errors, 'without a result'), causes.join(', ')].filter(Boolean).join(': ');
}

function say(count: number | undefined, one: string, many = one): string {
	return `${(count ?? 0).toLocaleString('en-US')} ${count === 1 ? one : many}`;
}

/** The price of the queries that are billed and of those that may be. */
function costOf({ billable, uncertain }: Summary, price: number): number {
	return Number(((billable + uncertain) * price).toFixed(4));
}
