import type { IExecuteFunctions } from 'n8n-workflow';

import { isTool } from './items';
import type { Ledger } from './list/ledger';
import { inWords, type Outcome } from './list/outcome';
import { outputCount } from './outputs';
import { summaryLine, type Summary } from './summary';

/** The time between two log lines of a long run, in milliseconds. */
const PROGRESS_INTERVAL = 10_000;

/**
 * Tells the person at the output pane, and the log, what the call came to. Where every row fails for one reason, the hint
 * is that reason.
 */
export function reportSummary(
	context: IExecuteFunctions,
	summary: Summary,
	outcomes: Outcome[],
	price: number,
): void {
	const line = summaryLine(summary, price);
	context.logger.debug(line);
	const reason = reasonOfAll(outcomes);
	const message = reason ?? [line, wayToGoOn(context, summary)].filter(Boolean).join(' ');
	context.addExecutionHints({
		message,
		type: reason === undefined ? 'info' : 'warning',
		location: 'outputPane',
	});
}

/** Why no row has a result, where all have one reason. */
function reasonOfAll(outcomes: Outcome[]): string | undefined {
	const failures = outcomes.flatMap((outcome) => ('failure' in outcome ? outcome.failure : []));
	const first = failures.find(({ interrupted }) => !interrupted) ?? failures[0];
	if (first === undefined || failures.length < outcomes.length) return undefined;
	const isOne = failures.every(
		({ message, interrupted, details }) =>
			message === first.message || (interrupted && details.code === first.details.code),
	);
	return isOne ? `No row has a result. ${inWords(first)}` : undefined;
}

/** In the editor each execution pays anew: how to build on for nothing. Empty where nothing was paid. */
function wayToGoOn(context: IExecuteFunctions, { queried }: Summary): string {
	if (context.getMode() !== 'manual' || queried === 0 || isTool(context)) return '';
	return outputCount(context) === 1
		? 'The next execution asks and pays anew: pin this output (p) to go on building for nothing.'
		: 'The next execution asks and pays anew: execute the nodes behind this one by their own step to go on building for nothing.';
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
