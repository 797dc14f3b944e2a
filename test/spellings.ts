/** Numbers of other countries, as people there write them. */
import { getExampleNumber, type CountryCode, type PhoneNumber } from 'libphonenumber-js/max';
import { getCountries, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import examples from 'libphonenumber-js/examples.mobile.json';

/** A cell, and whether its digits stand between separators or behind a plus. */
export interface Spelling {
	country: CountryCode;
	cell: string;
	isMarked: boolean;
}

const COUNTRIES = getCountries().filter((country) => country !== 'CN');
const SEPARATORS = [' ', '-', '.', '/', '\u00a0', ' - ', '–', '_'];
const LABELS = [
	'N',
	'Tel: N',
	'N (mobile)',
	'电话：N',
	'Li Si N',
	'"N"',
	'Mobil: N',
	'<N>',
	'N 张三',
];

/** A number between 0 and 1 at each call, the same for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}

/**
 * Spells random valid numbers of all countries but China.
 *
 * @param seed the same seed gives the same spellings
 */
export function* spellings(count: number, seed: number): Generator<Spelling> {
	const random = randomOf(seed);
	const pick = <Value>(values: readonly Value[]): Value =>
		values[Math.floor(random() * values.length)]!;
	const numbers = new Map<CountryCode, PhoneNumber>(
		COUNTRIES.flatMap((country) => {
			const example = getExampleNumber(country, examples);
			return example ? [[country, example]] : [];
		}),
	);
	const digit = (): number => Math.floor(random() * 10);
	/**
	 * Changes, adds and drops digits of the country's example or last number, until it is valid again.
	 * Half of the tries begin as Chinese mobile numbers do.
	 */
	const next = (country: CountryCode, last: PhoneNumber): PhoneNumber => {
		const { nationalNumber } = random() < 0.3 ? getExampleNumber(country, examples)! : last;
		for (let tries = 0; tries < 40; tries++) {
			const changed = nationalNumber.replace(/\d/g, (old) =>
				random() < 0.4 ? String(digit()) : old,
			);
			const start = tries % 2 === 0 ? `1${3 + (digit() % 7)}` : '';
			const begun = `${start}${changed.slice(start.length)}`;
			const digits = pick([begun, begun.slice(0, -1), `${begun}${digit()}`]);
			const number = parsePhoneNumberFromString(`+${last.countryCallingCode}${digits}`);
			if (number?.country === country && number.isValid()) return number;
		}
		return last;
	};
	for (let spelled = 0; ;) {
		for (const [country, last] of numbers) {
			const number = next(country, last);
			numbers.set(country, number);
			for (const written of waysToWrite(number)) {
				const cell = pick(LABELS).replace('N', regroup(written, pick(SEPARATORS), random() < 0.5));
				if (spelled++ === count) return;
				yield { country, cell, isMarked: /\+|\d[^\d]+\d/.test(written) };
			}
		}
	}
}

/** With +, 00, 011 or nothing before the country code; national, in pairs, unbroken; RFC 3966. */
function waysToWrite(number: PhoneNumber): string[] {
	const international = number.formatInternational();
	const national = number.formatNational();
	const bare = international.slice(1);
	return [
		...[international, number.format('E.164'), number.getURI(), national],
		...[`00${bare}`, `00 ${bare}`, `011 ${bare}`, bare, `(+${bare.replace(' ', ') ')}`],
		...[`+${number.countryCallingCode} (0)${bare.slice(number.countryCallingCode.length + 1)}`],
		...[national.replace(/\D/g, ''), national.replace(/\D/g, '').replace(/\B(?=(?:\d\d)+$)/g, ' ')],
	];
}

/** Another separator between the groups; brackets go or stay. */
function regroup(written: string, separator: string, keepsBrackets: boolean): string {
	const spaced = keepsBrackets ? written : written.replace(/[()]/g, '');
	return spaced.replace(/(?<=[\d)])[ -](?=[\d(])/g, separator);
}
