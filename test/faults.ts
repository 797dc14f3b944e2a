/** What can go wrong with a query, and what the contract says of it: one table for the matrix, the soak and the endings. */
import type { FailureClass } from '../nodes/JuheMobileStatus/juhe/failure';
import { failure } from './simulator/service';
import type { Fault } from './simulator/simulator';

export interface Trouble {
	name: string;
	fault: Fault;
	class: FailureClass;
	/** What `details` of a row say that fails so. */
	code: number | string;
	billable: 'no' | 'uncertain';
	resultcode: string | null;
	reason: string | null;
}

/** The codes of the API document (section 4), by the class of the contract. */
export const CODES = {
	fatal: [10001, 10002, 10003, 10004, 10005, 10007, 10008, 10009, 10012, 10013, 10020, 10021],
	transient: [10011, 10014, 224915, 224924],
	permanent: [224902, 224919, 224922],
} as const satisfies Record<FailureClass, number[]>;
const UNLISTED_CODES = { fatal: [777, 10006, 199999], permanent: [200000, 299999] };

const LOST = ['transient', 'uncertain'] as const;
const UNREADABLE = ['permanent', 'uncertain'] as const;
type Verdict = [Trouble['class'], Trouble['billable']];

const json = (body: unknown): Fault => ({ kind: 'json', body });
const reply = (result: unknown) => json({ error_code: 0, result });
const behind = (status: number, code: number): Fault => ({
	kind: 'code',
	code,
	httpStatus: status,
});
const state = { state: '0' };

/** Troubles that have their code in common; by their names. */
function troubles(
	code: Trouble['code'],
	[failureClass, billable]: Readonly<Verdict>,
	faults: Record<string, Fault>,
): Trouble[] {
	return Object.entries(faults).map(([name, fault]) => ({
		...{ name, fault, class: failureClass, code, billable, resultcode: null, reason: null },
		...(fault.kind === 'code' && code === fault.code && said(code)),
	}));
}

function said(code: number): Pick<Trouble, 'resultcode' | 'reason'> {
	const { reason, resultcode = null } = failure(code);
	return { reason, resultcode };
}

const codes = (failureClass: FailureClass, all: readonly number[]) =>
	all.flatMap((code) =>
		troubles(code, [failureClass, code === 224922 ? 'uncertain' : 'no'], {
			[`code ${code}`]: { kind: 'code', code },
			[`code "${code}"`]: { kind: 'code', code, asString: true },
		}),
	);
const statuses = (verdict: Readonly<Verdict>, ...all: number[]) =>
	all.flatMap((status) =>
		troubles(status, verdict, { [`HTTP ${status}`]: { kind: 'http', status } }),
	);

export const TROUBLES: Trouble[] = [
	...[CODES, UNLISTED_CODES].flatMap((table) =>
		Object.entries(table).flatMap(([each, all]) => codes(each as FailureClass, all)),
	),
	...statuses(['fatal', 'no'], 401, 403, 404),
	...statuses(['transient', 'no'], 429, 503),
	...statuses(LOST, 408, 500, 502, 504, 520, 524),
	...statuses(['permanent', 'no'], 302, 400),
	// The body decides, but what a gateway says is known by its status.
	...troubles(224919, ['permanent', 'no'], { 'code 224919 behind HTTP 503': behind(503, 224919) }),
	...troubles(777, ['fatal', 'no'], { 'code 777 behind HTTP 400': behind(400, 777) }),
	...troubles(503, ['transient', 'no'], { 'code 777 behind HTTP 503': behind(503, 777) }),
	...troubles(502, LOST, { 'code 777 behind HTTP 502': behind(502, 777) }),
	...troubles('timeout', LOST, {
		'no answer': { kind: 'hang' },
		'an answer that drips': { kind: 'drip', intervalMs: 500 },
	}),
	...troubles('connectionLost', LOST, {
		'a reset': { kind: 'resetBefore' },
		'a cut body': { kind: 'resetMidBody' },
	}),
	...troubles('notJuhe', UNREADABLE, {
		'a page': { kind: 'notJson' },
		'half of a JSON text': { kind: 'http', status: 200, body: '{"error_code":' },
		'an empty code': json({ error_code: '', result: state }),
		'a blank code': json({ error_code: ' ', result: state }),
		'a word for a code': json({ error_code: 'x', result: state }),
		'no code': json({ result: state }),
		'a list': json([{ error_code: 0 }]),
		'a word': json('ok'),
		null: json(null),
		'a long answer': reply({ ...state, pad: 'x'.repeat(70_000) }),
	}),
	...troubles('noResult', UNREADABLE, {
		'no result': { kind: 'missingResult' },
		'an empty result': reply({}),
		'a list for a result': reply([state]),
		'a word for a result': reply('ok'),
		'null for a result': reply(null),
	}),
	...troubles('otherNumber', UNREADABLE, {
		'another number': reply({ ...state, mobile: '13912345678' }),
	}),
];

/** The first troubles of each kind stand for the others: the node treats them alike. */
export function kindOf({ class: failureClass, code, billable }: Trouble): string {
	const kind = typeof code === 'string' ? code : code < 600 ? 'HTTP' : 'code';
	return `${failureClass} ${kind}, ${billable}`;
}

/** Whether the query reached the service, and only its answer is lost. */
export function isLost({ class: failureClass, billable }: Trouble): boolean {
	return failureClass === 'transient' && billable === 'uncertain';
}

export function troubleOf(name: string): Trouble {
	const trouble = TROUBLES.find((each) => each.name === name);
	if (trouble === undefined) throw new TypeError(`No trouble is called ${name}`);
	return trouble;
}
