/** What the benchmark writes: a part of docs/benchmark.json, and the page and the charts that show all parts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { speedChart, yearChart } from './charts';
import { FIGURES_FILE, readFigures, type Figures } from './figures';
import { pageOf } from './page';
import { ROOT } from './simulator';

/** Prints a part, and puts it in the place of the one of the same name. */
export function writePart<Part extends keyof Figures>(
	part: Part,
	value: Figures[Part],
	isOnlyPrinted: boolean,
): void {
	console.log(jsonOf(value));
	if (isOnlyPrinted) return;
	const figures = { ...readFigures(), [part]: value };
	const files = filesOf(figures);
	writeFileSync(FIGURES_FILE, `${jsonOf(figures)}\n`);
	for (const [name, text] of Object.entries(files)) {
		writeFileSync(join(ROOT, 'docs', name), text);
	}
}

/** JSON with a record a line. */
function jsonOf(value: unknown): string {
	return JSON.stringify(value, null, '\t').replace(/\{[^{}[\]]*\}/g, (record) =>
		record.replace(/\n\t*/g, ' '),
	);
}

/** The files of docs/ that show the figures, by their names. */
export function filesOf(figures: Figures): Record<string, string> {
	return {
		'benchmark.md': pageOf(figures),
		'benchmark.svg': speedChart(figures.speed),
		'year.svg': yearChart(figures.year),
	};
}
