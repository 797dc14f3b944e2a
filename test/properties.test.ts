/** What holds for any input whatever, tried out with fast-check. */
import fc from 'fast-check';

import { readRsaPublicKey } from '../nodes/JuheMobileStatus/encryption';
import { readReply } from '../nodes/JuheMobileStatus/errors';
import type { Memory } from '../nodes/JuheMobileStatus/memory';
import { maskMobile, readMobile } from '../nodes/JuheMobileStatus/number';
import { verdictOn } from '../nodes/JuheMobileStatus/result';
import { run } from '../nodes/JuheMobileStatus/run';
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
	test('never throws, and what it accepts is a mobile number', () => {
		fc.assert(
			fc.property(
				fc.oneof(
					fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true }),
					fc.string({ unit: 'binary' }),
				),
				(cell) => {
					const read = readMobile(cell);
					if ('mobile' in read) expect(read.mobile).toMatch(/^1[3-9]\d{9}$/);
					else expect(read.reason).toMatch(/^(is|has|begins) /);
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
	const body = fc.oneof(
		json.map((value) => JSON.stringify(value)),
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
		sentInVain: () => 'no',
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
					{ concurrency, requestsPerSecond: 0, maxQueries: 0, stopOnFailure: true },
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
