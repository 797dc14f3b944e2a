/** Plays a round: the node on n8n's engine, against the simulator, with all that goes in and comes out written down. */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import type { IDataObject, INodeExecutionData, IRun } from 'n8n-workflow';

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
	...{ rounds: 0, executions: 0, calls: 0, rows: 0, requests: 0, billed: 0, reused: 0 },
	/** Executions in which this process stood still for too long to tell which answers were lost. */
	stalled: 0,
	faults: {} as Record<string, number>,
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
	for (const { number, ...rule } of drawn.troubles) {
		simulator.script({ ...rule, ...(number !== undefined && { mobile: mobileOf(number) }) });
	}
	for (const { row, edit } of drawn.edits) list.edit(row, edit);
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
	const running = runOnEngine(round, drawn, list, timeout, {
		mode: 'trigger',
		credential: simulator.credential,
		nodeTypes: { [engine.JUHE_NODE]: watched(simulator, calls) },
		onStart: (stop) => (cancel = stop),
	});
	const run = await Promise.race([running, later(LONGEST_EXECUTION, () => undefined)]);
	must(run !== undefined, 'the run ends', `after ${LONGEST_EXECUTION} ms`);
	// A cancelled execution is over before the node is.
	const isOver = () => calls.every(({ outputs, error }) => outputs ?? error);
	for (let turn = 0; turn < 100 && !isOver(); turn++) await sleep(timeout / 20);
	must(isOver(), 'a cancelled node ends');
	await sleep(drawn.cancelAfter === undefined ? 0 : UNDER_WAY);
	over.abort();
	await Promise.all(changes);
	delay.disable();

	const seen = { drawn, calls, run, timeout, stall: delay.max / 1e6, cancelledAt };
	const { requests, billed } = simulator.counts;
	const met = { executions: 1, calls: calls.length, rows: list.rows.length, requests, billed };
	const more = { ...met, reused: invariants.check(seen), stalled: Number(isStalled(seen)) };
	for (const name in more) figures[name as keyof typeof more] += more[name as keyof typeof more];
	for (const { fault } of simulator.received) {
		const name =
			fault === undefined
				? 'none'
				: 'code' in fault
					? fault.code
					: 'status' in fault
						? fault.status
						: fault.kind;
		figures.faults[name] = (figures.faults[name] ?? 0) + 1;
	}
}

/** The execution, and its retry by hand where it fails. */
async function runOnEngine(
	{ options: { recheckAfter, ...options }, ...round }: Round,
	{ shape, resultAs, dryRun, byHand, cancelAfter }: Execution,
	list: List,
	timeout: number,
	runOptions: engine.RunOptions,
): Promise<IRun> {
	const isTurn = shape.kind === 'loop' || shape.kind === 'back';
	const parameters = {
		...{ operation: round.operation, summaryOutput: round.summaryOutput },
		splitOutputs: round.splitOutputs && !isTurn,
		options: {
			...{ ...options, timeout, resultAs, dryRun },
			...(recheckAfter && { recheckAfter: { days: recheckAfter } }),
		},
	};
	const paths = {
		once: ['Start > Rows > Juhe'],
		loop: ['Start > Rows > Loop.1 > Juhe > Loop', `Juhe.${round.summaryOutput ? 2 : 1} > Loop`],
		twice: ['Start > Rows > Juhe', 'Start > More > Juhe'],
		back: ['Start > Rows > Juhe > Again.1 > Juhe', 'Again > Done'],
	};
	const retry = round.retryOnFail && { retryOnFail: true, ...round.retryOnFail };
	const workflow = (onError: Round['onError']) => {
		const Juhe = engine.juheNode(parameters, { onError, ...retry });
		const Loop = engine.loopNode('batchSize' in shape ? shape.batchSize : 1);
		return engine.workflowOf({ Juhe, Loop, Again: { type: 'again' } }, ...paths[shape.kind]);
	};
	let rounds = 'rounds' in shape ? shape.rounds : 0;
	const again = engine.nodeType(async function () {
		return rounds-- > 0 ? [[], this.getInputData()] : [this.getInputData()];
	}, 2);
	const items = list.rows.map((json): INodeExecutionData => ({ json }));
	const half = shape.kind === 'twice' ? Math.ceil(items.length / 2) : items.length;
	const all: engine.RunOptions = {
		...runOptions,
		nodeTypes: { ...runOptions.nodeTypes, again },
		pinData: { Rows: items.slice(0, half), More: items.slice(half) },
	};
	const { run } = await engine.runWorkflow(workflow(round.onError), all);
	if (run.status !== 'error' || byHand === undefined || cancelAfter !== undefined) return run;
	const onError = byHand === 'asItIs' ? round.onError : byHand;
	return (await engine.resumeWorkflow(workflow(onError), run, all)).run;
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
