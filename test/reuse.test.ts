/** The list is the memory: results that rows carry, the shapes they are written in, and the summary. */
import fc from 'fast-check';
import type { IDataObject, INodeParameters } from 'n8n-workflow';

import { summaryLine, type Summary } from '../nodes/JuheMobileStatus/summary';
import { itemsOf, juheNode, loopNode, runWorkflow, workflowOf } from './engine';
import {
	columns,
	CONTINUE,
	detailsOf,
	distinctNumbers,
	ERROR_OUTPUT,
	OPERATION_NAMES,
	phones,
	setClock,
	useSimulator,
	withOptions,
} from './simulated';

type Row = IDataObject;
const juhe = useSimulator();
const KINDS = [{ node: {} }, CONTINUE, ERROR_OUTPUT];
const REUSE = { reuseResults: true };
const DAY = 86_400_000;
const NOW = Date.parse('2026-11-24T08:00:00Z');
const at = (time: number) => new Date(time).toISOString();
const fresh = { checkedAt: at(NOW - DAY), recheckAt: at(NOW + DAY) };
beforeEach(() => setClock(NOW));
afterEach(() => jest.useRealTimers());

/** The rows of the first output. */
async function run(rows: Row[], options: object, more: Parameters<typeof juhe.run>[1] = {}) {
	const { parameters } = withOptions(options as INodeParameters, more.parameters);
	return (await juhe.run(rows, { ...more, parameters })).outputs[0]!.map(({ json }) => json);
}

/** A row with a result, as an object or as columns. */
function carrying(phone: unknown, route: unknown, result: Row, inColumns = false): Row {
	const columns = Object.entries(result).map(([name, value]) => [`mobileStatus_${name}`, value]);
	const shape = inColumns ? Object.fromEntries(columns) : { mobileStatus: result };
	return { phone, route, ...shape } as Row;
}

/** The result in a row, in either shape. */
function resultIn(row: Row, field = 'mobileStatus'): Row {
	const columns = Object.entries(row).filter(([name]) => name.startsWith(`${field}_`));
	const named = columns.map(([name, value]) => [name.slice(field.length + 1), value]);
	return (row[field] ?? Object.fromEntries(named)) as Row;
}

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

	test.each(Object.keys(TABLES))('passes on rows without a query: values %s', async (name) => {
		juhe.simulator.script({ mobile: '13800138001', fault: { kind: 'code', code: 224922 } });
		const unknown = { error_code: 0, result: { state: '9', city: null } };
		juhe.simulator.script({ mobile: '13800138002', fault: { kind: 'json', body: unknown } });
		const numbers = ['00', '05', '06', '07', '09', '01', '02'].map((end) => `138001380${end}`);
		const store = (row: Row): Row =>
			JSON.parse(JSON.stringify(row), (key, value: unknown) =>
				typeof value === 'object' ? value : TABLES[name]!(value, key),
			) as Row;
		for (const options of [
			...[
				{ resultAs: 'object' },
				{ resultAs: 'columns' },
				{ resultAs: 'columns', maskNumber: true },
			],
			...[{ maskNumber: true }, { resultAs: 'columns', routeField: 'r', outputField: 'o' }],
		] as Array<Record<string, string>>) {
			const { routeField = 'route', outputField = 'mobileStatus' } = options;
			const first = await run(phones(...numbers), { ...options, noRecord: 'route' });
			const { requests } = juhe.simulator.counts;
			const stored = first.map(store);
			setClock(NOW + 6 * DAY);
			const second = await run(stored, { ...options, ...REUSE });
			setClock(NOW);
			expect(juhe.simulator.counts.requests).toBe(requests);
			stored.forEach((row, index) => {
				const { mobile } = resultIn(first[index]!, outputField);
				const own = { mobile, billable: 'no', attempts: 0, source: 'reused' };
				const changed = { previousRoute: row[routeField], changed: false };
				const result = { ...resultIn(row, outputField), ...own, ...changed };
				expect(resultIn(second[index]!, outputField)).toEqual(result);
				expect(second[index]).toMatchObject({ phone: row.phone, [routeField]: row[routeField] });
			});
		}
	});

	test('a fresh row answers for all rows with its number, and the newest wins', async () => {
		const result = { mobile: '13800138000', state: '0', ...fresh };
		const newer = { ...result, state: '3', checkedAt: at(NOW - 1) };
		const outdated = { ...result, state: '4', checkedAt: at(NOW), recheckAt: at(NOW) };
		const rows = [
			carrying('13800138000', 'normal', result),
			carrying('+86 138 0013 8000', 'notOnNetwork', newer, true),
			{ phone: '138-0013-8000' },
			carrying('13800138000', 'preCancelled', outdated),
			{ phone: '13800138001', route: 'suspended' },
			carrying('13800138002', 'suspended', { ...result, mobile: '13800138009' }),
			carrying('13800138000', 'normal', result),
		];
		const reusing = await run(rows, REUSE);
		const told = reusing.map((row) => {
			const { source, previousRoute, changed, checkedAt } = resultIn(row);
			return [row.route, source, previousRoute, changed, checkedAt];
		});
		const newest = ['notOnNetwork', 'reused'];
		expect(told).toEqual([
			[...newest, 'normal', true, at(NOW - 1)],
			[...newest, 'notOnNetwork', false, at(NOW - 1)],
			[...newest, null, true, at(NOW - 1)],
			[...newest, 'preCancelled', true, at(NOW - 1)],
			['normal', 'query', 'suspended', true, at(NOW)],
			// The number was edited: what the row carries is not about it.
			['normal', 'query', null, true, at(NOW)],
			[...newest, 'normal', true, at(NOW - 1)],
		]);
		const without = (await run(rows, {})).map((row) => resultIn(row));
		expect(without.filter(({ source }) => source === 'reused')).toEqual([]);
		for (const each of without) expect(each).not.toHaveProperty('changed');
	});

	test('an answer of this execution is newer than any row, whatever the batch size', async () => {
		const older = { mobile: '13800138000', state: '3', ...fresh };
		const rows = [
			{ phone: '13800138000' },
			{ phone: '13800138001' },
			carrying('13800138000', 'notOnNetwork', older, true),
			carrying('13800138000', 'notOnNetwork', older),
		];
		for (const { batchSize, requests, routes } of [
			{ batchSize: 1, requests: 2, routes: ['normal', 'normal', 'normal', 'normal'] },
			{ batchSize: 2, requests: 2, routes: ['normal', 'normal', 'normal', 'normal'] },
			// A fresh row answers for all rows of its call.
			{
				batchSize: 4,
				requests: 1,
				routes: ['notOnNetwork', 'normal', 'notOnNetwork', 'notOnNetwork'],
			},
		]) {
			juhe.simulator.reset();
			const nodes = { Loop: loopNode(batchSize), Juhe: juheNode({ options: REUSE }) };
			const file = workflowOf(nodes, 'Start > Rows > Loop.1 > Juhe > Loop > Done');
			const pinData = { Rows: rows.map((json) => ({ json })) };
			const { credential } = juhe.simulator;
			const { run: ended } = await runWorkflow(file, { credential, pinData });
			expect(itemsOf(ended, 'Done').map(({ json }) => json.route)).toEqual(routes);
			expect(juhe.simulator.counts.requests).toBe(requests);
		}
	});

	test.each([[{ toString: 1 }], [[]], [Object.create(null) as object]])(
		'a number that is no text costs a query: %j',
		async (mobile) => {
			for (const inColumns of [false, true]) {
				const row = carrying(
					'13800138000',
					'normal',
					{ mobile, state: '0', ...fresh } as Row,
					inColumns,
				);
				const [json] = await run([row], REUSE);
				expect(resultIn(json!)).toMatchObject({ source: 'query', mobile: '13800138000' });
			}
		},
	);

	describe('with odd, forged, half-filled and edited rows', () => {
		/** Values of a field that a fresh row may have, and values that make it ask anew. */
		const valuesOf = (good: unknown[], bad: unknown[]) => {
			const all = [...good, ...bad, '', null, undefined, {}, true];
			const values = all.map((value, place) => ({ value, isGood: place < good.length }));
			const goodOnly = fc.constantFrom(...values.slice(0, good.length));
			return fc.oneof({ weight: 3, arbitrary: goodOnly }, fc.constantFrom(...values));
		};
		/** A state that the service leaves empty. */
		const NO_STATE = ['', null, undefined, {}];
		/** States, and the route that each leads to. */
		const STATES: Record<string, unknown[]> = {
			...{ normal: ['0', 0], suspended: ['1'], notOnNetwork: [3], preCancelled: ['4'] },
			...{ unknown: ['9', 7.5, 'x', true, ...NO_STATE], noRecord: NO_STATE },
		};
		const isNoState = (state: unknown, route: unknown) =>
			(NO_STATE.includes(state as string) || typeof state === 'object') &&
			(route === 'unknown' || route === 'noRecord');
		const verdicts = Object.entries(STATES).flatMap(([leadsTo, states]) =>
			states.flatMap((state) =>
				// The right route more often than any other.
				[leadsTo, leadsTo, leadsTo, 'normal', 'unknown', 'noRecord', 'Normal', '', null, 7, {}].map(
					(route) => ({ state, route, isGood: route === leadsTo || isNoState(state, route) }),
				),
			),
		);
		const row = fc.record({
			mobile: valuesOf(
				[String, Number],
				['x', '13800138008', (own: string) => [own, 1], (own: string) => own.replace('00', '**')],
			),
			checkedAt: valuesOf(
				[
					...[at(NOW - DAY), new Date(NOW - DAY), at(NOW + 60_000), '2026-11-20'],
					...['2026-11-24 07:00:00+00', '2026-11-24T15:00+08:00'],
				],
				[at(NOW + 60_001), new Date(NaN), 'soon', NOW - DAY, 0, '24.11.2026', '2026-13-01'],
			),
			recheckAt: valuesOf(
				[
					...[at(NOW + 1), new Date(NOW + DAY), '2026-11-24 17:00:00+08', '2026-11-24 08:00:01'],
					...['2026-11-24 04:00:00-05', ' 2026-11-24T09:00:00+0000 '],
				],
				[
					...[at(NOW), at(NOW - DAY), new Date(NaN), 'never', NOW + DAY, '2026-11-24 09:00:00+08'],
					...['due 2026-11-25', '2026-11-25 or so'],
				],
			),
			...{ verdict: fc.constantFrom(...verdicts), inColumns: fc.boolean() },
		});

		test('costs a query, and never takes a wrong route', async () => {
			let reused = 0;
			const list = fc.array(row, { minLength: 20, maxLength: 40 });
			const holds = fc.asyncProperty(list, async (drawn) => {
				juhe.simulator.reset();
				const rows = drawn.map(({ mobile, checkedAt, recheckAt, verdict, inColumns }, index) => {
					const phone = `138001${String(index).padStart(4, '0')}7`;
					const { value } = mobile;
					const stored =
						typeof value === 'function' ? (value as (own: string) => unknown)(phone) : value;
					const times = { checkedAt: checkedAt.value, recheckAt: recheckAt.value };
					const result = { mobile: stored, state: verdict.state, ...times } as Row;
					const parts = [mobile, checkedAt, recheckAt, verdict];
					const isFresh = parts.every(({ isGood }) => isGood);
					return { isFresh, json: carrying(phone, verdict.route, result, inColumns) };
				});
				const came = await run(
					rows.map(({ json }) => json),
					REUSE,
				);
				came.forEach((json, index) => {
					const { isFresh, json: before } = rows[index]!;
					const { source, previousRoute, changed } = resultIn(json);
					const expected = isFresh ? ['reused', before.route] : ['query', 'notOnNetwork'];
					expect([source, json.route]).toEqual(expected);
					expect(changed).toBe(json.route !== previousRoute);
				});
				const count = rows.filter(({ isFresh }) => isFresh).length;
				expect(juhe.simulator.counts.requests).toBe(rows.length - count);
				reused += count;
			});
			await fc.assert(holds, { numRuns: 40, seed: 20261124, endOnFailure: true });
			expect(reused).toBeGreaterThan(100);
		}, 60_000);
	});

	test('a masked number counts by its fingerprint, under the same key', async () => {
		const options = { maskNumber: true, ...REUSE, resultAs: 'object' };
		const rows = await run(phones(...distinctNumbers(3)), options);
		resultIn(rows[1]!).fingerprint = resultIn(rows[0]!).fingerprint;
		const sources = async (maskNumber: boolean) =>
			(await run(rows, { ...options, maskNumber })).map((row) => resultIn(row).source);
		expect(await sources(true)).toEqual(['reused', 'query', 'reused']);
		expect(await sources(false)).toEqual(['reused', 'query', 'reused']);
		const { key } = juhe.simulator;
		juhe.simulator.key = 'another-key-0123456789';
		expect(await sources(true)).toEqual(['query', 'query', 'query']);
		juhe.simulator.key = key;
	});
});

const DEFAULT_DAYS = [30, 7, 7, 7, 180, 7, 7];
test.each<[object, number[]]>([
	[{}, DEFAULT_DAYS],
	[{ recheckAfter: {} }, DEFAULT_DAYS],
	[{ recheckAfter: { days: { keep: 0.5 } } }, [0.5, ...DEFAULT_DAYS.slice(1)]],
	[
		{ recheckAfter: { days: { keep: 0, recheck: '1.25', remove: 36_500, review: 8 } } },
		[0, 1.25, 1.25, 1.25, 36_500, 8, 8],
	],
])('with %j a result holds for the days of its advice', async (options, expected) => {
	juhe.simulator.script({ mobile: '13800138001', fault: { kind: 'code', code: 224922 } });
	juhe.simulator.script({ mobile: '13800138002', fault: { kind: 'state', state: '9' } });
	const numbers = ['00', '05', '06', '09', '07', '01', '02'].map((end) => `138001380${end}`);
	const all = { noRecord: 'route', ...REUSE };
	const rows = await run(phones(...numbers), { ...all, ...options });
	const days = rows.map((row) => {
		const { checkedAt, recheckAt } = resultIn(row) as Record<string, string>;
		return (Date.parse(recheckAt!) - Date.parse(checkedAt!)) / DAY;
	});
	expect(days).toEqual(expected);
	// The row's own date decides, whatever the option says by then.
	setClock(NOW + 7.5 * DAY);
	const sources = (await run(rows, all)).map((row) => resultIn(row).source);
	expect(sources).toEqual(expected.map((each) => (each > 7.5 ? 'reused' : 'query')));
});

describe('the shape of a result', () => {
	const own = { mobileStatus_note: 'mine', mobileStatusXstate: 1, mobileNumber_state: 'x', id: 7 };
	const verdict = { state: '3', orderid: 'old', fingerprint: 'x', changed: true };
	const old = { mobile: '13800138000', ...verdict };

	test.each(OPERATION_NAMES)('takes the place of an old one (%s)', async (operation) => {
		for (const resultAs of ['columns', 'object']) {
			for (const inColumns of [false, true]) {
				const given = { ...carrying('13800138000', 'notOnNetwork', old, inColumns), ...own };
				const [json] = await run([given], { resultAs }, { parameters: { operation } });
				expect(json).toMatchObject(own);
				const rest = Object.fromEntries(Object.entries(json!).filter(([name]) => !(name in own)));
				const result = resultIn(rest);
				expect(rest).toEqual(carrying('13800138000', 'normal', result, resultAs === 'columns'));
				expect(result).toMatchObject({ mobile: '13800138000', state: '0', operation });
				expect(result).not.toHaveProperty('fingerprint');
				expect(result.orderid).not.toBe('old');
				const nested = Object.values(result).filter((value) => typeof value === 'object');
				expect(nested).toEqual([]);
			}
		}
	});

	test.each([
		{ name: 'text', field: '13800138000', isOwn: false },
		{ name: 'an object of the user', field: { home: '1', work: '2' }, isOwn: false },
		{ name: 'an empty object', field: {}, isOwn: false },
		{ name: 'null', field: null, isOwn: false },
		{ name: 'an address', field: { city: '上海', street: 'x' }, isOwn: false },
		{ name: 'a city', field: { city: '上海', isp: 'x' }, isOwn: false },
		{ name: 'when it was checked', field: { checkedAt: at(NOW), by: 'x' }, isOwn: true },
		{ name: 'when it is due', field: { recheckAt: at(NOW), by: 'x' }, isOwn: true },
		{ name: 'an empty list', field: [], isOwn: false },
		{ name: 'a result', field: { state: '0', advice: 'keep' }, isOwn: true },
	])('as columns leaves a field of the prefix that is $name', async ({ field, isOwn }) => {
		const options = { outputField: 'mobile', ...REUSE };
		const row = { phone: '13800138000', mobile: field } as unknown as Row;
		for (const phone of ['13800138000', 'x']) {
			const [json] = await run([{ ...row, phone }], options, CONTINUE);
			expect(json!.mobile).toEqual(isOwn ? undefined : field);
			if (phone === 'x') continue;
			const [again] = await run([json!], options);
			expect(again!.mobile).toEqual(json!.mobile);
			const [failed] = await run([{ ...json!, phone: 'x' }], options, CONTINUE);
			expect(failed!.mobile).toEqual(json!.mobile);
			expect(failed).not.toHaveProperty('mobile_state');
			expect(resultIn({ ...again, mobile: undefined }, 'mobile')).toMatchObject({
				source: 'reused',
			});
		}
	});

	test('as an object takes the place of columns, also where their route is gone', async () => {
		for (const phone of ['13800138000', 'x']) {
			const [old] = await run(phones('13800138000'), {});
			const [json] = await run([{ ...old, phone, route: '' }], { resultAs: 'object' }, CONTINUE);
			const left = Object.keys(json!).filter((name) => name.startsWith('mobileStatus_'));
			expect(left).toEqual([]);
		}
	});

	test.each(['toString', 'valueOf', 'hasOwnProperty'])(
		'takes the place of an old verdict in a field named %s',
		async (outputField) => {
			const old = { mobile: '13800138000', state: '3', advice: 'remove' };
			for (const resultAs of ['object', 'columns']) {
				const row = { phone: 'x', route: 'notOnNetwork', [outputField]: old } as Row;
				const [json] = await run([row], { resultAs, outputField }, CONTINUE);
				expect(Object.keys(json!)).not.toContain(outputField);
			}
		},
	);

	const continuing = [CONTINUE, ERROR_OUTPUT];
	test.each(continuing)('as an object leaves columns of its names ($node.onError)', async (how) => {
		const names = ['mobile', 'city', 'state', 'recheckAt'];
		const rows = ['13800138000', 'x'].map((phone) => ({
			phone,
			...Object.fromEntries(names.map((name) => [`contact_${name}`, 'mine'])),
		}));
		let list: Row[] = rows;
		for (let again = 0; again < 2; again++) {
			const options = { outputField: 'contact', resultAs: 'object' };
			const { outputs } = await juhe.run(list, { ...how, ...withOptions(options) });
			list = outputs.flat().map(({ json }) => json);
			expect(list).toMatchObject(rows);
			expect(list.map((row) => row.route)).toEqual(['normal', undefined]);
		}
	});

	test('has the chosen names in their order; what reuse needs cannot be left out', async () => {
		for (const resultAs of ['object', 'columns']) {
			for (const extra of [[], ['fingerprint']]) {
				const needed = ['state', 'mobile', 'checkedAt', 'recheckAt', ...extra];
				const options = { ...REUSE, resultAs, maskNumber: extra.length > 0 };
				const chosen = { ...options, resultFields: [...needed].reverse() };
				const rows = await run(phones('13800138000'), chosen);
				expect(Object.keys(resultIn(rows[0]!))).toEqual(needed);
				const { requests } = juhe.simulator.counts;
				const [again] = await run(rows, { ...options, resultFields: ['source', ...needed] });
				expect(resultIn(again!).source).toBe('reused');
				for (const left of needed) {
					const resultFields = needed.filter((name) => name !== left);
					const { error } = await juhe.run(rows, withOptions({ ...options, resultFields }));
					expect(error?.message).toMatch(`'Result Fields' must include ${left}`);
				}
				expect(juhe.simulator.counts.requests).toBe(requests);
			}
		}
	});
});

describe('a row that carries an earlier end', () => {
	const result = { mobile: '13800138000', state: '0', label: 'Normal', ...fresh };
	const others = { note: 'kept', mobileStatus_note: 'mine' };
	const OLD = {
		...{ code: 1, resultcode: null, reason: null, remedy: 'Wait.', attempts: 0, billable: 'no' },
		notQueried: true,
	};
	const keys = (row: Row) => Object.keys(JSON.parse(JSON.stringify(row)) as Row).sort();

	test.each(KINDS)('loses route and result where it fails ($node.onError)', async (how) => {
		const numbers = distinctNumbers(4);
		juhe.simulator.script({ mobile: numbers[0]!, fault: { kind: 'code', code: 224919 } });
		juhe.simulator.script({ mobile: numbers[2]!, fault: { kind: 'code', code: 10012 } });
		for (const inColumns of [false, true]) {
			const rows = [numbers[0]!, 'x', ...numbers.slice(2)].map((phone) => ({
				...{ ...carrying(phone, 'normal', { ...result, mobile: phone }, inColumns), ...others },
				...{ error: 'Juhe 1: Old.', ...(inColumns ? columns('details', OLD) : { details: OLD }) },
			}));
			for (const [options, codes] of [
				[{ concurrency: 1 }, [224919, 'invalidNumber', 10012, 10012]],
				[{ concurrency: 99, routeField: ' route' }, Array<string>(4).fill('invalidSettings')],
				[{ concurrency: 1, routeField: 'error' }, Array<string>(4).fill('invalidSettings')],
				[{ concurrency: 1, maxQueries: 1 }, [224919, 'invalidNumber', 'overCap', 'overCap']],
			] as const) {
				const { outputs, error } = await juhe.run(rows, { ...how, ...withOptions(options) });
				if (how === KINDS[0]) {
					expect([outputs, error === undefined]).toEqual([[], false]);
					continue;
				}
				const failed = outputs.at(-1)!.map(({ json }) => json);
				expect(outputs.flat()).toHaveLength(4);
				expect(failed.map((json) => detailsOf({ json })!.code)).toEqual(codes);
				for (const [index, row] of failed.entries()) {
					const own = keys(row).filter((name) => !name.startsWith('details'));
					expect(own).toEqual(['error', ...Object.keys(others), 'phone'].sort());
					const isNotQueried = [10012, 'overCap'].includes(codes[index]!) && index > 0;
					expect('notQueried' in detailsOf({ json: row })!).toBe(
						isNotQueried && !(codes[index] === 10012 && index === 2),
					);
					expect(row).toMatchObject({ ...others, phone: (rows[index] as IDataObject).phone });
				}
			}
		}
	});

	test.each(KINDS)('loses it where it succeeds ($node.onError)', async (how) => {
		const [a, b] = distinctNumbers(2);
		const rows = [a, 'x', b].map((phone) => ({ phone, ...others }));
		const asObject = (row: Row) => {
			const { error, phone, ...mine } = row;
			return { ...others, error, phone, details: detailsOf({ json: mine }) };
		};
		for (const resultAs of ['columns', 'object']) {
			juhe.simulator.script({ mobile: a!, times: 1, fault: { kind: 'code', code: 224919 } });
			const failed = await run(rows, { maxQueries: 1, concurrency: 1, resultAs }, CONTINUE);
			expect(failed.every((json) => json.error && detailsOf({ json }))).toBe(true);
			const changes: Array<(row: Row) => object> = [
				(row) => row,
				asObject,
				// A table may have no column for the details, leave it empty, or keep it as text.
				({ error, phone }) => ({ ...others, error, phone }),
				(row) => ({ ...asObject(row), details: null }),
				(row) => ({ ...asObject(row), details: JSON.stringify(asObject(row).details) }),
				(row) => ({ ...row, ...columns('details', { code: null, remedy: null }) }),
			];
			for (const change of changes) {
				const again = failed.map((row, index) => ({
					...change(row),
					phone: `1390013900${index}`,
				})) as Row[];
				for (const row of await run(again, { resultAs: 'object' }, how)) {
					const { details = null, ...rest } = row;
					expect(details).toBeNull();
					expect(keys(rest)).toEqual(
						[...Object.keys(others), 'mobileStatus', 'phone', 'route'].sort(),
					);
				}
			}
		}
		// Messages about settings and credential, and of a run that was cancelled.
		const messages = [
			...["'Key' in the credential is empty", "'Timeout (Ms)' must be a whole number"],
			...["'Recheck After (Days)' is set", "'Operation' must be", 'The execution is cancelled.'],
			// What n8n itself says in the name of the node.
			'Node does not have any credentials set',
			...["'Keep' must be a number", 'Juhe -1: The code', 'Juhe 1e+300: The code'],
			'Juhe (left out: it repeats a secret): The code',
		];
		const stale = messages.map((error) => ({ error, phone: a }));
		for (const row of await run(stale, {}, how)) expect(row).not.toHaveProperty('error');
		const [kept] = await run([{ ...stale[0], details: 'mine' } as Row], {}, how);
		expect(kept).toMatchObject({ details: 'mine' });
		const [failed] = await run(phones('x'), {}, CONTINUE);
		const [mended] = await run([{ ...failed, error: null, phone: a } as Row], {}, how);
		expect(detailsOf({ json: mended! })).toBeUndefined();
		const names = Object.keys(detailsOf({ json: failed! })!);
		const unused = columns('details', Object.fromEntries(names.map((name) => [name, null])));
		const theirs = [
			...[
				{ error: "'Somebody' must call" },
				{ error: 'from the CRM' },
				{ error: 'x', details: { code: 1 } },
				{ error: null },
			],
			...[{ error: { message: 'x' }, details: 'y' }, { details: { code: 1 } }, { error: 0 }],
			...[
				{ error: 'x', details: '{' },
				{ error: 'x', details: 'null' },
				{ error: 'Juhe Ltd. says: no' },
				{ error: 'a remark', ...unused },
				{ error: 'a remark', details_code: 'A1' },
			],
		].map((row) => ({ ...row, phone: a })) as Row[];
		expect(await run(theirs, {}, how)).toMatchObject(theirs);
	});
});

describe('the summary', () => {
	const rows = [
		...phones('13800138000', '13800138007', '13800138001', '138 0013 8000', '12345'),
		carrying('13800138004', 'normal', {
			...{ mobile: '13800138004', state: '0', checkedAt: fresh.checkedAt },
			recheckAt: '2999-01-01T00:00:00Z',
		}),
		...phones('13800138005', '13800138002'),
	];
	const options = { ...REUSE, noRecord: 'route', pricePerQuery: '0.125', retries: 1 };
	const total = {
		failures: { 224919: 1, invalidNumber: 1 },
		...{ rows: 8, queried: 4, duplicates: 1, reused: 1, errors: 2, notQueried: 0 },
		...{ billable: 2, uncertain: 2, cost: 0.5, stoppedBy: null, dryRun: false },
		...{ startedAt: expect.any(String), finishedAt: expect.any(String) },
		routes: {
			...{ normal: 4, suspended: 0, unavailable: 0, notOnNetwork: 1, preCancelled: 0 },
			...{ unknown: 0, noRecord: 1 },
		},
		advice: { keep: 4, recheck: 0, remove: 1, review: 1 },
	};
	beforeEach(() => {
		juhe.simulator.script({ mobile: '13800138001', times: 1, fault: { kind: 'resetBefore' } });
		for (const [digit, code] of [
			[5, 224919],
			[2, 224922],
			[9, 10012],
		] as const) {
			juhe.simulator.script({ mobile: `1380013800${digit}`, fault: { kind: 'code', code } });
		}
		// The wait before a retry needs a clock that moves.
		jest.useRealTimers();
	});

	/** The turns of a loop, and the summary after each. */
	const loopOf = async (
		list: IDataObject[],
		batchSize: number,
		parameters: INodeParameters = {},
		{ node }: typeof CONTINUE | typeof ERROR_OUTPUT = CONTINUE,
	) => {
		const Juhe = juheNode({ summaryOutput: true, ...parameters }, node);
		const nodes = { Loop: loopNode(batchSize), Juhe };
		const file = workflowOf(nodes, 'Start > Rows > Loop.1 > Juhe > Loop');
		const pinData = { Rows: list.map((json) => ({ json })) };
		const { credential } = juhe.simulator;
		const { runData } = (await runWorkflow(file, { credential, pinData })).run.data.resultData;
		const tasks = runData.Juhe!;
		return { tasks, summaries: tasks.map(({ data }) => data!.main![1]![0]!.json) };
	};

	const STEP =
		' The next execution asks and pays anew: execute the nodes behind this one by their own step to go on building for nothing.';
	const PIN =
		' The next execution asks and pays anew: pin this output (p) to go on building for nothing.';

	test.each<{ how: object; mode?: 'trigger'; list: unknown[]; type?: string; hint: string }>([
		{ how: CONTINUE, list: ['13800138000'], hint: PIN },
		{ how: ERROR_OUTPUT, list: ['13800138000'], hint: STEP },
		{ how: { parameters: { splitOutputs: true } }, list: ['13800138000'], hint: STEP },
		{ how: { ...CONTINUE, mode: 'trigger' }, list: ['13800138000'], hint: '' },
		{ how: { ...CONTINUE, ...withOptions({ dryRun: true }) }, list: ['13800138000'], hint: '' },
	])('$how.mode says how to go on for nothing: $hint', async ({ how, list, hint }) => {
		const { run: ended } = await juhe.run(phones(...list), how);
		const [{ message, type } = { message: '', type: '' }] =
			ended.data.resultData.runData.Juhe![0]!.hints!;
		expect(type).toBe('info');
		expect(/(?<=\d\.|to recheck\.|sent\.)( [^.]*\.)?$/.exec(message)?.[0]).toBe(hint);
	});

	test.each<{ name: string; list: unknown[]; parameters?: INodeParameters; hint: RegExp | null }>([
		{
			name: 'a wrong column',
			list: ['1', '2'],
			parameters: { mobile: '={{ $json.phne }}' },
			hint: /^No row has a result\. 'Mobile Number' reads the field 'phne', which no row has\. Correct/,
		},
		{ name: 'an empty column', list: ['', ''], hint: /is empty in every row\. Choose the column/ },
		{
			name: 'a fatal code',
			list: ['13800138009', ...distinctNumbers(20)],
			parameters: { options: { concurrency: 1 } },
			hint: /^No row has a result\. Juhe 10012: .* Buy more queries/,
		},
		{
			name: 'an option',
			list: ['1'],
			parameters: { options: { timeout: 0 } },
			hint: /'Timeout \(Ms\)' must/,
		},
		{ name: 'reasons that differ', list: ['1', '22'], hint: null },
		{ name: 'some rows', list: ['13800138000', '1'], hint: null },
	])(
		'warns where no row has a result, for one reason: $name',
		async ({ list, parameters, hint }) => {
			const how = { ...CONTINUE, parameters };
			const { run: ended } = await juhe.run(phones(...list), how);
			const [{ message, type } = { message: '', type: '' }] =
				ended.data.resultData.runData.Juhe![0]!.hints!;
			expect(type).toBe(hint ? 'warning' : 'info');
			expect(message).toMatch(hint ?? /^2 rows: /);
		},
	);

	test('says the failures in words, the most frequent first', () => {
		const failures = {
			...{ invalidNumber: 1, overCap: 2, cancelled: 3, invalidSettings: 4, timeout: 5 },
			...{ connectionLost: 6, connectionRefused: 7, noConnection: 8, otherNumber: 9 },
			...{ 224922: 10, 10001: 11 },
		};
		const counts = { rows: 66, queried: 0, duplicates: 0, reused: 0, errors: 66, failures };
		const summary = { ...counts, routes: {}, advice: {} } as unknown as Summary;
		expect(summaryLine(summary, 0)).toContain(
			'66 without a result: 11 with code 10001, 10 without a record, 9 with a reply about another number, 8 without a connection, 7 with a refused connection, 6 with a lost connection, 5 without an answer in time, 4 with settings that are refused, 3 cancelled, 2 over the cap, 1 not a mobile number. ',
		);
	});

	test.each([CONTINUE, ERROR_OUTPUT])('is of the execution so far ($node.onError)', async (how) => {
		const { tasks, summaries: turns } = await loopOf(rows, 3, { options }, how);
		expect(turns[0]).toMatchObject({
			rows: 3,
			queried: 3,
			billable: 2,
			uncertain: 1,
			cost: 0.375,
		});
		expect(turns[1]).toMatchObject({ rows: 6, queried: 3, duplicates: 1, reused: 1, errors: 1 });
		expect(turns[2]).toEqual({ ...total, startedAt: turns[0]!.startedAt });
		// The hint is about the call alone.
		const hints = tasks.map(({ hints: [hint] = [] }) => hint!);
		expect(hints[2]).toMatchObject({ type: 'info', location: 'outputPane' });
		expect(hints.map(({ message }) => message)).toEqual([
			'3 rows: 3 queried, 0 duplicates, 0 reused, 0 without a result. 1 to remove, 0 to recheck. Cost: 0.375.' +
				STEP,
			expect.stringContaining('1 duplicate, 1 reused, 1 without a result: 1 not a mobile number.'),
			'2 rows: 1 queried, 0 duplicates, 0 reused, 1 without a result: 1 with code 224919. 0 to remove, 0 to recheck. Cost: 0.125.' +
				STEP,
		]);
	});

	test.each([0, 1])('keeps the code that stopped a turn (%d)', async (place) => {
		const numbers = phones('13800138000', '13800138000');
		numbers[place]!.phone = '13800138009';
		const { summaries } = await loopOf(numbers, 1);
		expect(summaries.at(-1)).toMatchObject({ rows: 2, errors: 1, stoppedBy: 10012 });
	});

	test('counts the last try of a call alone', async () => {
		juhe.simulator.script({
			mobile: '13800138006',
			times: 1,
			fault: { kind: 'code', code: 224919 },
		});
		const node = { retryOnFail: true, maxTries: 2, waitBetweenTries: 0 };
		const list = phones('13800138000', '13800138006');
		const { outputs } = await juhe.run(list, { node, parameters: { summaryOutput: true } });
		expect(outputs[1]![0]!.json).toMatchObject({ rows: 2, queried: 2, errors: 0, billable: 2 });
	});

	test('counts a turn whose settings are refused', async () => {
		const timeouts = [0, 5000, 0, 5000, 0];
		const list = distinctNumbers(5).map((phone, turn) => ({ phone, timeout: timeouts[turn]! }));
		const refused = { timeout: '={{ $json.timeout }}', pricePerQuery: 0.5 };
		const { summaries } = await loopOf(list, 1, { options: refused });
		const counts = (name: string) => summaries.map((summary) => summary[name]);
		expect(counts('rows')).toEqual([1, 2, 3, 4, 5]);
		expect(counts('queried')).toEqual([0, 1, 1, 2, 2]);
		expect(counts('errors')).toEqual([1, 1, 2, 2, 3]);
		expect(counts('cost')).toEqual([0, 0.5, 0.5, 1, 1]);
		expect(summaries.at(-1)).toMatchObject({ stoppedBy: 'invalidSettings', billable: 2 });
		const dry = await loopOf(list, 1, { options: { ...refused, dryRun: true } });
		const plans = { billable: 2, duplicate: 0, reusable: 0, overCap: 0 };
		expect(dry.summaries.at(-1)).toMatchObject({ dryRun: true, cost: 1 });
		expect(dry.summaries.at(-1)!.routes).toEqual(plans);
	});

	test.each<[object, INodeParameters, object, number]>([
		[CONTINUE, { splitOutputs: true, options }, total, 7],
		[ERROR_OUTPUT, { splitOutputs: true, options }, total, 8],
		[ERROR_OUTPUT, {}, { queried: 4, billable: 3, uncertain: 2, errors: 3, cost: null }, 3],
		[CONTINUE, { mobile: '13800138009' }, { errors: 8, notQueried: 0, stoppedBy: 10012 }, 2],
		[CONTINUE, { options: { timeout: 0 } }, { errors: 8, stoppedBy: 'invalidSettings' }, 2],
		[CONTINUE, { options: { maxQueries: 1 } }, { queried: 1, notQueried: 5, stoppedBy: null }, 2],
	])('has an output before that of errors (%j, %j)', async (how, more, json, count) => {
		const parameters = { summaryOutput: true, ...more };
		const { outputs } = await juhe.run(rows, { ...how, parameters });
		expect(outputs).toHaveLength(count);
		const [item] = outputs.at(how === ERROR_OUTPUT ? -2 : -1)!;
		expect(item).toMatchObject({ json, pairedItem: { item: 0 } });
	});
});
