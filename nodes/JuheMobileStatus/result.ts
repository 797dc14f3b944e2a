import type { IDataObject } from 'n8n-workflow';

import { createRedactor, maskMobile } from './juhe/redact';
import { API_FIELDS, redactValue, type ApiResult } from './juhe/reply';
import { statusOf, type Route } from './juhe/status';
import { PLANS, type Outcome, type Plan, type Row } from './list/outcome';
import type { ResultName } from './properties';
import type { Settings } from './settings';

const DAY = 86_400_000;

/** A result before the choice of Result Fields; undefined where the row has no such value. */
export type Result = Partial<Record<ResultName, IDataObject[string]>>;

/** The route and the result of a row. @param fingerprintOf a number of 11 digits */
export function toResult(
	outcome: Extract<Outcome, { source: unknown }>,
	row: Row | undefined,
	settings: Settings,
	fingerprintOf: (mobile: string) => string = () => '',
): { route: Route; result: Result } {
	const { mobile, source } = outcome;
	const answered = 'answer' in outcome ? outcome.answer : outcome.earlier;
	const { route, label, advice } = statusOf(answered.result);
	const carried = row !== undefined && 'earlier' in row ? row.earlier : undefined;
	const previousRoute = carried?.route ?? null;
	const paid =
		'answer' in outcome && source === 'query'
			? { billable: outcome.answer.billable, attempts: outcome.answer.attempts }
			: { billable: 'no', attempts: 0 };
	const { operation, ...times } =
		'answer' in outcome
			? {
					operation: settings.operation,
					checkedAt: outcome.answer.checkedAt,
					recheckAt: recheckTime(outcome.answer.checkedAt, settings.recheckAfter[advice]),
				}
			: {
					operation: outcome.earlier.operation,
					checkedAt: outcome.earlier.checkedAt,
					recheckAt: outcome.earlier.recheckAt,
				};
	const result = {
		mobile: settings.maskNumber ? maskMobile(mobile) : mobile,
		...(settings.maskNumber ? maskResult(answered.result, mobile) : answered.result),
		...{ label, advice, operation, ...paid, source, ...times },
		...(settings.maskNumber && { fingerprint: fingerprintOf(mobile) }),
		...(settings.reuseResults && { previousRoute, changed: route !== previousRoute }),
	};
	return { route, result: result as Result };
}

/** A row of a dry run: what would happen to it. */
export function planResult(mobile: string, plan: Plan, { operation, maskNumber }: Settings) {
	const result: Result = {
		mobile: maskNumber ? maskMobile(mobile) : mobile,
		label: PLANS[plan],
		operation,
		billable: 'no',
		attempts: 0,
	};
	return { route: plan, result };
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
