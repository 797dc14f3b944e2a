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
const PEM_LINE = /-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----/g;
const QUOTE = '["\'`“”‘’]';
/** What people paste around a key, in the order in which it comes off. */
const WRAPPINGS: ReadonlyArray<readonly [pattern: RegExp, replacement: string]> = [
	[/\p{Cf}/gu, ''],
	// Line breaks and slashes as JSON and Java write them, escaped once or twice.
	[/\\+[rn]/g, '\n'],
	[/\\+\//g, '/'],
	// "MIIB" + "IjAN": the concatenation of strings.
	[new RegExp(`${QUOTE}\\s*\\+\\s*${QUOTE}`, 'g'), ''],
	[new RegExp(QUOTE, 'g'), ''],
	// publicKey = …, RSA公钥：…
	[/^\s*[\p{L}\p{N}_ .()（）-]{1,60}\s*[=:：](?=[\s\S]{40})/u, ''],
	[/[,;\s]+$/, ''],
];
/** What each kind of PEM block is, by its label. */
const PEM_KINDS: ReadonlyArray<readonly [label: RegExp, reason: string]> = [
	[/^ENCRYPTED PRIVATE KEY$/, 'is an encrypted private key'],
	[/^RSA PRIVATE KEY$/, 'is a PKCS#1 private key'],
	[/^EC PRIVATE KEY$/, 'is an EC private key'],
	[/^OPENSSH PRIVATE KEY$/, 'is an OpenSSH private key'],
	[/PRIVATE KEY$/, 'is a PKCS#8 private key'],
	[/CERTIFICATE REQUEST$/, 'is a certificate request'],
	[/CERTIFICATE$/, 'is a certificate'],
	[/^(?!(RSA )?PUBLIC KEY$)/, 'is a PEM block of another kind than a public key'],
];

/** The AES key: the first 16 characters of the lower-case MD5 of the OpenID (API document, section 2). */
export function aesKeyOf(openid: string): string {
	return createHash('md5').update(openid, 'utf8').digest('hex').slice(0, 16);
}

/** AES/ECB/PKCS5Padding, then base64 (API document, section 2); the form encodes it for the URL. */
export function encryptAes(mobile: string, aesKey: string): string {
	const cipher = createCipheriv('aes-128-ecb', aesKey, null);
	return cipher.update(mobile, 'utf8', 'base64') + cipher.final('base64');
}

/** RSA/ECB/OAEPWithSHA-1AndMGF1Padding, then base64 (API document, section 3). */
export function encryptRsa(mobile: string, key: KeyObject): string {
	return publicEncrypt(
		{ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
		Buffer.from(mobile, 'utf8'),
	).toString('base64');
}

/**
 * Reads an RSA public key as people paste it: PEM (SPKI or PKCS#1), its base64 or base64url, or base64 of the whole PEM;
 * with any line breaks, quotes, string concatenation, a label in front, a comma behind. It does not throw.
 */
export function parseRsaPublicKey(pasted: string): ParsedKey {
	if (pasted.length > MAX_PASTED_LENGTH) return { reason: 'is too long for a public key' };
	let text = pasted;
	for (const [pattern, replacement] of WRAPPINGS) text = text.replace(pattern, replacement);
	text = text.trim();
	if (text === '') return { reason: 'is empty' };
	if (/^(ssh|ecdsa)-/.test(text)) return { reason: 'is an SSH key' };
	for (const [, , label = ''] of text.matchAll(PEM_LINE)) {
		const kind = PEM_KINDS.find(([pattern]) => pattern.test(label));
		if (kind !== undefined) return { reason: kind[1] };
	}

	const base64 = text
		.replace(PEM_LINE, '')
		.replace(/\s/g, '')
		.replace(/-/g, '+')
		.replace(/_/g, '/');
	if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
		return { reason: 'is not a key: it contains characters that are not base64' };
	}
	if (base64.replace(/=/g, '').length % 4 === 1) return { reason: CUT_OFF };
	const der = Buffer.from(base64, 'base64');
	return der.subarray(0, 11).toString() === '-----BEGIN '
		? parseRsaPublicKey(der.toString())
		: parseDer(der);
}

const CUT_OFF = 'ends in the middle of the base64';

function parseDer(der: Buffer): ParsedKey {
	if (derLength(der) > der.length) return { reason: CUT_OFF };
	// First, because createPublicKey would make a public key of a private one.
	for (const [type, reason] of [
		['pkcs8', 'is a PKCS#8 private key'],
		['pkcs1', 'is a PKCS#1 private key'],
		['sec1', 'is an EC private key'],
	] as const) {
		if (attempt(() => createPrivateKey({ key: der, format: 'der', type }))) return { reason };
	}
	if (attempt(() => new X509Certificate(der))) return { reason: 'is a certificate' };
	const key =
		attempt(() => createPublicKey({ key: der, format: 'der', type: 'spki' })) ??
		attempt(() => createPublicKey({ key: der, format: 'der', type: 'pkcs1' }));
	if (key === undefined) return { reason: 'is not a public key' };
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
	return size >= 1 && size <= 4 && der.length >= 2 + size
		? 2 + size + der.readUIntBE(2, size)
		: Infinity;
}

/** node:crypto throws for what it cannot read. Its messages may quote the input, so they go no further. */
function attempt<T>(read: () => T): T | undefined {
	try {
		return read();
	} catch {
		return undefined;
	}
}
