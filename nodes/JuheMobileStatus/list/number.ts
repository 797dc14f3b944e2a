/**
 * Reads a cell as a Chinese mobile number, where a person would read it as exactly one.
 *
 *     cell    = wrapping* number wrapping*      quotes, ="…", tel:, a word for phone, (remark), @c.us
 *     number  = prefix? groups | whole          whole: thousands separators, scientific notation
 *     prefix  = [+][00|0]86 and a trunk 0       either may stand in brackets
 *     groups  = digits (separator digits)*      one kind of separator, a grouping of GROUPINGS
 *
 * What cannot be seen is taken off first. The accepted digits are those of the cell, in their order, without the prefix
 * and the zeros behind a decimal point. A cell that can be read in two ways is refused, because a query for a wrong
 * number is billed.
 */

/** What is special about a cell without a number, for callers that look at a whole column. */
export type RefusalKind = 'empty' | 'scientific' | 'expression' | 'other';

/**
 * The number of 11 digits in a cell, or why there is none.
 *
 * `reason` is a predicate that stands behind the name of the cell ("is masked"). It never quotes the cell.
 */
export type ParsedNumber = { mobile: string } | { reason: string; kind: RefusalKind };

const MOBILE = /^1[3-9]\d{9}$/;

/** Longer text is no phone number, and is not worth the time. */
const LONGEST_TEXT = 200;

/** Characters that look alike become one; those that cannot be seen go. The order matters. */
const LOOKALIKES: Array<[pattern: RegExp, replacement: string]> = [
	// U+202E stays, because it makes a person read the digits backwards. White space is handled below.
	[/(?![\t-\r\u0085\u202e])[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, ''],
	[/[\n-\r\u0085\u2028\u2029]+/g, '\n'],
	[/&nbsp;|[^\S\n]|\u2800/g, ' '],
	[/[\p{Pd}\u2212]+/gu, '-'],
	[/[·・‧∙]/g, '.'],
	[/[[【〔「『《〈<]/g, '('],
	[/[\]】〕」』》〉>]/g, ')'],
	[/[‘’‛`´]/g, "'"],
	[/&quot;|[“”„‟«»]/g, '"'],
];
const FULL_WIDTH = /[\uff01-\uff5e]/g;
const FULL_WIDTH_OFFSET = 0xfee0;

/** A word for phone, as labels and address books write it. Behind another word (order, QQ) stands no phone number. */
const PHONE_WORD = [
	'[\\p{Script=Han}/、]{0,8}(?:手 *机|手機|电 *话|電話)(?:号码|號碼|号|號)?(?:[/、]?微信(?:同?号)?)?',
	'联系方式|聯絡方式|号码|號碼|[☎☏✆℡📞📱📲]',
	'(?:mobile|mob|cell(?:ular)?|tel(?:ephone)?|phone|ph|contact|whatsapp)' +
		'(?:[ _/-]?(?:phone|mobile|number|num|no|whatsapp))*',
	'[mtpc](?= ?:)',
].join('|');

/**
 * What exports, address books and chats put around a number. None of it holds a digit of the number. All are taken off
 * as often as they occur.
 */
const WRAPPINGS: Array<[pattern: RegExp, replacement: string]> = [
	[/^[='",;:、|/]/, ''],
	[/['",;:、|/.。｡]$/, ''],
	[/^\(([^()]*)\)$/, '$1'],
	[/(?<=\d)(?:\s*\([^()\p{N}]*\))+$/u, ''],
	[/(?<=\d)[ ,/-]*(?:微信同号|同微信|微信|手机|mobile|cell|phone|whatsapp)$/i, ''],
	[/^(?:tel|smsto|sms|mms|callto|facetime|whatsapp):(?:\/\/)?/i, ''],
	[/^tel(?:;[a-z=,]+)+:/i, ''],
	[/;phone-context=\+86$/i, ''],
	[/^(?:https?:\/\/)?(?:wa\.me\/|api\.whatsapp\.com\/send\/?\?phone=)(?=\+?\d+$)/i, ''],
	[/(?<=^\+?\d+)@(?:s\.whatsapp\.net|c\.us)$/i, ''],
	[
		new RegExp(
			`^(?:\\((?:${PHONE_WORD})\\)|(?:${PHONE_WORD})(?: ?\\([^()\\p{N}]*\\))?)[\\s:.=#'"-]*(?=[+(\\d])`,
			'iu',
		),
		'',
	],
];

const THOUSANDS = /^[1-9]\d{0,2}([,'])\d{3}(?:\1\d{3})*(?:\.\d+)?$/;
const SCIENTIFIC = /^\d+(?:[.,]\d+)? ?e ?[+-]?\d+$/i;
const NORMALISED_SCIENTIFIC = /^([1-9])\.(\d+) ?e ?\+?(\d+)$/i;
/** Common formats that round keep 7 digits at most: at least 4 of 11 are missing then. */
const MOST_OMITTED_ZEROS = 3;
const DECIMAL_FRACTION = /^\d*\.(?!0+$)\d+$/;

const COUNTRY_CODE = /^(?:\(\+? ?(?:00 ?|0)?86\)|\+\(86\)|\+? ?(?:00 ?|0)?86) *[.-]? */;
const COUNTRY_CODE_TWICE = /^\(?\+?(?:00)?86/;
const TRUNK_ZERO = /^(?:\(0\)|0)[ -]*(?=\(?1[3-9])/;
const ZERO_DECIMALS = /^(\d+)\.0+$/;

/** A first group in brackets or none, then groups between a space, a dash or a dot each. */
const GROUPS = /^(?:\((\d+)\) *[.-]? *)?(\d+(?:(?: *[.-] *| +)\d+)*)$/;

/** How people group 11 digits, by the lengths of the groups. A single digit is no group: it may be a row number. */
const GROUPINGS = new Set(
	[
		'11 3-8 7-4 5-6 6-5',
		'3-4-4 4-4-3 4-3-4 3-3-5 3-5-3 5-3-3',
		'2-3-3-3 3-2-3-3 3-3-2-3 3-3-3-2 3-4-2-2 3-2-2-4 3-2-2-2-2',
	].flatMap((line) => line.split(' ')),
);

/** A date of 8 digits beside other groups: 2025-11-24 or 20251124, and 24-11-2025 in either order. */
const YEAR_FIRST = /(?<!\d)(?:19|20)\d\d(-?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?!\d)/;
const YEAR_LAST = /(?<!\d)(?:0[1-9]|[12]\d|3[01])-(?:0[1-9]|[12]\d|3[01])-(?:19|20)\d\d(?!\d)/;

/** A mobile number in text that holds more, with any separators. */
const EMBEDDED = '(?<!\\d)(?:86)?[ -]?1[3-9](?:[ .-]?\\d){9}(?!\\d)';
const EMBEDDED_MOBILES = new RegExp(EMBEDDED, 'g');

/** What a refused text looks like. The first that fits is said. */
const LOOKS: Array<[pattern: RegExp, reason: string]> = [
	[/@/, 'looks like an email address'],
	[/[a-z]:\/\//i, 'looks like a web address'],
	[/[¥￥$€£元]|\b(?:rmb|cny|usd)\b/i, 'looks like an amount of money'],
	[/(?<!\d)(?:19|20)\d\d[-/.年] ?\d{1,2}[-/.月] ?\d{1,2}(?!\d)/, 'looks like a date'],
	[/(?<!\d)\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)\d\d(?!\d)/, 'looks like a date'],
	[/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?$/, 'looks like an IP address'],
	[/\d\.\d+°?[,; ]+[+-]?\d{1,3}\.\d/, 'looks like coordinates'],
	[/^[+-]\d{1,3}\.\d+°?$/, 'looks like a coordinate'],
	[
		new RegExp(
			`${EMBEDDED}\\s*\\(?(?:[-#x,;*]|ext|转|轉|分机|分機|内线|內線)\\D*\\d{1,6}\\)?$`,
			'i',
		),
		'has an extension',
	],
	[/[*×•●○_]{2}|#{2}|\.{3}\d|[*×•●○…]\d|\d[*×•●○…]|\dx\d|\dx{2,}/i, 'is masked'],
	[
		/^(?:\+1|001|1(?=[ .(-]))[ .-]*\(?[2-9]\d\d\)?[ .-]*\d{3}[ .-]*\d{4}$/,
		'is written as a number of North America',
	],
	[/^\(?(?:\+|00)(?!\+|86)/, 'has the country code of another country'],
	[/^-\d/, 'has a minus sign in front'],
	[/\d ?[,;/、|\n] ?\(?\+?\d/, 'holds more than one number'],
	[/\p{Nd}(?<!\d)/u, 'is written in the digits of another script'],
	[/\d\D*\(.*\d.*\)$/, 'has digits in brackets behind it'],
	[/\p{L}/u, 'has letters around or between the digits'],
	[/[^\d .()-]/, 'has characters that belong to no phone number'],
];

/**
 * Reads a cell as a Chinese mobile number of 11 digits (the `mobile` of API document sections 1 to 3).
 *
 * @param cell text, a number or a bigint; any other value is refused
 */
export function parseMobile(cell: unknown): ParsedNumber {
	switch (typeof cell) {
		case 'string':
			return MOBILE.test(cell) ? { mobile: cell } : parseText(cell);
		case 'number':
			if (Number.isFinite(cell) && !Number.isInteger(cell)) return refuse('has a decimal fraction');
			if (!Number.isSafeInteger(cell)) return refuse('is not a number of 11 digits');
			return parseMobile(String(cell));
		case 'bigint':
			return parseMobile(String(cell));
		case 'undefined':
			return refuse('is empty', 'empty');
		case 'boolean':
			return refuse('is true or false, not a number');
		case 'object':
			if (cell === null) return refuse('is empty', 'empty');
			if (cell instanceof Date) return refuse('is a date, not a number');
			return refuse(`is ${Array.isArray(cell) ? 'an array' : 'an object'}, not text or a number`);
		default:
			return refuse(`is a ${typeof cell}, not text or a number`);
	}
}

function parseText(cell: string): ParsedNumber {
	if (/\{\{|\}\}|^\s*=?\s*\$[a-z(]/i.test(cell)) {
		return refuse('holds an expression that is not evaluated', 'expression');
	}
	const visible = makeVisible(cell);
	if (visible.length > LONGEST_TEXT) return refuse('is too long for a phone number');
	const bare = unwrap(visible);
	if (/^(?:null|undefined|nan)?$/i.test(bare)) return refuse('is empty', 'empty');
	if (!/\p{Nd}/u.test(bare)) return refuse('has no digits');

	const number = SCIENTIFIC.test(bare) ? expandScientific(bare) : joinThousands(bare);
	if (number === undefined) {
		return refuse(
			'is in scientific notation that has lost digits: keep the number as text',
			'scientific',
		);
	}
	if (DECIMAL_FRACTION.test(number)) return refuse('has a decimal fraction');

	const local = number.replace(COUNTRY_CODE, '').replace(TRUNK_ZERO, '');
	if (local === '') return refuse('holds a country code alone');
	const parsed = parseLocal(local.replace(ZERO_DECIMALS, '$1'));
	return 'mobile' in parsed ? parsed : refuse(describe(local) ?? parsed.reason);
}

function makeVisible(text: string): string {
	let visible = text.replace(FULL_WIDTH, (character) =>
		String.fromCharCode(character.charCodeAt(0) - FULL_WIDTH_OFFSET),
	);
	for (const [pattern, replacement] of LOOKALIKES) visible = visible.replace(pattern, replacement);
	return visible.trim();
}

function unwrap(text: string): string {
	let bare = text;
	let before;
	do {
		before = bare;
		for (const [pattern, replacement] of WRAPPINGS) {
			bare = bare.replace(pattern, replacement).trim();
		}
	} while (bare !== before);
	return bare;
}

function joinThousands(text: string): string {
	return THOUSANDS.test(text) ? text.replace(/[,']/g, '') : text;
}

/** `1.3800138E10` → `13800138000`; undefined where digits may be lost. */
function expandScientific(text: string): string | undefined {
	const [, first = '', fraction = '', power] = NORMALISED_SCIENTIFIC.exec(text) ?? [];
	const exponent = Number(power);
	// A text that is not normalised has no exponent: the comparison with NaN refuses it.
	if (!(exponent - fraction.length <= MOST_OMITTED_ZEROS)) return undefined;
	const whole = first + fraction.slice(0, exponent).padEnd(exponent, '0');
	return fraction.length > exponent ? `${whole}.${fraction.slice(exponent)}` : whole;
}

/** Reads the number behind the prefix: its digits first, then how they are grouped. */
function parseLocal(local: string): ParsedNumber {
	if (COUNTRY_CODE_TWICE.test(local)) return refuse('has the country code twice');
	const [, first, rest] = GROUPS.exec(local) ?? [];
	if (rest === undefined) return refuse('is not written as a phone number');
	const groups = [...(first === undefined ? [] : [first]), ...rest.split(/[ .-]+/)];
	const separators = new Set(rest.match(/\D+/g)?.map((separator) => separator.trim() || ' '));
	const digits = groups.join('');

	if (/^0\d{8}/.test(digits)) return refuse('begins with 0, as landlines do');
	if (digits.length !== 11) return refuse(countReason(digits.length));
	if (!MOBILE.test(digits)) {
		return refuse('does not begin with 13 to 19, as Chinese mobile numbers do');
	}
	const reason = reasonAgainstGroups(groups, separators);
	return reason === undefined ? { mobile: digits } : refuse(reason);
}

function reasonAgainstGroups(groups: string[], separators: Set<string>): string | undefined {
	const [separator] = separators;
	if (separators.size > 1) return 'has more than one kind of separator between its digits';
	if (separator === '.' && groups.length === 2) return 'has a decimal fraction';
	const dashed = groups.join('-');
	if (YEAR_FIRST.test(dashed) || YEAR_LAST.test(dashed)) return 'looks like a date';
	if (isIpAddress(groups, separator)) return 'looks like an IP address';
	const grouping = groups.map((group) => group.length).join('-');
	// 1800-555-0199: the 1 of North America, an area code and an exchange that begin with 2 to 9.
	if (grouping === '4-3-4' && /^[2-9]/.test(groups[1] ?? '')) {
		return 'is written as a number of North America';
	}
	return GROUPINGS.has(grouping) ? undefined : 'is not grouped as Chinese mobile numbers are';
}

/** Four short groups are an address between dots, or where none begins with 0 as the second of 138-00-138-000 does. */
function isIpAddress(groups: string[], separator?: string): boolean {
	return (
		groups.length === 4 &&
		groups.every((group) => group.length <= 3) &&
		(separator === '.' || groups.every((group) => Number(group) <= 255 && !/^0\d/.test(group)))
	);
}

/** What a refused text looks like, if that can be told. */
function describe(text: string): string | undefined {
	const count = text.match(EMBEDDED_MOBILES)?.length ?? 0;
	if (count > 1) return `holds ${count} mobile numbers`;
	return LOOKS.find(([pattern]) => pattern.test(text))?.[1];
}

function countReason(count: number): string {
	if (count > 99) return 'has far more than 11 digits';
	return `has ${count} ${count === 1 ? 'digit' : 'digits'} instead of 11`;
}

function refuse(
	reason: string,
	kind: RefusalKind = 'other',
): { reason: string; kind: RefusalKind } {
	return { reason, kind };
}
