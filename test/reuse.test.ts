/** The list is the memory: results that rows carry, the shapes that they are written in, and the summary. */
import fc from 'fast-check';
import type { IDataObject, INodeExecutionData, INodeParameters } from 'n8n-workflow';

import { itemsOf, juheNode, LOOP_NODE, runWorkflow, workflowOf } from './engine';
import {
	CONTINUE,
	detailsOf,
	distinctNumbers,
	ERROR_OUTPUT,
	OPERATION_NAMES,
	phones,
	setClock,
	statusOf,
	useSimulator,
	withOptions,
} from './simulated';

const juhe = useSimulator();
const DAY = 86_400_000;
const NOW = Date.parse('2026-11-24T08:00:00Z');
const at = (time: number) => new Date(time).toISOString();
beforeEach(() => setClock(NOW));
afterEach(() => jest.useRealTimers());

type Row = IDataObject;
const KINDS = [{ node: {} }, CONTINUE, ERROR_OUTPUT];
const REUSE = { reuseResults: true };
const rowsOf = (items: INodeExecutionData[] = []) => items.map(({ json }) => json);
/** As n8n saves it and a table gets it. */
const saved = (row: unknown) => JSON.parse(JSON.stringify(row)) as Row;
/** A row with a result of 2026-11-24, in columns where a prefix is wanted. */
function carried(phone: string, route: string, result: Row, inColumns = false): Row {
	const columns = Object.entries(result).map(([name, value]) => [`mobileStatus_${name}`, value]);
	return { phone, route, ...(inColumns ? Object.fromEntries(columns) : { mobileStatus: result }) };
}
const fresh = { checkedAt: at(NOW - DAY), recheckAt: at(NOW + DAY) };
const run = async (
	rows: Row[],
	options: INodeParameters,
	more: Parameters<typeof juhe.run>[1] = {},
) => await juhe.run(rows, { ...more, ...withOptions(options, more.parameters) });

describe('Reuse Results in Rows', () => {
	/** What tables make of the values that they are given. */
	const TABLES: Record<string, (value: unknown, name: string) => unknown> = {
		'as they were': (value) => value,
		'of a Data Table': (value, name) => (/At$/.test(name) ? new Date(String(value)) : value),
		'of PostgreSQL': (value, name) =>
			/At$/.test(name) ? String(value).replace('T', ' ').replace('.000Z', '+00') : value,
		'of a sheet': (value, name) =>
			/(mobile|state|attempts|phone)$/.test(name) && /^\d+$/.test(String(value))
				? Number(value)
				: (value ?? ''),
		'of text columns': (value, name) =>
			/At$/.test(name) ? String(value).replace('Z', '+00:00') : String(value),
	};

	test.each(Object.entries(TABLES))(
		'passes on rows without a query: values %s',
		async (_, store) => {
			juhe.simulator.script({ mobile: '13800138001', fault: { kind: 'code', code: 224922 } });
			juhe.simulator.script({ mobile: '13800138002', fault: { kind: 'state', state: '9' } });
			const numbers = ['00', '05', '06', '07', '09', '01', '02'].map((end) => `138001380${end}`);
			for (const options of [
				...['object', 'columns'].flatMap((resultAs) => [
					{ resultAs },
					{ resultAs, maskNumber: true },
				]),
				{ resultAs: 'columns', routeField: 'r', outputField: 'o' },
			]) {
				const all = { ...options, noRecord: 'route' };
				const first = rowsOf((await run(phones(...numbers), all)).outputs[0]);
				const { requests } = juhe.simulator.counts;
				const stored = first.map((row) => {
					const put = (value: unknown, name: string): unknown =>
						typeof value === 'object' && value !== null
							? Object.fromEntries(
									Object.entries(value).map(([key, each]) => [key, put(each, key)]),
								)
							: store(value, name);
					return put(row, '') as Row;
				});
				setClock(NOW + 6 * DAY);
				const second = rowsOf((await run(stored, { ...all, ...REUSE })).outputs[0]);
				setClock(NOW);
				expect(juhe.simulator.counts.requests).toBe(requests);
				const own = { billable: 'no', attempts: 0, source: 'reused' };
				stored.forEach((row, index) => {
					const changed = { previousRoute: row[options.routeField ?? 'route'], changed: false };
					if ('mobileStatus' in row) {
						const mobile = statusOf({ json: first[index]! }).mobile;
						const result = { ...(row.mobileStatus as Row), mobile, ...own, ...changed };
						expect(second[index]).toEqual({ ...row, mobileStatus: result });
					} else {
						const prefix = options.outputField ?? 'mobileStatus';
						const named = Object.entries({ ...own, ...changed }).map(([name, value]) => [
							...[`${prefix}_${name}`, value],
						]);
						const mobile = { [`${prefix}_mobile`]: first[index]![`${prefix}_mobile`] };
						expect(second[index]).toEqual({ ...row, ...mobile, ...Object.fromEntries(named) });
					}
				});
			}
		},
	);

	test('a fresh row answers for all rows with its number, and the newest wins', async () => {
		const result = { mobile: '13800138000', state: '0', ...fresh };
		const newer = { ...result, state: '3', checkedAt: at(NOW - 1) };
		const outdated = { ...result, state: '4', checkedAt: at(NOW), recheckAt: at(NOW) };
		const rows = [
			carried('13800138000', 'normal', result),
			carried('+86 138 0013 8000', 'notOnNetwork', newer, true),
			{ phone: '138-0013-8000' },
			carried('13800138000', 'preCancelled', outdated),
			{ phone: '13800138001', route: 'suspended' },
			carried('13800138002', 'suspended', { ...result, mobile: '13800138009' }),
		];
		const { outputs } = await run(rows, REUSE);
		const told = outputs[0]!.map((item) => {
			const { source, previousRoute, changed } = statusOf(item);
			return [item.json.route, source, previousRoute, changed];
		});
		expect(told).toEqual([
			['notOnNetwork', 'reused', 'normal', true],
			['notOnNetwork', 'reused', 'notOnNetwork', false],
			['notOnNetwork', 'reused', null, true],
			['notOnNetwork', 'reused', 'preCancelled', true],
			['normal', 'query', 'suspended', true],
			// The number was edited: what the row carries is not about it.
			['normal', 'query', null, true],
		]);
		expect(statusOf(outputs[0]![2]!)).toMatchObject({ checkedAt: at(NOW - 1), billable: 'no' });
		const without = (await run(rows, {})).outputs[0]!;
		expect(without.map((item) => statusOf(item).source).sort()).toEqual([
			...[...Array<string>(3).fill('duplicate'), ...Array<string>(3).fill('query')],
		]);
		for (const item of without) expect(statusOf(item)).not.toHaveProperty('changed');
	});

	const mobile = fc
		.integer({ min: 0, max: 99 })
		.map((n) => `1380013${String(n).padStart(3, '0')}7`);
	/** Values that a fresh row may have, and those that make it ask anew. */
	const field = (good: unknown[], bad: unknown[]) =>
		fc.oneof(
			{ weight: 3, arbitrary: fc.constantFrom(...good).map((value) => ({ value, isGood: true })) },
			fc
				.constantFrom('', null, undefined, {}, true, ...bad)
				.map((value) => ({ value, isGood: false })),
		);
	const SAME = (number: string) => number;
	const mobiles = field(
		[SAME, Number],
		[
			0,
			'x',
			'13800138008',
			(number: string) => [number, 1],
			(number: string) => `+86${number}`,
			(number: string) => `${number.slice(0, 3)}****${number.slice(7)}`,
		],
	);
	const checkedAts = field(
		[
			at(NOW - DAY),
			new Date(NOW - DAY),
			at(NOW + 59_000),
			'2026-11-24 07:00:00+00',
			'2026-11-24T15:00+08:00',
			'2026-11-20',
		],
		[at(NOW + 61_000), new Date(NaN), 'soon', NOW - DAY, 0, '24.11.2026', '2026-13-01'],
	);
	const recheckAts = field(
		[at(NOW + 1), new Date(NOW + DAY), '2026-11-24 17:00:00+08', '2999-01-01'],
		[at(NOW), at(NOW - DAY), new Date(NaN), 'never', NOW + DAY, '2026-11-24 09:00:00+08'],
	);
	/** States, and the route that each leads to. */
	const STATES: Array<[unknown, string]> = [
		...([
			['0', 'normal'],
			[0, 'normal'],
			['1', 'suspended'],
			[3, 'notOnNetwork'],
			['4', 'preCancelled'],
		] as const),
		...['9', 7.5, 'x', true].map((state): [unknown, string] => [state, 'unknown']),
		...['', null, undefined, {}].map((state): [unknown, string] => [state, 'noRecord']),
	];
	const states = fc.constantFrom(...STATES);
	const routes = fc.constantFrom<unknown>(
		'normal',
		'unknown',
		'noRecord',
		'Normal',
		'',
		null,
		7,
		{},
	);
	const odd = fc.record({
		...{ mobiles, checkedAts, recheckAts, inColumns: fc.boolean() },
		verdict: fc.oneof(
			states.map(([state, led]) => ({ state, led, route: led as unknown })),
			fc.tuple(states, routes).map(([[state, led], route]) => ({ state, led, route })),
		),
	});

	test('odd, forged, half-filled and edited rows cost a query, and never a wrong route', async () => {
		const list = fc.uniqueArray(fc.tuple(mobile, odd), {
			minLength: 20,
			selector: ([number]) => number,
		});
		let reused = 0;
		const holds = async (
			drawn: Array<[string, typeof odd extends fc.Arbitrary<infer T> ? T : never]>,
		) => {
			juhe.simulator.reset();
			const rows = drawn.map(
				([
					number,
					{
						mobiles: { value },
						...row
					},
				]) => {
					const stored =
						typeof value === 'function' ? (value as (from: string) => unknown)(number) : value;
					const times = { checkedAt: row.checkedAts.value, recheckAt: row.recheckAts.value };
					const result = { mobile: stored, state: row.verdict.state, ...times };
					return carried(number, row.verdict.route as string, result as Row, row.inColumns);
				},
			);
			const { outputs } = await run(rows, REUSE);
			const fresh = drawn.map(
				([, { verdict, ...row }]) =>
					verdict.led === verdict.route &&
					row.mobiles.isGood &&
					row.checkedAts.isGood &&
					row.recheckAts.isGood,
			);
			outputs[0]!.forEach(({ json }, index) => {
				const { source, previousRoute, changed } = statusOf({ json });
				const expected = fresh[index] ? ['reused', rows[index]!.route] : ['query', 'notOnNetwork'];
				expect([source, json.route]).toEqual(expected);
				expect(changed).toBe(json.route !== previousRoute);
			});
			reused += fresh.filter(Boolean).length;
			expect(juhe.simulator.counts.requests).toBe(fresh.filter((isFresh) => !isFresh).length);
		};
		await fc.assert(fc.asyncProperty(list, holds), {
			numRuns: 40,
			seed: 20261124,
			endOnFailure: true,
		});
		expect(reused).toBeGreaterThan(100);
	});

	test('a masked number counts by its fingerprint, under the same key', async () => {
		const numbers = distinctNumbers(3);
		const options = { maskNumber: true, ...REUSE };
		const rows = rowsOf((await run(phones(...numbers), options)).outputs[0]);
		expect(JSON.stringify(rows.map(({ mobileStatus }) => mobileStatus))).not.toMatch(/139\d{8}/);
		statusOf({ json: rows[1]! }).fingerprint = statusOf({ json: rows[0]! }).fingerprint!;
		const sources = async (more: INodeParameters) =>
			(await run(rows, { ...options, ...more })).outputs[0]!.map((item) => statusOf(item).source);
		expect(await sources({})).toEqual(['reused', 'query', 'reused']);
		// The mask is off by now: the number that the fingerprint stands for comes out.
		expect(await sources({ maskNumber: false })).toEqual(['reused', 'query', 'reused']);
		juhe.simulator.key = 'another-key-0123456789';
		expect(await sources({})).toEqual(['query', 'query', 'query']);
	});
});

describe('Recheck After', () => {
	const numbers = ['13800138000', '13800138005', '13800138006', '13800138009', '13800138007'];
	test.each<[IDataObject | undefined, number[]]>([
		[undefined, [30, 7, 7, 7, 180, 7, 7]],
		[{}, [30, 7, 7, 7, 180, 7, 7]],
		[{ days: { keep: 0.5 } }, [0.5, 7, 7, 7, 180, 7, 7]],
		[
			{ days: { keep: 0, recheck: '1.25', remove: 36_500, review: 2 } },
			[0, 1.25, 1.25, 1.25, 36_500, 2, 2],
		],
	])('%j: each result holds for the days of its advice', async (recheckAfter, expected) => {
		juhe.simulator.script({ mobile: '13800138001', fault: { kind: 'code', code: 224922 } });
		juhe.simulator.script({ mobile: '13800138002', fault: { kind: 'state', state: '9' } });
		const all = { noRecord: 'route', ...REUSE, ...(recheckAfter && { recheckAfter }) };
		const rows = phones(...numbers, '13800138001', '13800138002');
		const { outputs } = await run(rows, all as INodeParameters);
		const days = outputs[0]!.map((item) => {
			const { checkedAt, recheckAt } = statusOf(item) as Record<string, string>;
			return (Date.parse(recheckAt!) - Date.parse(checkedAt!)) / DAY;
		});
		expect(days).toEqual(expected);

		// The row's own date decides, whatever the option says by then.
		setClock(NOW + 6.9 * DAY);
		const later = await run(rowsOf(outputs[0]), { noRecord: 'route', ...REUSE });
		const sources = later.outputs[0]!.map((item) => statusOf(item).source);
		expect(sources).toEqual(expected.map((each) => (each > 6.9 ? 'reused' : 'query')));
	});
});

describe('the shape of a result', () => {
	const nested = (row: Row) =>
		Object.values(row).filter((value) => typeof value === 'object' && value !== null);

	test('as columns is flat, and takes the place of either old shape; other columns stay', async () => {
		for (const operation of OPERATION_NAMES) {
			const own = { mobileStatus_note: 'mine', mobileStatusX: 1, id: 7 };
			const old = {
				mobile: '13800138000',
				state: '3',
				orderid: 'old',
				fingerprint: 'x',
				changed: true,
			};
			for (const resultAs of ['columns', 'object']) {
				for (const inColumns of [false, true]) {
					const rows = [{ ...carried('13800138000', 'notOnNetwork', old, inColumns), ...own }];
					const { outputs } = await run(rows, { resultAs }, { parameters: { operation } });
					const [json] = rowsOf(outputs[0]);
					const result: Row =
						resultAs === 'object'
							? statusOf({ json: json! })
							: Object.fromEntries(
									Object.entries(json!)
										.filter(([name]) => /^mobileStatus_(?!note)/.test(name))
										.map(([name, value]) => [name.slice(13), value]),
								);
					expect(result).toMatchObject({
						mobile: '13800138000',
						state: '0',
						source: 'query',
						operation,
					});
					expect(result).not.toHaveProperty('fingerprint');
					expect(result.orderid).not.toBe('old');
					expect(carried('13800138000', 'normal', result, resultAs === 'columns')).toEqual({
						...json,
						...Object.fromEntries(Object.keys(own).map((name) => [name, undefined])),
					});
					expect(json).toMatchObject(own);
					expect(nested(json!)).toHaveLength(resultAs === 'columns' ? 0 : 1);
				}
			}
		}
	});

	test('has the chosen names, in their order; reuse works with what it needs, and names what is missing', async () => {
		const needed = ['recheckAt', 'state', 'mobile', 'checkedAt'];
		for (const resultAs of ['object', 'columns']) {
			for (const maskNumber of [false, true]) {
				juhe.simulator.reset();
				const options = { ...REUSE, resultAs, maskNumber };
				const all = [...needed, ...(maskNumber ? ['fingerprint'] : [])];
				const { outputs } = await run(phones('13800138000'), { ...options, resultFields: all });
				const names = [
					'mobile',
					'state',
					'checkedAt',
					'recheckAt',
					...(maskNumber ? ['fingerprint'] : []),
				];
				const keys =
					resultAs === 'object'
						? Object.keys(statusOf(outputs[0]![0]!))
						: Object.keys(outputs[0]![0]!.json)
								.slice(2)
								.map((name) => name.slice(13));
				expect(keys).toEqual(names);
				const again = await run(rowsOf(outputs[0]), {
					...options,
					resultFields: [...all, 'source'],
				});
				expect(JSON.stringify(again.outputs[0])).toContain('reused');
				for (const left of all) {
					const { error } = await run(phones('13800138000'), {
						...options,
						resultFields: all.filter((name) => name !== left),
					});
					expect(error!.message).toMatch(
						new RegExp(`'Result Fields'.*\\b${left}\\b.*'Reuse Results in Rows'`),
					);
				}
				expect(juhe.simulator.counts.requests).toBe(1);
			}
		}
	});
});
