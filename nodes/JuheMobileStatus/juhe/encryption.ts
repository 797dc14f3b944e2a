import {
	constants,
	createCipheriv,
	createHash,
	createPrivateKey,
	createPublicKey,
	publicEncrypt,
	type KeyObject,
} from 'node:crypto';

/** A public key ready to use, or the words for what the pasted text looks like (never the text itself). */
export type ReadKey = { key: KeyObject } | { reason: string };

const MIN_RSA_BITS = 1024;
/** A 16,384-bit key is 2,800 characters of base64: whatever is longer than this is no key and is not parsed. */
const MAX_PASTED_LENGTH = 20_000;
const PEM_LINE = /-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----/g;

/** The AES key: the first 16 characters of the lower-case MD5 of openid (API document, section 2). */
export function aesKeyOf(openid: string): string {
	return createHash('md5').update(openid, 'utf8').digest('hex').slice(0, 16);
}

/** AES/ECB/PKCS5Padding, then base64 once (API document, section 2); the form encodes it for the URL. */
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
 * Reads an RSA public key in every shape that a person can paste: PEM (SPKI or PKCS#1) or its bare base64, with
 * line breaks, `\n` written out, spaces in their place, quotes around it. Never throws.
 */
export function readRsaPublicKey(pasted: string): ReadKey {
	if (pasted.length > MAX_PASTED_LENGTH) return { reason: 'is far too long for a public key' };
	const text = pasted
		.replace(/\\[rn]/g, '\n')
		.replace(/["'`“”‘’\p{Cf}]/gu, '')
		.trim();
	if (text === '') return { reason: 'is empty' };

	const labels = [...text.matchAll(PEM_LINE)].map((line) => line[2] ?? '');
	const foreign = labels.find((label) => label !== 'PUBLIC KEY' && label !== 'RSA PUBLIC KEY');
	if (foreign !== undefined) return { reason: whatItIs(foreign) };
	if (text.startsWith('ssh-')) return { reason: 'looks like an SSH key' };

	const base64 = text.replace(PEM_LINE, '').replace(/\s/g, '');
	if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
		return { reason: 'does not look like a key: it has characters that are not base64' };
	}
	return readDer(Buffer.from(base64, 'base64'));
}

function whatItIs(pemLabel: string): string {
	if (pemLabel.endsWith('PRIVATE KEY')) return PRIVATE_KEY;
	if (pemLabel.endsWith('CERTIFICATE REQUEST')) return 'looks like a certificate request';
	if (pemLabel.endsWith('CERTIFICATE')) return 'looks like a certificate';
	return 'is a PEM block of another kind than a public key';
}

const PRIVATE_KEY = 'looks like a private key, which must never be given away';

function readDer(der: Buffer): ReadKey {
	// First, because createPublicKey would quietly make a public key of a private one.
	const isPrivate = (['pkcs8', 'pkcs1', 'sec1'] as const).some((type) =>
		attempt(() => createPrivateKey({ key: der, format: 'der', type })),
	);
	if (isPrivate) return { reason: PRIVATE_KEY };
	const key =
		attempt(() => createPublicKey({ key: der, format: 'der', type: 'spki' })) ??
		attempt(() => createPublicKey({ key: der, format: 'der', type: 'pkcs1' }));
	if (key === undefined) return { reason: 'is cut short or is no public key' };
	if (key.asymmetricKeyType !== 'rsa') {
		return { reason: `is a key for ${key.asymmetricKeyType}, not for RSA` };
	}
	const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
	if (bits < MIN_RSA_BITS) return { reason: `has ${bits} bits, fewer than ${MIN_RSA_BITS}` };
	// A damaged modulus or exponent parses well and fails only in use.
	if (attempt(() => encryptRsa('13800138000', key)) === undefined) {
		return { reason: 'is damaged: nothing can be encrypted with it' };
	}
	return { key };
}

/** node:crypto tells what is unreadable by throwing; its messages may quote the input, so they go no further. */
function attempt<T>(read: () => T): T | undefined {
	try {
		return read();
	} catch {
		return undefined;
	}
}
