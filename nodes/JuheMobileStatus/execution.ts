import { sleep, type IExecuteFunctions } from 'n8n-workflow';

import type { Account } from './juhe/account';
import { RateLimiter } from './juhe/rateLimiter';
import { Ledger, type LedgerRecord } from './list/ledger';
import { addCall, sumOf, type Summary, type Total } from './summary';

/** What n8n stores of the node with an execution. */
interface ExecutionRecord extends LedgerRecord {
	total?: Total;
	/** The execution that wrote it: a retry by hand is another one, and begins with the record of the one that failed. */
	executedAs: string;
}

const ledgers = new WeakMap<ExecutionRecord, Ledger>();

/** The ledger of this execution, which the first call in a process creates. */
export function ledgerOf(context: IExecuteFunctions, account: Account): Ledger {
	const record = recordOf(context);
	const known = ledgers.get(record);
	if (known !== undefined) return known;
	const secret = `${account.apiKey}\n${account.baseUrl}`;
	const ledger = new Ledger(secret, record, new RateLimiter(sleep));
	const executedAs = `${context.getMode()} ${context.getExecutionId()}`;
	// Whoever retries by hand wants lost answers, too.
	if (record.executedAs !== executedAs) ledger.allowRetries();
	record.executedAs = executedAs;
	ledgers.set(record, ledger);
	return ledger;
}

/** Adds a call, by n8n's run index, to the total of its execution. @returns the sum of all calls so far */
export function addToTotal(context: IExecuteFunctions, call: number, summary: Summary): Summary {
	const record = recordOf(context);
	record.total = addCall(record.total, call, summary);
	return sumOf(record.total);
}

/**
 * The record of this execution, where n8n hands out one object for a node from the first call to the last: to tries, loop
 * turns and tool calls, and after a Wait or a retry by hand. n8n stores it with the execution.
 */
function recordOf(context: IExecuteFunctions): ExecutionRecord {
	const nodeContext: { juhe?: ExecutionRecord } = context.getContext('node');
	return (nodeContext.juhe ??= { entries: {}, queries: 0, planned: {}, executedAs: '' });
}
