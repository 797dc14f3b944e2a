import { createHmac } from 'node:crypto';
import { sleep, type IExecuteFunctions } from 'n8n-workflow';

import type { Account } from './juhe/account';
import { RateLimiter } from './juhe/rateLimiter';
import { Ledger, type SavedLedger } from './list/ledger';
import { addCall, sumOf, type Summary, type Total } from './summary';

/** What the calls of one execution share. */
export interface Execution {
	ledger: Ledger;
	limiter: RateLimiter;
}

/** What n8n keeps of the node with an execution. */
interface SavedExecution {
	ledger: SavedLedger;
	total: Total;
}

/** n8n hands out one context object for a node all through an execution: to tries, loop turns and tool calls. */
const executions = new WeakMap<object, Execution>();
/** The sum of the calls of an execution, including calls whose settings are refused. */
const totals = new WeakMap<object, Total>();

/** The state of this execution, which the first call creates or restores. */
export function executionOf(context: IExecuteFunctions, account: Account): Execution {
	const nodeContext = contextOf(context);
	const known = executions.get(nodeContext);
	if (known !== undefined) return known;
	const saved = nodeContext.juhe;
	const execution = {
		ledger: new Ledger(`${account.apiKey}\n${account.baseUrl}`, saved?.ledger),
		limiter: new RateLimiter(sleep),
	};
	executions.set(nodeContext, execution);
	return execution;
}

/**
 * Adds a call to the total of its execution.
 *
 * @param call n8n's run index
 * @returns the sum of all calls so far
 */
export function addToTotal(context: IExecuteFunctions, call: number, summary: Summary): Summary {
	const nodeContext = contextOf(context);
	const total = addCall(totals.get(nodeContext) ?? nodeContext.juhe?.total, call, summary);
	totals.set(nodeContext, total);
	return sumOf(total);
}

/**
 * Hands to n8n what the execution needs where it goes on in another process.
 *
 * @param hasFailed the answers are kept, for a retry by hand
 * @param needsCounts the counts are kept, so that cap and summary go on after a Wait
 */
export function saveExecution(
	context: IExecuteFunctions,
	{ ledger }: Execution,
	{ hasFailed, needsCounts }: { hasFailed: boolean; needsCounts: boolean },
): void {
	const nodeContext = contextOf(context);
	const total = totals.get(nodeContext);
	const isNeeded = total !== undefined && (hasFailed || needsCounts);
	if (isNeeded) nodeContext.juhe = { ledger: hasFailed ? ledger.save() : ledger.counts(), total };
	else delete nodeContext.juhe;
}

function contextOf(context: IExecuteFunctions): { juhe?: SavedExecution } {
	return context.getContext('node');
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
