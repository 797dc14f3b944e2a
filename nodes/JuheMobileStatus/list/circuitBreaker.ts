import type { LookupResult } from '../juhe/client';
import type { Failure } from '../juhe/failure';

/** The breaker opens after this many failures in a row with one code: before the first answer, and later. */
const LIMIT_BEFORE_ANSWER = 30;
const LIMIT_AFTER_ANSWER = 100;
/** It also opens where so many requests fail over 3 minutes without an answer, in milliseconds. */
const SILENT_REQUESTS = 30;
const LONGEST_SILENCE = 180_000;
/** While no answer comes, this many numbers may start beyond those that fill all slots. */
const SPARE_STARTS = 10;
/** After this many failures in a row, at most this many unproven numbers are under way. */
const PROBES = 10;

/**
 * Ends a run in which nothing works (the circuit breaker pattern).
 *
 * It opens after a fatal failure, after many failures in a row with one and the same code, or after minutes without an
 * answer. While it is open, one number at a time may start. It closes when a number that started after it opened is
 * answered.
 */
export class CircuitBreaker {
	/** The latest failure, and the reason as a sentence; empty after a fatal failure. Undefined while it is closed. */
	opened?: { failure: Failure; reason: string };
	/** Numbers that had started when it opened. */
	private startedBefore = 0;
	/** The code of the last numbers that ended. */
	private code: number | string | undefined;
	/** How many of them in a row. */
	private streak = 0;
	private inFlight = 0;
	private started = 0;
	/** The number of the latest start that has an answer, counted from 1; 0 before the first answer. */
	private lastAnswered = 0;
	/** Requests that failed since the last answer, and when the first of them did (performance.now()). */
	private failedRequests = 0;
	private failingSince = 0;

	/**
	 * Whether one more number may start now. Else one that is under way has to end first: an outage of some seconds shall
	 * not use up the tries of a hundred numbers at once.
	 *
	 * @param concurrency requests under way at the same time, at most
	 */
	mayStart(concurrency: number): boolean {
		// One number starts in any case: it shows whether the service works again.
		if (this.inFlight === 0) return true;
		if (this.opened !== undefined) return false;
		// Numbers under way that started after the latest answered one: they may all fail.
		const unproven = Math.min(this.inFlight, this.started - this.lastAnswered);
		const mostUnproven = this.streak < PROBES ? concurrency + SPARE_STARTS : PROBES;
		return unproven < mostUnproven && unproven + this.streak < this.limit;
	}

	/** @returns the number of the start, counted from 1 */
	onStart(): number {
		this.inFlight++;
		return ++this.started;
	}

	/** Counts a request that failed, be it tried again or not. */
	onFailedRequest(failure: Failure): void {
		const now = performance.now();
		if (this.failedRequests++ === 0) this.failingSince = now;
		const isSilent = now - this.failingSince >= LONGEST_SILENCE;
		if (isSilent && this.failedRequests >= SILENT_REQUESTS) {
			this.open(failure, 'No answer came for 3 minutes, and the run stopped.');
		}
	}

	/** Counts a number that ended. */
	onEnd(startNumber: number, result: LookupResult): void {
		this.inFlight--;
		if ('answer' in result) {
			this.lastAnswered = Math.max(this.lastAnswered, startNumber);
			this.streak = 0;
			this.failedRequests = 0;
			if (startNumber > this.startedBefore) this.opened = undefined;
			return;
		}
		const { failure } = result;
		// Retries make a failure end late, so it counts only if it started after the latest answered number.
		const isOutdated = failure.class !== 'fatal' && startNumber < this.lastAnswered;
		if (failure.interrupted || isOutdated) return;
		this.streak = failure.details.code === this.code ? this.streak + 1 : 1;
		this.code = failure.details.code;
		if (failure.class === 'fatal') this.open(failure, '');
		else if (this.opened !== undefined) this.opened.failure = failure;
		else if (this.streak >= this.limit) {
			this.open(failure, `${this.limit} numbers in a row ended so, and the run stopped.`);
		}
	}

	private get limit(): number {
		return this.lastAnswered > 0 ? LIMIT_AFTER_ANSWER : LIMIT_BEFORE_ANSWER;
	}

	private open(failure: Failure, reason: string): void {
		if (this.opened === undefined) this.startedBefore = this.started;
		this.opened = { failure, reason };
	}
}
