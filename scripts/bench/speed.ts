/** The node against a bare node and against n8n's HTTP Request node, over http and https. */
import { onEngine } from './engine';
import { measuredBy, rounded, runOf, type Run } from './figures';
import { measure, type Contender } from './measure';
import { createWorkflows, withN8n } from './n8n';
import { writePart } from './report';
import { startSimulator, startTls } from './simulator';

const CONCURRENCIES = [20, 50] as const;
const OPERATIONS = ['plain', 'aes', 'rsa'] as const;
/** Requests a second that some of the services bear; nobody tells the node. */
const RATES = [20, 50, 100] as const;

/** The options that all commands share. */
export interface BenchOptions {
	rounds: number;
	/** Of the lists that are measured in every round. */
	rows: number;
	/** Of the long list, which is measured once. */
	long: number;
	/** Whether the result is only printed. */
	print: boolean;
}

/** `npm run bench -- speed`. */
export async function measureSpeed({ rounds, rows, long, print }: BenchOptions): Promise<void> {
	const simulator = await startSimulator();
	const limited = await Promise.all(RATES.map((rate) => startSimulator(rate)));
	try {
		await withN8n(async (n8n) => {
			const workflows = await createWorkflows(n8n, simulator, rows);
			const ours = await eachOf(CONCURRENCIES, (concurrency) =>
				eachOf(OPERATIONS, (operation) => workflows.ours(operation, concurrency)),
			);
			const floor = await eachOf(CONCURRENCIES, (concurrency) => workflows.floor(concurrency));
			const http = await workflows.http();
			const httpBare = await workflows.httpBare();
			const code = await eachOf(['aes', 'rsa'] as const, (name) => workflows.codeAndHttp(name));
			const dirty = await workflows.ours('plain', 50, { list: 'dirty' });
			const dirtyHttp = await workflows.http({ list: 'dirty' });
			const lengths = {
				short: await workflows.ours('plain', 50, { rows: long / 100 }),
				middle: await workflows.ours('plain', 50, { rows: long / 10 }),
				long: once(await workflows.ours('plain', 50, { rows: long })),
			};
			const longHttp = once(await workflows.httpBare({ rows: long / 5 }));
			const engine = await eachOf(CONCURRENCIES, async (concurrency) => ({
				ours: onEngine(simulator, `Juhe Mobile Status, plain, ${concurrency} at a time`, {
					...{ contender: 'ours', concurrency, rows },
				}),
				floor: onEngine(simulator, `Bare node, plain, ${concurrency} at a time`, {
					...{ contender: 'floor', concurrency, rows },
				}),
			}));
			const stubbed = onEngine(simulator, 'Juhe Mobile Status, plain, answers at once', {
				// As the node that only adds an answer writes it.
				...{ contender: 'stubbed', rows: long, options: { resultAs: 'object' } },
			});
			const copied = onEngine(simulator, 'A node that only adds an answer', {
				...{ contender: 'copied', rows: long },
			});
			const slow = limited.map((service, index) =>
				onEngine(service, `Juhe Mobile Status, the service bears ${RATES[index]} a second`, {
					...{ contender: 'ours', concurrency: 10, rows: rows / 2 },
				}),
			);
			const contenders = [
				...CONCURRENCIES.flatMap((each) => [...Object.values(ours[each]), floor[each]]),
				...[http, httpBare, code.aes, code.rsa, dirty, dirtyHttp],
				...[...Object.values(lengths), longHttp],
				...CONCURRENCIES.flatMap((each) => Object.values(engine[each])),
				...[stubbed, copied, ...slow],
			];
			const results = await measure(contenders, rounds);

			const [own, bare] = [stubbed, copied].map((each) => results.get(each)!);
			const overhead = {
				...{ cpu: rounded(own!.cpu!, 3), cpuOfSuchNode: rounded(bare!.cpu!, 3) },
				heapBytes: rounded((own!.heap! - bare!.heap!) / long, 0),
				ledgerBytes: rounded(own!.kept! / long, 0),
				storedBytes: rounded((own!.stored! - bare!.stored!) / long, 0),
			};
			const runs = contenders.map((each) => runOf(each, results));
			const measured = measuredBy('npm run bench -- speed', rounds);
			writePart('speed', { measured, runs, overhead }, print);
		});
	} finally {
		[simulator, ...limited].forEach(({ stop }) => stop());
	}
}

/** `npm run bench -- https`: the same over http and https. */
export async function measureHttps({ rounds, rows, print }: BenchOptions): Promise<void> {
	const simulator = await startSimulator();
	const tls = await startTls(simulator);
	try {
		await withN8n(
			async (n8n) => {
				const schemes = await eachOf(['http', 'https'] as const, async (scheme) => {
					const baseUrl = scheme === 'http' ? simulator.url : tls.url;
					const workflows = await createWorkflows(n8n, simulator, rows, baseUrl);
					const contenders = [
						await workflows.ours('plain', 50),
						await workflows.floor(50),
						await workflows.http(),
					];
					return contenders.map((contender) => ({ ...contender, run: counted(contender.run) }));
				});
				const results = await measure([...schemes.http, ...schemes.https], rounds);
				const [http, https] = [schemes.http, schemes.https].map((contenders) =>
					contenders.map((each) => runOf(each, results)),
				) as [Run[], Run[]];
				const measured = measuredBy('npm run bench -- https', rounds);
				writePart('https', { measured, http, https }, print);
			},
			{ NODE_EXTRA_CA_CERTS: tls.certificate },
		);
	} finally {
		tls.stop();
		simulator.stop();
	}

	function counted(run: Contender['run']): Contender['run'] {
		return async () => {
			const before = tls.handshakes();
			return { ...(await run()), handshakes: tls.handshakes() - before };
		};
	}
}

function once(contender: Contender): Contender {
	return { ...contender, isMeasuredOnce: true };
}

/** An object with a value for each name, made one after the other. */
async function eachOf<Name extends PropertyKey, Value>(
	names: readonly Name[],
	make: (name: Name) => Promise<Value>,
): Promise<Record<Name, Value>> {
	const made = {} as Record<Name, Value>;
	for (const name of names) made[name] = await make(name);
	return made;
}
