/** Random lists, settings and troubles against the node, on n8n's own engine: `npm run soak -- --help`. */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import { SingleBar } from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import fc from 'fast-check';
import type { IDataObject } from 'n8n-workflow';

import { JUHE_NODE, runNode, type NodeRun } from '../test/engine';
import { startSimulator, type Simulator } from '../test/simulator/simulator';
import { Broken, Invariants, must, UNDER_WAY, type Try } from '../test/soak/invariants';
import {
	mobileOf,
	NO_NUMBERS,
	round,
	roundOf,
	SPELLINGS,
	type Execution,
	type Round,
} from '../test/soak/round';
// With its ending, or the codex beside it would be taken for it.
import { JuheMobileStatus } from '../nodes/JuheMobileStatus/JuheMobileStatus.node.ts';

/** An execution that takes longer than this hangs, in milliseconds: what is drawn below is over long before. */
const LONGEST_EXECUTION = 180_000;
/**
 * Where this process stood still for a longer share of the timeout, an answer that was sent may have been read too late: a
 * request and its answer are some five turns of the event loop.
 */
const STALL = 0.15;
/** For the requests of most executions, in milliseconds. */
const LONG_TIMEOUT = 20_000;
/** For making a failing round smaller, in milliseconds. */
const SHRINKING = 120_000;

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
	private readonly invariants: Invariants;

	constructor(
		private readonly drawn: Round,
		private readonly simulator: Simulator,
		private readonly figures: Figures,
	) {
		this.invariants = new Invariants(drawn, simulator);
	}

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

		this.invariants.check(result, rows, {
			mobiles,
			tries,
			timeout,
			stall,
			isStalled,
			cancelledAt,
			isDown: drawn.down !== undefined,
		});
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
