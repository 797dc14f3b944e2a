/** Speaks to a running n8n over HTTP, as its editor does. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IConnections, IDataObject, INode, IPinData, IRun } from 'n8n-workflow';

const MINUTE = 60_000;

/** A workflow as an export of n8n's editor holds it. */
export interface WorkflowFile {
	name: string;
	nodes: INode[];
	connections: IConnections;
	settings?: IDataObject;
	pinData?: IPinData;
}

/** A saved execution with its data. */
export interface Execution extends Pick<IRun, 'data' | 'status' | 'mode'> {
	id: string;
	workflowId: string;
	finished: boolean;
}

/** An n8n with an owner's login. */
export class N8nClient {
	private headers: Record<string, string> = {};
	private apiKeyId = '';

	constructor(
		readonly url: string,
		readonly owner: { email: string; password: string },
	) {}

	/** Makes the owner of a new n8n, and signs in. */
	async signUp(): Promise<void> {
		await this.open('/rest/owner/setup', { ...this.owner, firstName: 'Local', lastName: 'Owner' });
	}

	/** Signs in; from then on `api` speaks in the owner's name, to both of n8n's APIs. */
	async signIn(): Promise<void> {
		const { email: emailOrLdapLoginId, password } = this.owner;
		await this.open('/rest/login', { emailOrLdapLoginId, password });
	}

	private async open(path: string, login: object): Promise<void> {
		const response = await fetch(this.url + path, {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body: JSON.stringify(login),
		});
		if (!response.ok) throw new Error(`n8n refused the owner: ${await response.text()}`);
		this.headers = {
			cookie: response.headers
				.getSetCookie()
				.map((cookie) => cookie.split(';')[0])
				.join('; '),
		};
		const { data } = await this.api<{ data: { id: string; rawApiKey: string } }>(
			'POST',
			'/rest/api-keys',
			// An owner has no two keys of one label.
			{ label: randomUUID(), scopes: ['execution:read', 'execution:list'], expiresAt: null },
		);
		this.apiKeyId = data.id;
		this.headers['x-n8n-api-key'] = data.rawApiKey;
	}

	/** Takes back the key that signing in has made. */
	async signOut(): Promise<void> {
		await this.api('DELETE', `/rest/api-keys/${this.apiKeyId}`);
	}

	/**
	 * Calls the editor's API (/rest/…, which wraps its answers in `data`) or the public one (/api/v1/…).
	 *
	 * @throws Error with n8n's own words for any status but 2xx
	 */
	async api<T>(method: string, path: string, body?: unknown): Promise<T> {
		const response = await fetch(this.url + path, {
			method,
			headers: {
				...this.headers,
				...(body !== undefined && { 'content-type': 'application/json' }),
			},
			body: JSON.stringify(body),
			signal: AbortSignal.timeout(MINUTE),
		});
		const text = await response.text();
		if (!response.ok)
			throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 2000)}`);
		return JSON.parse(text) as T;
	}

	/** @returns the credential's id */
	async createCredential(name: string, data: IDataObject, type = 'juheApi'): Promise<string> {
		const created = await this.api<{ data: { id: string } }>('POST', '/rest/credentials', {
			name,
			type,
			data,
		});
		return created.data.id;
	}

	/** Saves a credential and tests it, as the editor's form does; the answer is what the form shows. */
	async testCredential(
		data: IDataObject,
		type = 'juheApi',
	): Promise<{ status: 'OK' | 'Error'; message: string }> {
		const credentials = {
			id: await this.createCredential('Tested', data, type),
			name: 'Tested',
			type,
			data,
		};
		const tested = await this.api<{ data: { status: 'OK' | 'Error'; message: string } }>(
			'POST',
			'/rest/credentials/test',
			{ credentials },
		);
		return tested.data;
	}

	/**
	 * Creates a workflow; nodes that want a `juheApi` credential get the given one, or none.
	 *
	 * @returns the workflow's id
	 */
	async importWorkflow(
		file: WorkflowFile,
		juheApi?: { id: string; name: string },
	): Promise<string> {
		const nodes = file.nodes.map((node) =>
			node.credentials?.juheApi ? { ...node, credentials: juheApi && { juheApi } } : node,
		);
		// The editor cannot execute a step of a workflow without pinData.
		const { name, connections, settings, pinData = {} } = file;
		const created = await this.api<{ data: { id: string } }>('POST', '/rest/workflows', {
			name,
			nodes,
			connections,
			settings,
			pinData,
		});
		return created.data.id;
	}

	/** Publishes the workflow, so that its triggers and webhooks listen. */
	async activate(workflowId: string): Promise<void> {
		const { data } = await this.api<{ data: { versionId: string } }>(
			'GET',
			`/rest/workflows/${workflowId}`,
		);
		await this.api('POST', `/rest/workflows/${workflowId}/activate`, { versionId: data.versionId });
	}

	/** Calls a production webhook, as soon as n8n listens to it: some time after it has answered the activation. */
	async webhook(path: string, body: unknown): Promise<Response> {
		const deadline = Date.now() + MINUTE;
		for (;;) {
			const response = await fetch(`${this.url}/webhook/${path}`, {
				method: 'POST',
				headers: { 'content-type': 'application/json' },
				body: JSON.stringify(body),
				signal: AbortSignal.timeout(5 * MINUTE),
			});
			if (response.status !== 404 || Date.now() > deadline) return response;
			await sleep(50);
		}
	}

	/** The executions of a workflow that have ended, or those of a status, with their data, the newest first. */
	async executions(workflowId: string, status?: 'running'): Promise<Execution[]> {
		const query = new URLSearchParams({
			includeData: 'true',
			workflowId,
			...(status && { status }),
		});
		return (await this.api<{ data: Execution[] }>('GET', `/api/v1/executions?${query.toString()}`))
			.data;
	}
}
