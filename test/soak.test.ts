/** Rounds of what `npm run soak` draws at random, chosen so that they are quick and meet most of what may be drawn. */
import { newFigures, play } from './soak/play';
import { roundOf } from './soak/round';

const SEEDS = [
	...[22, 28, 94, 99, 104, 114, 124, 146, 159, 166, 183, 217, 219, 222, 252, 256, 266, 268],
	...[279, 284, 328, 347, 350, 351, 381, 310_803],
];

test.each(SEEDS)(
	'what must hold of any list, settings and faults holds in round %i',
	async (seed) => {
		await expect(play(roundOf(seed), newFigures())).resolves.toBeUndefined();
	},
	120_000,
);
