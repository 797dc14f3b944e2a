import { jsonParse, type IExecuteFunctions } from 'n8n-workflow';

import { toOutputItem, type OutputItem } from './items';
import { maskMobile } from './juhe/redact';
import { parseMobile } from './list/number';
import {
	INVALID_NUMBER,
	invalidNumberFailure,
	inWords,
	userFailure,
	type Outcome,
	type Row,
	type RowFailure,
} from './list/outcome';
import { RESULT_NAMES, type ResultName } from './list/storedResult';
import { MOST_NUMBERS } from './properties';
import type { Settings } from './settings';

/** What a model puts between numbers; blanks count too, between whole numbers. */
const SEPARATORS = /[,，;；、\n\r|/]|和|与|及|\band\b/;
/** How a model begins the items of a list: `- `, and `1. `, `1)`, `1、` or `（1）` wherever one begins. */
const BULLET = /^\s*[-*•]\s*/;
const ITEM_NUMBER =
	/(?<![^\s,，;；、|])(?:[(（](?:[1-9]\d?|100)[)）]|(?:[1-9]\d?|100)(?:[)）、]|[.．](?!\d)))\s*/g;
/** A country code that a blank parts from its number. */
const COUNTRY_CODE = /(?<!\S)([(（]?\+?(?:00)?86[)）]?)\s+(?=\d)/g;
const DIGIT = /\p{Nd}/u;
/** As many digits as a mobile number has, one mistyped or with its country code. */
const LONG_AS_NUMBER = /^\D*(?:\d\D*){10,13}$/;
/** What a model is told of an object. */
const IS_OBJECT = 'is an object: send the number alone';
/** Names of a result that tell a model nothing. */
const NOT_FOR_MODELS: readonly ResultName[] = ['operation', 'attempts', 'recheckAt', 'orderid'];

/** A number of a call, and how the model wrote it. */
export interface ToolRow {
	row: Row;
	given: unknown;
	/** The index of the input item. */
	item: number;
}

/** Reads the numbers of a call, each once, in order. A tool's call carries no results, whatever the model sends. */
export function readToolRows(context: IExecuteFunctions): ToolRow[] {
	const rows = new Map<unknown, ToolRow>();
	context.getInputData().forEach((_, item) => {
		for (const given of splitNumbers(context.getNodeParameter('mobile', item))) {
			const parsed = parseMobile(given);
			const row: Row =
				'mobile' in parsed
					? { mobile: parsed.mobile }
					: // A model cannot read a field by an expression.
						{ failure: invalidNumberFailure(parsed.kind === 'object' ? IS_OBJECT : parsed.reason) };
			const key = 'mobile' in parsed ? parsed.mobile : given;
			if (!rows.has(key)) rows.set(key, { row, given, item });
		}
	});
	if (rows.size <= MOST_NUMBERS) return [...rows.values()];
	const failure = userFailure(
		INVALID_NUMBER,
		`'Mobile Number' holds ${rows.size} numbers, more than ${MOST_NUMBERS}. Nothing was sent`,
		`Call the tool again with ${MOST_NUMBERS} numbers or fewer.`,
	);
	return [{ row: { failure }, given: undefined, item: 0 }];
}

/** The numbers in what a model sends: an array, JSON text of one, or text with separators. */
export function splitNumbers(sent: unknown): unknown[] {
	if (Array.isArray(sent)) return sent.length === 0 ? [''] : sent.flatMap(splitNumbers);
	if (typeof sent !== 'string' || 'mobile' in parseMobile(sent)) return [sent];
	const array = jsonParse<unknown>(sent, { fallbackValue: null });
	if (Array.isArray(array)) return splitNumbers(array);
	const parts = sent
		.replace(/[[\]"'`]/g, '')
		.replace(ITEM_NUMBER, '')
		.split(SEPARATORS)
		.map((part) => part.replace(BULLET, '').trim())
		.filter((part) => DIGIT.test(part))
		.flatMap(splitAtBlanks);
	return parts.length > 1 ? parts : [sent];
}

/**
 * Blanks may also stand within a number. They separate numbers only where each part with digits has as many as one, and
 * one of them is a number beside the words of the text: what these say holds for each.
 */
function splitAtBlanks(text: string): string[] {
	if ('mobile' in parseMobile(text)) return [text];
	const words = text.replace(COUNTRY_CODE, '$1').split(/\s+/);
	const parts = words.filter((word) => DIGIT.test(word));
	const beside = words.filter((word) => !DIGIT.test(word)).join(' ');
	const isNumber = (part: string) => 'mobile' in parseMobile(part);
	const number = parts.find(isNumber);
	const isList =
		number !== undefined &&
		isNumber(`${beside} ${number}`) &&
		parts.every((part) => LONG_AS_NUMBER.test(part) || isNumber(part));
	return isList ? parts : [text];
}

/**
 * The item that a model gets for a number: the result without what tells a model nothing, or what is wrong and what to do.
 *
 * @param fingerprintOf of a number of 11 digits
 */
export function toToolItem(
	{ row, given, item }: ToolRow,
	outcome: Outcome,
	settings: Settings,
	fingerprintOf: (mobile: string) => string,
): OutputItem {
	const { maskNumber, resultFields } = settings;
	if ('failure' in outcome)
		return toolErrorItem(outcome.failure, item, maskNumber ? undefined : given);
	if ('plan' in outcome) {
		const number = maskNumber ? maskMobile(outcome.mobile) : outcome.mobile;
		return { item: { json: { number, dryRun: outcome.plan }, pairedItem: { item } } };
	}
	const isChosen = resultFields.length < RESULT_NAMES.length;
	const told = resultFields.filter((name) => isChosen || !NOT_FOR_MODELS.includes(name));
	const compact = { ...settings, resultFields: told };
	return toOutputItem({ json: {} }, item, row, outcome, compact, fingerprintOf);
}

/** What a model is told instead of a result. @param given how the model wrote the number; undefined for no number */
export function toolErrorItem(failure: RowFailure, item: number, given?: unknown): OutputItem {
	const number = given === undefined ? {} : { number: given as string };
	const told = { ...number, error: inWords(failure), code: failure.details.code };
	return { item: { json: told, pairedItem: { item } } };
}
