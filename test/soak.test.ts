/** Rounds with fixed seeds of what `npm run soak` draws at random. */
import { newFigures, play } from './soak/play';
import { roundOf } from './soak/round';

test.each(Array.from({ length: 20 }, (_, index) => index + 1))(
	'what must hold of any list, any settings and any faults holds in round %i',
	async (seed) => {
		await expect(play(roundOf(seed), newFigures())).resolves.toBeUndefined();
	},
	120_000,
);
