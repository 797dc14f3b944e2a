/**
 * One run on n8n's bare engine, in a process of its own so that its memory is its own too:
 * `tsx test/bench/engine.ts '{"contender":"ours","operation":"plain","concurrency":50,"phones":[…],"credential":{…}}'`
 * with the JSON on standard input. Prints what it took, as JSON.
 */
import { text } from 'node:stream/consumers';
import { Readable } from 'node:stream';

import type { ICredentialDataDecryptedObject, IExecuteFunctions, INodeType } from 'n8n-workflow';

import { JuheMobileStatus } from '../../nodes/JuheMobileStatus/JuheMobileStatus.node.ts';
import { JUHE_NODE, runNode } from '../engine';
import { Floor } from './Floor.node.js';

export interface EngineJob {
	/**
	 * `ours`; `floor`, the bare lookup node; `stubbed`, ours with a request helper that answers at once, so that all that
	 * is left is the engine's work and the node's own; `copied`, a node that only adds an answer of the same size.
	 */
	contender: 'ours' | 'floor' | 'stubbed' | 'copied';
	operation: 'plain' | 'aes' | 'rsa';
	concurrency: number;
	phones: string[];
	credential: ICredentialDataDecryptedObject;
}

export interface EngineResult {
	seconds: number;
	/** CPU milliseconds a row. */
	cpu: number;
	/** The most bytes that were in use on the heap, after collection; only with node --expose-gc. */
	heap: number;
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
class Stubbed extends JuheMobileStatus {
	override async execute(this: IExecuteFunctions) {
		const httpRequestWithAuthentication = async () => ({
			statusCode: 200,
			headers: {},
			body: Readable.from([BODY], { objectMode: false }),
		});
		const helpers = { ...this.helpers, httpRequestWithAuthentication };
		const context = Object.create(this, { helpers: { value: helpers } }) as IExecuteFunctions;
		return await JuheMobileStatus.prototype.execute.call(context);
	}
}

/** What the engine holds of a list and its answers, whoever gives them. */
class Copied extends JuheMobileStatus {
	override async execute(this: IExecuteFunctions) {
		const answer = {
			...RESULT,
			...{ mobile: '', label: 'Normal', advice: 'keep', operation: 'plain', billable: 'yes' },
			...{ attempts: 1, source: 'query', checkedAt: new Date().toISOString() },
		};
		return [
			this.getInputData().map(({ json }, item) => ({
				json: { ...json, route: 'normal', mobileStatus: { ...answer, mobile: json.phone } },
				pairedItem: { item },
			})),
		];
	}
}

const CONTENDERS: Record<EngineJob['contender'], () => INodeType> = {
	ours: () => new JuheMobileStatus(),
	floor: () => new Floor(),
	stubbed: () => new Stubbed(),
	copied: () => new Copied(),
};

async function main(): Promise<EngineResult> {
	const { contender, operation, concurrency, phones, credential } = JSON.parse(
		await text(process.stdin),
	) as EngineJob;
	const rows = phones.map((phone) => ({ phone }));
	const parameters =
		contender === 'floor' ? { concurrency } : { operation, options: { concurrency } };

	const collect = global.gc;
	const heapInUse = () => {
		collect?.();
		return process.memoryUsage().heapUsed;
	};
	const before = heapInUse();
	let heap = before;
	const timer = collect && setInterval(() => (heap = Math.max(heap, heapInUse())), 1000);
	const cpuBefore = process.cpuUsage();
	const { run, outputs, error } = await runNode(rows, {
		credential,
		parameters,
		node: { onError: 'continueRegularOutput' },
		nodeTypes: { [JUHE_NODE]: CONTENDERS[contender]() },
	});
	const { user, system } = process.cpuUsage(cpuBefore);
	clearInterval(timer);
	heap = Math.max(heap, heapInUse());
	if (error || outputs[0]?.length !== phones.length) throw error ?? new Error('Rows are missing');
	return {
		seconds: run.data.resultData.runData.Juhe![0]!.executionTime / 1000,
		cpu: (user + system) / 1000 / phones.length,
		heap: heap - before,
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
