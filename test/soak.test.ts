/** Rounds of what `npm run soak` draws at random, chosen so that they are quick and meet every kind of what may be drawn. */
import { kindOf, TROUBLES } from './faults';
import { OPERATION_NAMES } from './simulated';
import { newFigures, play } from './soak/play';
import { EDITS, roundOf } from './soak/round';

const SEEDS = [
	...[20022, 20026, 20120, 20148, 20217, 20242, 20281, 20378, 20445, 20468, 20476, 20479, 20511],
	...[20531, 20553, 20564, 20583, 20608, 20628, 20667, 20677, 20681, 20697, 20730, 20841, 20851],
	...[20857, 20858, 20886, 20902, 20911],
];

const figures = newFigures();

test.each(SEEDS)(
	'what must hold of any list, settings and faults holds in round %i',
	async (seed) => {
		await expect(play(roundOf(seed), figures)).resolves.toBeUndefined();
	},
	120_000,
);

// Once the generator has changed, other seeds are needed: a seed stands for another round then.
test('the rounds have met every kind of fault, of reuse and of use', () => {
	const kinds = [
		...TROUBLES.map(kindOf),
		...['no fault', 'an odd answer', 'service down'],
		...[
			'source query',
			'source duplicate',
			'source reused',
			'an answer that beats a row',
			'a poll',
		],
		...['plan billable', 'plan duplicate', 'plan reusable', 'plan overCap'],
		...['shape once', 'shape twice', 'shape loop', 'shape back', 'whole seconds', 'a wait'],
		...['result as object', 'result as columns', 'split outputs', 'summary output'],
		...['stopWorkflow', 'continueRegularOutput', 'continueErrorOutput', ...OPERATION_NAMES],
		...['dry run', 'masked numbers', 'retry by hand', 'Retry On Fail', 'cancelled'],
		...['failure invalidNumber', 'failure not sent: overCap', 'a cap that sends nothing'],
		...['a lost answer asked for again', 'a run in which nothing works'],
		...EDITS.map((edit) => `edit ${edit}`),
	];
	expect(kinds.filter((kind) => !figures.met[kind])).toEqual([]);
});
