/**
 * What the document of Juhe's mobile status API says the service answers: its three addresses, how each protects
 * the number, the success envelope and the table of codes. Pure, apart from the order number.
 */
import {
	constants,
	createDecipheriv,
	createHash,
	privateDecrypt,
	type KeyObject,
} from 'node:crypto';

/** How the number travels: sections 1 (plain), 2 (AES) and 3 (RSA) of the API document. */
export type Protection = 'plain' | 'aes' | 'rsa';

/** The JSON of every answer, in the document's order of fields. */
export interface Envelope {
	/** The older code, only for the system codes of section 4. */
	resultcode?: string;
	reason: string;
	result: Record<string, unknown> | null;
	error_code: number;
}

/** The addresses of sections 1 to 3. */
export const endpoints: ReadonlyMap<string, Protection> = new Map([
	['/mobile_status/query', 'plain'],
	['/mobile_status/queryEncry', 'aes'],
	['/mobile_status/queryRV2', 'rsa'],
]);

/** The states of section 1 and their descriptions. */
export const states = ['正常使用', '停机', '在网但不可用', '不在网', '预销户'] as const;

/** The state of a number by its last digit, 0 to 9, where nothing is scripted. */
export const stateByLastDigit = [0, 0, 0, 0, 0, 1, 2, 3, 3, 4] as const;

/** The reason of each code of section 4 (and of success) and, for the system's codes, the older resultcode. */
const codes: ReadonlyMap<number, readonly [reason: string, resultcode?: string]> = new Map([
	[0, ['成功']],
	[224902, ['参数错误']],
	[224915, ['网络异常,请重试']],
	[224919, ['查询失败']],
	[224922, ['查询无此记录']],
	[224924, ['同一手机号请求过于频繁']],
	[10001, ['错误的请求KEY', '101']],
	[10002, ['该KEY无请求权限', '102']],
	[10003, ['KEY过期', '103']],
	[10004, ['错误的OPENID', '104']],
	[10005, ['应用未审核超时，请提交认证', '105']],
	[10007, ['未知的请求源', '107']],
	[10008, ['被禁止的IP', '108']],
	[10009, ['被禁止的KEY', '109']],
	[10011, ['当前IP请求超过限制', '111']],
	[10012, ['请求超过次数限制', '112']],
	[10013, ['测试KEY超过请求限制', '113']],
	[
		10014,
		[
			'系统内部异常(调用充值类业务时，请务必联系客服或通过订单查询接口检测订单，避免造成损失)',
			'114',
		],
	],
	[10020, ['接口维护', '120']],
	[10021, ['接口停用', '121']],
]);

/** The envelope of a code of section 4; a code that the document does not list gets a reason of ours. */
export function failure(code: number): Envelope {
	const [reason, resultcode] = codes.get(code) ?? ['未知错误'];
	return {
		...(resultcode !== undefined && { resultcode }),
		reason,
		result: null,
		error_code: code,
	};
}

const places = [
	['北京市', '北京市'],
	['广东省', '深圳市'],
	['浙江省', '杭州市'],
	['四川省', '成都市'],
	['上海市', '上海市'],
	['江苏省', '南京市'],
	['湖北省', '武汉市'],
	['陕西省', '西安市'],
] as const;

function isp(mobile: string): string {
	if (/^1(3[0-2]|4[56]|5[56]|6[67]|7[156]|8[56]|96)/.test(mobile)) return '联通';
	if (/^1(33|49|53|62|7[347]|8[019]|9[0139])/.test(mobile)) return '电信';
	return '移动';
}

let orders = 0;

/** As long as the document's example: JH, 249, twelve digits of the time, nine of a serial number. */
function orderid(): string {
	const time = new Date().toISOString().replace(/\D/g, '').slice(2, 14);
	return `JH249${time}${String(++orders).padStart(9, '0')}`;
}

/**
 * The success envelope for an 11-digit number. Section 1 returns `mobile`, sections 2 and 3 `orderid` in its place.
 * The same number always gives the same place, carrier and state; the document's own number gives its own example.
 */
export function success(protection: Protection, mobile: string): Envelope {
	// Digits 4 to 7 are what tells the region in a real number.
	const [province, city] = places[Number(mobile.slice(3, 7)) % places.length]!;
	const state = stateByLastDigit[Number(mobile.at(-1))]!;
	const found = {
		province,
		city,
		isp: isp(mobile),
		state: String(state),
		description: states[state],
	};
	return {
		reason: '成功',
		result: protection === 'plain' ? { mobile, ...found } : { ...found, orderid: orderid() },
		error_code: 0,
	};
}

/**
 * What the `mobile` parameter says once its protection is taken off, or undefined where it cannot be.
 * AES is AES-128-ECB with PKCS#5 padding, keyed with the first 16 characters of the lower-case hex md5 of `openid`
 * (section 2); RSA is OAEP with SHA-1 and MGF1 with SHA-1 (section 3); both are in base64.
 */
export function unprotect(
	protection: Protection,
	text: string,
	openid: string,
	privateKey: KeyObject,
): string | undefined {
	if (protection === 'plain') return text;
	// Node's own decoder also takes base64url and skips strays, such as the space that an unescaped `+` becomes.
	if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
	const bytes = Buffer.from(text, 'base64');
	try {
		if (protection === 'rsa') {
			const padding = constants.RSA_PKCS1_OAEP_PADDING;
			return privateDecrypt({ key: privateKey, padding, oaepHash: 'sha1' }, bytes).toString();
		}
		const key = createHash('md5').update(openid).digest('hex').slice(0, 16);
		const decipher = createDecipheriv('aes-128-ecb', key, null);
		return decipher.update(bytes, undefined, 'utf8') + decipher.final('utf8');
	} catch {
		return undefined;
	}
}
