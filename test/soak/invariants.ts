/**
 * What must hold of an execution, whatever was drawn. What is expected comes from the simulator's log, not from the
 * node's own rules.
 */
import { createHash } from 'node:crypto';

import type { IDataObject, INodeExecutionData, IRun } from 'n8n-workflow';

import { rowOf } from '../simulated';
import { success } from '../simulator/service';
import type { ReceivedRequest, Simulator } from '../simulator/simulator';
import type { Carried, List } from './list';
import { FATAL, OF_THE_ROW, type Execution, type Round } from './round';

/** How late a request may arrive that was sent before the node had read an answer, in milliseconds. */
export const UNDER_WAY = 300;
/** Numbers with one and the same failure that end a run which has had no answer. */
const BREAKER_LIMIT = 30;
/** Failures after which a query may have been billed, for its answer did not come through or tells nothing. */
const UNREADABLE = ['connectionLost', 'timeout', 'noResult', 'notJuhe', '502', '504'];
/** Those after which the service may have answered: they are sent again only with Resend After Lost Answer. */
const LOST = ['connectionLost', 'timeout', '502', '504'];
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

/** What was seen of an execution. */
export interface Seen {
	drawn: Execution;
	calls: Call[];
	run: IRun;
	/** Of a request, in milliseconds. */
	timeout: number;
	/** The longest time that this process stood still, in milliseconds. */
	stall: number;
	/** Whether that was too long to tell what was read in time. */
	isStalled: boolean;
	/** By performance.now(); Infinity where nobody cancelled. */
	cancelledAt: number;
	isDown: boolean;
}

/** Something does not hold. */
export class Broken extends Error {}

export function must(holds: boolean, invariant: string, ...seen: unknown[]): asserts holds {
	if (holds) return;
	throw new Broken(`${invariant}: ${seen.map((each) => JSON.stringify(each)).join(' ')}`);
}

/** What the failure of a request that met this fault is called; undefined where it is answered well. */
function codeAfter({ fault }: ReceivedRequest): string | undefined {
	switch (fault?.kind) {
		case 'code':
			return String(fault.code);
		case 'http':
			return fault.status === 200 ? 'notJuhe' : String(fault.status);
		case 'notJson':
			return 'notJuhe';
		case 'missingResult':
			return 'noResult';
		case 'resetBefore':
		case 'resetMidBody':
			return 'connectionLost';
		case 'hang':
		case 'drip':
			return 'timeout';
		default:
			return undefined;
	}
}

/** Whether the answer tells the node to send nothing more. */
function isFatal(request: ReceivedRequest): boolean {
	const { fault } = request;
	const met = Number(codeAfter(request));
	const wait = fault?.kind === 'code' || fault?.kind === 'http' ? fault.retryAfter : undefined;
	return FATAL.includes(met) || ([429, 10011].includes(met) && Number(wait ?? 0) > 60);
}

/** Checks the executions of a round, one after the other. */
export class Invariants {
	/** The states that were answered for a number. */
	private readonly states = new Map<string, Set<unknown>>();

	constructor(
		private readonly round: Round,
		private readonly simulator: Simulator,
		private readonly list: List,
	) {}

	/** @returns how many rows were answered by what they carried. @throws Broken where something does not hold */
	check(seen: Seen): number {
		const { list } = this;
		for (const { mobile, fault, billed } of this.simulator.received) {
			if (mobile === undefined || !billed) continue;
			const state = fault?.kind === 'state' ? fault.state : success('plain', mobile).result?.state;
			this.states.set(mobile, (this.states.get(mobile) ?? new Set()).add(state));
		}
		this.checkSecrets(seen);
		this.checkMoney(seen);
		const carried = new Map(list.carried.entries());
		let reused = 0;
		for (const [place, call] of seen.calls.entries()) {
			const check = new CallCheck(
				this.round,
				this.simulator,
				list,
				seen,
				call,
				carried,
				this.states,
			);
			reused += check.run();
			// n8n drops the output of a try that it repeats.
			if (seen.drawn.dryRun || seen.calls[place + 1]?.index === call.index) continue;
			for (const item of call.outputs ? check.items() : []) {
				carried.set(call.input[rowOf(item)]!.id as number, list.carriedBy(item.json));
			}
		}
		if (seen.run.status === 'success') this.checkEngine(seen);
		return reused;
	}

	/** Key, OpenID, AES key and ciphertexts are nowhere; numbers not in what is kept, nor where they are masked. */
	private checkSecrets({ run, calls }: Seen): void {
		const { simulator, round, list } = this;
		const errors = calls.flatMap(({ error }) =>
			error ? [error.message, error.stack ?? '', JSON.stringify(error)] : [],
		);
		const record = JSON.stringify([run, calls.map(({ outputs }) => outputs), errors]);
		const aesKey = createHash('md5').update(simulator.openid).digest('hex').slice(0, 16);
		const sent = simulator.received.flatMap(({ method, url, body }) => {
			const form = new URLSearchParams(method === 'GET' ? url.split('?')[1] : body);
			return round.operation === 'plain' ? [] : [form.get('mobile') ?? ''];
		});
		for (const secret of [simulator.key, simulator.openid, aesKey, ...new Set(sent)]) {
			const isTold = [secret, encodeURIComponent(secret)].some((form) => record.includes(form));
			must(secret === '' || !isTold, 'no secret is told', secret);
		}
		const { contextData } = run.data.executionData ?? {};
		const kept = JSON.stringify(contextData?.['node:Juhe'] ?? null);
		const masked = round.options.maskNumber ? errors.join() : '';
		for (const mobile of list.mobiles) {
			must(mobile === undefined || !kept.includes(mobile), 'what is kept has no number', mobile);
			must(mobile === undefined || !masked.includes(mobile), 'errors mask numbers', mobile);
		}
	}

	/** What was asked for and paid in an execution. */
	private checkMoney(seen: Seen): void {
		const { simulator, list } = this;
		const { concurrency = 10, maxQueries = 0, resendUncertain = true } = this.round.options;
		const { received, counts } = simulator;
		const { drawn, calls, isStalled } = seen;
		const peak = counts.peakInFlight;
		must(isStalled || peak <= concurrency, 'requests are bounded', peak, concurrency);
		must(!drawn.dryRun || received.length === 0, 'a dry run sends nothing', received.length);
		const during = calls.reduce((sum, { requests }) => sum + requests.length, 0);
		must(isStalled || during === received.length, 'requests arrive while the node runs');
		const late = received.filter(({ at }) => at > seen.cancelledAt + UNDER_WAY + seen.stall);
		must(late.length === 0, 'a cancelled run sends nothing more', late.length);

		let charged = 0;
		const asked = new Set(received.map(({ mobile }) => mobile));
		for (const mobile of asked) {
			const all = received.filter((request) => request.mobile === mobile);
			must(list.mobiles.includes(mobile), 'what is asked for is in the list', mobile);
			const isLost = (request: ReceivedRequest) => LOST.includes(codeAfter(request) ?? '');
			const delivered = all.filter((request) => isDelivered(request, seen)).length;
			const answers = drawn.shape.kind === 'back' ? drawn.shape.rounds + 1 : 1;
			must(delivered <= answers, 'a number is paid once', mobile, all.map(told));
			const billed = all.filter((request) => request.billed).length;
			const lost = all.filter((request) => request.billed && mayBeLost(request, seen)).length;
			must(billed <= answers + lost, 'billed ≤ 1 + lost answers', mobile, all.map(told));
			const isLast = drawn.shape.kind === 'back' || isDelivered(all.at(-1)!, seen);
			must(delivered === 0 || isLast, 'an answer ends it', mobile, all.map(told));
			const isResent = all.slice(0, -1).some(isLost);
			must(resendUncertain || !isResent, 'lost answers are asked for where that is wanted', mobile);
			charged += all.filter((_, place) => {
				const before = all[place - 1];
				return before === undefined || isLost(before) || isDelivered(before, seen);
			}).length;
		}
		must(maxQueries === 0 || charged <= maxQueries, 'the cap holds', charged, maxQueries);

		const codes = new Set(received.map(codeAfter));
		const [code] = codes;
		if (codes.size !== 1 || code === undefined || code === '224922' || seen.isDown) return;
		const limit = FATAL.includes(Number(code)) ? concurrency : BREAKER_LIMIT;
		const processes = drawn.byHand ? 2 : 1;
		const most = limit * processes + calls.length;
		must(asked.size <= most, 'a run in which nothing works ends', code, asked.size, most);
	}

	/** What n8n made of the node's outputs, and the summary of all of it. */
	private checkEngine({ run, calls, drawn }: Seen): void {
		const { list, round } = this;
		const last = new Map(calls.map((call) => [call.index, call]));
		const tasks = run.data.resultData.runData.Juhe ?? [];
		must(tasks.length === last.size, 'n8n makes a task of a call', tasks.length, last.size);
		const all: IDataObject[] = [];
		for (const [index, task] of tasks.entries()) {
			const { input, onError, outputs } = last.get(index)!;
			const main = (task.data?.main ?? []).map(
				(items) => JSON.parse(JSON.stringify(items ?? [])) as INodeExecutionData[],
			);
			const summary = round.summaryOutput ? main.splice(outputs!.length - 1, 1)[0] : undefined;
			const items = main.flat().map(({ json }) => json);
			must(items.length === input.length, 'n8n passes every row on', items.length, input.length);
			for (const json of items) {
				const row = input.find(({ id }) => id === json.id);
				must(
					row?.phone === json.phone && isSame(row?.note, json.note),
					'a row keeps its columns',
					json,
				);
				const verdict = list.routeField in json || Object.keys(list.resultIn(json)).length > 0;
				must(verdict === (json.details === undefined), 'what fails carries no verdict', json);
				must(verdict === (json.error === undefined), 'what succeeds carries no error', json);
				const own = Object.fromEntries(Object.entries(json).filter(([name]) => name !== 'phone'));
				const mobile = list.mobiles[json.id as number];
				const isMasked =
					!round.options.maskNumber ||
					mobile === undefined ||
					!JSON.stringify(own).includes(mobile);
				must(isMasked, 'results mask numbers', json);
			}
			const failed = items.filter(({ details }) => details !== undefined).length;
			const onOwnOutput = onError === 'continueErrorOutput' ? main.at(-1)!.length : failed;
			must(failed === onOwnOutput, 'failures leave on the error output', failed, onOwnOutput);
			all.push(...items);
			if (summary) this.checkSummary(summary, all, drawn.dryRun);
		}
		if (drawn.dryRun) return;
		for (const json of all) list.write(json);
	}

	private checkSummary(items: INodeExecutionData[], all: IDataObject[], dryRun: boolean): void {
		const { list, round } = this;
		must(items.length === 1, 'the summary is one item', items);
		const { json } = items[0]!;
		const details = all.map((item) => (item.details ?? list.resultIn(item)) as IDataObject);
		const count = (name: string, value: unknown) =>
			details.filter((each) => each[name] === value).length;
		const routed = (route: string) => all.filter((item) => item[list.routeField] === route).length;
		const billable = dryRun ? routed('billable') : count('billable', 'yes');
		const uncertain = count('billable', 'uncertain');
		const price = round.options.pricePerQuery ?? 0;
		const expected: IDataObject = {
			rows: all.length,
			queried: count('source', 'query'),
			duplicates: dryRun ? routed('duplicate') : count('source', 'duplicate'),
			reused: dryRun ? routed('reusable') : count('source', 'reused'),
			errors: all.filter((item) => item.details !== undefined).length,
			notQueried: count('notQueried', true) + (dryRun ? routed('overCap') : 0),
			...{ billable, uncertain, dryRun },
			cost: price === 0 ? null : Number(((billable + uncertain) * price).toFixed(4)),
		};
		for (const [name, value] of Object.entries(expected)) {
			must(json[name] === value, `the summary counts the ${name}`, json, value);
		}
		for (const [route, number] of Object.entries(json.routes as IDataObject)) {
			must(routed(route) === number, 'the summary counts the routes', json, route);
		}
		for (const [advice, number] of Object.entries(json.advice as IDataObject)) {
			must(count('advice', advice) === number, 'the summary counts the advice', json, advice);
		}
	}
}

/** An answer that was billed and certainly read. */
function isDelivered(request: ReceivedRequest, seen: Seen): boolean {
	return request.billed === true && !mayBeLost(request, seen);
}

function mayBeLost(request: ReceivedRequest, seen: Seen): boolean {
	const { at, answeredAt = Infinity } = request;
	const isSlow = answeredAt - at > seen.timeout / 2;
	return UNREADABLE.includes(codeAfter(request) ?? '') || seen.isDown || seen.isStalled || isSlow;
}

function told({ fault, billed }: ReceivedRequest) {
	return [fault?.kind, billed];
}

function isSame(a: unknown, b: unknown): boolean {
	return JSON.stringify(a) === JSON.stringify(b);
}

/** Checks one call of the node. */
class CallCheck {
	/** By the place of a row in the call. */
	private readonly mobiles: Array<string | undefined>;
	private readonly lastOf: Map<string | undefined, ReceivedRequest>;

	constructor(
		private readonly round: Round,
		private readonly simulator: Simulator,
		private readonly list: List,
		private readonly seen: Seen,
		private readonly call: Call,
		private readonly carried: ReadonlyMap<number, Carried>,
		private readonly states: ReadonlyMap<string, Set<unknown>>,
	) {
		this.mobiles = call.input.map(({ id }) => list.mobiles[id as number]);
		this.lastOf = new Map(call.requests.map((request) => [request.mobile, request]));
	}

	/** The items of all outputs, without the summary. */
	items(): INodeExecutionData[] {
		return this.call.outputs!.slice(0, this.round.summaryOutput ? -1 : undefined).flat();
	}

	/** @returns how many rows were answered by what they carried */
	run(): number {
		const { call, round, seen, mobiles } = this;
		const { requests, outputs, error } = call;
		const { retries = 2, concurrency = 10 } = round.options;
		const stops = call.onError === 'stopWorkflow';
		must(!call.isInputChanged, 'what comes in is not changed');
		const end = requests.find((request) => isFatal(request) || (stops && this.stopsRun(request)));
		if (end !== undefined) {
			const readAt = end.answeredAt ?? Infinity;
			const later = requests.filter(({ at }) => at > readAt);
			// What else is under way may be answered, and sent once more, before the node has read this answer.
			must(
				later.length <= 2 * (concurrency - 1),
				'what ends the run ends it',
				later.length,
				end.fault,
			);
			const late = later.filter(({ at }) => at > readAt + UNDER_WAY + seen.stall);
			must(late.length === 0, 'what ends the run ends it at once', late.length, end.fault);
		}
		for (const mobile of this.lastOf.keys()) {
			const tries = requests.filter((request) => request.mobile === mobile).length;
			must(tries <= retries + 1, 'Retries are obeyed', mobile, tries);
		}
		if (error !== undefined) {
			must(stops, 'only Stop throws', error.message);
			this.checkStop(error);
			return 0;
		}
		must(outputs !== undefined, 'a call ends');
		const items = this.items();
		const isComplete =
			!stops ||
			seen.cancelledAt < Infinity ||
			items.every(({ json }) => json.details === undefined);
		must(isComplete, 'Stop lets no failed row out');
		const places = outputs
			.slice(0, round.summaryOutput ? -1 : undefined)
			.map((output) => output.map(rowOf));
		const isOrdered = places.every((rows) =>
			rows.every((row, place) => place === 0 || row > rows[place - 1]!),
		);
		must(isOrdered, 'rows keep their order', places);
		const all = places.flat().sort((a, b) => a - b);
		must(isSame(all, [...mobiles.keys()]), 'every row comes out once', all, mobiles.length);
		if (places.length === 6) {
			for (const [index, output] of outputs.entries()) {
				for (const { json } of output.slice(0, index === 6 ? 0 : undefined)) {
					const route = ROUTES.indexOf(json[this.list.routeField] as string);
					must((route === -1 ? 5 : route) === index, 'a row leaves on its output', json, index);
				}
			}
		}
		const met = new Set<string>();
		let reused = 0;
		for (const item of [...items].sort((a, b) => rowOf(a) - rowOf(b))) {
			const mobile = mobiles[rowOf(item)];
			const isFirst = mobile !== undefined && !met.has(mobile);
			if (mobile !== undefined) met.add(mobile);
			if (item.json.details !== undefined) this.checkFailure(item, mobile, isFirst);
			else if (seen.drawn.dryRun) this.checkPlan(item, mobile);
			else if (this.checkResult(item, mobile, isFirst) === 'reused') reused++;
		}
		return reused;
	}

	/** Whether a row of the call carries a fresh result for the number. */
	private isFresh(mobile: string): boolean {
		return (
			this.round.options.reuseResults === true &&
			this.call.input.some(
				({ id }, row) => this.mobiles[row] === mobile && this.carried.get(id as number)?.isFresh,
			)
		);
	}

	private checkPlan({ json }: INodeExecutionData, mobile: string | undefined): void {
		const result = this.list.resultIn(json);
		must(mobile !== undefined, 'what is no number is a failure', json);
		must(result.billable === 'no' && result.attempts === 0, 'a dry run costs nothing', json);
		const isReusable = json[this.list.routeField] === 'reusable';
		must(isReusable === this.isFresh(mobile), 'a dry run knows what is fresh', json);
	}

	private checkResult(
		{ json, ...item }: INodeExecutionData,
		mobile: string | undefined,
		isFirst: boolean,
	): unknown {
		const { round, list, seen, call } = this;
		const { retries = 2, noRecord, reuseResults } = round.options;
		const result = list.resultIn(json);
		const route = json[list.routeField];
		must(mobile !== undefined, 'what is no number is a failure', json);
		const [state, source] = [result.state, result.source];
		if (route === 'noRecord') {
			must(
				noRecord === 'route' && state === undefined,
				'No Record is a route where that is set',
				json,
			);
		} else {
			const { province, city, isp } = success('plain', mobile).result as IDataObject;
			const isOwn = result.province === province && result.city === city && result.isp === isp;
			must(isOwn, "a row has its own number's answer", json);
			const isAnswered = this.states.get(mobile)?.has(`${state as string | number}`) === true;
			must(isAnswered, 'the state is one that was answered', json);
			must(route === (ROUTES[Number(state)] ?? 'unknown'), 'the route is that of the state', json);
			must(result.advice === (ADVICE[Number(state)] ?? 'review'), 'the advice is, too', json);
		}
		if (reuseResults === true) {
			const previous = this.carried.get(
				call.input[rowOf(item as INodeExecutionData)]!.id as number,
			)!.route;
			must(result.previousRoute === previous, 'previousRoute is true', json, previous);
			must(result.changed === (route !== previous), 'changed is true', json, previous);
		}
		const own = call.requests.filter((request) => request.mobile === mobile);
		must(
			(source === 'reused') === this.isFresh(mobile),
			'what is fresh is reused, and nothing else',
			json,
		);
		must(source !== 'reused' || own.length === 0, 'what is reused is not asked for', json);
		const last = this.lastOf.get(mobile);
		must(last === undefined || this.isDone(last), 'a result was answered', json, last?.fault);
		must(isFirst || source !== 'query', 'one row of a number pays', json);
		if (source !== 'query') {
			must(result.billable === 'no' && result.attempts === 0, 'other rows cost nothing', json);
			return source;
		}
		const attempts = Number(result.attempts);
		must(attempts >= 1 && attempts <= retries + 1, 'attempts are within Retries', json);
		const tries = seen.calls.filter(({ index }) => index === call.index);
		const all = tries
			.flatMap(({ requests }) => requests)
			.filter((request) => request.mobile === mobile);
		const billed = all.filter((request) => request.billed).length;
		must(all.length > 0, 'who pays has been sent', json);
		if (result.billable === 'yes') must(billed <= 1, 'yes: billed once', json, all.map(told));
		else {
			const isLost = this.sentFor(mobile).some((request) => mayBeLost(request, seen));
			must(isLost || route === 'noRecord', 'uncertain: an answer was lost', json);
		}
		return source;
	}

	private checkFailure(
		{ json }: INodeExecutionData,
		mobile: string | undefined,
		isFirst: boolean,
	): void {
		const { call, seen, round, simulator } = this;
		const details = json.details as IDataObject;
		if (mobile === undefined) {
			const isSaid = details.code === 'invalidNumber' && details.attempts === 0;
			must(isSaid, 'a bad cell says so', json);
			return;
		}
		const own = call.requests.filter((request) => request.mobile === mobile);
		const isFree = details.billable !== 'no' || !isFirst || own.every(({ billed }) => !billed);
		must(isFree, 'no: billed nothing', json);
		must(!this.isFresh(mobile), 'what is fresh does not fail', json);
		if (details.notQueried === true) {
			must(own.length === 0, 'notQueried: nothing was sent', json);
			const { maxQueries = 0 } = round.options;
			const sent = simulator.received.length;
			const isCapped = maxQueries > 0 && (sent >= maxQueries || seen.isDown);
			if (details.code === 'overCap') must(isCapped, 'the cap is reached', json, sent, maxQueries);
			else must(this.hasEnded(details.code), 'notQueried: something ended the run', json);
			return;
		}
		const last = this.sentFor(mobile).at(-1);
		must(
			this.explains(String(details.code as string | number), last),
			'a failure is what the service did',
			json,
			last?.fault,
		);
	}

	/** Whether something ended the run with this code. */
	private hasEnded(code: unknown): boolean {
		const { requests } = this.call;
		const { received } = this.simulator;
		const alike = received.filter((request) => codeAfter(request) === String(code));
		return (
			requests.some(isFatal) ||
			this.seen.cancelledAt < Infinity ||
			this.seen.isDown ||
			new Set(alike.map(({ mobile }) => mobile)).size >= BREAKER_LIMIT
		);
	}

	/** The requests of the execution for a number, up to the end of this call. */
	private sentFor(mobile: string | undefined): ReceivedRequest[] {
		const { calls } = this.seen;
		const until = calls.slice(0, calls.indexOf(this.call) + 1).flatMap(({ requests }) => requests);
		return until.filter((request) => request.mobile === mobile);
	}

	private isDone(request: ReceivedRequest): boolean {
		const met = codeAfter(request);
		return met === undefined || (met === '224922' && this.round.options.noRecord === 'route');
	}

	/** Whether a run with On Error: Stop ends here: nothing is tried again after such an answer. */
	private stopsRun(request: ReceivedRequest): boolean {
		const met = codeAfter(request);
		const isFinal = ['500', '302', 'notJuhe', 'noResult', ...OF_THE_ROW.map(String)];
		return met !== undefined && isFinal.includes(met) && !this.isDone(request);
	}

	/** Whether what a request met can be called so. */
	private explains(met: string, last: ReceivedRequest | undefined): boolean {
		const { seen } = this;
		if (last !== undefined && codeAfter(last) === met && !this.isDone(last)) return true;
		if (seen.isDown && ['connectionRefused', 'connectionLost'].includes(met)) return true;
		return met === 'timeout' && (last === undefined || mayBeLost(last, seen));
	}

	/** The error that stops a run is that of the earliest row that fails. */
	private checkStop(error: Error & IDataObject): void {
		const { mobiles, round, call } = this;
		const row = (error.context as IDataObject | undefined)?.itemIndex as number | undefined;
		must(row !== undefined && row < mobiles.length, 'an error names its row', error.message, row);
		const badCell = mobiles.indexOf(undefined);
		if (badCell !== -1) {
			const isSaid = row === badCell && error.message.startsWith("'Mobile Number'");
			must(isSaid, 'a bad cell stops first', row, error.message);
			must(call.requests.length === 0, 'a bad cell stops before it is paid');
			return;
		}
		if (error.message.startsWith("'Max Queries per Execution'")) {
			must((round.options.maxQueries ?? 0) > 0, 'the cap stops where there is one', error.message);
		} else {
			const met = /^Juhe (\w+): /.exec(error.message)?.[1] ?? '';
			const last = this.sentFor(mobiles[row]).at(-1);
			must(this.explains(met, last), 'the error is of its row', error.message, row, last?.fault);
		}
		// A row that waited for its next try is not to blame.
		const failed = mobiles.findIndex((mobile) => {
			const last = this.lastOf.get(mobile);
			const met = Number(last && codeAfter(last));
			return last && !this.isDone(last) && [...FATAL, ...OF_THE_ROW].includes(met);
		});
		must(failed === -1 || row <= failed, 'the earliest failing row is to blame', row, failed);
	}
}
