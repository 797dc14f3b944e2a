/** Shorter text than this is no secret. To take it out would only garble the service's words. */
const MIN_SECRET_LENGTH = 4;

/** A number that is masked, and its masked form. */
export interface Mask {
	mobile: string;
	masked: string;
}

/**
 * Creates the function that takes secrets, and a number that is to be masked, out of a text.
 *
 * Secrets are found as they are or encoded for a URL, in small or capital letters, with or without the padding of base64.
 * The number is found with spaces, dashes, dots or brackets between its digits, too.
 */
export function createRedactor(secrets: string[], mask?: Mask): (text: string) => string {
	const spellings = secrets
		.map((secret) => secret.replace(/={1,2}$/, ''))
		.filter((secret) => secret.length >= MIN_SECRET_LENGTH)
		// Unlike encodeURIComponent this also takes half a surrogate pair.
		.flatMap((secret) => [secret, new URLSearchParams({ '': secret }).toString().slice(1)])
		// A form that is decoded twice has spaces for the plus signs of base64.
		.flatMap((form) => [form, form.replaceAll('+', ' ')])
		.map((form) => form.toLowerCase());
	const forms = [...new Set(spellings)]
		// One of them may begin with another.
		.sort((a, b) => b.length - a.length);
	const redactSecrets = (text: string) => {
		const lower = text.toLowerCase();
		const found = forms.filter((form) => lower.includes(form));
		if (found.length === 0) return text;
		// A pattern is compiled only where it is needed, because that takes longer than all other work on a row.
		const pattern = found.map((form) => form.replace(/\W/g, '\\$&')).join('|');
		return text.replace(new RegExp(pattern, 'gi'), '***');
	};
	return (text) => {
		const redacted = redactSecrets(text);
		return mask === undefined ? redacted : maskIn(redacted, mask);
	};
}

function maskIn(text: string, { mobile, masked }: Mask): string {
	// As above: a pattern is compiled only for a text that may hold the number.
	if (!text.replace(/\D/g, '').includes(mobile)) return text;
	const pattern = Array.from(mobile).join('[^\\p{L}\\p{N}]{0,3}');
	return text.replace(new RegExp(pattern, 'gu'), masked);
}

/** `13800138000` → `138****8000`. */
export function maskMobile(mobile: string): string {
	return `${mobile.slice(0, 3)}****${mobile.slice(7)}`;
}
