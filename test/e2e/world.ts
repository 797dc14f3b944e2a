/**
 * A real n8n with the packed package and a credential in it, and the stand-in service beside it.
 *
 * The n8n is started for the tests, or it runs already at $JUHE_N8N_URL, with the package in it and with an owner who signs
 * in by $JUHE_N8N_EMAIL and $JUHE_N8N_PASSWORD. It reaches this machine at $JUHE_TEST_HOST, by default at 127.0.0.1.
 */
import { dirname } from 'node:path';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IDataObject, INode, INodeParameters, NodeConnectionType } from 'n8n-workflow';

import { N8nClient, type Execution, type WorkflowFile } from '../../scripts/n8n-client';
import { ensureN8n, packTarball, startN8n, type N8n } from '../../scripts/real-n8n';
import { stateByLastDigit } from '../simulator/service';
import { startSimulator, type Simulator } from '../simulator/simulator';

const {
	JUHE_N8N_URL: RUNNING,
	JUHE_N8N_EMAIL: email = '',
	JUHE_N8N_PASSWORD: password = '',
} = process.env;
/** Where the servers of a test listen, and where n8n finds them. */
export const HOST = process.env.JUHE_TEST_HOST ?? '127.0.0.1';

export interface World {
	n8n: N8nClient;
	/** The same where the tests have started it, with its process. */
	own?: N8n;
	simulator: Simulator;
	/** What the `juheApi` credential holds, and what it is called in workflows. */
	account: Account;
	credential: { id: string; name: string };
	stop: () => Promise<void>;
}

export interface Account extends IDataObject {
	apiKey: string;
	openid: string;
	rsaPublicKey: string;
	baseUrl: string;
}

/** @param env for n8n, beside what it needs anyway; not for one that runs already */
export async function startWorld(env: Record<string, string> = {}): Promise<World> {
	const { n8n, own, leave } = RUNNING === undefined ? await startOwn(env) : await join(RUNNING);
	const simulator = await startSimulator({ host: HOST });
	const account = simulator.credential;
	const name = 'Juhe account';
	return {
		n8n,
		own,
		simulator,
		account,
		credential: { id: await n8n.createCredential(name, account), name },
		stop: async () => {
			await simulator.close();
			await leave();
		},
	};
}

async function startOwn(env: Record<string, string>) {
	const install = await ensureN8n();
	const tarball = await packTarball();
	const own = await startN8n({ install, tarball, env });
	await rm(dirname(tarball), { recursive: true, force: true });
	return { n8n: own, own, leave: () => own.stop() };
}

/** Signs in to an n8n that runs; what is there of the owner when the tests leave and was not before, is removed. */
async function join(url: string) {
	const n8n = new N8nClient(url, { email, password });
	await n8n.signIn();
	const before = new Set(await belongings(n8n));
	const leave = async () => {
		for (const path of await belongings(n8n)) {
			if (!before.has(path)) await remove(n8n, path);
		}
		await n8n.signOut();
	};
	return { n8n, own: undefined, leave };
}

async function remove(n8n: N8nClient, path: string): Promise<void> {
	if (path.startsWith('/rest/workflows/')) await n8n.api('POST', `${path}/archive`, {});
	// An archived workflow is unpublished some time after n8n's answer, and can be deleted then.
	await until(`${path} is removed`, () =>
		n8n.api('DELETE', path).then(
			() => true,
			(error: unknown) => {
				if (!String(error).includes('still being unpublished')) throw error;
				return false;
			},
		),
	);
}

/** The paths of the owner's workflows, credentials and Data Tables. */
async function belongings(n8n: N8nClient): Promise<string[]> {
	type List = Array<{ id: string }>;
	const get = async <T>(path: string) => (await n8n.api<{ data: T }>('GET', path)).data;
	const tables = `${await personalProject(n8n)}/data-tables`;
	const lists: Array<[path: string, list: List]> = [
		['/rest/workflows', await get<List>('/rest/workflows?take=250')],
		['/rest/credentials', await get<List>('/rest/credentials')],
		[tables, (await get<{ data: List }>(`${tables}?take=250`)).data],
	];
	return lists.flatMap(([path, list]) => list.map(({ id }) => `${path}/${id}`));
}

/** The path of the owner's own project. */
export async function personalProject(n8n: N8nClient): Promise<string> {
	const { data } = await n8n.api<{ data: { id: string } }>('GET', '/rest/projects/personal');
	return `/rest/projects/${data.id}`;
}

/** Waits until a condition holds, and fails after so many milliseconds. */
export async function until(
	what: string,
	holds: () => boolean | Promise<boolean>,
	timeout = 30_000,
): Promise<void> {
	const deadline = Date.now() + timeout;
	while (!(await holds())) {
		if (Date.now() > deadline) throw new Error(`Waited in vain until ${what}`);
		await sleep(50);
	}
}

const ROUTES = ['normal', 'suspended', 'unavailable', 'notOnNetwork', 'preCancelled'];

/** The route of what the stand-in service says of a number. */
export const routeOf = (mobile: string): string =>
	ROUTES[stateByLastDigit[Number(mobile.at(-1))]!]!;

export function node(
	name: string,
	type: string,
	parameters: INodeParameters = {},
	more: Partial<INode> = {},
): INode {
	return { id: name, name, type, typeVersion: 1, position: [0, 0], parameters, ...more };
}

/** Our node; the number comes from the row's `phone`. */
export function juhe(
	name: string,
	parameters: INodeParameters = {},
	more: Partial<INode> = {},
): INode {
	return node(
		name,
		'n8n-nodes-juhe.juheMobileStatus',
		{ mobile: '={{ $json.phone }}', ...parameters },
		{ credentials: { juheApi: { id: null, name: '' } }, ...more },
	);
}

/** A Set node that puts out this JSON, or what the expression gives for each item. */
export function set(name: string, jsonOutput: string): INode {
	const parameters = { mode: 'raw', jsonOutput, options: {} };
	return node(name, 'n8n-nodes-base.set', parameters, { typeVersion: 3.4 });
}

export type Link = [
	from: string,
	to: string,
	more?: { type?: NodeConnectionType; input?: number; output?: number },
];

/** A workflow of nodes and the connections between them. */
export function wired(name: string, nodes: INode[], links: Link[]): WorkflowFile {
	const connections: WorkflowFile['connections'] = {};
	for (const [from, to, { type = 'main', input = 0, output = 0 } = {}] of links) {
		const outputs = ((connections[from] ??= {})[type] ??= []);
		while (outputs.length <= output) outputs.push([]);
		outputs[output]!.push({ node: to, type, index: input });
	}
	return { name, nodes, connections, settings: { executionOrder: 'v1' } };
}

/** A workflow whose webhook is called by the workflow's name; its rows leave by the node `Rows`. */
export function behindRows(name: string, nodes: INode[], links: Link[]): WorkflowFile {
	const parameters = { httpMethod: 'POST', path: name, responseMode: 'lastNode', options: {} };
	const trigger = { typeVersion: 2, webhookId: name };
	const split = { fieldToSplitOut: 'body.rows', options: {} };
	return wired(
		name,
		[
			node('Webhook', 'n8n-nodes-base.webhook', parameters, trigger),
			node('Rows', 'n8n-nodes-base.splitOut', split),
			...nodes,
		],
		[['Webhook', 'Rows'], ...links],
	);
}

/** Our node between rows and as many ends as it has outputs; started by hand with `rows`, or by a webhook with its own. */
export function workflowOf(
	name: string,
	rows: IDataObject[],
	parameters: INodeParameters = {},
	more: Partial<INode> = {},
): WorkflowFile {
	const outputs =
		(parameters.splitOutputs ? 6 : 1) +
		(parameters.summaryOutput ? 1 : 0) +
		(more.onError === 'continueErrorOutput' ? 1 : 0);
	const ends = Array.from({ length: outputs }, (_, index) => `Output ${index}`);
	return behindRows(
		name,
		[
			node('By Hand', 'n8n-nodes-base.manualTrigger'),
			set('List', JSON.stringify({ body: { rows } })),
			juhe('Juhe', parameters, more),
			...ends.map((end) => node(end, 'n8n-nodes-base.noOp')),
		],
		[
			['By Hand', 'List'],
			['List', 'Rows'],
			['Rows', 'Juhe'],
			...ends.map((end, output): Link => ['Juhe', end, { output }]),
		],
	);
}

/** The newest execution of a workflow, once it has ended and is saved. */
export async function savedExecution(n8n: N8nClient, workflowId: string): Promise<Execution> {
	let newest: Execution | undefined;
	await until(`an execution of ${workflowId} has ended`, async () => {
		[newest] = await n8n.executions(workflowId);
		return newest !== undefined && newest.status !== 'running';
	});
	return newest!;
}

/** Starts executions of a workflow, and gives them once all have ended and are saved, the newest first. */
export async function executionsOf(
	n8n: N8nClient,
	workflowId: string,
	start: () => Promise<unknown>,
	count = 1,
): Promise<Execution[]> {
	const newest = async (limit: number) => {
		const path = `/api/v1/executions?limit=${limit}&workflowId=${workflowId}`;
		return (await n8n.api<{ data: Array<{ id: string; status: string }> }>('GET', path)).data;
	};
	const before = Number((await newest(1))[0]?.id ?? 0);
	await start();
	let started: Array<{ id: string; status: string }> = [];
	await until(
		`${count} more executions of ${workflowId} have ended`,
		async () => {
			started = (await newest(count)).filter(
				// One that begins at this moment is listed, too.
				({ id, status }) => Number(id) > before && status !== 'new' && status !== 'running',
			);
			return started.length === count;
		},
		10 * 60_000,
	);
	return await Promise.all(
		started.map(({ id }) => n8n.api<Execution>('GET', `/api/v1/executions/${id}?includeData=true`)),
	);
}

/** An execution with its data, once it no longer runs. */
export async function endedExecution(n8n: N8nClient, id: string): Promise<Execution> {
	let execution: Execution | undefined;
	await until(
		`execution ${id} has ended`,
		async () => {
			execution = await n8n.api<Execution>('GET', `/api/v1/executions/${id}?includeData=true`);
			return !['new', 'running'].includes(execution.status);
		},
		10 * 60_000,
	);
	return execution!;
}

/**
 * Runs a workflow from one of its triggers, as the button under the canvas does.
 *
 * @param item what the trigger puts out; it is needed for a chat message
 */
export async function runByHand(
	n8n: N8nClient,
	id: string,
	trigger: string,
	item?: IDataObject,
): Promise<Execution> {
	const task = { startTime: 0, executionIndex: 0, executionTime: 0, source: [] };
	const data = item && { ...task, data: { main: [[{ json: item }]] } };
	const started = await n8n.api<{ data: { executionId: string } }>(
		'POST',
		`/rest/workflows/${id}/run`,
		{ triggerToStartFrom: { name: trigger, data } },
	);
	return await endedExecution(n8n, started.data.executionId);
}

/** All that left a node by an output, over all its runs in an execution. */
export function itemsOf({ data }: Pick<Execution, 'data'>, name: string, output = 0) {
	const tasks = data.resultData.runData[name] ?? [];
	return tasks.flatMap((task) => (task.data?.main?.[output] ?? []).map(({ json }) => json));
}

/** Makes a Data Table of the owner. @param columns the type of each, by its name */
export async function createDataTable(
	n8n: N8nClient,
	name: string,
	columns: Record<string, string>,
): Promise<void> {
	await n8n.api('POST', `${await personalProject(n8n)}/data-tables`, {
		name,
		columns: Object.entries(columns).map(([column, type]) => ({ name: column, type })),
	});
}

/** A Data Table of the owner, over the API of the editor. @throws Error where there is none of that name */
export async function dataTable(n8n: N8nClient, name: string) {
	const get = async <T>(path: string) => (await n8n.api<{ data: T }>('GET', path)).data;
	const tables = `${await personalProject(n8n)}/data-tables`;
	const { data } = await get<{ data: Array<{ id: string; name: string }> }>(`${tables}?take=100`);
	const found = data.find((table) => table.name === name);
	if (found === undefined) throw new Error(`There is no Data Table ${name}`);
	const rows = `${tables}/${found.id}`;
	const where = (columnName: string, condition: string, value: unknown) => ({
		filters: [{ columnName, condition, value }],
	});
	return {
		/** All rows. */
		read: async (): Promise<IDataObject[]> => {
			const all: IDataObject[] = [];
			for (let count = Infinity; all.length < count;) {
				const query = `take=250&skip=${all.length}&sortBy=id:asc`;
				const page = await get<{ count: number; data: IDataObject[] }>(`${rows}/rows?${query}`);
				count = page.count;
				all.push(...page.data);
			}
			return all;
		},
		/** Puts rows in the place of those that are there. */
		fill: async (data: IDataObject[]): Promise<void> => {
			const all = encodeURIComponent(JSON.stringify(where('id', 'gt', 0)));
			await n8n.api('DELETE', `${rows}/rows?filter=${all}`);
			if (data.length > 0) await n8n.api('POST', `${rows}/insert`, { data, returnType: 'count' });
		},
		/** Deletes the table. */
		drop: async (): Promise<void> => {
			await n8n.api('DELETE', rows);
		},
		/** Changes the rows with this value in a column, as a person at the table does. */
		edit: async (column: string, value: unknown, data: IDataObject): Promise<void> => {
			await n8n.api('PATCH', `${rows}/rows`, { filter: where(column, 'eq', value), data });
		},
	};
}

/** Imports a workflow, calls its webhook with rows and gives the execution as the server saved it. */
export async function runByWebhook(
	world: World,
	file: WorkflowFile,
	rows: IDataObject[],
): Promise<Execution> {
	const { n8n, credential } = world;
	const id = await n8n.importWorkflow(file, credential);
	await n8n.activate(id);
	await n8n.webhook(file.name, { rows });
	return await savedExecution(n8n, id);
}

/** The last try of a node: its error, and its items by output. */
export function lastTry(execution: Pick<Execution, 'data'>, nodeName: string) {
	const task = execution.data.resultData.runData[nodeName]?.at(-1);
	return { error: task?.error, outputs: (task?.data?.main ?? []).map((output) => output ?? []) };
}

/**
 * Retries a failed execution, as the list of executions offers it.
 *
 * @param loadWorkflow true for the workflow as it is now, false for the one that failed
 */
export async function retry(
	n8n: N8nClient,
	{ id }: Execution,
	loadWorkflow = false,
): Promise<Execution> {
	const path = `/rest/executions/${id}/retry`;
	const { data } = await n8n.api<{ data: { id: string } }>('POST', path, { loadWorkflow });
	return await endedExecution(n8n, data.id);
}
