/** What holds for any input whatever, tried out with fast-check. */
import crypto from 'node:crypto';

import fc from 'fast-check';
import type { IDataObject } from 'n8n-workflow';

import { readRsaPublicKey } from '../nodes/JuheMobileStatus/encryption';
import { readReply } from '../nodes/JuheMobileStatus/errors';
import type { Memory } from '../nodes/JuheMobileStatus/memory';
import { maskMobile, readMobile } from '../nodes/JuheMobileStatus/number';
import { verdictOn } from '../nodes/JuheMobileStatus/result';
import { run } from '../nodes/JuheMobileStatus/run';
import { CONTINUE, ERROR_OUTPUT, phones, rowOf, statusOf, useSimulator } from './simulated';
import rsa from './vectors/rsa.json';

const mobile = fc
	.tuple(fc.integer({ min: 3, max: 9 }), fc.integer({ min: 0, max: 999_999_999 }))
	.map(([second, rest]) => `1${second}${String(rest).padStart(9, '0')}`);
const prefix = fc.constantFrom('', '+86', '86', '0086', '(+86)', '＋８６', '+86 ', '86-');
const noise = fc.string({
	unit: fc.constantFrom(' ', '-', '.', '(', ')', '\u200b', '\u3000', '\t', '–', '（', '\ufeff'),
	maxLength: 3,
});
/** A number as somebody might have written it. */
const spelled = fc
	.tuple(prefix, mobile, fc.array(noise, { minLength: 12, maxLength: 12 }), fc.boolean())
	.map(([before, digits, gaps, isWide]) => {
		const shown = isWide
			? Array.from(digits).map((digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0))
			: Array.from(digits);
		return {
			digits,
			text: gaps[11]! + before + shown.map((digit, index) => gaps[index]! + digit).join(''),
		};
	});

describe('reading a number', () => {
	test('never throws, and what it accepts is a mobile number that it reads again as itself', () => {
		fc.assert(
			fc.property(
				fc.oneof(
					fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true }),
					fc.string({ unit: 'binary' }),
					fc.string({ unit: fc.constantFrom(...Array.from('+-0123456789eE.xX \u200b（１')) }),
					fc.bigInt(),
					fc.double(),
					fc.constantFrom(Symbol('13800138000'), () => '13800138000', Object.create(null)),
				),
				(cell) => {
					const read = readMobile(cell);
					if ('mobile' in read) {
						expect(read.mobile).toMatch(/^1[3-9]\d{9}$/);
						expect(readMobile(read.mobile)).toEqual(read);
					} else expect(read.reason).toMatch(/^(is|has|begins) /);
				},
			),
			{ numRuns: 3000 },
		);
	});

	test('finds the same number in every spelling, and again in what it found', () => {
		fc.assert(
			fc.property(spelled, ({ digits, text }) => {
				expect(readMobile(text)).toEqual({ mobile: digits });
				expect(readMobile(digits)).toEqual({ mobile: digits });
				expect(readMobile(Number(digits))).toEqual({ mobile: digits });
			}),
			{ numRuns: 2000 },
		);
	});

	test('takes no number that has a digit too many or too few', () => {
		fc.assert(
			fc.property(spelled, fc.stringMatching(/^\d{1,20}$/), ({ digits, text }, more) => {
				expect(readMobile(text + more)).toHaveProperty('reason');
				expect(readMobile(digits.slice(0, -Math.min(more.length, 11)))).toHaveProperty('reason');
			}),
		);
	});

	test('tells no number in its reason', () => {
		fc.assert(
			fc.property(fc.stringMatching(/^[0-9+ -]{0,30}$/), (text) => {
				const read = readMobile(text);
				if ('reason' in read) expect(read.reason).not.toMatch(/\d{3}/);
			}),
		);
	});

	test('masking leaves seven digits and no more', () => {
		fc.assert(
			fc.property(mobile, (digits) =>
				expect(maskMobile(digits).replace(/\D/g, '')).toHaveLength(7),
			),
		);
	});
});

describe('reading a public key', () => {
	const shapes = rsa.keys.flatMap(
		({ publicKeySpkiPem, publicKeyPkcs1Pem, publicKeyBareBase64 }) => [
			publicKeySpkiPem,
			publicKeyPkcs1Pem,
			publicKeyBareBase64,
		],
	);

	test('survives any white space and quotes', () => {
		const space = fc.constantFrom('\n', '\r\n', ' ', '\\n', '\\r\\n', '\n\n  ', '\t');
		fc.assert(
			fc.property(
				fc.constantFrom(...shapes),
				space,
				fc.constantFrom('', '"', "'", '`'),
				(key, gap, quote) => {
					expect(readRsaPublicKey(quote + key.replaceAll('\n', gap) + quote)).toHaveProperty('key');
				},
			),
		);
	});

	test('with anything cut out, changed or put in gives a key or a reason, and throws nothing', () => {
		const edit = fc.record({ at: fc.nat(500), cut: fc.nat(40), put: fc.string({ maxLength: 20 }) });
		fc.assert(
			fc.property(
				fc.constantFrom(...shapes),
				fc.array(edit, { minLength: 1, maxLength: 4 }),
				(key, edits) => {
					const mangled = edits.reduce(
						(text, { at, cut, put }) => text.slice(0, at) + put + text.slice(at + cut),
						key,
					);
					const read = readRsaPublicKey(mangled);
					if ('reason' in read) expect(read.reason).toMatch(/^(is|has|looks|does) /);
					else expect(read.key.asymmetricKeyType).toBe('rsa');
				},
			),
			{ numRuns: 1000 },
		);
	});

	test('of what is longer than any key is refused before anything of it is parsed', () => {
		const parsers = (['createPublicKey', 'createPrivateKey'] as const).map((name) =>
			jest.spyOn(crypto, name),
		);
		const unit = fc.constantFrom('A', ' ', '-', '-----BEGIN ', '\\n', '"', '\u200b', shapes[0]!);
		const before = jest.spyOn(String.prototype, 'replace');
		try {
			fc.assert(
				fc.property(unit, fc.constantFrom(...shapes), (text, key) => {
					const huge = key + text.repeat(Math.ceil(1e6 / text.length));
					before.mockClear();
					expect(readRsaPublicKey(huge)).toEqual({ reason: 'is far too long for a public key' });
					expect(before).not.toHaveBeenCalled();
				}),
				{ numRuns: 30 },
			);
			for (const parser of parsers) expect(parser).not.toHaveBeenCalled();
			// What is short enough does come to them, or this would show nothing.
			expect(readRsaPublicKey(shapes[0]!)).toHaveProperty('key');
			for (const parser of parsers) expect(parser).toHaveBeenCalled();
		} finally {
			for (const spy of [before, ...parsers]) spy.mockRestore();
		}
	});

	test('of garbage gives a reason', () => {
		fc.assert(
			fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), (text) =>
				expect(readRsaPublicKey(text)).toHaveProperty('reason'),
			),
		);
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) =>
				expect(readRsaPublicKey(Buffer.from(bytes).toString('base64'))).toHaveProperty('reason'),
			),
		);
	});
});

describe('reading a reply', () => {
	const json = fc.oneof(
		fc.jsonValue({ maxDepth: 5 }),
		fc.record(
			{
				error_code: fc.oneof(
					fc.constantFrom(0, '0', 10012, '10012', 224922, 1e99, -1, 0.5),
					fc.jsonValue(),
				),
				resultcode: fc.jsonValue(),
				reason: fc.oneof(fc.string(), fc.jsonValue()),
				result: fc.oneof(
					fc.record({ state: fc.jsonValue(), city: fc.jsonValue(), description: fc.string() }),
					fc.jsonValue(),
				),
			},
			{ requiredKeys: [] },
		),
	);
	/** Names that mean something to JavaScript or to the reader, wherever they may stand. */
	const names = fc.constantFrom(
		...['__proto__', 'constructor', 'prototype', 'toString', 'toJSON', 'hasOwnProperty', 'then'],
		...['error_code', 'resultcode', 'reason', 'result', 'state', 'city'],
	);
	const guileful = fc
		.object({ key: names, maxDepth: 4, values: [fc.constantFrom(0, '0', 'x', null, 1e21), names] })
		.map((value) => ({ error_code: 0, result: value, ...value }));
	const deep = fc
		.tuple(fc.constantFrom('{"result":', '[', '{"__proto__":'), fc.integer({ min: 1, max: 12_000 }))
		.map(([open, depth]) => {
			const value = `${open.repeat(depth)}1${(open === '[' ? ']' : '}').repeat(depth)}`;
			return `{"error_code":0,"result":{"state":"0","city":${value}},"reason":${value}}`;
		});
	const body = fc.oneof(
		json.map((value) => JSON.stringify(value)),
		guileful.map((value) => JSON.stringify(value)),
		{ weight: 1, arbitrary: deep },
		fc.constant(`{"error_code":0,"result":{"state":"${'0'.repeat(65_000)}"}}`),
		fc.constant('{"error_code":1e999,"result":{"state":-1e999}}'),
		fc.string(),
		fc.constant(undefined),
		fc.constant('['.repeat(50_000)),
	);
	const status = fc.constantFrom(200, 204, 301, 400, 401, 429, 500, 502);

	test('gives a result or a failure whole enough to be shown, whatever comes', () => {
		fc.assert(
			fc.property(body, status, fc.string(), (text, statusCode, retryAfter) => {
				const read = readReply(
					{ statusCode, text, headers: { 'retry-after': retryAfter } },
					(words) => words,
				);
				if ('result' in read) {
					expect(verdictOn(read.result).advice).toMatch(/^(keep|recheck|remove|review)$/);
					for (const value of Object.values(read.result))
						expect(typeof value === 'object' && value !== null).toBe(false);
					return;
				}
				expect(read.failure.message).toMatch(/^Juhe \S+: [A-Z].*\.$/);
				expect(read.failure.details).toMatchObject({
					attempts: 1,
					billable: expect.stringMatching(/^(no|uncertain)$/),
				});
				expect(JSON.parse(JSON.stringify(read.failure.details))).toEqual(read.failure.details);
			}),
			{ numRuns: 3000 },
		);
	});

	test('takes the fields of the document and no others, whatever they are called', () => {
		const before = Object.getOwnPropertyNames(Object.prototype);
		fc.assert(
			fc.property(
				fc.oneof(
					guileful.map((value) => JSON.stringify(value)),
					deep,
				),
				(text) => {
					const read = readReply({ statusCode: 200, text, headers: {} }, (words) => words);
					if ('failure' in read) return;
					expect(Object.getPrototypeOf(read.result)).toBe(Object.prototype);
					const known = ['province', 'city', 'isp', 'state', 'description', 'orderid'];
					expect(Object.keys(read.result).filter((name) => !known.includes(name))).toEqual([]);
				},
			),
			{ numRuns: 1000 },
		);
		expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
	});

	test('shows no text that has not been through the redactor', () => {
		const secret = 'sesame-0123';
		const words = fc.constantFrom(secret, `key=${secret}&mobile=1`, 'x', secret + secret);
		const told = fc.record(
			{
				error_code: fc.oneof(fc.constantFrom(0, '0', 10012, 224915, 299999), words),
				resultcode: words,
				reason: fc.oneof(words, fc.array(words), fc.record({ key: words })),
				result: fc.dictionary(fc.oneof(names, words), fc.oneof(words, fc.array(words))),
			},
			{ requiredKeys: [] },
		);
		fc.assert(
			fc.property(told, status, words, (value, statusCode, retryAfter) => {
				const read = readReply(
					{ statusCode, text: JSON.stringify(value), headers: { 'retry-after': retryAfter } },
					(text) => text.replaceAll(secret, '***'),
				);
				expect(JSON.stringify(read)).not.toContain(secret);
			}),
			{ numRuns: 2000 },
		);
	});

	test('takes nothing over from __proto__', () => {
		const text =
			'{"error_code":0,"result":{"state":"0","__proto__":{"isp":"x"},"constructor":{"city":"y"}},"__proto__":{"a":1}}';
		expect(readReply({ statusCode: 200, text, headers: {} }, (words) => words)).toEqual({
			result: { state: '0' },
		});
		expect('a' in {}).toBe(false);
	});
});

test('any list: each distinct number is asked for once, in order, and every row has its outcome', async () => {
	const memory = {
		recall: () => undefined,
		record: () => undefined,
		sentInVain: () => undefined,
	} as Partial<Memory> as Memory;
	await fc.assert(
		fc.asyncProperty(
			fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')),
			fc.integer({ min: 1, max: 8 }),
			async (list, concurrency) => {
				const asked: string[] = [];
				let underWay = 0;
				let peak = 0;
				const outcomes = await run(
					list.map((mobile) => ({ mobile })),
					async (mobile) => {
						asked.push(mobile);
						peak = Math.max(peak, ++underWay);
						await new Promise((resolve) => setImmediate(resolve));
						underWay--;
						return {
							answer: { result: { state: mobile }, attempts: 1, billable: 'yes', checkedAt: '' },
						};
					},
					memory,
					{
						concurrency,
						requestsPerSecond: 0,
						maxQueries: 0,
						resendUncertain: true,
						stopOnFailure: true,
					},
				);
				expect(asked).toEqual([...new Set(list)]);
				expect(peak).toBe(Math.min(concurrency, asked.length));
				expect(outcomes).toEqual(
					list.map((mobile, index) => ({
						mobile,
						answer: expect.objectContaining({ result: { state: mobile } }),
						source: list.indexOf(mobile) === index ? 'query' : 'duplicate',
					})),
				);
			},
		),
	);
});

describe('on the engine', () => {
	const juhe = useSimulator();

	test('any list: one query a number, every row once, each output in the order of the rows', async () => {
		const cell = fc.oneof(
			{
				weight: 8,
				arbitrary: fc
					.tuple(fc.nat(9), fc.constantFrom('', '+86 ', '0086-', ' '))
					.map(([digit, before]) => `${before}1390000000${digit}`),
			},
			{ weight: 1, arbitrary: fc.constantFrom('', '010-62345678', 'no number') },
		);
		await fc.assert(
			fc.asyncProperty(
				fc.array(cell, { maxLength: 40 }),
				fc.boolean(),
				fc.constantFrom(CONTINUE, ERROR_OUTPUT),
				fc.constantFrom('plain', 'aes', 'rsa'),
				fc.integer({ min: 1, max: 50 }),
				async (list, splitOutputs, how, operation, concurrency) => {
					juhe.simulator.reset();
					const { outputs } = await juhe.run(phones(...list), {
						...how,
						parameters: { operation, splitOutputs, options: { concurrency } },
					});

					const digits = list.map((text) => /1390000000\d/.exec(text)?.[0]);
					const distinct = new Set(digits.filter((each) => each !== undefined));
					expect(juhe.simulator.counts.lookups).toEqual(
						new Map([...distinct].map((each) => [each, 1])),
					);
					const places = outputs.map((output) => output.map(rowOf));
					expect(places.flat().sort((a, b) => a - b)).toEqual([...list.keys()]);
					for (const place of places) expect(place).toEqual([...place].sort((a, b) => a - b));
					for (const item of outputs.flat()) {
						const row = rowOf(item);
						expect(item.json.phone).toBe(list[row]);
						if (digits[row] === undefined) {
							expect(item.json).toHaveProperty('error');
							continue;
						}
						const isFirst = digits.indexOf(digits[row]) === row;
						expect(statusOf(item)).toMatchObject({
							mobile: digits[row],
							source: isFirst ? 'query' : 'duplicate',
							billable: isFirst ? 'yes' : 'no',
						});
					}
					const split = splitOutputs ? 6 : 1;
					if (how === ERROR_OUTPUT) {
						const failed = digits.filter((each) => each === undefined).length;
						expect(outputs[split]?.length ?? 0).toBe(failed);
					}
				},
			),
			{ numRuns: 60 },
		);
	}, 120_000);

	test('whatever has become of the store, every row comes out and nothing else does', async () => {
		const good = async () => {
			const { staticData } = await juhe.run(phones('13900000001', '13900000002'), {
				mode: 'trigger',
				parameters: { options: { reuseHours: 1, onlyChanges: true } },
			});
			return (staticData['node:Juhe'] as { juhe: string }).juhe;
		};
		const store = await good();
		const edited = fc
			.tuple(
				fc.nat(store.length),
				fc.nat(20),
				fc.constantFrom('', '"', '[', '{}', 'null', '9', ','),
			)
			.map(([at, cut, put]) => store.slice(0, at) + put + store.slice(at + cut));
		const [hash] = (JSON.parse(store) as { numbers: string[][] }).numbers[0]!;
		const entry = fc.tuple(
			fc.oneof(fc.constantFrom(hash, '__proto__'), fc.jsonValue()),
			fc.oneof(fc.constant(Date.now()), fc.jsonValue()),
			fc.oneof(fc.constantFrom(null, 'normal'), fc.jsonValue()),
			fc.oneof(fc.constant(null), fc.array(fc.jsonValue()), fc.jsonValue()),
		);
		const forged = fc
			.array(fc.oneof({ weight: 4, arbitrary: entry }, { weight: 1, arbitrary: fc.jsonValue() }), {
				maxLength: 2,
			})
			.map((numbers) => JSON.stringify({ version: 1, numbers }));
		const kept = fc.oneof(edited, forged, fc.jsonValue(), fc.constant('{"__proto__":{"x":1}}'));
		await fc.assert(
			fc.asyncProperty(kept, async (juheStore) => {
				const rows = phones('13900000001', '13900000003');
				const { outputs, error, staticData } = await juhe.run(rows, {
					mode: 'trigger',
					staticData: { 'node:Juhe': { juhe: juheStore as IDataObject } },
					parameters: { options: { reuseHours: 1 } },
				});
				expect(error).toBeUndefined();
				expect(outputs[0]!.map(({ json }) => json.phone)).toEqual(['13900000001', '13900000003']);
				// What was edited so that it still makes sense is believed; what nobody has kept is asked for.
				expect(outputs[0]!.map(({ json }) => typeof json.route)).toEqual(['string', 'string']);
				expect(outputs[0]![1]!.json.route).toBe('normal');
				expect(JSON.parse((staticData['node:Juhe'] as { juhe: string }).juhe)).toMatchObject({
					version: 1,
				});
				expect('x' in {}).toBe(false);
			}),
			{ numRuns: 200 },
		);
	}, 120_000);
});
