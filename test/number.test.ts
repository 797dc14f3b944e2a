import fc from 'fast-check';
import { parsePhoneNumberFromString } from 'libphonenumber-js/max';

import { maskMobile } from '../nodes/JuheMobileStatus/juhe/redact';
import { parseMobile } from '../nodes/JuheMobileStatus/list/number';
import fieldCases from './field-cases/numbers.json';
import { FILLERS, fill } from './fillers';
import { spellings } from './spellings';

const MOBILE = '13800138000';

const mobileOf = (cell: unknown): string | undefined => {
	const parsed = parseMobile(cell);
	return 'mobile' in parsed ? parsed.mobile : undefined;
};
const reasonOf = (cell: unknown): string | undefined => {
	const parsed = parseMobile(cell);
	return 'reason' in parsed ? parsed.reason : undefined;
};

test.each(fieldCases)('field case $cell', ({ cell, mobile }) => {
	expect(mobileOf(cell)).toBe(mobile);
});

/** The cells of a line. */
const split = (line: string): string[] => line.split(' ¦ ');

test.each([
	['3-4-4', '138 0013-8000 ¦ 138/0013/8000 ¦ 138_0013_8000 ¦ 138·0013·8000 ¦ 138(0013)8000'],
	[
		'3-4-4',
		'138 - 0013 - 8000 ¦ 138--0013--8000 ¦ 138−0013‑8000 ¦ [138] 0013 8000 ¦ 138. 0013. 8000',
	],
	[
		'3-4-4',
		'138,0013,8000 ¦ 138\n0013\n8000 ¦ 138 | 0013 | 8000 ¦ 138~0013~8000 ¦ 138、0013、8000',
	],
	['spaces', '138\u00a00013\u00a08000 ¦ 138\u3000 0013 \u20098000 ¦ 138&nbsp;0013&#160;8000'],
	['3-3-5', '138 001 38000 ¦ 138-001-38000 ¦ 138.001.38000 ¦ (138) 001-38000 ¦ 138--001--38000'],
	['3-3-3-2', '138 001 380 00 ¦ 138-001-380-00'],
	['4-4-3', '1380 0138 000 ¦ 1380-0138-000'],
	['5-6', '13800 138000 ¦ 13800-138000'],
	['3-8', '(138)00138000 ¦ （138） 00138000. ¦ +86 138 00138000'],
	['single digits', '1 3 8 0 0 1 3 8 0 0 0 ¦ 1.3.8.0.0.1.3.8.0.0.0 ¦ 1/3/8/0/0/1/3/8/0/0/0'],
	['keycaps', Array.from(MOBILE, (digit) => `${digit}\ufe0f\u20e3`).join('')],
	[
		'thousands',
		"13，800，138，000 ¦ 13'800'138'000 ¦ 13 800 138 000 ¦ 13.800.138.000 ¦ 8,613,800,138,000",
	],
	[
		'zeros',
		'13800138000.00 ¦ 8613800138000.0 ¦ 13,800,138,000.00 ¦ 13.800.138.000,00 ¦ 13800138000,0',
	],
	[
		'scientific',
		'1.3800138E10 ¦ 1.380013800e+010 ¦ 1,3800138E+10 ¦ 8.613800138E12 ¦ 手机：1.380013800000 E+10 ¦ 13.800138000E9 ¦ 13800138000E0 ¦ 0.13800138000E11 ¦ 138001380.00e2',
	],
	[
		'a prefix',
		'+8613800138000 ¦ 86-138-0013-8000 ¦ (86)13800138000 ¦ +(86) 138 0013 8000 ¦ 86138 0013 8000',
	],
	[
		'a prefix',
		'+86.138.0013.8000 ¦ +86:13800138000 ¦ +86，13800138000 ¦ +86/13800138000 ¦ 86,13800138000 ¦ 86、13800138000',
	],
	[
		'a prefix',
		'00 86 138 0013 8000 ¦ (0086)138-0013-8000 ¦ +086 13800138000 ¦ 011-86-138-0013-8000',
	],
	[
		'a country',
		'+86 (China) 13800138000 ¦ (CN +86) 138 0013 8000 ¦ China+86 13800138000 ¦ 🇨🇳13800138000',
	],
	[
		'a country',
		'国家代码：86 手机号：13800138000 ¦ Country code: 86, Phone: 13800138000 ¦ 美国客户 +86 13800138000',
	],
	['a trunk zero', '0138-0013-8000 ¦ (0138) 0013-8000 ¦ (0)13800138000 ¦ +86 (0)138-001-38000'],
	[
		'the same twice',
		'138-0013-8000 13800138000 ¦ [138 0013 8000](tel:+8613800138000) ¦ 手机1：13800138000；手机2：13800138000',
	],
	[
		'a name',
		'李元13800138000 ¦ 张三_13800138000 ¦ 王元芳(13800138000) ¦ A张三13800138000 ¦ David 13800138000',
	],
	[
		'a name',
		'韩元 13800138000 ¦ 陈英国13800138000 ¦ CAD工程师 13800138000 ¦ 联通卡：13800138000 ¦ 手机卡 13800138000',
	],
	[
		'a name',
		'Po Ip 13800138000 ¦  <Li Si 13800138000> ¦ "Li, Si" <+8613800138000> ¦ ZHANG SAN-13800138000',
	],
	[
		'a remark',
		'13800138000 本人 ¦ 13800138000个人 ¦ 13800138000 空号 ¦ 13800138000·张三 ¦ 13800138000/null',
	],
	[
		'a remark with digits',
		'13800138000 (24小时) ¦ 13800138000（备注2） ¦ 13800138000【2024-01-01】 ¦ 13800138000 张三（09:00~18:00） ¦ 13800138000（9:44）',
	],
	[
		'a courier',
		'快递员 13800138000 ¦ 顺丰快递电话：13800138000 ¦ 微信/手机：13800138000 ¦ 手机号（微信号）：13800138000',
	],
	[
		'a label',
		'电　话:13800138000 ¦ *手机(必填)：13800138000 ¦ Tel13800138000 ¦ phone_13800138000 ¦ Phone No.13800138000',
	],
	[
		'a label',
		'Phone #138 0013 8000 ¦ "phone":"13800138000" ¦ customerPhone=13800138000 ¦ 휴대폰: 13800138000',
	],
	[
		'a numbered label',
		'电话(1)：13800138000 ¦ 电话1 13800138000 ¦ Phone 1 - Value: 13800138000 ¦ phones[0]=13800138000',
	],
	[
		'a numbered label',
		'紧急联系人1：李四 13800138000 ¦ 紧急联系人11：李四 13800138000 ¦ 手机1：13800138000 手机2： ¦ 1班 张三：13800138000',
	],
	[
		'two labels',
		'订单联系电话：13800138000 ¦ 账号（手机号）：13800138000 ¦ 手机：13800138000 传真：无 ¦ Order phone: 13800138000',
	],
	[
		'an address',
		'收货人: 张三, 13800138000, 浙江省杭州市文三路 ¦ 姓名：张三\n电话：13800138000\n地址：',
	],
	[
		'a sentence',
		"查询手机号13800138000的在网状态 ¦ The customer's number is 13800138000. ¦ CONTACT US: 13800138000",
	],
	[
		'bullets',
		'• 13800138000 ¦ ①13800138000 ¦ - 13800138000 ¦ **13800138000** ¦ > 13800138000 ¦ ☎️ 138 0013 8000',
	],
	[
		'text marks',
		`’13800138000 ¦ ="+86 138 0013 8000" ¦ "=""13800138000""" ¦ ='13800138000' ¦ =+8613800138000`,
	],
	[
		'quotes',
		'“13800138000” ¦ 「13800138000」 ¦ `13800138000` ¦ &quot;13800138000&quot; ¦ (13800138000 ¦ 13800138000”',
	],
	[
		'punctuation',
		'13800138000； ¦ 13800138000。 ¦ |13800138000| ¦ ，13800138000 ¦ 13800138000！ ¦ 13800138000…',
	],
	[
		'lists of one',
		'["13800138000"] ¦ [13800138000.0] ¦ [["+86 138 0013 8000"]] ¦ {13800138000} ¦ [\'13800138000\']',
	],
	[
		'line breaks',
		'\t13800138000\r\n ¦ 13800138000\u2028 ¦ 手机：\n13800138000 ¦ 13800138000\\n ¦ 13800138000&#13;',
	],
	[
		'markup',
		'<td class="a1">13800138000</td> ¦ <a href="tel:13800138000">张三</a> ¦ <phone1>13800138000</phone1> ¦ <input type="tel" value="13800138000"> ¦ 138<b>0013</b>8000',
	],
	[
		'markup',
		`+<td class="a1">13800138000</td> ¦ <p data-x='2'>13800138000</p> ¦ <h2 id="h2">张三 13800138000</h2> ¦ <a href="tel:13800138000" class="1">李四</a>`,
	],
	[
		'escapes',
		'&#x2B;8613800138000 ¦ %2B86%20138%200013%208000 ¦ _x000D_13800138000 ¦ &lt;13800138000&gt;',
	],
	[
		'mojibake',
		'�绰��13800138000 ¦ ÊÖ»ú£º13800138000 ¦ µç»°13800138000 ¦ æ‰‹æœºï¼š13800138000 ¦ 锟斤拷13800138000',
	],
	[
		'schemes',
		'tel://13800138000 ¦ SMS:+8613800138000 ¦ tel:13800138000;phone-context=+86 ¦ <sms:13800138000>',
	],
	[
		'vCards',
		'item1.TEL;type=CELL;type=pref:+86 138 0013 8000 ¦ TEL;PREF=1;CHARSET=UTF-8:13800138000',
	],
	[
		'vCards',
		'TEL;VALUE=uri:tel:+86-138-0013-8000 ¦ TEL;type=CELL;waid=8613800138000:+86 138 0013 8000',
	],
	[
		'chats',
		'8613800138000@c.us ¦ whatsapp://send?phone=8613800138000 ¦ https://wa.me/8613800138000 ¦ @张三 13800138000',
	],
	['chats', 'api.whatsapp.com/send?phone=8613800138000 ¦ <tel:+8613800138000|138 0013 8000>'],
	[
		'what is invisible',
		'\ufeff13800138000 ¦ 138\u200b0013\u00ad8000 ¦ \u202d13800138000\u202c ¦ 13800138000\u3164\u2800\u0000',
	],
	[
		'long text',
		`13800138000${'；'.repeat(189)} ¦ 13800138000${' '.repeat(9999)} ¦ ${'\u200b'.repeat(200)}13800138000`,
	],
	[
		'full-width forms',
		'＋８６－１３８００１３８０００ ¦ ＝＂13800138000＂ ¦ １３８００１３８０００．０',
	],
])('%s: is read', (_, line) => {
	for (const cell of split(line)) expect([cell, mobileOf(cell)]).toEqual([cell, MOBILE]);
});

test.each([
	['has no digits', '- ¦ 无 ¦ N/A ¦ 手机： ¦ #VALUE! ¦ 一三八零零一三八零零零'],
	['country code alone', '+86 ¦ (+86) ¦ 手机：+86'],
	['a date', '日期 2025/1/24 ¦ 2025年1月4日 10:30 ¦ 1990-1-1-138 ¦ (4-11-2025)'],
	['a date', '日期 2025/11/24 ¦ 2025/11/24 10:30 ¦ 4-11-2025 ¦ 2025年11月24日 ¦ 24-11-2025 10:30'],
	['a date', '138 05 06 2025 ¦ 138-2025-11-30 ¦ 1990-01-01-138 ¦ 1990 0101 138 ¦ 138 20251124'],
	[
		'decimal fraction',
		'138·00138000 ¦ 13800138000.01 ¦ 86.13800138000 ¦ 0.13800138000 ¦ 138 0013 8000.0 ¦ 1.38001380005E+10 ¦ 138.00138000 ¦ 139.69171234',
	],
	[
		'coordinates',
		'139.69° ¦ 35.6895,139.6917 ¦ 35.6895, -139.6917 ¦ 35.68°; 139.69° ¦ GPS 35.6,139.6',
	],
	[
		'amount of money',
		'¥13,800,138,000 ¦ &yen;13800138000 ¦ 13800138000元整 ¦ 13800138000万元 ¦ ￥1,380',
	],
	[
		'scientific notation that has lost',
		'1.38E10 ¦ 138001380E2 ¦ 13.800138E9 ¦ 1.380014E+10 ¦ 8.6138E+12 ¦ 1,38E+10 ¦ (1.38E+10) ¦ 手机：1.38E+10',
	],
	['IP address', 'IP 10.0.0.1 ¦ 10.0.0.1:8080 ¦ 13.112.138.200 ¦ 138.112.138.20 ¦ 139-196-221-10'],
	[
		'of North America',
		'1 3800138000 ¦ 1-380-013-8000 ¦ 1 .800.555.0199 ¦ 1 (415) 555-2671 ¦ 1.800.555.0199',
	],
	[
		'code of another country',
		'+13800138000 ¦ 0014155552671 ¦ +852 9123 4567 ¦ (+886) 912345678 ¦ +886 138 0013 8000',
	],
	['code of another country', '+49 (176) 12345678 ¦ 0049 176 1234 5678 ¦ Tel. +1 13800138000'],
	[
		'names another country',
		'🇺🇸 13800138000 ¦ 🇺🇸13800138000 ¦ 13800138000 🇺🇸 ¦ (UK) 13800138000 ¦ 新加坡：13800138000 ¦ Phone (US): 13800138000 ¦ 德国：17612345678 ¦ Brazil 13991234567',
	],
	[
		'country code apart',
		'+86 86 13800138000 ¦ 86 86 13800138000 ¦ +86，13800138000+86，13800138000 ¦ country code 86, phone 13800138000',
	],
	[
		'holds 2 mobile',
		'138 0013 8000 139 0013 9000 ¦ 13800138000\n13900139000 ¦ 13800138000或13900139000',
	],
	[
		'holds 2 mobile',
		"['13800138000', '13900139000'] ¦ 13800138000-13800138009 ¦ 13800138000(新13900139000)",
	],
	['holds 3 mobile numbers', '13800138000、13900139000、13700137000'],
	[
		'is a list of 2: read one element, for example {{ $json.phone[0] }}',
		'["13800138000","13900139000"] ¦ ["13800138000", ""]',
	],
	[
		'is an object: read one of its fields, for example {{ $json.phone.value }}',
		'{"type":"work","value":"13800138000"}',
	],
	['for example {{ $json.phone[0].text }}', '[{"type":"text","text":"13800138000"}]'],
	[
		'is an object',
		'{\'phone\': \'13800138000\'} ¦ {phone: 13800138000} ¦ {"a":{"b":"13800138000"}}',
	],
	[
		'more digits than',
		'13800138000/010-62551234 ¦ 13800138000-1 ¦ 13800138000 1 ¦ 1. 13800138000 ¦ 1\t13800138000',
	],
	[
		'more digits than',
		'13800138000(8001) ¦ 13800138000（2024） ¦ (2024年)13800138000 ¦ 13800138000(座机010-6255-1234)',
	],
	[
		'more digits than',
		'文三路138号 张三 13800138000 ¦ 13800138000 24小时 ¦ 10:32 张三: 13800138000 ¦ 电话2 1 13800138000',
	],
	[
		'has an extension',
		'13800138000 EXT. 12 ¦ 138-0013-8000x12 ¦ 13800138000#12 ¦ 13800138000,,12 ¦ 13800138000,802',
	],
	[
		'more digits than',
		'<phone186>13800138000</phone186> ¦ 手机：13800138000，2号： ¦ 13800138000.5元 ¦ 13800138000 (:00-18:00) ¦ 13800138000 (9:00-18::00) ¦ 13800138000,802护照',
	],
	[
		'has an extension',
		'13800138000 内线 8001 ¦ 13800138000分机12 ¦ tel:+8613800138000;ext=12 ¦ 13800138000(转8001)',
	],
	['is masked', '138...8000 ¦ *3800138000 ¦ 138x8000 ¦ 1380013xxxx ¦ 138????8000 ¦ 138 **** 8000'],
	[
		'is masked',
		'138X,XXX8000 ¦ 1x3.800.138.000 ¦ 138XXXX8000 ¦ 138××××8000 ¦ 138●●●●8000 ¦ 138…8000 ¦ 1380013800* ¦ 138*0013*8000',
	],
	[
		'email',
		'138 00138000@c.us ¦ 1380013@c.us8000 ¦ 8613800138000:12@s.whatsapp.net ¦ @13800138000 ¦ a@b.com 13800138000',
	],
	[
		'web address',
		'http://138001-38000 ¦ 见 http://example.com/13800138000 ¦ https://example.com/?phone=13800138000 ¦ www.a.cn/13800138000',
	],
	[
		'begins with 0',
		'0106255123412 ¦ (010)62551234 ¦ 0755-26012345 ¦ 0176 12 34 56 78 ¦ (0)176 12345678 ¦ 0138-001-38000',
	],
	[
		'10 digits',
		'1380013800 ¦ 1380013800.00 ¦ +86 1380013800 ¦ 1,380,013,800 ¦ 4008008888 ¦ l3800138000',
	],
	['10 digits', '<phone1>1380138000</phone1> ¦ 18·0013·8000 ¦ &#x2B;863800138000'],
	['1 digit ', 'Phone {phone: 1}'],
	['6 digits', '1380 86 ¦ 2024+86'],
	['13 digits', '13，800，138，00086'],
	['15 digits', '86 86 138001 38000'],
	['12 digits', '138001380001 ¦ +86 138001380001'],
	['99 digits', '1'.repeat(99)],
	['more than 11', '1'.repeat(100)],
	['too long', `${'张'.repeat(490)}13800138000 ¦ 13800138000${' '.repeat(9999)}x`],
	['13 to 19', '10800138000 ¦ 12800138000 ¦ 23800138000 ¦ +86 755 2601 2345'],
	[
		'not grouped',
		'1380013800-0 ¦ 13800138 000 ¦ 138001 38000 ¦ 1380013 8000 ¦ 1998-7654-321 ¦ 176 12345678',
	],
	['not grouped', '86 138001 38000 ¦ 0086-1380013-8000 ¦ 1.3.8.0.0.1.38.0.0.0'],
	[
		'not grouped',
		'138-00-13-80-00 ¦ 1380 013 8000 ¦ 138.0013.80.00 ¦ 138,0013:8000 ¦ (19) 98765-4321 ¦ 1-3 8-0 0-1 3-8 0-0 0',
	],
	['minus sign', '-138 ¦ \u200b -13800138000 ¦ -13800138000 ¦ "-138.0013.8000'],
	[
		'letters between',
		'138号0013 8000 ¦ 138_号0013_8000 ¦ 1380013微信8000 ¦ 138tel:00138000 ¦ 138wa.me/00138000',
	],
	[
		'letters joined',
		'DH13800138000 ¦ user_13800138000 ¦ hotel13800138000 ¦ 13800138000kg ¦ 13800138000_a',
	],
	[
		'order number',
		'JD-13800138000 ¦ <order_no>13800138000</order_no> ¦ <orderNo>13800138000</orderNo> ¦ 手机订单号：13800138000 ¦ 电话：13800138000 订单',
	],
	[
		'fax',
		'TEL;TYPE="work,fax";VALUE=uri:tel:+86-138-0013-8000 ¦ 电话/传真：13800138000 ¦ Fax/Tel: 13800138000 ¦ (F) 138 0013 8000',
	],
	['name of a file', 'IMG_13800138000 ¦ 13800138000.jpg ¦ C:\\13800138000 ¦ /home/13800138000'],
	['a quantity', '×13800138000 ¦ 13800138000 次 ¦ 13800138000 kg ¦ 13800138000件商品'],
	['percentage', '13800138000% ¦ 13800138000 ‰'],
	['coordinate', '13800138000° ¦ {phone: 13800138000} 纬度'],
	['card number or an ID', 'user86_id：13800138000'],
	['another script', '١٣٨٠٠١٣٨٠٠٠ ¦ १३८००१३८०००'],
	['turns the order', '\u202e13800138000'],
	['garbled', '�绰�� ¦ ÊÖ»ú£º1380013 ¦ 锟斤拷 ¦ æ‰‹æœº'],
])('"%s" is said', (reason, line) => {
	for (const cell of split(line)) {
		expect([cell, reasonOf(cell)]).toEqual([cell, expect.stringContaining(reason)]);
	}
});

/** What objects, wherever it stands and however it is written. */
test.each([
	['fax', '传真 傳真 fax faxno FAX facsimile telefax'],
	['extension', '分机 分機 内线 ext extn. extension'],
	[
		'order number',
		'订单 订单号 采购单 报关单 送货单 入库单号 orderid orderno 單號 运单 快递 物流单号 面单号 流水号 发票 凭证号 order Order_No orderNo tracking waybill invoice receipt booking ticket transaction ref',
	],
	[
		'account',
		'账号 帐号 賬戶 户号 用户名 登录名 会员号 支付宝 QQ qq 群号 抖音号 小红书号 旺旺 account acct A/C login username IBAN skype',
	],
	[
		'card number or an ID',
		'卡号 银行卡 信用卡 医保卡 加油卡 公交卡 驾照 军官证 cardno idno 身份证 身份证号 证件号 护照 驾驶证 准考证 card ID userId user_id uid openid passport license SSN IMEI UUID ICCID',
	],
	['tax number', '税号 纳税人识别号 信用代码 tax VAT'],
	['contract', '合同 合同号 协议 contract agreement policy'],
	[
		'staff, student or customer',
		'工号 学号 员工号 学籍 病历 student_no staff-number employeeNumber customer_number badgeCode',
	],
	[
		'code or a serial',
		'编号 客户编号 序列号 设备号 串号 条码 货款编码 验证码 取件码 密码 车牌 航班 房间号 邮编 邮政编码 serial S/N SN SKU TIN PO VIN 机器码 ISBN barcode PIN OTP password code zip postcode',
	],
	[
		'amount of money',
		'金额 费用 税额 应付 IDR INR 价格 总价 合计 余额 工资 人民币 美元 ¥ $ € amount price total balance fee RMB CNY USD dollars',
	],
	['percentage', '百分比 percent pct'],
	['date', '日期 生日 出生 时间戳 date birthday DOB timestamp'],
	['coordinate', '经度 纬度 坐标 lat longitude GPS'],
	['network address', 'IP IPv4 ipv6 MAC 网址 域名 端口 url hostname ipAddress'],
	['version', '版本 version ver'],
	[
		'ciphertext',
		'MD5 sha256 SHA-384 base64 密文 加密 哈希 密钥 ciphertext encrypted hash token nonce AES apiKey',
	],
	['email', '邮箱 邮件 email e-mail'],
	['quantity', '数量 库存 销量 重量 粉丝 阅读量 qty quantity count weight'],
	['file', '文件名 filename file'],
])('a word for another thing (%s) objects', (reason, words) => {
	for (const word of words.split(' ')) {
		for (const cell of [
			`${word} 1`,
			`${word}：1`,
			`${word}(1)`,
			`1 ${word}`,
			`1（${word}）`,
			`1\n${word}`,
		]) {
			const said = reasonOf(cell.replace('1', MOBILE));
			expect([cell, said]).toEqual([cell, expect.stringContaining(reason)]);
		}
	}
});

test('of values that are no text, whole numbers are read', () => {
	for (const cell of [13800138000, 8613800138000, 13800138000n, [MOBILE], [[13800138000]]])
		expect(mobileOf(cell)).toBe(MOBILE);
	expect(reasonOf(1380013800)).toContain('10 digits');
	expect(reasonOf(0)).toContain('1 digit ');
	expect(reasonOf(13800138000.5)).toContain('decimal fraction');
	for (const cell of [-13800138000, -13800138000n]) expect(reasonOf(cell)).toContain('minus sign');
	for (const cell of [NaN, 1e21, Infinity]) expect(reasonOf(cell)).toContain('not a number of 11');
	expect(reasonOf(true)).toContain('true or false');
	expect(reasonOf([MOBILE, MOBILE])).toMatch(/^is a list of 2: .*\{\{ \$json\.phone\[0\] \}\}$/);
	for (const cell of [{}, Object.create(null)]) expect(reasonOf(cell)).toContain('is an object');
	expect(reasonOf({ id: 1, value: MOBILE })).toMatch(/\{\{ \$json\.phone\.value \}\}$/);
	const circle: unknown[] = [];
	circle.push(circle);
	expect(reasonOf(circle)).toContain('is a list');
	expect(reasonOf(new Date(0))).toContain('a date');
	expect(reasonOf(Symbol(MOBILE))).toContain('a symbol');
});

test.each([
	[
		'empty',
		[undefined, null, '', ' \u200b', "'", '=""', 'null', 'undefined', 'NaN', 'None', [], '[]'],
	],
	['scientific', ['1.38E+10', '1.38001e10', '138E8', '13.800138E9', '手机：1.38E+10']],
	[
		'expression',
		['{{ $json.phone }}', '={{$json["a b"]}}', '$json.phone', ' = $json.phone', '{{phone}}'],
	],
	['garbled', ['\ufffd\ufffd', 'ÊÖ»ú', '\ufffd\ufffd12']],
	['list', [['1', '2'], '["1","2"]', JSON.stringify(Array(99).fill(MOBILE))]],
	['object', [{ value: MOBILE }, [{ text: MOBILE }], '{"value":1}', '{phone: 1}']],
	['country', ['+852 9123 4567', '0044 7911 123456', 'Tel: +1 13800138000']],
	[
		'other',
		['12', true, '138****8000', '12 $a', 'A 138E8', '138E8 A', '\ufffd13800138000 13900139000'],
	],
])('the kind "%s" tells what to look for in the whole column', (kind, cells) => {
	for (const cell of cells) expect([cell, parseMobile(cell)]).toMatchObject([cell, { kind }]);
});

test('a number is masked in its middle', () => {
	expect(maskMobile(MOBILE)).toBe('138****8000');
});

/**
 * How many characters the patterns walk over while a cell is read. How often a pattern turns back within a text does
 * not show here; `npm run bench -- cells` does.
 */
function walkedOver(cell: string): number {
	let walked = 0;
	const exec = Reflect.get(RegExp.prototype, 'exec') as (
		this: RegExp,
		text: string,
	) => RegExpExecArray | null;
	const spy = jest.spyOn(RegExp.prototype, 'exec').mockImplementation(function (
		this: RegExp,
		text: string,
	) {
		const from = this.lastIndex;
		const match = exec.call(this, text);
		walked += (match ? match.index + match[0].length : text.length) - from;
		return match;
	});
	parseMobile(cell);
	spy.mockRestore();
	return walked;
}

test.each(Object.entries(FILLERS))(
	'a cell full of %s costs no more than a long sentence',
	(_, filler) => {
		const around = (size: number) => `${fill(filler, size)}手机${MOBILE}${fill(filler, size)}`;
		const sentence = Math.max(...[5, 100, 200].map((size) => walkedOver(around(size))));
		expect(walkedOver(around(200))).toBeLessThan(2.1 * walkedOver(around(100)));
		expect(sentence).toBeLessThan(60_000);
		for (const cell of [
			fill(filler, 1_000_000),
			around(500_000),
			`${MOBILE}${fill(filler, 1_000_000)}x`,
		]) {
			expect(walkedOver(cell)).toBeLessThanOrEqual(sentence);
		}
	},
);

test('no number of another country that is written with separators or a plus is read', () => {
	const tried = [...spellings(20_000, 1)];
	const read = tried.filter(({ cell, isMarked }) => isMarked && mobileOf(cell) !== undefined);
	expect(read).toEqual([]);
	expect(new Set(tried.map(({ country }) => country)).size).toBeGreaterThan(200);
});

const mobile = fc
	.tuple(fc.integer({ min: 3, max: 9 }), fc.integer({ min: 0, max: 999_999_999 }))
	.map(([second, rest]) => `1${second}${String(rest).padStart(9, '0')}`);
const WRAPPINGS = split(
	'N ¦ \'N ¦ ="N" ¦ 手机：N ¦ tel:N ¦ N（微信） ¦ \u202aN\u202c ¦ “N”， ¦ Mobile: N (Li) ¦ \tN\r\n',
);
const widen = (text: string): string =>
	text.replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0));
/** A number as people write it. `wrap` puts the prefix and the wrapping of this cell around any digits. */
const written = fc
	.record({
		digits: mobile,
		prefix: fc.constantFrom('', '+86', '86 ', '0086-', '(+86)', '+86 ', '+0086 '),
		cuts: fc.constantFrom([], [3, 7], [4, 8], [3, 6], [3, 6, 9]),
		separator: fc.constantFrom(' ', '-', '.', '\u00a0', '–', ' - '),
		wrapping: fc.constantFrom(...WRAPPINGS),
	})
	// A year and an IP address are no groups.
	.filter(({ digits, cuts }) => cuts.length === 0 || cuts[1] === 7 || /^1[3-8].[4-9]/.test(digits))
	.map(({ digits, prefix, cuts, separator, wrapping }) => {
		const wrap = (number: string) => wrapping.replace('N', `${prefix}${number}`);
		const groups = [0, ...cuts].map((cut, index) => digits.slice(cut, cuts[index]));
		return { digits, wrap, text: wrap(groups.join(separator)) };
	});

describe('for any cell', () => {
	test('what people write is read, and read again as itself', () => {
		fc.assert(
			fc.property(written, ({ digits, text }) => {
				for (const cell of [text, widen(text), digits, Number(digits)]) {
					expect(parseMobile(cell)).toEqual({ mobile: digits });
				}
			}),
			{ numRuns: 2000 },
		);
	});

	test('a digit too many or too few is refused', () => {
		const position = fc.integer({ min: 1, max: 11 });
		fc.assert(
			fc.property(written, position, fc.nat(9), ({ digits, wrap, text }, at, digit) => {
				const more = wrap(`${digits.slice(0, at)}${digit}${digits.slice(at)}`);
				const fewer = wrap(`${digits.slice(0, at - 1)}${digits.slice(at)}`);
				for (const cell of [`${text}${digit}`, more, fewer]) {
					expect([cell, mobileOf(cell)]).toEqual([cell, undefined]);
				}
			}),
			{ numRuns: 2000 },
		);
	});

	test('no digit is invented, dropped or moved, whatever is typed into the cell', () => {
		const character = fc.constantFrom(...Array.from('0123456789 -./,()+*转\n\'"#:'));
		const typed = fc.string({ unit: character, maxLength: 3 });
		const edits = fc.array(fc.tuple(fc.nat(40), fc.nat(2), typed), { minLength: 1, maxLength: 3 });
		fc.assert(
			fc.property(written, edits, (cell, changes) => {
				const text = changes.reduce(
					(before, [at, length, typing]) =>
						`${before.slice(0, at)}${typing}${before.slice(at + length)}`,
					cell.text,
				);
				const accepted = mobileOf(text);
				if (accepted === undefined) return;
				expect(accepted).toMatch(/^1[3-9]\d{9}$/);
				const decimals = /[.,．，](0+)\D*$/.exec(text)?.[1] ?? '';
				const [before, behind] = text.replace(/\D/g, '').split(accepted);
				// A label and a remark may have digits of their own.
				const hasColon = /[:：=]/.test(text);
				const label = hasColon ? 4 : /\p{L}/u.test(text) ? 1 : 0;
				const remark = /[(（]/.test(text) ? 8 : hasColon ? 4 : 0;
				expect(before).toMatch(new RegExp(`^\\d{0,${label}}(?:(?:00?|011)?86)?0?$`));
				expect(behind).toMatch(new RegExp(`^(?:${decimals})?\\d{0,${remark}}$`));
			}),
			{ numRuns: 10_000 },
		);
	});

	test('nothing throws, and no reason quotes the cell', () => {
		const anything = fc.oneof(
			fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true }),
			fc.string({ unit: 'binary' }),
			fc.string({ unit: fc.constantFrom(...Array.from('+-0123456789eE.xX \u200b（１,')) }),
			fc.stringMatching(/^\d{0,250}$/),
			fc.double(),
		);
		fc.assert(
			fc.property(anything, (cell) => {
				const parsed = parseMobile(cell);
				if ('mobile' in parsed) expect(parsed.mobile).toMatch(/^1[3-9]\d{9}$/);
				else expect(parsed.reason).toMatch(/^(?!.*\d{3})(?:is|has|holds|looks|begins|does) /);
			}),
			{ numRuns: 5000 },
		);
	});
});

describe('beside libphonenumber', () => {
	const readByLibrary = (cell: string) => {
		const number = parsePhoneNumberFromString(cell, 'CN');
		return number?.countryCallingCode === '86' ? number : undefined;
	};

	test('it finds the same digits in what people write', () => {
		const spelled = written.filter(({ text }) => /^(?!\+00)[\d+()-][\d .()–-]+$/.test(text));
		fc.assert(
			fc.property(spelled, ({ digits, text }) => {
				expect(readByLibrary(text)?.nationalNumber).toBe(digits);
				expect(mobileOf(text)).toBe(digits);
			}),
		);
	});

	test('we read ranges that it does not list, because new ones are opened and the service knows them', () => {
		const unlisted = Array.from({ length: 70 }, (_, index) => String(130 + index)).filter(
			(range) => readByLibrary(`${range}00138000`)?.getType() !== 'MOBILE',
		);
		const expected = '140 141 142 143 144 146 148 149 154 160 163 164 168 169 179 194'.split(' ');
		expect(expected).toEqual(expect.arrayContaining(unlisted));
		for (const range of unlisted) expect(mobileOf(`${range}00138000`)).toBe(`${range}00138000`);
	});

	// It is made for what a user types into a phone field, so it joins whatever digits there are; a cell may hold anything.
	test.each([
		['1380013800.0', 'makes the decimal a digit'],
		['139.196.22.110', 'joins the numbers of an IP address'],
		['1990-01-01-138', 'joins a date and a remark'],
		['1-800-555-0199', 'takes the 1 of North America for the first digit'],
		['1380013800-1', 'joins a row number'],
		['订单13800138000', 'looks for a number in any text'],
		['13800138000 ext 12', 'drops the extension'],
		['١٣٨٠٠١٣٨٠٠٠', 'reads digits of every script'],
	])('%s: it %s, and we refuse', (cell) => {
		expect(readByLibrary(cell)?.isValid()).toBe(true);
		expect(mobileOf(cell)).toBeUndefined();
	});

	test.each([
		['1.3800138000E10', 'knows no scientific notation'],
		['13,800,138,000', 'stops at a comma'],
		['13800138000.0', 'makes the decimal a digit'],
		['+0086 13800138000', 'takes 00 for a country code'],
	])('%s: it %s, and we read it', (cell) => {
		expect(readByLibrary(cell)?.isValid() ?? false).toBe(false);
		expect(mobileOf(cell)).toBe(MOBILE);
	});
});
