/** A long list of which a few rows are due, with Reuse Results in Rows. */
import { onEngine } from './engine';
import { checkedList } from './lists';
import { measure, type Contender } from './measure';
import { createWorkflows, withN8n } from './n8n';
import { measuredBy, table, writeSection } from './report';
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
			const [object, columns] = SHAPES.map((shape) => inEngine(shape, 0));
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
			const ratio = (results.get(columns!)!.cpu! / results.get(object!)!.cpu!).toFixed(2);
			const lines = contenders.map((contender) => {
				const { seconds, cpu, memory, billed } = results.get(contender)!;
				const inNode = Number.isNaN(seconds) ? '–' : seconds.toFixed(2);
				const figures = [inNode, cpu!.toFixed(3), memory!.toFixed(0), billed];
				return [contender.name, contender.where, ...figures];
			});
			const text = `${measuredBy('npm run bench -- reuse', rounds)} ${long} rows carry a result of yesterday, and 50 requests run at a time. n8n gives no seconds (–) of an execution whose data is too large to display.

${table(['Rows', 'Where', 'Seconds in the node', 'CPU ms a row', 'Peak MB', 'Billed'], lines)}

Reading results from columns takes ${ratio} of the CPU time of reading them from an object.`;
			console.log(text);
			if (!print) writeSection('A list that is checked again', text);
		});
	} finally {
		simulator.stop();
	}
}
