import { duplicateFailure, notQueriedFailure, userFailure, type Failure } from './errors';
import { Pace } from './pace';
import type { Answer } from './result';
import type { Query, Queried } from './transport';

/** A row as it comes in: its number of 11 digits, or why it has none. */
export type Row = { mobile: string } | { failure: Failure };

/** What became of a row; a duplicate shares the answer that the first row with its number paid for. */
export type Outcome =
	| { mobile: string; answer: Answer; isDuplicate: boolean }
	| { failure: Failure };

/** How a run may send, and what ends it before its last row. */
export interface Conduct {
	/** Requests under way at the same time, at the most. */
	concurrency: number;
	/** 0 for no limit. */
	requestsPerSecond: number;
	/** True where one failing row ends the run (On Error: Stop Workflow). */
	stopOnFailure: boolean;
	/** Ends the run when the execution is cancelled; what is under way still ends. */
	cancelSignal?: AbortSignal;
}

/** Asks for each distinct number once, in the order of the rows, and gives an outcome for every row. */
export async function run(rows: Row[], query: Query, conduct: Conduct): Promise<Outcome[]> {
	const pace = new Pace(conduct.requestsPerSecond || Infinity);
	let cause = userFailure('cancelled', 'The execution was cancelled.', 'Run the remaining rows.');
	const endBecauseOf = (failure: Failure) => {
		if (!pace.hasEnded) cause = failure;
		pace.end();
	};
	const cancel = () => pace.end();
	conduct.cancelSignal?.addEventListener('abort', cancel);
	if (conduct.cancelSignal?.aborted) cancel();

	// A run that will stop at a bad row stops before it has paid for the good ones.
	const badRow = rows.find((row) => 'failure' in row);
	if (badRow !== undefined && conduct.stopOnFailure) endBecauseOf(badRow.failure);

	const queried = new Map<string, Queried>();
	const numbers = new Set(rows.flatMap((row) => ('mobile' in row ? [row.mobile] : []))).values();
	const work = async () => {
		// All workers draw from one iterator: that bounds the requests and keeps the order.
		for (const mobile of numbers) {
			if (pace.hasEnded) return;
			const outcome = await query(mobile, pace);
			queried.set(mobile, outcome);
			if (outcome !== undefined && 'failure' in outcome) {
				const { failure } = outcome;
				if (failure.class === 'account' || conduct.stopOnFailure) endBecauseOf(failure);
			}
		}
	};
	await Promise.all(Array.from({ length: conduct.concurrency }, work));
	conduct.cancelSignal?.removeEventListener('abort', cancel);

	const seen = new Set<string>();
	return rows.map((row) => {
		if ('failure' in row) return row;
		const { mobile } = row;
		const isDuplicate = seen.has(mobile);
		seen.add(mobile);
		const outcome = queried.get(mobile);
		if (outcome === undefined) return { failure: notQueriedFailure(cause) };
		if ('answer' in outcome) return { mobile, answer: outcome.answer, isDuplicate };
		return isDuplicate ? { failure: duplicateFailure(outcome.failure) } : outcome;
	});
}
