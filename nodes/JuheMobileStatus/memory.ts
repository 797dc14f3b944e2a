import { createHmac } from 'node:crypto';
import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';

import type { FailureDetails } from './errors';
import type { Settings } from './properties';
import { API_FIELDS, verdictOn, type Answer } from './result';
import type { Account, Queried } from './transport';

/** The most numbers that are kept across executions; the oldest go first. */
export const MAX_KEPT = 20_000;
const HOUR = 3_600_000;
/** Of the store's format: another one is not read. */
const VERSION = 1;

/** An answer that needs no query, and who paid for it. */
export interface Known {
	answer: Answer;
	/**
	 * `query`: an earlier try of this execution; `duplicate`: an earlier call of the node as an agent's tool; `reused`:
	 * an earlier execution.
	 */
	source: 'query' | 'duplicate' | 'reused';
}

/** What an execution keeps for its further tries; numbers stand behind their hashes. */
interface Tried {
	/** How often the node has been run before. */
	tries: number;
	answers: Record<string, Answer>;
	/** Numbers that were sent and got no result. */
	inVain: Record<string, InVain>;
}

/** What a number that got no result has cost; the service's words about it are not kept, for they may quote it. */
type InVain = Pick<FailureDetails, 'code' | 'attempts' | 'billable'>;

/** What is kept of a number across executions. */
interface Kept {
	/** When its answer came, in milliseconds since 1970. */
	checkedAt: number;
	/** The route with which its rows last left the node; null where Only Changed did not ask for it. */
	route: string | null;
	/** The values of API_FIELDS in their order; null where Reuse Results did not ask for them. */
	fields: unknown[] | null;
}

/**
 * What survives a run: paid answers for further tries in the same execution (Retry On Fail, or a failed execution that
 * is retried by hand), and answers and routes for the workflow's later executions.
 *
 * No number is stored. Each stands behind its HMAC under the account's key and address: another account finds nothing,
 * and whoever has the store and not the key cannot try numbers out.
 */
export class Memory {
	/** What to tell people about a memory that is not as they asked for. */
	readonly warning: string | undefined;
	/** Numbers that this execution has sent in its earlier tries. */
	readonly sentBefore: number;
	private readonly secret: string;
	private readonly execution: { juhe?: Tried };
	private readonly tried: Tried;
	private store: IDataObject | undefined;
	private kept = new Map<string, Kept>();
	/** The answers of this run, by number, wherever they come from. */
	private readonly known = new Map<string, Known>();
	/** Numbers of this run that were sent and got no result. */
	private readonly inVain = new Map<string, InVain>();

	constructor(
		private readonly context: IExecuteFunctions,
		account: Account,
		private readonly settings: Settings,
		/** An agent calls its tool again and again in one execution: all its calls are one run, for what they cost. */
		private readonly isTool: boolean,
	) {
		this.secret = `${account.apiKey}\n${account.baseUrl}`;
		this.execution = context.getContext('node');
		this.tried = this.execution.juhe ?? { tries: 0, answers: {}, inVain: {} };
		this.sentBefore =
			Object.keys(this.tried.answers).length + Object.keys(this.tried.inVain).length;
		if (settings.reuseHours > 0 || settings.onlyChanges) this.warning = this.load();
	}

	/** The answer to a number, where one has been paid for and may be used. */
	recall(mobile: string): Known | undefined {
		// Most runs remember nothing, and need no hashes.
		if (this.sentBefore === 0 && this.kept.size === 0) return undefined;
		const hash = this.hash(mobile);
		const answer = this.tried.answers[hash];
		const paidHere = this.isTool ? ('duplicate' as const) : ('query' as const);
		const known = answer === undefined ? this.reusable(hash) : { answer, source: paidHere };
		if (known !== undefined) this.known.set(mobile, known);
		return known;
	}

	/** What came of a number that an earlier try has sent in vain. */
	sentInVain(mobile: string): InVain | undefined {
		return this.sentBefore === 0 ? undefined : this.tried.inVain[this.hash(mobile)];
	}

	/** Takes note of what became of a number that was sent. */
	record(mobile: string, queried: NonNullable<Queried>): void {
		if ('answer' in queried) {
			this.known.set(mobile, { answer: queried.answer, source: 'query' });
		} else {
			const { code, attempts, billable } = queried.failure.details;
			this.inVain.set(mobile, { code, attempts, billable });
		}
	}

	/** The route with which a number's rows last left the node; null where they never did. */
	previousRoute(mobile: string): string | null {
		return this.kept.get(this.hash(mobile))?.route ?? null;
	}

	/** Whether the engine will run the node again after this many tries (n8n allows 2 to 5, and takes 3 unasked). */
	hasTriesLeft(): boolean {
		const { retryOnFail, maxTries } = this.context.getNode();
		return retryOnFail === true && this.tried.tries + 1 < Math.min(5, Math.max(2, maxTries ?? 3));
	}

	/**
	 * Puts away what the run has learnt.
	 *
	 * @param isDelivered whether the rows leave the node: only then has a changed route been told to anybody
	 * @param willTryAgain whether this execution may run the node again for the same rows
	 */
	finish(isDelivered: boolean, willTryAgain: boolean): void {
		if (willTryAgain || this.isTool) this.execution.juhe = this.forNextTry();
		else delete this.execution.juhe;
		if (this.store === undefined) return;

		for (const [mobile, { answer }] of this.known) {
			const { result } = answer;
			const hash = this.hash(mobile);
			const before = this.kept.get(hash)?.route ?? null;
			// Taken out first, so that it goes in as the newest.
			this.kept.delete(hash);
			this.kept.set(hash, {
				checkedAt: Date.parse(answer.checkedAt),
				route: this.settings.onlyChanges && isDelivered ? verdictOn(result).route : before,
				fields: result && API_FIELDS.map((field) => result[field] ?? null),
			});
		}
		this.sweep();
		const numbers = [...this.kept].map(([hash, { checkedAt, route, fields }]) => [
			hash,
			checkedAt,
			route,
			fields,
		]);
		// As one text: n8n wraps every object in static data into a proxy, which makes a large store slow.
		this.store.juhe = JSON.stringify({ version: VERSION, numbers });
	}

	private forNextTry(): Tried {
		const answers = { ...this.tried.answers };
		for (const [mobile, { answer, source }] of this.known) {
			if (source !== 'reused') answers[this.hash(mobile)] = answer;
		}
		const inVain = Object.entries(this.tried.inVain);
		for (const [mobile, what] of this.inVain) inVain.push([this.hash(mobile), what]);
		return {
			tries: this.tried.tries + 1,
			answers,
			inVain: Object.fromEntries(inVain.filter(([hash]) => answers[hash] === undefined)),
		};
	}

	private reusable(hash: string): Known | undefined {
		const kept = this.kept.get(hash);
		if (!kept?.fields || !this.isFresh(kept)) return undefined;
		const fields = kept.fields.map((value, index) => [API_FIELDS[index], value]);
		const result = Object.fromEntries(fields.filter(([, value]) => value !== null)) as IDataObject;
		const checkedAt = new Date(kept.checkedAt).toISOString();
		return { answer: { result, attempts: 0, billable: 'yes', checkedAt }, source: 'reused' };
	}

	private isFresh({ checkedAt }: Kept): boolean {
		const age = Date.now() - checkedAt;
		return age >= 0 && age < this.settings.reuseHours * HOUR;
	}

	/** Lets go of what is too old to be reused, and of the oldest where there is too much. */
	private sweep(): void {
		for (const [hash, kept] of this.kept) {
			if (!this.isFresh(kept)) kept.fields = null;
			if (kept.fields === null && kept.route === null) this.kept.delete(hash);
		}
		for (const hash of this.kept.keys()) {
			if (this.kept.size <= MAX_KEPT) break;
			this.kept.delete(hash);
		}
	}

	private load(): string | undefined {
		const store: unknown = this.context.getWorkflowStaticData('node');
		if (typeof store !== 'object' || store === null || Array.isArray(store)) {
			return 'n8n has no place for what this node should keep across executions: nothing is reused or compared.';
		}
		this.store = store as IDataObject;
		const kept = this.store.juhe === undefined ? [] : readNumbers(this.store.juhe);
		this.kept = new Map(kept);
		if (kept === undefined) {
			return 'What this node kept of earlier executions cannot be read. It begins anew.';
		}
		if (this.context.getMode() === 'manual') {
			return 'n8n keeps what this node learns in production executions only: this manual run is forgotten.';
		}
		return undefined;
	}

	private hash(mobile: string): string {
		return createHmac('sha256', this.secret).update(mobile).digest('base64url').slice(0, 16);
	}
}

/** The store's numbers, or undefined where it is not one that this version has written. */
function readNumbers(text: unknown): Array<[string, Kept]> | undefined {
	try {
		const { version, numbers } = JSON.parse(text as string) as {
			version: unknown;
			numbers: unknown[];
		};
		return version === VERSION && numbers.every(isEntry)
			? numbers.map(([hash, checkedAt, route, fields]) => [hash, { checkedAt, route, fields }])
			: undefined;
	} catch {
		return undefined;
	}
}

function isEntry(entry: unknown): entry is [string, number, string | null, unknown[] | null] {
	// What is no list throws here, and the store is none.
	const [hash, checkedAt, route, fields] = entry as unknown[];
	return (
		typeof hash === 'string' &&
		Number.isFinite(new Date(checkedAt as number).getTime()) &&
		(route === null || typeof route === 'string') &&
		(fields === null || (Array.isArray(fields) && fields.length === API_FIELDS.length))
	);
}
