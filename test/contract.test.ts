/** The names, defaults and choices that saved workflows and stored credentials depend on; others may come beside them. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import {
	NodeHelpers,
	Workflow,
	type INodeParameters,
	type INodeProperties,
	type INodePropertyOptions,
	type INodeTypeDescription,
	type INodeTypes,
} from 'n8n-workflow';

import { JuheApi } from '../credentials/JuheApi.credentials';
import { JuheMobileStatus } from '../nodes/JuheMobileStatus/JuheMobileStatus.node.ts';
import { OPERATION_NAMES, phones, useSimulator } from './simulated';

const juhe = useSimulator();
const { description } = new JuheMobileStatus();
const { properties } = description;
const credential = new JuheApi();
const named = (from: INodeProperties[], name: string) =>
	from.find((property) => property.name === name)!;
const options = named(properties, 'options').options as INodeProperties[];
const iconOf = (file: string) => join(__dirname, '../icons', basename(file));
/** What a property is, but for its help. */
const bare = ({ displayName, name, type, default: initial, ...more }: INodeProperties) => [
	name,
	displayName,
	type,
	initial,
	more.typeOptions ??
		more.options?.map((option) => ('value' in option ? option.value : option.name)),
];

test('the credential', () => {
	expect([credential.name, credential.displayName]).toEqual(['juheApi', 'Juhe API']);
	expect(credential.documentationUrl).toMatch(/n8n-nodes-juhe#credentials$/);
	expect(credential.properties.filter(({ type }) => type !== 'notice').map(bare)).toEqual([
		['apiKey', 'Key', 'string', '', { password: true }],
		['openid', 'OpenID', 'string', '', { password: true }],
		['rsaPublicKey', 'RSA Public Key', 'string', '', { rows: 5 }],
		['baseUrl', 'Base URL', 'string', 'https://v.juhe.cn', undefined],
	]);
	const required = credential.properties.filter((property) => property.required);
	expect(required.map(({ name }) => name)).toEqual(['apiKey']);
});

test('the node', () => {
	expect(description).toMatchObject({
		name: 'juheMobileStatus',
		displayName: 'Juhe Mobile Status',
		defaults: { name: 'Juhe Mobile Status' },
		group: ['transform'],
		version: 1,
		usableAsTool: true,
		inputs: ['main'],
		credentials: [{ name: 'juheApi', required: true }],
	});
	for (const { icon } of [description, credential]) {
		const { light, dark } = icon as { light: string; dark: string };
		expect(light).not.toBe(dark);
		for (const file of [light, dark]) expect(readFileSync(iconOf(file), 'utf8')).toMatch('<svg');
	}
});

test('its parameters and options', () => {
	expect(properties.filter(({ type }) => type !== 'notice').map(bare)).toEqual(
		expect.arrayContaining([
			[
				...['operation', 'Operation', 'options', 'plain'],
				expect.arrayContaining(['plain', 'aes', 'rsa']),
			],
			['mobile', 'Mobile Number', 'string', '', undefined],
			['splitOutputs', 'Split Into Outputs', 'boolean', false, undefined],
			['summaryOutput', 'Summary Output', 'boolean', false, undefined],
			['options', 'Options', 'collection', {}, options.map(({ name }) => name)],
		]),
	);
	const required = properties.filter((property) => property.required);
	expect(required.map(({ name }) => name)).toEqual(['mobile']);
	// One operation and one set of outputs for all rows: an expression could only see the first.
	const fixed = properties.filter((property) => property.noDataExpression);
	expect(fixed.map(({ name }) => name)).toEqual(['operation', 'splitOutputs', 'summaryOutput']);

	const range = (minValue: number, maxValue: number, numberPrecision = 0) => ({
		...{ minValue, maxValue, numberPrecision },
	});
	const results = [
		...['label', 'advice', 'state', 'description', 'mobile', 'province', 'city', 'isp', 'orderid'],
		...['operation', 'billable', 'attempts', 'source', 'checkedAt', 'recheckAt'],
		...['fingerprint', 'previousRoute', 'changed'],
	];
	expect(options.map(bare)).toEqual(
		expect.arrayContaining([
			['dryRun', 'Dry Run', 'boolean', false, undefined],
			['method', 'HTTP Method', 'options', 'POST', ['GET', 'POST']],
			['maskNumber', 'Mask Number', 'boolean', false, undefined],
			['concurrency', 'Max Concurrent Requests', 'number', 10, range(1, 50)],
			['maxQueries', 'Max Queries per Execution', 'number', 100, { maxValue: 10_000_000 }],
			['requestsPerSecond', 'Max Requests per Second', 'number', 10, range(0.001, 1000, 3)],
			['noRecord', 'No Record (224922)', 'options', 'error', ['error', 'route']],
			['pricePerQuery', 'Price per Query', 'number', 0, range(0, 1_000_000, 4)],
			['outputField', 'Put Result in Field', 'string', 'mobileStatus', undefined],
			['recheckAfter', 'Recheck After (Days)', 'fixedCollection', {}, ['days']],
			['resendUncertain', 'Resend After Lost Answer', 'boolean', true, undefined],
			['resultAs', 'Result As', 'options', 'columns', ['columns', 'object']],
			['resultFields', 'Result Fields', 'multiOptions', results, results],
			['retries', 'Retries', 'number', 2, range(0, 5)],
			['reuseResults', 'Reuse Results in Rows', 'boolean', false, undefined],
			['routeField', 'Routing Field', 'string', 'route', undefined],
			['timeout', 'Timeout (Ms)', 'number', 10_000, range(1, 300_000)],
		]),
	);
	const [days] = named(options, 'recheckAfter').options as Array<{ values: INodeProperties[] }>;
	expect(days!.values.map(bare)).toEqual([
		['keep', 'Keep', 'number', 30, { minValue: 0, maxValue: 36_500 }],
		['recheck', 'Recheck', 'number', 7, { minValue: 0, maxValue: 36_500 }],
		['remove', 'Remove', 'number', 180, { minValue: 0, maxValue: 36_500 }],
		['review', 'Review', 'number', 7, { minValue: 0, maxValue: 36_500 }],
	]);
});

test('the choices and notices that a person reads', () => {
	const all = [...properties, ...options];
	const choicesOf = (name: string) => named(all, name).options as INodePropertyOptions[];
	const names = ['operation', 'noRecord', 'resultAs'].map((name) =>
		choicesOf(name).map((choice) => choice.name),
	);
	expect(names).toEqual([
		['Plain', 'AES', 'RSA'].map((way) => `Check Number (${way})`),
		...[
			['Return an Error', 'Route the Row'],
			['Columns', 'Object'],
		],
	]);
	expect(new Set(choicesOf('operation').map(({ action }) => action)).size).toBe(3);
	const notices = [...properties, ...credential.properties].filter(({ type }) => type === 'notice');
	expect(notices.map(({ default: initial, displayName }) => [initial, displayName])).toEqual(
		expect.arrayContaining([
			['', expect.stringMatching(/OpenID/)],
			['', expect.stringMatching(/RSA Public Key/)],
			['', expect.stringMatching(/http.*https/)],
		]),
	);
});

test('hints under a field are short, as rules of n8n that are newer than its plugin want', () => {
	const hints = [...properties, ...options].flatMap(({ hint }) => hint ?? []);
	expect(hints).not.toHaveLength(0);
	expect(hints.filter(({ length }) => length > 120)).toEqual([]);
});

describe('what the editor shows', () => {
	const shown = (
		from: INodeProperties[],
		values: Record<string, string>,
		type: INodeTypeDescription | null = description,
	) =>
		from
			.filter((property) => NodeHelpers.displayParameter(values, property, null, type))
			.map(({ name }) => name);

	test.each([
		['plain', []],
		['aes', ['aesNotice']],
		['rsa', ['rsaNotice']],
	])('with the operation %s: %j', (operation, notices) => {
		const names = shown(properties, { operation });
		expect(names.filter((name) => name.endsWith('Notice'))).toEqual(notices);
		expect(names).toEqual(expect.arrayContaining(['mobile', 'splitOutputs', 'options']));
	});

	test('to an agent: nothing about outputs, rows and their columns', () => {
		const all = [...properties, ...options].map(({ name }) => name);
		const tool = { ...description, name: `${description.name}Tool` };
		const values = { operation: 'aes' };
		const forTool = [...shown(properties, values, tool), ...shown(options, values, tool)];
		expect(all.filter((name) => !forTool.includes(name) && !name.endsWith('Notice'))).toEqual([
			...['splitOutputs', 'summaryOutput', 'pricePerQuery', 'outputField', 'recheckAfter'],
			...['resultAs', 'reuseResults', 'routeField'],
		]);
		expect(shown(options, values)).toEqual(options.map(({ name }) => name));
	});

	test.each([
		['https://v.juhe.cn', false],
		['http://v.juhe.cn', true],
		[' http://v.juhe.cn', true],
		['http://127.0.0.1:8080', false],
		['http://localhost/juhe', false],
		['http://localhosts.invalid', true],
	])('with the Base URL %s a warning of http: %s', (baseUrl, isWarned) => {
		const names = shown(credential.properties, { baseUrl }, null);
		expect(names.includes('httpNotice')).toBe(isWarned);
		expect(names).toEqual(expect.arrayContaining(['apiKey', 'openid', 'rsaPublicKey', 'baseUrl']));
	});

	const routes = ['Normal', 'Suspended', 'Unavailable', 'Not on Network', 'Pre-Cancelled', 'Other'];
	test.each<[INodeParameters, string, Array<string | undefined>]>([
		[{ operation: 'rsa', options: {} }, 'rsa', [undefined]],
		[{ operation: 'plain', options: { dryRun: true } }, 'plain, dry run', [undefined]],
		[
			{ operation: 'aes', options: { dryRun: false }, summaryOutput: true },
			'aes',
			['Rows', 'Summary'],
		],
		[{ operation: 'plain', splitOutputs: true }, 'plain', routes],
		[
			{ operation: 'plain', splitOutputs: true, summaryOutput: true },
			'plain',
			[...routes, 'Summary'],
		],
	])('with %j: the subtitle %s and the outputs %j', (parameters, subtitle, outputs) => {
		const node = { id: '1', name: 'Juhe', type: 'juhe', typeVersion: 1, position: [0, 0] as const };
		const type = () => new JuheMobileStatus();
		const nodeTypes = { getByNameAndVersion: type, getByName: type } as Partial<INodeTypes>;
		const workflow = new Workflow({
			nodes: [{ ...node, position: [0, 0], parameters }],
			connections: {},
			active: false,
			nodeTypes: nodeTypes as INodeTypes,
		});
		const placed = workflow.getNode('Juhe')!;
		expect(
			workflow.expression.getSimpleParameterValue(placed, description.subtitle, 'internal', {}),
		).toBe(subtitle);
		expect(
			NodeHelpers.getNodeOutputs(workflow, placed, description).map((output) =>
				typeof output === 'string' ? undefined : output.displayName,
			),
		).toEqual(outputs);
	});
});

describe('the fields that the editor offers before the first run (__schema__)', () => {
	interface Schema {
		type: string;
		properties?: Record<string, Schema>;
	}
	// The folder and file that n8n looks for: the node's version, then the operation.
	const folder = join(__dirname, '../nodes/JuheMobileStatus/__schema__/v1.0.0');

	const map = (object: object, of: (value: never) => unknown) =>
		Object.fromEntries(Object.entries(object).map(([name, value]) => [name, of(value as never)]));
	const ofSchema = ({ type, properties: fields }: Schema): unknown =>
		fields === undefined ? type : map(fields, ofSchema);
	const ofValue = (value: unknown): unknown =>
		typeof value === 'object' && value !== null ? map(value, ofValue) : typeof value;

	test('are there for each operation', () => {
		expect(readdirSync(folder).sort()).toEqual(
			OPERATION_NAMES.map((name) => `${name}.json`).sort(),
		);
	});

	test.each(OPERATION_NAMES)('are those of a run, in order (%s)', async (operation) => {
		const { outputs } = await juhe.run(phones('13800138000'), { parameters: { operation } });
		const { phone, ...added } = outputs[0]![0]!.json;
		expect(phone).toBe('13800138000');
		const schema = jest.requireActual<Schema>(join(folder, `${operation}.json`));
		// As texts, so that the order counts.
		expect(JSON.stringify(ofSchema(schema))).toBe(JSON.stringify(ofValue(added)));
	});
});
