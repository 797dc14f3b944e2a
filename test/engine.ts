/**
 * Runs workflows on n8n's own engine, WorkflowExecute of n8n-core.
 *
 * What lives in the n8n product and not in n8n-core is stood in for: the store that gives a node its credential, and
 * the nodes around ours, which pass on what they get (rows come in as pinned data of the node before ours).
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

import { ExecuteContext, ExecutionLifecycleHooks, RoutingNode, WorkflowExecute } from 'n8n-core';
import {
	createRunExecutionData,
	ICredentialsHelper,
	Workflow,
	type IAuthenticateGeneric,
	type ICredentialDataDecryptedObject,
	type ICredentialType,
	type IConnections,
	type IDataObject,
	type IHttpRequestOptions,
	type INode,
	type INodeExecutionData,
	type INodeParameters,
	type INodeType,
	type INodeTypes,
	type IPinData,
	type IRun,
	type IWorkflowExecuteAdditionalData,
	type WorkflowExecuteMode,
} from 'n8n-workflow';

import { JuheApi } from '../credentials/JuheApi.credentials';
// With its ending, or the codex beside it, JuheMobileStatus.node.json, would be taken for it.
import { JuheMobileStatus } from '../nodes/JuheMobileStatus/JuheMobileStatus.node.ts';

export const JUHE_NODE = 'n8n-nodes-juhe.juheMobileStatus';

/** A workflow as an export of n8n's editor holds it. */
export interface WorkflowFile {
	id?: string;
	nodes: INode[];
	connections: IConnections;
	settings?: IDataObject;
	staticData?: IDataObject;
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

const passThrough: INodeType = {
	description: {
		displayName: 'Pass Through',
		name: 'passThrough',
		group: ['transform'],
		version: 1,
		description: 'Passes its input on',
		defaults: {},
		inputs: ['main'],
		outputs: ['main'],
		properties: [],
	},
	async execute() {
		return [this.getInputData()];
	},
};

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

/** Runs a workflow from its start node to its end. */
export async function runWorkflow(
	file: WorkflowFile,
	options: RunOptions,
): Promise<{ run: IRun; workflow: Workflow; credentialReads: number }> {
	const known: Record<string, INodeType> = {
		[JUHE_NODE]: new JuheMobileStatus(),
		...options.nodeTypes,
	};
	const getType = (type: string) => known[type] ?? passThrough;
	const nodeTypes: INodeTypes = {
		getByName: getType,
		getByNameAndVersion: getType,
		getKnownTypes: () => ({}),
	};
	const id = file.id ?? 'workflow';
	const workflow = new Workflow({ ...file, id, active: false, nodeTypes });
	const credentials = new CredentialStore(options.credential);
	const mode = options.mode ?? 'manual';
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
	const execution = new WorkflowExecute(additionalData, mode, data).processRunExecutionData(
		workflow,
	);
	options.onStart?.(() => execution.cancel());
	return { run: await execution, workflow, credentialReads: credentials.reads };
}

/** What the node gave: its outputs, or the error that stopped it. */
export interface NodeRun {
	/** Items by output; the error output, where there is one, is the last. */
	outputs: INodeExecutionData[][];
	error?: Error & IDataObject;
	credentialReads: number;
	/** The workflow's static data after the run, as n8n would save it. */
	staticData: IDataObject;
	run: IRun;
}

/** Runs our node alone, on the given rows, between a trigger and the end. */
export async function runNode(
	rows: Array<IDataObject | INodeExecutionData>,
	options: RunOptions & {
		parameters?: INodeParameters;
		/** Settings of the node such as `onError` and `retryOnFail`. */
		node?: Partial<INode>;
		staticData?: IDataObject;
	},
): Promise<NodeRun> {
	const nodes: INode[] = [
		node('Start', 'n8n-nodes-base.manualTrigger'),
		node('Rows', 'n8n-nodes-base.noOp'),
		{
			...node('Juhe', JUHE_NODE),
			parameters: { mobile: '={{ $json.phone }}', ...options.parameters },
			credentials: { juheApi: { id: '1', name: 'Juhe account' } },
			...options.node,
		},
	];
	const connections: IConnections = {
		Start: { main: [[{ node: 'Rows', type: 'main', index: 0 }]] },
		Rows: { main: [[{ node: 'Juhe', type: 'main', index: 0 }]] },
	};
	const items = rows.map((row) => ('json' in row ? row : { json: row }) as INodeExecutionData);
	const { run, workflow, credentialReads } = await runWorkflow(
		{ nodes, connections, settings: { executionOrder: 'v1' }, staticData: options.staticData },
		{ ...options, pinData: { Rows: items } },
	);
	const task = run.data.resultData.runData.Juhe?.at(-1);
	return {
		outputs: (task?.data?.main ?? []).map((output) => output ?? []),
		error: (task?.error ?? run.data.resultData.error) as NodeRun['error'],
		credentialReads,
		staticData: JSON.parse(JSON.stringify(workflow.staticData)),
		run,
	};
}

function node(name: string, type: string): INode {
	return { id: name, name, type, typeVersion: 1, position: [0, 0], parameters: {} };
}

/**
 * What the credential dialog says after Test, by the steps that n8n 2.40.7 takes (credentials-tester.service): the
 * request is sent by the engine's RoutingNode, then each rule whose value is the answer's turns it into an error.
 */
export async function testCredential(data: ICredentialDataDecryptedObject): Promise<string> {
	const { test } = new JuheApi();
	const store = new CredentialStore(data);
	const tested: INode = {
		...node('Test', 'test'),
		credentials: { juheApi: { id: '1', name: 'tested' } },
	};
	const type: INodeType = {
		description: {
			...passThrough.description,
			credentials: [{ name: 'juheApi', required: true }],
			properties: [
				{
					displayName: 'Temp',
					name: 'temp',
					type: 'string',
					default: '',
					routing: { request: test.request },
				},
			],
		},
	};
	const nodeTypes: INodeTypes = {
		getByName: () => type,
		getByNameAndVersion: () => type,
		getKnownTypes: () => ({}),
	};
	const workflow = new Workflow({ nodes: [tested], connections: {}, active: false, nodeTypes });
	const context = new ExecuteContext(
		workflow,
		tested,
		additionalDataWith(store),
		'internal',
		createRunExecutionData(),
		0,
		[],
		{ main: [[{ json: {} }]] },
		{ node: tested, data: {}, source: null },
		[],
	);
	const decrypted = { id: '1', name: 'tested', type: 'juheApi', data };
	try {
		const answer = (await new RoutingNode(context, type, decrypted).runNode())?.[0]?.[0]?.json;
		const met = test.rules?.find(
			({ type, properties }) =>
				type === 'responseSuccessBody' && answer?.[properties.key] === properties.value,
		);
		return met?.properties.message ?? 'OK';
	} catch (error) {
		type Cause = { code?: string; response?: { status: number; statusText: string } };
		const { cause } = error as { cause?: Cause };
		const met = test.rules?.find(
			({ type, properties }) =>
				type === 'responseCode' && properties.value === cause?.response?.status,
		);
		const said = met?.properties.message ?? cause?.response?.statusText ?? cause?.code;
		return said ?? (error as Error).message;
	}
}
