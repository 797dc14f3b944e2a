/** What stands in the place of a text of the service that repeats a secret. */
export const LEFT_OUT = '(left out: it repeats a secret)';

/** So many characters of a secret in a row are not shown. */
const RUN_LENGTH = 12;
/** A run with fewer letters and digits than this cannot be told from other text. */
const MIN_RUN_LENGTH = 8;
/** Each MIN_RUN_LENGTH characters of a text hold a block. Where no block is one of a secret, no run is. */
const BLOCK_LENGTH = 6;
const BLOCK_DISTANCE = MIN_RUN_LENGTH - BLOCK_LENGTH + 1;
/** A shorter secret than this is none: every text that happens to hold it would be left out. */
const MIN_SECRET_LENGTH = 4;
/** How often encoded characters may be encoded again. Text that goes deeper is taken to hide a secret. */
const MAX_ROUNDS = 4;
/** How many layers of base64 and hexadecimal digits are taken off. */
const MAX_LAYERS = 2;

/** A number that is masked, and its masked form. */
export interface Mask {
	mobile: string;
	masked: string;
}

/**
 * Creates the function that keeps secrets, and a number that is to be masked, out of a text.
 *
 * A text gives LEFT_OUT where it holds RUN_LENGTH characters of a secret in a row, or a whole secret that is shorter. Only
 * letters and digits are compared, whatever stands between them, in any case and width, and however they are encoded. The
 * number is masked in its place; a text that still holds it, because it is encoded, gives LEFT_OUT, too.
 */
export function createRedactor(secrets: string[], mask?: Mask): (text: string) => string {
	const repeatsSecret = createSearch(secrets, MAX_LAYERS);
	if (mask === undefined) return (text) => (repeatsSecret(text) ? LEFT_OUT : text);
	const repeatsNumber = createSearch([mask.mobile], 0);
	return (text) => {
		if (repeatsSecret(text)) return LEFT_OUT;
		const masked = maskIn(text, mask);
		return repeatsNumber(masked) ? LEFT_OUT : masked;
	};
}

/** Creates the function that tells whether a text repeats a secret. Most texts are too short for one. */
function createSearch(secrets: string[], layers: number): (text: string) => boolean {
	let needles: Needles | undefined;
	return (text) => {
		if (text.length < MIN_SECRET_LENGTH) return false;
		needles ??= toNeedles(secrets);
		let reading = text;
		for (let round = 0; round < MAX_ROUNDS; round++) {
			if (holdsNeedle(reading, needles, layers)) return true;
			const decoded = decodeCharacters(reading);
			if (decoded === reading) return false;
			reading = decoded;
		}
		return true;
	};
}

/** What is looked for, in small letters. */
interface Needles {
	/** Secrets of RUN_LENGTH letters and digits and more, in each form whose runs count. */
	long: string[];
	/** Letters and digits of the long ones, separated by spaces. */
	plain: string;
	/** Letters and digits of shorter ones. */
	short: string[];
	/** Secrets with hardly any letters and digits, as they are. */
	odd: string[];
}

function toNeedles(secrets: string[]): Needles {
	const needles: Needles = { long: [], plain: '', short: [], odd: [] };
	for (const secret of secrets) {
		const plain = lettersAndDigits(secret).toLowerCase();
		if (plain.length >= RUN_LENGTH) {
			// A ciphertext is base64. Its bytes may be repeated in hexadecimal digits.
			const bytes = Buffer.from(secret, 'base64').toString('hex');
			needles.long.push(secret.toLowerCase(), plain, bytes);
			needles.plain += `${plain} ${bytes} `;
		} else if (plain.length >= MIN_SECRET_LENGTH) needles.short.push(plain);
		else if (secret.length >= MIN_SECRET_LENGTH) needles.odd.push(secret.toLowerCase());
	}
	return needles;
}

function holdsNeedle(text: string, needles: Needles, layers: number): boolean {
	if (needles.odd.some((secret) => text.toLowerCase().includes(secret))) return true;
	const characters = lettersAndDigits(text);
	const plain = characters.toLowerCase();
	if (needles.short.some((secret) => plain.includes(secret))) return true;
	if (holdsRun(plain, needles)) return true;
	if (layers === 0 || !(needles.short.length > 0 || PACKED.test(characters))) return false;
	return unpack(characters)
		.flatMap((unpacked) => [unpacked, decodeCharacters(unpacked)])
		.some((unpacked) => holdsNeedle(unpacked, needles, layers - 1));
}

function holdsRun(text: string, { long, plain }: Needles): boolean {
	for (let at = 0; at + BLOCK_LENGTH <= text.length; at += BLOCK_DISTANCE) {
		if (!plain.includes(text.slice(at, at + BLOCK_LENGTH))) continue;
		const around = text.slice(Math.max(0, at - RUN_LENGTH), at + RUN_LENGTH);
		if (long.some((secret) => sharesRun(around, secret))) return true;
	}
	return false;
}

function sharesRun(text: string, secret: string): boolean {
	for (let start = 0; start + RUN_LENGTH <= secret.length; start++) {
		const run = lettersAndDigits(secret.slice(start, start + RUN_LENGTH));
		if (run.length >= MIN_RUN_LENGTH && text.includes(run)) return true;
	}
	return false;
}

/** Without accents, and with characters of other widths as those of ASCII. */
function lettersAndDigits(text: string): string {
	return text.normalize('NFKD').replace(/[^A-Za-z0-9]/g, '');
}

/**
 * RUN_LENGTH characters of ASCII in base64 or in hexadecimal digits. An order number, which most replies have, is neither:
 * to unpack it would take longer than all else.
 */
const PACKED = /(?:[A-Za-f][A-Za-z0-9]{3}){3}|(?:[2-7][0-9A-Fa-f](?:00)?){12}/;

/** What base64 and hexadecimal digits stand for, from wherever their first byte begins. */
function unpack(characters: string): string[] {
	const digits = characters.match(/[0-9A-Fa-f]{2,}/g) ?? [];
	const read = (run: string, start: number, encoding: 'base64' | 'hex') =>
		Buffer.from(run.slice(start), encoding).toString();
	return [
		...[0, 1, 2, 3].map((start) => read(characters, start, 'base64')),
		...[0, 1].map((start) => digits.map((run) => read(run, start, 'hex')).join(' ')),
	];
}

/** How URLs, JSON, programs and HTML write a character, and what they write between characters. */
const ENCODED_CHARACTERS: ReadonlyArray<
	readonly [pattern: RegExp, decode: (match: string, code: string) => string]
> = [
	[/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString()],
	[/\\{2,}/g, () => '\\'],
	[/[%\\]u([0-9a-f]{4})/gi, (_, code) => fromCode(parseInt(code, 16))],
	[/[\\0]x([0-9a-f]{2})/gi, (_, code) => fromCode(parseInt(code, 16))],
	[/\\([0-7]{2,3})/g, (_, code) => fromCode(parseInt(code, 8))],
	[/(?:&#x|\\u\{)0*([0-9a-f]{1,6})/gi, (_, code) => fromCode(parseInt(code, 16))],
	[/U\+([0-9a-f]{4,6})/gi, (_, code) => fromCode(parseInt(code, 16))],
	[
		/(?<!\d)(?:\d{2,3}[^\p{L}\p{N}]+){3,}\d{2,3}(?!\d)/gu,
		(codes) => (codes.match(/\d+/g) ?? []).map((code) => fromCode(Number(code))).join(''),
	],
	[/&#0*([0-9]{1,7})/g, (_, code) => fromCode(Number(code))],
	[/&amp;/gi, () => '&'],
	[/&lt;/gi, () => '<'],
	[/&gt;/gi, () => '>'],
	[/&[a-z]+[0-9]*;|\\[0abfnrtv]|<[^<>]*>/gi, () => ''],
];

function decodeCharacters(text: string): string {
	if (!/[%&\\<]|0x|u\+|\d\d[^\p{L}\p{N}]+\d\d/iu.test(text)) return text;
	return ENCODED_CHARACTERS.reduce(
		(decoded, [pattern, decode]) => decoded.replace(pattern, decode),
		text,
	);
}

function fromCode(code: number): string {
	return code > 0x10_ff_ff ? '' : String.fromCodePoint(code);
}

function maskIn(text: string, { mobile, masked }: Mask): string {
	// A pattern is compiled only for a text that may hold the number: that takes longer than all other work on a row.
	if (!lettersAndDigits(text).replace(/\D/g, '').includes(mobile)) return text;
	const digits = Array.from(mobile, (digit) => `[${digit}${fromCode(0xff10 + Number(digit))}]`);
	return text.replace(new RegExp(digits.join('[^\\p{L}\\p{N}]*'), 'gu'), masked);
}

/** `13800138000` → `138****8000`. */
export function maskMobile(mobile: string): string {
	return `${mobile.slice(0, 3)}****${mobile.slice(7)}`;
}
