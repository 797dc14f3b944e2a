/**
 * Who or what has to change before the query can work.
 *
 * `fatal`: the key, the account or the address; nothing further can work. `transient`: only time. `permanent`: this number.
 */
export type FailureClass = 'fatal' | 'transient' | 'permanent';

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
	/** `uncertain`: an answer was lost or could not be read, so the query may have been billed. */
	billable: 'no' | 'uncertain';
}

/** Why a number has no result. Plain data: an Error is made of it only where one is thrown. */
export interface Failure<Details extends FailureDetails = FailureDetails> {
	class: FailureClass;
	/** `user`: to be corrected in the workflow or the credential; `service`: caused by the service or the network. */
	by: 'user' | 'service';
	/** Begins with `Juhe <code>: ` where the service or the network caused it. */
	message: string;
	details: Details;
	/** True where the answer to this request is lost, and the query may have been billed. */
	maybeBilled?: boolean;
	/** Set where the whole run should send more slowly. */
	rateLimit?: RateLimitSignal;
	/** The wait that the service asks for, in milliseconds. */
	retryAfter?: number;
	/** True where the run ended before the number did: another number is the cause. */
	interrupted?: true;
}

/** What a failure is made of; what is left out is null, `no` or not set. */
export interface FailureFields
	extends
		Pick<Failure, 'class' | 'maybeBilled' | 'rateLimit' | 'retryAfter'>,
		Pick<FailureDetails, 'code' | 'remedy' | 'attempts'>,
		Partial<Pick<FailureDetails, 'resultcode' | 'reason' | 'billable'>> {
	/** What happened, in one English sentence. */
	sentence: string;
}

/** How the messages of `serviceFailure` begin: the code is a word, a number, or LEFT_OUT. */
export const SERVICE_MESSAGE = /^Juhe (-?\w[\w.+]*|\(left out: [^:]+\)): /;

/** A failure caused by the service or the network. */
export function serviceFailure(fields: FailureFields): Failure {
	const { code, remedy, attempts, resultcode = null, reason = null, billable = 'no' } = fields;
	return {
		class: fields.class,
		by: 'service',
		message: `Juhe ${code}: ${fields.sentence}`,
		details: { code, resultcode, reason, remedy, attempts, billable },
		maybeBilled: fields.maybeBilled,
		rateLimit: fields.rateLimit,
		retryAfter: fields.retryAfter,
	};
}
