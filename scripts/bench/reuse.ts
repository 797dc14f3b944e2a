/** A long list of which a few rows are due, with Reuse Results in Rows. */
import { onEngine } from './engine';
import { checkedList } from './lists';
import { measure, type Contender } from './measure';
import { createWorkflows, withN8n } from './n8n';
import { measuredBy, runOf } from './figures';
import { writePart } from './report';
import { startSimulator } from './simulator';
import type { BenchOptions } from './speed';

const SHAPES = ['object', 'columns'] as const;
const DUE_PERCENT = 1;

/** `npm run bench -- reuse`. */
export async function measureReuse({ rounds, long, print }: BenchOptions): Promise<void> {
	const simulator = await startSimulator();
	try {
		await withN8n(async (n8n) => {
			const workflows = await createWorkflows(n8n, simulator, long);
			const contenders: Contender[] = [];
			const shaped = (shape: (typeof SHAPES)[number], due: number) => ({
				name: `Results as ${shape}, ${due}% due`,
				input: {
					rows: long,
					items: () => checkedList(long, due, shape),
					options: { reuseResults: true, resultAs: shape },
				},
			});
			const inEngine = (shape: (typeof SHAPES)[number], due: number) => {
				const { name, input } = shaped(shape, due);
				const contender = onEngine(simulator, name, { contender: 'ours', ...input });
				contenders.push(contender);
				return contender;
			};
			SHAPES.forEach((shape) => inEngine(shape, DUE_PERCENT));
			SHAPES.forEach((shape) => inEngine(shape, 0));
			for (const shape of SHAPES) {
				const { name, input } = shaped(shape, DUE_PERCENT);
				contenders.push({ ...(await workflows.ours('plain', 50, input)), name });
			}
			const results = await measure(contenders, rounds);

			for (const contender of contenders.filter(({ name }) => name.includes(` ${DUE_PERCENT}%`))) {
				const { billed, failedWith } = results.get(contender)!;
				if (billed === (long * DUE_PERCENT) / 100) continue;
				throw new Error(`${contender.name}: ${failedWith ?? `${billed} queries were billed`}`);
			}
			const runs = contenders.map((contender) => runOf(contender, results));
			const measured = measuredBy('npm run bench -- reuse', rounds);
			writePart('reuse', { measured, runs }, print);
		});
	} finally {
		simulator.stop();
	}
}
