/** Contenders in the n8n product, each a workflow of its own: webhook → rows → the node → its end. */
import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { IDataObject, INode, INodeParameters, ITaskData } from 'n8n-workflow';

import { ensureN8n, packTarball, startN8n, type N8n, type WorkflowFile } from '../real-n8n';
import { listOf, type List } from './lists';
import type { Contender } from './measure';
import { credentialFor, ROOT, type SimulatorProcess } from './simulator';

type Operation = 'plain' | 'aes' | 'rsa';

/** Runs `use` with an n8n that has this package and the bare node, and ends that n8n. */
export async function withN8n<T>(
	use: (n8n: N8n) => Promise<T>,
	env: Record<string, string> = {},
	packed?: string,
): Promise<T> {
	const install = await ensureN8n(({ name }) => console.log(`Fetching ${name}`));
	const tarball = packed ?? (await packTarball());
	try {
		const n8n = await startN8n({
			install,
			tarball,
			env: {
				N8N_CUSTOM_EXTENSIONS: join(ROOT, 'test/bench'),
				N8N_PAYLOAD_SIZE_MAX: '256',
				NODE_FUNCTION_ALLOW_BUILTIN: 'crypto',
				...env,
			},
		});
		return await use(n8n).finally(() => n8n.stop());
	} finally {
		rmSync(dirname(tarball), { recursive: true, force: true });
	}
}

/** What a contender gets: by default ROWS distinct numbers. */
interface Input {
	list?: List;
	rows?: number;
	/** The rows themselves, in place of a list of numbers. */
	items?: () => IDataObject[];
}

/**
 * Makes the contenders of an n8n.
 *
 * @param rows of a list by default
 * @param baseUrl the address of the service; that of the simulator by default
 */
export async function createWorkflows(
	n8n: N8n,
	simulator: SimulatorProcess,
	rows: number,
	baseUrl = simulator.url,
) {
	const credential = credentialFor(baseUrl);
	const name = `Juhe account, ${baseUrl}`;
	const id = await n8n.createCredential(name, credential);
	const credentials = { juheApi: { id, name } };

	const workflow = async (
		title: string,
		nodes: Array<Partial<INode>>,
		input: Input = {},
	): Promise<Contender> => {
		const { list = 'distinct', rows: count = rows, items = () => listOf(list, count) } = input;
		const path = `bench-${randomUUID()}`;
		const workflowId = await n8n.importWorkflow(workflowOf(path, nodes), { id, name });
		await n8n.activate(workflowId);
		const run = async () => {
			const body = { rows: items() };
			forgetPeak(n8n.pid);
			const before = cpuTime(n8n.pid);
			await (await n8n.webhook(path, body)).text();
			const cpu = (cpuTime(n8n.pid) - before) / count;
			const memory = peakMemory(n8n.pid);
			const tasks = await newestTasks(n8n, workflowId);
			const failed = tasks.find(({ error }) => error);
			if (failed) throw new Error(failed.error?.message);
			// n8n gives no tasks of an execution whose data is too large to display.
			const seconds =
				tasks.length === 0
					? NaN
					: tasks.reduce((sum, { executionTime }) => sum + executionTime / 1000, 0);
			return { seconds, cpu, memory };
		};
		return { name: title, where: 'n8n', list, rows: count, simulator, run };
	};

	const http = (path: string, mobile: string, withCredential = true): Partial<INode> => ({
		type: 'n8n-nodes-base.httpRequest',
		typeVersion: 4.2,
		parameters: {
			method: 'POST',
			url: `${baseUrl}/mobile_status/${path}`,
			...(withCredential && {
				authentication: 'predefinedCredentialType',
				nodeCredentialType: 'juheApi',
			}),
			sendBody: true,
			contentType: 'form-urlencoded',
			bodyParameters: {
				parameters: [
					{ name: 'mobile', value: mobile },
					...(withCredential ? [] : [{ name: 'key', value: credential.apiKey }]),
				],
			},
			options: {},
		},
		credentials,
		onError: 'continueRegularOutput',
	});
	const cleaned = '={{ $json.phone.replace(/\\D/g, "").slice(-11) }}';
	const encrypt = {
		aes: `const key = crypto.createHash('md5').update(${JSON.stringify(credential.openid)}).digest('hex').slice(0, 16);
const encrypt = (mobile) => { const cipher = crypto.createCipheriv('aes-128-ecb', key, null); return cipher.update(mobile, 'utf8', 'base64') + cipher.final('base64'); };`,
		rsa: `const key = crypto.createPublicKey(${JSON.stringify(credential.rsaPublicKey)});
const encrypt = (mobile) => crypto.publicEncrypt({ key, oaepHash: 'sha1' }, Buffer.from(mobile)).toString('base64');`,
	};

	return {
		ours: (
			operation: Operation,
			concurrency: number,
			{ options, ...input }: Input & { options?: INodeParameters } = {},
		) =>
			workflow(
				`Juhe Mobile Status, ${operation}, ${concurrency} at a time`,
				[
					{
						type: 'n8n-nodes-juhe.juheMobileStatus',
						parameters: {
							operation,
							mobile: '={{ $json.phone }}',
							options: { concurrency, ...options },
						},
						credentials,
						onError: 'continueRegularOutput',
					},
				],
				input,
			),
		floor: (concurrency: number) =>
			workflow(`Bare node, plain, ${concurrency} at a time`, [
				{
					type: 'CUSTOM.floor',
					parameters: { mobile: '={{ $json.phone }}', concurrency },
					credentials,
				},
			]),
		http: (input?: Input) =>
			workflow('HTTP Request, plain, with credential', [http('query', cleaned)], input),
		httpBare: (input?: Input) =>
			workflow('HTTP Request, plain, without credential', [http('query', cleaned, false)], input),
		codeAndHttp: (operation: 'aes' | 'rsa') =>
			workflow(`Code + HTTP Request, ${operation}, with credential`, [
				{
					type: 'n8n-nodes-base.code',
					typeVersion: 2,
					parameters: {
						jsCode: `const crypto = require('crypto');\n${encrypt[operation]}\nreturn $input.all().map(({ json }) => ({ json: { ...json, mobile: encrypt(json.phone) } }));`,
					},
				},
				http({ aes: 'queryEncry', rsa: 'queryRV2' }[operation], '={{ $json.mobile }}'),
			]),
		/** Any nodes in a row. */
		workflow,
	};
}

function workflowOf(path: string, nodes: Array<Partial<INode>>): WorkflowFile {
	const place = (
		name: string,
		type: string,
		parameters: INodeParameters,
		more: Partial<INode> = {},
	): INode => ({ id: name, name, type, typeVersion: 1, position: [0, 0], parameters, ...more });
	const webhook = { httpMethod: 'POST', path, responseMode: 'lastNode', options: {} };
	const all = [
		place('Webhook', 'n8n-nodes-base.webhook', webhook, { typeVersion: 2, webhookId: path }),
		place('Rows', 'n8n-nodes-base.splitOut', { fieldToSplitOut: 'body.rows', options: {} }),
		...nodes.map((node, index) => place(`Node ${index}`, '', {}, node)),
		place('End', 'n8n-nodes-base.noOp', {}, { executeOnce: true }),
	];
	return {
		name: path,
		nodes: all,
		connections: Object.fromEntries(
			all
				.slice(1)
				.map(({ name }, index) => [
					all[index]!.name,
					{ main: [[{ node: name, type: 'main' as const, index: 0 }]] },
				]),
		),
		settings: { executionOrder: 'v1' },
	};
}

/** What n8n saved of the last run of the nodes that are measured; `executionTime` is in milliseconds. */
async function newestTasks(n8n: N8n, workflowId: string): Promise<ITaskData[]> {
	for (;;) {
		const [newest] = await n8n.executions(workflowId);
		const runData = newest?.data.resultData.runData ?? {};
		if (newest && newest.status !== 'running') {
			// Or the next round would have to read this one again.
			await n8n.api('POST', '/rest/executions/delete', { ids: [newest.id] }).catch(() => undefined);
			return Object.keys(runData)
				.filter((name) => name.startsWith('Node '))
				.map((name) => runData[name]![0]!);
		}
		await sleep(50);
	}
}

/** CPU time of a process so far, in milliseconds; 0 where there is no /proc to ask. */
function cpuTime(pid: number | undefined): number {
	try {
		const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
		return (Number(fields[11]) + Number(fields[12])) * 10;
	} catch {
		return 0;
	}
}

/** The most memory that a process has taken since `forgetPeak`, in megabytes; 0 where there is no /proc to ask. */
function peakMemory(pid: number | undefined): number {
	try {
		const status = readFileSync(`/proc/${pid}/status`, 'utf8');
		return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
	} catch {
		return 0;
	}
}

function forgetPeak(pid: number | undefined): void {
	try {
		writeFileSync(`/proc/${pid}/clear_refs`, '5');
	} catch {
		// No /proc, or not allowed: the peak is then that of all runs so far.
	}
}
