/** What must hold of an execution, whatever was drawn, by the simulator's log and not by the node's own rules. */
import type { IDataObject, INodeExecutionData, IRun } from 'n8n-workflow';

import { isLost, kindOf, troubleOf, type Trouble } from '../faults';
import { secretsIn } from '../secrets';
import { detailsOf, rowOf } from '../simulated';
import { success } from '../simulator/service';
import type { ReceivedRequest, Simulator } from '../simulator/simulator';
import type { List } from './list';
import type { Execution, Round } from './round';

/** How late a request may arrive that was sent before the node had read an answer, in milliseconds. */
export const UNDER_WAY = 300;
/** The same where this process stands still: a request and its answer are some five turns of the event loop. */
const lateBy = (stall: number) => UNDER_WAY + 5 * stall;
/** Numbers with one and the same failure that end a run which has had no answer. */
const BREAKER_LIMIT = 30;
/** The code of an answer, too: the service has no record of the number. */
const NO_RECORD = '224922';
const ROUTES = ['normal', 'suspended', 'unavailable', 'notOnNetwork', 'preCancelled'];
const ADVICE = ['keep', 'recheck', 'recheck', 'remove', 'recheck'];

/** One call of the node: a try, a turn of a loop, a connection. */
export interface Call {
	/** n8n's run index: the tries of a call share it. */
	index: number;
	onError: string;
	input: IDataObject[];
	/** The requests that arrived during it. */
	requests: ReceivedRequest[];
	outputs?: INodeExecutionData[][];
	error?: Error & IDataObject;
	isInputChanged: boolean;
}

/** What was seen of an execution; times are in milliseconds. */
export interface Seen {
	drawn: Execution;
	calls: Call[];
	run: IRun;
	/** How often n8n began: after each wait, and for a retry by hand, from what it had saved. */
	starts: number;
	/** Whether it failed and was retried by hand. */
	isRetried: boolean;
	/** Of a request. */
	timeout: number;
	/** The longest time that this process stood still. */
	stall: number;
	/** By performance.now(); Infinity where nobody cancelled. */
	cancelledAt: number;
}

/** Something does not hold. */
export class Broken extends Error {}

export function must(holds: boolean, invariant: string, ...seen: unknown[]): asserts holds {
	if (holds) return;
	throw new Broken(`${invariant}: ${seen.map((each) => JSON.stringify(each)).join(' ')}`);
}

/** Whether the process stood still for so much of the timeout that an answer may have been read too late. */
export const isStalled = ({ stall, timeout }: Seen) => stall > 0.15 * timeout;

/** Checks invariants by name. */
function mustAll(seen: unknown, invariants: Record<string, boolean>): void {
	for (const [invariant, holds] of Object.entries(invariants)) must(holds, invariant, seen);
}

const isBilled = ({ billed }: ReceivedRequest) => billed === true;
const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/** Checks the executions of a round, one after the other. */
export class Invariants {
	/** The states that were answered for a number. */
	private readonly states = new Map<string, unknown[]>();
	private seen!: Seen;
	/** The call that is checked, the requests up to its end, and what its rows carry, by their id. */
	private call!: Call;
	private requests: ReceivedRequest[] = [];
	private carried: List['carried'] = [];
	/** Numbers that a dry run would query, and n8n's run index of the call that would. */
	private planned = new Map<string, number>();
	private met: string[] = [];

	constructor(
		private readonly round: Round,
		private readonly simulator: Simulator,
		readonly list: List,
	) {}

	/** @returns the kinds of what was met, each as often as it was. @throws Broken where something does not hold */
	check(seen: Seen): string[] {
		const { list, states } = this;
		const { calls, run, drawn } = seen;
		list.begin();
		[this.seen, this.requests, this.carried] = [seen, [], [...list.carried]];
		this.planned = new Map();
		this.met = this.kindsDrawn();
		for (const { mobile = '', fault, billed } of this.simulator.received) {
			const own = success('plain', mobile || '0').result?.state;
			const state = fault?.kind === 'state' ? fault.state : own;
			if (billed) states.set(mobile, [...(states.get(mobile) ?? []), String(state)]);
		}
		this.checkSecrets();
		this.checkMoney();
		for (const [place, call] of calls.entries()) {
			this.call = call;
			this.requests.push(...call.requests);
			const items = this.checkCall();
			// n8n drops the output of a try that it repeats.
			if (drawn.dryRun || calls[place + 1]?.index === call.index) continue;
			const carried = items.map((item): [number, List['carried'][number]] => {
				const isBroughtBack = this.freshFor(rowOf(item)).some(({ isAnswer }) => isAnswer);
				const now = list.carriedBy(item.json);
				return [this.idOf(rowOf(item)), { ...now, isAnswer: now.isAnswer || isBroughtBack }];
			});
			for (const [id, now] of carried) this.carried[id] = now;
		}
		if (run.status === 'success') this.checkEngine();
		return this.met;
	}

	private kindsDrawn(): string[] {
		const { operation, onError, options, splitOutputs, summaryOutput, retryOnFail } = this.round;
		const { drawn, starts, isRetried, cancelledAt, calls } = this.seen;
		const { shape } = drawn;
		const is: Record<string, boolean> = {
			'dry run': drawn.dryRun,
			'retry by hand': isRetried,
			'a wait': starts > (isRetried ? 2 : 1),
			cancelled: cancelledAt < Infinity,
			'service down': drawn.down !== undefined,
			'split outputs': splitOutputs,
			'summary output': summaryOutput,
			'Retry On Fail': retryOnFail !== undefined && calls.length > calls.at(-1)!.index + 1,
			'whole seconds': 'seconds' in shape && shape.seconds,
			'masked numbers': options.maskNumber === true,
			'a cap that sends nothing': options.maxQueries !== undefined && options.maxQueries <= 0,
		};
		return [
			...Object.keys(is).filter((name) => is[name]),
			...[`shape ${shape.kind}`, `result as ${drawn.resultAs}`, operation, onError],
			...drawn.edits.map(({ edit }) => `edit ${edit}`),
			...this.simulator.received.map((request) => {
				const trouble = this.troubleOf(request);
				if (trouble !== undefined) return kindOf(trouble);
				return request.fault === undefined ? 'no fault' : 'an odd answer';
			}),
		];
	}

	/** What the contract says of a request; undefined where it is answered well. */
	private troubleOf({ fault }: ReceivedRequest): Trouble | undefined {
		const script = this.seen.drawn.troubles.find((each) => each.fault === fault);
		if (script !== undefined) return script.name === 'answer' ? undefined : troubleOf(script.name);
		// The rate limit of the simulator.
		if (fault?.kind === 'code') return troubleOf('code 10011');
		return fault && troubleOf('HTTP 429');
	}

	/** The code of the failure of a request; empty where it is answered well. */
	private codeOf(request: ReceivedRequest): string {
		return String(this.troubleOf(request)?.code ?? '');
	}

	private isLost(request: ReceivedRequest): boolean {
		const trouble = this.troubleOf(request);
		return trouble !== undefined && isLost(trouble);
	}

	/** Whether the answer tells the node to send nothing more. */
	private isFatal(request: ReceivedRequest): boolean {
		const { fault } = request;
		const wait = fault && 'retryAfter' in fault ? Number(fault.retryAfter) : 0;
		const isLimit = ['429', '10011'].includes(this.codeOf(request)) && wait > 60;
		return this.troubleOf(request)?.class === 'fatal' || isLimit;
	}

	private faultsOf(all: ReceivedRequest[]) {
		return all.map((request) => [this.codeOf(request), request.billed]);
	}

	/** Key, OpenID, AES key and ciphertexts are nowhere; numbers are not in what is kept, nor where they are masked. */
	private checkSecrets(): void {
		const { simulator, round } = this;
		const { run, calls } = this.seen;
		const errors = calls.map(({ error }) => [error?.message, error?.stack, error]);
		const secrets = secretsIn([run, calls.map(({ outputs }) => outputs), errors], simulator);
		must(secrets.length === 0, 'no secret is told', secrets);
		const kept = JSON.stringify(run.data.executionData?.contextData['node:Juhe'] ?? null);
		const text = round.options.maskNumber ? kept + JSON.stringify(errors) : '';
		const told = this.list.mobiles.filter((mobile) => mobile && text.includes(mobile));
		must(told.length === 0, 'where numbers are masked, none is kept or told', told);
	}

	/** What was asked for and paid in an execution. */
	private checkMoney(): void {
		const { seen, list } = this;
		const { drawn, cancelledAt, stall, starts, isRetried } = seen;
		const { concurrency = 10, resendUncertain = true, retries = 2 } = this.round.options;
		const { received, counts } = this.simulator;
		const during = seen.calls.reduce((sum, { requests }) => sum + requests.length, 0);
		const asked = [...new Set(received.map(({ mobile }) => mobile))];
		const late = received.filter(({ at }) => at > cancelledAt + lateBy(stall));
		mustAll([counts, concurrency], {
			'requests are bounded': isStalled(seen) || counts.peakInFlight <= concurrency,
			'requests arrive while the node runs': isStalled(seen) || during === received.length,
			'a dry run sends nothing': !drawn.dryRun || received.length === 0,
			'a cancelled run sends nothing more': late.length === 0,
			'what is asked for is in the list': asked.every((each) => list.mobiles.includes(each)),
		});
		const answers = drawn.shape.kind === 'back' ? drawn.shape.rounds + 1 : 1;
		let charged = 0;
		for (const mobile of asked) {
			const all = received.filter((request) => request.mobile === mobile);
			const isPaid = all.map((request) => this.isDelivered(request));
			const paid = isPaid.filter(Boolean).length;
			const isResent = all.slice(0, -1).some((each) => this.isLost(each));
			let [lost, mostLost] = [0, 0];
			for (const [place, each] of all.entries()) {
				lost = isPaid[place] ? 0 : lost + Number(this.isLost(each));
				mostLost = Math.max(mostLost, lost);
			}
			mustAll([mobile, this.faultsOf(all)], {
				'a number is paid once': paid <= answers,
				'nothing is sent after an answer': paid === 0 || answers > 1 || isPaid.at(-1)!,
				'lost answers are asked for where that is wanted': resendUncertain || !isResent,
				'after lost answers, Retries holds for the execution':
					mostLost <= (retries + 1) * (isRetried ? 2 : 1),
			});
			if (isResent) this.met.push('a lost answer asked for again');
			// The first request, and each after one that may have been billed.
			const isCharged = (each: ReceivedRequest, place: number) =>
				isPaid[place] || this.isLost(each);
			charged += 1 + all.slice(0, -1).filter(isCharged).length;
		}
		must(charged <= this.cap, 'the cap holds', charged, this.cap);

		const [code, ...others] = new Set(received.map((request) => this.codeOf(request)));
		if (others.length > 0 || !code || code === NO_RECORD || drawn.down) return;
		const limit = received.some((request) => this.isFatal(request)) ? concurrency : BREAKER_LIMIT;
		const most = limit * starts + seen.calls.length;
		must(asked.length <= most, 'a run in which nothing works ends', code, asked.length, most);
		if (asked.length >= BREAKER_LIMIT) this.met.push('a run in which nothing works');
	}

	private get cap(): number {
		const { maxQueries = Infinity } = this.round.options;
		return Math.max(0, Math.trunc(maxQueries));
	}

	/** Checks one call. @returns the items of all outputs, without the summary */
	private checkCall(): INodeExecutionData[] {
		const { call, round, list, seen, mobiles } = this;
		const { requests, error } = call;
		const { retries = 2, concurrency = 10 } = round.options;
		const stops = call.onError === 'stopWorkflow';
		const plans = seen.drawn.dryRun ? this.plans() : [];
		const { fault, answeredAt: readAt = Infinity } =
			requests.find((request) => this.isFatal(request)) ?? {};
		const later = requests.filter(({ at }) => at > readAt);
		const late = later.filter(({ at }) => at > readAt + lateBy(seen.stall));
		mustAll([fault, later.length, error?.message], {
			'what comes in is not changed': !call.isInputChanged,
			// What else is under way may be answered, and sent once more, before the node has read this answer.
			'what ends the run ends it': later.length <= 2 * (concurrency - 1) && late.length === 0,
			'Retries are obeyed': mobiles.every((each) => this.sent(each).length <= retries + 1),
			'only Stop throws': stops || error === undefined,
		});
		if (error !== undefined) {
			this.checkStop(error);
			return [];
		}
		const outputs = call.outputs!.slice(0, round.summaryOutput ? -1 : undefined);
		const items = outputs.flat();
		const places = outputs.map((output) => output.map(rowOf));
		const sorted = (rows: number[]) => [...rows].sort((a, b) => a - b);
		const isWhole = isSame(sorted(places.flat()), [...mobiles.keys()]);
		const isOrdered = isWhole && isSame(places, places.map(sorted));
		must(isOrdered, 'every row comes out once, in order', places);
		for (const [index, output] of outputs.entries()) {
			const routes = output.map(({ json }) => ROUTES.indexOf(json[list.routeField] as string));
			const own = routes.map((route) => (seen.drawn.dryRun ? 5 : (route + 6) % 6));
			const isOwn = outputs.length < 6 || own.every((place) => place === index);
			must(isOwn, 'a row leaves on its output', index, routes);
		}
		for (const item of items) {
			const row = rowOf(item);
			if (detailsOf(item) !== undefined) this.checkFailure(item.json, row, stops);
			else if (seen.drawn.dryRun) this.checkPlan(item.json, row, plans[row]);
			else this.checkResult(item.json, row);
		}
		return items;
	}

	/** What a dry run must say of each row of the call. */
	private plans(): Array<string | undefined> {
		const { mobiles, planned, cap, call } = this;
		const byNumber = new Map<string | undefined, string>();
		return mobiles.map((mobile, row) => {
			const first = byNumber.get(mobile);
			if (first !== undefined) return first === 'billable' ? 'duplicate' : first;
			const plannedBy = planned.get(mobile!);
			let plan = planned.size < cap ? 'billable' : 'overCap';
			if (this.isReused(row)) plan = 'reusable';
			// The tries of a call say the same.
			if (plannedBy !== undefined) plan = plannedBy === call.index ? 'billable' : 'duplicate';
			if (mobile === undefined) return undefined;
			if (plan === 'billable') planned.set(mobile, call.index);
			byNumber.set(mobile, plan);
			return plan;
		});
	}

	private checkPlan(json: IDataObject, row: number, plan: string | undefined): void {
		const { list, call } = this;
		const before = call.input[row]!;
		const carries = (each: IDataObject) => [each[list.routeField], list.resultIn(each)];
		mustAll([json, plan], {
			'a dry run says what a run would do': json.dryRun === plan,
			'a dry run changes no result': isSame(carries(json), carries(before)),
		});
		this.met.push(`plan ${plan}`);
	}

	private checkResult(json: IDataObject, row: number): void {
		const { list, seen, call, round, mobiles } = this;
		const { reuseResults, noRecord } = round.options;
		const mobile = mobiles[row];
		must(mobile !== undefined, 'what is no number is a failure', json);
		const result = list.resultIn(json);
		const { source, billable, attempts } = result as Record<string, string | number>;
		const state = result.state as string | undefined;
		const route = json[list.routeField];
		const isFree = billable === 'no' && attempts === 0;
		const isReused = source === 'reused';
		must(
			isReused === (this.isReused(row) ?? isReused),
			'what is fresh is reused, unless the execution has an answer, and nothing else',
			json,
		);

		const own = this.sent(mobile);
		const all = this.sent(mobile, this.requests);
		const tries = seen.calls.filter(({ index }) => index === call.index);
		const inTries = this.sent(
			mobile,
			tries.flatMap(({ requests }) => requests),
		);
		const paid = inTries.filter(isBilled);
		const mayBeLost = all.some((request) => this.mayBeLost(request));
		const { province, city, isp } = success('plain', mobile).result as IDataObject;
		const isOwn = isSame([result.province, result.city, result.isp], [province, city, isp]);
		const isGiven = this.states.get(mobile)?.includes(String(state)) === true;
		const hasNoRecord = route === 'noRecord' && noRecord === 'route' && state === undefined;
		const known = ROUTES[/^[0-4]$/.test(String(state)) ? Number(state) : NaN] ?? 'unknown';
		const verdict = [known, ADVICE[ROUTES.indexOf(known)] ?? 'review'];
		const { route: previous, isAnswer } = this.carried[this.idOf(row)]!;
		const change = [previous, route !== previous];
		const isChange = !reuseResults || isSame([result.previousRoute, result.changed], change);
		const isFirst = mobiles.indexOf(mobile) === row;
		const isPoll = isAnswer && !isReused;
		mustAll([json, previous, this.faultsOf(all)], {
			'the answer is one that its number got': hasNoRecord || (isOwn && isGiven),
			'the verdict is that of the state': hasNoRecord || isSame([route, result.advice], verdict),
			'previousRoute and changed are true': isChange,
			'what is reused is not asked for': !isReused || own.length === 0,
			'a result was answered': own.length === 0 || this.isDone(own.at(-1)!),
			'one row of a number pays': source === 'query' ? isFirst : isFree,
			'yes: billed once': billable !== 'yes' || paid.length === 1 || isStalled(seen),
			'uncertain: an answer was lost': billable !== 'uncertain' || hasNoRecord || mayBeLost,
			'who brings an answer back asks anew': !isPoll || inTries.length > 0,
			'a real run takes the plan out': !('dryRun' in json),
		});
		this.met.push(`source ${source}`, ...(isPoll ? ['a poll'] : []));
		if (!isReused && this.isFresh(row)) this.met.push('an answer that beats a row');
	}

	private checkFailure(json: IDataObject, row: number, stops: boolean): void {
		const mobile = this.mobiles[row];
		const { code, billable, notQueried } = detailsOf({ json }) as Record<string, string | boolean>;
		const own = this.sent(mobile);
		const isDuplicate = this.mobiles.indexOf(mobile) < row;
		const isEnded = own.length === 0 && this.hasEnded(code);
		const isTrue = notQueried === true ? isEnded : this.explains(code, mobile);
		mustAll([json, this.faultsOf(this.sent(mobile, this.requests))], {
			'Stop lets no failed row out': !stops || this.seen.cancelledAt < Infinity,
			'a failure is what happened': mobile === undefined ? code === 'invalidNumber' : isTrue,
			'no: billed nothing': billable !== 'no' || isDuplicate || !own.some(isBilled),
			'what is reused does not fail': this.isReused(row) !== true,
		});
		this.met.push(`failure ${notQueried ? 'not sent: ' : ''}${code}`);
	}

	/** The error that stops a run is that of a row which fails by itself. */
	private checkStop({ message, context }: Error & IDataObject): void {
		const { mobiles, call, round } = this;
		const row = (context as IDataObject | undefined)?.itemIndex as number;
		const badCell = mobiles.indexOf(undefined);
		const isBadCell = row === badCell && call.requests.length === 0;
		const isCapped =
			round.options.maxQueries !== undefined && message.startsWith("'Max Queries per Execution'");
		const isOwn = isCapped || this.explains(/^Juhe (\w+): /.exec(message)?.[1], mobiles[row]);
		must(badCell === -1 ? isOwn : isBadCell, 'an error is of its row', message, row);
	}

	/** What n8n made of the node's outputs, and the summary of all of it. */
	private checkEngine(): void {
		const { list, round } = this;
		const { run, calls, drawn } = this.seen;
		const lastOf = new Map(calls.map((call) => [call.index, call]));
		const all: IDataObject[] = [];
		for (const [index, { data }] of (run.data.resultData.runData.Juhe ?? []).entries()) {
			const { input, onError, outputs } = lastOf.get(index)!;
			const main = JSON.parse(JSON.stringify(data?.main ?? [])) as INodeExecutionData[][];
			const summary = round.summaryOutput ? main.splice(outputs!.length - 1, 1)[0] : undefined;
			const items = main.flatMap((output: INodeExecutionData[] | null) => output ?? []);
			must(items.length === input.length, 'n8n passes every row on', items.length, input.length);
			for (const { json } of items) {
				const { phone, note, ...own } = json;
				const row = input.find(({ id }) => id === json.id);
				const hasVerdict = list.routeField in json || Object.keys(list.resultIn(json)).length > 0;
				const hasFailed = detailsOf({ json }) !== undefined;
				const mobile = round.options.maskNumber ? list.mobiles[json.id as number] : undefined;
				const nested = Object.values(own).filter((value) => typeof value === 'object' && value);
				const isFlat = drawn.resultAs === 'columns' && onError !== 'continueErrorOutput';
				mustAll(json, {
					'a row keeps its columns': isSame([row?.phone, row?.note], [phone, note]),
					'what fails carries no verdict': drawn.dryRun || hasVerdict !== hasFailed,
					'what succeeds carries no error': hasFailed === (json.error !== undefined),
					'results mask numbers': drawn.dryRun || !mobile || !JSON.stringify(own).includes(mobile),
					'columns hold nothing nested': drawn.dryRun || !isFlat || nested.length === 0,
				});
			}
			const failed = items.filter((item) => detailsOf(item)).length;
			const apart = onError === 'continueErrorOutput' ? main.at(-1)!.length : failed;
			must(failed === apart, 'failures leave on the error output', failed, apart);
			all.push(...items.map(({ json }) => json));
			if (summary) this.checkSummary(summary[0]!.json, all);
		}
		for (const json of all) list.write(json, drawn.dryRun);
	}

	private checkSummary(summary: IDataObject, all: IDataObject[]): void {
		const { list, round } = this;
		const { dryRun } = this.seen.drawn;
		const told = all.map((json): IDataObject => {
			const plan = { dryRun: json.dryRun, billable: json.dryRun === 'billable' ? 'yes' : 'no' };
			return detailsOf({ json }) ?? (dryRun ? plan : list.resultIn(json));
		});
		const count = (name: string, value: unknown) =>
			told.filter((each) => each[name] === value).length;
		const bySource = dryRun ? 'dryRun' : 'source';
		const [billable, uncertain] = [count('billable', 'yes'), count('billable', 'uncertain')];
		const price = round.options.pricePerQuery ?? 0;
		const cost = price === 0 ? null : Number(((billable + uncertain) * price).toFixed(4));
		const expected: IDataObject = {
			...{ rows: all.length, billable, uncertain, cost },
			...{ queried: count('source', 'query'), duplicates: count(bySource, 'duplicate') },
			reused: count(bySource, dryRun ? 'reusable' : 'reused'),
			notQueried: count('notQueried', true) + count('dryRun', 'overCap'),
			errors: all.filter((json) => detailsOf({ json })).length,
		};
		const { routes, advice } = summary as Record<string, Record<string, number>>;
		const counted: IDataObject = { ...summary, ...routes, ...advice };
		for (const each in advice) expected[each] = count('advice', each);
		for (const route in routes) {
			const field = dryRun ? 'dryRun' : list.routeField;
			expected[route] = all.filter((json) => json[field] === route).length;
		}
		const wrong = Object.keys(expected).filter((name) => counted[name] !== expected[name]);
		must(wrong.length === 0, 'the summary counts what comes out', summary, wrong);
	}

	/** By the place of a row in the call. */
	private get mobiles(): Array<string | undefined> {
		return this.call.input.map(({ id }) => this.list.mobiles[id as number]);
	}

	private idOf(row: number): number {
		return this.call.input[row]!.id as number;
	}

	/** The requests for a number in the call; with `this.requests`, in the execution up to the end of the call. */
	private sent(mobile: string | undefined, requests = this.call.requests): ReceivedRequest[] {
		return requests.filter((request) => request.mobile === mobile);
	}

	/** Whether a row of the call carries a fresh result for the number of this row. */
	private isFresh(row: number): boolean {
		return this.freshFor(row).length > 0;
	}

	private freshFor(row: number): List['carried'] {
		const { mobiles } = this;
		if (mobiles[row] === undefined || !this.round.options.reuseResults) return [];
		return mobiles.flatMap((mobile, place) => {
			const carried = this.carried[this.idOf(place)]!;
			return mobile === mobiles[row] && carried.isFresh ? [carried] : [];
		});
	}

	/** Whether a row takes a result that a row carries; undefined where the log cannot tell. */
	private isReused(row: number): boolean | undefined {
		const fresh = this.freshFor(row);
		if (fresh.length === 0 || fresh.some(({ isAnswer }) => isAnswer)) return fresh.length > 0;
		const own = this.call.requests;
		const before = this.sent(this.mobiles[row], this.requests).filter(
			(each) => !own.includes(each),
		);
		if (before.some((request) => this.isDelivered(request))) return false;
		return before.some(isBilled) ? undefined : true;
	}

	private mayBeLost(request: ReceivedRequest): boolean {
		const { at, answeredAt = Infinity } = request;
		const { timeout, drawn } = this.seen;
		const trouble = this.troubleOf(request);
		const isUnread =
			(trouble?.billable === 'uncertain' && String(trouble.code) !== NO_RECORD) ||
			answeredAt - at > timeout / 2;
		return isUnread || isStalled(this.seen) || drawn.down !== undefined;
	}

	/** Whether there was an answer that was certainly read. */
	private isDelivered(request: ReceivedRequest): boolean {
		const isAnswer = isBilled(request) || this.codeOf(request) === NO_RECORD;
		return isAnswer && !this.mayBeLost(request);
	}

	private isDone(request: ReceivedRequest): boolean {
		const code = this.codeOf(request);
		return code === '' || (code === NO_RECORD && this.round.options.noRecord === 'route');
	}

	/** Whether something ended the run before the turn of a number. */
	private hasEnded(code: unknown): boolean {
		const { drawn, cancelledAt } = this.seen;
		const { requests, call } = this;
		if (drawn.down || cancelledAt < Infinity) return true;
		// A request that times out on its way does not arrive.
		if (code === 'overCap') return requests.length >= this.cap || isStalled(this.seen);
		// What has ended an earlier call ends this one, too, unless there was an answer since.
		const isAnswer = (each: ReceivedRequest) =>
			!call.requests.includes(each) && this.isDelivered(each);
		const since = requests.slice(requests.findLastIndex(isAnswer) + 1);
		if ([...since, ...call.requests].some((each) => this.isFatal(each))) return true;
		const codes = requests.map((each) => this.codeOf(each)).filter(Boolean);
		return codes.some((each) => codes.filter((one) => one === each).length >= BREAKER_LIMIT);
	}

	/** Whether what the service did to a number can be called so. */
	private explains(code: unknown, mobile: string | undefined): boolean {
		const last = this.sent(mobile, this.requests).at(-1);
		if (last && this.codeOf(last) === String(code) && !this.isDone(last)) return true;
		const isDown = this.seen.drawn.down !== undefined;
		if (isDown && ['connectionRefused', 'connectionLost'].includes(String(code))) return true;
		return code === 'timeout' && (last === undefined || this.mayBeLost(last));
	}
}
