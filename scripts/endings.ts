/** What a service costs that does not work, or not always: `npm run bench:endings -- --help`. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import Table from 'cli-table3';
import { Command, InvalidArgumentError } from 'commander';

import type { runNode } from '../test/engine';
import type { Fault, Simulator, startSimulator } from '../test/simulator/simulator';

/** A list of numbers, and what the service does with it. */
interface Case {
	name: string;
	numbers: number;
	/** Of an answer, in milliseconds. */
	latency?: number;
	begin: (simulator: Simulator, numbers: string[]) => unknown;
	/** When the service works again, in milliseconds from the start. */
	worksAfter?: number;
}

const code = (value: number): Fault => ({ kind: 'code', code: value });
const http = (status: number): Fault => ({ kind: 'http', status });
const LOST: Fault = { kind: 'resetBefore' };

/** Every answer is spoilt. */
const always = (name: string, fault: Fault, more: Partial<Case> = {}): Case => ({
	...{ name, numbers: 400, begin: (simulator) => simulator.script({ fault }) },
	...more,
});
/** The service works, fails from the first second on, and works again after the sixth. */
const outage = (name: string, fault?: Fault): Case => ({
	...{ name: `works, ${name} for 5 s`, numbers: 2000, latency: 50, worksAfter: 6000 },
	begin: (simulator) =>
		setTimeout(() => (fault ? simulator.script({ fault }) : void simulator.refuse()), 1000),
});
/** The numbers for which `isSpoilt` says so are spoilt, `times` times each. */
const some = (
	name: string,
	fault: (index: number) => Fault | undefined,
	more: Partial<Case> = {},
	times?: number,
): Case => ({
	...{ name, numbers: 400 },
	begin: (simulator, numbers) =>
		numbers.forEach((mobile, index) => {
			const spoilt = fault(index);
			if (spoilt) simulator.script({ mobile, times, fault: spoilt });
		}),
	...more,
});
const SLOW = { numbers: 200, latency: 50 };
const isMost = (index: number) => index % 10 < 6;

const CASES: Case[] = [
	always('answer lost', LOST),
	always('224902', code(224902)),
	always('404', http(404)),
	always('10011', code(10011)),
	{ name: 'connection refused', numbers: 400, begin: (simulator) => simulator.refuse() },
	some('all well', () => undefined, SLOW),
	some(
		'10 wait for a try',
		(index) => (index < 20 && index % 2 === 0 ? http(503) : undefined),
		SLOW,
		1,
	),
	always('answer lost for 5 s', LOST, { worksAfter: 5000, latency: 50, numbers: 2000 }),
	always('503 for 5 s', http(503), { worksAfter: 5000, latency: 50, numbers: 2000 }),
	outage('refuses', undefined),
	outage('503', http(503)),
	outage('answer lost', LOST),
	outage('10011', code(10011)),
	some('60% answer lost', (index) => (isMost(index) ? LOST : undefined)),
	some('60% 224919', (index) => (isMost(index) ? code(224919) : undefined)),
	some('two codes in turn', (index) => code(index % 2 ? 224902 : 224919)),
	some('502 and 503 in turn', (index) => http(index % 2 ? 502 : 503)),
];

/** Runs a case on the node of a checkout, and tells what it cost. */
async function measure(source: string, drawn: Case, limit: number): Promise<string> {
	const load = async <T>(path: string) =>
		(await import(pathToFileURL(resolve(source, path)).href)) as T;
	const engine = await load<{ runNode: typeof runNode }>('test/engine.ts');
	const service = await load<{ startSimulator: typeof startSimulator }>(
		'test/simulator/simulator.ts',
	);
	const simulator = await service.startSimulator({ latency: drawn.latency, keepRequests: false });
	const numbers = Array.from(
		{ length: drawn.numbers },
		(_, index) => `139${String(index).padStart(7, '0')}0`,
	);
	const timers: NodeJS.Timeout[] = [];
	let sent = 0;
	const cancelled = new AbortController();
	const heal = async () => {
		sent += simulator.counts.requests;
		simulator.reset();
		await simulator.accept();
	};
	if (drawn.worksAfter !== undefined) timers.push(setTimeout(() => void heal(), drawn.worksAfter));
	await drawn.begin(simulator, numbers);
	const begin = performance.now();
	const { outputs } = await engine.runNode(
		numbers.map((phone) => ({ phone })),
		{
			credential: simulator.credential,
			node: { onError: 'continueRegularOutput' },
			onStart: (cancel) => {
				timers.push(
					setTimeout(() => {
						cancelled.abort();
						cancel();
					}, limit * 1000),
				);
			},
		},
	);
	const seconds = (performance.now() - begin) / 1000;
	for (const timer of timers) clearTimeout(timer);
	await simulator.close();
	const results = (outputs[0] ?? []).map(
		({ json }) => (json.details ?? json.mobileStatus) as { attempts: number; label?: string },
	);
	// A refused connection does not reach the simulator, and a cancelled execution has no output.
	const attempts = results.reduce((sum, result) => sum + result.attempts, 0);
	const requests = Math.max(attempts, sent + simulator.counts.requests);
	const answered = results.filter(({ label }) => label !== undefined).length;
	return `${requests} requests, ${cancelled.signal.aborted ? `over ${limit}` : seconds.toFixed(1)} s, ${answered} answered`;
}

const program = new Command('endings')
	.description(
		'Requests and seconds of lists whose service does not work, or not always: default settings, On Error: Continue.',
	)
	.option('--source <folder>', 'another checkout to compare with')
	.option('--only <text>', 'only cases whose name contains this', '')
	.option(
		'--limit <seconds>',
		'cancels a case that takes longer',
		(text) => {
			if (!/^\d+$/.test(text)) throw new InvalidArgumentError('A whole number is needed.');
			return Number(text);
		},
		120,
	)
	.action(async ({ source, only, limit }: { source?: string; only: string; limit: number }) => {
		const sources = [resolve(__dirname, '..'), ...(source === undefined ? [] : [source])];
		const table = new Table({ head: ['Case', 'Numbers', ...sources] });
		for (const drawn of CASES.filter(({ name }) => name.includes(only))) {
			const cells: string[] = [];
			for (const each of sources) cells.push(await measure(each, drawn, limit));
			table.push([drawn.name, drawn.numbers, ...cells]);
			console.log(drawn.name, cells.join(' | '));
		}
		console.log(table.toString());
	});

program.parseAsync().catch((error: unknown) => program.error(`error: ${(error as Error).message}`));
