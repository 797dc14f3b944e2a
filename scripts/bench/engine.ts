/** Contenders on n8n's bare engine; each run has a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

import type { IDataObject, INodeParameters } from 'n8n-workflow';

import type { EngineJob, EngineResult } from '../../test/bench/engine';
import { listOf } from './lists';
import type { Contender } from './measure';
import { credentialFor, ROOT, type SimulatorProcess } from './simulator';

export interface EngineOptions {
	contender: EngineJob['contender'];
	operation?: string;
	concurrency?: number;
	/** How many rows; distinct numbers, unless `items` makes the rows. */
	rows: number;
	items?: () => IDataObject[];
	/** Further options of the node. */
	options?: INodeParameters;
	/** The checkout whose node and engine run. */
	source?: string;
}

export function onEngine(
	simulator: SimulatorProcess,
	name: string,
	{
		contender,
		operation = 'plain',
		concurrency = 50,
		options,
		source = ROOT,
		rows,
		items = () => listOf('distinct', rows),
	}: EngineOptions,
): Contender {
	const parameters: INodeParameters =
		contender === 'floor' ? { concurrency } : { operation, options: { concurrency, ...options } };
	const run = async () => {
		const credential = credentialFor(simulator.url);
		const job: EngineJob = { contender, source, parameters, rows: items(), credential };
		const program = ['--expose-gc', '--import', 'tsx', 'test/bench/engine.ts'];
		const child = spawn(process.execPath, program, {
			cwd: ROOT,
			stdio: ['pipe', 'pipe', 'ignore'],
		});
		child.stdin.end(JSON.stringify(job));
		const [output, [exitCode]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
		if (exitCode !== 0) throw new Error(`It ended with ${exitCode}`);
		return JSON.parse(output) as EngineResult;
	};
	return { name, where: 'bare engine', list: 'distinct', rows, simulator, run };
}
