/** One call of the node on rows that can be answered: what is sent, and what comes out. */
import { Expression, type IDataObject } from 'n8n-workflow';

import {
	columns,
	CONTINUE,
	detailsOf,
	distinctNumbers,
	ERROR_OUTPUT,
	OPERATION_NAMES,
	phones,
	rowOf,
	setClock,
	statusOf,
	useSimulator,
	withOptions,
} from './simulated';

const juhe = useSimulator();
afterEach(() => {
	jest.useRealTimers();
	jest.restoreAllMocks();
});

describe.each(OPERATION_NAMES)('the %s query', (operation) => {
	test.each(['POST', 'GET'])('by %s pays each number once', async (method) => {
		setClock(Date.parse('2026-11-24T08:00:00Z'));
		const rows = [
			{ name: '甲', phone: '+86 138-0013-8000', city: '北京' },
			{ name: '乙', phone: 13800138005, city: null },
			{ name: '丙', phone: '138 0013 8000' },
			{ name: '丁', phone: '8613800138005' },
		];
		const { outputs, error } = await juhe.run(rows, withOptions({ method }, { operation }));

		expect(error).toBeUndefined();
		expect(outputs).toHaveLength(1);
		const result = {
			...{ label: 'Normal', advice: 'keep', state: '0', description: '正常使用' },
			mobile: '13800138000',
			...{ province: expect.any(String), city: expect.any(String), isp: expect.any(String) },
			...(operation !== 'plain' && { orderid: expect.stringMatching(/^JH\d+$/) }),
			...{ operation, billable: 'yes', attempts: 1, source: 'query' },
			...{ checkedAt: '2026-11-24T08:00:00.000Z', recheckAt: '2026-12-24T08:00:00.000Z' },
		};
		expect(outputs[0]![0]).toEqual({
			json: { ...rows[0], route: 'normal', ...columns('mobileStatus', result) },
			pairedItem: { item: 0 },
		});
		expect(Object.keys(statusOf(outputs[0]![0]!))).toEqual(Object.keys(result));
		const copied = { billable: 'no', attempts: 0, source: 'duplicate' };
		const [, ...others] = outputs[0]!;
		expect(others.map(({ json }) => json)).toMatchObject([
			{ ...rows[1], route: 'suspended' },
			{ ...rows[2], route: 'normal' },
			{ ...rows[3], route: 'suspended' },
		]);
		expect(others.map(statusOf)).toMatchObject([
			{ state: '1', source: 'query' },
			{ ...result, ...copied },
			copied,
		]);
		expect(outputs[0]!.map(rowOf)).toEqual([0, 1, 2, 3]);

		const { received, key } = juhe.simulator;
		expect(received.map(({ mobile }) => mobile)).toEqual(['13800138000', '13800138005']);
		for (const request of received) {
			expect(request.method).toBe(method);
			expect(request.headers['content-type']).toMatch(/^application\/x-www-form-urlencoded/);
			// What is in the address ends up in access logs.
			const [form, empty] =
				method === 'POST'
					? [request.body, request.url.split('?')[1]]
					: [request.url.split('?')[1], request.body];
			expect([...new URLSearchParams(form)].sort()).toEqual([
				['key', key],
				['mobile', expect.any(String)],
			]);
			expect(empty ?? '').toBe('');
		}
	});
});

describe('routes', () => {
	test('each state has its route, label and advice; what is no state is unknown', async () => {
		const unknown = ['unknown', 'Unknown state', 'review'] as const;
		const expected = [
			['0', 'normal', 'Normal', 'keep'],
			['1', 'suspended', 'Suspended', 'recheck'],
			['2', 'unavailable', 'On network but unavailable', 'recheck'],
			['3', 'notOnNetwork', 'Not on network', 'remove'],
			['4', 'preCancelled', 'About to be cancelled', 'recheck'],
			[3, 'notOnNetwork', 'Not on network', 'remove'],
			...['5', '', '__proto__', null, ['3'], { toString: 1 }, undefined].map(
				(state) => [state, ...unknown] as const,
			),
		] as const;
		const numbers = distinctNumbers(expected.length);
		const told = { description: '={{ $env }}', city: null };
		expected.forEach(([state], place) => {
			const result = {
				...told,
				state,
				isp: { toString: 'x' },
				province: ['x'],
				then: 'x',
				toJSON: 'x',
			};
			// Success, too, may come as a text.
			const fault = { kind: 'json', body: { error_code: place % 2 ? '0' : 0, result } } as const;
			juhe.simulator.script({ mobile: numbers[place], fault });
		});
		const { outputs } = await juhe.run(phones(...numbers));
		expected.forEach(([state, route, label, advice], place) => {
			const kept = typeof state === 'object' && state !== null ? undefined : state;
			const { json } = outputs[0]![place]!;
			const result = { label, advice, ...told, billable: 'yes' };
			expect(json).toMatchObject({ route, ...columns('mobileStatus', result) });
			const { isp, province, then, toJSON, state: put } = statusOf({ json });
			expect([isp, province, then, toJSON, put]).toEqual([...Array<unknown>(4), kept]);
		});
	});

	test.each([
		['error', 224922],
		['route', 'noRecord'],
	])('No Record is an %s: either way it may be billed', async (noRecord, end) => {
		juhe.simulator.script({ mobile: '13800138001', fault: { kind: 'code', code: 224922 } });
		juhe.simulator.script({ mobile: '13800138002', fault: { kind: 'code', code: 224919 } });
		const rows = phones('13800138000', '13800138001', '138-0013-8001', '13800138002');
		const { outputs } = await juhe.run(rows, { ...CONTINUE, ...withOptions({ noRecord }) });
		const ends = outputs[0]!.map(({ json }) => json.route ?? detailsOf({ json })!.code);
		expect(ends).toEqual(['normal', end, end, 224919]);
		const [, paid, copied] = outputs[0]!.map((item) => detailsOf(item) ?? statusOf(item));
		expect([paid!.billable, copied!.billable]).toEqual(['uncertain', 'no']);
		if (noRecord === 'error') return;
		const told = { mobile: '13800138001', label: 'No record', advice: 'review' };
		expect([paid, copied]).toMatchObject([
			{ ...told, source: 'query' },
			{ ...told, source: 'duplicate' },
		]);
		expect(paid).not.toHaveProperty('state');
	});

	test.each([
		[CONTINUE, 'route', [[4, 6, 8], [3], [2], [1], [0], [5, 7, 9]]],
		[CONTINUE, 'error', [[4, 6, 8], [3], [2], [1], [0], [5, 7, 9]]],
		[ERROR_OUTPUT, 'error', [[4, 6, 8], [3], [2], [1], [0], [9], [5, 7]]],
	])('split have an output each (%j, %s)', async (how, noRecord, expected) => {
		const rows = phones(
			...['13800138009', '13800138008', '13800138006', '13800138005', '13800138001', '12345'],
			...['13800138000', '13800139999', '13800138004', '13800138888'],
		);
		juhe.simulator.script({ mobile: '13800138888', fault: { kind: 'state', state: '9' } });
		juhe.simulator.script({ mobile: '13800139999', fault: { kind: 'code', code: 224922 } });
		const { outputs } = await juhe.run(rows, {
			...how,
			...withOptions({ noRecord }, { splitOutputs: true }),
		});
		expect(outputs.map((output) => output.map(rowOf))).toEqual(expected);
		expect(outputs.at(-1)!.map(({ json }) => json.phone)).toEqual(
			expected.at(-1)!.map((row) => rows[row]!.phone),
		);
	});
});

describe('the row', () => {
	test('keeps all that it had, binary data too, and is not changed in place', async () => {
		const row = {
			json: { phone: '13800138000', nested: { list: [1, { deep: true }] }, empty: null },
			binary: { photo: { data: 'AAAA', mimeType: 'image/png' } },
		};
		const bad = { ...structuredClone(row), json: { phone: 'x', route: 'old', mobileStatus: 7 } };
		const before = structuredClone([row, bad]);
		for (const how of [CONTINUE, ERROR_OUTPUT]) {
			const { outputs } = await juhe.run([row, bad], how);
			expect(outputs[0]![0]).toMatchObject(before[0]!);
			expect(outputs.flat()[1]).toMatchObject({ json: { phone: 'x' }, binary: row.binary });
			expect([row, bad].map(({ json, binary }) => ({ json, binary }))).toEqual(before);
		}
	});

	test.each([
		[{}, ['route', 'mobileStatus']],
		[{ routeField: ' 状态', outputField: 'check.result ' }, ['状态', 'check.result']],
	])('has route and result where %j says', async (options, names) => {
		const row = { phone: '13800138000', 状态: 'old', 'check.result': 'old', route: 'mine' };
		const { outputs } = await juhe.run(
			[{ ...row, mobileStatus: 'old' }],
			withOptions({ ...options, resultAs: 'object' }),
		);
		expect(outputs[0]![0]!.json).toEqual({
			...{ ...row, mobileStatus: 'old' },
			[names[0]!]: 'normal',
			[names[1]!]: expect.objectContaining({ mobile: '13800138000', state: '0' }),
		});
	});

	test('with Mask Number shows the number nowhere but in its own column', async () => {
		const number = 13800138001;
		const said = `${number} 查询失败`;
		const faults = [
			{ kind: 'code', code: 224919, reason: said },
			{ kind: 'code', code: 224922, reason: said },
			{ kind: 'json', body: { error_code: number, resultcode: number, reason: number } },
			{ kind: 'json', body: { error_code: 0, result: { state: '0', orderid: number, city: 7 } } },
			{ kind: 'json', body: { error_code: 0, result: { state: said, isp: said } } },
		] as const;
		for (const [operation, fault, how] of OPERATION_NAMES.flatMap((operation) =>
			faults.flatMap((fault) =>
				[{}, CONTINUE, ERROR_OUTPUT].map((how) => [operation, fault, how] as const),
			),
		)) {
			juhe.simulator.reset();
			juhe.simulator.script({ mobile: String(number), fault });
			const { outputs, error } = await juhe.run(phones(number, '13900139000'), {
				...{ ...how, ...withOptions({ maskNumber: true }, { operation }) },
			});
			const shown = outputs.flat().map(({ json: { phone: _, ...rest } }) => rest);
			const told = JSON.stringify([shown, error?.message, error?.description, error]);
			expect(told).not.toMatch(/13800138001|13900139000/);
			expect(told).toContain('138****8001');
			const results = shown.map((json) => statusOf({ json })).filter(({ mobile }) => mobile);
			for (const { fingerprint } of results) expect(fingerprint).toMatch(/^[a-z]{16}$/);
			expect(new Set(results.map((result) => result.fingerprint)).size).toBe(results.length);
			if (JSON.stringify(fault).includes('city')) expect(results[0]).toMatchObject({ city: 7 });
		}
	});
});

test.each([0, 100])('%i rows: the credential is read once at most', async (count) => {
	const rows = phones(...distinctNumbers(count));
	const parameters = { operation: 'rsa', splitOutputs: true, summaryOutput: true };
	const { outputs, error, credentialReads } = await juhe.run(rows, { parameters });
	expect([error, credentialReads]).toEqual([undefined, Math.min(count, 1)]);
	// Without rows there is no summary either.
	expect(outputs.flat()).toHaveLength(count && count + 1);
	expect(juhe.simulator.counts.billed).toBe(count);
});

describe('the Mobile Number parameter', () => {
	const [a, b, c, d] = distinctNumbers(4);
	const rows = [
		{ phone: a, 'phone no': b, 手机: c, deep: { er: { phone: d } } },
		{ phone: '', 'phone no': null, 手机: 13800138004, deep: { er: 'text' } },
		{ phone: [a], 'phone no': { a: 1 }, 手机: true, deep: null },
		{ phone: 1.38e10, 'phone no': '=1', 手机: '{{ 1 }}', deep: [{ er: 1 }] },
		{},
		JSON.parse(`{"phone":"${a!}","__proto__":{"phone":"${b!}"},"constructor":"${c!}"}`),
	] as IDataObject[];
	/**
	 * The same value by a path, which the node may read itself, and by an expression that only n8n can evaluate; and how
	 * often n8n evaluates the path: once to see that it gives the same, and for rows without a text or a number there.
	 */
	const pairs = [
		['={{ $json.phone }}', '={{ [$json.phone][0] }}', 3],
		['={{$json.phone}}', '={{ [$json.phone][0] }}', 3],
		['={{ $json["phone no"] }}', '={{ [$json["phone no"]][0] }}', 5],
		["={{ $json['phone no'] }}", '={{ [$json["phone no"]][0] }}', 5],
		['={{ $json.手机 }}', '={{ [$json.手机][0] }}', 4],
		['={{ $json.deep.er.phone }}', '={{ [$json.deep?.er?.phone][0] }}', 6],
		['={{ $json["deep"].er["phone"] }}', '={{ [$json.deep?.er?.phone][0] }}', 6],
		['={{ $json.phone.length }}', '={{ [$json.phone?.length][0] }}', 7],
		['={{ $json.toString }}', '={{ [$json.toString][0] }}', 6],
		['={{ $json.constructor }}', '={{ [$json.constructor][0] }}', 0],
		['={{ $json["__proto__"].phone }}', '={{ [$json["__proto__"].phone][0] }}', 6],
	] as const;
	test.each(pairs)('%s gives what n8n gives for %s', async (path, evaluated, left) => {
		const rendered = jest.spyOn(
			Expression.prototype as unknown as { renderExpression: (text: string) => unknown },
			'renderExpression',
		);
		const told = async (mobile: string) =>
			(await juhe.run(rows, { ...CONTINUE, parameters: { mobile } })).outputs[0]!.map(
				({ json }) => [json.mobileStatus_mobile, json.error],
			);
		expect(await told(path)).toEqual(await told(evaluated));
		const evaluations = rendered.mock.calls.filter(([text]) => text === path.slice(1));
		expect(evaluations).toHaveLength(left);
	});

	test.each([
		['a fixed number', '13800138000', '13800138000'],
		['text around an expression', '=+86 {{ $json.phone }}', a],
		['a calculation', '={{ $json.phone.replace("139", "138") }}', a!.replace('139', '138')],
		['text behind a path', '={{ $json.phone }}0', undefined],
		['text that only looks like an expression', 'x={{ $json.phone }}', undefined],
	])('with %s is read as n8n reads it', async (_, mobile, expected) => {
		const { outputs, error } = await juhe.run([rows[0]!], { parameters: { mobile } });
		expect(outputs[0]?.[0]?.json.mobileStatus_mobile).toBe(expected);
		if (expected === undefined) expect(error?.message).toContain("'Mobile Number'");
	});

	test('that cannot be evaluated for a row is an error of that row', async () => {
		const mobile = '={{ $json.bad ? $("Nowhere").first().json.phone : $json.phone }}';
		const { outputs } = await juhe.run([{ phone: a }, { phone: b, bad: true }, { phone: c }], {
			...CONTINUE,
			parameters: { mobile },
		});
		expect(outputs[0]!.map(({ json }) => json.route)).toEqual(['normal', undefined, 'normal']);
		expect(outputs[0]![1]!.json).toMatchObject({
			phone: b,
			error: expect.stringMatching(/^'Mobile Number' holds an expression .*: .*node/),
			...columns('details', { code: 'invalidNumber', attempts: 0, billable: 'no' }),
		});
		expect(juhe.simulator.counts.billed).toBe(2);
		// What n8n says may quote the cell.
		const parameters = {
			mobile: '={{ $("No " + $json.phone).first().json.phone }}',
			options: { maskNumber: true },
		};
		const masked = await juhe.run(phones(a), { ...CONTINUE, parameters });
		const message = "'Mobile Number' holds an expression that cannot be evaluated";
		expect(masked.outputs[0]![0]!.json.error).toBe(message);
	});
});

describe('a column that cannot work', () => {
	test.each<[string, string, unknown, RegExp]>([
		['text in Fixed mode', '{{ $json.phone }}', '13800138000', /is in Fixed mode/],
		['no such field', '={{ $json.mobil }}', '13800138000', /'mobil', which no row/],
		['none deeper', '={{ $json.a["b c"] }}', '13800138000', /'a\.b c', which no row/],
		['no number', '={{ $json.phone }}', ' ', /is empty in every row/],
		['lost digits', '={{ $json.phone }}', '1.38E+10', /scientific notation in every row/],
		['lists', '={{ $json.phone }}', ['13800138000', '13900139000'], /is a list of several/],
		['lists as text', '={{ $json.phone }}', '["13800138000","13900139000"]', /is a list of sev/],
		['objects', '={{ $json.phone }}', { value: '13800138000' }, /is an object in every row/],
		['numbers of Germany', '={{ $json.phone }}', '+49 151 23456789', /of another country in ev/],
		[
			'a GBK file read as UTF-8',
			'={{ $json.phone }}',
			'\ufffd\ufffd\ufffd',
			/like a GBK file read/,
		],
	])('is named once, and nothing is sent: %s', async (_, mobile, phone, words) => {
		const rows = phones(phone, phone, phone);
		const { error } = await juhe.run(rows, { parameters: { mobile } });
		expect(error).toMatchObject({ name: 'NodeOperationError', description: expect.any(String) });
		expect(error!.message).toMatch(words);
		const { outputs } = await juhe.run(rows, { ...CONTINUE, parameters: { mobile } });
		const message = error!.message.replace('. Nothing was sent.', '');
		expect(outputs[0]!.map(({ json }) => json.error)).toEqual(Array(3).fill(message));
		expect(juhe.simulator.counts.requests).toBe(0);
	});

	test.each([
		['={{ $json.a.b }}', [1, 2], '{{ $json.a.b[0] }}'],
		['={{ $json.a.b.slice() }}', [1, 2], '{{ $json.phone[0] }}'],
		['={{ $json.a.b }}', { c: 1 }, '{{ $json.a.b.value }}'],
		['={{ ({ ...$json.a.b }) }}', { c: 1 }, '{{ $json.phone.value }}'],
	])('says what to write instead: %s', async (mobile, b, example) => {
		const { error } = await juhe.run([{ a: { b } }, { a: { b } }], { parameters: { mobile } });
		expect(error!.description).toContain(example);
	});

	test('says what to do about names that are garbled', async () => {
		const garbled = { id: 1, '\ufffd\u05bb\ufffd': '13800138000' };
		const rows: IDataObject[] = [{ id: 0 }, garbled];
		const { error } = await juhe.run(rows, { parameters: { mobile: '={{ $json["手机"] }}' } });
		expect(error!.message).toMatch(/which no row has\. The column names look like a GBK file read/);
		expect(error!.description).toMatch(/'Extract From Text File' with the encoding gbk/);
	});

	test('is none where each row has a reason of its own', async () => {
		for (const [mobile, cell, reason] of [
			['={{ $json.phone }}', '12', 'has 2 digits instead of 11'],
			['={{ $json.phone }}', '{{ $json.x }}', 'holds an expression that is not evaluated'],
			['12', '13800138000', 'has 2 digits instead of 11'],
		]) {
			const how = { ...CONTINUE, parameters: { mobile: mobile! } };
			const { outputs } = await juhe.run(phones(cell, cell), how);
			expect(outputs[0]!.map(({ json }) => json.error)).toEqual(
				[1, 2].map(() => `'Mobile Number' ${reason}`),
			);
		}
		for (const [cells, said] of [
			[[...phones(''), { other: 1 }], 'is empty in every row'],
			[phones([1, 2]), 'is a list of 2: read one element, for example {{ $json.phone[0] }}'],
			[
				phones('12', '1'),
				'holds no mobile number in 2 of 2 items. Item 0 has 2 digits instead of 11',
			],
		] as const) {
			const { error } = await juhe.run([...cells]);
			expect(error!.message).toBe(`'Mobile Number' ${said}. Nothing was sent.`);
		}
	});

	test('is none where one row holds a number', async () => {
		const { outputs } = await juhe.run(phones('', '13800138000', '1.38E+10'), CONTINUE);
		const [first, second, third] = outputs[0]!.map(({ json }) => json.error ?? json.route);
		expect(first).toMatch(/is empty$/);
		expect(third).toMatch(/scientific/);
		expect(second).toBe('normal');
	});
});

describe('Dry Run', () => {
	const fresh = {
		...{ phone: '13800138007', route: 'notOnNetwork' },
		mobileStatus: {
			...{ mobile: '13800138007', state: '3' },
			...{ checkedAt: '2026-11-24T08:00:00Z', recheckAt: '2999-01-01T00:00:00Z' },
		},
	};
	const rows = [
		...phones('13800138000', '138 0013 8000', '12345'),
		...[fresh, { phone: '13800138008' }, { phone: '+86 13800138007' }, { phone: '138-0013-8008' }],
	];
	test.each<[IDataObject, string, string]>([
		[
			{},
			'billable duplicate x billable billable duplicate duplicate',
			'3 billable, 3 duplicates, 0 reusable, 0 over the cap, 1 without a result: 1 not a mobile number. Nothing was sent.',
		],
		[
			{ resultAs: 'columns', maxQueries: 2 },
			'billable duplicate x billable overCap duplicate overCap',
			'2 billable, 2 duplicates, 0 reusable, 2 over the cap, 1 without a result: 1 not a mobile number. Nothing was sent.',
		],
		[
			{ reuseResults: true, maxQueries: 1, maskNumber: true, pricePerQuery: 0.05 },
			'billable duplicate x reusable overCap reusable overCap',
			'1 billable, 1 duplicate, 2 reusable, 2 over the cap, 1 without a result: 1 not a mobile number. Nothing was sent. Cost: 0.05.',
		],
	])('says what would happen, and sends nothing (%j)', async (options, plans, hint) => {
		const expected = plans.split(' ');
		const { outputs, credentialReads, run } = await juhe.run(rows, {
			...{ ...CONTINUE, node: { ...CONTINUE.node, credentials: undefined } },
			...withOptions({ ...options, dryRun: true }, { summaryOutput: true }),
		});
		expect(credentialReads).toBe(0);
		const planned = outputs[0]!.map(({ json }) => json);
		expect(planned.map(({ dryRun }) => dryRun ?? 'x')).toEqual(expected);
		expect(detailsOf(outputs[0]![2]!)).toMatchObject({ code: 'invalidNumber' });
		// Nothing else of a row is touched, so that it may be written back.
		const kept = planned.map(({ dryRun: _plan, ...row }) => row);
		expect(kept.filter((row) => row.error === undefined)).toEqual(rows.filter((_, i) => i !== 2));
		const count = (plan: string) => expected.filter((each) => each === plan).length;
		expect(outputs[1]![0]!.json).toMatchObject({
			...{ rows: 7, queried: 0, duplicates: count('duplicate'), reused: count('reusable') },
			...{ errors: 1, notQueried: count('overCap'), billable: count('billable'), uncertain: 0 },
			routes: { billable: count('billable'), overCap: count('overCap') },
			...{ cost: options.pricePerQuery ? 0.05 : null, stoppedBy: null, dryRun: true },
		});
		expect(run.data.resultData.runData.Juhe![0]!.hints![0]!.message).toBe(`7 rows: ${hint}`);
		expect(juhe.simulator.counts.requests).toBe(0);
	});

	test('written back, it changes nothing of the next run, which takes its field out', async () => {
		const reuse = { reuseResults: true };
		const planned = await juhe.run([fresh], withOptions({ ...reuse, dryRun: true }));
		const ran = await juhe.run([planned.outputs[0]![0]!.json], withOptions(reuse));
		expect(ran.outputs[0]![0]!.json).not.toHaveProperty('dryRun');
		expect(statusOf(ran.outputs[0]![0]!)).toMatchObject({ source: 'reused' });
		const theirs = { phone: '13800138000', dryRun: 'the hose' };
		const kept = await juhe.run([theirs], withOptions(reuse));
		expect(kept.outputs[0]![0]!.json).toMatchObject(theirs);
	});

	test('stops at an invalid number where errors stop, and looks at the shape of a key', async () => {
		const stopped = await juhe.run(rows, withOptions({ dryRun: true }));
		expect(stopped.error).toMatchObject({ name: 'NodeOperationError', context: { itemIndex: 2 } });
		for (const [operation, credential, name] of [
			['aes', { apiKey: '', openid: '' }, ''],
			['rsa', { rsaPublicKey: ' ' }, ''],
			['rsa', { rsaPublicKey: 7 }, ''],
			['rsa', { rsaPublicKey: 'garbage' }, "'RSA Public Key'"],
			['plain', { baseUrl: 'ftp://x' }, "'Base URL'"],
		] as const) {
			const parameters = { operation, splitOutputs: true, options: { dryRun: true } };
			const { outputs, error } = await juhe.run([fresh], { credential, parameters });
			if (name) expect(error).toMatchObject({ message: expect.stringContaining(name) });
			else expect(outputs.map((output) => output.length)).toEqual([0, 0, 0, 0, 0, 1]);
		}
	});
});
