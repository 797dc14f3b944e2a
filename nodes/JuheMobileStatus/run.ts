import {
	duplicateFailure,
	notQueriedFailure,
	notResentFailure,
	overCapFailure,
	userFailure,
	type Failure,
} from './errors';
import type { Known, Memory } from './memory';
import { Pace } from './pace';
import type { Answer, Plan } from './result';
import type { Query, Queried } from './transport';

/** A row as it comes in: its number of 11 digits, or why it has none. */
export type Row = { mobile: string } | { failure: Failure };

/** What became of a row, or in a dry run what would. */
export type Outcome =
	| { mobile: string; answer: Answer; source: 'query' | 'duplicate' | 'reused' }
	| { mobile: string; plan: Plan }
	| { failure: Failure };

/** How a run may send, and what ends it before its last row. */
export interface Conduct {
	/** Requests under way at the same time, at the most. */
	concurrency: number;
	/** 0 for no limit. */
	requestsPerSecond: number;
	/** Numbers that the execution may send; 0 for no cap. */
	maxQueries: number;
	/** Whether a number is sent again whose answer an earlier try of the execution has lost. */
	resendUncertain: boolean;
	/** True where one failing row ends the run (On Error: Stop Workflow). */
	stopOnFailure: boolean;
	/** Ends the run when the execution is cancelled; what is under way still ends. */
	cancelSignal?: AbortSignal;
}

/** Asks for each distinct number once, in the order of the rows, and gives an outcome for every row. */
export async function run(
	rows: Row[],
	query: Query,
	memory: Memory,
	conduct: Conduct,
): Promise<Outcome[]> {
	const pace = new Pace(conduct.requestsPerSecond || Infinity, conduct.concurrency);
	let cause = userFailure('cancelled', 'The execution was cancelled.', 'Run the remaining rows.');
	const endBecauseOf = (failure: Failure) => {
		cause = failure;
		pace.end();
	};
	const cancel = () => pace.end();
	conduct.cancelSignal?.addEventListener('abort', cancel);
	if (conduct.cancelSignal?.aborted) cancel();

	// A run that will stop at a bad row stops before it has paid for the good ones.
	const badRow = rows.find((row) => 'failure' in row);
	if (badRow !== undefined && conduct.stopOnFailure) endBecauseOf(badRow.failure);

	const queried = new Map<string, NonNullable<Queried> | Known>();
	const mayStillSend = allowance(memory, conduct.maxQueries);
	const numbers = distinct(rows).filter((mobile) => {
		const known = memory.recall(mobile);
		const inVain = memory.sentInVain(mobile);
		if (known !== undefined) {
			queried.set(mobile, known);
		} else if (inVain?.billable === 'uncertain' && !conduct.resendUncertain) {
			const failure = notResentFailure(inVain);
			queried.set(mobile, { failure });
			if (conduct.stopOnFailure) endBecauseOf(failure);
		} else if (!pace.hasEnded && !mayStillSend(mobile)) {
			queried.set(mobile, { failure: overCapFailure(conduct.maxQueries) });
		}
		return !queried.has(mobile);
	});
	// All workers draw from one iterator: that bounds the requests and keeps the order.
	const line = numbers.values();
	const work = async () => {
		for (const mobile of line) {
			const outcome = await query(
				mobile,
				pace,
				memory.sentInVain(mobile)?.billable === 'uncertain',
			);
			if (outcome === undefined) return;
			queried.set(mobile, outcome);
			memory.record(mobile, outcome);
			if ('failure' in outcome && (outcome.failure.class === 'account' || conduct.stopOnFailure)) {
				endBecauseOf(outcome.failure);
			}
		}
	};
	await Promise.all(Array.from({ length: conduct.concurrency }, work));
	conduct.cancelSignal?.removeEventListener('abort', cancel);

	return settle(rows, queried, cause);
}

/** The outcome of every row; `cause` is what ended the run before the turn of those that nothing is known of. */
function settle(
	rows: Row[],
	queried: Map<string, NonNullable<Queried> | Known>,
	cause: Failure,
): Outcome[] {
	const seen = new Set<string>();
	return rows.map((row) => {
		if ('failure' in row) return row;
		const { mobile } = row;
		const isDuplicate = seen.has(mobile);
		seen.add(mobile);
		const outcome = queried.get(mobile);
		if (outcome === undefined) return { failure: notQueriedFailure(cause) };
		if ('failure' in outcome)
			return isDuplicate ? { failure: duplicateFailure(outcome.failure) } : outcome;
		const source: Known['source'] = 'source' in outcome ? outcome.source : 'query';
		const { answer } = outcome;
		return { mobile, answer, source: isDuplicate && source === 'query' ? 'duplicate' : source };
	});
}

/** What `run` would do with the rows, without sending anything (Dry Run). */
export function rehearse(rows: Row[], memory: Memory, maxQueries: number): Outcome[] {
	const plans = new Map<string, Plan>();
	const mayStillSend = allowance(memory, maxQueries);
	return rows.map((row) => {
		if ('failure' in row) return row;
		const { mobile } = row;
		const planned = plans.get(mobile);
		if (planned !== undefined) {
			return { mobile, plan: planned === 'billable' ? 'duplicate' : planned };
		}
		const plan = memory.recall(mobile) ? 'reusable' : mayStillSend(mobile) ? 'billable' : 'overCap';
		plans.set(mobile, plan);
		return { mobile, plan };
	});
}

/** Says of one number after the other whether the cap still lets it be sent; a number counts once an execution. */
function allowance(memory: Memory, maxQueries: number): (mobile: string) => boolean {
	if (maxQueries === 0) return () => true;
	let left = maxQueries - memory.sentBefore;
	return (mobile) => memory.sentInVain(mobile) !== undefined || left-- > 0;
}

function distinct(rows: Row[]): string[] {
	return [...new Set(rows.flatMap((row) => ('mobile' in row ? [row.mobile] : [])))];
}
