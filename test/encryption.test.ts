import { constants, createPrivateKey, generateKeyPairSync, privateDecrypt } from 'node:crypto';

import CryptoJS from 'crypto-js';

import {
	aesKeyOf,
	encryptAes,
	encryptRsa,
	parseRsaPublicKey,
} from '../nodes/JuheMobileStatus/juhe/encryption';
import { operationOf, type OperationName } from '../nodes/JuheMobileStatus/juhe/operations';
import { createRedactor, LEFT_OUT } from '../nodes/JuheMobileStatus/juhe/redact';
import aes from './vectors/aes.json';
import rsa from './vectors/rsa.json';

const [key2048, key1024] = rsa.keys as [(typeof rsa.keys)[0], (typeof rsa.keys)[0]];

/** The key, or a failing test with the reason. */
function keyOf(pasted: string) {
	const read = parseRsaPublicKey(pasted);
	if ('reason' in read) throw new Error(read.reason);
	return read.key;
}

function decrypt(ciphertext: string, privateKey: string): string {
	const padding = constants.RSA_PKCS1_OAEP_PADDING;
	const key = createPrivateKey(privateKey);
	return privateDecrypt(
		{ key, padding, oaepHash: 'sha1' },
		Buffer.from(ciphertext, 'base64'),
	).toString();
}

describe('AES', () => {
	test.each(aes.vectors)(
		'agrees with javax.crypto on $mobile',
		({ openid, mobile, aesKey, ciphertext }) => {
			expect(aesKeyOf(openid)).toBe(aesKey);
			expect(encryptAes(mobile, aesKeyOf(openid))).toBe(ciphertext);
		},
	);

	test('agrees with crypto-js on an OpenID of any characters', () => {
		for (const openid of ['x', 'JH with spaces', '聚合', 'a'.repeat(200)]) {
			const key = CryptoJS.MD5(openid).toString().slice(0, 16);
			const theirs = CryptoJS.AES.encrypt('13800138000', CryptoJS.enc.Utf8.parse(key), {
				mode: CryptoJS.mode.ECB,
				padding: CryptoJS.pad.Pkcs7,
			});
			expect(encryptAes('13800138000', aesKeyOf(openid))).toBe(theirs.toString());
		}
	});
});

describe('RSA', () => {
	test.each([
		['2048', key2048],
		['1024', key1024],
	])('%s bits: what it encrypts, the private key reads', (_, pair) => {
		const key = keyOf(pair.publicKeySpkiPem);
		const ciphertexts = ['13993518190', '13993518190'].map((mobile) => encryptRsa(mobile, key));
		expect(ciphertexts.map((text) => decrypt(text, pair.privateKeyPkcs8Pem))).toEqual([
			'13993518190',
			'13993518190',
		]);
		// OAEP is random: equal numbers must not look equal.
		expect(ciphertexts[0]).not.toBe(ciphertexts[1]);
	});

	test('is the padding that javax.crypto means', () => {
		for (const { privateKeyPkcs8Pem, ciphertextsByJava } of rsa.keys) {
			for (const { mobile, ciphertext } of ciphertextsByJava) {
				expect(decrypt(ciphertext, privateKeyPkcs8Pem)).toBe(mobile);
			}
		}
	});
});

test.each(['sm4', '', 'toString'])('the operation %j is none, so nothing is sent', (name) => {
	expect(() => operationOf(name as OperationName)).toThrow(
		new TypeError(`'${name}' is not an operation of this node`),
	);
});

const bare = (pem: string) => pem.replace(/-----[A-Z ]+-----|\s/g, '');
const escaped = (pem: string) => pem.replaceAll('\n', '\\n');

describe('a pasted public key', () => {
	const shapes: Record<string, (pem: string) => string> = {
		'as it is': (pem) => pem,
		'with CRLF': (pem) => pem.replaceAll('\n', '\r\n'),
		'with \\n written out': escaped,
		'with \\r\\n written out': (pem) => pem.replaceAll('\n', '\\r\\n'),
		'with \\n escaped twice': (pem) => pem.replaceAll('\n', '\\\\n'),
		'with spaces where line breaks were': (pem) => pem.replaceAll('\n', ' '),
		'with no line breaks at all': (pem) => pem.replaceAll('\n', ''),
		'with its first line missing': (pem) => pem.replace(/-----BEGIN[A-Z ]+-----\n/, ''),
		'with dashes as a word processor makes them': (pem) => pem.replaceAll('-----', '—–'),
		'with its last line missing': (pem) => pem.replace(/-----END[A-Z ]+-----\n/, ''),
		'in single quotes, escaped': (pem) => `'${escaped(pem)}'`,
		'in curly quotes': (pem) => `“${pem}”`,
		'in Chinese quotes': (pem) => `「${bare(pem)}」`,
		'with a byte order mark and indented': (pem) => `\ufeff${pem.replaceAll('\n', '\n\t  ')}`,
		'with zero-width and direction marks': (pem) => `\u200b\u202a${pem}\u202c`,
		'with a filler in it': (pem) => bare(pem).replace('I', 'I\u3164\u034f\ufe0f'),
		'as bare base64': bare,
		'as base64url': (pem) => Buffer.from(bare(pem), 'base64').toString('base64url'),
		'as base64 of the whole PEM': (pem) => Buffer.from(pem).toString('base64'),
		'as base64 of the whole PEM, in lines': (pem) =>
			Buffer.from(`\r\n${pem}`).toString('base64').replace(/.{76}/g, '$&\r\n'),
		'as JSON': (pem) => JSON.stringify({ publicKey: pem }).replaceAll('/', '\\/'),
		'as JSON in JSON': (pem) => JSON.stringify(JSON.stringify({ publicKey: pem })),
		'as a Java string': (pem) =>
			`String publicKey = ${pem.trim().replace(/^.*$/gm, '"$&\\n" +')} "";`,
		'as a Java string without its lines': (pem) => `"${bare(pem).replace(/.{64}/g, '$&"\n\t+ "')}"`,
		'as PHP': (pem) => `'public_key' => '${bare(pem).replace(/.{64}/g, "$&' . '")}',`,
		'with a backslash at the end of each line': (pem) => bare(pem).replace(/.{64}/g, '$&\\\n'),
		'behind a label': (pem) => `RSA公钥：${pem}`,
		'behind words, with a full stop': (pem) => `RSA public key ${bare(pem)}。`,
		'behind a name, with a comma': (pem) => `public_key: "${escaped(pem)}",`,
		'among other text': (pem) => `# from the console\n${pem}\nValid for one year.`,
	};
	const pairs = [
		[2048, key2048],
		[1024, key1024],
	] as const;
	test.each(Object.entries(shapes))('%s', (_, shape) => {
		for (const [bits, pair] of pairs) {
			for (const pem of [pair.publicKeySpkiPem, pair.publicKeyPkcs1Pem]) {
				const key = keyOf(shape(pem));
				expect(key.asymmetricKeyDetails?.modulusLength).toBe(bits);
				const ciphertext = encryptRsa('13800138000', key);
				expect(decrypt(ciphertext, pair.privateKeyPkcs8Pem)).toBe('13800138000');
			}
		}
	});

	const pem = key2048.publicKeySpkiPem;
	const base64 = bare(pem);
	const der = Buffer.from(base64, 'base64');
	const privatePem = key2048.privateKeyPkcs8Pem;
	const exported = (options: { type: 'pkcs1' | 'pkcs8'; cipher?: string; passphrase?: string }) =>
		createPrivateKey(privatePem)
			.export({ format: 'pem', ...options })
			.toString();
	const encrypted = exported({ type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' });
	const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
	const spki = { type: 'spki', format: 'pem' } as const;
	const small = generateKeyPairSync('rsa', { modulusLength: 512 }).publicKey.export(spki);
	const evenModulus = Buffer.concat([der.subarray(0, -6), Buffer.from([0]), der.subarray(-5)]);
	// The beginning of a certificate request: version 0, then a name.
	const request = Buffer.from(`3082010a3081f3020100300c310a${'00'.repeat(256)}`, 'hex');
	const ssh = Buffer.from('\0\0\0\x07ssh-rsa\0\0\0\x03\x01\0\x01').toString('base64');
	/** Self-signed by OpenSSL; its EC key was not kept. */
	const certificate =
		'MIIBbzCCARWgAwIBAgIUU3r6id1/TWIVxHByOlRJ+Ur8axwwCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwEdGVz' +
		'dDAgFw0yNjExMjUxNTA0MDlaGA8yMTI2MTEwMTE1MDQwOVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49' +
		'AgEGCCqGSM49AwEHA0IABDe53q1U45ZnEKE5vJKWocDeM0JFYBG+5gBhKfsettV47FUdetYB16RWyxR/MSzD' +
		'fbqVLDoAEAbw9BonGwNFbByjTTBLMB0GA1UdDgQWBBTBHJDivULN2DgO6NpemJfz42NmxzAfBgNVHSMEGDAW' +
		'gBTBHJDivULN2DgO6NpemJfz42NmxzAJBgNVHRMEAjAAMAoGCCqGSM49BAMCA0gAMEUCIQCmObnI+qzv0HjQ' +
		'FbTuuvlt0g6ITpw2LhWIoM9EgcTohQIgWWP2SV0Rr9Peqiq3NY93vpnISM5MaebO5GWL+xk1jPM=';
	const labelled = (label: string) => pem.replaceAll('PUBLIC KEY', label);

	test.each([
		['nothing', ' "\u200b" ', 'is empty'],
		['a private key', privatePem, 'is a PKCS#8 private key'],
		['a bare private key', bare(privatePem), 'is a PKCS#8 private key'],
		['base64 of a PEM', Buffer.from(privatePem).toString('base64'), 'is a PKCS#8 private key'],
		['a PKCS#1 private key', exported({ type: 'pkcs1' }), 'is a PKCS#1 private key'],
		['a bare PKCS#1 private key', bare(exported({ type: 'pkcs1' })), 'is a PKCS#1 private key'],
		[
			'a bare EC private key',
			ec.privateKey.export({ type: 'sec1', format: 'der' }).toString('base64'),
			'is an EC private key',
		],
		['an EC private key', labelled('EC PRIVATE KEY'), 'is an EC private key'],
		['an OpenSSH key', labelled('OPENSSH PRIVATE KEY'), 'is an OpenSSH private key'],
		[
			'a bare OpenSSH key',
			Buffer.from('openssh-key-v1\0\0\0').toString('base64'),
			'is an OpenSSH private key',
		],
		['an SSH2 key', labelled('SSH2 PUBLIC KEY'), 'is an SSH key'],
		['a PGP key', labelled('PGP PUBLIC KEY BLOCK'), 'is a PEM block of another kind'],
		['a bare certificate', certificate, 'is a certificate'],
		['a key pair', pem + privatePem, 'is a PKCS#8 private key'],
		['an encrypted private key', encrypted, 'is an encrypted private key'],
		['a bare encrypted private key', bare(encrypted), 'is an encrypted private key'],
		['a certificate request', labelled('CERTIFICATE REQUEST'), 'is a certificate request'],
		['one of older tools', labelled('NEW CERTIFICATE REQUEST'), 'is a certificate request'],
		['a bare certificate request', request.toString('base64'), 'is a certificate request'],
		['a certificate', labelled('CERTIFICATE'), 'is a certificate'],
		['a certificate of OpenSSL', labelled('TRUSTED CERTIFICATE'), 'is a certificate'],
		['another PEM block', labelled('PGP MESSAGE'), 'is a PEM block of another kind'],
		['an SSH key', `ssh-rsa ${ssh}`, 'is an SSH key'],
		['a bare SSH key', ssh, 'is an SSH key'],
		['an EC key', ec.publicKey.export(spki).toString(), 'is a key for ec, not for RSA'],
		['512 bits', small.toString(), 'has 512 bits, fewer than 1024'],
		['a cut key', base64.slice(0, 200), 'ends in the middle of the base64'],
		['a key with dots', `${base64.slice(0, 99)}…`, 'ends in the middle of the base64'],
		['a key without its last character', base64.slice(0, -1), 'ends in the middle of the base64'],
		['two keys', pem + key1024.publicKeySpkiPem, 'contains more than one key'],
		[
			'two keys without their last lines',
			[pem, pem].map((key) => key.replace(/-----END[A-Z ]+-----/, '')).join(''),
			'contains more than one key',
		],
		['a block without a key', '-----BEGIN PUBLIC KEY-----\n', 'is not a public key'],
		['two bare keys', base64 + bare(key1024.publicKeySpkiPem), 'is followed by another key'],
		['other base64', Buffer.from('hello there').toString('base64'), 'is not a public key'],
		['words', 'my public key!', 'characters that are not base64'],
		['a megabyte of dashes', '-'.repeat(1_000_000), 'is too long'],
		['an even modulus', evenModulus.toString('base64'), 'is damaged'],
	])('that is %s is refused without quoting it', (_, pasted, reason) => {
		const read = parseRsaPublicKey(pasted);
		expect(read).toEqual({ reason: expect.stringContaining(reason) });
		expect(JSON.stringify(read)).not.toMatch(/[A-Za-z0-9+/]{25}/);
	});
});

const LETTERS = 'abcdefghijklmnop';
test.each([
	{ secret: 'abcd', written: 'abcd', isShown: false },
	{ secret: 'abcd', written: 'YWJjZA==', isShown: false },
	{ secret: 'ключ', written: 'КЛЮЧ', isShown: false },
	{ secret: 'abcdefghijkl', written: '69b71d79f8218a3925', isShown: false },
	{ secret: LETTERS, written: 'efghijklmnop', isShown: false },
	{ secret: LETTERS, written: 'fghijklmnop', isShown: true },
	{
		secret: LETTERS,
		written: LETTERS.replace(/./g, (c) => `&#${c.charCodeAt(0)};`),
		isShown: false,
	},
	{ secret: 'ab-cd-ef-gh-ij-kl', written: 'xabcdefgh', isShown: false },
	{ secret: 'a-b-c-d-e-f-g-h-i-j-k-l-m', written: 'abcdef', isShown: true },
	// What is encoded four times is not read to its end.
	{ secret: LETTERS, written: '%252520', isShown: true },
	{ secret: LETTERS, written: '%25252520', isShown: false },
	{ secret: LETTERS, written: '&#x110000; &#9999999;', isShown: true },
])('with the secret $secret, $written is shown: $isShown', ({ secret, written, isShown }) => {
	const shown = isShown ? written : '(left out: it repeats a secret)';
	expect(createRedactor([secret])(written)).toBe(shown);
});

describe('a number that is masked', () => {
	const redact = createRedactor(['s+cret=='], { mobile: '13800138000', masked: '138****8000' });

	test.each([
		{ written: '13800138000', shown: '138****8000' },
		{ written: '+86 138 0013 8000 ¦ 138-0013-8000', shown: '+86 138****8000 ¦ 138****8000' },
		{ written: '138\u00a00013\u00a08000 ¦ 138.0013.8000', shown: '138****8000 ¦ 138****8000' },
		{ written: '１３８００１３８０００', shown: '138****8000' },
		{ written: '（138） — 0013 … … 8000。', shown: '（138****8000。' },
		{ written: `1${' '.repeat(30)}3800138000`, shown: '138****8000' },
		{ written: '008613800138000', shown: '0086138****8000' },
		{ written: '138%200013%208000', shown: LEFT_OUT },
		{ written: '138<b>0013</b>&nbsp;8000', shown: LEFT_OUT },
		{ written: '\\u0031\\u00338 0013 8000', shown: LEFT_OUT },
		{ written: '①③⑧ 0013 8000', shown: LEFT_OUT },
		{ written: 's cret, 138 0013 8000', shown: LEFT_OUT },
	])('is shown in $written as $shown', ({ written, shown }) => {
		expect(redact(written)).toBe(shown);
	});

	test.each(['13800138001', '138, x0013 8000', '138 0013 and 8000', '138****8000', '1'.repeat(40)])(
		'is not seen in %s',
		(written) => expect(redact(written)).toBe(written),
	);
});
