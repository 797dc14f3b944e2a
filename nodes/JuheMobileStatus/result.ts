import type { IDataObject } from 'n8n-workflow';

import { createRedactor, maskMobile } from './juhe/redact';
import { API_FIELDS, redactValue, type ApiResult } from './juhe/reply';
import { statusOf, type Route } from './juhe/status';
import type { Outcome, Row } from './list/outcome';
import type { ResultName } from './list/storedResult';
import type { Settings } from './settings';

const DAY = 86_400_000;

/** A result before the choice of Result Fields; undefined where the row has no such value. */
export type Result = Partial<Record<ResultName, IDataObject[string]>>;

/** The route and the result of a row. @param fingerprintOf a number of 11 digits */
export function toResult(
	outcome: Extract<Outcome, { source: unknown }>,
	row: Row | undefined,
	settings: Settings,
	fingerprintOf: (mobile: string) => string,
): { route: Route; result: Result } {
	const { mobile, source } = outcome;
	const { maskNumber, reuseResults } = settings;
	const answered = 'answer' in outcome ? outcome.answer : outcome.stored;
	const { route, label, advice } = statusOf(answered.result);
	const api = maskNumber ? maskResult(answered.result, mobile) : answered.result;
	const stored = row !== undefined && 'stored' in row ? row.stored : undefined;
	const previousRoute = stored?.route ?? null;
	const result: Record<string, unknown> = {
		label,
		advice,
		state: api?.state,
		description: api?.description,
		mobile: maskNumber ? maskMobile(mobile) : mobile,
		province: api?.province,
		city: api?.city,
		isp: api?.isp,
		orderid: api?.orderid,
		operation: 'answer' in outcome ? settings.operation : outcome.stored.operation,
		billable: 'answer' in outcome && source === 'query' ? outcome.answer.billable : 'no',
		attempts: 'answer' in outcome && source === 'query' ? outcome.answer.attempts : 0,
		source,
		checkedAt: answered.checkedAt,
		recheckAt:
			'answer' in outcome
				? recheckTime(outcome.answer.checkedAt, settings.recheckAfter[advice])
				: outcome.stored.recheckAt,
		fingerprint: maskNumber ? fingerprintOf(mobile) : undefined,
		previousRoute: reuseResults ? previousRoute : undefined,
		changed: reuseResults ? route !== previousRoute : undefined,
	};
	return { route, result: result as Result };
}

function recheckTime(checkedAt: string, days: number): string {
	return new Date(Date.parse(checkedAt) + days * DAY).toISOString();
}

/**
 * The result with the number masked wherever the service repeats it. An answer is masked already; what a row carries from
 * an earlier run may not be.
 */
function maskResult(result: ApiResult | null, mobile: string): ApiResult | null {
	if (result === null) return null;
	const redact = createRedactor([], { mobile, masked: maskMobile(mobile) });
	const masked: ApiResult = {};
	for (const field of API_FIELDS) {
		const value = result[field];
		if (value !== undefined) masked[field] = redactValue(value, redact);
	}
	return masked;
}
