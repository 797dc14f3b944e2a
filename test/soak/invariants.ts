/** What must hold of an execution, whatever was drawn, by the simulator's log and not by the node's own rules. */
import { createHash } from 'node:crypto';

import type { IDataObject, INodeExecutionData, IRun } from 'n8n-workflow';

import { rowOf } from '../simulated';
import { success } from '../simulator/service';
import type { ReceivedRequest, Simulator } from '../simulator/simulator';
import type { List } from './list';
import { FATAL, type Execution, type Round } from './round';

/** How late a request may arrive that was sent before the node had read an answer, in milliseconds. */
export const UNDER_WAY = 300;
/** Numbers with one and the same failure that end a run which has had no answer. */
const BREAKER_LIMIT = 30;
const LOST = ['connectionLost', 'timeout', '502', '504'];
const MAYBE_BILLED = [...LOST, 'noResult', 'notJuhe'];
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

/**
 * Whether the process stood still for so much of the timeout that an answer may have been read too late: a request and its
 * answer are some five turns of the event loop.
 */
export const isStalled = ({ stall, timeout }: Seen) => stall > 0.15 * timeout;

/** Checks invariants by name. */
function mustAll(seen: unknown, invariants: Record<string, boolean>): void {
	for (const [invariant, holds] of Object.entries(invariants)) must(holds, invariant, seen);
}

const CODES: Record<string, string> = {
	...{ notJson: 'notJuhe', missingResult: 'noResult', hang: 'timeout', drip: 'timeout' },
	...{ resetBefore: 'connectionLost', resetMidBody: 'connectionLost' },
};

/** The code of the failure of a request that met this fault; empty where it is answered well. */
function codeOf({ fault }: ReceivedRequest): string {
	if (fault?.kind === 'code') return String(fault.code);
	if (fault?.kind === 'http') return fault.status === 200 ? 'notJuhe' : String(fault.status);
	return CODES[fault?.kind ?? ''] ?? '';
}

/** Whether the answer tells the node to send nothing more. */
function isFatal(request: ReceivedRequest): boolean {
	const { fault } = request;
	const wait = fault && 'retryAfter' in fault ? Number(fault.retryAfter) : 0;
	const isLimit = ['429', '10011'].includes(codeOf(request)) && wait > 60;
	const isForbidden = fault?.kind === 'code' && fault.code === 299999 && fault.httpStatus === 403;
	return FATAL.includes(Number(codeOf(request))) || isLimit || isForbidden;
}

const isBilled = ({ billed }: ReceivedRequest) => billed === true;
const isLost = (request: ReceivedRequest) => LOST.includes(codeOf(request));
const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
const faultsOf = (all: ReceivedRequest[]) => all.map(({ fault, billed }) => [fault?.kind, billed]);

/** Checks the executions of a round, one after the other. */
export class Invariants {
	/** The states that were answered for a number. */
	private readonly states = new Map<string, unknown[]>();
	private seen!: Seen;
	/** The call that is checked, the requests up to its end, and what its rows carry, by their id. */
	private call!: Call;
	private requests: ReceivedRequest[] = [];
	private carried: List['carried'] = [];

	constructor(
		private readonly round: Round,
		private readonly simulator: Simulator,
		readonly list: List,
	) {}

	/** @returns how many rows were answered by what they carried. @throws Broken where something does not hold */
	check(seen: Seen): number {
		const { list, states } = this;
		const { calls, run } = seen;
		[this.seen, this.requests, this.carried] = [seen, [], [...list.carried]];
		for (const { mobile = '', fault, billed } of this.simulator.received) {
			const own = success('plain', mobile || '0').result?.state;
			const state = fault?.kind === 'state' ? fault.state : own;
			if (billed) states.set(mobile, [...(states.get(mobile) ?? []), state]);
		}
		this.checkSecrets();
		this.checkMoney();
		let reused = 0;
		for (const [place, call] of calls.entries()) {
			this.call = call;
			this.requests.push(...call.requests);
			const items = this.checkCall();
			reused += items.filter(({ json }) => list.resultIn(json).source === 'reused').length;
			// n8n drops the output of a try that it repeats.
			if (calls[place + 1]?.index === call.index) continue;
			for (const item of items) this.carried[this.idOf(rowOf(item))] = list.carriedBy(item.json);
		}
		if (run.status === 'success') this.checkEngine();
		return reused;
	}

	/** Key, OpenID, AES key and ciphertexts are nowhere; numbers are not in what is kept, nor where they are masked. */
	private checkSecrets(): void {
		const { simulator, round } = this;
		const { run, calls } = this.seen;
		const errors = calls.map(({ error }) => [error?.message, error?.stack, error]);
		const record = JSON.stringify([run, calls.map(({ outputs }) => outputs), errors]);
		const aesKey = createHash('md5').update(simulator.openid).digest('hex').slice(0, 16);
		const sent = round.operation === 'plain' ? [] : simulator.received;
		const ciphertexts = sent.map(({ url, body }) =>
			new URLSearchParams(body || url.split('?')[1]).get('mobile')!,
		);
		const secrets = [simulator.key, simulator.openid, aesKey, ...new Set(ciphertexts)];
		for (const secret of secrets.flatMap((each) => [each, encodeURIComponent(each)])) {
			must(!record.includes(secret), 'no secret is told', secret);
		}
		const kept = JSON.stringify(run.data.executionData?.contextData['node:Juhe'] ?? null);
		const text = round.options.maskNumber ? kept + JSON.stringify(errors) : '';
		const told = this.list.mobiles.filter((mobile) => mobile && text.includes(mobile));
		must(told.length === 0, 'where numbers are masked, none is kept or told', told);
	}

	/** What was asked for and paid in an execution. */
	private checkMoney(): void {
		const { seen, list } = this;
		const { drawn, cancelledAt, stall } = seen;
		const { concurrency = 10, maxQueries = 0, resendUncertain = true } = this.round.options;
		const { received, counts } = this.simulator;
		const during = seen.calls.reduce((sum, { requests }) => sum + requests.length, 0);
		const asked = [...new Set(received.map(({ mobile }) => mobile))];
		const late = received.filter(({ at }) => at > cancelledAt + UNDER_WAY + stall);
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
			const isResent = all.slice(0, -1).some(isLost);
			mustAll([mobile, faultsOf(all)], {
				'a number is paid once': paid <= answers,
				'nothing is sent after an answer': paid === 0 || answers > 1 || isPaid.at(-1)!,
				'lost answers are asked for where that is wanted': resendUncertain || !isResent,
			});
			// The first request, and each after one that may have been billed.
			charged += 1 + all.slice(0, -1).filter((each, place) => isPaid[place] || isLost(each)).length;
		}
		must(maxQueries === 0 || charged <= maxQueries, 'the cap holds', charged, maxQueries);

		const [code, ...others] = new Set(received.map(codeOf));
		if (others.length > 0 || !code || code === '224922' || drawn.down) return;
		const limit = FATAL.includes(Number(code)) ? concurrency : BREAKER_LIMIT;
		const most = limit * (drawn.byHand ? 2 : 1) + seen.calls.length;
		must(asked.length <= most, 'a run in which nothing works ends', code, asked.length, most);
	}

	/** Checks one call. @returns the items of all outputs, without the summary */
	private checkCall(): INodeExecutionData[] {
		const { call, round, list, seen, mobiles } = this;
		const { requests, error } = call;
		const { retries = 2, concurrency = 10 } = round.options;
		const stops = call.onError === 'stopWorkflow';
		const { fault, answeredAt: readAt = Infinity } = requests.find(isFatal) ?? {};
		const later = requests.filter(({ at }) => at > readAt);
		const late = later.filter(({ at }) => at > readAt + UNDER_WAY + seen.stall);
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
			const routes = output.map(
				({ json }) => (ROUTES.indexOf(json[list.routeField] as string) + 6) % 6,
			);
			const isOwn = outputs.length < 6 || routes.every((route) => route === index);
			must(isOwn, 'a row leaves on its output', index, routes);
		}
		for (const item of items) {
			const row = rowOf(item);
			if (item.json.details !== undefined) this.checkFailure(item.json, row, stops);
			else this.checkResult(item.json, row);
		}
		return items;
	}

	private checkResult(json: IDataObject, row: number): void {
		const { list, seen, call, round, mobiles } = this;
		const { reuseResults, noRecord } = round.options;
		const mobile = mobiles[row];
		must(mobile !== undefined, 'what is no number is a failure', json);
		const result = list.resultIn(json);
		const { state, source, billable, attempts } = result;
		const route = json[list.routeField];
		const isFree = billable === 'no' && attempts === 0;
		const isReused = seen.drawn.dryRun ? route === 'reusable' : source === 'reused';
		must(isReused === this.isFresh(row), 'what is fresh is reused, and nothing else', json);
		must(isFree || !seen.drawn.dryRun, 'a dry run costs nothing', json);
		if (seen.drawn.dryRun) return;

		const own = this.sent(mobile);
		const all = this.sent(mobile, this.requests);
		const tries = seen.calls.filter(({ index }) => index === call.index);
		const paid = this.sent(
			mobile,
			tries.flatMap(({ requests }) => requests),
		).filter(isBilled);
		const isLost = all.some((request) => this.mayBeLost(request));
		const { province, city, isp } = success('plain', mobile).result as IDataObject;
		const isOwn = isSame([result.province, result.city, result.isp], [province, city, isp]);
		const isGiven =
			this.states.get(mobile)?.some((each) => Number(each) === Number(state)) === true;
		const hasNoRecord = route === 'noRecord' && noRecord === 'route' && state === undefined;
		const verdict = [ROUTES[Number(state)] ?? 'unknown', ADVICE[Number(state)] ?? 'review'];
		const previous = this.carried[this.idOf(row)]!.route;
		const change = [previous, route !== previous];
		const isChange = !reuseResults || isSame([result.previousRoute, result.changed], change);
		const isFirst = mobiles.indexOf(mobile) === row;
		mustAll([json, previous, faultsOf(all)], {
			'the answer is one that its number got': hasNoRecord || (isOwn && isGiven),
			'the verdict is that of the state': hasNoRecord || isSame([route, result.advice], verdict),
			'previousRoute and changed are true': isChange,
			'what is reused is not asked for': !isReused || own.length === 0,
			'a result was answered': own.length === 0 || this.isDone(own.at(-1)!),
			'one row of a number pays': source === 'query' ? isFirst : isFree,
			'yes: billed once': billable !== 'yes' || paid.length === 1 || isStalled(seen),
			'uncertain: an answer was lost': billable !== 'uncertain' || hasNoRecord || isLost,
		});
	}

	private checkFailure(json: IDataObject, row: number, stops: boolean): void {
		const mobile = this.mobiles[row];
		const { code, billable, notQueried } = json.details as IDataObject;
		const own = this.sent(mobile);
		const isDuplicate = this.mobiles.indexOf(mobile) < row;
		const isEnded = own.length === 0 && this.hasEnded(code);
		const isTrue = notQueried === true ? isEnded : this.explains(code, mobile);
		mustAll([json, faultsOf(this.sent(mobile, this.requests))], {
			'Stop lets no failed row out': !stops || this.seen.cancelledAt < Infinity,
			'a failure is what happened': mobile === undefined ? code === 'invalidNumber' : isTrue,
			'no: billed nothing': billable !== 'no' || isDuplicate || !own.some(isBilled),
			'what is fresh does not fail': !this.isFresh(row),
		});
	}

	/** The error that stops a run is that of a row which fails by itself. */
	private checkStop({ message, context }: Error & IDataObject): void {
		const { mobiles, call, round } = this;
		const row = (context as IDataObject | undefined)?.itemIndex as number;
		const badCell = mobiles.indexOf(undefined);
		const isBadCell = row === badCell && call.requests.length === 0;
		const isCapped = round.options.maxQueries && message.startsWith("'Max Queries per Execution'");
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
				const { phone, ...own } = json;
				const row = input.find(({ id }) => id === json.id);
				const hasVerdict = list.routeField in json || Object.keys(list.resultIn(json)).length > 0;
				const mobile = round.options.maskNumber ? list.mobiles[json.id as number] : undefined;
				mustAll(json, {
					'a row keeps its columns': isSame([row?.phone, row?.note], [phone, json.note]),
					'what fails carries no verdict': hasVerdict === (json.details === undefined),
					'what succeeds carries no error': hasVerdict === (json.error === undefined),
					'results mask numbers': !mobile || !JSON.stringify(own).includes(mobile),
				});
			}
			const failed = items.filter(({ json }) => json.details !== undefined).length;
			const apart = onError === 'continueErrorOutput' ? main.at(-1)!.length : failed;
			must(failed === apart, 'failures leave on the error output', failed, apart);
			all.push(...items.map(({ json }) => json));
			if (summary && !drawn.dryRun) this.checkSummary(summary[0]!.json, all);
		}
		if (!drawn.dryRun) for (const json of all) list.write(json);
	}

	private checkSummary(summary: IDataObject, all: IDataObject[]): void {
		const { list, round } = this;
		const told = all.map((json) => (json.details ?? list.resultIn(json)) as IDataObject);
		const count = (name: string, value: unknown) =>
			told.filter((each) => each[name] === value).length;
		const [billable, uncertain] = [count('billable', 'yes'), count('billable', 'uncertain')];
		const price = round.options.pricePerQuery ?? 0;
		const cost = price === 0 ? null : Number(((billable + uncertain) * price).toFixed(4));
		const expected: IDataObject = {
			...{ rows: all.length, billable, uncertain, cost },
			...{ queried: count('source', 'query'), duplicates: count('source', 'duplicate') },
			...{ reused: count('source', 'reused'), notQueried: count('notQueried', true) },
			errors: all.filter(({ details }) => details !== undefined).length,
		};
		const { routes, advice } = summary as Record<string, Record<string, number>>;
		const counted: IDataObject = { ...summary, ...routes, ...advice };
		for (const each in advice) expected[each] = count('advice', each);
		for (const route in routes) {
			expected[route] = all.filter((json) => json[list.routeField] === route).length;
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
		const { mobiles } = this;
		const isReusable = (each: string | undefined, place: number) =>
			each !== undefined && each === mobiles[row] && this.carried[this.idOf(place)]!.isFresh;
		return this.round.options.reuseResults === true && mobiles.some(isReusable);
	}

	private mayBeLost(request: ReceivedRequest): boolean {
		const { at, answeredAt = Infinity } = request;
		const { timeout, drawn } = this.seen;
		const isUnread = MAYBE_BILLED.includes(codeOf(request)) || answeredAt - at > timeout / 2;
		return isUnread || isStalled(this.seen) || drawn.down !== undefined;
	}

	/** Whether the answer was billed and certainly read. */
	private isDelivered(request: ReceivedRequest): boolean {
		return isBilled(request) && !this.mayBeLost(request);
	}

	private isDone(request: ReceivedRequest): boolean {
		const code = codeOf(request);
		return code === '' || (code === '224922' && this.round.options.noRecord === 'route');
	}

	/** Whether something ended the run with this code before the turn of a number. */
	private hasEnded(code: unknown): boolean {
		const { maxQueries = 0 } = this.round.options;
		if (code === 'overCap' && maxQueries === 0) return false;
		const { drawn, cancelledAt } = this.seen;
		if (drawn.down || cancelledAt < Infinity || this.call.requests.some(isFatal)) return true;
		if (code === 'overCap') return this.requests.length >= maxQueries;
		return this.requests.filter((each) => codeOf(each) === String(code)).length >= BREAKER_LIMIT;
	}

	/** Whether what the service did to a number can be called so. */
	private explains(code: unknown, mobile: string | undefined): boolean {
		const last = this.sent(mobile, this.requests).at(-1);
		if (last && codeOf(last) === String(code) && !this.isDone(last)) return true;
		const isDown = this.seen.drawn.down !== undefined;
		if (isDown && ['connectionRefused', 'connectionLost'].includes(String(code))) return true;
		return code === 'timeout' && (last === undefined || this.mayBeLost(last));
	}
}
