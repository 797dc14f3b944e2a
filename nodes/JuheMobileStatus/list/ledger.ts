import { createHmac } from 'node:crypto';

import type { Answer, LookupResult } from '../juhe/client';
import type { FailureDetails } from '../juhe/failure';
import type { RateLimiter } from '../juhe/rateLimiter';
import { API_FIELDS, type ApiResult } from '../juhe/reply';
import { CircuitBreaker } from './circuitBreaker';

/** An answer of this execution, and the call that paid for it: n8n's run index, which the tries of a call share. */
export type PaidAnswer = Answer & { call: number };

/** What an unsuccessful query leaves. The service's words are not among it, because they may quote the number. */
export interface PriorFailure extends Pick<FailureDetails, 'code' | 'attempts' | 'billable'> {
	/** The call that sent the number. */
	call: number;
	/** Answers to the number that the execution has lost. */
	lostAnswers: number;
}

/** The values of API_FIELDS but the last, `orderid`. A field that the service left out is an empty list. */
type StoredValues = Array<ApiResult[keyof ApiResult] | never[]>;
/**
 * An answer as n8n stores it, short because there may be a million: call, attempts, whether it is surely billed (1) or
 * not (0), time (Date.now()), values and `orderid`. Of a number without a record there are no values.
 */
type StoredAnswer = [number, number, 0 | 1, number, StoredValues?, ApiResult['orderid']?];

/** What n8n stores of the ledger with an execution. Numbers stand behind their HMAC. */
export interface LedgerRecord {
	entries: Record<string, StoredAnswer | PriorFailure>;
	/** Queries sent: numbers plus repetitions after a lost answer. */
	queries: number;
	/** Numbers that a dry run would query, and the call that would. */
	planned: Record<string, number>;
}

/**
 * What one execution has asked and paid: answers, numbers under way, and what is left of the cap.
 *
 * All calls of the node in an execution share it: tries, loop turns, several connections, and tool calls side by side.
 * The record is changed in place as each answer comes, so that nothing is lost whatever happens next. What cannot be
 * stored stands beside it.
 */
export class Ledger {
	readonly breaker = new CircuitBreaker();
	/** Numbers that are being sent, or wait for a slot. */
	private readonly inFlight = new Map<string, Promise<LookupResult | undefined>>();
	/** Values that many numbers share, by their JSON: n8n stores a list once for all that hold it. */
	private readonly shared = new Map<string, StoredValues>();
	/** Answers that came while this process worked on the execution. */
	queriesAnswered = 0;

	/** @param secret key of the HMAC: another account finds nothing in the record */
	constructor(
		private readonly secret: string,
		private readonly record: LedgerRecord,
		readonly limiter: RateLimiter,
	) {}

	/** The answer that this execution has to a number, or what an unsuccessful query has left. */
	entryOf(mobile: string): { answer?: PaidAnswer; prior?: PriorFailure } {
		const entry = this.record.entries[this.hash(mobile)];
		return Array.isArray(entry) ? { answer: unpack(entry) } : { prior: entry };
	}

	/** The call of a dry run that would query a number. */
	plannedBy(mobile: string): number | undefined {
		return this.record.planned[this.hash(mobile)];
	}

	/** How many queries those numbers would take from the cap. */
	countPlanned(): number {
		const { entries, planned } = this.record;
		return Object.keys(planned).filter((hash) => !isUnbilled(entries[hash])).length;
	}

	/** Lets numbers be sent again whose retries an earlier execution has used up. */
	allowRetries(): void {
		for (const entry of Object.values(this.record.entries)) {
			if (!Array.isArray(entry)) entry.lostAnswers = 0;
		}
	}

	/** Whether the cap keeps a number from being sent; below 1 it keeps all. @param cap queries of the execution */
	isOverCap(mobile: string, cap: number): boolean {
		return cap < 1 || (!this.isFree(mobile) && this.record.queries >= cap);
	}

	/** Takes one query from the cap before it is sent; false where none is left. */
	reserve(cap: number): boolean {
		const hasLeft = this.record.queries < cap;
		if (hasLeft) this.record.queries++;
		return hasLeft;
	}

	/** Whether a number may be sent beside the cap: its last query was not billed. */
	isFree(mobile: string): boolean {
		return isUnbilled(this.record.entries[this.hash(mobile)]);
	}

	/** The lookup of a number that is under way; it gives undefined where the number was not sent after all. */
	lookupOf(mobile: string): Promise<LookupResult | undefined> | undefined {
		return this.inFlight.get(mobile);
	}

	/** Fulfilled when the next of the numbers under way has ended. */
	async nextEnd(): Promise<void> {
		await Promise.race(this.inFlight.values());
	}

	/** Marks a number as under way, for calls that want it too. @returns what ends that, with the result if it was sent */
	open(mobile: string): (result?: LookupResult) => void {
		let settle: (result?: LookupResult) => void = () => {};
		const lookup = new Promise<LookupResult | undefined>((resolve) => (settle = resolve));
		this.inFlight.set(mobile, lookup);
		return (result) => {
			this.inFlight.delete(mobile);
			settle(result);
		};
	}

	/** Records what came of a number. @param call n8n's run index */
	add(mobile: string, call: number, result: LookupResult): void {
		const { entries } = this.record;
		if ('answer' in result) {
			this.queriesAnswered++;
			entries[this.hash(mobile)] = this.pack(result.answer, call);
		} else {
			const { code, attempts, billable } = result.failure.details;
			const { lostAnswers } = result;
			entries[this.hash(mobile)] = { code, attempts, billable, call, lostAnswers };
		}
	}

	private pack({ result, attempts, billable, checkedAt }: Answer, call: number): StoredAnswer {
		const isBilled = billable === 'yes' ? 1 : 0;
		const time = Date.parse(checkedAt);
		if (result === null) return [call, attempts, isBilled, time];
		const { orderid, ...rest } = result;
		const text = JSON.stringify(rest);
		let values = this.shared.get(text);
		if (values === undefined) {
			const fields = API_FIELDS.slice(0, -1);
			values = fields.map((field) => (result[field] === undefined ? [] : result[field]));
			this.shared.set(text, values);
		}
		return orderid === undefined
			? [call, attempts, isBilled, time, values]
			: [call, attempts, isBilled, time, values, orderid];
	}

	/** Records that a dry run would query a number, which no call before it would. */
	plan(mobile: string, call: number): void {
		this.record.planned[this.hash(mobile)] = call;
	}

	/** 72 bits: two of a million numbers share one with a chance of one in ten billion. */
	private hash(mobile: string): string {
		return createHmac('sha256', this.secret).update(mobile).digest('base64url').slice(0, 12);
	}
}

function isUnbilled(entry: StoredAnswer | PriorFailure | undefined): boolean {
	return entry !== undefined && !Array.isArray(entry) && entry.billable === 'no';
}

function unpack([call, attempts, isBilled, time, values, orderid]: StoredAnswer): PaidAnswer {
	const billable = isBilled === 1 ? 'yes' : 'uncertain';
	const paid = { call, attempts, billable, checkedAt: new Date(time).toISOString() } as const;
	if (values === undefined) return { ...paid, result: null };
	const result: ApiResult = {};
	const stored = [...values, orderid];
	API_FIELDS.forEach((field, index) => {
		const value = stored[index];
		if (value !== undefined && !Array.isArray(value)) result[field] = value;
	});
	return { ...paid, result };
}
