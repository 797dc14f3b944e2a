import { Expression, type IDataObject } from 'n8n-workflow';

import {
	CONTINUE,
	distinctNumbers,
	ERROR_OUTPUT,
	OPERATION_NAMES,
	phones,
	rowOf,
	statusOf,
	useSimulator,
	withOptions,
} from './simulated';

const juhe = useSimulator();

describe.each(OPERATION_NAMES)('the %s query', (operation) => {
	test('gives each row its state, its route and what was paid', async () => {
		const rows = [
			{ name: '甲', phone: '+86 138-0013-8000', city: '北京' },
			{ name: '乙', phone: 13800138005, city: null },
		];
		const { outputs, error } = await juhe.run(rows, { parameters: { operation } });

		expect(error).toBeUndefined();
		expect(outputs).toHaveLength(1);
		expect(outputs[0]).toEqual([
			{
				json: {
					...rows[0],
					route: 'normal',
					mobileStatus: {
						mobile: '13800138000',
						province: expect.any(String),
						city: expect.any(String),
						isp: expect.any(String),
						state: '0',
						description: '正常使用',
						...(operation !== 'plain' && { orderid: expect.stringMatching(/^JH\d+$/) }),
						label: 'Normal',
						advice: 'keep',
						operation,
						billable: 'yes',
						attempts: 1,
						source: 'query',
						checkedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
					},
				},
				pairedItem: { item: 0 },
			},
			{
				json: expect.objectContaining({ ...rows[1], route: 'suspended' }),
				pairedItem: { item: 1 },
			},
		]);
		expect(juhe.simulator.received.map(({ method, mobile }) => [method, mobile])).toEqual([
			['POST', '13800138000'],
			['POST', '13800138005'],
		]);
	});

	test('pays a number once, however it is written', async () => {
		const rows = phones(
			'13800138000',
			'138 0013 8000',
			'13800138007',
			'+8613800138000',
			13800138000,
		);
		const { outputs } = await juhe.run(rows, { parameters: { operation } });

		expect(
			outputs[0]!
				.map(statusOf)
				.map(({ source, billable, attempts }) => [source, billable, attempts]),
		).toEqual([
			['query', 'yes', 1],
			['duplicate', 'no', 0],
			['query', 'yes', 1],
			['duplicate', 'no', 0],
			['duplicate', 'no', 0],
		]);
		expect(juhe.simulator.counts).toMatchObject({ requests: 2, billed: 2 });
	});

	test('sends key and number in the form, and with GET in the query', async () => {
		await juhe.run(phones('13800138000'), { parameters: { operation } });
		await juhe.run(phones('13800138000'), withOptions({ method: 'GET' }, { operation }));

		const [post, get] = juhe.simulator.received;
		expect(post).toMatchObject({ method: 'POST', mobile: '13800138000' });
		expect(post!.url).not.toContain('?');
		expect(post!.headers['content-type']).toMatch(/^application\/x-www-form-urlencoded/);
		expect(get).toMatchObject({ method: 'GET', mobile: '13800138000', body: '' });
		expect(new URL(get!.url, 'http://127.0.0.1').searchParams.get('key')).toBe(juhe.simulator.key);
	});
});

describe('routes', () => {
	const expected = [
		['0', 'normal', 'Normal', 'keep'],
		['1', 'suspended', 'Suspended', 'recheck'],
		['2', 'unavailable', 'On network but unavailable', 'recheck'],
		['3', 'notOnNetwork', 'Not on network', 'remove'],
		['4', 'preCancelled', 'About to be cancelled', 'recheck'],
		['5', 'unknown', 'Unknown state', 'review'],
		['', 'unknown', 'Unknown state', 'review'],
		['toString', 'unknown', 'Unknown state', 'review'],
		[3, 'notOnNetwork', 'Not on network', 'remove'],
	] as const;
	test.each(expected)('state %j is %s, %s: %s', async (state, route, label, advice) => {
		juhe.simulator.script({ fault: { kind: 'state', state, description: '未启用' } });
		const { outputs } = await juhe.run(phones('13800138000'));

		expect(outputs[0]![0]!.json).toMatchObject({
			route,
			mobileStatus: { state, description: '未启用', label, advice, billable: 'yes' },
		});
	});

	test.each([[null], [['3']], [{ toString: 1 }], [undefined]])(
		'state %j, which is no text, is unknown',
		async (state) => {
			juhe.simulator.script({
				fault: {
					kind: 'json',
					body: { error_code: 0, result: { state, city: null, isp: '移动' } },
				},
			});
			const { outputs } = await juhe.run(phones('13800138000'));

			const mobileStatus = statusOf(outputs[0]![0]!);
			expect(outputs[0]![0]!.json.route).toBe('unknown');
			expect(mobileStatus).toMatchObject({ city: null, isp: '移动', billable: 'yes' });
			expect(typeof mobileStatus.state === 'object' && mobileStatus.state !== null).toBe(false);
		},
	);

	test('No Record is an error, or a route where it is asked for', async () => {
		juhe.simulator.script({ mobile: '13800138001', fault: { kind: 'code', code: 224922 } });
		const rows = phones('13800138000', '13800138001', '138-0013-8001');

		const asError = await juhe.run(rows, CONTINUE);
		expect(asError.outputs[0]!.map(({ json }) => json.route)).toEqual([
			'normal',
			undefined,
			undefined,
		]);
		expect(asError.outputs[0]![1]!.json.error).toMatch(/^Juhe 224922: /);

		juhe.simulator.script({ mobile: '13800138002', fault: { kind: 'code', code: 224919 } });
		const asRoute = await juhe.run([...rows, { phone: '13800138002' }], {
			...CONTINUE,
			...withOptions({ noRecord: 'route' }),
		});
		expect(asRoute.outputs[0]!.map(({ json }) => json.route)).toEqual([
			'normal',
			'noRecord',
			'noRecord',
			undefined,
		]);
		expect(asRoute.outputs[0]![1]!.json.mobileStatus).toMatchObject({
			mobile: '13800138001',
			label: 'No record',
			advice: 'review',
			source: 'query',
		});
	});
});

describe('split outputs', () => {
	const rows = phones(
		'13800138009',
		'13800138008',
		'13800138006',
		'13800138005',
		'13800138001',
		'12345',
		'13800138000',
		'13800139999',
		'13800138004',
		'13800138888',
	);
	beforeEach(() => {
		juhe.simulator.script({ mobile: '13800138888', fault: { kind: 'state', state: '9' } });
		juhe.simulator.script({ mobile: '13800139999', fault: { kind: 'code', code: 224922 } });
	});
	const indexes = (outputs: Awaited<ReturnType<typeof juhe.run>>['outputs']) =>
		outputs.map((output) => output.map(rowOf));

	test('give each route its output, in the order of the rows', async () => {
		const { outputs } = await juhe.run(rows, {
			...CONTINUE,
			...withOptions({ noRecord: 'route' }, { splitOutputs: true }),
		});
		expect(indexes(outputs)).toEqual([[4, 6, 8], [3], [2], [1], [0], [5, 7, 9]]);
	});

	test('come before the error output', async () => {
		const { outputs } = await juhe.run(rows, {
			...ERROR_OUTPUT,
			parameters: { splitOutputs: true },
		});
		expect(indexes(outputs)).toEqual([[4, 6, 8], [3], [2], [1], [0], [9], [5, 7]]);
		expect(outputs[6]!.map(({ json }) => json.phone)).toEqual(['12345', '13800139999']);
	});
});

describe('the row', () => {
	test('keeps all that it had, binary data too, and is not changed in place', async () => {
		const row = {
			json: { phone: '13800138000', nested: { list: [1, { deep: true }] }, empty: null },
			binary: { photo: { data: 'AAAA', mimeType: 'image/png' } },
		};
		const before = structuredClone(row);
		const { outputs } = await juhe.run([row, { phone: 'x' }], CONTINUE);

		expect(outputs[0]![0]).toMatchObject(before);
		expect(row).toMatchObject(before);
		expect(Object.keys(row.json)).toEqual(Object.keys(before.json));
	});

	test('takes the route and the result in the fields that the options name', async () => {
		const rows = [{ phone: '13800138000', 状态: 'old', 'check.result': 'old', route: 'mine' }];
		const { outputs } = await juhe.run(
			rows,
			withOptions({ routeField: '状态', outputField: 'check.result' }),
		);

		expect(outputs[0]![0]!.json).toEqual({
			phone: '13800138000',
			route: 'mine',
			状态: 'normal',
			'check.result': expect.objectContaining({ mobile: '13800138000' }),
		});
	});

	test('loses a field of its own where the node puts its value', async () => {
		const rows = [
			{ phone: '13800138000', route: 'A1', mobileStatus: 'old', error: 'from the CRM' },
		];
		const { outputs } = await juhe.run(rows, ERROR_OUTPUT);

		expect(outputs[0]![0]!.json).toMatchObject({
			route: 'normal',
			mobileStatus: { state: '0' },
			error: 'from the CRM',
		});
		expect(outputs[1]).toEqual([]);
	});

	test('with a field named __proto__ comes out whole and harms nothing', async () => {
		const row = JSON.parse(
			'{"phone":"13800138000","__proto__":{"polluted":true},"constructor":"x"}',
		);
		const { outputs } = await juhe.run([row]);

		expect(outputs[0]![0]!.json).toMatchObject({ phone: '13800138000', route: 'normal' });
		expect('polluted' in {}).toBe(false);
	});

	test('with Mask Number shows the number in no result and no error, only in its own column', async () => {
		juhe.simulator.script({
			mobile: '13800138001',
			fault: { kind: 'code', code: 224919, reason: '13800138001 查询失败' },
		});
		const rows = [
			{ id: 'a', phone: '13800138000' },
			{ id: 'b', phone: '13800138001' },
		];
		for (const operation of OPERATION_NAMES) {
			const { outputs } = await juhe.run(rows, {
				...CONTINUE,
				...withOptions({ maskNumber: true }, { operation }),
			});
			const [fine, failed] = outputs[0]!.map(({ json: { phone, ...rest } }) =>
				JSON.stringify(rest),
			);
			expect(fine).toContain('"mobile":"138****8000"');
			expect(failed).toContain('138****8001 查询失败');
			expect(fine! + failed!).not.toMatch(/1380013800/);
		}

		const number = 13800138001;
		for (const body of [
			{ error_code: number, resultcode: number, reason: number },
			{ error_code: 0, result: { state: '0', orderid: number, city: 7 } },
		]) {
			juhe.simulator.reset();
			juhe.simulator.script({ fault: { kind: 'json', body } });
			const { outputs } = await juhe.run([rows[1]!], {
				...CONTINUE,
				...withOptions({ maskNumber: true }),
			});
			const { phone, ...rest } = outputs[0]![0]!.json;
			expect(JSON.stringify(rest)).not.toContain(phone);
			expect(JSON.stringify(rest)).toContain('138****8001');
			if (body.error_code === 0) expect(rest.mobileStatus).toMatchObject({ city: 7 });
		}
	});
});

test('no rows: no output, no request, and no credential is read', async () => {
	for (const splitOutputs of [false, true]) {
		const { outputs, error, credentialReads } = await juhe.run([], {
			parameters: { splitOutputs },
		});
		expect(error).toBeUndefined();
		expect(outputs.flat()).toEqual([]);
		expect(credentialReads).toBe(0);
	}
	expect(juhe.simulator.counts.requests).toBe(0);
});

test('the credential is resolved once, however many rows there are', async () => {
	const { credentialReads } = await juhe.run(phones(...distinctNumbers(100)), {
		parameters: { operation: 'rsa' },
	});
	expect(credentialReads).toBe(1);
	expect(juhe.simulator.counts.billed).toBe(100);
});

describe('the Mobile Number parameter', () => {
	// A failing test must not leave its count to the next.
	afterEach(() => jest.restoreAllMocks());

	const rows = [
		{
			phone: '13800138000',
			'phone no': '13800138001',
			手机: '13800138002',
			deep: { er: { phone: '13800138003' } },
		},
		{ phone: '', 'phone no': null, 手机: 13800138004, deep: { er: 'text' } },
		{ phone: ['13800138000'], 'phone no': { a: 1 }, 手机: true, deep: null },
		{ phone: 1.38e10, 'phone no': '=1', 手机: '{{ 1 }}', deep: [{ er: 1 }] },
		{},
		JSON.parse(
			'{"phone":"13800138005","__proto__":{"phone":"13800138006"},"constructor":"13800138009"}',
		),
	];
	/**
	 * The same value by a path, which the node may read itself, and by an expression that only n8n can evaluate; and the
	 * rows that hold no text and no number there, which are left to n8n all the same (it looks into no constructor).
	 */
	const pairs = [
		['={{ $json.phone }}', '={{ [$json.phone][0] }}', 2],
		['={{$json.phone}}', '={{ [$json.phone][0] }}', 2],
		['={{ $json["phone no"] }}', '={{ [$json["phone no"]][0] }}', 4],
		["={{ $json['phone no'] }}", '={{ [$json["phone no"]][0] }}', 4],
		['={{ $json.手机 }}', '={{ [$json.手机][0] }}', 3],
		['={{ $json.deep.er.phone }}', '={{ [$json.deep?.er?.phone][0] }}', 5],
		['={{ $json["deep"].er["phone"] }}', '={{ [$json.deep?.er?.phone][0] }}', 5],
		['={{ $json.phone.length }}', '={{ [$json.phone?.length][0] }}', 5],
		['={{ $json.missing }}', '={{ [$json.missing][0] }}', 6],
		['={{ $json.toString }}', '={{ [$json.toString][0] }}', 6],
		['={{ $json.constructor }}', '={{ [$json.constructor][0] }}', 0],
		['={{ $json["__proto__"].phone }}', '={{ [$json["__proto__"].phone][0] }}', 6],
	] as const;
	test.each(pairs)('%s gives what n8n gives for %s', async (path, evaluated, left) => {
		const rendered = jest.spyOn(
			Expression.prototype as unknown as { renderExpression: (text: string) => unknown },
			'renderExpression',
		);
		const [direct, byN8n] = [
			await juhe.run(rows, { ...CONTINUE, parameters: { mobile: path } }),
			await juhe.run(rows, { ...CONTINUE, parameters: { mobile: evaluated } }),
		];
		const told = ({ outputs }: typeof direct) =>
			outputs[0]!.map((item) => [
				(item.json.mobileStatus as IDataObject | undefined)?.mobile,
				item.json.error,
			]);
		expect(told(direct)).toEqual(told(byN8n));

		const evaluations = (expression: string) =>
			rendered.mock.calls.filter(([text]) => text === expression.slice(1)).length;
		expect(evaluations(path)).toBe(left);
	});

	test.each([
		['a fixed number', '13800138000', '13800138000'],
		['text around an expression', '=+86 {{ $json.phone }}', '13800138000'],
		['a calculation', '={{ $json.phone.replace("0", "1") }}', '13810138000'],
	])('takes %s', async (_, mobile, expected) => {
		const { outputs } = await juhe.run([rows[0]!], { parameters: { mobile } });
		expect(outputs[0]![0]!.json.mobileStatus).toMatchObject({ mobile: expected });
	});

	test.each([
		['text behind a path', '={{ $json.phone }}0', 'has 12 digits'],
		['text that only looks like an expression', 'x={{ $json.phone }}', 'no digits'],
	])('does not take %s for the path', async (_, mobile, reason) => {
		const { error } = await juhe.run([rows[0]!], { parameters: { mobile } });
		expect(error?.message).toContain(reason);
	});

	test('that cannot be evaluated for a row is an error of that row', async () => {
		const mobile = '={{ $json.bad ? $("Nowhere").first().json.phone : $json.phone }}';
		const { outputs } = await juhe.run(
			[{ phone: '13800138000' }, { phone: '13800138001', bad: true }, { phone: '13800138002' }],
			{ ...CONTINUE, parameters: { mobile } },
		);
		expect(outputs[0]!.map(({ json }) => json.route)).toEqual(['normal', undefined, 'normal']);
		expect(outputs[0]![1]!.json).toMatchObject({
			phone: '13800138001',
			error: expect.stringContaining('node'),
			details: { code: 'invalidSettings', attempts: 0, billable: 'no' },
		});
		expect(juhe.simulator.counts.billed).toBe(2);
	});
});
