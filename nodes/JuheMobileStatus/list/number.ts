/** A cell that holds a mobile number, or the words for why it does not (never the cell itself). */
export type ParsedNumber = { mobile: string } | { reason: string };

/** What people put between digits: white space, zero-width characters, dashes, dots, brackets of every script. */
const SEPARATORS = /[\s\p{Cf}\p{Pd}\u2212.·・\p{Ps}\p{Pe}]/gu;
const FULL_WIDTH = /[\uff01-\uff5e]/g;
const FULL_WIDTH_OFFSET = 0xfee0;
const COUNTRY_CODE = /^(?:\+86|0086|86)/;
const MOBILE = /^1[3-9]\d{9}$/;

/**
 * Reads a cell as a Chinese mobile number of 11 digits (the `mobile` of API document sections 1 to 3).
 *
 * Separators, full-width forms and one leading +86, 0086 or 86 are taken off. Never throws.
 */
export function parseMobile(cell: unknown): ParsedNumber {
	if (cell === undefined || cell === null) return { reason: 'is empty' };
	if (typeof cell === 'bigint') return parseMobile(Number(cell));
	// A dot or a minus sign in a number cell is part of its value, in a text cell it only separates digits.
	if (typeof cell === 'number' && !(Number.isSafeInteger(cell) && cell >= 0)) {
		return { reason: 'is not a whole number' };
	}
	if (typeof cell !== 'string' && typeof cell !== 'number') {
		return {
			reason: `is ${Array.isArray(cell) ? 'a list' : `of type ${typeof cell}`}, not a number`,
		};
	}

	const digits = String(cell)
		.replace(FULL_WIDTH, (character) =>
			String.fromCharCode(character.charCodeAt(0) - FULL_WIDTH_OFFSET),
		)
		.replace(SEPARATORS, '')
		.replace(COUNTRY_CODE, '');
	return MOBILE.test(digits) ? { mobile: digits } : { reason: reasonAgainst(digits) };
}

function reasonAgainst(text: string): string {
	if (text === '') return 'is empty';
	if (text.startsWith('+')) return 'has a country code other than +86';
	// Excel shows long numbers so, and saves them so to CSV: the last digits are gone.
	if (/^\d+e\+?\d+$/i.test(text)) return 'is in scientific notation: format the column as text';
	if (/\D/.test(text)) return 'has characters that are no digits';
	if (text.startsWith('0')) return 'begins with 0, as landlines do';
	if (text.length !== 11) return `has ${text.length} digits instead of 11`;
	return `begins with ${text.slice(0, 2)}: Chinese mobile numbers begin with 13 to 19`;
}
