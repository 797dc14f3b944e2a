import { aesKeyOf } from '../nodes/JuheMobileStatus/juhe/encryption';
import type { ReceivedRequest } from './simulator/simulator';

/** So many letters and digits of a secret in a row may stand nowhere. */
const WINDOW = 12;

/** The simulator, or another service that takes its key. */
interface Account {
	key: string;
	openid: string;
	/** `mobile` is the number that the request is about. */
	received: Array<Pick<ReceivedRequest, 'url' | 'body' | 'mobile'>>;
}

/**
 * What of the account's secrets, and of the ciphertexts that it has got, stands in what is saved.
 *
 * @param saved what n8n saves of an execution, with errors, whose texts JSON leaves out; or a text
 */
export function secretsIn(saved: unknown, { key, openid, received }: Account): string[] {
	const ciphertexts = received.flatMap(({ url, body, mobile }) => {
		const sent = new URLSearchParams(body || url.split('?')[1]).get('mobile');
		return sent === null || sent === mobile ? [] : [sent];
	});
	return toldOf(saved, [key, openid, aesKeyOf(openid), ...ciphertexts]);
}

/** The same of given secrets: as they are, URL-encoded, or 12 of their letters and digits in a row. */
export function toldOf(saved: unknown, secrets: string[]): string[] {
	const text = typeof saved === 'string' ? saved : JSON.stringify([saved], withTexts);
	const forms = [...new Set(secrets)].flatMap((each) => [each, encodeURIComponent(each)]);
	const parts = new Set(forms.flatMap((form) => [...windowsOf(form)]));
	const told = new Set(forms.filter((form) => text.includes(form)));
	for (const part of windowsOf(text)) if (parts.has(part)) told.add(part);
	return [...told];
}

/** A replacer for JSON. */
function withTexts(this: Record<string, unknown>, name: string, value: unknown): unknown {
	// An error of n8n has been made an object already.
	const error = this[name];
	if (!(error instanceof Error)) return value;
	const { message, stack, cause } = error;
	return Object.assign({}, error, value, { message, stack, cause });
}

/** Each 12 letters and digits in a row, without those of JSON's escapes. */
function* windowsOf(text: string): Generator<string> {
	const letters = text
		.toLowerCase()
		.replace(/\\+(u[\da-f]{4}|.)/g, '')
		.replace(/[^\da-z]/g, '');
	for (let end = WINDOW; end <= letters.length; end++) yield letters.slice(end - WINDOW, end);
}
