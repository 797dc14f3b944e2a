import type { Failure } from '../juhe/failure';

/** The breaker opens after this many failures in a row with one code: before the first answer, and later. */
const LIMIT_BEFORE_ANSWER = 30;
const LIMIT_AFTER_ANSWER = 100;
/** While no answer comes, this many numbers may start beyond those that fill all slots. */
const SPARE_STARTS = 10;
/** After this many failures in a row, at most this many unproven numbers are under way. */
const PROBES = 10;

/**
 * Ends a run in which nothing works (the circuit breaker pattern).
 *
 * It opens after a fatal failure, or after many failures in a row with one and the same code. A later call of the node in
 * the same execution then sends one number only, until an answer shows that the service works again.
 */
export class CircuitBreaker {
	/** The code of the last numbers that ended. */
	private code: number | string | undefined;
	/** How many of them in a row. */
	private streak = 0;
	private underWay = 0;
	private started = 0;
	/** The place of the latest start that has an answer, counted from 1; 0 before the first answer. */
	private lastAnswered = 0;

	/** How many failures in a row open it. */
	get limit(): number {
		return this.lastAnswered > 0 ? LIMIT_AFTER_ANSWER : LIMIT_BEFORE_ANSWER;
	}

	get isOpen(): boolean {
		return this.streak >= this.limit;
	}

	/**
	 * Whether one more number may start now. Else one that is under way has to end first: an outage of some seconds shall
	 * not use up the tries of a hundred numbers at once.
	 *
	 * @param concurrency requests under way at the same time, at most
	 */
	mayStart(concurrency: number): boolean {
		// Numbers under way that started after the latest answered one: they may all fail.
		const unproven = Math.min(this.underWay, this.started - this.lastAnswered);
		const mostUnproven = this.streak < PROBES ? concurrency + SPARE_STARTS : PROBES;
		return unproven < mostUnproven && unproven + this.streak < this.limit;
	}

	/** @returns the place of the number among those that started */
	onStart(): number {
		this.underWay++;
		return ++this.started;
	}

	onAnswer(place: number): void {
		this.underWay--;
		this.lastAnswered = Math.max(this.lastAnswered, place);
		this.streak = 0;
	}

	onFailure({ class: failureClass, details, interrupted }: Failure, place: number): void {
		this.underWay--;
		// Retries make a failure end late, so it counts only if it started after the latest answered number.
		const isOutdated = failureClass !== 'fatal' && place < this.lastAnswered;
		if (interrupted || isOutdated) return;
		this.streak = details.code === this.code ? this.streak + 1 : 1;
		this.code = details.code;
		if (failureClass === 'fatal') this.streak = this.limit;
	}
}
