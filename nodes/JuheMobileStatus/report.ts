import type { IExecuteFunctions } from 'n8n-workflow';

import type { Ledger } from './list/ledger';
import { summaryLine, type Summary } from './summary';

/** The time between two log lines of a long run, in milliseconds. */
const PROGRESS_INTERVAL = 10_000;

/** Tells the person at the output pane, and the log, what the call came to. */
export function reportSummary(context: IExecuteFunctions, summary: Summary, price: number): void {
	const line = summaryLine(summary, price);
	context.logger.debug(line);
	context.addExecutionHints({ message: line, type: 'info', location: 'outputPane' });
}

/** Creates the function that logs the progress of a long run. It logs no number and no secret. */
export function createProgressLog(
	context: IExecuteFunctions,
	ledger: Ledger,
): (ended: number, of: number) => void {
	const startedAt = performance.now();
	let loggedAt = startedAt;
	return (ended, of) => {
		const now = performance.now();
		if (now - loggedAt < PROGRESS_INTERVAL) return;
		loggedAt = now;
		const rate = (ended / ((now - startedAt) / 1000)).toFixed(1);
		context.logger.info(
			`${ended} numbers done, ${of - ended} left, ${ledger.queriesAnswered} answered, ${rate} numbers a second`,
		);
	};
}
