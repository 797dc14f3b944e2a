/**
 * What must hold of an execution, whatever was drawn. What is expected comes from the simulator's log, not from the
 * node's own rules.
 */
import { createHash } from 'node:crypto';

import type { IDataObject, INodeExecutionData } from 'n8n-workflow';

import type { NodeRun } from '../engine';
import { rowOf } from '../simulated';
import { success } from '../simulator/service';
import type { ReceivedRequest, Simulator } from '../simulator/simulator';
import { ACCOUNT, OF_THE_ROW, type Round } from './round';

/** How late a request may arrive that was sent before the node had read an answer, in milliseconds. */
export const UNDER_WAY = 300;
/** What a request is called whose answer did not come through, or tells nothing. */
const UNREADABLE = ['connectionLost', 'timeout', 'noResult', 'notJuhe'];
const ROUTES = ['normal', 'suspended', 'unavailable', 'notOnNetwork', 'preCancelled'];

/** One call of the node: n8n makes several in an execution with Retry On Fail. */
export interface Try {
	/** The requests that arrived during it. */
	requests: ReceivedRequest[];
	outputs?: INodeExecutionData[][];
	error?: NodeRun['error'];
	isInputChanged: boolean;
}

/** What was seen of an execution. */
export interface Seen {
	/** By row; undefined where the cell is no number. */
	mobiles: Array<string | undefined>;
	tries: Try[];
	/** Of the execution's requests, in milliseconds. */
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
	if (!holds)
		throw new Broken(`${invariant}: ${seen.map((each) => JSON.stringify(each)).join(' ')}`);
}

/** What the error of a request that met this fault is called; undefined where it is answered well. */
function codeAfter({ fault }: ReceivedRequest): string | undefined {
	switch (fault?.kind) {
		case 'code':
			return String(fault.code);
		case 'http':
			return fault.status === 200 ? 'notJuhe' : String(fault.status);
		case 'notJson':
		case 'json':
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
function endsRun(request: ReceivedRequest): boolean {
	const { fault } = request;
	const met = Number(codeAfter(request));
	const wait = fault?.kind === 'code' || fault?.kind === 'http' ? fault.retryAfter : undefined;
	return ACCOUNT.includes(met) || ([429, 10011].includes(met) && Number(wait ?? 0) > 60);
}

function isDone(request: ReceivedRequest, drawn: Round): boolean {
	const met = codeAfter(request);
	return met === undefined || (met === '224922' && drawn.options.noRecord === 'route');
}

/** Checks the executions of one workflow, one after the other. */
export class Invariants {
	/** The states that were answered for a number. */
	private readonly states = new Map<string, Set<unknown>>();
	/** Numbers whose answer may be reused: none of them is sent again. */
	private readonly reusable = new Set<string>();
	/** The route with which a number's rows last left the node. */
	private readonly routes = new Map<string, unknown>();

	constructor(
		private readonly drawn: Round,
		private readonly simulator: Simulator,
	) {}

	/** @throws Broken where something does not hold. */
	check(result: NodeRun, rows: IDataObject[], seen: Seen): void {
		const { options, dryRun } = this.drawn;
		const { mobiles, tries } = seen;
		const { received } = this.simulator;
		for (const { mobile, fault, billed } of received) {
			if (mobile === undefined || !billed) continue;
			const state = fault?.kind === 'state' ? fault.state : success('plain', mobile).result?.state;
			this.states.set(mobile, (this.states.get(mobile) ?? new Set()).add(state));
		}
		this.checkSecrets(result, rows, seen);
		this.checkRequests(seen);
		for (const each of tries) this.checkTry(each, seen);
		const isCancelled = seen.cancelledAt < Infinity && result.run.status === 'canceled';
		const outputs = isCancelled ? undefined : tries.at(-1)?.outputs;
		if (outputs) this.checkEngine(result, rows, outputs);

		// What was paid is remembered, whatever became of the execution.
		if ((options.reuseHours ?? 0) > 0) {
			for (const request of received) {
				if (this.isDelivered(request, seen)) this.reusable.add(request.mobile!);
			}
		}
		if (outputs && options.onlyChanges && !dryRun) {
			for (const item of outputs.flat()) {
				const mobile = mobiles[rowOf(item)];
				const { route } = item.json;
				if (mobile !== undefined && route !== undefined) this.routes.set(mobile, route);
			}
		}
	}

	/** Key, OpenID, AES key and ciphertexts are nowhere; numbers not in what is kept, nor in errors that mask them. */
	private checkSecrets(result: NodeRun, rows: IDataObject[], { tries, mobiles }: Seen): void {
		const { simulator, drawn } = this;
		const errors = tries.flatMap(({ error }) =>
			error ? [error.message, error.stack ?? '', JSON.stringify(error)] : [],
		);
		const record = JSON.stringify([
			result.run,
			result.staticData,
			tries.map(({ outputs }) => outputs),
			errors,
		]);
		const aesKey = createHash('md5').update(simulator.openid).digest('hex').slice(0, 16);
		const sent = simulator.received.flatMap(({ method, url, body }) => {
			const form = new URLSearchParams(method === 'GET' ? url.split('?')[1] : body);
			return drawn.operation === 'plain' ? [] : [form.get('mobile') ?? ''];
		});
		const secrets = [simulator.key, simulator.openid, aesKey, ...new Set(sent)].filter(Boolean);
		for (const secret of secrets) {
			const isTold = record.includes(secret) || record.includes(encodeURIComponent(secret));
			must(!isTold, 'no secret is told', secret);
		}

		const kept = JSON.stringify([
			result.staticData,
			result.run.data.executionData?.contextData ?? null,
		]);
		const ownFields = tries.flatMap(({ outputs }) =>
			(outputs ?? []).flat().map((item) => {
				const row = rowOf(item);
				const own = Object.entries(item.json).filter(([name]) => !(name in rows[row]!));
				return [mobiles[row], JSON.stringify(own)] as const;
			}),
		);
		for (const mobile of new Set(mobiles)) {
			if (mobile === undefined) continue;
			must(!kept.includes(mobile), 'memory holds no number', mobile);
			if (!drawn.options.maskNumber) continue;
			must(!errors.some((text) => text.includes(mobile)), 'errors mask numbers', mobile);
		}
		if (!drawn.options.maskNumber) return;
		for (const [mobile, own] of ownFields) {
			must(mobile === undefined || !own.includes(mobile), 'results mask numbers', mobile, own);
		}
	}

	/** What was asked for and paid in an execution. */
	private checkRequests(seen: Seen): void {
		const { simulator, drawn } = this;
		const { options } = drawn;
		const { received, counts } = simulator;
		const concurrency = options.concurrency ?? 10;
		must(
			seen.isStalled || counts.peakInFlight <= concurrency,
			'requests are bounded',
			counts.peakInFlight,
			concurrency,
		);
		must(!drawn.dryRun || received.length === 0, 'a dry run sends nothing', received.length);
		const asked = new Set(
			received.map(({ mobile }) => mobile).filter((mobile) => mobile !== undefined),
		);
		for (const mobile of asked) {
			must(seen.mobiles.includes(mobile), 'what is asked for is in the list', mobile);
		}
		const cap = options.maxQueries ?? 0;
		must(cap === 0 || asked.size <= cap, 'the cap holds', asked.size, cap);
		must(
			seen.isStalled ||
				seen.tries.reduce((sum, { requests }) => sum + requests.length, 0) === received.length,
			'requests arrive while the node runs',
		);

		for (const mobile of asked) {
			const all = received.filter((request) => request.mobile === mobile);
			must(!this.reusable.has(mobile), 'a result is reused', mobile);
			const delivered = all.findIndex((request) => this.isDelivered(request, seen));
			must(
				delivered === -1 || delivered === all.length - 1,
				'a number is paid once',
				mobile,
				all.map((request) => [request.fault?.kind, request.billed]),
			);
			const isResent = all
				.slice(0, -1)
				.some((request) => UNREADABLE.includes(codeAfter(request) ?? ''));
			must(
				options.resendUncertain !== false || !isResent,
				'a lost answer is asked for again where it may be',
				mobile,
			);
			const billed = all.filter((request) => request.billed);
			const lost = billed.filter((request) => this.mayBeLost(request, seen));
			must(billed.length <= 1 + lost.length, 'billed ≤ 1 + lost answers', mobile, billed.length);
		}
		const afterCancel = received.filter(({ at }) => at > seen.cancelledAt + UNDER_WAY + seen.stall);
		must(afterCancel.length === 0, 'a cancelled run sends nothing more', afterCancel.length);
	}

	/** Whether a run with On Error: Stop ends here: nothing is tried again after such an answer. */
	private stopsRun(request: ReceivedRequest): boolean {
		const met = codeAfter(request);
		const isFinal = ['404', '500', '302', 'notJuhe', 'noResult', ...OF_THE_ROW.map(String)];
		return met !== undefined && isFinal.includes(met) && !isDone(request, this.drawn);
	}

	/** An answer that was billed and certainly read. */
	private isDelivered(request: ReceivedRequest, seen: Seen): boolean {
		return request.billed === true && !this.mayBeLost(request, seen);
	}

	private mayBeLost(request: ReceivedRequest, seen: Seen): boolean {
		const { at, answeredAt } = request;
		return (
			UNREADABLE.includes(codeAfter(request) ?? '') ||
			seen.isDown ||
			seen.isStalled ||
			answeredAt === undefined ||
			answeredAt - at > seen.timeout / 2
		);
	}

	private checkTry({ requests, outputs, error, isInputChanged }: Try, seen: Seen): void {
		const { drawn } = this;
		const { mobiles } = seen;
		const stops = drawn.onError === 'stopWorkflow';
		must(!isInputChanged, 'what comes in is not changed');
		const concurrency = drawn.options.concurrency ?? 10;
		const end = requests.find((request) => endsRun(request) || (stops && this.stopsRun(request)));
		if (end !== undefined) {
			const told = end.answeredAt ?? Infinity;
			const later = requests.filter(({ at }) => at > told);
			// Who else is under way may be answered, and send once more, before the node has read this answer.
			const underWay = 2 * (concurrency - 1);
			must(later.length <= underWay, 'what ends the run ends it', later.length, end.fault);
			const late = later.filter(({ at }) => at > told + UNDER_WAY + seen.stall);
			must(late.length === 0, 'what ends the run ends it at once', late.length, end.fault);
		}
		const lastOf = new Map(requests.map((request) => [request.mobile, request]));
		const { retries = 2 } = drawn.options;
		for (const mobile of lastOf.keys()) {
			const own = requests.filter((request) => request.mobile === mobile);
			must(own.length <= retries + 1, 'Retries are obeyed', mobile, own.length);
		}
		if (error !== undefined) {
			must(stops, 'only Stop throws', error.message);
			this.checkStop(error, lastOf, seen);
			return;
		}
		must(outputs !== undefined, 'a try ends');
		const items = outputs.flat();
		if (stops && seen.cancelledAt === Infinity) {
			must(
				items.every(({ json }) => json.details === undefined),
				'Stop lets no failed row out',
			);
		}

		const places = outputs.map((output) => output.map(rowOf));
		for (const place of places) {
			must(
				place.every((row, index) => index === 0 || row > place[index - 1]!),
				'rows keep their order',
				place,
			);
		}
		const out = new Set(places.flat());
		must(out.size === items.length, 'no row comes out twice', places);
		for (const [row, mobile] of mobiles.entries()) {
			if (out.has(row)) continue;
			const isUnchanged = drawn.options.onlyChanges === true && this.routes.has(mobile ?? '');
			must(isUnchanged, 'every row comes out', row, mobile);
		}
		const asked = new Set<string>();
		for (const item of [...items].sort((a, b) => rowOf(a) - rowOf(b))) {
			const mobile = mobiles[rowOf(item)];
			const isFirst = mobile !== undefined && !asked.has(mobile);
			if (mobile !== undefined) asked.add(mobile);
			if (item.json.details === undefined) this.checkResult(item, mobile, isFirst, lastOf, seen);
			else this.checkFailure(item, mobile, isFirst, requests, lastOf, seen);
		}
		if (drawn.splitOutputs) {
			must(outputs.length === 6, 'six outputs', outputs.length);
			for (const [index, output] of outputs.entries()) {
				for (const { json } of output) {
					const at = ROUTES.indexOf(json.route as string);
					must(
						(at === -1 || drawn.dryRun ? 5 : at) === index,
						'a row leaves on its output',
						json,
						index,
					);
				}
			}
		}
	}

	private checkResult(
		item: INodeExecutionData,
		mobile: string | undefined,
		isFirst: boolean,
		lastOf: Map<string | undefined, ReceivedRequest>,
		seen: Seen,
	): void {
		const { drawn } = this;
		const { json } = item;
		const result = json.mobileStatus as IDataObject;
		must(mobile !== undefined, 'what is no number is a failure', json);
		if (drawn.dryRun) {
			must(result.billable === 'no' && result.attempts === 0, 'a dry run costs nothing', json);
			return;
		}
		const all = this.simulator.received.filter((request) => request.mobile === mobile);
		const billed = all.filter((request) => request.billed).length;
		const last = lastOf.get(mobile);
		must(last === undefined || isDone(last, drawn), 'a result was answered', json, last?.fault);
		if (json.route === 'noRecord') {
			must(drawn.options.noRecord === 'route', 'No Record is a route where it is asked for', json);
		} else {
			const { province, city, isp } = success('plain', mobile).result as IDataObject;
			must(
				result.province === province && result.city === city && result.isp === isp,
				"a row has its own number's answer",
				json,
			);
			const isSaid = this.states.get(mobile)?.has(result.state) === true;
			must(isSaid, 'the state is one that was answered', json, [
				...(this.states.get(mobile) ?? []),
			]);
			const route = ROUTES[Number(result.state)] ?? 'unknown';
			must(json.route === route, 'the route is the state’s', json);
		}
		if (drawn.options.onlyChanges) {
			const previous = this.routes.get(mobile) ?? null;
			must(
				json.previousRoute === previous && json.route !== previous,
				'previousRoute is true',
				json,
			);
		}

		const paysItself = result.source === 'query';
		must(isFirst || !paysItself, 'one row a number pays', json);
		must(!isFirst || result.source !== 'duplicate', 'the first row of a number pays', json);
		if (!paysItself) {
			must(result.billable === 'no' && result.attempts === 0, 'the other rows cost nothing', json);
			return;
		}
		must(all.length > 0, 'who pays has been sent', json);
		must(
			Number(result.attempts) >= 1 && Number(result.attempts) <= (drawn.options.retries ?? 2) + 1,
			'attempts are within Retries',
			json,
		);
		const isLost = all.some((request) => this.mayBeLost(request, seen));
		if (result.billable === 'yes') must(billed <= 1, 'yes: billed once', json, billed);
		else must(isLost, 'uncertain: an answer was lost', json, all.length);
	}

	private checkFailure(
		item: INodeExecutionData,
		mobile: string | undefined,
		isFirst: boolean,
		requests: ReceivedRequest[],
		lastOf: Map<string | undefined, ReceivedRequest>,
		seen: Seen,
	): void {
		const { drawn } = this;
		const { json } = item;
		const details = json.details as IDataObject;
		if (mobile === undefined) {
			must(details.code === 'invalidNumber' && details.attempts === 0, 'a bad cell says so', json);
			return;
		}
		const own = requests.filter((request) => request.mobile === mobile);
		const last = lastOf.get(mobile) ?? this.lastRequestFor(mobile);
		if (details.billable === 'no' && isFirst) {
			must(
				own.every(({ billed }) => !billed),
				'no: billed nothing',
				json,
			);
		}
		if (details.notQueried === true || details.code === 'overCap') {
			must(own.length === 0, 'notQueried: nothing was sent', json);
			const isCapped = details.code === 'overCap' && (drawn.options.maxQueries ?? 0) > 0;
			const isEnded = requests.some(endsRun) || seen.cancelledAt < Infinity;
			must(isCapped || isEnded, 'notQueried: something ended the run', json);
			return;
		}
		must(
			this.explains(String(details.code as number | string), last, seen),
			'a failure is what the service did',
			json,
			last?.fault,
		);
	}

	/** That of an earlier try, where a number is not sent again. */
	private lastRequestFor(mobile: string | undefined): ReceivedRequest | undefined {
		return this.simulator.received.filter((request) => request.mobile === mobile).at(-1);
	}

	/** Whether what a request met can be called so. */
	private explains(met: string, last: ReceivedRequest | undefined, seen: Seen): boolean {
		if (last !== undefined && codeAfter(last) === met && !isDone(last, this.drawn)) return true;
		if (seen.isDown && ['connectionRefused', 'connectionLost'].includes(met)) return true;
		return met === 'timeout' && (last === undefined || this.mayBeLost(last, seen));
	}

	/** The error that stopped a run is that of the earliest row that failed. */
	private checkStop(
		error: Error & IDataObject,
		lastOf: Map<string | undefined, ReceivedRequest>,
		seen: Seen,
	): void {
		const { drawn } = this;
		const { mobiles } = seen;
		const row = (error.context as IDataObject | undefined)?.itemIndex as number | undefined;
		must(row !== undefined && row < mobiles.length, 'an error names its row', error.message, row);
		const badCell = mobiles.indexOf(undefined);
		if (badCell !== -1) {
			const isSo = row === badCell && error.message.startsWith('Mobile Number');
			must(isSo, 'a bad cell stops first', row, error.message);
			must(lastOf.size === 0, 'a bad cell stops before paying');
			return;
		}
		const mobile = mobiles[row];
		if (error.message.startsWith('Max Queries per Run')) {
			must((drawn.options.maxQueries ?? 0) > 0, 'the cap stops where there is one', error.message);
		} else {
			const met = /^Juhe (\w+): /.exec(error.message)?.[1] ?? '';
			const last = lastOf.get(mobile) ?? this.lastRequestFor(mobile);
			must(
				this.explains(met, last, seen),
				'the error is of its row',
				error.message,
				row,
				last?.fault,
			);
		}
		// A row that waited for its next try is not to blame.
		const failed = mobiles.findIndex((each) => {
			const request = lastOf.get(each);
			const met = Number(request && codeAfter(request));
			return request && !isDone(request, drawn) && [...ACCOUNT, ...OF_THE_ROW].includes(met);
		});
		must(failed === -1 || row <= failed, 'the earliest failing row is to blame', row, failed);
	}

	/** What n8n made of the node's outputs. */
	private checkEngine(result: NodeRun, rows: IDataObject[], own: INodeExecutionData[][]): void {
		const items = result.outputs.flat();
		must(items.length === own.flat().length, 'n8n passes every row on', items.length);
		for (const item of items) {
			const { phone, ...row } = rows[rowOf(item)]!;
			must(item.json.phone === phone, 'a row keeps its columns', item.json);
			for (const [name, value] of Object.entries(row)) {
				must(
					JSON.stringify(item.json[name]) === JSON.stringify(value),
					'a row keeps its columns',
					name,
				);
			}
		}
		if (this.drawn.onError !== 'continueErrorOutput') return;
		const failed = result.outputs.at(-1) ?? [];
		const expected = own.flat().filter(({ json }) => json.details !== undefined);
		must(failed.length === expected.length, 'failures leave on the error output', failed.length);
	}
}
