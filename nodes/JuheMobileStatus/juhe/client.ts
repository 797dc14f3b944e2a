import type { Account } from './account';
import { serviceFailure, type Failure } from './failure';
import type { RateLimiter, Slot } from './rateLimiter';
import { createRedactor, maskMobile } from './redact';
import {
	LONGEST_WAIT,
	parseReply,
	type ApiResult,
	type NetworkFault,
	type ParsedReply,
	type Reply,
} from './reply';

/** The wait before a number is tried again, in milliseconds; it doubles with each try. */
const FIRST_BACKOFF = 500;

/** One answered query: what the service says of a number, and what it took. */
export interface Answer {
	/** Null where the service has no record of the number (224922). */
	result: ApiResult | null;
	/** The service's words where it has no record. */
	reason?: string | null;
	/** Requests sent for the number, 1 and up. */
	attempts: number;
	/** `uncertain`: an earlier answer was lost and may be billed too, or the document does not say (224922). */
	billable: 'yes' | 'uncertain';
	/** ISO 8601, when the answer came. */
	checkedAt: string;
}

/** What came of a number that was sent. */
export type LookupResult = { answer: Answer } | { failure: Failure; lostAnswers: number };

/** Sends one request with the encrypted or plain number; it does not throw. */
export type Send = (mobile: string) => Promise<Reply | NetworkFault>;

/** What holds for every number. */
export interface ClientSettings {
	/** How often a number is sent again after a transient failure. */
	retries: number;
	/** Whether a number is sent again after its answer was lost. */
	resendUncertain: boolean;
	/** Whether the number is masked where the service repeats it. */
	maskNumber: boolean;
}

/** What holds for one number. */
export interface LookupOptions {
	/** For the first request; the lookup releases it. */
	slot: Slot;
	/** Ends the waits between tries; a request under way still ends by itself. */
	signal: AbortSignal;
	/** Answers to the number that the execution has lost before. */
	lostAnswers: number;
	/** Whether an earlier query for the number may have been billed without an answer. */
	maybeBilled: boolean;
	/** Takes one query from the cap for a repetition after a lost answer; false where none is left. */
	reserve: () => boolean;
	/** Called after each request that leads to no answer. */
	onFailedRequest: (failure: Failure) => void;
}

/** What is told of a number whose lookup throws. What was thrown may hold a secret. */
const BROKEN_OFF = serviceFailure({
	class: 'permanent',
	code: 'unexpected',
	sentence: 'The lookup broke off.',
	remedy: 'Run the workflow again for this number.',
	attempts: 1,
	billable: 'uncertain',
});

/** Asks the service for one number at a time, and tries again where that may help. */
export class Client {
	constructor(
		private readonly account: Account,
		private readonly send: Send,
		private readonly limiter: RateLimiter,
		private readonly settings: ClientSettings,
	) {}

	/** The credential's field that numbers are encrypted with; undefined for the plain query. */
	get encryptionField(): string | undefined {
		return this.account.encryptionField;
	}

	/** Looks up one number of 11 digits. It does not throw, because that would lose what others have paid. */
	async lookup(mobile: string, options: LookupOptions): Promise<LookupResult> {
		try {
			return await this.tryUntilItEnds(mobile, options);
		} catch {
			options.slot.release();
			return { failure: BROKEN_OFF, lostAnswers: options.lostAnswers + 1 };
		}
	}

	private async tryUntilItEnds(mobile: string, options: LookupOptions): Promise<LookupResult> {
		const sent = this.account.encrypt(mobile);
		const redact = this.redactorFor(mobile, sent);
		let { slot, lostAnswers, maybeBilled } = options;
		for (let attempts = 1; ; attempts++) {
			const reply = await this.send(sent);
			slot.release();
			const parsed = parseReply(reply, { mobile, attempts, maybeBilled, redact });
			this.tellLimiter(slot, parsed);
			if (!('failure' in parsed)) return { answer: toAnswer(parsed, attempts, maybeBilled) };

			const { failure } = parsed;
			if (failure.maybeBilled) {
				maybeBilled = true;
				lostAnswers++;
			}
			options.onFailedRequest(failure);
			const wait = Math.max(failure.retryAfter ?? 0, backoff(attempts));
			const { signal } = options;
			if (!this.mayTryAgain(failure, attempts, lostAnswers, signal) || wait > LONGEST_WAIT) {
				return { failure, lostAnswers };
			}
			const next = await this.limiter.acquire(signal, wait);
			if (next === undefined) return { failure: { ...failure, interrupted: true }, lostAnswers };
			slot = next;
			if (failure.maybeBilled && !options.reserve()) {
				slot.release();
				return { failure, lostAnswers };
			}
		}
	}

	/** Only replies of the service itself tell how fast it answers. */
	private tellLimiter(slot: Slot, parsed: ParsedReply): void {
		const failure = 'failure' in parsed ? parsed.failure : undefined;
		if (failure?.rateLimit !== undefined) {
			// A wait longer than LONGEST_WAIT ends the run, so later calls of the execution do not wait for it.
			const { retryAfter = 0 } = failure;
			this.limiter.onRateLimit(slot, failure.rateLimit, retryAfter > LONGEST_WAIT ? 0 : retryAfter);
		} else if (!('failure' in parsed) || parsed.fromApi) this.limiter.onReply(slot);
	}

	/** Retries count per call; those after a lost answer, which may be billed, per execution. */
	private mayTryAgain(
		failure: Failure,
		attempts: number,
		lostAnswers: number,
		signal: AbortSignal,
	): boolean {
		const { retries, resendUncertain } = this.settings;
		if (failure.class !== 'transient' || attempts > retries) return false;
		const mayResend = resendUncertain && lostAnswers <= retries && !signal.aborted;
		return !failure.maybeBilled || mayResend;
	}

	private redactorFor(mobile: string, sent: string): (text: string) => string {
		const { secrets } = this.account;
		return createRedactor(
			sent === mobile ? secrets : [...secrets, sent],
			this.settings.maskNumber ? { mobile, masked: maskMobile(mobile) } : undefined,
		);
	}
}

function toAnswer(
	parsed: Exclude<ParsedReply, { failure: Failure }>,
	attempts: number,
	maybeBilled: boolean,
): Answer {
	const checkedAt = new Date().toISOString();
	return 'result' in parsed
		? { result: parsed.result, attempts, billable: maybeBilled ? 'uncertain' : 'yes', checkedAt }
		: { result: null, reason: parsed.reason, attempts, billable: 'uncertain', checkedAt };
}

/** The wait after so many attempts, in milliseconds: growing, and jittered so that numbers do not return in step. */
function backoff(attempts: number): number {
	return FIRST_BACKOFF * 2 ** (attempts - 1) * (0.75 + Math.random() / 2);
}
