/** What holds for any reply whatever, tried out with fast-check. Lists and settings: test/soak. */
import fc from 'fast-check';

import { parseReply } from '../nodes/JuheMobileStatus/juhe/reply';
import { statusOf } from '../nodes/JuheMobileStatus/juhe/status';

const SECRET = 'sesame-0123';
const FIELDS = ['province', 'city', 'isp', 'state', 'description', 'orderid'];
/** Names that mean something to JavaScript or to the reader, wherever they stand. */
const names = fc.constantFrom(
	...['__proto__', 'constructor', 'prototype', 'toString', 'toJSON', 'hasOwnProperty', 'then'],
	...['error_code', 'resultcode', 'reason', 'result', ...FIELDS],
);
const words = fc.constantFrom(SECRET, `key=${SECRET}&mobile=1`, 'x', SECRET + SECRET);
const value = fc.oneof(words, fc.jsonValue({ maxDepth: 3 }), fc.dictionary(names, words));
const code = fc.constantFrom(0, '0', 10012, '10012', 224915, 224922, 299999, 1e99, -1, 0.5);
const reply = fc.record(
	{
		error_code: fc.oneof({ weight: 3, arbitrary: code }, value),
		...{ resultcode: value, reason: value },
		result: fc.oneof(
			fc.dictionary(fc.oneof(names, words), value),
			fc.record({ state: fc.oneof(names, value) }),
			value,
		),
	},
	{ requiredKeys: [] },
);
const odd = fc
	.object({ key: names, maxDepth: 4, values: [fc.constantFrom(0, '0', SECRET, null, 1e21), names] })
	.map((result) => ({ error_code: 0, result, ...result }));
const deep = fc
	.tuple(fc.constantFrom('{"result":', '[', '{"__proto__":'), fc.integer({ min: 1, max: 12_000 }))
	.map(([open, depth]) => {
		const nested = `${open.repeat(depth)}1${(open === '[' ? ']' : '}').repeat(depth)}`;
		return `{"error_code":0,"result":{"state":"0","city":${nested}},"reason":${nested}}`;
	});
const text = fc.oneof(
	{ weight: 6, arbitrary: fc.oneof(reply, odd).map((body) => JSON.stringify(body)) },
	...[deep, fc.string(), fc.constantFrom(undefined, 'null', '['.repeat(50_000))],
	fc.constantFrom(
		'{"error_code":1e999,"result":{"state":-1e999}}',
		'{"__proto__":{"error_code":0}}',
	),
);
const statusCode = fc.constantFrom(200, 204, 301, 400, 401, 429, 500, 502);

test('any reply gives documented fields or a failure that can be shown, and no secret', () => {
	const before = Object.getOwnPropertyNames(Object.prototype);
	fc.assert(
		fc.property(text, statusCode, fc.oneof(words, fc.string()), (body, status, retryAfter) => {
			const headers = { 'retry-after': retryAfter };
			const redact = (said: string) => said.replaceAll(SECRET, '***');
			const asked = { mobile: '13800138000', attempts: 1, maybeBilled: false, redact };
			const read = parseReply({ statusCode: status, text: body, headers }, asked);
			expect(JSON.stringify(read)).not.toContain(SECRET);
			if ('noRecord' in read) return;
			if ('result' in read) {
				expect(statusOf(read.result).advice).toMatch(/^(keep|recheck|remove|review)$/);
				expect(Object.getPrototypeOf(read.result)).toBe(Object.prototype);
				const isOdd = ([name, each]: [string, unknown]) =>
					!FIELDS.includes(name) || (typeof each === 'object' && each !== null);
				expect(Object.entries(read.result).filter(isOdd)).toEqual([]);
				return;
			}
			const { message, details } = read.failure;
			expect(message).toMatch(/^Juhe \S+: [A-Z].*\.$/);
			const billable: unknown = expect.stringMatching(/^(no|uncertain)$/);
			expect(details).toMatchObject({ attempts: 1, billable });
			expect(JSON.parse(JSON.stringify(details))).toEqual(details);
		}),
		{ numRuns: 1000 },
	);
	expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
});
