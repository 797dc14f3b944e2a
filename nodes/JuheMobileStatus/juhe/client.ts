import type { Account } from './account';
import type { Failure } from './failure';
import type { RateLimiter } from './rateLimiter';
import { createRedactor, maskMobile } from './redact';
import { parseReply, type ApiResult, type NetworkFault, type Reply } from './reply';

/** The wait before a number is tried again, in milliseconds; it doubles with each try. */
const FIRST_BACKOFF = 500;
/** In milliseconds. Where the service asks for a longer wait, nothing is tried again. */
const LONGEST_WAIT = 60_000;

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

/** What became of a number that was sent. */
export type Lookup = { answer: Answer } | { failure: Failure };

/** Sends one request with the encrypted or plain number; it does not throw. */
export type Send = (mobile: string) => Promise<Reply | NetworkFault>;

/** What holds for every number. */
export interface ClientSettings {
	/** How often a number is sent again after a transient failure. */
	retries: number;
	/** Whether the number is masked where the service repeats it. */
	maskNumber: boolean;
}

/** What holds for one number. */
export interface LookupOptions {
	/** Ends the waits between tries; a request under way still ends by itself. */
	signal: AbortSignal;
	/** True where an earlier query for the number may have been billed without an answer. */
	maybeBilled: boolean;
	/** Whether the number is sent again after its answer was lost. */
	resendUncertain: boolean;
	/** Takes one query from the cap for a repetition after a lost answer; false where none is left. */
	reserve: () => boolean;
}

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

	/**
	 * Looks up one number. The caller has acquired a slot of the rate limiter for the first request.
	 *
	 * @param mobile 11 digits
	 */
	async lookup(mobile: string, options: LookupOptions): Promise<Lookup> {
		const sent = this.account.encrypt(mobile);
		const redact = this.redactorFor(mobile, sent);
		let { maybeBilled } = options;
		for (let attempts = 1; ; attempts++) {
			const sentAt = Date.now();
			const parsed = parseReply(await this.send(sent), redact);
			this.limiter.release();
			const failure = 'failure' in parsed ? parsed.failure : undefined;
			if (failure?.rateLimit) {
				// A wait longer than LONGEST_WAIT ends the run, so later calls of the execution do not wait for it.
				const isTooLong = (failure.retryAfter ?? 0) > LONGEST_WAIT;
				const retryAfter = isTooLong ? 0 : failure.retryAfter;
				this.limiter.onRateLimit(sentAt, failure.rateLimit, retryAfter);
			} else this.limiter.onAnswer(sentAt);
			if ('result' in parsed) {
				const billable = maybeBilled ? 'uncertain' : 'yes';
				return { answer: { result: parsed.result, attempts, billable, checkedAt: now() } };
			}
			if ('noRecord' in parsed) {
				const { reason } = parsed;
				const answer = { result: null, reason, attempts, checkedAt: now() };
				return { answer: { ...answer, billable: 'uncertain' } };
			}

			const wait = Math.max(parsed.failure.retryAfter ?? 0, backoff(attempts));
			const { failure: current } = parsed;
			maybeBilled ||= current.lostAnswer === true;
			current.details.attempts = attempts;
			if (maybeBilled) current.details.billable = 'uncertain';
			// The service limits the rate and asks for a wait longer than LONGEST_WAIT: stop the run.
			if (current.rateLimit === 'explicit' && wait > LONGEST_WAIT) current.class = 'fatal';
			const mayTryAgain =
				current.class === 'transient' &&
				attempts <= this.settings.retries &&
				wait <= LONGEST_WAIT &&
				(!current.lostAnswer || (options.resendUncertain && !options.signal.aborted));
			if (!mayTryAgain) return { failure: current };
			if (!(await this.limiter.acquire(Date.now() + wait, options.signal))) {
				return { failure: { ...current, interrupted: true } };
			}
			if (current.lostAnswer && !options.reserve()) {
				this.limiter.release();
				return { failure: current };
			}
		}
	}

	private redactorFor(mobile: string, sent: string): (text: string) => string {
		const { secrets } = this.account;
		return createRedactor(
			sent === mobile ? secrets : [...secrets, sent],
			this.settings.maskNumber ? { mobile, masked: maskMobile(mobile) } : undefined,
		);
	}
}

/** The wait after so many attempts, in milliseconds: growing, and jittered so that numbers do not return in step. */
function backoff(attempts: number): number {
	return FIRST_BACKOFF * 2 ** (attempts - 1) * (0.75 + Math.random() / 2);
}

function now(): string {
	return new Date().toISOString();
}
