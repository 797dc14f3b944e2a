const MIN_SECRET_LENGTH = 4;
/**
 * Takes secrets, as they are or encoded for a URL, in small or capital letters, with or without the padding of base64,
 * and the number where it is to be masked, out of a text.
 */
export function createRedactor(
	secrets: string[],
	mask?: { mobile: string; masked: string },
): (text: string) => string {
	const forms = secrets
		.map((secret) => secret.replace(/={1,2}$/, ''))
		.filter((secret) => secret.length >= MIN_SECRET_LENGTH)
		// Unlike encodeURIComponent this takes half a surrogate pair, too.
		.flatMap((secret) => [secret, new URLSearchParams({ '': secret }).toString().slice(1)])
		.map((form) => form.toLowerCase())
		// One of them may begin with another.
		.sort((a, b) => b.length - a.length);
	const hideSecrets = (text: string) => {
		const lower = text.toLowerCase();
		const found = forms.filter((form) => lower.includes(form));
		// Made only where there is something to hide: such a pattern takes longer than all else that a row needs.
		const pattern = found.map((form) => form.replace(/\W/g, '\\$&')).join('|');
		return found.length === 0 ? text : text.replace(new RegExp(pattern, 'gi'), '***');
	};
	return (text) => {
		const hidden = hideSecrets(text);
		return mask === undefined ? hidden : hidden.replaceAll(mask.mobile, mask.masked);
	};
}

/** `13800138000` → `138****8000`. */
export function maskMobile(mobile: string): string {
	return `${mobile.slice(0, 3)}****${mobile.slice(7)}`;
}
