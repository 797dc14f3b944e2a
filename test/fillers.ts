/** What a cell of a megabyte may be full of. */
export const FILLERS: Record<string, string> = {
	...{ blanks: ' ', tabs: '\t', 'line feeds': '\n', 'carriage returns': '\r\n' },
	...{ 'no-break spaces': '\u00a0', 'ideographic spaces': '\u3000', 'zero width': '\u200b' },
	...{ NUL: '\0', 'combining marks': '\u0301', 'variation selectors': '\ufe0f', emoji: '🙂' },
	...{ flags: '🇨🇳', keycaps: '1\ufe0f\u20e3', digits: '1', zeros: '0', '+86': '+86', '86': '86 ' },
	...{
		numbers: '13800138000 ',
		groups: '138 0013 ',
		thousands: '13,800,',
		'numbered labels': 'a1:',
	},
	...{ dashes: '-', dots: '.', commas: ',', colons: ':', equals: '=', slashes: '/', stars: '*' },
	...{ backslashes: '\\', 'round brackets': '(', 'square brackets': '[', '{{': '{{', '}}': '}}' },
	...{ quotes: '"', apostrophes: "'", '<': '<', tags: '<a =', '&nbsp;': '&nbsp;', '&#': '&#1' },
	...{ _x000D_: '_x000D_', '%20': '%20', '@': '@', addresses: 'a@', schemes: 'http://' },
	...{ letters: 'a', capitals: 'aA', exponents: '1e', Chinese: '张', 'phone words': '手机' },
	...{ 'order words': '订单', money: '¥', 'full-width digits': '１', 'JSON lists': '[1,' },
};

/** A text of `length` characters, as a read file holds it: in one piece. */
export function fill(filler: string, length: number): string {
	return Buffer.from(filler.repeat(Math.ceil(length / filler.length))).toString();
}
