/**
 * Random lists, settings and troubles against the node, on n8n's own engine, and what must hold whatever comes:
 * `npm run soak -- --help`. What is expected comes from the simulator's log, not from the node's own rules.
 */
import { createHash } from 'node:crypto';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import { SingleBar } from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import fc from 'fast-check';
import type { IDataObject, INodeExecutionData } from 'n8n-workflow';

import { JUHE_NODE, runNode, type NodeRun } from '../test/engine';
import { success } from '../test/simulator/service';
import {
	startSimulator,
	type Fault,
	type ReceivedRequest,
	type Simulator,
} from '../test/simulator/simulator';
// With its ending, or the codex beside it would be taken for it.
import { JuheMobileStatus } from '../nodes/JuheMobileStatus/JuheMobileStatus.node.ts';

/** An execution that takes longer than this hangs, in milliseconds: what is drawn below is over long before. */
const LONGEST_EXECUTION = 180_000;
/** How late a request may arrive that was sent before the node had read an answer, in milliseconds. */
const UNDER_WAY = 300;
/**
 * Where this process stood still for a longer share of the timeout, an answer that was sent may have been read too late: a
 * request and its answer are some five turns of the event loop.
 */
const STALL = 0.15;
/** For the requests of most executions, in milliseconds. */
const LONG_TIMEOUT = 20_000;
/** For making a failing round smaller, in milliseconds. */
const SHRINKING = 120_000;

/** API document, section 4, by what the contract says the node does about a code. */
const ACCOUNT = [
	10001, 10002, 10003, 10004, 10005, 10007, 10008, 10009, 10012, 10013, 10020, 10021,
];
const MAY_PASS = [224915, 224924, 10011, 10014];
const OF_THE_ROW = [224902, 224919, 224922, 299999];
/** What a request is called whose answer did not come through, or tells nothing. */
const UNREADABLE = ['connectionLost', 'timeout', 'noResult', 'notJuhe'];
const ROUTES = ['normal', 'suspended', 'unavailable', 'notOnNetwork', 'preCancelled'];

const SPELLINGS: Array<(mobile: string) => string | number> = [
	(mobile) => mobile,
	(mobile) => Number(mobile),
	(mobile) => `+86 ${mobile}`,
	(mobile) => `0086-${mobile}`,
	(mobile) => `${mobile.slice(0, 3)} ${mobile.slice(3, 7)} ${mobile.slice(7)}`,
	(mobile) => `(${mobile.slice(0, 3)})${mobile.slice(3)}\u200b`,
	(mobile) => mobile.replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0)),
];
const NO_NUMBERS = [
	'',
	'010-62345678',
	'1380013800',
	'1.38E+10',
	'={{ $env }}',
	'13800138000&key=1',
];

type Cell = { number: number; spelling: number } | { noNumber: number };

/** One of the simulator's rules, with its number by index. */
interface Trouble {
	number?: number;
	call?: number;
	times?: number;
	latency?: number;
	fault: Fault;
}

const code = fc.oneof(
	{ weight: 3, arbitrary: fc.constantFrom(...MAY_PASS, ...OF_THE_ROW) },
	// Ends the run, and with it the round's chances to meet anything else.
	{ weight: 1, arbitrary: fc.constantFrom(...ACCOUNT) },
);
const retryAfter = fc.constantFrom(
	undefined,
	undefined,
	'0',
	'1',
	'soon',
	'Wed, 21 Oct 2015 07:28:00 GMT',
	'86400',
	'99999999999',
);
const passingFault: fc.Arbitrary<Fault> = fc.oneof(
	fc.record({
		kind: fc.constant('code' as const),
		code,
		retryAfter,
		asString: fc.boolean(),
		echo: fc.boolean(),
		httpStatus: fc.constantFrom(200, 200, 400, 403),
	}),
	fc.record({
		kind: fc.constant('http' as const),
		status: fc.constantFrom(429, 500, 502, 503, 504, 404, 302),
		retryAfter,
	}),
	fc.record({
		kind: fc.constant('state' as const),
		state: fc.constantFrom('0', '1', '2', '3', '4', '9'),
	}),
	fc.constantFrom<Fault>(
		{ kind: 'notJson' },
		{ kind: 'missingResult' },
		{ kind: 'resetBefore' },
		{ kind: 'resetMidBody' },
		{ kind: 'http', status: 200, body: '{"error_code":', contentType: 'application/json' },
		{ kind: 'http', status: 200, body: '\u0000'.repeat(70_000) },
	),
);
const trouble: fc.Arbitrary<Trouble> = fc.oneof(
	{ weight: 5, arbitrary: faultOf(passingFault, 8) },
	// Each of these takes a whole timeout.
	{
		weight: 1,
		arbitrary: faultOf(
			fc.constantFrom<Fault>({ kind: 'hang' }, { kind: 'drip', intervalMs: 100 }),
			3,
		),
	},
);

function faultOf(fault: fc.Arbitrary<Fault>, maxTimes: number): fc.Arbitrary<Trouble> {
	const times = fc.integer({ min: 1, max: maxTimes });
	const latency = fc.constantFrom(undefined, undefined, 0, 30);
	return fc.oneof(
		{ weight: 4, arbitrary: fc.record({ number: fc.nat(20), times, latency, fault }) },
		{ weight: 2, arbitrary: fc.record({ call: fc.integer({ min: 1, max: 60 }), latency, fault }) },
		{ weight: 1, arbitrary: fc.record({ times, latency, fault }) },
	);
}

/** Once in so many draws. */
function sometimes<T>(oneIn: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
	return fc.oneof(
		{ weight: oneIn - 1, arbitrary: fc.constant(undefined) },
		{ weight: 1, arbitrary },
	);
}

function listOf(maxLength: number): fc.Arbitrary<Cell[]> {
	const number = fc.record({ number: fc.nat(maxLength), spelling: fc.nat(SPELLINGS.length - 1) });
	const noNumber = fc.record({ noNumber: fc.nat(NO_NUMBERS.length - 1) });
	const cells = fc.array(
		fc.oneof({ weight: 30, arbitrary: number }, { weight: 1, arbitrary: noNumber }),
		{
			maxLength,
			size: 'max',
		},
	);
	const numbers = fc.array(number, { minLength: 1, maxLength, size: 'max' });
	return fc.oneof({ weight: 2, arbitrary: numbers }, { weight: 1, arbitrary: cells });
}

const execution = fc.record({
	cells: fc.oneof({ weight: 4, arbitrary: listOf(20) }, { weight: 1, arbitrary: listOf(400) }),
	troubles: fc.array(trouble, { maxLength: 6 }),
	/** Milliseconds until the execution is cancelled. */
	cancelAfter: sometimes(8, fc.nat(300)),
	/** When the simulator refuses connections, and for how long, in milliseconds. */
	down: sometimes(8, fc.record({ at: fc.nat(100), during: fc.nat(1000) })),
});
type Execution = typeof execution extends fc.Arbitrary<infer T> ? T : never;

const options = fc.record(
	{
		concurrency: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 50 })),
		retries: fc.integer({ min: 0, max: 3 }),
		resendUncertain: fc.boolean(),
		noRecord: fc.constantFrom('error', 'route'),
		maxQueries: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 30 }), fc.constant(10_000)),
		maskNumber: fc.boolean(),
		method: fc.constantFrom('GET', 'POST'),
		requestsPerSecond: fc.integer({ min: 40, max: 1000 }),
		reuseHours: fc.constantFrom(1, 8760),
		onlyChanges: fc.boolean(),
	},
	{ requiredKeys: [] },
);

/** A workflow that is executed up to three times. */
const round = fc.record({
	operation: fc.constantFrom('plain', 'aes', 'rsa'),
	onError: fc.constantFrom(
		'stopWorkflow' as const,
		'continueRegularOutput' as const,
		'continueErrorOutput' as const,
	),
	splitOutputs: fc.boolean(),
	options,
	dryRun: fc.integer({ min: 0, max: 14 }).map((draw) => draw === 14),
	/** In milliseconds, of an execution in which an answer never comes. */
	shortTimeout: fc.integer({ min: 800, max: 1500 }),
	retryOnFail: sometimes(
		3,
		fc.record({ maxTries: fc.integer({ min: 2, max: 3 }), waitBetweenTries: fc.nat(300) }),
	),
	latency: fc.nat(15),
	rate: sometimes(
		5,
		fc.record({
			ratePerSecond: fc.integer({ min: 40, max: 300 }),
			limitReply: fc.constantFrom('code' as const, 'http' as const),
		}),
	),
	executions: fc.array(execution, { minLength: 1, maxLength: 3 }),
});
type Round = typeof round extends fc.Arbitrary<infer T> ? T : never;

/** One call of the node: n8n makes several in an execution with Retry On Fail. */
interface Try {
	/** The requests that arrived during it. */
	requests: ReceivedRequest[];
	outputs?: INodeExecutionData[][];
	error?: NodeRun['error'];
	isInputChanged: boolean;
}

interface Figures {
	rounds: number;
	executions: number;
	rows: number;
	requests: number;
	billed: number;
	/** Executions in which this process stood still for too long to tell which answers were lost. */
	stalled: number;
	faults: Map<string, number>;
}

class Broken extends Error {}

function must(holds: boolean, invariant: string, ...seen: unknown[]): asserts holds {
	if (!holds)
		throw new Broken(`${invariant}: ${seen.map((each) => JSON.stringify(each)).join(' ')}`);
}

/** Eleven digits; the last one tells the state. */
function mobileOf(number: number): string {
	return `139${String(number).padStart(7, '0')}${number % 10}`;
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

/** Plays one round. @throws Broken where something does not hold. */
async function play(drawn: Round, figures: Figures): Promise<void> {
	const simulator = await startSimulator({ latency: drawn.latency, ...drawn.rate });
	try {
		const workflow = new WorkflowUnderTest(drawn, simulator, figures);
		for (const each of drawn.executions) await workflow.execute(each);
	} finally {
		await simulator.close();
	}
	figures.rounds++;
}

/** What a round knows of its workflow, from one execution to the next. */
class WorkflowUnderTest {
	private staticData: IDataObject | undefined;
	/** The states that were answered for a number. */
	private readonly states = new Map<string, Set<unknown>>();
	/** Numbers whose answer may be reused: none of them is sent again. */
	private readonly reusable = new Set<string>();
	/** The route with which a number's rows last left the node. */
	private readonly routes = new Map<string, unknown>();

	constructor(
		private readonly drawn: Round,
		private readonly simulator: Simulator,
		private readonly figures: Figures,
	) {}

	async execute(drawn: Execution): Promise<void> {
		const { simulator, figures } = this;
		await simulator.accept();
		simulator.reset();
		for (const { number, ...rule } of drawn.troubles) {
			simulator.script({ ...rule, ...(number !== undefined && { mobile: mobileOf(number) }) });
		}
		const mobiles = drawn.cells.map((cell) =>
			'number' in cell ? mobileOf(cell.number) : undefined,
		);
		const rows = drawn.cells.map((cell, id) => ({
			id,
			phone:
				'number' in cell
					? SPELLINGS[cell.spelling]!(mobileOf(cell.number))
					: NO_NUMBERS[cell.noNumber]!,
			note: { list: [id, null], text: '备注' },
		}));

		const { options, dryRun, retryOnFail, operation, splitOutputs, onError } = this.drawn;
		// Elsewhere no answer is lost because this machine is slow.
		const waits = drawn.troubles.some(({ fault }) => ['hang', 'drip'].includes(fault.kind));
		const timeout = waits ? this.drawn.shortTimeout : LONG_TIMEOUT;
		const tries: Try[] = [];
		const type = this.watched(tries);
		const delay = monitorEventLoopDelay({ resolution: 5 });
		delay.enable();
		let cancelledAt = Infinity;
		const weather = new AbortController();
		const later = async (wait: number | undefined, act: () => unknown) => {
			if (wait === undefined) return;
			await sleep(wait, undefined, { signal: weather.signal }).then(act, () => undefined);
		};
		let cancel = () => {};
		const changes = [
			later(drawn.cancelAfter, () => {
				cancelledAt = performance.now();
				cancel();
			}),
			later(drawn.down?.at, () => simulator.refuse()),
			later(drawn.down && drawn.down.at + drawn.down.during, () => simulator.accept()),
		];
		const result = await Promise.race([
			runNode(rows, {
				mode: 'trigger',
				credential: simulator.credential,
				staticData: this.staticData,
				nodeTypes: { [JUHE_NODE]: type },
				node: { onError, ...(retryOnFail && { retryOnFail: true, ...retryOnFail }) },
				parameters: { operation, splitOutputs, options: { ...options, timeout, dryRun } },
				onStart: (stop) => {
					cancel = stop;
				},
			}),
			sleep(LONGEST_EXECUTION, 'hangs' as const, { signal: weather.signal }).catch(
				() => 'hangs' as const,
			),
		]);
		must(result !== 'hangs', 'the run ends', `after ${LONGEST_EXECUTION} ms`);
		// A cancelled execution is over before the node is.
		const isOver = () => tries.every(({ outputs, error }) => outputs ?? error);
		for (let turn = 0; turn < 100 && !isOver(); turn++) await sleep(timeout / 20);
		must(isOver(), 'a cancelled node ends');
		const arrived = simulator.counts.requests;
		await sleep(drawn.cancelAfter === undefined ? 0 : UNDER_WAY);
		const late = simulator.counts.requests - arrived;
		weather.abort();
		await Promise.all(changes);
		delay.disable();
		const stall = delay.max / 1e6;

		figures.executions++;
		figures.rows += rows.length;
		figures.requests += simulator.counts.requests;
		figures.billed += simulator.counts.billed;
		const isStalled = stall > timeout * STALL;
		if (isStalled) figures.stalled++;
		must(isStalled || late === 0, 'nothing is sent after the end', late);
		for (const { fault } of simulator.received) {
			if (fault === undefined) continue;
			const name =
				'code' in fault ? fault.code : 'status' in fault ? `HTTP ${fault.status}` : fault.kind;
			figures.faults.set(String(name), (figures.faults.get(String(name)) ?? 0) + 1);
		}
		if (drawn.down) figures.faults.set('down', (figures.faults.get('down') ?? 0) + 1);

		const isCancelled = cancelledAt < Infinity && result.run.status === 'canceled';
		for (const { mobile, fault, billed } of simulator.received) {
			if (mobile === undefined || !billed) continue;
			const state = fault?.kind === 'state' ? fault.state : success('plain', mobile).result?.state;
			this.states.set(mobile, (this.states.get(mobile) ?? new Set()).add(state));
		}
		this.checkSecrets(result, tries, rows, mobiles);
		const seen = {
			mobiles,
			tries,
			timeout,
			stall,
			isStalled,
			cancelledAt,
			isDown: drawn.down !== undefined,
		};
		this.checkRequests(seen);
		for (const each of tries) this.checkTry(each, seen);
		const last = tries.at(-1);
		if (last?.outputs && !isCancelled) this.checkEngine(result, rows, last.outputs);
		// What was paid is remembered, whatever became of the execution.
		if ((options.reuseHours ?? 0) > 0) {
			for (const request of simulator.received) {
				if (this.isDelivered(request, seen)) this.reusable.add(request.mobile!);
			}
		}
		if (last?.outputs && !isCancelled && options.onlyChanges && !dryRun) {
			for (const { json, pairedItem } of last.outputs.flat()) {
				const mobile = mobiles[(pairedItem as { item: number }).item];
				if (mobile !== undefined && json.route !== undefined) this.routes.set(mobile, json.route);
			}
		}
		this.staticData = result.staticData;
	}

	/** The node, with what goes into each call of it and what comes out put down. */
	private watched(tries: Try[]): JuheMobileStatus {
		const { simulator } = this;
		const inner = new JuheMobileStatus();
		const type = new JuheMobileStatus();
		type.execute = async function () {
			const from = simulator.received.length;
			const input = JSON.stringify(this.getInputData());
			const each: Try = { requests: [], isInputChanged: false };
			tries.push(each);
			try {
				const outputs = await inner.execute.call(this);
				// n8n puts the error output into the list that it is given.
				each.outputs = outputs.map((output) => [...output]);
				return outputs;
			} catch (error) {
				each.error = error as NodeRun['error'];
				throw error;
			} finally {
				each.requests = simulator.received.slice(from);
				each.isInputChanged = JSON.stringify(this.getInputData()) !== input;
			}
		};
		return type;
	}

	/** Key, OpenID, AES key and ciphertexts are nowhere; numbers not in what is kept, nor in errors that mask them. */
	private checkSecrets(
		result: NodeRun,
		tries: Try[],
		rows: IDataObject[],
		mobiles: Array<string | undefined>,
	): void {
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
			(outputs ?? []).flat().map(({ json, pairedItem }) => {
				const { item } = pairedItem as { item: number };
				const own = Object.entries(json).filter(([name]) => !(name in rows[item]!));
				return [mobiles[item], JSON.stringify(own)] as const;
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

		const places = outputs.map((output) =>
			output.map(({ pairedItem }) => (pairedItem as { item: number }).item),
		);
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

/** What was seen of an execution. */
interface Seen {
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

function rowOf({ pairedItem }: INodeExecutionData): number {
	return (pairedItem as { item: number }).item;
}

/** The round that a seed stands for. */
function roundOf(seed: number): Round {
	return fc.sample(round, { seed, numRuns: 1 })[0]!;
}

interface Options {
	minutes: number;
	seed: number;
	rounds: number;
	lanes: number;
}

async function main({ minutes, seed, rounds, lanes }: Options): Promise<void> {
	const figures: Figures = {
		rounds: 0,
		executions: 0,
		rows: 0,
		requests: 0,
		billed: 0,
		stalled: 0,
		faults: new Map(),
	};
	const began = Date.now();
	const seconds = () => Math.min(minutes * 60, Math.round((Date.now() - began) / 1000));
	console.log(`Seed ${seed}, ${lanes} rounds at a time`);
	const bar = new SingleBar({
		format: '{bar} {value} of {total} s, {rounds} rounds, {rows} rows, {billed} billed',
		noTTYOutput: false,
	});
	bar.start(minutes * 60, 0, figures);
	let next = seed;
	const playOn = async (): Promise<{ seed: number; error: Error } | undefined> => {
		while (seconds() < minutes * 60 && next < seed + rounds) {
			const own = next++;
			try {
				await play(roundOf(own), figures);
			} catch (error) {
				return { seed: own, error: error as Error };
			}
			bar.update(seconds(), figures);
		}
		return undefined;
	};
	const playing = Array.from({ length: lanes }, playOn);
	// The first that breaks, without waiting for what may hang in another lane.
	const broken = await Promise.race([
		Promise.all(playing).then((ends) => ends.find((end) => end !== undefined)),
		...playing.map(async (lane) => (await lane) ?? (await new Promise<never>(() => {}))),
	]);
	bar.stop();
	tell(figures);
	if (broken === undefined) return;

	process.exitCode = 1;
	const what = broken.error instanceof Broken ? broken.error.message : broken.error.stack;
	console.log(`\nBroken in round ${broken.seed}: ${what}`);
	console.log(`Again: npm run soak -- --seed ${broken.seed} --rounds 1\nMaking it smaller …`);
	const smaller = await fc.check(
		fc.asyncProperty(round, (drawn) => play(drawn, { ...figures, faults: new Map() })),
		{ seed: broken.seed, numRuns: 1, interruptAfterTimeLimit: SHRINKING },
	);
	const shown = smaller.counterexample?.[0] ?? roundOf(broken.seed);
	if (smaller.counterexample === null) {
		console.log(smaller.interrupted ? 'There was no time for it.' : 'It did not break again.');
	}
	console.log(JSON.stringify(shown));
	// What hangs would keep the process alive.
	process.exit();
}

function tell(figures: Figures): void {
	const count = (value: number) => value.toLocaleString('en-US');
	const { rounds, executions, rows, requests, billed, stalled, faults } = figures;
	const met = [...faults]
		.sort(([, a], [, b]) => b - a)
		.map(([name, times]) => `${name} ${count(times)}`);
	console.log(
		`${count(rounds)} rounds, ${count(executions)} executions (${count(stalled)} too slow to judge what was lost), ` +
			`${count(rows)} rows, ${count(requests)} requests, ${count(billed)} billed. Faults met: ${met.join(', ')}.`,
	);
}

function whole(text: string): number {
	if (!/^\d+$/.test(text)) throw new InvalidArgumentError('A whole number is needed.');
	return Number(text);
}

const program = new Command('soak')
	.description('Random lists, settings and troubles against the node, and what must hold of them.')
	.option('--minutes <number>', 'how long', whole, 10)
	.option('--seed <number>', 'of the first round; each round is the seed of its own', whole)
	.option('--rounds <number>', 'how many at the most', whole, Infinity)
	.option('--lanes <number>', 'rounds at the same time', whole, 3)
	.action(async (given: Omit<Options, 'seed'> & { seed?: number }) => {
		await main({ ...given, seed: given.seed ?? Math.floor(Date.now() / 1000) % 1e8 });
	});

program.parseAsync().catch((error: unknown) => program.error(`error: ${(error as Error).message}`));
