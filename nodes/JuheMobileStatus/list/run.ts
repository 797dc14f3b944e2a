import type { Client, LookupResult } from '../juhe/client';
import type { Slot } from '../juhe/rateLimiter';
import type { Ledger } from './ledger';
import {
	cancelledFailure,
	collectOutcomes,
	nothingWorksFailure,
	notResentFailure,
	overCapFailure,
	toOutcome,
	type Outcome,
	type Row,
	type RowFailure,
} from './outcome';
import { isResultOf, type StoredResult } from './storedResult';

/** What holds for a call of the node. */
export interface RunOptions {
	/** n8n's run index: the tries of one call share it. */
	call: number;
	/** Requests under way at the same time, at most. */
	concurrency: number;
	/** Queries that the execution may send; Infinity for no cap. */
	maxQueries: number;
	/** Whether a result that a row carries may answer for its number. */
	reuseResults: boolean;
	/** How often a number may be sent again. */
	retries: number;
	/** Whether a number is sent again after its answer was lost. */
	resendUncertain: boolean;
	/** Whether a number without a record (224922) fails. */
	failOnNoRecord: boolean;
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
	stoppedBy?: RowFailure;
}

/** A distinct number of a call, and what its rows carry. */
interface NumberToCheck {
	mobile: string;
	/** The newest result that still holds, where results are reused. */
	reusable?: StoredResult;
	/** All other results. */
	outdated: StoredResult[];
}

type Decision =
	| { action: 'settle'; outcome: Outcome }
	| { action: 'join'; lookup: Promise<LookupResult | undefined> }
	| { action: 'query' };

/** Says what to do with a number, and changes nothing. The run acts on it, a dry run tells it. */
export function decide(
	{ mobile, reusable, outdated }: NumberToCheck,
	ledger: Ledger,
	options: RunOptions,
): Decision {
	const { call, maxQueries, retries, resendUncertain } = options;
	const { answer, prior } = ledger.entryOf(mobile);
	const settle = (outcome: Outcome): Decision => ({ action: 'settle', outcome });
	// The tries of a call share what it pays.
	const isOfCall = (answer ?? prior)?.call === call;
	const source = isOfCall ? 'query' : 'duplicate';
	if (answer !== undefined) {
		const isReturned = (stored: StoredResult) => !isOfCall && isResultOf(stored, answer);
		// What this execution has paid for is newer than what a row brings, unless it is the same.
		if (reusable && isReturned(reusable))
			return settle({ mobile, stored: reusable, source: 'reused' });
		// A row that brings back the answer asks anew: that is how people poll.
		if (!outdated.some(isReturned)) return settle(toOutcome(mobile, { answer }, source, options));
	} else if (reusable) return settle({ mobile, stored: reusable, source: 'reused' });
	const lookup = ledger.lookupOf(mobile);
	if (lookup !== undefined) return { action: 'join', lookup };
	const isOverCap = ledger.isOverCap(mobile, maxQueries);
	if (prior?.billable === 'uncertain') {
		const mayResend = resendUncertain && prior.lostAnswers <= retries && !isOverCap;
		const failure = notResentFailure(prior);
		if (!mayResend) return settle(toOutcome(mobile, { failure }, source, options));
	}
	return isOverCap ? settle({ failure: overCapFailure(maxQueries) }) : { action: 'query' };
}

/** What the run would do with each row, without sending anything (Dry Run). */
export function planDryRun(rows: Row[], ledger: Ledger, options: RunOptions): RunResult {
	const settled = new Map<string, Outcome>();
	let maxQueries = options.maxQueries - ledger.countPlanned();
	for (const number of numbersToCheck(rows, options)) {
		const { mobile } = number;
		const plannedBy = ledger.plannedBy(mobile);
		const decision = decide(number, ledger, { ...options, maxQueries });
		if (plannedBy !== undefined) {
			// The tries of a call say the same.
			settled.set(mobile, { mobile, plan: plannedBy === options.call ? 'billable' : 'duplicate' });
		} else if (decision.action === 'query') {
			ledger.plan(mobile, options.call);
			if (!ledger.isFree(mobile)) maxQueries--;
			settled.set(mobile, { mobile, plan: 'billable' });
		} else settled.set(mobile, planOf(mobile, decision));
	}
	return { outcomes: collectOutcomes(rows, settled) };
}

/** What a dry run says of a number that is not sent. */
function planOf(mobile: string, decision: Exclude<Decision, { action: 'query' }>): Outcome {
	if (decision.action === 'join') return { mobile, plan: 'duplicate' };
	const { outcome } = decision;
	if (!('failure' in outcome)) return { mobile, plan: 'reusable' };
	return outcome.failure.details.code === 'overCap' ? { mobile, plan: 'overCap' } : outcome;
}

/** One call of the node: asks for each distinct number once, in the order of the rows. */
export class ListRun {
	private readonly settled = new Map<string, Outcome>();
	private readonly stopper = new AbortController();
	private stoppedBy?: RowFailure;
	private count = 0;

	constructor(
		private readonly client: Client,
		private readonly ledger: Ledger,
		private readonly options: RunOptions,
	) {}

	/** @returns an outcome for every row */
	async toEnd(rows: Row[]): Promise<RunResult> {
		const { cancelSignal, stopOnFailure } = this.options;
		const cancel = () => this.stop(cancelledFailure());
		cancelSignal?.addEventListener('abort', cancel);
		try {
			if (cancelSignal?.aborted) cancel();
			// A run that will stop at a row without a number stops before it pays for the others.
			const badRow = stopOnFailure ? rows.find((row) => 'failure' in row) : undefined;
			if (badRow) this.stop(badRow.failure);
			// Nothing works, and the service asks for a wait that is not over.
			if (this.ledger.limiter.isHeld) this.stopIfOpen();
			let left = badRow ? [] : numbersToCheck(rows, this.options);
			this.count = left.length;
			while (left.length > 0) left = await this.check(left);
		} finally {
			cancelSignal?.removeEventListener('abort', cancel);
		}
		const { settled, stoppedBy } = this;
		return { outcomes: collectOutcomes(rows, settled, stoppedBy), stoppedBy };
	}

	/** @returns numbers to decide anew: another call had them under way and did not send them, or used up the cap */
	private async check(numbers: NumberToCheck[]): Promise<NumberToCheck[]> {
		const { ledger, options } = this;
		const again: NumberToCheck[] = [];
		const lookups = new Set<Promise<void>>();
		const joined: Array<Promise<void>> = [];
		for (const number of numbers) {
			const { mobile } = number;
			while (this.isHeldBack(number)) await ledger.nextEnd();
			// No wait may come between the decision and `open`, or two calls would send the number.
			const decision = decide(number, ledger, options);
			if (decision.action === 'join') {
				const join = (result?: LookupResult) => {
					if (result === undefined) again.push(number);
					else this.settle(mobile, toOutcome(mobile, result, 'duplicate', options));
				};
				joined.push(decision.lookup.then(join));
			} else if (decision.action === 'settle') {
				this.settle(mobile, decision.outcome);
			} else if (!this.stoppedBy) {
				const close = ledger.open(mobile);
				const slot = await ledger.limiter.acquire(this.stopper.signal);
				// Another call may have used up the cap while this one waited for the slot.
				if (slot && (ledger.isFree(mobile) || ledger.reserve(options.maxQueries))) {
					const lookup = this.query(mobile, slot, close).finally(() => lookups.delete(lookup));
					lookups.add(lookup);
					continue;
				}
				slot?.release();
				close();
				if (slot) again.push(number);
			}
		}
		await Promise.all([...lookups, ...joined]);
		return again;
	}

	/** Whether the circuit breaker keeps a number from being sent now. */
	private isHeldBack(number: NumberToCheck): boolean {
		const mayStart = this.stoppedBy || this.ledger.breaker.mayStart(this.options.concurrency);
		return !mayStart && decide(number, this.ledger, this.options).action === 'query';
	}

	private async query(
		mobile: string,
		slot: Slot,
		close: (result?: LookupResult) => void,
	): Promise<void> {
		const { ledger, options } = this;
		const { prior } = ledger.entryOf(mobile);
		const startNumber = ledger.breaker.onStart();
		const result = await this.client.lookup(mobile, {
			slot,
			signal: this.stopper.signal,
			lostAnswers: prior?.lostAnswers ?? 0,
			maybeBilled: prior?.billable === 'uncertain',
			reserve: () => ledger.reserve(options.maxQueries),
			onFailedRequest: (failure) => {
				ledger.breaker.onFailedRequest(failure);
				this.stopIfOpen();
			},
		});
		ledger.add(mobile, options.call, result);
		ledger.breaker.onEnd(startNumber, result);
		close(result);
		this.settle(mobile, toOutcome(mobile, result, 'query', options));
		if ('failure' in result) this.stopIfOpen();
	}

	private settle(mobile: string, outcome: Outcome): void {
		this.settled.set(mobile, outcome);
		if ('failure' in outcome && this.options.stopOnFailure) this.stop(outcome.failure);
		this.options.onProgress?.(this.settled.size, this.count);
	}

	private stop(failure: RowFailure): void {
		this.stoppedBy ??= failure;
		this.stopper.abort();
	}

	/** Stops where the circuit breaker is open: a number that only sees whether the service is back is not tried again. */
	private stopIfOpen(): void {
		const { opened } = this.ledger.breaker;
		if (opened === undefined) return;
		this.stop(nothingWorksFailure(opened.failure, opened.reason, this.client.encryptionField));
	}
}

/** The distinct numbers of a call, in the order of the rows. */
function numbersToCheck(rows: Row[], { reuseResults }: RunOptions): NumberToCheck[] {
	const numbers = new Map<string, NumberToCheck>();
	for (const row of rows) {
		if ('failure' in row) continue;
		const { mobile, stored } = row;
		const number = numbers.get(mobile) ?? { mobile, outdated: [] };
		numbers.set(mobile, number);
		if (stored === undefined) continue;
		if (!reuseResults || !stored.isValid) number.outdated.push(stored);
		else if (stored.checkedTime > (number.reusable?.checkedTime ?? 0)) number.reusable = stored;
	}
	return [...numbers.values()];
}
