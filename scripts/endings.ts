/** What a run costs whose service does not work, or not always: `npm run bench:endings -- --help`. */
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

import Table from 'cli-table3';
import { Command } from 'commander';

import type * as Engine from '../test/engine';
import { troubleOf } from '../test/faults';
import type * as Service from '../test/simulator/simulator';

/** A case that takes longer is cancelled, in milliseconds. */
const LIMIT = 600_000;

/** By the place of a number in the list; undefined for one that is answered. `down`: no connection at all. */
type FaultOf = (place: number) => Service.Fault | 'down' | undefined;

interface Plan {
	/** How often a number meets its fault. */
	times?: number;
	/** When the service begins to fail and when it works again, in milliseconds from the start. */
	from?: number;
	until?: number;
	/** How far the clock of the machine is set, in milliseconds, a second after the start. */
	clockBy?: number;
	numbers?: number;
	concurrency?: number;
	/** Of an answer, in milliseconds. */
	latency?: number;
}

const faultOf = (name: string) => troubleOf(name).fault;
const LOST = faultOf('a reset');
const askToWait = (seconds: number): Service.Fault => ({
	kind: 'http',
	status: 429,
	retryAfter: String(seconds),
});
/** The fault for every other number of the first ones. */
const inTurn = (place: number, first: number, fault: Service.Fault) =>
	place < first && place % 2 ? fault : undefined;
const FEW = { numbers: 200, latency: 50 };
const MANY = { numbers: 2000, latency: 50 };
const DOWN_LATER = { ...MANY, from: 1000, until: 6000 };

const CASES: Array<[name: string, fault: FaultOf, plan?: Plan]> = [
	['every answer lost', () => LOST],
	['every answer 224902', () => faultOf('code 224902')],
	['every answer 404', () => faultOf('HTTP 404')],
	['every answer 10011', () => faultOf('code 10011')],
	['every answer 429, Retry-After 30', () => askToWait(30)],
	['every answer 429, Retry-After 60', () => askToWait(60)],
	['connection refused', () => 'down'],
	['all well', () => undefined, FEW],
	[
		'10 of the first 20 wait',
		(place) => inTurn(place, 20, faultOf('HTTP 503')),
		{ ...FEW, times: 1 },
	],
	['503 for 5 s at first', () => faultOf('HTTP 503'), { ...MANY, until: 5000 }],
	['503 for 5 s later', () => faultOf('HTTP 503'), DOWN_LATER],
	[
		'503 for 5 s later, 50 at a time',
		() => faultOf('HTTP 503'),
		{ ...DOWN_LATER, concurrency: 50 },
	],
	['answers lost for 5 s later', () => LOST, DOWN_LATER],
	['10011 for 5 s later', () => faultOf('code 10011'), DOWN_LATER],
	[
		'503 for 5 s later, clock set back 8 s',
		() => faultOf('HTTP 503'),
		{ ...DOWN_LATER, clockBy: -8000 },
	],
	['60% lost', (place) => (place % 10 < 6 ? LOST : undefined)],
	['two codes in turn', (place) => faultOf(`code ${place % 2 ? 224902 : 224919}`)],
	['502 and 503 in turn', (place) => faultOf(`HTTP ${place % 2 ? 502 : 503}`)],
];

/** Runs a case with the node of a checkout, and tells what it took. */
async function measure(source: string, faultAt: FaultOf, plan: Plan): Promise<string> {
	const load = async <T>(path: string) =>
		(await import(pathToFileURL(resolve(source, path)).href)) as T;
	const { runNode } = await load<typeof Engine>('test/engine.ts');
	const { startSimulator } = await load<typeof Service>('test/simulator/simulator.ts');
	const { numbers: count = 400, concurrency = 10, latency, times } = plan;
	const simulator = await startSimulator({ latency, keepRequests: false });
	const numbers = Array.from({ length: count }, (_, place) => 13_900_000_000 + place * 10);
	const fail = async () => {
		if (faultAt(0) === 'down') await simulator.refuse();
		for (const [place, number] of numbers.entries()) {
			const fault = faultAt(place);
			if (typeof fault === 'object') simulator.script({ mobile: String(number), times, fault });
		}
	};
	const recover = async () => {
		simulator.reset();
		await simulator.accept();
	};
	const over = new AbortController();
	const later = async (act: () => unknown, wait: number) =>
		await sleep(wait, undefined, { signal: over.signal }).then(act, () => undefined);
	if (plan.from === undefined) await fail();
	else void later(fail, plan.from);
	if (plan.until) void later(recover, plan.until);
	const { now } = Date;
	const { clockBy = 0 } = plan;
	void later(() => (Date.now = () => now() + clockBy), 1000);
	const begin = performance.now();
	const rows = numbers.map((phone) => ({ phone }));
	const { outputs } = await runNode(rows, {
		credential: simulator.credential,
		// In the shape that every checkout has.
		parameters: { options: { concurrency, resultAs: 'object' } },
		node: { onError: 'continueRegularOutput' },
		onStart: (cancel) => void later(cancel, LIMIT),
	});
	over.abort();
	Date.now = now;
	const seconds = (performance.now() - begin) / 1000;
	await simulator.close();
	type Told = { attempts: number; label?: string };
	const results = (outputs[0] ?? []).map(({ json }) => (json.details ?? json.mobileStatus) as Told);
	// A refused connection does not reach the simulator, and a cancelled execution has no output.
	const attempts = results.reduce((sum, result) => sum + result.attempts, 0);
	const requests = Math.max(attempts, simulator.counts.requests);
	const answered = results.filter(({ label }) => label !== undefined).length;
	return `${requests} requests, ${seconds.toFixed(1)} s, ${answered} answered`;
}

const program = new Command('endings')
	.description('Requests and seconds of lists whose service does not work, or not always.')
	.option('--source <folder>', 'another checkout to compare with')
	.option('--only <text>', 'only cases whose name contains this', '')
	.action(async ({ source, only }: { source?: string; only: string }) => {
		const sources = [resolve(__dirname, '..'), ...(source === undefined ? [] : [source])];
		const table = new Table({ head: ['Case', 'Numbers', ...sources] });
		for (const [name, faultAt, plan = {}] of CASES.filter(([each]) => each.includes(only))) {
			const cells: string[] = [];
			for (const folder of sources) cells.push(await measure(folder, faultAt, plan));
			table.push([name, plan.numbers ?? 400, ...cells]);
		}
		console.log(table.toString());
	});

program.parseAsync().catch((error: unknown) => program.error(`error: ${(error as Error).message}`));
