/** What the benchmark writes: docs/benchmark.md, a section for each command. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

import { N8N_VERSION } from '../real-n8n';
import { LATENCY, ROOT } from './simulator';

const REPORT = join(ROOT, 'docs/benchmark.md');
const INTRO = `# Benchmark

What the node costs beside other ways to do the same. Each section names the command that writes it. The two sides of a
ratio are measured in one run, in turns. Seconds are those that n8n records for the node; CPU and memory are those of the
whole process.
`;
/** The sections, in their order. */
const SECTIONS = [
	'Ratios',
	'All figures',
	'Over https',
	'A list that is checked again',
	'Writing back',
	'A year of nightly checks',
] as const;

export type Section = (typeof SECTIONS)[number];

/** A table of Markdown. */
export function table(head: string[], rows: Array<Array<string | number>>): string {
	return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** Where and when a command was measured. @param command as it is typed, such as `npm run bench` */
export function measuredBy(command: string, rounds: number): string {
	const openFiles = execFileSync('sh', ['-c', 'ulimit -n']).toString().trim();
	return `\`${command}\`, ${new Date().toISOString().slice(0, 10)}: n8n ${N8N_VERSION}, ${cpus().length} × ${cpus()[0]?.model.trim()}, Node.js ${process.versions.node} for the bare engine, at most ${openFiles} open files; the simulator on the same machine with ${LATENCY} ms latency. Medians of ${rounds} rounds.`;
}

/** Puts a section, without its heading, in the place of the one of the same name. */
export function writeSection(section: Section, body: string): void {
	const [, ...parts] = readFileSync(REPORT, 'utf8').split(/^## /m);
	const known = new Map(
		parts.map((part) => {
			const [name = '', ...lines] = part.split('\n');
			return [name, lines.join('\n').trim()];
		}),
	);
	known.set(section, body);
	const text = SECTIONS.flatMap((name) => {
		const written = known.get(name);
		return written === undefined ? [] : [`## ${name}\n\n${written}\n`];
	});
	writeFileSync(REPORT, [INTRO, ...text].join('\n'));
}
