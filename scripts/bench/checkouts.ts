/** The node of another checkout of this project beside this one. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { onEngine, type EngineOptions } from './engine';
import { measure, type Contender } from './measure';
import { createWorkflows, withN8n } from './n8n';
import { table } from './page';
import { ROOT, startSimulator } from './simulator';
import type { BenchOptions } from './speed';

const CONCURRENCIES = [20, 50] as const;
const OPERATIONS = ['plain', 'aes', 'rsa'] as const;
/** Of the list whose execution is weighed as n8n stores it. */
const STORED_ROWS = 10_000;

/** The same job for the node of either checkout. */
interface Pair {
	what: string;
	before: Contender;
	now: Contender;
}

export interface CompareOptions extends BenchOptions {
	/** Root folder of the other checkout, with its packages and, for n8n, its build. */
	source: string;
	/** False for the bare engine alone. */
	n8n: boolean;
}

/** `npm run bench -- compare`: prints both, measured in turns. */
export async function compareCheckouts({
	source,
	rounds,
	rows,
	long,
	n8n: isInN8n,
}: CompareOptions): Promise<void> {
	const simulator = await startSimulator();
	const pair = (what: string, options: EngineOptions, isMeasuredOnce = false): Pair => {
		// In the shape that every checkout has.
		const shaped = { ...options, options: { resultAs: 'object' } };
		const side = (checkout: string) => ({
			...onEngine(simulator, what, { ...shaped, source: checkout }),
			isMeasuredOnce,
		});
		return { what: `${what}, bare engine`, before: side(resolve(source)), now: side(ROOT) };
	};
	const jobs = CONCURRENCIES.flatMap((concurrency) =>
		OPERATIONS.map((operation) => ({ operation, concurrency })),
	);
	const lookups = jobs.map(({ operation, concurrency }) =>
		pair(`${operation}, ${concurrency} at a time`, {
			...{ contender: 'ours', operation, concurrency, rows },
		}),
	);
	const short = pair(`plain, ${long / 100} rows`, { contender: 'ours', rows: long / 100 });
	const longest = pair(`plain, ${long} rows`, { contender: 'ours', rows: long }, true);
	const stubbed = pair(`answers at once, ${long} rows`, { contender: 'stubbed', rows: long });
	const stored = pair(`answers at once, ${STORED_ROWS} rows`, {
		...{ contender: 'stubbed', rows: STORED_ROWS },
	});
	// The node that only adds an answer is the same for both.
	const copied = onEngine(simulator, 'adds an answer', { contender: 'copied', rows: long });

	const report = async (inN8n: Pair[]) => {
		const pairs = [...lookups, ...inN8n, short, longest, stubbed, stored];
		const results = await measure(
			[...pairs.flatMap(({ before, now }) => [before, now]), copied],
			rounds,
		);
		const of = (contender: Contender) => results.get(contender)!;
		const line = (
			what: string,
			digits: number,
			{ before, now }: Pair,
			value: (of: Contender) => number,
		) => {
			const [a, b] = [value(before), value(now)];
			return [what, a.toFixed(digits), b.toFixed(digits), (b / a).toFixed(2)];
		};
		const speed = (each: Contender) => each.rows / of(each).seconds;
		const overCopied = (each: Contender) => (of(each).heap! - of(copied).heap!) / long;
		const flat = ({ now, before }: Pair) => [speed(before), speed(now)];
		const [shortSpeeds, longSpeeds] = [flat(short), flat(longest)];
		const [flatBefore, flatNow] = longSpeeds.map((each, side) => each / shortSpeeds[side]!);
		const lines = [
			...[...lookups, ...inN8n].map((each) =>
				line(`seconds: ${each.what}`, 2, each, (side) => of(side).seconds),
			),
			[
				`rows a second: ${long} rows : ${long / 100} rows`,
				...[flatBefore!.toFixed(2), flatNow!.toFixed(2), ''],
			],
			line(`peak MB: ${longest.what}`, 0, longest, (side) => of(side).memory!),
			line('CPU ms a row of all but the request helper', 3, stubbed, (side) => of(side).cpu!),
			line('bytes a number over a node that adds an answer', 0, stubbed, overCopied),
			line('bytes a number, ledger alone', 0, stubbed, (side) => of(side).kept! / long),
			line(`stored KB: ${STORED_ROWS} rows`, 0, stored, (side) => of(side).stored! / 1000),
		];
		console.log(`Medians of ${rounds} rounds, in turns; lists of ${rows} rows.\n`);
		console.log(table(['What', 'Before', 'Now', 'Now : before'], lines));
	};

	try {
		if (!isInN8n) {
			await report([]);
			return;
		}
		const packed = pack(resolve(source));
		await withN8n((now) =>
			withN8n(
				async (before) => {
					const sides = {
						before: await createWorkflows(before, simulator, rows),
						now: await createWorkflows(now, simulator, rows),
					};
					const pairs: Pair[] = [];
					for (const { operation, concurrency } of jobs) {
						pairs.push({
							what: `${operation}, ${concurrency} at a time, n8n`,
							before: await sides.before.ours(operation, concurrency),
							now: await sides.now.ours(operation, concurrency),
						});
					}
					await report(pairs);
				},
				{},
				packed,
			),
		);
	} finally {
		simulator.stop();
	}
}

/** Packs a checkout that is built. @returns the tarball */
function pack(source: string): string {
	const folder = mkdtempSync(join(tmpdir(), 'juhe-bench-package-'));
	const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
	const packed = execFileSync('npm', args, { cwd: source, encoding: 'utf8' });
	const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
	return join(folder, filename);
}
