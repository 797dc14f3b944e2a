/** What n8n's AI builder reads of the node is what the node does; n8n itself checks no parameter of a community node. */
import type { IDataObject, INodeParameters, INodeProperties } from 'n8n-workflow';

import { JuheMobileStatus } from '../nodes/JuheMobileStatus/JuheMobileStatus.node.ts';
import codex from '../nodes/JuheMobileStatus/JuheMobileStatus.node.json';
import { OPTIONS } from '../nodes/JuheMobileStatus/properties';
import { CONTINUE, ERROR_OUTPUT, phones, useSimulator, withOptions } from './simulated';

const juhe = useSimulator();
const { description } = new JuheMobileStatus();
const hint = description.builderHint!;
const [variation] = hint.extraTypeDefContent!;
const text = variation!.content;
const properties: INodeProperties[] = [...description.properties, ...OPTIONS];
const hintOf = (name: string) =>
	properties.find((property) => property.name === name)!.builderHint!.propertyHint;
/** The line of the text that begins like this, without its beginning. */
const lineOf = (beginning: string) =>
	text
		.split('\n')
		.find((line) => line.startsWith(beginning))
		?.slice(beginning.length);

const ROUTES = ['Normal', 'Suspended', 'Unavailable', 'Not on Network', 'Pre-Cancelled', 'Other'];
const OUTPUTS: Array<[splitOutputs: boolean, summaryOutput: boolean, names: string[]]> = [
	[false, false, ['Rows']],
	[false, true, ['Rows', 'Summary']],
	[true, false, ROUTES],
	[true, true, [...ROUTES, 'Summary']],
];

describe.each(OUTPUTS)(
	'splitOutputs %j, summaryOutput %j',
	(splitOutputs, summaryOutput, names) => {
		const parameters = { splitOutputs, summaryOutput };

		test('the outputs are named by index', () => {
			const outputs = names.map((name, index) => `${index} ${name}`).join(', ');
			expect(lineOf(`- splitOutputs ${splitOutputs}, summaryOutput ${summaryOutput}: `)).toBe(
				outputs,
			);
		});

		test('the error output is where the text says', async () => {
			const { outputs } = await juhe.run(phones('none'), { parameters, ...ERROR_OUTPUT });
			const [index] = outputs.flatMap((items, output) =>
				items.some(({ json }) => json.error !== undefined) ? output : [],
			);
			const order = OUTPUTS.findIndex((output) => output[2] === names);
			const said = /the last: (\d), (\d), (\d) or (\d)/.exec(text)!;
			expect(index).toBe(Number(said[1 + order]));
		});
	},
);

test('the columns of a row are named, and what adds some of them', async () => {
	const namesOf = async (parameters: INodeParameters) => {
		const { outputs } = await juhe.run(phones('13800138000'), { parameters });
		return Object.keys(outputs[0]![0]!.json).filter((name) => name !== 'phone');
	};
	const options = { maskNumber: true, reuseResults: true };
	const all = await namesOf({ operation: 'rsa', options });
	const said = [...lineOf('- mobileStatus_label')!.matchAll(/mobileStatus_\w+/g)].map(String);
	expect(['route', 'mobileStatus_label', ...said]).toEqual(all);

	const always = await namesOf({ operation: 'plain' });
	const conditional = [...text.matchAll(/(mobileStatus_\w+) \(only with /g)].map(
		(match) => match[1]!,
	);
	expect(all.filter((name) => !always.includes(name))).toEqual(conditional);
});

test('the fields of a row that fails, and of the summary, are named', async () => {
	const parameters = { summaryOutput: true, ...withOptions({ maxQueries: 0 }).parameters };
	const failed = await juhe.run(phones('none', '13800138000'), { parameters, ...CONTINUE });
	const rows = failed.outputs[0]!.map(({ json }) => json);
	expect(rows).toMatchObject([
		{ details_code: 'invalidNumber', error: expect.any(String) },
		{ details_code: 'overCap', error: expect.any(String) },
	]);
	for (const name of ['error', 'details_code', "'invalidNumber'", "'overCap'"]) {
		expect(lineOf('- A row that fails')).toContain(name);
	}
	const summary = Object.keys(failed.outputs[1]![0]!.json);
	for (const name of summary) expect(hintOf('summaryOutput')).toContain(name);
});

test('each advice is explained by its routes', () => {
	const said = ['keep', 'recheck', 'remove', 'review'].map(
		(advice) => lineOf(`- ${advice} (route `)?.split(')')[0],
	);
	expect(said).toEqual([
		'normal',
		'suspended, unavailable, preCancelled',
		'notOnNetwork',
		'unknown, noRecord',
	]);
	expect(hint.searchHint).toMatch('keep, recheck, remove, review. Only remove means dead');
});

test('the patterns set parameters, options and values that there are', async () => {
	const patterns = [...text.matchAll(/<pattern title="(.*)">\n([^]*?)\n<\/pattern>/g)];
	expect(patterns).toHaveLength(3);
	const set = patterns.flatMap(([, , code]) => [
		...code!.matchAll(/type: 'n8n-nodes-juhe\.[^]*?options: (\{[^]*?\})/g),
	]);
	expect(set).toHaveLength(2);
	for (const [, options] of set) {
		const names = [...options!.matchAll(/(\w+):/g)].map((match) => match[1]);
		expect(OPTIONS.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
	}
	const [, list] = /resultFields: (\[.*?\])/.exec(text)!;
	const resultFields = JSON.parse(list!.replaceAll("'", '"')) as string[];
	const options = { dryRun: true, maxQueries: 2000, noRecord: 'route', reuseResults: true };
	// It would be refused by name.
	const { outputs } = await juhe.run(
		phones('13800138000'),
		withOptions({ ...options, resultFields }),
	);
	expect(outputs[0]).toMatchObject([{ json: { dryRun: 'billable' } }]);
});

test.each([
	['dryRun', hint.searchHint],
	['maxQueries', hint.searchHint],
	["onError 'continueRegularOutput'", hint.searchHint],
	['reuseResults', hint.searchHint],
	['up to 100 numbers', hint.searchHint],
	['set onError', text],
	['resultAs', text],
	['write the columns back', text],
	['.onError() always connects output 1', text],
	['n8n-nodes-juhe.juheMobileStatusTool', text],
	['fromAi(', hintOf('mobile')],
])('%s is mentioned', (words, where) => {
	expect(where).toContain(words);
});

test('no text breaks what n8n asks of hints', () => {
	const texts = [
		hint.searchHint,
		text,
		...(hint.relatedNodes ?? []).map((node) => node.relationHint),
	];
	const walk = (value: unknown): void => {
		if (typeof value !== 'object' || value === null) return;
		const { name, builderHint } = value as IDataObject & Pick<INodeProperties, 'builderHint'>;
		if (builderHint !== undefined) texts.push(builderHint.propertyHint);
		// n8n refuses to load a node that has a hint on one of these.
		if (builderHint !== undefined) expect(['operation', 'mode', 'resource']).not.toContain(name);
		Object.values(value).forEach(walk);
	};
	walk(description.properties);
	expect(texts.length).toBeGreaterThan(15);
	for (const each of texts) {
		expect(each).not.toContain('={{');
		expect(each).not.toMatch(/\bai_\w+/);
		expect(each).not.toContain('*/');
	}
	expect(hint.searchHint!.length).toBeLessThan(800);
});

test('a person is told before the run what a bad cell comes to', () => {
	const [note, ...others] = description.hints!;
	expect(others).toEqual([]);
	expect(note!.message).toMatch(
		/without a mobile number .* before anything is sent, unless 'On Error'/,
	);
	expect(note!.message.length).toBeLessThanOrEqual(120);
});

test.each([
	...['空号检测', '手机号', '号码检测', '手机在网状态', '聚合数据', 'juhe', 'HLR lookup'],
	...['phone validation', 'number verification', 'clean phone list', 'phone', 'mobile'],
])('an alias holds %s', (words) => {
	expect(codex.alias.some((alias) => alias.includes(words))).toBe(true);
});
