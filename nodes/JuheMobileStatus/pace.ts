import { sleep } from 'n8n-workflow';

/** Of the requests a second that the service bore, this share is sent after it asked for fewer. */
const CAUTION = 0.95;
/** So many answers after that, what it bore is sent again: fewer would ask in vain more often than once in a hundred. */
const PATIENCE = 400;
/** Requests a second that each answer adds while it is not known what the service bears: 30% more each second. */
const SEARCH = 0.3;
/** In requests a second: the least that is sent, and the least where slowing down may not be what helps. */
const SLOWEST = 1;
const SLOWEST_WHEN_UNSURE = 10;
/** Complaints that may have another reason count where this share of the last second's answers are such. */
const TROUBLED = 0.25;
/** How far a start may make up for one that came late, in milliseconds: timers are this coarse. */
const SLACK = 2;

/** When a run may send: spread over time, slowed down where the service asks for it, and ended for good. */
export class Pace {
	/** Requests a second at the moment; Infinity where nothing limits them. */
	private limit: number;
	/** True while a limit is only a first guess. */
	private isSearching = false;
	private nextStart = 0;
	/** Fulfilled when whoever came last has had its turn. */
	private line: Promise<void> = Promise.resolve();
	private slowedAt = 0;
	private answersSinceThen = 0;
	/** When the answers of the last second came, oldest first. */
	private readonly answeredAt: number[] = [];
	/** When complaints came in the last second that may have another reason. */
	private readonly doubtedAt: number[] = [];
	/** The shortest time that an answer took, in milliseconds. */
	private roundTrip = Infinity;
	private readonly ended = new AbortController();

	/**
	 * @param requestsPerSecond what the user allows; Infinity for no limit
	 * @param concurrency requests under way at the same time, at the most
	 */
	constructor(
		private readonly requestsPerSecond: number,
		private readonly concurrency: number,
	) {
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
		// A signal of its own for each of those who wait here together: node warns of many listeners on one.
		if (notBefore > 0) await this.waitUntil(() => notBefore, AbortSignal.any([this.ended.signal]));
		// One after the other: only the first in line has to look at the clock.
		this.line = this.line.then(async () => {
			await this.waitUntil(() => this.nextStart, this.ended.signal);
			this.nextStart = this.startAfter(Date.now());
		});
		await this.line;
		return !this.hasEnded;
	}

	/** The service answered without complaint to what was sent then (Date.now()). */
	answered(sentAt: number): void {
		const now = Date.now();
		this.roundTrip = Math.min(this.roundTrip, now - sentAt);
		this.answeredAt.push(now);
		keepLastSecond(this.answeredAt, now);
		// Slow where the limit was, faster and faster past it: what the service bears may have changed meanwhile.
		const growth =
			(3 * (1 - CAUTION) * this.limit * (++this.answersSinceThen / PATIENCE) ** 2) / PATIENCE;
		this.limit = Math.min(
			this.requestsPerSecond,
			this.limit + (this.isSearching ? SEARCH : growth),
		);
	}

	/**
	 * The service asked for fewer requests: it gets a little less than it bore in the last second.
	 *
	 * @param sentAt when the request was sent that it complains of (Date.now())
	 * @param retryAfter how long it wants to be left alone, in milliseconds
	 * @param isSure false where the complaint may have another reason: it counts only where there are many, and holds back
	 * its own number for so long, not the others
	 */
	slowDown(sentAt: number, retryAfter = 0, isSure = true): void {
		// Answers to what was sent before the run slowed down tell nothing new.
		if (sentAt <= this.slowedAt) return;
		const now = Date.now();
		keepLastSecond(this.answeredAt, now);
		const borne = this.answeredAt.length;
		if (!isSure) {
			this.doubtedAt.push(now);
			keepLastSecond(this.doubtedAt, now);
			const doubted = this.doubtedAt.length;
			if (doubted < TROUBLED * (borne + doubted)) return;
		}
		// The first complaint may come before a second has shown what is borne.
		this.isSearching = this.slowedAt === 0 || borne === 0 || !isSure;
		const least = isSure ? SLOWEST : SLOWEST_WHEN_UNSURE;
		this.limit = Math.min(this.requestsPerSecond, Math.max(CAUTION * borne, least));
		this.slowedAt = now;
		this.answersSinceThen = 0;
		if (!isSure) return;
		// What came in a burst has used up the second that began with it.
		const secondIsOver = (this.answeredAt[0] ?? now) + 1000;
		this.nextStart = Math.max(this.nextStart, secondIsOver, now + retryAfter);
	}

	/** The time of the start after one that is made now. */
	private startAfter(now: number): number {
		const gap = 1000 / this.limit;
		// Requests that start together are answered together, and then CPU and network wait for each other. Spread over
		// a round trip they work side by side; sooner than this, no answer comes back to make room for a next request.
		const spread = this.roundTrip === Infinity ? 0 : this.roundTrip / this.concurrency;
		const isUsersLimit = this.limit === this.requestsPerSecond && gap > spread;
		return isUsersLimit ? now + gap : Math.max(this.nextStart, now - SLACK) + Math.max(gap, spread);
	}

	/** Ends early, and without a word, when the run ends. */
	private async waitUntil(time: () => number, ended: AbortSignal): Promise<void> {
		// The service may complain while this waits: so it looks again after each wait.
		for (let now = Date.now(); !this.hasEnded && now < time(); now = Date.now()) {
			await sleep(Math.ceil(time() - now), ended).catch(() => undefined);
		}
	}
}

/** Drops the times, oldest first, that are over a second past. */
function keepLastSecond(times: number[], now: number): void {
	while ((times[0] ?? now) < now - 1000) times.shift();
}
