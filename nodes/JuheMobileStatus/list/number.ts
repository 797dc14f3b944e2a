/**
 * Reads a cell as a Chinese mobile number, where a person would read it as exactly one.
 *
 * The digits decide, and the words around them only object:
 *
 * 1. What cannot be seen goes, and what is written in several ways becomes one.
 * 2. NUMBER finds the mobile numbers, grouped as people group them. All must be the same.
 * 3. Beside it stand no digits but those of a label (`手机1：`) or a remark (`（9:00-18:00）`).
 * 4. Nothing else beside it objects: `objections.ts`.
 *
 * A cell that can be read in two ways is refused, because a query for a wrong number is billed.
 */

import { lookOf, MARK, objectionTo, OTHER_COUNTRY } from './objections';
import type { Look, Refusal, RefusalKind } from './objections';

export type { RefusalKind };

/** The number of 11 digits in a cell, or why there is none. */
export type ParsedNumber = { mobile: string } | Refusal;

const MOBILE = /^1[3-9]\d{9}$/;

/** Longer text, blanks around it aside, is refused before any pattern sees it. */
const LONGEST_TEXT = 500;
const LONGEST_JSON = 10_000;

/** Of these fields, the first that an object has is named in the refusal. */
const USUAL_FIELDS = 'value text number phone mobile phoneNumber phone_number tel'.split(' ');

/** Of HTML, spreadsheets and URLs. */
const ESCAPES = /&#(\d{1,6});?|&#x([\da-f]{1,5});?|_x([\da-f]{4})_|%(2b|20)/gi;

/** What is written in several ways becomes one; what cannot be seen goes. The order matters. */
const SAME: Array<[pattern: RegExp, replacement: string]> = [
	// U+202E stays, because it makes a person read the digits backwards. White space is handled below.
	[/(?![\t-\r\u0085\u202e])[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, ''],
	[/&(?:yen|euro|pound|cent);/gi, '¥'],
	[/&[a-z]+;|\\[nrt]/gi, ' '],
	[/(?<![a-z])(?:md5|sha-?\d{1,3}|base64)(?!\d)/gi, 'hash'],
	[/(?<![a-z])ipv[46](?!\d)/gi, 'IP'],
	// A tag stays as a label: <fax>, <orderNo>. A number in a tag stays, too.
	[/<[a-z][^<>]*?\b(tel:[^"'<>\s]*)[^<>]*>/gi, ' $1 '],
	[/<(?![^<>]*\d{11})([a-z]{2,})[_.:-]?[a-z]*\d{0,2}(?:\s*\/?|\s[^<>=]*=[^<>]*)>/gi, ' $1: '],
	[/<(?![^<>]*\d{11})\/?[a-z]+[_.:-]?[a-z]*\d{0,2}(?:\s*\/?|\s[^<>=]*=[^<>]*)>/gi, ' '],
	[/[\n-\r\u0085\u2028\u2029]+/g, '\n'],
	[/(?:[^\S\n]|\u2800)+/g, ' '],
	[/[\p{Pd}\u2212\u2500\u30fc]+/gu, '-'],
	[/[·・‧∙]/g, '.'],
	[/[[【〔「『《〈<{]/g, '('],
	[/[\]】〕」』》〉>}]/g, ')'],
	[/[‘’‛`´]/g, "'"],
	[/\((1[3-9]\d)\) ?(?=\d{8}(?!\d)|\d{3}([ .-])\d)/g, '$1$2'],
	[/\(( ?\+? ?\d{1,5}) ?\)/g, ' $1 '],
	[/;phone-context=\+86(?!\d)|(?<=uri:)tel:/gi, ''],
	[/(?<!\d)(?:https?:\/\/)?(?:wa\.me\/|api\.whatsapp\.com\/send\/?\?phone=)(?=\+?\d)/gi, ''],
	[/ +/g, ' '],
];
const FULL_WIDTH = /[\uff01-\uff5e]/g;

const THOUSANDS = /(?<![\d.,'])\d{1,2}([ .,'])\d{3}(?:\1\d{3}){2,3}(?!\1?\d)/g;
const SCIENTIFIC = /^((?:[^\d:=]*[:=])?[^\p{L}\d-]*)(\d+(?:[.,]\d+)? ?e ?[+-]?\d+)[^\p{L}\d]*$/iu;
const MANTISSA_AND_EXPONENT = /^(\d+)(?:[.,](\d+))? ?e ?\+?(\d+)$/i;
/** Common formats that round keep 7 digits at most: at least 4 of 11 are missing then. Codes such as 138E8 omit more. */
const MOST_OMITTED_ZEROS = 3;

const GAP = '(?: ?(?:-{1,3}|[./_]) ?| )';
const UNBROKEN = '\\d{11}(?:\\.0+|,00?)?(?:@(?:s\\.whatsapp\\.net|c\\.us))?(?!\\d)';
const USUAL_GROUPS = `\\d{3}${GAP}\\d{4}${GAP}\\d{4}(?!\\d)`;
/** One separator all through. 3-8 without 86 may be German; 4 digits of a year are no group. */
const OTHER_GROUPS = [
	'(?<=86\\D{0,3})\\d{3}(?: ?- ?| )\\d{8}',
	'\\d{3}(?<a> ?- ?|[ .])\\d{3}\\k<a>\\d{5}',
	'\\d{3}(?<b> ?- ?|[ .])\\d{3}\\k<b>\\d{3}\\k<b>\\d{2}',
	'(?!19)\\d{4}(?<c> ?- ?|[ .])\\d{4}\\k<c>\\d{3}',
	'\\d{5}(?: ?- ?| )\\d{6}',
	'\\d(?<d>[\u20e3 ./-])(?:\\d\\k<d>){9}\\d',
	'\\d{3}(?<e> ?[|~:,、•+] ?|\\n)\\d{4}\\k<e>\\d{4}',
].join('|');
/** 86.13800138000 is a decimal number. */
const COUNTRY_CODE = '(?!86\\.\\d{5})\\+? ?(?:00 ?|011[ -]?|0)?86 ?\\)? ?[-._:/,、]? ?\\n?';
/** Without 86, a trunk 0 before any other grouping belongs to a German mobile number. */
const TRUNK_ZERO = `0[ -]?(?=${UNBROKEN}|${USUAL_GROUPS})`;
const NUMBER = new RegExp(
	`(?<!\\d|\\+ ?)(${COUNTRY_CODE}(?:0[ -]?)?|${TRUNK_ZERO})?` +
		`(?=1[\u20e3 ./-]?[3-9])(${UNBROKEN}|${USUAL_GROUPS}|(?:${OTHER_GROUPS})(?!\\d))`,
	'g',
);

const CODE_APART = /(?<![\d+])(?:\+ ?(?:00)?|00|[:=] ?)86(?=\D*\0)/;
/** The digit of a label stands beside a letter, and a colon behind it. */
const NUMBERED_LABEL = /(?<=(?![转轉x])\p{L}[ _=.#-]{0,2})\d{1,2}(?= ?[:=])/giu;
const NUMBERED_PHONE = /(?<=[机機话話码碼]|phone|mobile|tel)\d(?=[ /-]\0)/gi;
const LABEL_DIGITS = /(?<=\p{L}[ _=.#-]{0,2})\d{1,2}(?!\d)|(?<!\d)\d{1,2}(?=\p{L})/gu;
const LABEL = /[:=] ?["'(]*\+?$/;
const HOURS_OR_DATE = /^\d{1,2}:\d\d(?: ?[-~至] ?\d{1,2}:\d\d)?$|^\d{4}([-/.])\d{1,2}\1\d{1,2}$/;
const PHONE_IN_REMARK = /\d{5}|(?:\d\D*){9}|(?:[转轉#x]|ext) ?\d/i;

/** What a text looks like in which no mobile number is found. */
const LOOKS: Look[] = [
	[
		/\ufffd|锟斤拷|[¡-ÖØ-öø-ÿ]{4}|[ä-é][\x80-\u2122]{2}/,
		'is garbled: its encoding was misread',
		'garbled',
	],
	[/^\P{Nd}*$/u, 'has no digits from 0 to 9'],
	[/\p{Nd}(?<!\d)/u, 'is written in the digits of another script'],
	[/@/, 'looks like an email address'],
	[/[a-z]:\/\//i, 'looks like a web address'],
	[/\p{Sc}|元|\b(?:rmb|cny|usd)\b/iu, 'looks like an amount of money'],
	[/\b(?:19|20)\d\d(?:[-/.年 ]\d\d?[-/.月 ]\d\d?|[ -]?[01]\d[0-3]\d)(?!\d)/, 'looks like a date'],
	[/(?<!\d)\d{1,2}[-/. ]\d{1,2}[-/. ](?:19|20)\d\d(?!\d)/, 'looks like a date'],
	[/(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])/, 'looks like an IP address'],
	[/\d\.\d+°?[,; ]+[+-]?\d{1,3}\.\d|\d°/, 'looks like coordinates'],
	[/\d[ -]?[*×•●○…x_#?]{2}|[*×•●○…x_#]{2} ?-?\d|\d[*●…]|[*●…]\d|\dx\d|\.{3}\d/i, 'is masked'],
	[/(?:\+|^\D*00) ?(?!86)[1-9](?:\D*\d){6}/, ...OTHER_COUNTRY],
	[/\b1[ .(-]+[2-9]\d\d[ .)-]*\d{3}[ .-]*\d{4}\b/, 'is written as numbers of North America are'],
	[/^-\d/, 'has a minus sign in front'],
	[/^\D*\d*\.(?!0+\D*$)\d+\D*$/, 'has a decimal fraction'],
	[/^\D*\+?0{0,2}86\D*$/, 'holds a country code alone'],
];

/**
 * Reads a cell as a Chinese mobile number: the `mobile` of API document sections 1 to 3.
 *
 * @param cell text, a number, a bigint, or a list of one; any other value is refused
 */
export function parseMobile(cell: unknown): ParsedNumber {
	return parseValue(cell, '$json.phone');
}

/** @param path of the cell in an expression, for examples */
function parseValue(cell: unknown, path: string): ParsedNumber {
	if (typeof cell === 'string') {
		return cell.length === 11 && MOBILE.test(cell) ? { mobile: cell } : parseText(cell, path);
	}
	if (cell === undefined || cell === null) return refuse('is empty', 'empty');
	if (typeof cell === 'boolean') return refuse('is true or false, not a number');
	if (cell instanceof Date) return refuse('is a date, not a number');
	if (Array.isArray(cell)) return parseList(cell, path);
	if (typeof cell === 'object') return refuseObject(cell, path);
	if (typeof cell !== 'number' && typeof cell !== 'bigint') {
		return refuse(`is a ${typeof cell}, not text or a number`);
	}
	if (Number.isSafeInteger(Number(cell))) return parseValue(String(cell), path);
	return refuse(Number(cell) % 1 ? 'has a decimal fraction' : 'is not a number of 11 digits');
}

function parseList(list: unknown[], path: string): ParsedNumber {
	if (list.length === 0) return refuse('is an empty list', 'empty');
	const first = `${path}[0]`;
	// A list may hold itself.
	if (list.length === 1 && path.length < 20) return parseValue(list[0], first);
	const example = `read one element, for example {{ ${first} }}`;
	return refuse(`is a list of ${list.length}: ${example}`, 'list');
}

function refuseObject(cell: object, path: string): ParsedNumber {
	const field = USUAL_FIELDS.find((name) =>
		['string', 'number'].includes(typeof (cell as Record<string, unknown>)[name]),
	);
	const example = field === undefined ? '' : `, for example {{ ${path}.${field} }}`;
	return refuse(`is an object: read one of its fields${example}`, 'object');
}

function parseText(cell: string, path: string): ParsedNumber {
	const trimmed = cell.trim();
	const structure = trimmed.length > LONGEST_JSON ? undefined : parseJson(trimmed);
	if (structure !== undefined) return parseValue(structure, path);
	if (trimmed.length > LONGEST_TEXT) return refuse('is too long for a phone number');
	if (/^\{[^{].*[\w"'] ?:.*\}$/s.test(trimmed)) return refuseObject({}, path);
	if (/\{\{|\}\}|^=? ?\$(?:[a-z]|\(['"])/i.test(trimmed)) {
		return refuse('holds an expression that is not evaluated', 'expression');
	}
	if (/^(?:null|undefined|nan|none)?$/i.test(trimmed.replace(/[\s='"\p{Cf}]/gu, ''))) {
		return refuse('is empty', 'empty');
	}
	const text = normalise(trimmed);
	const [, label = '', scientific] = SCIENTIFIC.exec(text) ?? [];
	if (scientific === undefined) return parseNumber(text);
	const expanded = expandScientific(scientific);
	return expanded === undefined
		? refuse(
				'is in scientific notation that has lost digits: keep the number as text',
				'scientific',
			)
		: parseNumber(label + expanded);
}

/** The list or the object that a text holds in JSON. */
function parseJson(text: string): unknown {
	if (!text.startsWith('[') && !text.startsWith('{')) return undefined;
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

function normalise(text: string): string {
	let same = text
		.replace(ESCAPES, (_, decimal?: string, ...hex: Array<string | undefined>) =>
			String.fromCodePoint(
				decimal === undefined ? parseInt(hex.find(Boolean) ?? '', 16) : Number(decimal),
			),
		)
		.replace(FULL_WIDTH, (character) => String.fromCharCode(character.charCodeAt(0) - 0xfee0));
	for (const [pattern, replacement] of SAME) same = same.replace(pattern, replacement);
	return same
		.trim()
		.replace(THOUSANDS, (number, separator) =>
			separator === '.' && isIpAddress(number) ? number : number.replace(/\D/g, ''),
		);
}

/** `1.3800138E10` → `13800138000`; undefined where digits may be lost. */
function expandScientific(text: string): string | undefined {
	const [, first = '', fraction = '', power] = MANTISSA_AND_EXPONENT.exec(text) ?? [];
	const exponent = Number(power);
	const omitted = exponent - fraction.length;
	// Without an exponent the comparison with NaN refuses the text.
	if (!(omitted <= (first.length === 1 ? MOST_OMITTED_ZEROS : 0))) return undefined;
	const whole = (first + fraction.slice(0, exponent).padEnd(exponent, '0')).replace(/^0+/, '');
	return fraction.length > exponent ? `${whole}.${fraction.slice(exponent)}` : whole;
}

function parseNumber(text: string): ParsedNumber {
	const found = [...text.matchAll(NUMBER)];
	const mobiles = found.map(([, , digits = '']) => digits.replace(/\D/g, '').slice(0, 11));
	const [mobile] = mobiles;
	if (mobile === undefined) return lookOf(text, LOOKS) ?? refuse(describeDigits(text));
	const different = new Set(mobiles).size;
	if (different > 1) return refuse(`holds ${different} mobile numbers`);
	if (found.some(([, , digits = '']) => isIpAddress(digits)))
		return refuse('looks like an IP address');

	const beside = text.replace(NUMBER, (_, prefix: string | undefined) =>
		prefix?.startsWith('+') ? `+${MARK}` : MARK,
	);
	const hasCode = found.some(([, prefix = '']) => prefix.includes('86'));
	const rest = withoutHarmlessDigits(hasCode ? beside : beside.replace(CODE_APART, ''));
	return objectionTo(rest) ?? { mobile };
}

/** Takes out the digits of labels, and those of remarks behind the number. */
function withoutHarmlessDigits(beside: string): string {
	const behind = (part: string) =>
		part.replace(/\(([^()]*)\)/g, (whole, remark: string) => {
			const isRemark = /\p{L}/u.test(remark) || HOURS_OR_DATE.test(remark);
			return isRemark && !PHONE_IN_REMARK.test(remark) ? whole.replace(/\d/g, '') : whole;
		});
	const parts = beside.replace(NUMBERED_LABEL, '').replace(NUMBERED_PHONE, '').split(MARK);
	return parts
		.map((part, index) => (index === 0 ? part : behind(part)))
		.map((part, index) =>
			index < parts.length - 1 && LABEL.test(part) ? part.replace(LABEL_DIGITS, '') : part,
		)
		.join(MARK);
}

/** Four short groups, none of which begins with 0 as the third of 138 114 038 00 does. */
function isIpAddress(number: string): boolean {
	const groups = number.split(/\D+/);
	return (
		groups.length === 4 && groups.every((group) => Number(group) <= 255 && !/^0\d/.test(group))
	);
}

/** Why the digits of a text are no mobile number. */
function describeDigits(text: string): string {
	const digits = text
		.replace(/^(\D*\d+)\.0+(?=\D*$)/, '$1')
		.replace(/^\D*(?:\+ ?0{0,2}|00 ?)86|^\D*86(?=\D*1(?:\D*\d){9})/, '')
		.replace(/\D/g, '');
	if (/^0\d{8}/.test(digits)) return 'begins with 0, as landlines do';
	if (digits.length > 99) return 'has far more than 11 digits';
	if (digits.length !== 11) {
		return `has ${digits.length} ${digits.length === 1 ? 'digit' : 'digits'} instead of 11`;
	}
	if (!MOBILE.test(digits)) return 'does not begin with 13 to 19, as Chinese mobile numbers do';
	return /\d\D*\p{L}\D*\d/u.test(text)
		? 'has letters between its digits'
		: 'is not grouped as Chinese mobile numbers are';
}

function refuse(reason: string, kind: RefusalKind = 'other'): Refusal {
	return { reason, kind };
}
