import fc from 'fast-check';
import { parsePhoneNumberFromString } from 'libphonenumber-js/max';

import { maskMobile } from '../nodes/JuheMobileStatus/juhe/redact';
import { parseMobile } from '../nodes/JuheMobileStatus/list/number';
import fieldCases from './field-cases/numbers.json';

const MOBILE = '13800138000';

const mobileOf = (cell: unknown): string | undefined => {
	const parsed = parseMobile(cell);
	return 'mobile' in parsed ? parsed.mobile : undefined;
};
const reasonOf = (cell: unknown): string | undefined => {
	const parsed = parseMobile(cell);
	return 'reason' in parsed ? parsed.reason : undefined;
};

test.each(fieldCases)('field case $cell', ({ cell, mobile }) => {
	expect(mobileOf(cell)).toBe(mobile);
});

/** The cells of a line. */
const split = (line: string): string[] => line.split(' ¦ ');

test.each([
	['zeros behind a point', '13800138000.00 ¦ 8613800138000.0 ¦ +86 13800138000.0'],
	['scientific notation', '1.3800138E10 ¦ 1.380013800e+010 ¦ 8.613800138E12 ¦ 1.380013800000 E+10'],
	['thousands', "13，800，138，000 ¦ 13'800'138'000 ¦ 13 800 138 000 ¦ 13,800,138,000.00"],
	['two groups', '138 00138000 ¦ 1380013 8000 ¦ 13800 138000 ¦ 138001-38000 ¦ (138)00138000'],
	[
		'three groups',
		'138-001-38000 ¦ 1380 0138 000 ¦ 1380 013 8000 ¦ 138 00138 000 ¦ 13800 138 000 ¦ 138·0013·8000',
	],
	['four groups', '138.0013.80.00 ¦ 138 00 13 8000 ¦ 138-001-38-000 ¦ 13-800-138-000'],
	['more groups', '138-00-138-000 ¦ 138 0013 80 00 ¦ 138-00-13-80-00 ¦ 138 001 380 00'],
	['spaces', '138\u00a00013\u00a08000 ¦ 138\u3000 0013 \u20098000 ¦ 138&nbsp;0013&nbsp;8000'],
	[
		'dashes',
		'138–0013—8000 ¦ 138−0013‑8000 ¦ 138 - 0013 - 8000 ¦ 138 - 0013-8000 ¦ 138--0013--8000',
	],
	['brackets', '（138）0013－8000 ¦ [138] 0013 8000 ¦ +86 (138) 0013-8000 ¦ (+86)(138)0013-8000'],
	['a prefix', '+8613800138000 ¦ 86-138-0013-8000 ¦ (86)13800138000 ¦ +(86) 138 0013 8000'],
	[
		'a prefix with 0',
		'00 86 138 0013 8000 ¦ 008613800138000 ¦ (0086)138-0013-8000 ¦ +086 13800138000',
	],
	['another separator', '+86 138-0013-8000 ¦ +86-138 0013 8000 ¦ 86138 0013 8000'],
	['a prefix with a dot', '+86.13800138000 ¦ +86.138.0013.8000 ¦ 86.138.0013.8000'],
	['a trunk zero', '0138-0013-8000 ¦ 0 138 0013 8000 ¦ +86(0)13800138000 ¦ 0086 0138 0013 8000'],
	['text marks', `’13800138000 ¦ ="+86 138 0013 8000" ¦ "=""13800138000""" ¦ ='13800138000'`],
	[
		'quotes',
		'“13800138000” ¦ 「13800138000」 ¦ `13800138000` ¦ " 13800138000 " ¦ &quot;13800138000&quot;',
	],
	['punctuation', '13800138000； ¦ 13800138000。 ¦ 13800138000、 ¦ 13800138000. ¦ |13800138000|'],
	['a list of one', '["13800138000"] ¦ 【13800138000】 ¦ <13800138000> ¦ (13800138000)'],
	['line breaks', '\t13800138000\r\n ¦ 13800138000\u2028 ¦ 手机：\n13800138000'],
	['schemes', 'tel://13800138000 ¦ SMS:+8613800138000 ¦ tel:13800138000;phone-context=+86'],
	[
		'vCard',
		'TEL;TYPE=CELL:+86 138 0013 8000 ¦ TEL;TYPE=CELL;VALUE=uri:13800138000 ¦ TEL;VALUE=uri:tel:+86-138-0013-8000',
	],
	['chats', '8613800138000@c.us ¦ whatsapp:+8613800138000 ¦ https://wa.me/8613800138000'],
	['links', 'wa.me/13800138000 ¦ http://wa.me/+8613800138000'],
	[
		'more links',
		'api.whatsapp.com/send?phone=8613800138000 ¦ api.whatsapp.com/send/?phone=8613800138000',
	],
	['Chinese words', '手机13800138000 ¦ 联系电话： 13800138000 ¦ 电　话:13800138000'],
	['longer words', '张三手机 13800138000 ¦ 电话（微信同号）：13800138000 ¦ 手机/微信：13800138000'],
	['words in brackets', '【手机】13800138000 ¦ (Mobile) 13800138000'],
	['English words', 'Tel.: 13800138000 ¦ Mobile No. (+86) 138-0013-8000 ¦ M：13800138000'],
	['names of fields', 'mobile=13800138000 ¦ phone_number: 13800138000 ¦ "phone":"13800138000"'],
	['signs', '☎️ 138 0013 8000 ¦ 📱13800138000'],
	['a remark', '13800138000 (备注) ¦ 13800138000【微信】（张三） ¦ 13800138000<br>'],
	[
		'a word behind',
		'13800138000 微信同号 ¦ 13800138000-微信 ¦ 13800138000 - 微信 ¦ 138 0013 8000 mobile',
	],
	['what is invisible', '\ufeff13800138000 ¦ 138\u200b0013\u00ad8000 ¦ \u202d13800138000\u202c'],
	['control characters', '13800138000\u0000\u0000 ¦ \u000113800138000 ¦ 13800138000\u3164\u2800'],
	['long text', `13800138000${'；'.repeat(189)} ¦ 13800138000${' '.repeat(300)}`],
	[
		'full-width forms',
		'＋８６－１３８００１３８０００ ¦ ＝＂13800138000＂ ¦ １３８００１３８０００．０',
	],
])('%s: is read', (_, line) => {
	for (const cell of split(line)) expect([cell, mobileOf(cell)]).toEqual([cell, MOBILE]);
});

test.each([
	['has no digits', '- ¦ 无 ¦ N/A ¦ 手机：'],
	['country code alone', '+86 ¦ (+86) ¦ 手机：+86'],
	['an expression', '{{ $json.phone }}'],
	['a date', '日期 2025/11/24 ¦ 2025/11/24 10:30 ¦ 4-11-2025 ¦ 日期 24-11-2025 ¦ 24-11-2025 10:30'],
	['a date', '138 05 06 2025 ¦ 138 30 05 2025 ¦ 138 05 30 2025 ¦ 138-2025-11-30 ¦ 13-11-2025-138'],
	['a date', '2025/11/24 ¦ 24-11-2025 ¦ 2025年11月24日 ¦ 1990-01-01-138 ¦ 1990 01 01 138'],
	['a date', '19900101 138 ¦ 138 20251124 ¦ 138-2025-11-24 ¦ 138 24 11 2025'],
	[
		'decimal fraction',
		'138·00138000 ¦ 1.38001380005E+10 ¦ 13800138000.01 ¦ 138.00138000 ¦ +86 138.00138000 ¦ 86.13800138000 ¦ 13,800,138,000.5',
	],
	['coordinates', '35.6895,139.6917 ¦ 35.6895, -139.6917 ¦ 35.68°; 139.69° ¦ GPS 35.6,139.6'],
	['coordinate', ' -139.69171234 ¦ +139.69171234'],
	['amount of money', '¥13,800,138,000 ¦ $13800138000 ¦ 13800138000元 ¦ 13800138000 USD'],
	['scientific notation that has lost', '1.38E10 ¦ 1.380014E+10 ¦ 8.6138E+12 ¦ 1,38E+10'],
	['IP address', 'IP 10.0.0.1 ¦ 10.0.0.1:8080 ¦ 192.168.100.1 ¦ 138-255-13-255'],
	['IP address', '10.0.0.1 ¦ 13.112.138.200 ¦ 139-196-22-110 ¦ 192 168 10 101 ¦ 138.00.138.000'],
	[
		'of North America',
		'1.800.555.0199 ¦ 1800-555-0199 ¦ 1 3800138000 ¦ +13800138000 ¦ 0014155552671',
	],
	['another country', '+852 9123 4567 ¦ 0044 7911 123456 ¦ (+886) 912345678 ¦ +49 151 23456789'],
	['country code twice', '+86 86 13800138000 ¦ +868613800138000'],
	[
		'holds 2 mobile',
		'13800138000 13900139000 ¦ 138 0013 8000 139 0013 9000 ¦ 13800138000\n13900139000',
	],
	['holds 2 mobile', '13800138000；+86 139-0013-9000 ¦ 13800138000或13900139000'],
	['holds 3 mobile numbers', '13800138000、13900139000、13700137000'],
	[
		'more than one number',
		'13800138000/010-62551234 ¦ 138/0013/8000 ¦ 138,0013,8000 ¦ 138\r0013\r8000 ¦ 138\r\n0013\r\n8000',
	],
	['has an extension', '13800138000-1 ¦ 13800138000 EXT. 12 ¦ 138-0013-8000x12 ¦ 13800138000#12'],
	['has an extension', '13800138000,,12 ¦ 13800138000分机12 ¦ tel:+8613800138000;ext=12'],
	['digits in brackets', '13800138000 (24小时) ¦ 13800138000（备注2） ¦ 13800138000(8001)'],
	['is masked', '138...8000 ¦ *3800138000 ¦ 138x8000 ¦ 1380013xxxx'],
	['is masked', '138XXXX8000 ¦ 138××××8000 ¦ 138 **** 8000 ¦ 138●●●●8000 ¦ 138…8000 ¦ 1380013800*'],
	[
		'email address',
		'138 00138000@c.us ¦ 1380013@c.us8000 ¦ 13800138000@139.com ¦ 8613800138000-160@g.us',
	],
	[
		'web address',
		'见 http://example.com/13800138000 ¦ https://example.com/13800138000 ¦ https://wa.me/8613800138000?text=1',
	],
	[
		'begins with 0',
		'0106255123412 ¦ 01062551234 ¦ (010)62551234 ¦ 0755-26012345 ¦ +86-010-62551234',
	],
	['10 digits', '1380013800 ¦ 1380013800.00 ¦ +86 1380013800 ¦ 1,380,013,800 ¦ 4008008888'],
	[
		'12 digits',
		'1 800 555 01991 ¦ 21 800 555 0199 ¦ 138 0013 8000.0 ¦ 138001380001 ¦ 13800138000 1 ¦ +86 138001380001',
	],
	['99 digits', '1'.repeat(99)],
	['more than 11', '1'.repeat(100)],
	['too long', '13800138000 '.repeat(30)],
	['13 to 19', '10800138000 ¦ 12800138000 ¦ 23800138000 ¦ +86 755 2601 2345'],
	['more than one kind of separator', '138-0013 8000 ¦ 138.0013-8000 ¦ 138-001.38000'],
	['not grouped', '1380013800-0 ¦ 1 3 8 0 0 1 3 8 0 0 0 ¦ 13800138 000 ¦ (19)987654321'],
	['not written as', '138(0013)8000 ¦ (138-0013)-8000 ¦ (13800138000 ¦ 138..0013..8000'],
	['minus sign', '-138.0013.8000'],
	['letters', '1380013(微信)8000 ¦ 1380013微信 8000 ¦ 138tel:00138000 ¦ 138tel;x:00138000'],
	[
		'letters',
		'138wa.me/00138000 ¦ 138;phone-context=+8600138000 ¦ 1380013800x ¦ 1380013800O ¦ 张三 13800138000 ¦ QQ:13800138000 ¦ 订单号码13800138000',
	],
	['another script', '١٣٨٠٠١٣٨٠٠٠ ¦ १३८००१३८०००'],
	['characters', '138’0013’8000 ¦ 138“0013”8000 ¦ #13800138000'],
	['characters', '1380013800² ¦ \u202e13800138000 ¦ 138_0013_8000 ¦ 1️⃣3800138000 ¦ 13800138000%'],
])('"%s" is said', (reason, line) => {
	for (const cell of split(line)) {
		expect([cell, reasonOf(cell)]).toEqual([cell, expect.stringContaining(reason)]);
	}
});

test('of values that are no text, whole numbers are read', () => {
	for (const cell of [13800138000, 8613800138000, 13800138000n])
		expect(mobileOf(cell)).toBe(MOBILE);
	expect(reasonOf(1380013800)).toContain('10 digits');
	expect(reasonOf(0)).toContain('1 digit ');
	expect(reasonOf(13800138000.5)).toContain('decimal fraction');
	for (const cell of [-13800138000, -13800138000n]) expect(reasonOf(cell)).toContain('minus sign');
	for (const cell of [NaN, 1e21]) expect(reasonOf(cell)).toContain('not a number of 11');
	expect(reasonOf(true)).toContain('true or false');
	expect(reasonOf([MOBILE])).toContain('an array');
	for (const cell of [{}, Object.create(null)]) expect(reasonOf(cell)).toContain('an object');
	expect(reasonOf(new Date(0))).toContain('a date');
	expect(reasonOf(Symbol(MOBILE))).toContain('a symbol');
});

test.each([
	['empty', [undefined, null, '', ' \u200b', "'", '=""', 'null', 'undefined', 'NaN']],
	['scientific', ['1.38E+10', '1.38001e10', '138E8', '13.800138E9']],
	[
		'expression',
		['{{ $json.phone }}', '={{$json["a b"]}}', '$json.phone', ' = $json.phone', '{{phone}}'],
	],
	['other', ['12', true, '138****8000', '12 $a', 'A 138E8', '138E8 A']],
])('the kind "%s" tells what to look for in the whole column', (kind, cells) => {
	for (const cell of cells) expect(parseMobile(cell)).toMatchObject({ kind });
});

test('a number is masked in its middle', () => {
	expect(maskMobile(MOBILE)).toBe('138****8000');
});

const mobile = fc
	.tuple(fc.integer({ min: 3, max: 9 }), fc.integer({ min: 0, max: 999_999_999 }))
	.map(([second, rest]) => `1${second}${String(rest).padStart(9, '0')}`);
const WRAPPINGS = split(
	'N ¦ \'N ¦ ="N" ¦ 手机：N ¦ tel:N ¦ N（微信） ¦ \u202aN\u202c ¦ “N”， ¦ Mobile: N (Li) ¦ \tN\r\n',
);
const widen = (text: string): string =>
	text.replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0));
/** A number as people write it. `wrap` puts the prefix and the wrapping of this cell around any digits. */
const written = fc
	.record({
		digits: mobile,
		prefix: fc.constantFrom('', '+86', '86 ', '0086-', '(+86)', '+86 ', '+0086 '),
		cuts: fc.constantFrom([], [3, 7], [4, 8], [3, 6], [5, 8]),
		separator: fc.constantFrom(' ', '-', '.', '\u00a0', '–', ' - '),
		wrapping: fc.constantFrom(...WRAPPINGS),
	})
	.map(({ digits, prefix, cuts, separator, wrapping }) => {
		const wrap = (number: string) => wrapping.replace('N', `${prefix}${number}`);
		const groups = [0, ...cuts].map((cut, index) => digits.slice(cut, cuts[index]));
		return { digits, wrap, text: wrap(groups.join(separator)) };
	});

describe('for any cell', () => {
	test('what people write is read, and read again as itself', () => {
		fc.assert(
			fc.property(written, ({ digits, text }) => {
				for (const cell of [text, widen(text), digits, Number(digits)]) {
					expect(parseMobile(cell)).toEqual({ mobile: digits });
				}
			}),
			{ numRuns: 2000 },
		);
	});

	test('a digit too many or too few is refused', () => {
		const position = fc.integer({ min: 1, max: 11 });
		fc.assert(
			fc.property(written, position, fc.nat(9), ({ digits, wrap, text }, at, digit) => {
				const more = wrap(`${digits.slice(0, at)}${digit}${digits.slice(at)}`);
				const fewer = wrap(`${digits.slice(0, at - 1)}${digits.slice(at)}`);
				for (const cell of [`${text}${digit}`, more, fewer]) {
					expect([cell, mobileOf(cell)]).toEqual([cell, undefined]);
				}
			}),
			{ numRuns: 2000 },
		);
	});

	test('no digit is invented, dropped or moved, whatever is typed into the cell', () => {
		const character = fc.constantFrom(...Array.from('0123456789 -./,()+*转\n\'"#:'));
		const typed = fc.string({ unit: character, maxLength: 3 });
		const edits = fc.array(fc.tuple(fc.nat(40), fc.nat(2), typed), { minLength: 1, maxLength: 3 });
		fc.assert(
			fc.property(written, edits, (cell, changes) => {
				const text = changes.reduce(
					(before, [at, length, typing]) =>
						`${before.slice(0, at)}${typing}${before.slice(at + length)}`,
					cell.text,
				);
				const accepted = mobileOf(text);
				if (accepted === undefined) return;
				expect(accepted).toMatch(/^1[3-9]\d{9}$/);
				const decimals = /\.(0+)\D*$/.exec(text)?.[1] ?? '';
				const [before, behind] = text.replace(/\D/g, '').split(accepted);
				expect(before).toMatch(/^(?:(?:00?)?86)?0?$/);
				expect(['', decimals]).toContain(behind);
			}),
			{ numRuns: 10_000 },
		);
	});

	test('nothing throws, and no reason quotes the cell', () => {
		const anything = fc.oneof(
			fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true }),
			fc.string({ unit: 'binary' }),
			fc.string({ unit: fc.constantFrom(...Array.from('+-0123456789eE.xX \u200b（１,')) }),
			fc.stringMatching(/^\d{0,250}$/),
			fc.double(),
		);
		fc.assert(
			fc.property(anything, (cell) => {
				const parsed = parseMobile(cell);
				if ('mobile' in parsed) expect(parsed.mobile).toMatch(/^1[3-9]\d{9}$/);
				else expect(parsed.reason).toMatch(/^(?!.*\d{3})(?:is|has|holds|looks|begins|does) /);
			}),
			{ numRuns: 5000 },
		);
	});
});

describe('beside libphonenumber', () => {
	const readByLibrary = (cell: string) => {
		const number = parsePhoneNumberFromString(cell, 'CN');
		return number?.countryCallingCode === '86' ? number : undefined;
	};

	test('it finds the same digits in what people write', () => {
		const spelled = written.filter(({ text }) => /^(?!\+00)[\d+()-][\d .()–-]+$/.test(text));
		fc.assert(
			fc.property(spelled, ({ digits, text }) => {
				expect(readByLibrary(text)?.nationalNumber).toBe(digits);
				expect(mobileOf(text)).toBe(digits);
			}),
		);
	});

	test('we read ranges that it does not list, because new ones are opened and the service knows them', () => {
		const unlisted = Array.from({ length: 70 }, (_, index) => String(130 + index)).filter(
			(range) => readByLibrary(`${range}00138000`)?.getType() !== 'MOBILE',
		);
		const expected = '140 141 142 143 144 146 148 149 154 160 163 164 168 169 179 194'.split(' ');
		expect(expected).toEqual(expect.arrayContaining(unlisted));
		for (const range of unlisted) expect(mobileOf(`${range}00138000`)).toBe(`${range}00138000`);
	});

	// It is made for what a user types into a phone field, so it joins whatever digits there are; a cell may hold anything.
	test.each([
		['1380013800.0', 'makes the decimal a digit'],
		['139.196.22.110', 'joins the numbers of an IP address'],
		['1990-01-01-138', 'joins a date and a remark'],
		['1-800-555-0199', 'takes the 1 of North America for the first digit'],
		['1380013800-1', 'joins a row number'],
		['订单13800138000', 'looks for a number in any text'],
		['13800138000 ext 12', 'drops the extension'],
		['138-0013 8000', 'takes any mix of separators'],
		['١٣٨٠٠١٣٨٠٠٠', 'reads digits of every script'],
	])('%s: it %s, and we refuse', (cell) => {
		expect(readByLibrary(cell)?.isValid()).toBe(true);
		expect(mobileOf(cell)).toBeUndefined();
	});

	test.each([
		['1.3800138000E10', 'knows no scientific notation'],
		['13,800,138,000', 'stops at a comma'],
		['13800138000.0', 'makes the decimal a digit'],
		['+0086 13800138000', 'takes 00 for a country code'],
	])('%s: it %s, and we read it', (cell) => {
		expect(readByLibrary(cell)?.isValid() ?? false).toBe(false);
		expect(mobileOf(cell)).toBe(MOBILE);
	});
});
