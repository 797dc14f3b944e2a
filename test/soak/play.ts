/** Plays a round: the node on n8n's engine, against the simulator, with all that goes in and comes out written down. */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import type { IDataObject, INodeExecutionData, IRun } from 'n8n-workflow';

// With its ending, or the codex beside it would be taken for it.
import { JuheMobileStatus } from '../../nodes/JuheMobileStatus/JuheMobileStatus.node.ts';
import {
	JUHE_NODE,
	juheNode,
	loopNode,
	nodeType,
	resumeWorkflow,
	runWorkflow,
	workflowOf,
	type RunOptions,
	type WorkflowFile,
} from '../engine';
import { startSimulator, type Simulator } from '../simulator/simulator';
import { Invariants, must, UNDER_WAY, type Call } from './invariants';
import { List } from './list';
import { mobileOf, type Execution, type Round } from './round';

/** An execution that takes longer than this hangs, in milliseconds: what is drawn is over long before. */
const LONGEST_EXECUTION = 180_000;
/**
 * Where this process stood still for a longer share of the timeout, an answer that was sent may have been read too late: a
 * request and its answer are some five turns of the event loop.
 */
const STALL = 0.15;
/** For the requests of most executions, in milliseconds. */
const LONG_TIMEOUT = 20_000;

/** What a soak has met so far. */
export const newFigures = () => ({
	...{ rounds: 0, executions: 0, calls: 0, rows: 0, requests: 0, billed: 0, reused: 0 },
	/** Executions in which this process stood still for too long to tell which answers were lost. */
	stalled: 0,
	faults: new Map<string, number>(),
});
export type Figures = ReturnType<typeof newFigures>;

/** Plays one round. @throws Broken where something does not hold. */
export async function play(drawn: Round, figures: Figures): Promise<void> {
	const simulator = await startSimulator({ latency: drawn.latency, ...drawn.rate });
	try {
		const list = new List(drawn);
		const invariants = new Invariants(drawn, simulator, list);
		for (const each of drawn.executions) {
			await new ExecutionUnderTest(drawn, each, simulator, list).run(invariants, figures);
		}
	} finally {
		await simulator.close();
	}
	figures.rounds++;
}

class ExecutionUnderTest {
	private readonly calls: Call[] = [];
	private cancel = () => {};

	constructor(
		private readonly round: Round,
		private readonly drawn: Execution,
		private readonly simulator: Simulator,
		private readonly list: List,
	) {}

	async run(invariants: Invariants, figures: Figures): Promise<void> {
		const { simulator, drawn, list, calls } = this;
		await simulator.accept();
		simulator.reset();
		for (const { number, ...rule } of drawn.troubles) {
			simulator.script({ ...rule, ...(number !== undefined && { mobile: mobileOf(number) }) });
		}
		for (const { row, edit } of drawn.edits) list.edit(row, edit);

		// Elsewhere no answer is lost because this machine is slow.
		const isSlow = drawn.troubles.some(({ fault }) => ['hang', 'drip'].includes(fault.kind));
		const timeout = isSlow ? this.round.shortTimeout : LONG_TIMEOUT;
		const delay = monitorEventLoopDelay({ resolution: 5 });
		delay.enable();
		let cancelledAt = Infinity;
		const weather = new AbortController();
		const later = async (wait: number | undefined, act: () => unknown) => {
			if (wait === undefined) return;
			await sleep(wait, undefined, { signal: weather.signal }).then(act, () => undefined);
		};
		const changes = [
			later(drawn.cancelAfter, () => {
				cancelledAt = performance.now();
				this.cancel();
			}),
			later(drawn.down?.at, () => simulator.refuse()),
			later(drawn.down && drawn.down.at + drawn.down.during, () => simulator.accept()),
		];
		const run = await Promise.race([
			this.runOnEngine(timeout),
			later(LONGEST_EXECUTION, () => undefined),
		]);
		must(run !== undefined, 'the run ends', `after ${LONGEST_EXECUTION} ms`);
		// A cancelled execution is over before the node is.
		const isOver = () => calls.every(({ outputs, error }) => outputs ?? error);
		for (let turn = 0; turn < 100 && !isOver(); turn++) await sleep(timeout / 20);
		must(isOver(), 'a cancelled node ends');
		const arrived = simulator.counts.requests;
		await sleep(drawn.cancelAfter === undefined ? 0 : UNDER_WAY);
		const late = simulator.counts.requests - arrived;
		weather.abort();
		await Promise.all(changes);
		delay.disable();

		const stall = delay.max / 1e6;
		const isStalled = stall > timeout * STALL;
		must(isStalled || late === 0, 'nothing is sent after the end', late);
		figures.executions++;
		figures.calls += calls.length;
		figures.rows += list.rows.length;
		figures.requests += simulator.counts.requests;
		figures.billed += simulator.counts.billed;
		if (isStalled) figures.stalled++;
		const faults = simulator.received.flatMap(({ fault }) => fault ?? []);
		for (const fault of [...faults, ...(drawn.down ? [{ kind: 'down' }] : [])]) {
			const name =
				'code' in fault ? fault.code : 'status' in fault ? `HTTP ${fault.status}` : fault.kind;
			figures.faults.set(String(name), (figures.faults.get(String(name)) ?? 0) + 1);
		}
		const isDown = drawn.down !== undefined;
		const seen = { drawn, calls, run, timeout, stall, isStalled, cancelledAt, isDown };
		figures.reused += invariants.check(seen);
	}

	/** The execution, and its retry by hand where it fails; undefined once it has been retried. */
	private async runOnEngine(timeout: number): Promise<IRun> {
		const { drawn, round, list } = this;
		const rows = list.rows.map((json): INodeExecutionData => ({ json }));
		const half = drawn.shape.kind === 'twice' ? Math.ceil(rows.length / 2) : rows.length;
		let rounds = 0;
		const again = nodeType(async function () {
			const isBack = drawn.shape.kind === 'back' && rounds++ < drawn.shape.rounds;
			return isBack ? [[], this.getInputData()] : [this.getInputData()];
		}, 2);
		const options: RunOptions = {
			mode: 'trigger',
			credential: this.simulator.credential,
			pinData: { Rows: rows.slice(0, half), More: rows.slice(half) },
			nodeTypes: { [JUHE_NODE]: this.watched(), again },
			onStart: (cancel) => (this.cancel = cancel),
		};
		const { run } = await runWorkflow(this.workflow(timeout, round.onError), options);
		if (run.status !== 'error' || !drawn.byHand || drawn.cancelAfter !== undefined) return run;
		const onError = drawn.byHand === 'asItIs' ? round.onError : drawn.byHand;
		return (await resumeWorkflow(this.workflow(timeout, onError), run, options)).run;
	}

	private workflow(timeout: number, onError: Round['onError']): WorkflowFile {
		const { drawn, round } = this;
		const { kind } = drawn.shape;
		const { recheckAfter, ...options } = round.options;
		const isSplit = round.splitOutputs && (kind === 'once' || kind === 'twice');
		const parameters = {
			operation: round.operation,
			splitOutputs: isSplit,
			summaryOutput: round.summaryOutput,
			options: {
				...{ ...options, timeout, resultAs: drawn.resultAs, dryRun: drawn.dryRun },
				...(recheckAfter && { recheckAfter: { days: recheckAfter } }),
			},
		};
		const nodes = {
			Juhe: juheNode(parameters, {
				onError,
				...(round.retryOnFail && { retryOnFail: true, ...round.retryOnFail }),
			}),
			Loop: loopNode('batchSize' in drawn.shape ? drawn.shape.batchSize : 1),
			Again: { type: 'again' },
		};
		const errorOutput = round.summaryOutput ? 2 : 1;
		const paths = {
			once: ['Start > Rows > Juhe'],
			loop: ['Start > Rows > Loop.1 > Juhe > Loop', `Juhe.${errorOutput} > Loop`],
			twice: ['Start > Rows > Juhe', 'Start > More > Juhe'],
			back: ['Start > Rows > Juhe > Again.1 > Juhe', 'Again > Done'],
		};
		return workflowOf(nodes, ...paths[kind]);
	}

	/** The node, with what goes into each call of it and what comes out written down. */
	private watched(): JuheMobileStatus {
		const { simulator, calls } = this;
		const inner = new JuheMobileStatus();
		const type = new JuheMobileStatus();
		type.execute = async function () {
			const from = simulator.received.length;
			const input = JSON.stringify(this.getInputData());
			const call: Call = {
				index: Number(this.getWorkflowDataProxy(0).$runIndex),
				onError: this.getNode().onError ?? 'stopWorkflow',
				input: (JSON.parse(input) as INodeExecutionData[]).map(({ json }) => json),
				requests: [],
				isInputChanged: false,
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
}
