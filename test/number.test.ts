import { maskMobile, readMobile } from '../nodes/JuheMobileStatus/number';

const MOBILE = '13800138000';

test.each([
	['digits', '13800138000'],
	['a number cell', 13800138000],
	['a big integer', 13800138000n],
	['surrounding spaces', '  13800138000\t\n'],
	['inner spaces', '138 0013 8000'],
	['a no-break space', '138\u00a00013\u00a08000'],
	['an ideographic space', '138\u30000013\u30008000'],
	['dashes', '138-0013-8000'],
	['an en dash and a minus sign', '138–0013−8000'],
	['dots', '138.0013.8000'],
	['middle dots', '138·0013・8000'],
	['brackets', '(138)[0013]8000'],
	['Chinese brackets', '【138】（0013）8000'],
	['full-width digits', '１３８００１３８０００'],
	['a full-width plus and dash', '＋８６－１３８００１３８０００'],
	['zero-width characters', '\ufeff138\u200b0013\u200d8000\u2060'],
	['direction marks, as an address book copies them', '\u202d138 0013 8000\u202c'],
	['+86', '+8613800138000'],
	['+86 and spaces', '+86 138 0013 8000'],
	['(+86)', '(+86) 138 0013 8000'],
	['0086', '0086-13800138000'],
	['86', '8613800138000'],
	['86 as a number cell', 8613800138000],
])('%s is read', (_, cell) => {
	expect(readMobile(cell)).toEqual({ mobile: MOBILE });
});

test.each(['3', '4', '5', '6', '7', '8', '9'])('1%s begins a mobile number', (digit) => {
	expect(readMobile(`1${digit}000000000`)).toEqual({ mobile: `1${digit}000000000` });
});

test.each([
	['nothing', undefined, 'is empty'],
	['null', null, 'is empty'],
	['an empty text', '', 'is empty'],
	['spaces only', ' \u200b ', 'is empty'],
	['a country code only', '+86', 'is empty'],
	['ten digits', '1380013800', 'has 10 digits instead of 11'],
	['twelve digits', '138001380001', 'has 12 digits instead of 11'],
	['two numbers', '13800138000 13900139000', 'has 22 digits instead of 11'],
	['a trunk zero', '013800138000', 'begins with 0, as landlines do'],
	['two country codes', '+86 86 13800138000', 'has 13 digits instead of 11'],
	['a landline', '010-62345678', 'begins with 0, as landlines do'],
	['a second digit of 2', '12800138000', 'begins with 12'],
	['a second digit of 0', '10800138000', 'begins with 10'],
	['a letter', '1380013800O', 'has characters that are no digits'],
	['a slash', '138/0013/8000', 'has characters that are no digits'],
	['superscript digits', '1380013800²', 'has characters that are no digits'],
	['an American number', '+1 380 013 8000', 'has a country code other than +86'],
	['a plus without country code', '+13800138000', 'has a country code other than +86'],
	['+0086', '+008613800138000', 'has a country code other than +86'],
	['scientific notation', '1.38E+10', 'is in scientific notation'],
	['scientific notation without a plus', '1.38E10', 'is in scientific notation'],
	['a serial number', 'SN-138E10', 'has characters that are no digits'],
	['a longer serial number', '138E10-X', 'has characters that are no digits'],
	['zero', 0, 'begins with 0, as landlines do'],
	['a fraction', 1380013800.5, 'is not a whole number'],
	['a negative number', -13800138000, 'is not a whole number'],
	['a negative big integer', -13800138000n, 'is not a whole number'],
	['not a number', NaN, 'is not a whole number'],
	['infinity', Infinity, 'is not a whole number'],
	['a boolean', true, 'is of type boolean, not a number'],
	['a list', [MOBILE], 'is a list, not a number'],
	['an object', { mobile: MOBILE }, 'is of type object, not a number'],
])('%s is refused with its reason', (_, cell, reason) => {
	const read = readMobile(cell);
	expect(read).toEqual({ reason: expect.stringContaining(reason) });
	expect(JSON.stringify(read)).not.toContain('0013800');
});

test('a number is masked in its middle', () => {
	expect(maskMobile(MOBILE)).toBe('138****8000');
});
