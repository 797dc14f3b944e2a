/** Plays a round: the node on n8n's engine, against the simulator, with all that goes in and comes out written down. */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import type { IDataObject, INodeExecutionData, IRun, WorkflowExecuteMode } from 'n8n-workflow';

// With its ending, or the codex beside it would be taken for it.
import { JuheMobileStatus } from '../../nodes/JuheMobileStatus/JuheMobileStatus.node.ts';
import * as engine from '../engine';
import { startSimulator, type Simulator } from '../simulator/simulator';
import { Invariants, isStalled, must, UNDER_WAY, type Call } from './invariants';
import { List } from './list';
import { mobileOf, type Execution, type Round } from './round';

/** An execution that takes longer than this hangs, in milliseconds: what is drawn is over long before. */
const LONGEST_EXECUTION = 90_000;
/** For the requests of most executions, in milliseconds. No answer is lost because this machine is slow. */
const LONG_TIMEOUT = 20_000;

/** What a soak has met so far. */
export const newFigures = () => ({
	...{ rounds: 0, executions: 0, calls: 0, rows: 0, requests: 0, billed: 0 },
	/** Executions in which this process stood still for too long to tell which answers were lost. */
	stalled: 0,
	/** How often each kind of what may be drawn, and of what may come of it, was met. */
	met: {} as Record<string, number>,
});
export type Figures = ReturnType<typeof newFigures>;

/** Plays one round. @throws Broken where something does not hold. */
export async function play(round: Round, figures: Figures): Promise<void> {
	const simulator = await startSimulator({ latency: round.latency, ...round.rate });
	try {
		const invariants = new Invariants(round, simulator, new List(round));
		for (const drawn of round.executions) {
			await playExecution(round, drawn, simulator, invariants, figures);
		}
	} finally {
		await simulator.close();
	}
	figures.rounds++;
}

async function playExecution(
	round: Round,
	drawn: Execution,
	simulator: Simulator,
	invariants: Invariants,
	figures: Figures,
): Promise<void> {
	const { list } = invariants;
	await simulator.accept();
	simulator.reset();
	for (const { name: _, number, ...rule } of drawn.troubles) {
		simulator.script({ ...rule, ...(number !== undefined && { mobile: mobileOf(number) }) });
	}
	for (const { row, edit } of drawn.edits) list.edit(row, edit);
	// Lists are checked days apart, not in the second of the execution before.
	await sleep(Math.max(0, list.latestSecond() + 1000 - Date.now()));
	const isSlow = drawn.troubles.some(({ fault }) => ['hang', 'drip'].includes(fault.kind));
	const timeout = isSlow ? round.shortTimeout : LONG_TIMEOUT;
	const delay = monitorEventLoopDelay({ resolution: 5 });
	delay.enable();
	const over = new AbortController();
	const later = async (wait: number | undefined, act: () => unknown) => {
		if (wait === undefined) return;
		await sleep(wait, undefined, { signal: over.signal }).then(act, () => undefined);
	};
	let cancelledAt = Infinity;
	let cancel = () => {};
	const changes = [
		later(drawn.cancelAfter, () => {
			cancelledAt = performance.now();
			cancel();
		}),
		later(drawn.down?.at, () => simulator.refuse()),
		later(drawn.down && drawn.down.at + drawn.down.during, () => simulator.accept()),
	];
	const calls: Call[] = [];
	let starts = 0;
	const isCancelled = () => cancelledAt < Infinity;
	const running = runOnEngine(round, drawn, list, timeout, isCancelled, {
		credential: simulator.credential,
		nodeTypes: { [engine.JUHE_NODE]: watched(simulator, calls) },
		onStart: (stop) => {
			starts++;
			cancel = stop;
		},
	});
	const ended = await Promise.race([running, later(LONGEST_EXECUTION, () => undefined)]);
	must(ended !== undefined, 'the run ends', `after ${LONGEST_EXECUTION} ms`);
	// A cancelled execution is over before the node is.
	const isOver = () => calls.every(({ outputs, error }) => outputs ?? error);
	for (let turn = 0; turn < 100 && !isOver(); turn++) await sleep(timeout / 20);
	must(isOver(), 'a cancelled node ends');
	over.abort();
	await Promise.all(changes);
	delay.disable();
	const seen = { drawn, calls, ...ended, starts, timeout, stall: delay.max / 1e6, cancelledAt };
	// What was sent before may arrive late.
	if (isCancelled() || isStalled(seen)) await sleep(UNDER_WAY);
	const { requests, billed } = simulator.counts;
	const counts = { executions: 1, calls: calls.length, rows: list.rows.length, requests, billed };
	const more = { ...counts, stalled: Number(isStalled(seen)) };
	for (const name in more) figures[name as keyof typeof more] += more[name as keyof typeof more];
	for (const name of invariants.check(seen)) figures.met[name] = (figures.met[name] ?? 0) + 1;
}

/** The execution with its waits, and its retry by hand where it fails. */
async function runOnEngine(
	{ options: { recheckAfter, ...options }, ...round }: Round,
	{ shape, resultAs, dryRun, byHand, cancelAfter, waits = 0 }: Execution,
	list: List,
	timeout: number,
	isCancelled: () => boolean,
	runOptions: engine.RunOptions,
): Promise<{ run: IRun; isRetried: boolean }> {
	const isTurn = shape.kind === 'loop' || shape.kind === 'back';
	const parameters = {
		...{ operation: round.operation, summaryOutput: round.summaryOutput },
		splitOutputs: round.splitOutputs && !isTurn,
		options: {
			...{ ...options, timeout, resultAs, dryRun },
			...(recheckAfter && { recheckAfter: { days: recheckAfter } }),
		},
	};
	const errorOutput = round.summaryOutput ? 2 : 1;
	const paths = {
		once: ['Start > Rows > Juhe'],
		loop: ['Start > Rows > Loop.1 > Juhe > Wait > Loop', `Juhe.${errorOutput} > Loop`],
		twice: ['Start > Rows > Juhe', 'Start > More > Wait > Juhe'],
		back: ['Start > Rows > Juhe > Again.1 > Wait > Juhe', 'Again > Done'],
	};
	const retry = round.retryOnFail && { retryOnFail: true, ...round.retryOnFail };
	const workflow = (onError: Round['onError']) => {
		const Juhe = engine.juheNode(parameters, { onError, ...retry });
		const turns = 'turns' in shape ? shape.turns : 1;
		const Loop = engine.loopNode(Math.ceil(list.rows.length / turns));
		const nodes = { Juhe, Loop, Again: { type: 'again' }, Wait: { type: 'wait' } };
		return engine.workflowOf(nodes, ...paths[shape.kind]);
	};
	let rounds = 'rounds' in shape ? shape.rounds : 0;
	const again = engine.nodeType(async function () {
		const items = this.getInputData();
		if (rounds-- <= 0) return [items];
		const isInSeconds = 'seconds' in shape && shape.seconds;
		return [
			[],
			isInSeconds ? items.map((item) => ({ ...item, json: list.inSeconds(item.json) })) : items,
		];
	}, 2);
	let waitsLeft = waits;
	const wait = engine.nodeType(async function () {
		if (waitsLeft-- > 0) await this.putExecutionToWait(new Date());
		return [this.getInputData()];
	});
	const items = list.rows.map((json): INodeExecutionData => ({ json }));
	const half = shape.kind === 'twice' ? Math.ceil(items.length / 2) : items.length;
	const all: engine.RunOptions = {
		...runOptions,
		nodeTypes: { ...runOptions.nodeTypes, again, wait },
		pinData: { Rows: items.slice(0, half), More: items.slice(half) },
	};
	const toEnd = async (
		started: Promise<engine.WorkflowRun>,
		onError: Round['onError'],
		mode: WorkflowExecuteMode,
	) => {
		let { run } = await started;
		while (run.status === 'waiting' && !isCancelled()) {
			({ run } = await engine.resumeWorkflow(workflow(onError), run, { ...all, mode }));
		}
		return run;
	};
	const run = await toEnd(
		engine.runWorkflow(workflow(round.onError), { ...all, mode: 'trigger' }),
		round.onError,
		'trigger',
	);
	if (run.status !== 'error' || byHand === undefined || cancelAfter !== undefined) {
		return { run, isRetried: false };
	}
	const onError = byHand === 'asItIs' ? round.onError : byHand;
	const retried = engine.resumeWorkflow(workflow(onError), run, all);
	return { run: await toEnd(retried, onError, 'retry'), isRetried: true };
}

/** The node, with what goes into each call of it and what comes out written down. */
function watched(simulator: Simulator, calls: Call[]): JuheMobileStatus {
	const inner = new JuheMobileStatus();
	const type = new JuheMobileStatus();
	type.execute = async function () {
		const from = simulator.received.length;
		const input = JSON.stringify(this.getInputData());
		const call: Call = {
			index: Number(this.getWorkflowDataProxy(0).$runIndex),
			onError: this.getNode().onError ?? 'stopWorkflow',
			input: (JSON.parse(input) as INodeExecutionData[]).map(({ json }) => json),
			...{ requests: [], isInputChanged: false },
		};
		calls.push(call);
		try {
			const outputs = await inner.execute.call(this);
			// n8n puts the error output into the list that it is given.
			call.outputs = outputs.map((output) => [...output]);
			return outputs;
		} catch (error) {
			call.error = error as Error & IDataObject;
			throw error;
		} finally {
			call.requests = simulator.received.slice(from);
			call.isInputChanged = JSON.stringify(this.getInputData()) !== input;
		}
	};
	return type;
}
