/**
 * The node reads a bare path such as `{{ $json.phone }}` from the row itself. Here it gets what n8n evaluates, by each of
 * n8n's engines for expressions, whatever stands in path and row (fast-check).
 *
 * @jest-environment ./test/paths.environment.js
 */
import fc from 'fast-check';
import { Expression, type IDataObject, type IExecuteFunctions } from 'n8n-workflow';

import { cellReader, pathIntoRow } from '../nodes/JuheMobileStatus/rows';
import { nodeType, runWorkflow, workflowOf } from './engine';

declare const nodeRequire: NodeJS.Require;

interface Sample {
	/** An expression that is nothing but a path. */
	mobile: string;
	rows: IDataObject[];
}

/** Reads the cells of samples as the node does, and as n8n evaluates the same expression, in one execution. */
async function readBoth(samples: Sample[]) {
	const cells: Array<{ read: unknown; evaluated: unknown; isDirect: boolean }> = [];
	const of = (read: () => unknown) => {
		try {
			return read();
		} catch (error) {
			return (error as Error).message;
		}
	};
	const parameterNames = samples.map((_, index) => `mobile${index}`);
	const probe = nodeType(
		async function () {
			const rest = this.getInputData();
			let offset = 0;
			samples.forEach(({ mobile, rows }, sample) => {
				const items = rest.slice(offset, offset + rows.length);
				const first = offset;
				offset += rows.length;
				const evaluate = jest.fn((_: string, index: number): unknown =>
					this.getNodeParameter(parameterNames[sample]!, first + index),
				);
				const context = { getNodeParameter: evaluate } as unknown as IExecuteFunctions;
				const readCell = cellReader(context, items, pathIntoRow(mobile));
				for (let index = 0; index < items.length; index++) {
					evaluate.mockClear();
					const read = of(() => readCell(index));
					const isDirect = evaluate.mock.calls.length === 0;
					cells.push({ read, evaluated: of(() => evaluate('mobile', index)), isDirect });
				}
			});
			return [[]];
		},
		1,
		{
			properties: parameterNames.map((name) => ({
				displayName: name,
				name,
				type: 'string',
				default: '',
			})),
		},
	);
	const parameters = Object.fromEntries(
		samples.map(({ mobile }, index) => [parameterNames[index]!, mobile]),
	);
	const { run } = await runWorkflow(
		workflowOf({ Probe: { type: 'test.probe', parameters } }, 'Start > Rows > Probe'),
		{
			credential: {},
			pinData: { Rows: samples.flatMap(({ rows }) => rows.map((json) => ({ json }))) },
			nodeTypes: { 'test.probe': probe },
		},
	);
	expect(run.data.resultData.error).toBeUndefined();
	return cells;
}

const names = [
	...['phone', 'phone no', '手机', 'a', 'b'],
	...['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'toJSON', 'then', 'length'],
	...['constructors', 'getPrototypeOf', '__lookupGetter__', 'mainModule', 'isEmpty', 'json'],
	...['$json', '$input', 'item', 'this', 'class', '0', '', ' ', '-1', '}}', '{{', '{{ $json.a }}'],
	...['//', '/*', '`', '${a}', '"', "'", '=', '.', 'a.b', 'a[0]', '_x', '$', 'é', 'e\u0301', '🙂'],
	...['\u2028', '\ufeff', '\u200b', '\0'],
];
const fieldName = fc.oneof(fc.constantFrom(...names), fc.string({ unit: 'binary', maxLength: 4 }));
const cells: unknown[] = [
	...['13800138000', 13800138000, '+86 138-0013-8000', '', ' 1 ', 0, -0, NaN, Infinity, 1e21, 0.1],
	...['={{ 1 }}', '{{ 1 }}', '=1', '=', '{{ $json.a }}', '}}', '\\', '\n', '\u2028'],
	...['1'.repeat(10_000), '\ud83d', '\ude421'],
	...[null, undefined, true, false, [], {}, ['13800138000'], [[1]], { phone: '1' }, new Date(0)],
];
const cell = fc.oneof(
	{ weight: 3, arbitrary: fc.constantFrom(...cells) },
	fc.string({ unit: 'binary' }),
	fc.double(),
);
const row = fc.letrec<{ row: unknown }>((tie) => ({
	row: fc.dictionary(fieldName, fc.oneof({ maxDepth: 2 }, cell, tie('row')), {
		maxKeys: 6,
		noNullPrototype: true,
	}),
})).row as fc.Arbitrary<IDataObject>;
/** Writes a name into a path, where it leads to that name or to another one. */
const pathStep = (name: string) => fc.constantFrom(`.${name}`, `["${name}"]`, `['${name}']`);
const spaces = fc.constantFrom('', ' ', '\n', '\t ', '\u00a0');
/** A path, and rows of which most have a cell there. */
const sample = fc
	.array(fieldName, { minLength: 1, maxLength: 3 })
	.chain((names): fc.Arbitrary<Sample> => {
		const cellAt = fc.tuple(row, fc.option(cell, { nil: row })).map(([other, value]) => {
			if (value === row) return other;
			const nested = names.reduceRight<unknown>((inner, name) => {
				// An assignment to __proto__ makes no field.
				const field = { value: inner, enumerable: true, writable: true, configurable: true };
				return Object.defineProperty({}, name, field);
			}, value);
			return { ...other, ...(nested as IDataObject) };
		});
		return fc.record({
			mobile: fc
				.tuple(spaces, fc.tuple(...names.map(pathStep)), spaces)
				.map(([before, steps, behind]) => `={{${before}$json${steps.join('')}${behind}}}`),
			rows: fc.array(cellAt, { minLength: 1, maxLength: 6 }),
		});
	});

type Engine = Parameters<typeof Expression.initExpressionEngine>[0]['engine'];
/** n8n outside of Jest. */
const n8n = nodeRequire(require.resolve('n8n-workflow')) as { Expression: typeof Expression };

interface Evaluator {
	acquire(caller: object): Promise<unknown>;
	release(caller: object): Promise<void>;
}

/** Has n8n evaluate by an engine. @returns whether this n8n has it, on this Node.js */
async function start(engine: Engine): Promise<boolean> {
	if (engine === 'legacy') return true;
	const limits = { poolSize: 1, maxCodeCacheSize: 1024, bridgeTimeout: 5000 };
	try {
		await n8n.Expression.initExpressionEngine({ engine, ...limits, bridgeMemoryLimit: 128 });
		const { vmEvaluator } = n8n.Expression as unknown as { vmEvaluator: Evaluator };
		const caller = {};
		await vmEvaluator.acquire(caller);
		await vmEvaluator.release(caller);
		Object.assign(Expression, { vmEvaluator, expressionEngine: engine });
		return true;
	} catch {
		return false;
	}
}
afterEach(async () => {
	await n8n.Expression.disposeExpressionEngine();
	Object.assign(Expression, { vmEvaluator: undefined, expressionEngine: 'legacy' });
});

// n8n 2.40.7 takes `vm`, and another one by N8N_EXPRESSION_ENGINE.
test.each<Engine>(['legacy', 'vm', 'quickjs'])(
	'what a path leads to is what n8n evaluates by %s',
	async (engine) => {
		if (!(await start(engine))) {
			console.log(`No engine ${engine} in this n8n on Node.js ${process.version}`);
			return;
		}
		// QuickJS makes � of half a pair, which is no part of a number.
		const hasHalf = ({ rows }: Sample) => /\\ud[89a-f]/.test(JSON.stringify(rows));
		let direct = 0;
		await fc.assert(
			fc.asyncProperty(fc.array(sample, { minLength: 40, maxLength: 80 }), async (samples) => {
				const cells = await readBoth(
					engine === 'quickjs' ? samples.filter((each) => !hasHalf(each)) : samples,
				);
				expect(cells.map(({ read }) => read)).toEqual(cells.map(({ evaluated }) => evaluated));
				direct += cells.filter(({ isDirect }) => isDirect).length;
			}),
			{ numRuns: Number(process.env.RUNS ?? 6) },
		);
		// It says something only where the node has read rows itself.
		expect(direct).toBeGreaterThan(30);
	},
	60_000,
);
