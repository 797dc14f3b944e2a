import type { Answer } from '../juhe/client';
import { serviceFailure, type Failure, type FailureDetails } from '../juhe/failure';
import type { EarlierResult } from './earlier';

/** A row as it comes in: its number of 11 digits and the result that it carries, or why it has no number. */
export type Row = { mobile: string; earlier?: EarlierResult } | { failure: Failure };

/** Who paid for a result: this row's query, another row of this execution, or an earlier execution. */
export type Source = 'query' | 'duplicate' | 'reused';

/** What a dry run says of a row. */
export const PLANS = {
	billable: 'Would be queried and billed',
	duplicate: 'Would take the answer of an earlier row',
	reusable: 'Would take a result that is still valid',
	overCap: "Would not be sent: over 'Max Queries per Execution'",
} as const;
export type Plan = keyof typeof PLANS;

/** What became of a row, or would become of it in a dry run. */
export type Outcome =
	| { mobile: string; answer: Answer; source: 'query' | 'duplicate' }
	| { mobile: string; earlier: EarlierResult; source: 'reused' }
	| { mobile: string; plan: Plan }
	| { failure: Failure };

/** A failure that only the person at the workflow can correct: a cell, an option, an expression. */
export function userFailure(code: string, message: string, remedy: string): Failure {
	const { details } = serviceFailure('row', code, '', remedy);
	return { class: 'row', by: 'user', message, details: { ...details, attempts: 0 } };
}

/**
 * A cell that holds no mobile number.
 *
 * @param reason what the cell looks like, as a predicate: "is empty"
 * @param itemIndex undefined for an agent's tool, which has no rows
 */
export function invalidNumberFailure(reason: string, itemIndex?: number): Failure {
	const place = itemIndex === undefined ? '' : ` in row ${itemIndex + 1}`;
	return userFailure(
		'invalidNumber',
		`'Mobile Number'${place} ${reason}`,
		'Correct the number, or leave it out.',
	);
}

/** A number that is not sent, because `cause` ended the run before its turn. */
export function notQueriedFailure(cause: Failure): Failure {
	const { code, resultcode, reason, remedy } = cause.details;
	return {
		...cause,
		interrupted: true,
		message: `${cause.message} Not sent (notQueried).`,
		details: { code, resultcode, reason, remedy, attempts: 0, billable: 'no', notQueried: true },
	};
}

/** A number over the option Max Queries per Execution. */
export function overCapFailure(maxQueries: number): Failure {
	const failure = userFailure(
		'overCap',
		`'Max Queries per Execution' (${maxQueries}) is reached. Not sent (notQueried).`,
		"Raise 'Max Queries per Execution', or run the workflow again for the rest.",
	);
	failure.details.notQueried = true;
	return failure;
}

/** A number whose answer is lost in an earlier try of the execution, and that may not be sent again. */
export function notResentFailure(prior: PriorFailure): Failure {
	const { code, attempts } = prior;
	const failure = serviceFailure(
		'row',
		code,
		'An earlier try lost the answer to this number. It is not sent again.',
		"Run the workflow again for this number. 'Resend After Lost Answer' is off, or 'Max Queries per Execution' is reached.",
	);
	Object.assign(failure.details, { attempts, billable: 'uncertain' });
	return failure;
}

/** A row whose number another row has asked for, without a result. */
export function duplicateFailure(failure: Failure): Failure {
	return { ...failure, details: { ...failure.details, attempts: 0, billable: 'no' } };
}

/**
 * What an unsuccessful query for a number leaves for later tries, and the call that sent it (n8n's run index). The
 * service's words are not among it, because they may quote the number.
 */
export type PriorFailure = Pick<FailureDetails, 'code' | 'attempts' | 'billable'> & {
	call: number;
};
