/** What holds for any reply whatever, tried out with fast-check. Lists and settings: test/soak. */
import fc from 'fast-check';

import { parseReply } from '../nodes/JuheMobileStatus/juhe/reply';
import { statusOf } from '../nodes/JuheMobileStatus/juhe/status';

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
				const read = parseReply(
					{ statusCode, text, headers: { 'retry-after': retryAfter } },
					(words) => words,
				);
				if ('noRecord' in read) return;
				if ('result' in read) {
					expect(statusOf(read.result).advice).toMatch(/^(keep|recheck|remove|review)$/);
					const types = Object.values(read.result).map((value) => value ?? typeof value);
					expect(types.filter((value) => typeof value === 'object')).toEqual([]);
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
					const read = parseReply({ statusCode: 200, text, headers: {} }, (words) => words);
					if (!('result' in read)) return;
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
				const read = parseReply(
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
		expect(parseReply({ statusCode: 200, text, headers: {} }, (words) => words)).toEqual({
			result: { state: '0' },
		});
		expect('a' in {}).toBe(false);
	});
});
