import { constants, createPrivateKey, generateKeyPairSync, privateDecrypt } from 'node:crypto';

import CryptoJS from 'crypto-js';

import {
	aesKeyOf,
	encryptAes,
	encryptRsa,
	parseRsaPublicKey,
} from '../nodes/JuheMobileStatus/juhe/encryption';
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

describe('a pasted public key', () => {
	const shapes: Record<string, (pem: string) => string> = {
		'as it is': (pem) => pem,
		'with CRLF': (pem) => pem.replaceAll('\n', '\r\n'),
		'with \\n written out': (pem) => pem.replaceAll('\n', '\\n'),
		'with \\r\\n written out': (pem) => pem.replaceAll('\n', '\\r\\n'),
		'with spaces where line breaks were': (pem) => pem.replaceAll('\n', ' '),
		'with no line breaks at all': (pem) => pem.replaceAll('\n', ''),
		'in double quotes': (pem) => `"${pem}"`,
		'in single quotes, escaped': (pem) => `'${pem.replaceAll('\n', '\\n')}'`,
		'in curly quotes': (pem) => `“${pem}”`,
		'with a byte order mark and indented': (pem) => `\ufeff${pem.replaceAll('\n', '\n\t  ')}`,
		'as bare base64': (pem) => pem.replace(/-----[A-Z ]+-----/g, '').replace(/\s/g, ''),
		'as base64 in lines': (pem) => pem.replace(/-----[A-Z ]+-----/g, ''),
		'as base64url': (pem) =>
			pem
				.replace(/-----[A-Z ]+-----|\s|=/g, '')
				.replaceAll('+', '-')
				.replaceAll('/', '_'),
		'as base64 of the whole PEM': (pem) => Buffer.from(pem).toString('base64'),
		'with \\n escaped twice': (pem) => pem.replaceAll('\n', '\\\\n'),
		'with slashes escaped, as JSON': (pem) => JSON.stringify(pem).replaceAll('/', '\\/'),
		'as a Java string': (pem) =>
			`String publicKey = ${pem
				.trim()
				.split('\n')
				.map((line) => `"${line}\\n"`)
				.join(' +\n\t')};`,
		'as a Java string without its lines': (pem) =>
			pem
				.replace(/-----[A-Z ]+-----|\s/g, '')
				.replace(/.{64}/g, '$&" + "')
				.replace(/^/, '"')
				.replace(/$/, '"'),
		'behind a label': (pem) => `RSA公钥：${pem}`,
		'behind a name, with a comma': (pem) => `public_key: "${pem.replaceAll('\n', '\\n')}",`,
		'with zero-width and direction marks': (pem) => `\u200b\u202a${pem}\u202c`,
		'with its last line missing': (pem) => pem.replace(/-----END[A-Z ]+-----\n/, ''),
	};

	for (const [bits, pair] of [
		[2048, key2048],
		[1024, key1024],
	] as const) {
		for (const form of ['publicKeySpkiPem', 'publicKeyPkcs1Pem'] as const) {
			test.each(Object.entries(shapes))(`of ${bits} bits, ${form}, %s`, (_, shape) => {
				const key = keyOf(shape(pair[form]));
				expect(key.asymmetricKeyDetails?.modulusLength).toBe(bits);
				expect(decrypt(encryptRsa('13800138000', key), pair.privateKeyPkcs8Pem)).toBe(
					'13800138000',
				);
			});
		}
	}

	const pem = key2048.publicKeySpkiPem;
	const bare = (text: string) => text.replace(/-----[A-Z ]+-----/g, '');
	const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
	const small = generateKeyPairSync('rsa', { modulusLength: 512 }).publicKey;
	const der = Buffer.from(bare(pem), 'base64');
	test.each([
		['nothing', '  ', 'is empty'],
		['a private key', key2048.privateKeyPkcs8Pem, 'is a PKCS#8 private key'],
		['a bare private key', bare(key2048.privateKeyPkcs8Pem), 'is a PKCS#8 private key'],
		[
			'a bare PKCS#1 private key',
			bare(
				createPrivateKey(key2048.privateKeyPkcs8Pem)
					.export({ type: 'pkcs1', format: 'pem' })
					.toString(),
			),
			'is a PKCS#1 private key',
		],
		[
			'a bare EC private key',
			ec.privateKey.export({ type: 'sec1', format: 'der' }).toString('base64'),
			'is an EC private key',
		],
		['a key pair', pem + key2048.privateKeyPkcs8Pem, 'is a PKCS#8 private key'],
		[
			'an encrypted private key',
			pem.replaceAll('PUBLIC', 'ENCRYPTED PRIVATE'),
			'is an encrypted private key',
		],
		[
			'a certificate request',
			pem.replaceAll('PUBLIC KEY', 'CERTIFICATE REQUEST'),
			'is a certificate request',
		],
		['a certificate', pem.replaceAll('PUBLIC KEY', 'CERTIFICATE'), 'is a certificate'],
		[
			'a certificate request with the label of older tools',
			pem.replaceAll('PUBLIC KEY', 'NEW CERTIFICATE REQUEST'),
			'is a certificate request',
		],
		[
			'a certificate with the label of OpenSSL',
			pem.replaceAll('PUBLIC KEY', 'TRUSTED CERTIFICATE'),
			'is a certificate',
		],
		['a key with a stray character in front', `!${bare(pem)}`, 'characters that are not base64'],
		[
			'another PEM block',
			pem.replaceAll('PUBLIC KEY', 'PGP MESSAGE'),
			'is a PEM block of another kind',
		],
		['an SSH key', 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB', 'is an SSH key'],
		[
			'an EC key',
			ec.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
			'is a key for ec, not for RSA',
		],
		[
			'512 bits',
			small.export({ type: 'spki', format: 'pem' }).toString(),
			'has 512 bits, fewer than 1024',
		],
		['a cut key', bare(pem).trim().slice(0, 200), 'ends in the middle of the base64'],
		['other base64', Buffer.from('hello there').toString('base64'), 'is not a public key'],
		['words', 'my public key!', 'characters that are not base64'],
		['a megabyte of dashes', '-'.repeat(1_000_000), 'is too long'],
		[
			'an even modulus',
			Buffer.concat([der.subarray(0, -6), Buffer.from([0]), der.subarray(-5)]).toString('base64'),
			'is damaged',
		],
	])('that is %s is refused without quoting it', (_, pasted, reason) => {
		const read = parseRsaPublicKey(pasted);
		expect(read).toEqual({ reason: expect.stringContaining(reason) });
		expect(JSON.stringify(read)).not.toMatch(/[A-Za-z0-9+/]{25}/);
	});
});
