import type { INodeParameters, INodeTypeDescription } from 'n8n-workflow';

import { version } from '../../package.json';
import rsa from '../vectors/rsa.json';
import { lastTry, node, runByWebhook, startWorld, workflowOf, type World } from './world';

type Received = World['simulator']['received'][number];

let world: World;
beforeAll(async () => (world = await startWorld()));
beforeEach(() => world.simulator.reset());
afterAll(() => world.stop());

describe('what the editor gets to see', () => {
	it('the node, with its codex and its place in the package', async () => {
		const types = await world.n8n.api<INodeTypeDescription[]>('GET', '/types/nodes.json');
		const categories = ['Data & Storage', 'Sales'];
		expect(types.find(({ name }) => name === 'n8n-nodes-juhe.juheMobileStatus')).toMatchObject({
			displayName: 'Juhe Mobile Status',
			codex: {
				categories,
				alias: expect.arrayContaining(['空号检测']) as string[],
			},
			communityNodePackageVersion: version,
		});
		const ofN8n = types.filter(({ name }) => name.startsWith('n8n-nodes-base.'));
		const known = ofN8n.flatMap(({ codex }) => codex?.categories ?? []);
		expect(known).toEqual(expect.arrayContaining(categories));
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
			supportedNodes: expect.arrayContaining(['n8n-nodes-juhe.juheMobileStatus']) as string[],
		});
	});
});

describe("the credential's test", () => {
	afterEach(() => expect(world.simulator.counts.billed).toBe(0));

	it.each<[string, string, number | undefined, string, string]>([
		['works', '?', undefined, 'OK', 'Connection successful!'],
		['names a key that does not exist', 'none', undefined, 'Error', 'Juhe 10001: '],
		['names a key that has expired', '?', 10003, 'Error', 'Juhe 10003: '],
		['is red for a code that the document does not list', '?', 10100, 'Error', 'Juhe 10100: '],
		['takes a key in quotes', '“\u200b?”', undefined, 'OK', 'Connection successful!'],
	])('%s', async (_, pasted, code, status, message) => {
		if (code !== undefined) world.simulator.script({ fault: { kind: 'code', code } });
		const apiKey = pasted.replace('?', world.account.apiKey);
		expect(await world.n8n.testCredential({ ...world.account, apiKey })).toEqual({
			status,
			message: expect.stringContaining(message) as string,
		});
		expect(world.simulator.counts.requests).toBe(1);
	});

	it.each<[string, number, string]>([
		['names an address where something else answers', 200, 'Juhe notJuhe: '],
		['is red for HTTP status 404, in words', 404, 'Juhe 404: '],
		['is red for HTTP status 500, in words', 500, 'Juhe 500: '],
	])('%s', async (_, status, message) => {
		const body = status === 200 ? '<html></html>' : JSON.stringify({ error_code: 224902 });
		const contentType = 'application/json';
		world.simulator.script({ fault: { kind: 'http', status, body, contentType } });
		expect(await world.n8n.testCredential(world.account)).toEqual({
			status: 'Error',
			message: expect.stringContaining(message) as string,
		});
	});

	it('names a private key in the place of the public one, and sends nothing', async () => {
		const [{ privateKeyPkcs8Pem: rsaPublicKey }] = rsa.keys as [(typeof rsa.keys)[0]];
		expect(await world.n8n.testCredential({ ...world.account, rsaPublicKey })).toEqual({
			status: 'Error',
			message: "'RSA Public Key' is a PKCS#8 private key.",
		});
		expect(world.simulator.counts.requests).toBe(0);
	});

	it('says that nothing listens at the address', async () => {
		await world.simulator.refuse();
		const tested = await world.n8n.testCredential(world.account);
		await world.simulator.accept();
		expect(tested).toEqual({
			status: 'Error',
			message: expect.stringContaining('Juhe connectionRefused: ') as string,
		});
	});
});

const mobile = { parameters: [{ name: 'mobile', value: '={{ $json.phone }}' }] };

it.each<[string, INodeParameters]>([
	['GET', { sendQuery: true, queryParameters: mobile }],
	['POST', { sendBody: true, contentType: 'form-urlencoded', bodyParameters: mobile }],
	['POST', { sendBody: true, contentType: 'json', bodyParameters: mobile }],
])("signs in n8n's own HTTP Request node, %s %j", async (method, more) => {
	const { simulator, credential, account } = world;
	const request = node(
		'Juhe',
		'n8n-nodes-base.httpRequest',
		{
			...{ method, url: `${simulator.url}/mobile_status/query`, options: {}, ...more },
			...{ authentication: 'predefinedCredentialType', nodeCredentialType: 'juheApi' },
		},
		{ typeVersion: 4.2, credentials: { juheApi: credential } },
	);
	const file = workflowOf(`http-${JSON.stringify(more).length}`, []);
	file.nodes = file.nodes.map((other) => (other.name === 'Juhe' ? request : other));
	const execution = await runByWebhook(world, file, [{ phone: '13800138007' }]);

	expect(lastTry(execution, 'Juhe')).toMatchObject({
		outputs: [[{ json: { error_code: 0, result: { mobile: '13800138007', state: '3' } } }]],
	});
	const [{ url, body, headers, ...received }] = simulator.received as [Received];
	expect(received).toMatchObject({ method });
	expect(headers['content-type']).toMatch('application/x-www-form-urlencoded');
	const query = url.split('?')[1] ?? '';
	const [form, empty] = method === 'GET' ? [query, body] : [body, query];
	expect(Object.fromEntries(new URLSearchParams(form))).toEqual({
		...{ key: account.apiKey, mobile: '13800138007' },
	});
	expect(empty).toBe('');
});
