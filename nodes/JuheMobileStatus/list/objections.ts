/**
 * What stands beside a mobile number and says that it is something else.
 *
 * The number's place is taken by MARK, `+` and MARK where it has a plus.
 */

/** What is special about a cell without a number, for callers that look at a whole column. */
export type RefusalKind =
	'empty' | 'scientific' | 'expression' | 'garbled' | 'list' | 'object' | 'country' | 'other';

/**
 * Why a cell has no number.
 *
 * `reason` is a predicate that stands behind the cell's name ("is masked"). It quotes nothing.
 */
export type Refusal = { reason: string; kind: RefusalKind };

/** What a text looks like. Of a table, the first that fits is said. */
export type Look = [pattern: RegExp, reason: string, kind?: RefusalKind];

/** A control character: a cell has none that can be seen. */
export const MARK = '\0';

const PHONE_LATIN =
	'(?:(?:tele|cell|hand)?phone|mobile|mob|cell|tel|whatsapp|contact)s?' +
	'(?:[ ._-]{0,2}(?:no|num|number|#))?';
/** What objects in front of these words is not about the number behind them. */
const UP_TO_PHONE_WORD = new RegExp(
	'^[^\\0]*(?<![/&、] ?)(?:(?:手 *机|手機|电 *话|電話|联系|聯絡|收[件货]人|致电|拨打)' +
		`(?:号码?|號碼?)?#?(?:[/、(] ?微信号)?|(?<![a-z])${PHONE_LATIN}(?![a-z]))`,
	'iu',
);
const LABELS_OF_NOTHING = /(?<![\p{L}.: ])[\p{L}.: ]+:(?: ?(?:暂?无|無|-|n\/a))?$/iu;

/** The look of a number of another country. */
export const OTHER_COUNTRY = ['has the country code of another country', 'country'] as const;

/** What further digits are. The last fits always. */
const FURTHER_DIGITS: Look[] = [
	[/\0\.\d+$|\d\.\0/, 'has a decimal fraction'],
	[/(?<!\d)86\D*\0/, 'has a country code apart from its number'],
	[/(?:\+ ?|(?<!\d)00 ?)[1-9]\d{0,3}\D*\0/, ...OTHER_COUNTRY],
	[
		/\0 ?\(?(?:[#x]|,{2,}|[,;](?=\d{3,6}$)|(?:;?ext|[转轉]|分[机機]|[内內][线線])\D*)\d/i,
		'has an extension',
	],
	[/\0.*@/, 'looks like an email address'],
	[/\0/, 'holds more digits than those of one mobile number'],
];

/** Signs at the number, and letters joined to it. */
const SIGNS: Look[] = [
	[/@\0|\0@|[\w.+-]@[\w-]+\.[a-z]/i, 'looks like an email address'],
	[/(?<!tel|sms|callto|facetime|whatsapp):\/\/|\bwww\./i, 'looks like a web address'],
	[/^["'(]*-\0/, 'has a minus sign in front'],
	[/\u202e/, 'holds a sign that turns the order of its digits'],
	[
		/\0\.[a-z]{2,5}(?![a-z])|\b(?:img|vid|dsc)[_-]|\b[a-z]:\\|^\/\w+\//i,
		'looks like the name of a file or a website',
	],
	[
		new RegExp(`(?<=[a-z])(?<!(?<![a-z])${PHONE_LATIN})_?\\0|\\0_?(?!${PHONE_LATIN})[a-z]`, 'i'),
		'has letters joined to its digits',
	],
	[/(?<![A-Za-z] ?)(?!TEL|MOB|CELL|CN|VIP)[A-Z]{1,4}-\0/, 'looks like an order number'],
	[/(?<![A-Za-z])(?:IP|MAC)(?![A-Za-z])/, 'looks like a network address'],
	// Tin, Po and Ip are names.
	[
		/(?<![A-Za-z])(?:(?:PO|TIN|EIN|VIN)(?![A-Za-z])|(?:tin|ein|vin) ?:)/,
		'looks like a code or a serial number',
	],
	[
		/(?!🇨🇳)[\u{1f1e6}-\u{1f1ff}]{2} ?\0|\0 ?(?!🇨🇳)[\u{1f1e6}-\u{1f1ff}]{2}/u,
		'names another country',
	],
	[/(?:^|[(:,/] ?)(?:USA?|UK)[^\p{L}\0+]*\0/u, 'names another country'],
];

/** Words for other numbers. A line may go on in the next; each word is a pattern. */
const WORDS = looksOfWords(String.raw`
looks like a fax number: 传真 傳真 fax facsimile telefax pager f(?=[.:)]\s?\+?\0)
is or has an extension: 分机 分機 内线 內線 [转轉](?=\s?(?:[一二三四五六七八九零〇]|$)) ext extn
	extension
looks like an order number: 订单 訂單 单据 工单 保单 快递(?!员|小哥) 快遞 [运運面][单單] 流水 凭证
	发票 發票 批次 采购单 报关单 [送提]货单 [入出]库单 [单單运運面票批货款型易][号號] orders? ord
	tracking waybill awb parcel shipment consignment invoice inv receipt voucher booking reservation
	ticket transaction txn ref reference batch claim
looks like an account: [账帐賬帳][号號户戶] 用户名 登录名 支付宝 accounts?(?!\smanager) acct a/c
	user\s?name login [户群员戶員][号號] QQ 扣扣 (?:抖音|快手|小红书|企鹅)号 旺旺 微信号(?=[^\0]*\0)
	qq skype iban swift alipay paypal
looks like a card number or an ID: 卡[号號] 银行卡 信用卡 会员卡 储蓄卡 社保卡 身份[证證]
	[证證][件号號] 护照 護照 执照 驾驶证 许可证 准考证 社保号 保障号 cards? cvv iccid ids? [uw]x?id
	医保卡 加油卡 校园卡 饭卡 购物卡 礼品卡 工资卡 公交卡 交通卡 驾照 通行证 军官证 居住证 学生证
	userid openid unionid identity passport licen[cs]e ssn nric imei imsi meid uuid guid
looks like a tax number: [税稅][号號务務] 纳税 納稅 信用代码 tax vat uscc
looks like a contract number: 合同 协议 協議 contract agreement policy
looks like a staff, student or customer number: [工学學考院][号號] 学籍 病历
	(?:staff|student|employee|emp|badge|member|customer|client|patient|roll)\s?(?:no|nr|num|number|code|#)
looks like a code or a serial number: 编[号號码] 編號 [序串][号號] 序列号 设备号 条形?码
	[验驗校][证證验]?[码碼] [取提兑激邀券].?码 密码 口令 车牌 车架 航班 房间?号 机器码 门牌 邮编
	郵編 邮政编码 [#№第]\s?(?=\0) serial s/n sn sku isbn issn barcode upc ean asin pin otp password
	passwd pwd zip postcode plate flight (?<!(?:country|area|dial(?:ling|ing)?|calling)\s?)code
	n[or][.:]*\s?(?=\0) n°
looks like an amount of money: \p{Sc}[:(\s]*\0 \0[\s(]*\p{Sc}
	\0\s?[万亿]?[元块](?=$|[整钱人]|\P{Script=Han}) 金额 金額 价格 價格 [单总售]价 [总余餘][额額]
	[总合共]计 工资 收入 人民[币幣] 港币 [美欧日]元 美金
	\0\s?(?:[韩澳加新]元|英镑|泰铢|卢布) 费用 税额 [应实][付收] amount amt price total subtotal
	balance cost fee salary revenue budget rmb cny usd eur gbp hkd jpy krw twd chf aud inr sgd thb idr
	vnd \0\s?cad rp dollars? euros? yuan pounds? yen cash
looks like a percentage: [%‰]\0 \0\s?[%‰] 百分 per\s?cent percentage pct
looks like a date: 日期 生日 出生 时间戳 時間戳 date dob birthday birth timestamp unix epoch
looks like a coordinate: \0\s?° [经緯纬經]度 坐标 座標 经纬 lat lng lon latitude longitude coords?
	coordinates? gps
looks like a network address: 网址 域名 端口 (?:ip|mac)\s?(?:addr|address|[:=]) url hostname
	domain
looks like a version: 版本 version ver build revision
looks like ciphertext or a hash: 密文 加密 哈希 摘要 密钥 令牌 cipher ciphertext encrypt encrypted
	encryption hash sha aes rsa token nonce signature hmac secret
	(?:api|private|public)\s?key
looks like an email address: 邮箱 郵箱 邮件 电子邮 e-?mail mail mailto
looks like a quantity: ×\s?\0 \0\s?× \0[件次份箱吨斤步] [数數]量 [库庫]存 [销重]量 件数 [面体][积積]
	粉丝 阅读 播放 浏览
	\0\s?[件次份箱个只台套盒包袋瓶支条张本吨斤克米升人户天年岁万亿度](?!\p{Script=Han})
	\0\s?(?:字节|公斤|公里|毫升)
	\0\s?(?:[km]g|[kmc]m|ml|[kmgt]b|bytes|kwh?|[km]?hz|p[xt]|pcs|pieces|units|items|times|users)
	\0\s?(?:people|seconds|minutes|hours|days|weeks|months|years|tons|lbs?|oz|ft) qty quantity count
	stock weight followers views
looks like a file name: 文件名 檔名 file\s?name file path
names another country: (?:美[国國]|加拿大|德国|巴西|墨西哥|俄罗斯|日本|韩国)[^\p{L}\0+]*(?=\0)
	(?<!\p{L})(?:英国|法国|新加坡|马来西亚|越南|泰国|印尼|印度|澳大利亚)[^\p{L}\0+]*(?=\0)
	(?:america|canada|germany|deutschland|bra[sz]il|mexico|russia|japan|korea)[^\p{L}\0+]*(?=\0)
`);

/**
 * Why a number is no mobile number, by what stands beside it; undefined where it may be one.
 *
 * @param beside a text with MARK in the place of each number
 */
export function objectionTo(beside: string): Refusal | undefined {
	const further = /\p{Nd}/u.test(beside) ? lookOf(beside, FURTHER_DIGITS) : undefined;
	return further ?? lookOf(beside, SIGNS) ?? lookOf(wordsOf(beside), WORDS);
}

/** The first look of a table that fits, as a refusal. */
export function lookOf(text: string, looks: Look[]): Refusal | undefined {
	const look = looks.find(([pattern]) => pattern.test(text));
	return look && { reason: look[1], kind: look[2] ?? 'other' };
}

/** The words that may object: none in front of a word for phone, no label with nothing behind it. */
function wordsOf(beside: string): string {
	const behindPhone = beside.replace(UP_TO_PHONE_WORD, '');
	const filled = behindPhone === beside ? beside : behindPhone.replace(LABELS_OF_NOTHING, '');
	return filled.replace(/_|(?<=[a-z])-(?=[a-z])/gi, ' ').replace(/([a-z])(?=[A-Z])/g, '$1 ');
}

function looksOfWords(table: string): Look[] {
	const lines = table.trim().replace(/\n\t/g, ' ').split('\n');
	return lines.map((line) => {
		const [reason = '', list = ''] = line.split(': ');
		const words = list.split(' ');
		const chinese = words.filter((word) => /\p{Script=Han}/u.test(word));
		const others = words.filter((word) => !chinese.includes(word)).join('|');
		const pattern = [...chinese, `(?<![a-z])(?:${others})(?:no|num|number|id)?(?![a-z])`].join('|');
		return [new RegExp(pattern, 'iu'), reason];
	});
}
