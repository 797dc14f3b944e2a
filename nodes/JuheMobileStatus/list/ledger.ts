import { createHmac } from 'node:crypto';

import type { Answer, Lookup } from '../juhe/client';
import { API_FIELDS, type ApiResult } from '../juhe/reply';
import { CircuitBreaker } from './circuitBreaker';
import type { PriorFailure } from './outcome';

/** An answer of this execution, and the call that paid for it: n8n's run index, which the tries of a call share. */
export type PaidAnswer = Answer & { call: number };

/** A PaidAnswer whose result lies flat in it, which takes 140 bytes a number instead of 200. */
class FlatAnswer implements PaidAnswer {
	private readonly province;
	private readonly city;
	private readonly isp;
	private readonly state;
	private readonly description;
	private readonly orderid;
	readonly attempts;
	readonly billable;
	readonly checkedAt;

	constructor(
		result: ApiResult,
		{ attempts, billable, checkedAt }: Answer,
		readonly call: number,
	) {
		this.province = result.province;
		this.city = result.city;
		this.isp = result.isp;
		this.state = result.state;
		this.description = result.description;
		this.orderid = result.orderid;
		this.attempts = attempts;
		this.billable = billable;
		this.checkedAt = checkedAt;
	}

	get result(): ApiResult {
		const result: ApiResult = {};
		for (const field of API_FIELDS) {
			if (this[field] !== undefined) result[field] = this[field];
		}
		return result;
	}
}

/** What n8n keeps of a ledger. Numbers stand behind their HMAC. */
export interface SavedLedger {
	answers: Record<string, PaidAnswer>;
	failures: Record<string, PriorFailure>;
	queries: number;
}

/**
 * What one execution has asked and paid: answers, numbers under way, and what is left of the cap.
 *
 * All calls of the node in an execution share it: tries, loop turns, several connections, and tool calls side by side.
 */
export class Ledger {
	readonly breaker = new CircuitBreaker();
	/** Numbers that a dry run would query, and the call that would. */
	readonly planned = new Map<string, number>();
	private readonly answers = new Map<string, PaidAnswer>();
	private readonly failures = new Map<string, PriorFailure>();
	private readonly lookups = new Map<string, Promise<Lookup>>();
	private queries: number;

	/**
	 * @param secret key of the HMAC: another account finds nothing in a saved ledger
	 * @param saved what a failed execution has left
	 */
	constructor(
		private readonly secret: string,
		private readonly saved?: SavedLedger,
	) {
		this.queries = saved?.queries ?? 0;
	}

	/** Queries sent so far: numbers plus repetitions after a lost answer. */
	get queriesSent(): number {
		return this.queries;
	}

	/** Answers so far. */
	get queriesAnswered(): number {
		return this.answers.size;
	}

	/** The answer that this execution has to a number. */
	answerTo(mobile: string): PaidAnswer | undefined {
		return this.answers.get(mobile) ?? this.saved?.answers[this.hash(mobile)];
	}

	/** What an unsuccessful query for the number has left. */
	priorFailure(mobile: string): PriorFailure | undefined {
		const failure = this.failures.get(mobile);
		if (failure !== undefined || this.answers.has(mobile)) return failure;
		return this.saved?.failures[this.hash(mobile)];
	}

	/** The lookup of a number that another call of the node has under way. */
	underWay(mobile: string): Promise<Lookup> | undefined {
		return this.lookups.get(mobile);
	}

	/**
	 * Whether sending the number counts towards the cap. It does not where it repeats a query that was not billed.
	 */
	isCharged(mobile: string): boolean {
		return this.priorFailure(mobile)?.billable !== 'no';
	}

	/** @param cap queries that the execution may send; 0 for no cap */
	hasQueryLeft(cap: number): boolean {
		return cap === 0 || this.queries < cap;
	}

	/** Takes one query from the cap before it is sent; false where none is left. */
	reserve(cap: number): boolean {
		const hasLeft = this.hasQueryLeft(cap);
		if (hasLeft) this.queries++;
		return hasLeft;
	}

	/** Records a lookup from its start to its end. */
	async record(mobile: string, call: number, lookup: Promise<Lookup>): Promise<Lookup> {
		this.lookups.set(mobile, lookup);
		const place = this.breaker.onStart();
		const ended = await lookup;
		this.lookups.delete(mobile);
		if ('answer' in ended) {
			const { answer } = ended;
			const { result } = answer;
			this.answers.set(
				mobile,
				result === null ? { ...answer, call } : new FlatAnswer(result, answer, call),
			);
			this.failures.delete(mobile);
			this.breaker.onAnswer(place);
		} else {
			const { code, attempts, billable } = ended.failure.details;
			this.failures.set(mobile, { code, attempts, billable, call });
			this.breaker.onFailure(ended.failure, place);
		}
		return ended;
	}

	/** What a retry by hand needs, without a number in it. */
	save(): SavedLedger {
		const answers = new Map(Object.entries(this.saved?.answers ?? {}));
		const failures = new Map(Object.entries(this.saved?.failures ?? {}));
		for (const [mobile, answer] of this.answers) {
			const { result, reason, attempts, billable, checkedAt, call } = answer;
			const plain = { result, reason, attempts, billable, checkedAt, call };
			answers.set(this.hash(mobile), plain);
			failures.delete(this.hash(mobile));
		}
		for (const [mobile, failure] of this.failures) failures.set(this.hash(mobile), failure);
		return {
			answers: Object.fromEntries(answers),
			failures: Object.fromEntries(failures),
			queries: this.queries,
		};
	}

	/** The number of queries sent, without answers and failures. */
	counts(): SavedLedger {
		return { answers: {}, failures: {}, queries: this.queries };
	}

	private hash(mobile: string): string {
		return createHmac('sha256', this.secret).update(mobile).digest('base64url').slice(0, 16);
	}
}
