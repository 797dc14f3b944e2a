/**
 * Who or what has to change before the query can work.
 *
 * `fatal`: the key, the account or the address; nothing further can work. `transient`: only time. `row`: this number.
 */
export type FailureClass = 'fatal' | 'transient' | 'row';

/** Whether the service limits the rate of requests: it says so, or a code may come from too many requests. */
export type RateLimitSignal = 'explicit' | 'suspected';

/** What is told about a number that has no result: `details` of its error item, beside the message. */
export interface FailureDetails {
	/** `error_code` of the reply, an HTTP status, or a word such as `timeout`. */
	code: number | string;
	/** The code of the API's older version (section 4 of the API document); null where there is none. */
	resultcode: string | null;
	/** The service's own words, without secrets; null where it says nothing. */
	reason: string | null;
	/** What to do, in one or two English sentences. */
	remedy: string;
	/** Requests sent for the number. */
	attempts: number;
	/** `uncertain`: the answer was lost or could not be read, so the query may have been billed. */
	billable: 'no' | 'uncertain';
	/** True for a number that was not sent. */
	notQueried?: true;
}

/** Why a number has no result. Plain data: an Error is made of it only where one is thrown. */
export interface Failure {
	class: FailureClass;
	/** `user`: to be corrected in the workflow or the credential; `service`: caused by the service or the network. */
	by: 'user' | 'service';
	/** Begins with `Juhe <code>: ` where the service or the network caused it. */
	message: string;
	details: FailureDetails;
	/** True where the query may have been done and only its answer is lost. */
	lostAnswer?: true;
	/** Set where the whole run should send more slowly. */
	rateLimit?: RateLimitSignal;
	/** The wait that the service asks for, in milliseconds. */
	retryAfter?: number;
	/** True where the run ended between two tries of the number: another number is the cause. */
	interrupted?: true;
}

/** A failure caused by the service or the network, after one request. */
export function serviceFailure(
	failureClass: FailureClass,
	code: number | string,
	sentence: string,
	remedy: string,
): Failure {
	return {
		class: failureClass,
		by: 'service',
		message: `Juhe ${code}: ${sentence}`,
		details: { code, resultcode: null, reason: null, remedy, attempts: 1, billable: 'no' },
	};
}
