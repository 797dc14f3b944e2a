import type { Answer } from '../juhe/client';
import { serviceFailure, type Failure, type FailureDetails } from '../juhe/failure';
import { noRecordFailure, PARAMETERS_REFUSED_CODE } from '../juhe/reply';
import type { PriorFailure } from './ledger';
import type { StoredResult } from './storedResult';

/** `details` of a row without a result. */
export interface RowFailureDetails extends FailureDetails {
	/** True for a number that was not sent. */
	notQueried?: true;
}
/** The names that each of them has, and the columns that all of them may have. */
export const DETAILS = ['code', 'resultcode', 'reason', 'remedy', 'attempts', 'billable'] as const;
export const DETAILS_COLUMNS = [...DETAILS, 'notQueried'].map((name) => `details_${name}`);
export type RowFailure = Failure<RowFailureDetails>;

/** A row as it comes in: its number of 11 digits and the result that it carries, or why it has no number. */
export type Row = { mobile: string; stored?: StoredResult } | { failure: RowFailure };

/** Who paid for a result: this row's query, another row of this execution, or an earlier execution. */
export type Source = 'query' | 'duplicate' | 'reused';

/**
 * What a dry run says of a row: it would be queried and billed, take the answer of another row, take a result that is
 * still valid, or not be sent because of the cap.
 */
export const PLANS = ['billable', 'duplicate', 'reusable', 'overCap'] as const;
export type Plan = (typeof PLANS)[number];

/** What became of a row, or would become of it in a dry run. */
export type Outcome =
	| { mobile: string; answer: Answer; source: 'query' | 'duplicate' }
	| { mobile: string; stored: StoredResult; source: 'reused' }
	| { mobile: string; plan: Plan }
	| { failure: RowFailure };

/** A failure that only the person at the workflow can correct: a cell, an option, an expression. */
export function userFailure(code: string, message: string, remedy: string): RowFailure {
	return {
		class: 'permanent',
		by: 'user',
		message,
		details: { code, resultcode: null, reason: null, remedy, attempts: 0, billable: 'no' },
	};
}

/** What is wrong and what to do, in sentences. Messages about parameters have no full stop of their own. */
export function inWords({ message, details }: RowFailure): string {
	return `${message.replace(/\.?$/, '.')} ${details.remedy}`;
}

/** The code of a cell that holds no mobile number. */
export const INVALID_NUMBER = 'invalidNumber';
const PARAMETER = "'Mobile Number' ";

/** A cell that holds no mobile number. @param reason what the cell looks like, as a predicate: "is empty" */
export function invalidNumberFailure(reason: string): RowFailure {
	return userFailure(
		INVALID_NUMBER,
		`${PARAMETER}${reason}`,
		'Correct the number, or leave it out.',
	);
}

/** Why a list stops before anything is sent (On Error: Stop Workflow). @param first index of the first such row */
export function invalidRowsFailure(outcomes: Outcome[], first: number): RowFailure {
	const invalid = outcomes.flatMap((outcome) =>
		'failure' in outcome && !outcome.failure.interrupted ? outcome.failure : [],
	);
	const { message, details } = invalid[0] as RowFailure;
	const isColumn =
		invalid.length === outcomes.length && invalid.every((each) => each === invalid[0]);
	if (isColumn) return userFailure(INVALID_NUMBER, `${message}. Nothing was sent.`, details.remedy);
	const reason = message.slice(PARAMETER.length);
	return userFailure(
		INVALID_NUMBER,
		`${PARAMETER}holds no mobile number in ${invalid.length} of ${outcomes.length} items. Item ${first} ${reason}. Nothing was sent.`,
		"Correct the numbers. Or set 'On Error' to Continue in the node's settings: items without a number then come out as errors, and the others are checked.",
	);
}

/** The start of the message of a row that a cancelled execution has not sent. */
export const CANCELLED_MESSAGE = 'The execution is cancelled.';

/** Why a cancelled execution sends nothing more. */
export function cancelledFailure(): RowFailure {
	return userFailure('cancelled', CANCELLED_MESSAGE, 'Run the workflow again.');
}

/** A number that is not sent, because `cause` ended the run before its turn. */
export function notQueriedFailure(cause: RowFailure): RowFailure {
	const { details, message } = cause;
	return {
		...cause,
		interrupted: true,
		message: `${message} Not sent (notQueried).`,
		details: { ...details, attempts: 0, billable: 'no', notQueried: true },
	};
}

/**
 * Why a run stops because the circuit breaker is open.
 *
 * @param last the latest failure
 * @param openedBy a sentence, or empty where the failure says it all
 * @param encryptionField of the credential; undefined for the plain query
 */
export function nothingWorksFailure(
	last: RowFailure,
	openedBy: string,
	encryptionField?: string,
): RowFailure {
	const { message, details } = last;
	const isKeySuspected = details.code === PARAMETERS_REFUSED_CODE && encryptionField !== undefined;
	const remedy = isKeySuspected
		? `Check '${encryptionField}' in the credential: it must belong to the account of 'Key'.`
		: details.remedy;
	return {
		...last,
		message: `${message} ${openedBy}`.trimEnd(),
		details: { ...details, remedy },
	};
}

/** A number over the option Max Queries per Execution. */
export function overCapFailure(maxQueries: number): RowFailure {
	const failure = userFailure(
		'overCap',
		`'Max Queries per Execution' (${maxQueries}) is reached. Not sent (notQueried).`,
		"Raise 'Max Queries per Execution', or run the workflow again for the rest.",
	);
	return { ...failure, details: { ...failure.details, notQueried: true } };
}

/** A number whose answer is lost, and that may not be sent again in this execution. */
export function notResentFailure({ code, attempts }: PriorFailure): RowFailure {
	return serviceFailure({
		class: 'permanent',
		code,
		sentence: 'An earlier try lost the answer to this number. It is not sent again.',
		remedy:
			"Run the workflow again for this number. 'Resend After Lost Answer' is off, or 'Retries' or 'Max Queries per Execution' is used up.",
		attempts,
		billable: 'uncertain',
	});
}

/** A row whose number another row has asked for, without a result. */
export function duplicateFailure(failure: RowFailure): RowFailure {
	return { ...failure, details: { ...failure.details, attempts: 0, billable: 'no' } };
}

/** The outcome of a row whose number was asked for. @param failOnNoRecord whether a number without a record fails */
export function toOutcome(
	mobile: string,
	result: { answer: Answer } | { failure: RowFailure },
	source: 'query' | 'duplicate',
	{ failOnNoRecord }: { failOnNoRecord: boolean },
): Outcome {
	if ('answer' in result && (result.answer.result !== null || !failOnNoRecord)) {
		return { mobile, answer: result.answer, source };
	}
	const failure =
		'failure' in result
			? result.failure
			: noRecordFailure(result.answer.attempts, result.answer.reason ?? null);
	return { failure: source === 'query' ? failure : duplicateFailure(failure) };
}

/**
 * The outcome of every row.
 *
 * @param settled what became of each number
 * @param stoppedBy why the run ended before the turn of the others
 */
export function collectOutcomes(
	rows: Row[],
	settled: Map<string, Outcome>,
	stoppedBy?: RowFailure,
): Outcome[] {
	const seen = new Set<string>();
	return rows.map((row): Outcome => {
		if ('failure' in row) return row;
		const { mobile } = row;
		const outcome = settled.get(mobile) ?? { failure: notQueriedFailure(stoppedBy as RowFailure) };
		if (!seen.has(mobile)) {
			seen.add(mobile);
			return outcome;
		}
		if ('failure' in outcome) return { failure: duplicateFailure(outcome.failure) };
		if ('answer' in outcome) return { ...outcome, source: 'duplicate' };
		const isPaid = 'plan' in outcome && outcome.plan === 'billable';
		return isPaid ? { mobile, plan: 'duplicate' } : outcome;
	});
}
