/** Random lists, settings and troubles against the node, on n8n's own engine: `npm run soak -- --help`. */
import { SingleBar } from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import fc from 'fast-check';

import { Broken } from '../test/soak/invariants';
import { newFigures, play, type Figures } from '../test/soak/play';
import { round, roundOf } from '../test/soak/round';

/** For making a failing round smaller, in milliseconds. */
const SHRINKING = 120_000;

interface Options {
	minutes: number;
	seed: number;
	rounds: number;
	lanes: number;
}

async function main({ minutes, seed, rounds, lanes }: Options): Promise<void> {
	const figures = newFigures();
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
		fc.asyncProperty(round, (drawn) => play(drawn, newFigures())),
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
	const { rounds, executions, calls, rows, requests, billed, reused, stalled, faults } = figures;
	const met = [...faults]
		.sort(([, a], [, b]) => b - a)
		.map(([name, times]) => `${name} ${count(times)}`);
	console.log(
		`${count(rounds)} rounds, ${count(executions)} executions (${count(stalled)} too slow to judge what was lost), ` +
			`${count(calls)} calls, ${count(rows)} rows, ${count(requests)} requests, ${count(billed)} billed, ` +
			`${count(reused)} reused. Faults met: ${met.join(', ')}.`,
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
