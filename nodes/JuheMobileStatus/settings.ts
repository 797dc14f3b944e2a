import { NodeOperationError, type IExecuteFunctions } from 'n8n-workflow';

import { DETAILS_COLUMNS } from './list/outcome';
import { OPERATIONS, type OperationName } from './juhe/operations';
import type { Advice } from './juhe/status';
import { RESULT_NAMES, type FieldNames, type ResultName } from './list/storedResult';
import { OPTIONS, RECHECK_DAYS } from './properties';

type Option = (typeof OPTIONS)[number];

/** What a run gets of an option. */
type ValueOf<T extends Option> = T extends { name: 'resultFields' }
	? ResultName[]
	: T extends { type: 'options'; options: ReadonlyArray<{ value: infer Value }> }
		? Value
		: T extends { type: 'fixedCollection' }
			? Record<Advice, number>
			: T extends { type: 'boolean' }
				? boolean
				: T extends { type: 'number' }
					? number
					: string;

/** The parameters of a run, checked: the operation, and the options by their names. */
export type Settings = { operation: OperationName } & {
	[T in Option as T['name']]: ValueOf<T>;
};

/** Limits that hold only where their option is added. */
const NOT_ADDED = { maxQueries: Infinity, requestsPerSecond: Infinity };

/** Names that JavaScript treats differently: a row with such a field comes out damaged. */
const RESERVED_NAMES = ['__proto__', 'constructor', 'prototype'];
/** Fields that the node adds to rows under fixed names. */
const ADDED_FIELDS = ['error', 'details', 'dryRun', 'previousRoute', 'changed', ...DETAILS_COLUMNS];

/** A value is not what its parameter takes; the message says what it takes. */
class Refusal extends Error {}

/**
 * Reads the parameters that hold for the whole run, once. Expressions in them see the first row.
 *
 * @throws NodeOperationError that names the option and what it takes
 */
export function readSettings(context: IExecuteFunctions): Settings {
	const options = context.getNodeParameter('options', 0, {});
	try {
		const checked = Object.fromEntries(
			OPTIONS.map((option) => [
				option.name,
				// Only an option that is not set has its default; one that is set to nothing is refused.
				Object.hasOwn(options, option.name)
					? checkOption(option, options[option.name])
					: defaultOf(option),
			]),
		) as Omit<Settings, 'operation'>;
		const operation = context.getNodeParameter('operation', 0) as OperationName;
		if (!OPERATIONS.some(({ value }) => value === operation)) {
			refuse('Operation', `must be one of ${OPERATIONS.map(({ value }) => value).join(', ')}`);
		}
		const settings = { ...checked, operation };
		checkFieldNames(settings);
		checkResultFields(settings);
		return settings;
	} catch (error) {
		throw asRefusal(context, error);
	}
}

/** An error of ours as n8n shows it; others, which n8n throws for an expression, as they are. */
function asRefusal(context: IExecuteFunctions, error: unknown): unknown {
	if (!(error instanceof Refusal)) return error;
	return new NodeOperationError(context.getNode(), error.message, {
		description: 'Nothing was sent. Correct the option, or the expression that gives its value.',
	});
}

/** Where rows are written and what a query costs, as far as the settings are good, for a call whose settings are refused. */
export function readOutputFields(
	context: IExecuteFunctions,
): Pick<Settings, 'routeField' | 'outputField' | 'resultAs' | 'dryRun' | 'pricePerQuery'> {
	const read = (name: keyof Settings): unknown => {
		try {
			return context.getNodeParameter(`options.${name}`, 0, undefined);
		} catch {
			return undefined;
		}
	};
	const nameOf = (name: 'routeField' | 'outputField', fallback: string): string => {
		const value = read(name);
		const isGood = isFieldName(value) && !ADDED_FIELDS.includes(value.trim());
		return isGood ? value.trim() : fallback;
	};
	const price = Number(read('pricePerQuery'));
	return {
		routeField: nameOf('routeField', 'route'),
		outputField: nameOf('outputField', 'mobileStatus'),
		resultAs: read('resultAs') === 'object' ? 'object' : 'columns',
		dryRun: read('dryRun') === true,
		pricePerQuery: price > 0 ? price : 0,
	};
}

function refuse(displayName: string, reason: string): never {
	throw new Refusal(`'${displayName}' ${reason}`);
}

type Checkable = Option | (typeof RECHECK_DAYS)[number];

function defaultOf(option: Option): unknown {
	if (Object.hasOwn(NOT_ADDED, option.name))
		return NOT_ADDED[option.name as keyof typeof NOT_ADDED];
	return option.type === 'fixedCollection' ? checkDays({}) : option.default;
}

/** An option's value as the run uses it. @throws Refusal */
function checkOption(option: Checkable, value: unknown): unknown {
	const { displayName } = option;
	if (value === undefined || value === null || (typeof value === 'string' && !value.trim())) {
		return refuse(displayName, 'is set, but its value is empty');
	}
	switch (option.type) {
		case 'number':
			return checkNumber(option, value);
		case 'boolean':
			return typeof value === 'boolean' ? value : refuse(displayName, 'must be true or false');
		case 'options': {
			const values: unknown[] = option.options.map((choice) => choice.value);
			return values.includes(value)
				? value
				: refuse(displayName, `must be one of ${values.join(', ')}`);
		}
		case 'multiOptions':
			return checkChoices(displayName, value);
		case 'fixedCollection':
			return checkDays((value as { days?: unknown }).days ?? {});
		case 'string':
			return isFieldName(value)
				? value.trim()
				: refuse(displayName, `must be a field name, and none of ${RESERVED_NAMES.join(', ')}`);
	}
}

interface NumberRange {
	minValue?: number;
	maxValue: number;
	numberPrecision?: number;
}

/** A number may come as text, as an environment variable or a sheet gives it. */
function checkNumber(option: Checkable & { type: 'number' }, value: unknown): number {
	const isNumeric =
		typeof value === 'number' ||
		(typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value.trim()));
	const number = isNumeric ? Number(value) : NaN;
	const { minValue = -Infinity, maxValue, numberPrecision }: NumberRange = option.typeOptions;
	if (option.name === 'maxQueries') {
		// What is left of a budget may have decimals, or be less than nothing.
		if (number <= maxValue) return Math.trunc(number);
		return refuse(option.displayName, `must be a number up to ${maxValue}`);
	}
	const isWhole = numberPrecision === 0;
	const isGood = number >= minValue && number <= maxValue && (!isWhole || Number.isInteger(number));
	if (isGood) return number;
	const kind = isWhole ? 'a whole number' : 'a number';
	return refuse(option.displayName, `must be ${kind} from ${minValue} to ${maxValue}`);
}

function checkChoices(displayName: string, value: unknown): ResultName[] {
	const chosen: unknown[] = Array.isArray(value) ? value : [];
	if (chosen.length === 0) return refuse(displayName, 'needs at least one field');
	const isUnknown = chosen.some((name) => !RESULT_NAMES.includes(name as ResultName));
	if (isUnknown) return refuse(displayName, `takes ${RESULT_NAMES.join(', ')}`);
	return RESULT_NAMES.filter((name) => chosen.includes(name));
}

function checkDays(days: object): Record<string, unknown> {
	return Object.fromEntries(
		RECHECK_DAYS.map((field) => [
			field.name,
			Object.hasOwn(days, field.name)
				? checkOption(field, (days as Record<string, unknown>)[field.name])
				: field.default,
		]),
	);
}

function isFieldName(value: unknown): value is string {
	return typeof value === 'string' && value.trim() !== '' && !RESERVED_NAMES.includes(value.trim());
}

/** Two values in one field would overwrite each other. @throws Refusal */
function checkFieldNames({ routeField, outputField }: FieldNames): void {
	const columns = RESULT_NAMES.map((name) => `${outputField}_${name}`);
	for (const [displayName, name, others] of [
		['Put Result in Field', outputField, ADDED_FIELDS],
		['Routing Field', routeField, [...ADDED_FIELDS, outputField, ...columns]],
	] as const) {
		if (others.includes(name)) {
			refuse(displayName, `must be another field than '${name}', which the node writes itself`);
		}
	}
}

/** A row without these fields is queried again in every run. @throws Refusal */
function checkResultFields({ reuseResults, maskNumber, resultFields }: Settings): void {
	if (!reuseResults) return;
	const needed: ResultName[] = ['mobile', 'state', 'checkedAt', 'recheckAt'];
	// A masked number is told by its fingerprint.
	if (maskNumber) needed.push('fingerprint');
	const missing = needed.filter((name) => !resultFields.includes(name));
	if (missing.length > 0) {
		refuse(
			'Result Fields',
			`must include ${missing.join(', ')}: 'Reuse Results in Rows' reads them`,
		);
	}
}
