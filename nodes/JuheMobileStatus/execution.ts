import { createHmac } from 'node:crypto';
import { sleep, type IDataObject, type IExecuteFunctions } from 'n8n-workflow';

import type { Account } from './juhe/account';
import { RateLimiter } from './juhe/rateLimiter';
import { Ledger, type SavedLedger } from './list/ledger';
import type { Summary } from './summary';

/** What the calls of one execution share. */
export interface Execution {
	ledger: Ledger;
	limiter: RateLimiter;
	/** By run index, so that a further try takes the place of the one before. */
	summaries: Map<number, Summary>;
}

/** What n8n keeps of the node in a failed execution. */
interface SavedExecution {
	ledger: SavedLedger;
	summaries: Array<[number, Summary]>;
}

/** n8n hands out one context object for a node all through an execution: to tries, loop turns and tool calls. */
const executions = new WeakMap<object, Execution>();

/** The state of this execution, which the first call creates or restores. */
export function executionOf(context: IExecuteFunctions, account: Account): Execution {
	const nodeContext = context.getContext('node') as { juhe?: SavedExecution };
	const known = executions.get(nodeContext);
	if (known !== undefined) return known;
	const saved = nodeContext.juhe;
	const execution = {
		ledger: new Ledger(`${account.apiKey}\n${account.baseUrl}`, saved?.ledger),
		limiter: new RateLimiter(sleep),
		summaries: new Map(saved?.summaries),
	};
	executions.set(nodeContext, execution);
	return execution;
}

/** Keeps what a retry by hand needs while the node fails, and nothing once it succeeds. */
export function saveExecution(
	context: IExecuteFunctions,
	{ ledger, summaries }: Execution,
	hasFailed: boolean,
): void {
	const nodeContext: IDataObject = context.getContext('node');
	if (hasFailed) {
		const saved: SavedExecution = {
			ledger: ledger.save(),
			summaries: [...summaries],
		};
		nodeContext.juhe = saved as unknown as IDataObject;
	} else delete nodeContext.juhe;
}

/**
 * What stands for a number in a masked result: 16 letters of its HMAC under the account's key.
 *
 * Letters only, because a spreadsheet takes digits for a number and rounds them.
 */
export function fingerprint({ apiKey }: Account, mobile: string): string {
	const digest = createHmac('sha256', apiKey).update(mobile).digest('hex').slice(0, 16);
	return digest.replace(/\d/g, (digit) => 'ghijklmnop'.charAt(Number(digit)));
}
