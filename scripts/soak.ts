/** Random lists, settings and faults against the node, on n8n's own engine: `npm run soak -- --help`. */
import { Command } from 'commander';
import fc from 'fast-check';

import { newFigures, play } from '../test/soak/play';
import { round, roundOf } from '../test/soak/round';

/** For making a failing round smaller, in milliseconds. */
const SHRINKING = 120_000;

type Options = Record<'minutes' | 'rounds' | 'lanes', number> & { seed?: number };

async function main({ minutes, rounds, lanes, seed }: Options): Promise<void> {
	const first = seed ?? Math.floor(Date.now() / 1000) % 1e8;
	const figures = newFigures();
	const end = Date.now() + minutes * 60_000;
	console.log(`Seed ${first}, ${lanes} rounds at a time`);
	let next = first;
	const playOn = async (): Promise<{ seed: number; error: Error } | undefined> => {
		while (Date.now() < end && next < first + rounds) {
			const own = next++;
			try {
				await play(roundOf(own), figures);
			} catch (error) {
				return { seed: own, error: error as Error };
			}
		}
		return undefined;
	};
	const playing = Array.from({ length: lanes }, playOn);
	// The first that breaks, without waiting for what may hang in another lane.
	const broken = await Promise.race([
		Promise.all(playing).then((ends) => ends.find((each) => each !== undefined)),
		...playing.map(async (lane) => (await lane) ?? (await new Promise<never>(() => {}))),
	]);
	console.log(figures);
	if (broken === undefined) return;

	process.exitCode = 1;
	console.log(`\nBroken in round ${broken.seed}: ${broken.error.stack}`);
	console.log(`Again: npm run soak -- --seed ${broken.seed} --rounds 1\nMaking it smaller …`);
	const property = fc.asyncProperty(round, (drawn) => play(drawn, newFigures()));
	const limits = { seed: broken.seed, numRuns: 1, interruptAfterTimeLimit: SHRINKING };
	const { counterexample, interrupted } = await fc.check(property, limits);
	if (counterexample === null) {
		console.log(interrupted ? 'There was no time for it.' : 'It did not break again.');
	}
	const shorten = (_: string, each: unknown) =>
		typeof each === 'string' && each.length > 500 ? `${each.length} characters` : each;
	console.log(JSON.stringify(counterexample?.[0] ?? roundOf(broken.seed), shorten));
	// What hangs would keep the process alive.
	process.exit();
}

const program = new Command('soak')
	.description('Random lists, settings and faults against the node, and what must hold of them.')
	.option('--minutes <number>', 'how long', Number, 10)
	.option('--seed <number>', 'of the first round; each round is the seed of its own', Number)
	.option('--rounds <number>', 'how many at most', Number, Infinity)
	.option('--lanes <number>', 'rounds at the same time', Number, 3)
	.action(main);

program.parseAsync().catch((error: unknown) => program.error(`error: ${(error as Error).message}`));
