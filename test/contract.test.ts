/** The names, defaults and choices that saved workflows and stored credentials depend on; others may come beside them. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import './engine';
import {
	NodeHelpers,
	Workflow,
	type INode,
	type INodeProperties,
	type INodeTypeDescription,
	type INodeTypes,
} from 'n8n-workflow';

import { JuheApi } from '../credentials/JuheApi.credentials';
import { JuheMobileStatus } from '../nodes/JuheMobileStatus/JuheMobileStatus.node.ts';

const { description } = new JuheMobileStatus();
const credential = new JuheApi();
/** What a property is, but for its help. */
const bare = ({ displayName, name, type, default: initial, ...more }: INodeProperties) => [
	name,
	displayName,
	type,
	initial,
	more.typeOptions ??
		more.options?.map((option) => ('value' in option ? option.value : option.name)),
];
const named = (properties: INodeProperties[], name: string) =>
	properties.find((property) => property.name === name)!;

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
	for (const [folder, { icon }] of [
		['nodes/JuheMobileStatus', description],
		['credentials', credential],
	] as const) {
		const { light, dark } = icon as { light: string; dark: string };
		for (const file of [light, dark]) {
			expect(
				readFileSync(resolve(__dirname, '..', folder, file.replace('file:', '')), 'utf8'),
			).toMatch('<svg');
		}
		expect(light).not.toBe(dark);
	}
});

test('its parameters and options', () => {
	const { properties } = description;
	expect(properties.map(bare)).toEqual(
		expect.arrayContaining([
			[
				'operation',
				'Operation',
				'options',
				'plain',
				expect.arrayContaining(['plain', 'aes', 'rsa']),
			],
			['mobile', 'Mobile Number', 'string', '', undefined],
			['splitOutputs', 'Split Into Outputs', 'boolean', false, undefined],
			['options', 'Options', 'collection', {}, expect.any(Array)],
		]),
	);
	const required = properties.filter((property) => property.required);
	expect(required.map(({ name }) => name)).toEqual(['mobile']);
	// One operation and one set of outputs for all rows: an expression could only see the first.
	const fixed = properties.filter((property) => property.noDataExpression);
	expect(fixed.map(({ name }) => name)).toEqual(['operation', 'splitOutputs']);

	const whole = (minValue: number, maxValue: number) => ({
		minValue,
		maxValue,
		numberPrecision: 0,
	});
	expect((named(properties, 'options').options as INodeProperties[]).map(bare)).toEqual(
		expect.arrayContaining([
			['dryRun', 'Dry Run', 'boolean', false, undefined],
			['method', 'HTTP Method', 'options', 'POST', ['GET', 'POST']],
			['maskNumber', 'Mask Number', 'boolean', false, undefined],
			['concurrency', 'Max Concurrent Requests', 'number', 10, whole(1, 50)],
			['maxQueries', 'Max Queries per Run', 'number', 0, whole(0, 10_000_000)],
			['requestsPerSecond', 'Max Requests per Second', 'number', 0, whole(0, 1000)],
			['noRecord', 'No Record (224922)', 'options', 'error', ['error', 'route']],
			['onlyChanges', 'Only Changed', 'boolean', false, undefined],
			['outputField', 'Put Result in Field', 'string', 'mobileStatus', undefined],
			['resendUncertain', 'Resend After Lost Answer', 'boolean', true, undefined],
			['retries', 'Retries', 'number', 2, whole(0, 5)],
			['reuseHours', 'Reuse Results for (Hours)', 'number', 0, whole(0, 8760)],
			['routeField', 'Routing Field', 'string', 'route', undefined],
			['timeout', 'Timeout (Ms)', 'number', 10_000, whole(1, 300_000)],
		]),
	);
});

test('a person can read what to choose, and no two choices look alike', () => {
	const { properties } = description;
	for (const name of ['operation', 'noRecord', 'method']) {
		const options = named(properties, 'options').options as INodeProperties[];
		const choices = (named([...properties, ...options], name).options ?? []).map(
			(choice) => choice.name,
		);
		expect(choices.every((choice) => choice.length > 2)).toBe(true);
		expect(new Set(choices).size).toBe(choices.length);
	}
	const actions = named(properties, 'operation').options!.map(
		(choice) => 'action' in choice && choice.action,
	);
	expect(actions.slice(0, 3)).toEqual([
		'Check mobile numbers',
		expect.stringContaining('AES'),
		expect.stringContaining('RSA'),
	]);
	expect(new Set(actions).size).toBe(actions.length);
	const notices = [...properties, ...credential.properties].filter(({ type }) => type === 'notice');
	expect(notices.map(({ default: initial, displayName }) => [initial, displayName])).toEqual(
		expect.arrayContaining([
			['', expect.stringMatching(/OpenID/)],
			['', expect.stringMatching(/RSA Public Key/)],
			['', expect.stringMatching(/http.*https/)],
		]),
	);
});

describe('what the editor shows', () => {
	const shown = (
		properties: INodeProperties[],
		values: Record<string, string>,
		type: INodeTypeDescription | null = description,
	) =>
		properties
			.filter((property) => NodeHelpers.displayParameter(values, property, null, type))
			.map(({ name }) => name);

	test.each([
		['plain', []],
		['aes', ['aesNotice']],
		['rsa', ['rsaNotice']],
	])('with the operation %s: %j', (operation, notices) => {
		const names = shown(description.properties, { operation });
		expect(names.filter((name) => name.endsWith('Notice'))).toEqual(notices);
		expect(names).toEqual(expect.arrayContaining(['mobile', 'splitOutputs', 'options']));
	});

	test('to an agent: neither outputs nor changes', () => {
		const tool = { ...description, name: `${description.name}Tool` };
		const options = named(description.properties, 'options').options as INodeProperties[];
		for (const [type, isShown] of [
			[description, true],
			[tool, false],
		] as const) {
			expect(shown(description.properties, {}, type).includes('splitOutputs')).toBe(isShown);
			expect(shown(options, {}, type).includes('onlyChanges')).toBe(isShown);
			expect(shown(options, {}, type)).toContain('maxQueries');
		}
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

	test.each([
		[{ operation: 'rsa', options: {} }, 'rsa'],
		[{ operation: 'plain', options: { dryRun: true } }, 'plain, dry run'],
		[{ operation: 'aes', options: { dryRun: false } }, 'aes'],
	])('under the node’s name with %j: %s', (parameters, subtitle) => {
		const node: INode = {
			id: '1',
			name: 'Juhe',
			type: description.name,
			typeVersion: 1,
			position: [0, 0],
			parameters,
		};
		const nodeTypes = {
			getByNameAndVersion: () => new JuheMobileStatus(),
			getByName: () => new JuheMobileStatus(),
			getKnownTypes: () => ({}),
		} as INodeTypes;
		const workflow = new Workflow({ nodes: [node], connections: {}, active: false, nodeTypes });
		const value = workflow.expression.getSimpleParameterValue(
			node,
			description.subtitle,
			'internal',
			{},
		);
		expect(value).toBe(subtitle);
	});
});
