/**
 * One run on n8n's bare engine, in a process of its own so that its memory is its own too:
 * `node --expose-gc --import tsx test/bench/engine.ts`, with an EngineJob as JSON on standard input. Prints an
 * EngineResult as JSON.
 */
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { stringify } from 'flatted';
import type {
	ICredentialDataDecryptedObject,
	IDataObject,
	IExecuteFunctions,
	INodeParameters,
	INodeType,
} from 'n8n-workflow';

import { Floor } from './Floor.node.js';

export interface EngineJob {
	/**
	 * `ours`; `floor`, the bare lookup node; `stubbed`, ours with a request helper that answers at once, so that all that
	 * is left is the engine's work and the node's own; `copied`, a node that only adds an answer of the same size.
	 */
	contender: 'ours' | 'floor' | 'stubbed' | 'copied';
	/** Root folder of the checkout of this project whose node and engine run. */
	source: string;
	parameters: INodeParameters;
	rows: IDataObject[];
	credential: ICredentialDataDecryptedObject;
}

export interface EngineResult {
	/** As the engine records them for the node. */
	seconds: number;
	/** CPU milliseconds a row. */
	cpu: number;
	/** The most megabytes that the process took. */
	memory: number;
	/** Bytes on the heap after the run, while the execution's data is alive, over those before it. */
	heap: number;
	/** Bytes of `heap` that are free when the execution's context is dropped: what the node keeps for later calls. */
	kept: number;
	/** Bytes of the execution as n8n stores it. */
	stored: number;
}

const RESULT = {
	province: '上海市',
	city: '上海市',
	isp: '移动',
	state: '0',
	description: '正常使用',
};
const BODY = Buffer.from(JSON.stringify({ reason: '成功', result: RESULT, error_code: 0 }));

/** Our node, whose requests are answered without leaving the process. */
function stubbed(ours: INodeType): INodeType {
	return {
		description: ours.description,
		async execute(this: IExecuteFunctions) {
			const httpRequestWithAuthentication = async () => ({
				statusCode: 200,
				headers: {},
				body: Readable.from([BODY], { objectMode: false }),
			});
			const helpers = { ...this.helpers, httpRequestWithAuthentication };
			const context = Object.create(this, { helpers: { value: helpers } }) as IExecuteFunctions;
			return await ours.execute!.call(context);
		},
	};
}

/** What the engine holds of a list and its answers, whoever gives them. */
function copied(ours: INodeType): INodeType {
	return {
		description: ours.description,
		async execute(this: IExecuteFunctions) {
			const now = () => new Date().toISOString();
			return [
				this.getInputData().map(({ json }, item) => {
					const mobileStatus = {
						mobile: json.phone,
						province: RESULT.province,
						city: RESULT.city,
						isp: RESULT.isp,
						state: RESULT.state,
						description: RESULT.description,
						label: 'Normal',
						advice: 'keep',
						operation: 'plain',
						billable: 'yes',
						attempts: 1,
						source: 'query',
						checkedAt: now(),
						recheckAt: now(),
					};
					// Spreading a row takes three times the memory.
					const copy = Object.assign({}, json, { route: 'normal', mobileStatus });
					return { json: copy, pairedItem: { item } };
				}),
			];
		},
	};
}

const CONTENDERS: Record<EngineJob['contender'], (ours: INodeType) => INodeType> = {
	ours: (ours) => ours,
	floor: () => new Floor(),
	stubbed,
	copied,
};

async function heapInUse(): Promise<number> {
	// Twice, because finalizers of the first collection give up more.
	for (let collections = 0; collections < 2; collections++) {
		global.gc?.();
		await nextTurn();
	}
	return process.memoryUsage().heapUsed;
}

async function main(): Promise<EngineResult> {
	const { contender, source, parameters, rows, credential } = JSON.parse(
		await text(process.stdin),
	) as EngineJob;
	const { JUHE_NODE, runNode } = (await import(
		join(source, 'test/engine.ts')
	)) as typeof import('../engine');
	const { JuheMobileStatus } = (await import(
		join(source, 'nodes/JuheMobileStatus/JuheMobileStatus.node.ts')
	)) as { JuheMobileStatus: new () => INodeType };
	const node = CONTENDERS[contender](new JuheMobileStatus());

	const heapBefore = await heapInUse();
	const cpuBefore = process.cpuUsage();
	const { run, outputs, error } = await runNode(rows, {
		credential,
		parameters,
		node: { onError: 'continueRegularOutput' },
		nodeTypes: { [JUHE_NODE]: node },
	});
	const { user, system } = process.cpuUsage(cpuBefore);
	if (error || outputs[0]?.length !== rows.length) throw error ?? new Error('Rows are missing');
	const memory = process.resourceUsage().maxRSS / 1024;
	const heapAfter = await heapInUse();
	const stored = Buffer.byteLength(stringify(run.data));
	const heapStored = await heapInUse();
	run.data.executionData!.contextData = {};
	const heapWithoutContext = await heapInUse();
	return {
		seconds: run.data.resultData.runData.Juhe![0]!.executionTime / 1000,
		cpu: (user + system) / 1000 / rows.length,
		memory,
		heap: heapAfter - heapBefore,
		kept: heapStored - heapWithoutContext,
		stored,
	};
}

main().then(
	(result) => {
		console.log(JSON.stringify(result));
		process.exit(0);
	},
	(error: unknown) => {
		console.error(error);
		process.exit(1);
	},
);
