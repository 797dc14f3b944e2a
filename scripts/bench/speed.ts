/** The node against a bare node and against n8n's HTTP Request node, over http and https. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { N8N_VERSION } from '../real-n8n';
import { onEngine } from './engine';
import { measure, type Contender, type Results } from './measure';
import { createWorkflows, withN8n } from './n8n';
import { measuredBy, table, writeSection } from './report';
import { LATENCY, ROOT, startSimulator, startTls } from './simulator';

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

type Ratio = [what: string, value: string];

/** `npm run bench`: writes Ratios, All figures and the chart. */
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

			const of = (contender: Contender) => results.get(contender)!;
			const time = (a: Contender, b: Contender) => (of(a).seconds / of(b).seconds).toFixed(2);
			const speed = (each: Contender) => each.rows / of(each).seconds;
			const ratios: Ratio[] = [
				...CONCURRENCIES.flatMap((each) =>
					OPERATIONS.map((operation): Ratio => [
						`time: ${operation}, ${each} at a time : bare node`,
						time(ours[each][operation], floor[each]),
					]),
				),
				...CONCURRENCIES.map((each): Ratio => [
					`time on the bare engine: plain, ${each} at a time : bare node`,
					time(engine[each].ours, engine[each].floor),
				]),
				['time: plain, 50 at a time : HTTP Request with credential', time(ours[50].plain, http)],
				['time: aes, 50 at a time : Code + HTTP Request', time(ours[50].aes, code.aes)],
				['time: rsa, 50 at a time : Code + HTTP Request', time(ours[50].rsa, code.rsa)],
				['time: dirty list, 50 at a time : HTTP Request with credential', time(dirty, dirtyHttp)],
				['bill: dirty list : HTTP Request', (of(dirty).billed / of(dirtyHttp).requests).toFixed(2)],
				[
					`rows a second: ${long} rows : ${long / 100} rows`,
					(speed(lengths.long) / speed(lengths.short)).toFixed(2),
				],
				...slow.flatMap((each, index): Ratio[] => {
					const service = `where the service bears ${RATES[index]} a second`;
					const { seconds, requests } = of(each);
					return [
						[
							`time : shortest possible, ${service}`,
							((seconds * RATES[index]!) / each.rows).toFixed(2),
						],
						[`refused requests, ${service}`, `${(100 * (requests / each.rows - 1)).toFixed(1)}%`],
					];
				}),
				[
					'CPU ms a row of all but the request helper, with the engine',
					of(stubbed).cpu!.toFixed(3),
				],
				[
					'CPU ms a row of a node that only adds an answer, with the engine',
					of(copied).cpu!.toFixed(3),
				],
				[
					`heap after the run over that of such a node, bytes a row (${long} rows)`,
					((of(stubbed).heap! - of(copied).heap!) / long).toFixed(0),
				],
				['of these the ledger of the execution', (of(stubbed).kept! / long).toFixed(0)],
			];
			const text = `${measuredBy('npm run bench', rounds)} Lists of ${long / 5} rows and more were measured once in n8n.

The dirty list has 30% duplicates in other spellings and 5% rows that hold no mobile number; the HTTP Request node gets it with a cleaning expression. The HTTP Request node sends all rows at once, whatever the service allows.

![Seconds and queries billed of each way to check 2,000 rows](benchmark.svg)

${table(['What', ''], ratios)}`;
			const all = figures(results);
			console.log(`${text}\n\n${all}`);
			if (print) return;
			writeSection('Ratios', text);
			writeSection('All figures', all);
			const shown = [
				...[...Object.values(ours[50]), floor[50], http, code.aes, code.rsa],
				...[dirty, dirtyHttp],
			];
			writeFileSync(join(ROOT, 'docs/benchmark.svg'), chart(shown, results));
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
				const lines = schemes.http.map((plain, index) => {
					const [over, secure] = [plain, schemes.https[index]!].map((each) => results.get(each)!);
					return [
						...[plain.name, over!.seconds.toFixed(2), secure!.seconds.toFixed(2)],
						(secure!.seconds / over!.seconds).toFixed(2),
						...[over!.cpu!.toFixed(2), secure!.cpu!.toFixed(2), secure!.handshakes ?? 0],
					];
				});
				const [ours, floor, http] = schemes.https.map((each) => results.get(each)!);
				const text = `${measuredBy('npm run bench -- https', rounds)} ${rows} rows; the certificate is made for the run, and only that n8n trusts it. n8n's request helper opens a connection for each request, so every request has a handshake.

${table(
	['What', 'http, s', 'https, s', 'https : http', 'CPU ms a row, http', 'https', 'Handshakes'],
	lines,
)}

Over https the node takes ${(ours!.seconds / floor!.seconds).toFixed(2)} of the time of the bare node and ${(ours!.seconds / http!.seconds).toFixed(2)} of that of the HTTP Request node.`;
				console.log(text);
				if (!print) writeSection('Over https', text);
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

/** All medians, as a table. */
export function figures(results: Results): string {
	const head = ['What', 'Where', 'List', 'Rows', 'Seconds', 'Rows a second', 'CPU ms a row'];
	return table(
		[...head, 'Peak MB', 'Peak connections', 'Requests', 'Billed'],
		[...results].map(([{ name, where, list, rows }, each]) => [
			...[name, where, list, rows, each.failedWith ?? each.seconds.toFixed(2)],
			each.failedWith ? '' : Math.round(rows / each.seconds),
			...[each.cpu?.toFixed(2) ?? '', each.memory?.toFixed(0) ?? ''],
			...[each.connections, each.requests, each.billed],
		]),
	);
}

/** Bars of seconds; they read on light and on dark ground. */
function chart(shown: Contender[], results: Results): string {
	const longest = Math.max(...shown.map((each) => results.get(each)!.seconds));
	const bars = shown.map((each, index) => {
		const { seconds, billed } = results.get(each)!;
		const y = 40 + index * 26;
		const width = (seconds / longest) * 300;
		const fill = each.name.startsWith('Juhe') ? '#0c8c7f' : '#8a94a3';
		const label = `${each.name}${each.list === 'dirty' ? ', dirty list' : ''}`;
		return [
			`<text x="350" y="${y + 14}" text-anchor="end">${label}</text>`,
			`<rect x="360" y="${y}" width="${width.toFixed(1)}" height="18" rx="3" fill="${fill}"/>`,
			`<text x="${(368 + width).toFixed(1)}" y="${y + 14}">${seconds.toFixed(1)} s, ${billed.toLocaleString('en-US')} billed</text>`,
		].join('');
	});
	const height = 60 + shown.length * 26;
	const rows = shown[0]!.rows.toLocaleString('en-US');
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" width="820" height="${height}" viewBox="0 0 820 ${height}" font-family="sans-serif" font-size="13" fill="#7b8694">`,
		`<text x="10" y="22" font-size="15">${rows} rows in n8n ${N8N_VERSION}, ${LATENCY} ms latency: seconds, less is better</text>`,
		...bars,
		'</svg>',
		'',
	].join('\n');
}
