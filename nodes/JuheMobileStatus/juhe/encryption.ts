import {
	constants,
	createCipheriv,
	createHash,
	createPrivateKey,
	createPublicKey,
	publicEncrypt,
	X509Certificate,
	type KeyObject,
} from 'node:crypto';

/** A public key ready to use, or what the pasted text looks like, as a predicate. It never quotes the text. */
export type ParsedKey = { key: KeyObject } | { reason: string };

const MIN_RSA_BITS = 1024;
/** A key of 16,384 bits has 2,800 characters of base64. A longer text than this is no key and is not parsed. */
const MAX_PASTED_LENGTH = 20_000;
/** Quotation marks of keyboards, typography, Chinese and Japanese, for a character class. */
export const QUOTES = '"\'`´‘-‟‹›«»′″「-』〝-〟＂＇';
/** What cannot be seen, white space aside. */
export const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]|(?!\s)\p{Cc}/gu;
const PEM_LINE = /[-–—]{2,5} ?(BEGIN|END) ([A-Z0-9 ]{1,40}?) ?[-–—]{2,5}/g;
/** How a program's source writes a text, and the characters that this stands for. */
const NOTATIONS: ReadonlyArray<readonly [pattern: RegExp, replacement: string]> = [
	[INVISIBLE, ''],
	// \n and \/ as JSON and Java write them, escaped once or twice, and the backslash at the end of a line that goes on.
	[/\\[rn]/g, '\n'],
	[/\\/g, ''],
	// "MIIB" + "IjAN": the concatenation of strings.
	[new RegExp(`[${QUOTES}]\\s*[+.]\\s*[${QUOTES}]`, 'g'), ''],
	[new RegExp(`[${QUOTES}]`, 'g'), ''],
];
/** Where the base64 of a key of 1024 bits and up, or that of a PEM, begins behind other text. */
const BASE64_START = /(?<![A-Za-z0-9+/])(MI[GHI]|LS0tLS1CRUdJTi)/;
/** The labels of PEM blocks that hold a public key. */
const PUBLIC_KEY_LABELS = new Set(['PUBLIC KEY', 'RSA PUBLIC KEY']);
/** What other PEM blocks are, by a part of the label. The first that fits is said. */
const PEM_KINDS: ReadonlyArray<readonly [part: string, reason: string]> = [
	['ENCRYPTED', 'is an encrypted private key'],
	['RSA PRIVATE', 'is a PKCS#1 private key'],
	['EC PRIVATE', 'is an EC private key'],
	['OPENSSH', 'is an OpenSSH private key'],
	['PRIVATE', 'is a PKCS#8 private key'],
	['REQUEST', 'is a certificate request'],
	['CERTIFICATE', 'is a certificate'],
	['SSH2', 'is an SSH key'],
];
/** What the first bytes of other keys are, in hexadecimal digits. */
const BINARY_KINDS: ReadonlyArray<readonly [start: RegExp, reason: string]> = [
	[/^000000..(7373682d|65636473612d)/, 'is an SSH key'],
	[/^6f70656e7373682d6b6579/, 'is an OpenSSH private key'],
	// A sequence that begins with a sequence of version 0 and a name (PKCS#10), or of a PKCS#5 or PKCS#12 cipher.
	[/^30(82....|81..)30(82....|81..)02010030/, 'is a certificate request'],
	[/^30(82....|81..)30..06(09|0a)2a864886f70d01(05|0c)/, 'is an encrypted private key'],
];

/** The AES key: the first 16 characters of the lower-case MD5 of the OpenID (API document, section 2). */
export function aesKeyOf(openid: string): string {
	return createHash('md5').update(openid).digest('hex').slice(0, 16);
}

/** AES/ECB/PKCS5Padding, then base64 (API document, section 2); the form encodes it for the URL. */
export function encryptAes(mobile: string, aesKey: string): string {
	const cipher = createCipheriv('aes-128-ecb', aesKey, null);
	return Buffer.concat([cipher.update(mobile), cipher.final()]).toString('base64');
}

/** RSA/ECB/OAEPWithSHA-1AndMGF1Padding, then base64 (API document, section 3). */
export function encryptRsa(mobile: string, key: KeyObject): string {
	return publicEncrypt(
		{ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
		Buffer.from(mobile),
	).toString('base64');
}

/**
 * Reads an RSA public key as people paste it: PEM (SPKI or PKCS#1), its base64 or base64url, or base64 of the whole PEM;
 * with any line breaks, quotes, string concatenation, and other text around it. It does not throw.
 */
export function parseRsaPublicKey(pasted: string): ParsedKey {
	if (pasted.length > MAX_PASTED_LENGTH) return { reason: 'is too long for a public key' };
	let text = pasted;
	for (const [pattern, replacement] of NOTATIONS) text = text.replace(pattern, replacement);
	text = text.trim();
	if (text === '') return { reason: 'is empty' };
	if (/^(ssh|ecdsa)-/.test(text)) return { reason: 'is an SSH key' };
	const pemLines = [...text.matchAll(PEM_LINE)];
	for (const [, , label = ''] of pemLines) {
		if (PUBLIC_KEY_LABELS.has(label)) continue;
		const kind = PEM_KINDS.find(([part]) => label.includes(part));
		return { reason: kind?.[1] ?? 'is a PEM block of another kind than a public key' };
	}
	const begins = pemLines.filter(([, word]) => word === 'BEGIN');
	if (begins.length > 1) return { reason: 'contains more than one key' };
	// Text around a PEM block does not count.
	const block = begins.length === 1 ? (text.split(PEM_LINE)[3] ?? '') : text.replace(PEM_LINE, '');

	const start = block.search(BASE64_START);
	const line = block
		.slice(Math.max(start, 0))
		.replace(/\s/g, '')
		.replace(/-/g, '+')
		.replace(/_/g, '/');
	const rest = line.replace(/^[A-Za-z0-9+/]+=*/, '');
	// Behind a key that is found, other text does not count either.
	if (start < 0 && rest !== '') {
		return { reason: 'is not a key: it contains characters that are not base64' };
	}
	const der = Buffer.from(line.slice(0, line.length - rest.length), 'base64');
	return der.toString('latin1').trimStart().startsWith('-----BEGIN ')
		? parseRsaPublicKey(der.toString())
		: parseDer(der);
}

const CUT_OFF = 'ends in the middle of the base64';

function parseDer(der: Buffer): ParsedKey {
	const length = derLength(der);
	if (length > der.length) return { reason: CUT_OFF };
	const start = der.subarray(0, 40).toString('hex');
	const kind = BINARY_KINDS.find(([pattern]) => pattern.test(start));
	if (kind !== undefined) return { reason: kind[1] };
	// First, because createPublicKey would make a public key of a private one.
	const readAs = (type: 'pkcs1' | 'pkcs8' | 'sec1') =>
		attempt(() => createPrivateKey({ key: der, format: 'der', type }));
	if (readAs('pkcs8')) return { reason: 'is a PKCS#8 private key' };
	// Node.js 22 and up read an EC key as PKCS#1, too.
	const privateKey = readAs('pkcs1') ?? readAs('sec1');
	if (privateKey !== undefined) {
		const isEc = privateKey.asymmetricKeyType === 'ec';
		return { reason: isEc ? 'is an EC private key' : 'is a PKCS#1 private key' };
	}
	if (attempt(() => new X509Certificate(der))) return { reason: 'is a certificate' };
	const key =
		attempt(() => createPublicKey({ key: der, format: 'der', type: 'spki' })) ??
		attempt(() => createPublicKey({ key: der, format: 'der', type: 'pkcs1' }));
	if (key === undefined) return { reason: 'is not a public key' };
	// OpenSSL reads the first key and ignores what follows.
	if (length < der.length) return { reason: 'is followed by another key or by other text' };
	if (key.asymmetricKeyType !== 'rsa') {
		return { reason: `is a key for ${key.asymmetricKeyType}, not for RSA` };
	}
	const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
	if (bits < MIN_RSA_BITS) return { reason: `has ${bits} bits, fewer than ${MIN_RSA_BITS}` };
	// A damaged modulus or exponent can be parsed, but not used.
	if (attempt(() => encryptRsa('13800138000', key)) === undefined) {
		return { reason: 'is damaged: nothing can be encrypted with it' };
	}
	return { key };
}

/** How long a DER sequence is by its own header, in bytes; 0 for what is none. */
function derLength(der: Buffer): number {
	const [tag, first = 0] = der;
	if (tag !== 0x30) return 0;
	if (first < 0x80) return 2 + first;
	const size = first & 0x7f;
	return 2 + size + (attempt(() => der.readUIntBE(2, size)) ?? Infinity);
}

/** node:crypto throws for what it cannot read. Its messages may quote the input, so they go no further. */
function attempt<T>(read: () => T): T | undefined {
	try {
		return read();
	} catch {
		return undefined;
	}
}
