/** Runs contenders in turns and takes medians. */
import { SingleBar } from 'cli-progress';

import type { SimulatorProcess } from './simulator';

/** What one run took. */
export interface Figures {
	/** As n8n records them for the nodes that are measured. */
	seconds: number;
	/** CPU milliseconds a row, of the whole process. */
	cpu?: number;
	/** The most megabytes that the process took. */
	memory?: number;
	/** Bytes on the heap after the run, while the execution's data is alive; on the bare engine only. */
	heap?: number;
	/** Of `heap`, what the node keeps for later calls of the execution. */
	kept?: number;
	/** Bytes of the execution as n8n stores it; on the bare engine only. */
	stored?: number;
	/** TLS handshakes. */
	handshakes?: number;
}

/** Something that looks numbers up, and the list that it gets. */
export interface Contender {
	name: string;
	where: 'n8n' | 'bare engine';
	list: string;
	rows: number;
	simulator: SimulatorProcess;
	/** True for one that is too long to be measured in every round. */
	isMeasuredOnce?: boolean;
	/** @throws Error where it does not get to its end */
	run: () => Promise<Figures>;
}

/** The medians of a contender. */
export interface Measured extends Figures {
	requests: number;
	billed: number;
	/** The most connections at one time. */
	connections: number;
	/** Why there are no seconds. */
	failedWith?: string;
}

export type Results = ReadonlyMap<Contender, Measured>;

/** Lets everybody run in turns, forth and back, so that a slow minute of the machine is nobody's own. */
export async function measure(contenders: Contender[], rounds: number): Promise<Results> {
	const turns = Array.from({ length: rounds }, (_, round) => {
		const inRound = contenders.filter(({ isMeasuredOnce }) => round === 0 || !isMeasuredOnce);
		return round % 2 === 0 ? inRound : inRound.reverse();
	}).flat();
	const bar = new SingleBar({
		format: '{bar} {value}/{total} {name}',
		clearOnComplete: true,
		noTTYOutput: true,
		notTTYSchedule: 60_000,
	});
	bar.start(turns.length, 0, { name: '' });
	const runs = new Map(contenders.map((contender) => [contender, [] as Measured[]]));
	for (const contender of turns) {
		const { simulator, name, rows } = contender;
		bar.increment(0, { name: `${name}, ${rows} rows` });
		await simulator.reset();
		const figures: Figures & { failedWith?: string } = await contender
			.run()
			.catch((error: unknown) => ({
				seconds: NaN,
				failedWith: (error as Error).message.split('\n')[0],
			}));
		const { requests, billed, peakConnections: connections } = await simulator.counts();
		runs.get(contender)?.push({ ...figures, requests, billed, connections });
		bar.increment(1);
	}
	bar.stop();
	return new Map([...runs].map(([contender, each]) => [contender, mediansOf(each)]));
}

function mediansOf(runs: Measured[]): Measured {
	const failed = runs.find(({ failedWith }) => failedWith !== undefined);
	if (failed) return failed;
	const names = Object.keys(runs[0] ?? {}) as Array<keyof Omit<Measured, 'failedWith'>>;
	const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
	return Object.fromEntries(
		names.map((name) => [name, median(runs.map((run) => run[name] ?? NaN))]),
	) as unknown as Measured;
}
