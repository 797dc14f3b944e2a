import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { IDataObject, INodeParameters, INodeTypeDescription } from 'n8n-workflow';

import { version } from '../../package.json';
import { lastTry, node, runByWebhook, startWorld, workflowOf, type World } from './world';

let world: World;
beforeAll(async () => (world = await startWorld()));
beforeEach(() => world.simulator.reset());
afterAll(() => world.stop());

describe('what the editor gets to see', () => {
	it('the node, with its codex and its place in the package', async () => {
		const types = await world.n8n.api<INodeTypeDescription[]>('GET', '/types/nodes.json');
		expect(types.find(({ name }) => name === 'n8n-nodes-juhe.juheMobileStatus')).toMatchObject({
			displayName: 'Juhe Mobile Status',
			codex: {
				categories: ['Data & Storage', 'Sales'],
				alias: expect.arrayContaining(['空号检测']) as string[],
			},
			communityNodePackageVersion: version,
		});
	});

	it.each(['juhe.svg', 'juhe.dark.svg'])('the icon %s', async (icon) => {
		const response = await fetch(`${world.n8n.url}/icons/n8n-nodes-juhe/dist/icons/${icon}`);
		expect(response.headers.get('content-type')).toContain('image/svg+xml');
		expect(await response.text()).toContain('<svg');
	});

	it('the credential, which the node and any HTTP Request node may use', async () => {
		const types = await world.n8n.api<Array<{ name: string }>>('GET', '/types/credentials.json');
		expect(types.find(({ name }) => name === 'juheApi')).toMatchObject({
			displayName: 'Juhe API',
			supportedNodes: ['n8n-nodes-juhe.juheMobileStatus'],
		});
	});
});

describe("the credential's test", () => {
	afterEach(() => expect(world.simulator.counts.billed).toBe(0));

	it.each([
		['works', undefined, undefined, 'OK', 'Connection successful!'],
		[
			'names a key that does not exist',
			{ apiKey: 'no-such-key' },
			undefined,
			'Error',
			expect.stringMatching(/^Juhe 10001: /) as string,
		],
		[
			'names a key that has expired',
			undefined,
			10003,
			'Error',
			expect.stringMatching(/^Juhe 10003: /) as string,
		],
		[
			'is red for a code that the document does not list',
			undefined,
			10022,
			'Error',
			expect.stringMatching(/^Juhe 10022: /) as string,
		],
		['takes a key in quotes', 'quotes', undefined, 'OK', 'Connection successful!'],
	] as const)('%s', async (_, fields, code, status, message) => {
		if (code !== undefined) world.simulator.script({ fault: { kind: 'code', code } });
		const apiKey = fields === 'quotes' ? `“${world.account.apiKey}”\u200b` : world.account.apiKey;
		const data = { ...world.account, apiKey, ...(typeof fields === 'object' && fields) };
		expect(await world.n8n.testCredential(data)).toMatchObject({ status, message });
		expect(world.simulator.counts.requests).toBe(1);
	});

	it('names an address where something else answers', async () => {
		const server = createServer((_, res) => res.end('<html><body>Welcome</body></html>')).listen(
			0,
			'127.0.0.1',
		);
		await once(server, 'listening');
		const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
		const tested = await world.n8n.testCredential({ ...world.account, baseUrl });
		server.close();
		expect(tested).toEqual({
			status: 'Error',
			message: 'The Base URL answers, but not as Juhe does. Check the Base URL.',
		});
	});

	it.each([
		[404, 'HTTP 404'],
		[500, 'HTTP 500'],
	])('is red for HTTP status %i, in words', async (status, words) => {
		const body = JSON.stringify({ error_code: 224902 });
		world.simulator.script({
			fault: { kind: 'http', status, body, contentType: 'application/json' },
		});
		expect(await world.n8n.testCredential(world.account)).toEqual({
			status: 'Error',
			message: expect.stringContaining(words) as string,
		});
	});

	it('says that nothing listens at the address', async () => {
		await world.simulator.refuse();
		const tested = await world.n8n.testCredential(world.account);
		await world.simulator.accept();
		// n8n's own word: a rule of the credential sees answers only.
		expect(tested).toEqual({ status: 'Error', message: 'ECONNREFUSED' });
	});
});

it.each<
	[string, INodeParameters, (received: World['simulator']['received'][number]) => IDataObject]
>([
	[
		'GET',
		{
			method: 'GET',
			sendQuery: true,
			queryParameters: { parameters: [{ name: 'mobile', value: '={{ $json.phone }}' }] },
		},
		({ url }) => Object.fromEntries(new URL(url, 'http://127.0.0.1').searchParams),
	],
	[
		'POST',
		{
			method: 'POST',
			sendBody: true,
			contentType: 'form-urlencoded',
			bodyParameters: { parameters: [{ name: 'mobile', value: '={{ $json.phone }}' }] },
		},
		({ body }) => Object.fromEntries(new URLSearchParams(body)),
	],
])("signs in n8n's own HTTP Request node, %s", async (method, parameters, sentBy) => {
	const { simulator, credential, account } = world;
	const file = workflowOf(`http-${method}`, []);
	const request = node(
		'Juhe',
		'n8n-nodes-base.httpRequest',
		{
			url: `${simulator.url}/mobile_status/query`,
			authentication: 'predefinedCredentialType',
			nodeCredentialType: 'juheApi',
			options: {},
			...parameters,
		},
		{ typeVersion: 4.2, credentials: { juheApi: credential } },
	);
	file.nodes = file.nodes.map((other) => (other.name === 'Juhe' ? request : other));
	const execution = await runByWebhook(world, file, [{ phone: '13800138007' }]);

	expect(lastTry(execution, 'Juhe')).toMatchObject({
		outputs: [[{ json: { error_code: 0, result: { mobile: '13800138007', state: '3' } } }]],
	});
	const [received] = simulator.received;
	expect(received!.method).toBe(method);
	expect(sentBy(received!)).toEqual({ key: account.apiKey, mobile: '13800138007' });
});
