import type { RateLimitSignal } from './failure';

/** After a rate limit, the share of the last second's answers that is sent in a second. */
const BACKOFF_FACTOR = 0.95;
/** Answers after which the rate before the backoff is probed again. Fewer would be refused in over 1% of requests. */
const PROBE_AFTER = 400;
/** Requests a second that each answer adds while the limit of the service is unknown: 30% more each second. */
const RAMP_PER_ANSWER = 0.3;
/** The lowest rate in requests a second, where the service limits it and where that is only suspected. */
const MIN_RATE = { explicit: 1, suspected: 10 } as const satisfies Record<RateLimitSignal, number>;
/** Suspected rate limits count where this share of the last second's replies are such. */
const SUSPECT_SHARE = 0.25;
/** How far a start may make up for a late one, in milliseconds: timers are this coarse. */
const TIMER_SLACK = 2;

/** The right to send one request. */
export interface Slot {
	/** When the request may start (performance.now()). */
	readonly startedAt: number;
	/** Gives the slot to the next request, once this one has ended or is not sent. */
	release(): void;
}

/** Waits so many milliseconds; rejects early where the signal is aborted. */
export type Sleep = (milliseconds: number, signal: AbortSignal) => Promise<void>;

/**
 * Says when the next request may start: as many at a time as allowed, spread over time, and slower where the service
 * limits the rate.
 *
 * The scheme is additive increase, multiplicative decrease (AIMD), as TCP uses it. The increase follows the shape of
 * CUBIC (RFC 9438): slow near the rate at which the service refused, faster past it.
 *
 * All times are those of performance.now(), because the clock of the machine may be set.
 */
export class RateLimiter {
	/** Requests a second that the user allows; Infinity for no limit. */
	private maxRate = Infinity;
	/** Requests under way at the same time, at most. */
	private concurrency = 1;
	/** Requests a second at the moment; Infinity where nothing limits them. */
	private rate = Infinity;
	/** True while the rate is a first guess. */
	private isRamping = false;
	private nextStart = 0;
	/** The end of the wait that the service asked for. */
	private heldUntil = 0;
	/** Fulfilled when the last request in the queue may start. */
	private queue: Promise<void> = Promise.resolve();
	private backedOffAt = -Infinity;
	private answersSinceBackoff = 0;
	/** Requests that may start together after a wait that the service asked for. */
	private startsTogether = 0;
	/** When the replies of the last second came, oldest first. */
	private readonly answeredAt: number[] = [];
	/** When the suspected rate limits of the last second came. */
	private readonly suspectedAt: number[] = [];
	/** The shortest time from a request to its reply, in milliseconds. */
	private roundTrip = Infinity;
	private slotsInUse = 0;
	private readonly slotWaiters: Array<() => void> = [];

	constructor(private readonly sleep: Sleep) {}

	/**
	 * Sets the user's limits for the next requests; what is known of the service stays.
	 *
	 * @param maxRate requests a second; Infinity for no limit
	 * @param concurrency requests under way at the same time, at most
	 */
	configure(maxRate: number, concurrency: number): void {
		this.rate = this.rate === this.maxRate ? maxRate : Math.min(this.rate, maxRate);
		this.maxRate = maxRate;
		this.concurrency = concurrency;
	}

	/** Whether a wait that the service asked for is not over. */
	get isHeld(): boolean {
		return performance.now() < this.heldUntil;
	}

	/**
	 * Waits until the next request may start.
	 *
	 * @param signal ends the wait
	 * @param delay the earliest start from now, in milliseconds; the wait until then holds no slot
	 * @returns undefined where the signal is aborted
	 */
	async acquire(signal: AbortSignal, delay = 0): Promise<Slot | undefined> {
		const notBefore = performance.now() + delay;
		// A signal of its own for each number that waits: Node.js warns of many listeners on one.
		if (delay > 0) await this.waitUntil(() => notBefore, AbortSignal.any([signal]));
		await this.takeSlot();
		// One after the other: only the first in the queue has to look at the clock.
		this.queue = this.queue.then(async () => {
			await this.waitUntil(() => this.nextStart, signal);
			if (!signal.aborted) this.nextStart = this.startAfter(performance.now());
		});
		await this.queue;
		if (!signal.aborted) return this.slot();
		this.release();
		return undefined;
	}

	/** Records a reply of the service itself, be it an answer or a code. */
	onReply({ startedAt }: Slot): void {
		const now = performance.now();
		this.startsTogether = 0;
		this.roundTrip = Math.min(this.roundTrip, now - startedAt);
		this.answeredAt.push(now);
		keepLastSecond(this.answeredAt, now);
		const share = ++this.answersSinceBackoff / PROBE_AFTER;
		const increase = (3 * (1 - BACKOFF_FACTOR) * this.rate * share ** 2) / PROBE_AFTER;
		this.rate = Math.min(this.maxRate, this.rate + (this.isRamping ? RAMP_PER_ANSWER : increase));
	}

	/**
	 * Records that the service limits the rate, and backs off to a little less than it answered in the last second.
	 *
	 * @param slot of the refused request
	 * @param signal `suspected` where the reply may have another reason: it counts only among many of its kind, and its
	 * `retryAfter` does not hold back the run
	 * @param retryAfter the wait that the service asks for, in milliseconds
	 */
	onRateLimit({ startedAt }: Slot, signal: RateLimitSignal, retryAfter = 0): void {
		// Requests sent before the backoff tell nothing about the rate after it, and those after a wait count together.
		if (startedAt <= this.backedOffAt || this.startsTogether > 0) return;
		const now = performance.now();
		keepLastSecond(this.answeredAt, now);
		const answered = this.answeredAt.length;
		if (signal === 'suspected') {
			this.suspectedAt.push(now);
			keepLastSecond(this.suspectedAt, now);
			const suspected = this.suspectedAt.length;
			if (suspected < SUSPECT_SHARE * (answered + suspected)) return;
		}
		// The first rate limit may come before a second has shown what the service answers.
		this.isRamping = this.backedOffAt === -Infinity || answered === 0 || signal === 'suspected';
		this.rate = Math.min(this.maxRate, Math.max(BACKOFF_FACTOR * answered, MIN_RATE[signal]));
		this.backedOffAt = now;
		this.answersSinceBackoff = 0;
		if (signal === 'suspected') return;
		// A burst has used up the second that began with it.
		const endOfSecond = (this.answeredAt[0] ?? now) + 1000;
		this.heldUntil = now + retryAfter;
		this.nextStart = Math.max(this.nextStart, endOfSecond, this.heldUntil);
		// Where nothing is answered, one request a wait would take an hour to show that nothing works.
		this.startsTogether = answered === 0 && retryAfter > 0 ? this.concurrency : 0;
	}

	private slot(): Slot {
		let isHeld = true;
		const release = () => {
			if (isHeld) this.release();
			isHeld = false;
		};
		return { startedAt: performance.now(), release };
	}

	/** The slot goes straight to who waits longest, so that nobody who comes later takes it. */
	private release(): void {
		const next = this.slotsInUse <= this.concurrency ? this.slotWaiters.shift() : undefined;
		if (next) next();
		else this.slotsInUse--;
	}

	private async takeSlot(): Promise<void> {
		if (this.slotsInUse < this.concurrency) this.slotsInUse++;
		else await new Promise<void>((resolve) => this.slotWaiters.push(resolve));
	}

	/** The earliest start of the request after one that starts now. */
	private startAfter(now: number): number {
		if (this.startsTogether > 0) {
			this.startsTogether--;
			return now + 1000 / this.maxRate;
		}
		const gap = 1000 / this.rate;
		// Requests that start together are answered together, and then CPU and network wait for each other. Spread over a
		// round trip they overlap; a shorter gap gains nothing, because no slot is free any sooner.
		const spread = this.roundTrip === Infinity ? 0 : this.roundTrip / this.concurrency;
		const isUsersLimit = this.rate === this.maxRate && gap > spread;
		return isUsersLimit
			? now + gap
			: Math.max(this.nextStart, now - TIMER_SLACK) + Math.max(gap, spread);
	}

	/** Ends early, without throwing, where the signal is aborted. */
	private async waitUntil(time: () => number, signal: AbortSignal): Promise<void> {
		// The time may move while this waits, so it is read again after each wait.
		while (!signal.aborted && performance.now() < time()) {
			await this.sleep(Math.ceil(time() - performance.now()), signal).catch(() => undefined);
		}
	}
}

/** Drops the times, oldest first, that are over a second past. */
function keepLastSecond(times: number[], now: number): void {
	while ((times[0] ?? now) < now - 1000) times.shift();
}
