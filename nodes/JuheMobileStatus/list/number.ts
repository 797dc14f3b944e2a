/**
 * Reads a cell as a Chinese mobile number, where a person would read it as exactly one.
 *
 * The digits decide, and the words around them only object:
 *
 * 1. What cannot be seen goes, and what is written in several ways becomes one.
 * 2. NUMBER finds the mobile numbers, grouped as people group them. All must be the same.
 * 3. Beside it stand no further digits, but for those of a label (`手机1：`) and of a remark (`（9:00-18:00）`).
 * 4. No sign and no word beside it says that it is something else.
 *
 * A cell that can be read in two ways is refused, because a query for a wrong number is billed.
 */

/** What is special about a cell without a number, for callers that look at a whole column. */
export type RefusalKind =
	'empty' | 'scientific' | 'expression' | 'garbled' | 'list' | 'object' | 'country' | 'other';

/**
 * The number of 11 digits in a cell, or why there is none.
 *
 * `reason` is a predicate that stands behind the name of the cell ("is masked"). It never quotes the cell.
 */
export type ParsedNumber = { mobile: string } | { reason: string; kind: RefusalKind };

/** What a text looks like. Of a table, the first that fits is said. */
type Look = [pattern: RegExp, reason: string, kind?: RefusalKind];

const MOBILE = /^1[3-9]\d{9}$/;

/** Longer text, blanks around it aside, is refused before any pattern sees it. */
const LONGEST_TEXT = 500;
const LONGEST_JSON = 10_000;

/** Of these fields, the first that an object has is named in the refusal. */
const USUAL_FIELDS = 'value text number phone mobile phoneNumber phone_number tel'.split(' ');

/** Escapes of HTML, spreadsheets and URLs. */
const ESCAPES = /&#(\d{1,6});?|&#x([\da-f]{1,5});?|_x([\da-f]{4})_|%(2b|20)/gi;

/** What is written in several ways becomes one; what cannot be seen goes. The order matters. */
const SAME: Array<[pattern: RegExp, replacement: string]> = [
	// U+202E stays, because it makes a person read the digits backwards. White space is handled below.
	[/(?![\t-\r\u0085\u202e])[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, ''],
	[/&(?:yen|euro|pound|cent);/gi, '¥'],
	[/&[a-z]+;|\\[nrt]/gi, ' '],
	// A tag stays as a label: <fax>, <orderNo>. Of a link its number stays.
	[/<[a-z][^<>]*?\b(tel:[^"'<>\s]*)[^<>]*>/gi, ' $1 '],
	[/<([a-z]{2,})[\w:.-]*(?:\s*\/?|\s[^<>=]*=[^<>]*)>/gi, ' $1: '],
	[/<\/?[a-z][\w:.-]*(?:\s*\/?|\s[^<>=]*=[^<>]*)>/gi, ' '],
	[/[\n-\r\u0085\u2028\u2029]+/g, '\n'],
	[/(?:[^\S\n]|\u2800)+/g, ' '],
	[/[\p{Pd}\u2212\u2500\u30fc]+/gu, '-'],
	[/[·・‧∙]/g, '.'],
	[/[[【〔「『《〈<{]/g, '('],
	[/[\]】〕」』》〉>}]/g, ')'],
	[/[‘’‛`´]/g, "'"],
	[/\(( ?\+? ?\d{1,5}) ?\)/g, ' $1 '],
	[/;phone-context=\+86|(?<=uri:)tel:/gi, ''],
	[/(?:https?:\/\/)?(?:wa\.me\/|api\.whatsapp\.com\/send\/?\?phone=)(?=\+?\d)/gi, ''],
	[/ +/g, ' '],
];
const FULL_WIDTH = /[\uff01-\uff5e]/g;
const FULL_WIDTH_OFFSET = 0xfee0;

const THOUSANDS = /(?<![\d.,'])\d{1,2}([ .,'])\d{3}(?:\1\d{3}){2,3}(?!\1?\d)/g;
const SCIENTIFIC = /^((?:[^\d:=]*[:=])?[^\p{L}\d-]*)(\d+(?:[.,]\d+)? ?e ?[+-]?\d+)[^\p{L}\d]*$/iu;
const NORMALISED_SCIENTIFIC = /^([1-9])\.(\d+) ?e ?\+?(\d+)$/i;
/** Common formats that round keep 7 digits at most: at least 4 of 11 are missing then. */
const MOST_OMITTED_ZEROS = 3;

const GAP = '(?: ?(?:-{1,3}|[./_]) ?| )';
const UNBROKEN = '\\d{11}(?:\\.0+|,00?)?(?:@(?:s\\.whatsapp\\.net|c\\.us))?(?!\\d)';
const USUAL_GROUPS = `\\d{3}${GAP}\\d{4}${GAP}\\d{4}(?!\\d)`;
/** One separator all through. Neither 8 digits that are a date nor 4 that are a year are a group. */
const OTHER_GROUPS = [
	'\\d{3}(?: ?- ?| )(?!(?:19|20)\\d\\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\\d|3[01]))\\d{8}',
	'\\d{3}(?<a> ?- ?|[ .])\\d{3}\\k<a>\\d{5}',
	'\\d{3}(?<b> ?- ?|[ .])\\d{3}\\k<b>\\d{3}\\k<b>\\d{2}',
	'(?!19)\\d{4}(?<c> ?- ?|[ .])\\d{4}\\k<c>\\d{3}',
	'\\d{5}(?: ?- ?| )\\d{6}',
	'\\d(?<d>[ ./\u20e3-])(?:\\d\\k<d>){9}\\d',
].join('|');
const COUNTRY_CODE = '\\+? ?(?:00 ?|011[ -]?|0)?86 ?\\)? ?[-._:/,]? ?\\n?';
/** Without 86, a trunk 0 before any other grouping belongs to a German mobile number. */
const TRUNK_ZERO = `0[ -]?(?=${UNBROKEN}|${USUAL_GROUPS})`;
const NUMBER = new RegExp(
	`(?<!\\d|\\+ ?)(${COUNTRY_CODE}(?:0[ -]?)?|${TRUNK_ZERO})?` +
		`(?=1[ ./\u20e3-]?[3-9])(${UNBROKEN}|${USUAL_GROUPS}|(?:${OTHER_GROUPS})(?!\\d))`,
	'g',
);

/** Stands where a number stood, `+\0` for one with a plus. Control characters are gone by then. */
const MARK = '\0';

const PHONE_LATIN =
	'(?:(?:tele|cell|hand)?phone|mobile|mob|cell|tel|whatsapp|contact)s?' +
	'(?:[ ._-]{0,2}(?:no|num|number|#))?';
/** What objects in front of these words is not about the number behind them. */
const UP_TO_PHONE_WORD = new RegExp(
	'^[^\\0]*(?<![/&、] ?)(?:(?:手 *机|手機|电 *话|電話|联系|聯絡|收[件货]人|致电|拨打)' +
		`(?:号码?|號碼?)?#?(?:[/、(] ?微信号)?|(?<![a-z])${PHONE_LATIN}(?![a-z]))`,
	'iu',
);
const LABELS_OF_NOTHING = /[\p{L}.: ]+:$/u;

const CODE_APART = /(?<![\d+])(?:\+ ?(?:00)?|00|[:=] ?)86(?=\D*\0)/;
/** The digit of a label stands beside a letter, and a colon behind it. */
const NUMBERED_LABEL =
	/(?<=\p{L}[ _=.#-]?)\d{1,2}(?= ?[:=])|(?<=[机機话話码碼]|phone|mobile|tel)\d(?=[ -]\0)/giu;
const LABEL_DIGITS = /(?<=\p{L}[ _=.#-]?)\d{1,2}(?!\d)|(?<!\d)\d{1,2}(?=\p{L})/gu;
const LABEL = /[:=] ?["'(]*\+?$/;
const HOURS_OR_DATE = /^\d{1,2}:\d\d(?: ?[-~至] ?\d{1,2}:\d\d)?$|^\d{4}([-/.])\d{1,2}\1\d{1,2}$/;
const PHONE_IN_REMARK = /\d{5}|(?:\d\D*){9}|(?:[转轉#x]|ext) ?\d/i;

/** What further digits are. The last fits always. */
const FURTHER_DIGITS: Look[] = [
	[/86\D*\0/, 'has the country code twice'],
	[/(?:\+ ?|(?<!\d)00 ?)[1-9]\d{0,3}\D*\0/, 'has the country code of another country', 'country'],
	[/\0 ?\(?(?:[#x,;*转轉]|ext|分机|分機|内线|內線)/i, 'has an extension'],
	[/\0.*@/, 'looks like an email address'],
	[/\0/, 'holds more digits than those of one mobile number'],
];

const UNITS =
	'[km]?g|[kmc]?m[23]?|m?l|[kmgt]b|bytes|k?wh?|[km]?hz|p[xt]|pcs|pieces|units|items|times|views|' +
	'followers|users|people|seconds|minutes|hours|days|weeks|months|years|tons|lbs?|oz|ft';
const UNITS_HAN =
	'[件次份箱个只台套盒包袋瓶支条张本吨斤克米升人户天年岁万亿度]|公斤|公里|毫升|平方?米';

/** Signs at the number, and what is joined to it. */
const SIGNS: Look[] = [
	[/@\0|\0@|[\w.+-]@[\w-]+\.[a-z]/i, 'looks like an email address'],
	[/(?<!tel|sms|callto|facetime|whatsapp):\/\/|\bwww\./i, 'looks like a web address'],
	[/\p{Sc} ?\0|\0 ?\p{Sc}/u, 'looks like an amount of money'],
	[/\0 ?[万亿]?[元块](?=$|[整钱人]|\P{Script=Han})/u, 'looks like an amount of money'],
	[/\0 ?[%‰]/, 'looks like a percentage'],
	[/\0 ?°/, 'looks like a coordinate'],
	[/^["'(]*-\0/, 'has a minus sign in front'],
	[/\u202e/, 'holds a sign that turns the order of its digits'],
	[/\0\.[a-z]{2,5}(?![a-z])|\b(?:img|vid|dsc)[_-]|\b[a-z]:\\|^\/\w+\//i, 'looks like a file name'],
	[
		new RegExp(`(?<=[a-z])(?<!(?<![a-z])${PHONE_LATIN})_?\\0|\\0_?(?!${PHONE_LATIN})[a-z]`, 'i'),
		'has letters joined to its digits',
	],
	[/(?<![A-Z])(?!TEL|MOB|CELL|CN)[A-Z]{1,4}-\0/, 'looks like an order number'],
	[/× ?\0|\0 ?×|\0[件次份箱吨斤]/, 'looks like a quantity'],
	[
		new RegExp(`\\0 ?(?:(?:${UNITS_HAN})(?!\\p{Script=Han})|(?:${UNITS})(?![a-z]))`, 'iu'),
		'looks like a quantity',
	],
	[/(?<![A-Za-z])(?:IP|MAC)(?![A-Za-z])/, 'looks like a network address'],
	[/(?!🇨🇳)[\u{1f1e6}-\u{1f1ff}]{2} ?\0/u, 'is a number of another country', 'country'],
];

/** Words beside the number that say that it is something else. A line may go on in the next. */
const WORDS = looksOfWords(String.raw`
looks like a fax number: 传真 傳真 fax facsimile telefax pager f(?=[.:)]\s?\+?\0)
has an extension: 分机 分機 内线 內線 [转轉](?=\s?(?:[一二三四五六七八九零〇]|$)) ext extn extension
looks like an order number: 订单 訂單 单号 單號 运单 運單 快递(?!员|小哥) 快遞 面单 工单 保单 单据 流水
	凭证 发票 發票 票号 批次 批号 orders? ord tracking waybill awb parcel shipment consignment invoice inv
	receipt voucher booking reservation ticket transaction txn po ref reference batch claim
looks like an account: 账号 帐号 賬號 帳號 账户 帐户 賬戶 用户名 登录名 户号 会员号 客户号 支付宝 iban swift
	accounts?(?!\smanager) acct a/c user\s?name login alipay paypal
looks like a card number: 卡号 卡號 银行卡 信用卡 会员卡 储蓄卡 社保卡 cards? cvv iccid
looks like an ID: 身份证 身份證 证件 證件 证号 护照 護照 驾驶证 执照 许可证 社保号 准考证 ids? [uw]x?id
	userid openid unionid identity passport licen[cs]e ssn nric imei imsi meid uuid guid
looks like a tax number: 税 稅 信用代码 tax vat tin ein uscc
looks like a contract number: 合同 协议 協議 contract agreement policy
looks like a staff, student or customer number: 工号 工號 学号 學號 员工号 职工号 学籍 考号 病历 住院号
	(?:staff|student|employee|emp|badge|member|customer|client|patient|roll)\s?(?:no|nr|num|number|code|#)
looks like a chat account: QQ 扣扣 群号 抖音 快手号 小红书 旺旺 微信号 qq skype line
looks like a code or a serial number: 编号 編號 序号 序列号 设备号 串号 条码 条形码 货号 款号 型号 验证码
	驗證碼 校验码 取件码 提货码 兑换码 激活码 邀请码 密码 口令 车牌 车架 航班 房号 房间号 门牌 邮编 郵編
	邮政编码 [#№]\s?(?=\0) serial s/n sn sku isbn issn barcode upc ean asin pin otp password passwd pwd
	(?<!(?:country|area|dial(?:ling|ing)?|calling)\s?)code zip postcode plate flight n[or][.:]*\s?(?=\0)
looks like an amount of money: 金额 金額 价格 價格 单价 总价 总额 售价 余额 餘額 工资 收入 人民币 人民幣
	美元 美金 港币 欧元 日元 amount amt price total subtotal balance cost fee salary revenue budget rmb cny
	usd eur gbp hkd jpy krw twd dollars? euros? yuan pounds? yen cash
looks like a percentage: 百分 per\s?cent percentage pct
looks like a date: 日期 生日 出生 时间戳 時間戳 date dob birthday birth timestamp unix epoch
looks like a coordinate: 经度 纬度 坐标 经纬 經度 緯度 座標 lat lng lon latitude longitude coords?
	coordinates? gps
looks like a network address: 网址 域名 端口 (?:ip|mac)\s?(?:addr|address|[:=]) ipv[46] url hostname domain
looks like a version: 版本 version ver build revision
looks like ciphertext or a hash: 密文 加密 哈希 摘要 密钥 令牌 cipher ciphertext encrypt encrypted encryption
	hash md5 sha aes rsa base64 token nonce signature hmac secret (?:api|private|public)\s?key
looks like an email address: 邮箱 郵箱 邮件 电子邮 e-?mail mail mailto
looks like a quantity: 数量 數量 库存 庫存 销量 件数 重量 面积 体积 粉丝 阅读量 播放量 qty quantity count
	stock weight followers views
looks like a file name: 文件名 檔名 file\s?name file path
is a number of another country: (?:美国|美國|加拿大|德国|巴西|墨西哥|俄罗斯|日本|韩国)[^\p{L}\0+]*(?=\0)
	(?:USA?|america|canada|germany|deutschland|bra[sz]il|mexico|russia|japan|korea)[^\p{L}\0+]*(?=\0)
`);

/** What a text looks like in which no mobile number is found. */
const LOOKS: Look[] = [
	[
		/\ufffd|锟斤拷|[\u00a1-\u00ff]{4}|[\u00e4-\u00e9][\u0080-\u00bf\u0152-\u2122]{2}/,
		'is garbled: its text was read in the wrong encoding',
		'garbled',
	],
	[/^\P{Nd}*$/u, 'has no digits'],
	[/\p{Nd}(?<!\d)/u, 'is written in the digits of another script'],
	[/@/, 'looks like an email address'],
	[/[a-z]:\/\//i, 'looks like a web address'],
	[/\p{Sc}|元|\b(?:rmb|cny|usd)\b/iu, 'looks like an amount of money'],
	[
		/(?<!\d)(?:19|20)\d\d[-/.年 ]?(?:0?[1-9]|1[0-2])[-/.月 ]?(?:[12]\d|3[01]|0?[1-9])(?!\d)/,
		'looks like a date',
	],
	[/(?<!\d)\d{1,2}[-/. ]\d{1,2}[-/. ](?:19|20)\d\d(?!\d)/, 'looks like a date'],
	[/(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])/, 'looks like an IP address'],
	[/\d\.\d+°?[,; ]+[+-]?\d{1,3}\.\d|\d°/, 'looks like coordinates'],
	[
		/\d[ -]?(?:[*×•●○_#x?]{2}|[*×•●○…?]|\.{3}|x\d)|(?:[*×•●○_#x]{2}|[*×•●○…]|\.{3}) ?-?\d/i,
		'is masked',
	],
	[
		/(?<!\d)(?:\+|00) ?(?!0|86|\+)[1-9](?:\D*\d){6}/,
		'has the country code of another country',
		'country',
	],
	[
		/(?<!\d)1[ .(-]+[2-9]\d\d[ .)-]*\d{3}[ .-]*\d{4}(?!\d)/,
		'is written as a number of North America',
	],
	[/^-\d/, 'has a minus sign in front'],
	[/^\D*\d*\.(?!0+\D*$)\d+\D*$/, 'has a decimal fraction'],
	[/^\D*\+?0{0,2}86\D*$/, 'holds a country code alone'],
];

/**
 * Reads a cell as a Chinese mobile number of 11 digits (the `mobile` of API document sections 1 to 3).
 *
 * @param cell text, a number, a bigint, or a list of one; any other value is refused
 */
export function parseMobile(cell: unknown): ParsedNumber {
	return parseValue(cell, '$json.phone');
}

/** @param path of the cell in an expression, for examples */
function parseValue(cell: unknown, path: string): ParsedNumber {
	switch (typeof cell) {
		case 'string':
			return cell.length === 11 && MOBILE.test(cell) ? { mobile: cell } : parseText(cell, path);
		case 'number':
			if (Number.isFinite(cell) && !Number.isInteger(cell)) return refuse('has a decimal fraction');
			if (!Number.isSafeInteger(cell)) return refuse('is not a number of 11 digits');
			return parseValue(String(cell), path);
		case 'bigint':
			return parseValue(String(cell), path);
		case 'undefined':
			return refuse('is empty', 'empty');
		case 'boolean':
			return refuse('is true or false, not a number');
		case 'object':
			if (cell === null) return refuse('is empty', 'empty');
			if (cell instanceof Date) return refuse('is a date, not a number');
			return Array.isArray(cell) ? parseList(cell, path) : refuseObject(cell, path);
		default:
			return refuse(`is a ${typeof cell}, not text or a number`);
	}
}

function parseList(list: unknown[], path: string): ParsedNumber {
	if (list.length === 0) return refuse('is an empty list', 'empty');
	const element = `${path}[0]`;
	if (list.length > 1) {
		return refuse(
			`is a list of ${list.length}: read one element, for example {{ ${element} }}`,
			'list',
		);
	}
	// A list may hold itself.
	return element.endsWith('[0][0][0][0]')
		? refuse('is a list of lists', 'list')
		: parseValue(list[0], element);
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
	if (/\{\{|\}\}|^=? ?\$[a-z(]/i.test(trimmed)) {
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
		.replace(FULL_WIDTH, (character) =>
			String.fromCharCode(character.charCodeAt(0) - FULL_WIDTH_OFFSET),
		);
	for (const [pattern, replacement] of SAME) same = same.replace(pattern, replacement);
	return same
		.trim()
		.replace(THOUSANDS, (number, separator) =>
			separator === '.' && isIpAddress(number) ? number : number.replace(/\D/g, ''),
		);
}

/** `1.3800138E10` → `13800138000`; undefined where digits may be lost. */
function expandScientific(text: string): string | undefined {
	const [, first = '', fraction = '', power] = NORMALISED_SCIENTIFIC.exec(text) ?? [];
	const exponent = Number(power);
	// A text that is not normalised has no exponent: the comparison with NaN refuses it.
	if (!(exponent - fraction.length <= MOST_OMITTED_ZEROS)) return undefined;
	const whole = first + fraction.slice(0, exponent).padEnd(exponent, '0');
	return fraction.length > exponent ? `${whole}.${fraction.slice(exponent)}` : whole;
}

function parseNumber(text: string): ParsedNumber {
	const found = [...text.matchAll(NUMBER)];
	const mobiles = found.map(([, , number = '']) => number.replace(/\D/g, '').slice(0, 11));
	const [mobile] = mobiles;
	if (mobile === undefined) return lookOf(text, LOOKS) ?? refuse(describeDigits(text));
	const different = new Set(mobiles).size;
	if (different > 1) return refuse(`holds ${different} mobile numbers`);
	if (found.some(([, , number = '']) => isIpAddress(number)))
		return refuse('looks like an IP address');

	const beside = text.replace(NUMBER, (_, prefix = '') =>
		prefix.startsWith('+') ? `+${MARK}` : MARK,
	);
	const hasCode = found.some(([, prefix = '']) => prefix.includes('86'));
	const rest = withoutHarmlessDigits(hasCode ? beside : beside.replace(CODE_APART, ''));
	const further = /\p{Nd}/u.test(rest) ? lookOf(rest, FURTHER_DIGITS) : undefined;
	return further ?? lookOf(rest, SIGNS) ?? lookOf(wordsOf(rest), WORDS) ?? { mobile };
}

/** Takes out the digits of labels, and those of remarks behind the number. */
function withoutHarmlessDigits(beside: string): string {
	const behind = (part: string) =>
		part.replace(/\(([^()]*)\)/g, (whole, remark: string) => {
			const isRemark = /\p{L}/u.test(remark) || HOURS_OR_DATE.test(remark);
			return isRemark && !PHONE_IN_REMARK.test(remark) ? whole.replace(/\d/g, '') : whole;
		});
	const parts = beside.replace(NUMBERED_LABEL, '').split(MARK);
	return parts
		.map((part, index) => (index === 0 ? part : behind(part)))
		.map((part) => (LABEL.test(part) ? part.replace(LABEL_DIGITS, '') : part))
		.join(MARK);
}

/** The words that may object: neither those in front of a word for phone, nor labels with nothing behind them. */
function wordsOf(beside: string): string {
	const behindPhone = beside.replace(UP_TO_PHONE_WORD, '');
	const filled = behindPhone === beside ? beside : behindPhone.replace(LABELS_OF_NOTHING, '');
	return filled.replace(/_/g, ' ').replace(/([a-z])(?=[A-Z])/g, '$1 ');
}

function looksOfWords(table: string): Look[] {
	const lines = table.trim().replace(/\n\t/g, ' ').split('\n');
	return lines.map((line) => {
		const [reason = '', list = ''] = line.split(': ');
		const words = list.split(' ');
		const chinese = words.filter((word) => /\p{Script=Han}/u.test(word));
		const english = words.filter((word) => !chinese.includes(word)).join('|');
		const pattern = [...chinese, `(?<![a-z])(?:${english})(?![a-z])`].join('|');
		return [new RegExp(pattern, 'iu'), reason];
	});
}

function lookOf(text: string, looks: Look[]): ParsedNumber | undefined {
	const look = looks.find(([pattern]) => pattern.test(text));
	return look && refuse(look[1], look[2]);
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
		.replace(/\.0+(?=\D*$)/, '')
		.replace(/\D/g, '')
		.replace(/^(?:0{0,2}86)(?=1\d{9})/, '');
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

function refuse(
	reason: string,
	kind: RefusalKind = 'other',
): { reason: string; kind: RefusalKind } {
	return { reason, kind };
}
