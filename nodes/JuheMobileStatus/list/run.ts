import type { Answer, Client, Lookup } from '../juhe/client';
import type { Failure } from '../juhe/failure';
import type { RateLimiter } from '../juhe/rateLimiter';
import { noRecordFailure, PARAMETERS_REFUSED_CODE } from '../juhe/reply';
import type { EarlierResult } from './earlier';
import type { Ledger } from './ledger';
import {
	duplicateFailure,
	notQueriedFailure,
	notResentFailure,
	overCapFailure,
	userFailure,
	type Outcome,
	type Plan,
	type Row,
} from './outcome';

/** What holds for a call of the node. */
export interface RunOptions {
	/** n8n's run index: the tries of one call share it. */
	call: number;
	/** Requests under way at the same time, at most. */
	concurrency: number;
	/** Queries that the execution may send; 0 for no cap. */
	maxQueries: number;
	/** Whether a result that a row carries may answer for its number. */
	reuseResults: boolean;
	/** Whether a number without a record (224922) fails. */
	failOnNoRecord: boolean;
	/** Whether a number is sent again after its answer was lost. */
	resendUncertain: boolean;
	/** True where one failing row ends the run (On Error: Stop Workflow). */
	stopOnFailure: boolean;
	/** Aborted when the execution is cancelled; requests under way still end. */
	cancelSignal?: AbortSignal;
	/** Called after each number that ends, with how many of how many have ended. */
	onProgress?: (ended: number, of: number) => void;
}

/** The outcome of every row, and what ended the run before its end. */
export interface RunResult {
	outcomes: Outcome[];
	/** The failure that stopped the run; undefined for one that ran to its end. */
	stoppedBy?: Failure;
}

type Settled =
	| { answer: Answer; source: 'query' | 'duplicate' }
	| { earlier: EarlierResult; source: 'reused' }
	| { failure: Failure };

/** Asks for each distinct number once, in the order of the rows, and gives an outcome for every row. */
export async function run(
	rows: Row[],
	client: Client,
	limiter: RateLimiter,
	ledger: Ledger,
	options: RunOptions,
): Promise<RunResult> {
	const stop = new AbortController();
	const { signal } = stop;
	let stoppedBy: Failure | undefined;
	const stopRun = (failure: Failure) => {
		stoppedBy ??= failure;
		stop.abort();
	};
	const cancel = () =>
		stopRun(userFailure('cancelled', 'The execution is cancelled.', 'Run the workflow again.'));
	options.cancelSignal?.addEventListener('abort', cancel);
	if (options.cancelSignal?.aborted) cancel();
	// A run that will stop at a row without a number stops before it pays for the others.
	const badRow = rows.find((row) => 'failure' in row);
	if (badRow !== undefined && options.stopOnFailure) stopRun(badRow.failure);

	const settled = new Map<string, Settled>();
	const numbers = distinctNumbers(rows);
	const reusable = options.reuseResults ? freshResults(rows) : new Map<string, EarlierResult>();
	const outdated = answersToAskAnew(rows, ledger);
	const settle = (mobile: string, lookup: Lookup, source: 'query' | 'duplicate') => {
		const ended = options.failOnNoRecord ? withoutNoRecord(lookup) : lookup;
		if ('answer' in ended) settled.set(mobile, { answer: ended.answer, source });
		else {
			const { failure } = ended;
			settled.set(mobile, { failure: source === 'query' ? failure : duplicateFailure(failure) });
			if (options.stopOnFailure) stopRun(failure);
		}
		options.onProgress?.(settled.size, numbers.length);
	};
	const sourceOf = ({ call }: { call: number }) => (call === options.call ? 'query' : 'duplicate');
	/** Settles a number that needs no query, or may have none. */
	const settleWithoutQuery = (mobile: string): boolean => {
		const earlier = reusable.get(mobile);
		const answer = ledger.answerTo(mobile);
		const prior = ledger.priorFailure(mobile);
		if (earlier !== undefined) settled.set(mobile, { earlier, source: 'reused' });
		else if (answer !== undefined && answer.checkedAt !== outdated.get(mobile)) {
			settle(mobile, { answer }, sourceOf(answer));
		} else if (prior?.billable === 'uncertain' && (!options.resendUncertain || isOverCap(mobile))) {
			settle(mobile, { failure: notResentFailure(prior) }, sourceOf(prior));
		} else if (isOverCap(mobile)) {
			settle(mobile, { failure: overCapFailure(options.maxQueries) }, 'query');
		} else return false;
		return true;
	};
	const isOverCap = (mobile: string) =>
		// Another call has paid for it and waits for the answer.
		ledger.underWay(mobile) === undefined &&
		ledger.isCharged(mobile) &&
		!ledger.hasQueryLeft(options.maxQueries);
	const query = async (mobile: string) => {
		const maybeBilled = ledger.priorFailure(mobile)?.billable === 'uncertain';
		if (ledger.isCharged(mobile)) ledger.reserve(options.maxQueries);
		const reserve = () => ledger.reserve(options.maxQueries);
		const { resendUncertain } = options;
		const lookup = client.lookup(mobile, { signal, maybeBilled, resendUncertain, reserve });
		const ended = await ledger.record(mobile, options.call, lookup);
		settle(mobile, ended, 'query');
		if ('answer' in ended) return;
		if (ended.failure.class === 'fatal') stopRun(ended.failure);
		else if (ledger.breaker.isOpen) stopRun(nothingWorksFailure(ended.failure, ledger, client));
	};

	const underWay = new Set<Promise<void>>();
	const add = (work: Promise<void>) => {
		const tracked = work.finally(() => underWay.delete(tracked));
		underWay.add(tracked);
	};
	const waitingForOthers: Array<Promise<void>> = [];
	for (const mobile of numbers) {
		if (settleWithoutQuery(mobile)) continue;
		// Where nothing is under way, one number starts in any case: it shows whether the service works again.
		while (!signal.aborted && !ledger.breaker.mayStart(options.concurrency) && underWay.size > 0) {
			await Promise.race(underWay);
		}
		if (signal.aborted || !(await limiter.acquire(0, signal))) continue;
		// Another call of the node may have sent the number, or used up the cap, while this one waited for a slot.
		const elsewhere = ledger.underWay(mobile);
		if (elsewhere === undefined && !settleWithoutQuery(mobile)) {
			add(query(mobile));
			continue;
		}
		limiter.release();
		if (elsewhere !== undefined) {
			waitingForOthers.push(elsewhere.then((lookup) => settle(mobile, lookup, 'duplicate')));
		}
	}
	await Promise.all([...underWay, ...waitingForOthers]);
	options.cancelSignal?.removeEventListener('abort', cancel);
	return { outcomes: collectOutcomes(rows, settled, stoppedBy), stoppedBy };
}

/** What the run would do with each row, without sending anything (Dry Run). */
export function planDryRun(
	rows: Row[],
	ledger: Ledger,
	{ call, maxQueries, reuseResults }: Pick<RunOptions, 'call' | 'maxQueries' | 'reuseResults'>,
): RunResult {
	const reusable = reuseResults ? freshResults(rows) : new Map<string, EarlierResult>();
	const outdated = answersToAskAnew(rows, ledger);
	const plans = new Map<string, Plan>();
	const planOf = (mobile: string): Plan => {
		const answer = ledger.answerTo(mobile);
		const isKnown = answer !== undefined && answer.checkedAt !== outdated.get(mobile);
		if (isKnown || reusable.has(mobile)) return 'reusable';
		const plannedBy = ledger.planned.get(mobile);
		if (plannedBy !== undefined) return plannedBy === call ? 'billable' : 'duplicate';
		if (!ledger.isCharged(mobile)) return 'billable';
		if (maxQueries > 0 && ledger.queriesSent + ledger.planned.size >= maxQueries) return 'overCap';
		ledger.planned.set(mobile, call);
		return 'billable';
	};
	const outcomes = rows.map((row) => {
		if ('failure' in row) return row;
		const { mobile } = row;
		const planned = plans.get(mobile);
		const plan = planned === 'billable' ? 'duplicate' : (planned ?? planOf(mobile));
		plans.set(mobile, planned ?? plan);
		return { mobile, plan };
	});
	return { outcomes };
}

function distinctNumbers(rows: Row[]): string[] {
	return [...new Set(rows.flatMap((row) => ('mobile' in row ? [row.mobile] : [])))];
}

/** Of each number, the newest result that a row carries and that still holds. */
function freshResults(rows: Row[]): Map<string, EarlierResult> {
	const fresh = new Map<string, EarlierResult>();
	for (const row of rows) {
		if (!('mobile' in row) || !row.earlier?.isFresh) continue;
		const known = fresh.get(row.mobile);
		if (known === undefined || known.checkedTime < row.earlier.checkedTime) {
			fresh.set(row.mobile, row.earlier);
		}
	}
	return fresh;
}

/**
 * The answers of this execution, by number, that a row brings back: such a row asks anew (a loop that polls).
 *
 * @returns number → `checkedAt` of the answer that no longer counts
 */
function answersToAskAnew(rows: Row[], ledger: Ledger): Map<string, string> {
	const outdated = new Map<string, string>();
	for (const row of rows) {
		if (!('mobile' in row) || row.earlier === undefined) continue;
		const checkedAt = ledger.answerTo(row.mobile)?.checkedAt;
		if (checkedAt !== undefined && Date.parse(checkedAt) === row.earlier.checkedTime) {
			outdated.set(row.mobile, checkedAt);
		}
	}
	return outdated;
}

/** A lookup in which a number without a record (224922) is a failure. */
function withoutNoRecord(lookup: Lookup): Lookup {
	if ('failure' in lookup || lookup.answer.result !== null) return lookup;
	const { attempts, reason = null } = lookup.answer;
	return { failure: noRecordFailure(attempts, reason) };
}

/** Why a run stops in which nothing works. */
function nothingWorksFailure(
	last: Failure,
	{ breaker }: Ledger,
	{ encryptionField }: Client,
): Failure {
	const { details } = last;
	const isKeySuspected = details.code === PARAMETERS_REFUSED_CODE && encryptionField !== undefined;
	return {
		...last,
		class: 'fatal',
		message: `${last.message} ${breaker.limit} numbers in a row ended so, and the run stopped.`,
		details: isKeySuspected
			? {
					...details,
					remedy: `Check '${encryptionField}' in the credential: it must belong to the account of 'Key'.`,
				}
			: details,
	};
}

/** The outcome of every row; `stoppedBy` is why the run ended before the turn of numbers that are not settled. */
function collectOutcomes(
	rows: Row[],
	settled: Map<string, Settled>,
	stoppedBy: Failure | undefined,
): Outcome[] {
	const seen = new Set<string>();
	return rows.map((row): Outcome => {
		if ('failure' in row) return row;
		const { mobile } = row;
		const isDuplicate = seen.has(mobile);
		seen.add(mobile);
		const outcome = settled.get(mobile);
		if (outcome === undefined) {
			return { failure: notQueriedFailure(stoppedBy as Failure) };
		}
		if ('failure' in outcome) {
			const { failure } = outcome;
			return { failure: isDuplicate ? duplicateFailure(failure) : failure };
		}
		if ('earlier' in outcome) return { mobile, ...outcome };
		return { mobile, answer: outcome.answer, source: isDuplicate ? 'duplicate' : outcome.source };
	});
}
