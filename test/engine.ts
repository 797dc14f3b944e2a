/**
 * Runs workflows on n8n's own engine, WorkflowExecute of n8n-core.
 *
 * What lives in the n8n product and not in n8n-core is replaced here: the store that gives a node its credential, the
 * tool version of a node, the retry of a failed execution, and the nodes around ours. Loop Over Items works as n8n's
 * does, any other node passes on its input (rows come in as pinned data of the node before ours).
 */
import 'reflect-metadata';

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Without a folder of its own n8n-core writes its settings into the home folder.
if (process.env.N8N_USER_FOLDER === undefined) {
	const folder = mkdtempSync(join(tmpdir(), 'n8n-nodes-juhe-'));
	process.env.N8N_USER_FOLDER = folder;
	process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
}
process.env.N8N_ENCRYPTION_KEY ??= 'only for tests';
// It would print every error that a test provokes.
process.env.N8N_LOG_LEVEL ??= 'silent';

import { CredentialTestContext, ExecutionLifecycleHooks, WorkflowExecute } from 'n8n-core';
import {
	createRunExecutionData,
	ICredentialsHelper,
	Workflow,
	type EngineResponse,
	type IAuthenticateGeneric,
	type ICredentialDataDecryptedObject,
	type ICredentialType,
	type IConnections,
	type IDataObject,
	type IExecuteFunctions,
	type IHttpRequestOptions,
	type INode,
	type INodeExecutionData,
	type INodeParameters,
	type INodeType,
	type INodeTypeDescription,
	type INodeTypes,
	type IPinData,
	type IRun,
	type IRunExecutionData,
	type IWorkflowExecuteAdditionalData,
	type WorkflowExecuteMode,
} from 'n8n-workflow';

import { JuheApi } from '../credentials/JuheApi.credentials';
// With its ending, or the codex beside it, JuheMobileStatus.node.json, would be taken for it.
import { JuheMobileStatus } from '../nodes/JuheMobileStatus/JuheMobileStatus.node.ts';

export const JUHE_NODE = 'n8n-nodes-juhe.juheMobileStatus';
/** The node type that n8n makes of ours for an agent. */
export const JUHE_TOOL = `${JUHE_NODE}Tool`;
const LOOP_NODE = 'n8n-nodes-base.splitInBatches';

/** How an agent has its tool calls made: a turn's at the same time (AI Agent 1.9, 2.2), or by the engine (3.1). */
export type AgentStyle = 'sideBySide' | 'byEngine';

/** A workflow as an export of n8n's editor holds it. */
export interface WorkflowFile {
	id?: string;
	nodes: INode[];
	connections: IConnections;
	/** The editor writes it, empty where nothing is pinned. */
	pinData?: IPinData;
	settings?: IDataObject;
}

export interface RunOptions {
	/** Data of the `juheApi` credential. */
	credential: ICredentialDataDecryptedObject;
	/** What nodes give instead of being run, by node name. */
	pinData?: Record<string, INodeExecutionData[]>;
	/** Node types beside ours; whatever is not known passes on its input. */
	nodeTypes?: Record<string, INodeType>;
	mode?: WorkflowExecuteMode;
	/** Gets a function that cancels the execution, as soon as it has begun. */
	onStart?: (cancel: () => void) => void;
}

/** Stands in for the product's credential store; `authenticate` is applied as the product applies it. */
class CredentialStore extends ICredentialsHelper {
	/** How often a node has asked for the credential. */
	reads = 0;

	private readonly type: ICredentialType = new JuheApi();

	constructor(private readonly data: ICredentialDataDecryptedObject) {
		super();
	}

	async getDecrypted() {
		this.reads++;
		return { ...this.data };
	}

	async authenticate(
		credentials: ICredentialDataDecryptedObject,
		_typeName: string,
		options: IHttpRequestOptions,
	) {
		const { authenticate } = this.type;
		if (typeof authenticate === 'function') return await authenticate(credentials, options);
		throw new TypeError(`authenticate is ${(authenticate as IAuthenticateGeneric).type}`);
	}

	getParentTypes() {
		return [];
	}

	isCredentialUsableByNode() {
		return true;
	}

	getCredentialsProperties() {
		return this.type.properties;
	}

	async preAuthentication() {
		return undefined;
	}

	async runPreAuthentication() {
		return undefined;
	}

	async getCredentials(): Promise<never> {
		throw new TypeError('only decrypted credentials are read');
	}

	async updateCredentials() {}

	async updateCredentialsOauthTokenData() {}
}

/** A node type of the tests, with one main input and as many main outputs as given. */
export function nodeType(
	execute: INodeType['execute'],
	outputs = 1,
	more: Partial<INodeTypeDescription> = {},
): INodeType {
	return {
		description: {
			displayName: 'Test',
			name: 'test',
			group: ['transform'],
			version: 1,
			description: 'Stands for a node of n8n',
			defaults: {},
			inputs: ['main'],
			outputs: Array.from({ length: outputs }, () => 'main' as const),
			properties: [],
			...more,
		},
		execute,
	};
}

const passThrough = nodeType(async function () {
	return [this.getInputData()];
});

/** What Loop Over Items (version 3) keeps in its context. */
interface LoopContext {
	left?: INodeExecutionData[];
	processed: INodeExecutionData[];
	/** The run that the items of the loop come from, for n8n's search for a paired item. */
	source: object;
}

const loopOverItems = nodeType(
	async function () {
		const context = this.getContext('node') as unknown as LoopContext;
		const items = this.getInputData();
		if (context.left === undefined) {
			const source = this.getInputSourceData();
			Object.assign(context, { left: [...items], processed: [], source });
		} else context.processed.push(...items);
		const batchSize = this.getNodeParameter('batchSize', 0) as number;
		const batch = context.left!.splice(0, batchSize).map((item) => ({
			...item,
			pairedItem: { ...(item.pairedItem as object), sourceOverwrite: context.source },
		}));
		return (batch.length > 0 ? [[], batch] : [context.processed, []]) as INodeExecutionData[][];
	},
	2,
	{ properties: [{ displayName: 'Size', name: 'batchSize', type: 'number', default: 1 }] },
);

/** The tool that n8n makes of a node with `usableAsTool` (convertNodeToAiTool in the product). */
function toolOf(type: INodeType): INodeType {
	const { description } = type;
	return Object.assign(Object.create(type) as INodeType, {
		description: {
			...description,
			name: `${description.name}Tool`,
			inputs: [],
			outputs: ['ai_tool'],
			usableAsTool: undefined,
		},
	});
}

/**
 * An agent that calls its only tool, turn by turn, with the given arguments. Its items hold the `text` that each call
 * gives to the model.
 */
export function agent(turns: IDataObject[][], style: AgentStyle): INodeType {
	type Tool = { invoke(args: IDataObject): Promise<string> };
	const execute = {
		async sideBySide(this: IExecuteFunctions) {
			const [tool] = (await this.getInputConnectionData('ai_tool', 0)) as [Tool];
			const items: INodeExecutionData[] = [];
			for (const calls of turns) {
				const texts = await Promise.all(
					calls.map((args) =>
						tool.invoke(args).catch((error: unknown) => (error as Error).message),
					),
				);
				items.push(...texts.map((text) => ({ json: { text } })));
			}
			return [items];
		},
		async byEngine(this: IExecuteFunctions, response?: EngineResponse) {
			const { turn, items } = {
				...{ turn: 0, items: [] as INodeExecutionData[] },
				...(response?.metadata as object | undefined),
			};
			for (const { data } of response?.actionResponses ?? []) {
				const text = JSON.stringify(data.data?.ai_tool?.[0]?.map(({ json }) => json));
				items.push({ json: { text } });
			}
			if (turn === turns.length) return [items];
			const [nodeName = ''] = this.getParentNodes(this.getNode().name, {
				connectionType: 'ai_tool',
			}).map(({ name }) => name);
			return {
				actions: turns[turn]!.map((input, index) => ({
					...{ actionType: 'ExecutionNodeAction' as const, type: 'ai_tool' as const },
					...{ nodeName, input, id: `${turn}.${index}`, metadata: { itemIndex: 0 } },
				})),
				metadata: { turn: turn + 1, items },
			};
		},
	}[style];
	const tool = { type: 'ai_tool', displayName: 'Tool' } as const;
	return nodeType(execute as INodeType['execute'], 1, { inputs: ['main', tool] });
}

/** What the product tells the engine about itself; the addresses are not called, but must be addresses. */
function additionalDataWith(credentialsHelper: CredentialStore): IWorkflowExecuteAdditionalData {
	const address = 'http://127.0.0.1:5678';
	return {
		credentialsHelper,
		executionId: '1',
		currentNodeExecutionIndex: 0,
		variables: {},
		restApiUrl: address,
		instanceBaseUrl: address,
		formWaitingBaseUrl: address,
		webhookBaseUrl: address,
		webhookWaitingBaseUrl: address,
		webhookTestBaseUrl: address,
		setExecutionStatus() {},
	} as Partial<IWorkflowExecuteAdditionalData> as IWorkflowExecuteAdditionalData;
}

/** An execution that has ended, or waits. */
export interface WorkflowRun {
	run: IRun;
	workflow: Workflow;
	credentialReads: number;
}

/** Runs a workflow from its start node to its end. */
export async function runWorkflow(file: WorkflowFile, options: RunOptions): Promise<WorkflowRun> {
	const workflow = toWorkflow(file, options.nodeTypes);
	// What leads on and is led to by nothing, be it a manual or a scheduled trigger.
	const [name] = Object.keys(file.connections).filter(
		(node) => workflow.getParentNodes(node).length === 0,
	);
	const start = workflow.getNode(name ?? '');
	if (start === null) throw new TypeError('The workflow has no start node');
	const data = createRunExecutionData({
		resultData: { pinData: options.pinData as IPinData | undefined },
		executionData: {
			nodeExecutionStack: [{ node: start, data: { main: [[{ json: {} }]] }, source: null }],
		},
	});
	return await execute(file, workflow, data, options);
}

/**
 * Goes on with an execution that has failed or waits, by the steps that n8n 2.40.7 takes (execution.service): its data
 * comes from the database, the failed try is taken off, and the nodes have the settings that `file` gives them.
 */
export async function resumeWorkflow(
	file: WorkflowFile,
	{ data: saved }: IRun,
	options: RunOptions,
): Promise<WorkflowRun> {
	const workflow = toWorkflow(file, options.nodeTypes);
	const data = JSON.parse(JSON.stringify(saved)) as IRunExecutionData;
	const { resultData, executionData } = data;
	delete resultData.error;
	const tasks = resultData.runData[resultData.lastNodeExecuted ?? ''];
	if (tasks?.at(-1)?.error !== undefined) tasks.pop();
	for (const entry of executionData!.nodeExecutionStack) {
		// A copy, because n8n disables the node that the execution has waited at.
		entry.node = { ...workflow.getNode(entry.node.name)! };
	}
	return await execute(file, workflow, data, { mode: 'retry', ...options });
}

function toWorkflow(file: WorkflowFile, nodeTypes: RunOptions['nodeTypes']): Workflow {
	const juhe = nodeTypes?.[JUHE_NODE] ?? new JuheMobileStatus();
	const known: Record<string, INodeType> = {
		[JUHE_NODE]: juhe,
		[JUHE_TOOL]: toolOf(juhe),
		[LOOP_NODE]: loopOverItems,
		...nodeTypes,
	};
	return new Workflow({
		...file,
		id: file.id ?? 'workflow',
		active: false,
		nodeTypes: typesBy((type) => known[type] ?? passThrough),
	});
}

function typesBy(getType: (type: string) => INodeType): INodeTypes {
	return { getByName: getType, getByNameAndVersion: getType, getKnownTypes: () => ({}) };
}

async function execute(
	file: WorkflowFile,
	workflow: Workflow,
	data: IRunExecutionData,
	options: RunOptions,
): Promise<WorkflowRun> {
	const credentials = new CredentialStore(options.credential);
	const mode = options.mode ?? 'manual';
	const { id } = workflow;
	const additionalData = {
		...additionalDataWith(credentials),
		hooks: new ExecutionLifecycleHooks(mode, '1', {
			...file,
			id,
			name: id,
			active: false,
			activeVersionId: null,
			isArchived: false,
			createdAt: new Date(),
			updatedAt: new Date(),
		}),
	};
	const execution = new WorkflowExecute(additionalData, mode, data).processRunExecutionData(
		workflow,
	);
	options.onStart?.(() => execution.cancel());
	return { run: await execution, workflow, credentialReads: credentials.reads };
}

/** All items that a node gave in an execution, of all its runs and outputs. */
export function itemsOf({ data }: IRun, nodeName: string): INodeExecutionData[] {
	const tasks = data.resultData.runData[nodeName] ?? [];
	return tasks
		.flatMap((task) => Object.values(task.data ?? {}).flat())
		.flatMap((items) => items ?? []);
}

/**
 * A workflow from its connections: `A > B.1 > C` leads from A to B, and from the second output of B to C;
 * `A.ai_tool > B` makes A a tool of B. The first node is the start.
 *
 * @param nodes by name; a node that is not among them passes on its input
 */
export function workflowOf(
	nodes: Record<string, Partial<INode>>,
	...paths: string[]
): WorkflowFile {
	const connections: IConnections = {};
	const names = new Set<string>();
	for (const path of paths) {
		const steps = path.split(' > ').map((step) => step.split('.') as [string, string?]);
		steps.forEach(([name, port = '0'], place) => {
			names.add(name);
			const next = steps[place + 1]?.[0];
			if (next === undefined) return;
			const index = Number(port);
			const type = Number.isNaN(index) ? (port as 'ai_tool') : 'main';
			const outputs = ((connections[name] ??= {})[type] ??= []);
			while (outputs.length <= (index || 0)) outputs.push([]);
			outputs[index || 0]!.push({ node: next, type, index: 0 });
		});
	}
	return {
		nodes: [...names].map((name, place) => ({
			...node(name, 'test.passThrough'),
			// n8n runs what lies higher first.
			position: [0, 100 * place],
			...nodes[name],
		})),
		connections,
		settings: { executionOrder: 'v1' },
	};
}

/** Loop Over Items in a workflow: what is done leaves by the first output, a batch by the second. */
export function loopNode(batchSize: number): Partial<INode> {
	return { type: LOOP_NODE, parameters: { batchSize } };
}

/** Our node in a workflow. @param more settings such as `onError` and `retryOnFail`, or another type */
export function juheNode(parameters: INodeParameters = {}, more: Partial<INode> = {}) {
	return {
		type: JUHE_NODE,
		parameters: { mobile: '={{ $json.phone }}', ...parameters },
		credentials: { juheApi: { id: '1', name: 'Juhe account' } },
		...more,
	};
}

/** What the node gave: its outputs, or the error that stopped it. */
export interface NodeRun {
	/** Items by output; the error output, where there is one, is the last. */
	outputs: INodeExecutionData[][];
	error?: Error & IDataObject;
	credentialReads: number;
	run: IRun;
}

/** Runs our node alone, on the given rows, between a trigger and the end. */
export async function runNode(
	rows: Array<IDataObject | INodeExecutionData>,
	options: RunOptions & {
		parameters?: INodeParameters;
		/** Settings of the node such as `onError` and `retryOnFail`. */
		node?: Partial<INode>;
	},
): Promise<NodeRun> {
	const file = workflowOf(
		{ Juhe: juheNode(options.parameters, options.node) },
		'Start > Rows > Juhe',
	);
	const items = rows.map((row) => ('json' in row ? row : { json: row }) as INodeExecutionData);
	const { run, credentialReads } = await runWorkflow(file, {
		...options,
		pinData: { Rows: items },
	});
	const task = run.data.resultData.runData.Juhe?.at(-1);
	return {
		outputs: (task?.data?.main ?? []).map((output) => output ?? []),
		error: (task?.error ?? run.data.resultData.error) as NodeRun['error'],
		credentialReads,
		run,
	};
}

function node(name: string, type: string): INode {
	return { id: name, name, type, typeVersion: 1, position: [0, 0], parameters: {} };
}

/** What the credential dialog says after Test: n8n calls the node's own function. */
export async function testCredential(data: ICredentialDataDecryptedObject): Promise<string> {
	const { testJuheApi } = new JuheMobileStatus().methods.credentialTest;
	const context = new CredentialTestContext(additionalDataWith(new CredentialStore(data)));
	const credential = { id: '1', name: 'tested', type: 'juheApi', data };
	const { status, message } = await testJuheApi.call(context, credential);
	return status === 'OK' ? status : message;
}
