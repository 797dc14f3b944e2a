/** Parameters, options and credential: what is refused and how, what is taken, and where requests then go. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { IDataObject, INodeParameters } from 'n8n-workflow';

import { RESULT_NAMES } from '../nodes/JuheMobileStatus/list/storedResult';
import { OPTIONS } from '../nodes/JuheMobileStatus/properties';
import {
	CONTINUE,
	detailsOf,
	distinctNumbers,
	ERROR_OUTPUT,
	phones,
	useSimulator,
	withOptions,
} from './simulated';
import rsa from './vectors/rsa.json';

const juhe = useSimulator();
const ROWS = phones('13800138000', '13800138001');

/** Nothing is sent, no row passes as if it had been checked, and the message names what is to be corrected. */
async function expectRefusal(
	how: Parameters<typeof juhe.run>[1],
	name: string,
	secret = '',
	reason = '',
) {
	const stopped = await juhe.run(ROWS, how);
	expect(stopped.error).toMatchObject({
		name: 'NodeOperationError',
		message: expect.stringContaining(`'${name}'${reason}`),
		description: expect.stringContaining('Nothing was sent'),
	});

	const continued = await juhe.run(ROWS, { ...how, ...CONTINUE });
	const byErrorOutput = await juhe.run(ROWS, { ...how, ...ERROR_OUTPUT });
	expect(byErrorOutput.outputs.slice(0, -1).flat()).toEqual([]);
	for (const items of [continued.outputs.flat(), byErrorOutput.outputs.at(-1)!]) {
		expect(items.map(({ json }) => json)).toMatchObject(
			ROWS.map((row) => ({ ...row, error: stopped.error!.message })),
		);
		for (const item of items) {
			expect(detailsOf(item)).toMatchObject({
				...{ code: 'invalidSettings', attempts: 0, billable: 'no' },
				remedy: expect.stringContaining('Nothing was sent'),
			});
		}
	}
	expect(juhe.simulator.counts.requests).toBe(0);
	if (secret !== '')
		expect(JSON.stringify([stopped, continued, byErrorOutput])).not.toContain(secret);
}

describe('an option', () => {
	const nonsense = [-1, 'many', '={{ NaN }}', '={{ [5] }}', '={{ true }}', '10; drop', '0x10', '١'];
	test.each<[string, string, unknown[]]>([
		['concurrency', 'Max Concurrent Requests', [0, 51, 1.5, '1e0', 1e9, ...nonsense]],
		['requestsPerSecond', 'Max Requests per Second', [1001, 0, ...nonsense]],
		['timeout', 'Timeout (Ms)', [0, 300_001, ...nonsense]],
		['retries', 'Retries', [6, 0.5, '={{ Infinity }}', ...nonsense]],
		['maxQueries', 'Max Queries per Execution', [10_000_001, ...nonsense.slice(1)]],
		['pricePerQuery', 'Price per Query', [1_000_001, '1,5', ...nonsense]],
		['method', 'HTTP Method', ['PUT', 'post', '={{ 1 }}']],
		['noRecord', 'No Record (224922)', ['drop']],
		['resultAs', 'Result As', ['list']],
		['maskNumber', 'Mask Number', ['no', '={{ 0 }}']],
		['dryRun', 'Dry Run', ['true', '={{ 1 }}']],
		['resendUncertain', 'Resend After Lost Answer', ['={{ 0 }}']],
		['routeField', 'Routing Field', ['__proto__', ' constructor', '={{ 7 }}']],
		['outputField', 'Put Result in Field', ['prototype', '={{ [] }}']],
		['resultFields', 'Result Fields', [[], ['state', 'toString'], '={{ "state" }}']],
	])('%s out of its range is refused', async (name, displayName, values) => {
		for (const value of values) {
			await expectRefusal(withOptions({ [name]: value } as INodeParameters), displayName);
		}
	});

	// A literal null of a text or a list, and a whole collection, n8n itself replaces by the default.
	const byValue = OPTIONS.filter(({ type }) => type !== 'fixedCollection');
	test.each(byValue)('$name that is set, and to nothing, is refused', async (option) => {
		const hasNull = !['string', 'multiOptions'].includes(option.type);
		const empty = ['', '  ', '={{ $json.cap }}', '={{ null }}', '={{ "" }}'];
		for (const value of hasNull ? [null, ...empty] : empty) {
			const options = { [option.name]: value } as unknown as INodeParameters;
			const reason = ' is set, but its value is empty';
			await expectRefusal(withOptions(options), option.displayName, '', reason);
		}
	});

	test('a cap above the highest is refused, the highest is not', async () => {
		const reason = ' must be a number up to 10000000';
		const options = { maxQueries: 10_000_000.1 };
		await expectRefusal(withOptions(options), 'Max Queries per Execution', '', reason);
		const { error } = await juhe.run(ROWS, withOptions({ maxQueries: 10_000_000, dryRun: true }));
		expect(error).toBeUndefined();
	});

	test.each(['Keep', 'Recheck', 'Remove', 'Review'])('%s is a number of days', async (name) => {
		for (const days of [null, '', '={{ $json.cap }}', -1, 'soon', 36_501]) {
			const recheckAfter = { days: { [name.toLowerCase()]: days } };
			await expectRefusal(withOptions({ recheckAfter } as unknown as INodeParameters), name);
		}
	});

	test.each<[string, INodeParameters]>([
		...['error', 'details', 'previousRoute', 'changed', ' error '].flatMap(
			(name): Array<[string, INodeParameters]> => [
				['Routing Field', { routeField: name }],
				['Put Result in Field', { outputField: name }],
			],
		),
		['Routing Field', { outputField: 'route' }],
		['Routing Field', { routeField: ' mobileStatus' }],
		['Routing Field', { routeField: 'a', outputField: 'a ' }],
		['Routing Field', { routeField: 'mobileStatus_state' }],
		['Routing Field', { routeField: 'a_recheckAt', outputField: 'a', resultAs: 'columns' }],
	])('%s that takes the place of another is refused (%j)', async (name, options) => {
		await expectRefusal(withOptions(options), name);
	});

	test.each<[string, INodeParameters]>([
		["'Max Concurrent Requests' must be a whole number from 1 to 50", { concurrency: 99 }],
		["'Price per Query' must be a number from 0 to 1000000", { pricePerQuery: -1 }],
		["'Dry Run' must be true or false", { dryRun: 'yes' }],
		["'No Record (224922)' must be one of error, route", { noRecord: 'drop' }],
		["'Result Fields' needs at least one field", { resultFields: [] }],
		[`'Result Fields' takes ${RESULT_NAMES.join(', ')}`, { resultFields: ['x'] }],
		[
			"'Routing Field' must be a field name, and none of __proto__, constructor, prototype",
			{ routeField: 'constructor' },
		],
		[
			"'Routing Field' must be another field than 'error', which the node writes itself",
			{ routeField: 'error' },
		],
		["'Max Queries per Execution' is set, but its value is empty", { maxQueries: '={{ null }}' }],
		[
			"'Result Fields' must include mobile, checkedAt, recheckAt: 'Reuse Results in Rows' reads them",
			{ reuseResults: true, resultFields: ['state'] },
		],
	])('says what it takes: %s', async (message, options) => {
		const { error } = await juhe.run(ROWS, withOptions(options));
		expect(error!.message).toBe(message);
	});

	test('that is refused leaves the names of the others in force', async () => {
		const names = { routeField: ' r', outputField: 'o', concurrency: 99 };
		const row = {
			phone: '13800138000',
			r: 'x',
			o: 1,
			o_state: '0',
			route: 'mine',
			mobileStatus: 2,
		};
		for (const resultAs of ['columns', 'object']) {
			const options = { ...names, resultAs };
			const { outputs } = await juhe.run([row], { ...CONTINUE, ...withOptions(options) });
			expect(detailsOf(outputs[0]![0]!)).toBeDefined();
			const rest = Object.fromEntries(
				Object.entries(outputs[0]![0]!.json).filter(([name]) => !/^(error$|details)/.test(name)),
			);
			const { phone, route, mobileStatus, o, o_state } = row;
			const kept = resultAs === 'object' ? { o_state } : { o };
			expect(rest).toEqual({ phone, route, mobileStatus, ...kept });
		}
	});

	test('that is a number may be text, as a variable gives it', async () => {
		const options = { concurrency: '={{ "2" }}', retries: '0', timeout: ' 5000 ' };
		const { error } = await juhe.run(ROWS, withOptions(options));
		expect(error).toBeUndefined();
	});

	test('whose expression cannot be evaluated is told in the words of n8n', async () => {
		const options = withOptions({ concurrency: '={{ $("Nowhere").first().json.x }}' });
		const { error } = await juhe.run(ROWS, options);
		expect(error).toMatchObject({ name: 'NodeOperationError', node: { name: 'Juhe' } });
		expect(error!.message).toContain('node');
		const { outputs } = await juhe.run(ROWS, { ...CONTINUE, ...options });
		expect(outputs[0]!.map(({ json }) => json.error)).toEqual(ROWS.map(() => error!.message));
		expect(juhe.simulator.counts.requests).toBe(0);
	});
});

test('an operation that does not exist is refused', async () => {
	const how = { parameters: { operation: 'des' } };
	await expectRefusal(how, 'Operation');
	const { error } = await juhe.run(ROWS, how);
	expect(error!.message).toBe("'Operation' must be one of plain, aes, rsa");
});

describe('the credential', () => {
	const privateKey = rsa.keys[0]!.privateKeyPkcs8Pem;
	test.each<[string, string, IDataObject, secret: string]>([
		['Key', 'plain', { apiKey: ' \n' }, ''],
		['Key', 'plain', { apiKey: 7 }, ''],
		['OpenID', 'aes', { openid: '  ' }, ''],
		['RSA Public Key', 'rsa', { rsaPublicKey: '' }, ''],
		['RSA Public Key', 'rsa', { rsaPublicKey: 7 }, ''],
		['RSA Public Key', 'rsa', { rsaPublicKey: privateKey }, privateKey.slice(40, 80)],
		['RSA Public Key', 'rsa', { rsaPublicKey: 'hunter2hunter2' }, 'hunter2'],
		...[
			...['v.juhe.cn/hunter2', 'javascript:hunter2', 'file:///hunter2', 'http:\\\\hunter2'],
			...[
				'see http://127.0.0.1/hunter2',
				'data:text/plain,hunter2',
				'unix:/hunter2',
				'http://me:hunter2@127.0.0.1',
			],
			...[
				'http://127.0.0.1/?key=hunter2',
				'http://127.0.0.1#hunter2',
				'http://127.0.0.1\n.hunter2.cn',
			],
		].map((baseUrl): [string, string, IDataObject, string] => {
			return ['Base URL', 'plain', { baseUrl }, 'hunter2'];
		}),
	])('with a %s that cannot be used is refused (%s, %j)', async (name, operation, data, secret) => {
		const credential = data as Record<string, string>;
		await expectRefusal({ parameters: { operation }, credential }, name, secret);
	});

	test('is checked as far as the operation needs it', async () => {
		const { error } = await juhe.run(ROWS, { credential: { openid: '', rsaPublicKey: 'garbage' } });
		expect(error).toBeUndefined();
	});

	test('may lead to a gateway with a path of its own', async () => {
		const { outputs } = await juhe.run(phones('13800138000'), {
			...CONTINUE,
			credential: { baseUrl: `${juhe.simulator.url}/gate/way/` },
		});
		expect(detailsOf(outputs[0]![0]!)).toMatchObject({ code: 404 });
		expect(juhe.simulator.received[0]!.path).toBe('/gate/way/mobile_status/query');
	});

	test.each(['POST', 'GET'])('is sent as it is by %s', async (method) => {
		const key = 'a&mobile=13900139000+%00=é';
		const { outputs } = await juhe.run(phones('13800138000'), {
			...{ ...CONTINUE, ...withOptions({ method }) },
			credential: { apiKey: key },
		});
		expect(detailsOf(outputs[0]![0]!)).toMatchObject({ code: 10001 });
		const { url, body } = juhe.simulator.received[0]!;
		const form = new URLSearchParams(method === 'GET' ? url.split('?')[1] : body);
		expect([...form].sort()).toEqual([
			['key', key],
			['mobile', '13800138000'],
		]);
	});
});

test("requests go through the proxy that n8n's environment names", async () => {
	const asked: string[] = [];
	const proxy = createServer((request, response) => {
		asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
		response.end(JSON.stringify({ reason: '成功', result: { state: '0' }, error_code: 0 }));
	});
	await once(proxy.listen(0, '127.0.0.1'), 'listening');
	process.env.HTTP_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
	try {
		const credential = { baseUrl: 'http://juhe.invalid' };
		const { outputs } = await juhe.run(phones('13800138000'), { credential });
		expect(outputs[0]![0]!.json.route).toBe('normal');
		expect(asked).toEqual(['POST http://juhe.invalid/mobile_status/query']);
	} finally {
		delete process.env.HTTP_PROXY;
		proxy.close();
	}
});

test.each<[number, INodeParameters, most: number]>([
	[20, { concurrency: 1 }, 1],
	[40, { concurrency: 7 }, 7],
	// No more than 30 start before the first answer.
	[100, { concurrency: 50 }, 50],
	[30, {}, 10],
	// A second leaves room between them.
	[10, { requestsPerSecond: 10, concurrency: 50 }, 1],
])('%i numbers, %j: up to %i at a time', async (count, options, most) => {
	// Long enough for all to be on their way before the first is answered.
	juhe.simulator.latency = 12 * most;
	const { outputs } = await juhe.run(phones(...distinctNumbers(count)), withOptions(options));
	expect(outputs[0]).toHaveLength(count);
	const { billed, peakInFlight } = juhe.simulator.counts;
	expect(billed).toBe(count);
	expect(peakInFlight).toBeLessThanOrEqual(most);
	expect(peakInFlight).toBeGreaterThan(0.6 * most);
});
