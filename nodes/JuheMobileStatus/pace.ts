import { sleep } from 'n8n-workflow';

/** Of the requests a second that the service bore, this share is sent after it asked for fewer. */
const CAUTION = 0.95;
/** The limit after a run's first seconds went wrong, in requests a second: too early to know what the service bears. */
const FIRST_GUESS = 10;
const SLOWEST = 1;
/** The limit grows by this share a second, for each second that the service has not complained. */
const GROWTH = 0.02;

/** When a run may send: spread over time, slowed down where the service asks for it, and ended for good. */
export class Pace {
	/** Requests a second at the moment; Infinity where nothing limits them. */
	private limit: number;
	private nextStart = 0;
	private readonly began = Date.now();
	private slowedAt = 0;
	/** When the answers of the last second came, oldest first. */
	private answeredAt: number[] = [];
	private readonly ended = new AbortController();

	/** @param requestsPerSecond what the user allows; Infinity for no limit */
	constructor(private readonly requestsPerSecond: number) {
		this.limit = requestsPerSecond;
	}

	/** Nothing may be sent any more, and nobody has to wait any longer. */
	end(): void {
		this.ended.abort();
	}

	get hasEnded(): boolean {
		return this.ended.signal.aborted;
	}

	/**
	 * Waits until the next request may start. False where the run has ended meanwhile.
	 *
	 * @param notBefore the earliest time for this request (Date.now())
	 */
	async turn(notBefore: number): Promise<boolean> {
		// Others may start, and the service may complain, while this one waits: so it looks again after each wait.
		for (let now = Date.now(); !this.hasEnded; now = Date.now()) {
			const start = Math.max(this.nextStart, notBefore);
			if (now >= start) {
				this.nextStart = now + 1000 / this.limit;
				return true;
			}
			await this.wait(start - now);
		}
		return false;
	}

	/** The service answered without complaint. */
	answered(): void {
		const now = Date.now();
		this.keepLastSecond(now);
		this.answeredAt.push(now);
		const secondsOfPeace = (now - this.slowedAt) / 1000;
		this.limit = Math.min(this.requestsPerSecond, this.limit + GROWTH * secondsOfPeace);
	}

	/**
	 * The service asked for fewer requests: it gets a little less than it bore in the last second.
	 *
	 * @param sentAt when the request was sent that it complains of (Date.now())
	 * @param retryAfter how long it wants to be left alone, in milliseconds
	 */
	slowDown(sentAt: number, retryAfter = 0): void {
		// Answers to what was sent before the run slowed down tell nothing new.
		if (sentAt < this.slowedAt) return;
		const now = Date.now();
		this.keepLastSecond(now);
		const knowsEnough = now - this.began >= 1000;
		this.limit = Math.min(
			this.requestsPerSecond,
			Math.max(CAUTION * this.answeredAt.length, knowsEnough ? SLOWEST : FIRST_GUESS),
		);
		this.slowedAt = now;
		// What came in a burst has used up the second that began with it.
		const secondIsOver = (this.answeredAt[0] ?? now) + 1000;
		this.nextStart = Math.max(this.nextStart, secondIsOver, now + retryAfter);
	}

	/** Ends early, and without a word, when the run ends. */
	private async wait(milliseconds: number): Promise<void> {
		// A signal of its own for each wait: node warns of many listeners on one.
		await sleep(milliseconds, AbortSignal.any([this.ended.signal])).catch(() => undefined);
	}

	private keepLastSecond(now: number): void {
		let old = 0;
		while ((this.answeredAt[old] ?? now) < now - 1000) old++;
		if (old > 0) this.answeredAt.splice(0, old);
	}
}
