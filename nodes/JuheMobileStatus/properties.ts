import {
	NodeOperationError,
	type IDataObject,
	type IExecuteFunctions,
	type INodeExecutionData,
	type INodeProperties,
} from 'n8n-workflow';

import { OPERATIONS, type OperationName } from './operations';

/** What a person may set under Options; `readSettings` checks values by these very entries. */
const OPTIONS = [
	{
		displayName: 'Dry Run',
		name: 'dryRun',
		type: 'boolean',
		default: false,
		description:
			'Whether to send nothing and only say what would happen to each row: billable, duplicate, reusable or overCap. Costs nothing and needs no key.',
	},
	{
		displayName: 'HTTP Method',
		name: 'method',
		type: 'options',
		options: [
			{ name: 'GET', value: 'GET' },
			{ name: 'POST', value: 'POST' },
		],
		default: 'POST',
		description:
			'How requests are sent. With POST the key and the number stay out of URLs, and so out of access logs.',
	},
	{
		displayName: 'Mask Number',
		name: 'maskNumber',
		type: 'boolean',
		default: false,
		description:
			"Whether the result and every error show the number as 138****8000. The row's own column stays as it came.",
	},
	{
		displayName: 'Max Concurrent Requests',
		name: 'concurrency',
		type: 'number',
		typeOptions: { minValue: 1, maxValue: 50, numberPrecision: 0 },
		default: 10,
		description:
			'How many requests may be under way at the same time, 1 to 50. More is faster, as far as the service allows.',
	},
	{
		displayName: 'Max Queries per Run',
		name: 'maxQueries',
		type: 'number',
		typeOptions: { minValue: 0, maxValue: 10_000_000, numberPrecision: 0 },
		default: 0,
		description:
			'How many numbers may be sent, and so paid, in a run. Rows past it are not sent and fail with overCap. 0 for no cap.',
	},
	{
		displayName: 'Max Requests per Second',
		name: 'requestsPerSecond',
		type: 'number',
		typeOptions: { minValue: 0, maxValue: 1000, numberPrecision: 0 },
		default: 0,
		description: 'How many requests may start in a second, spread evenly. 0 for no limit.',
	},
	{
		displayName: 'No Record (224922)',
		name: 'noRecord',
		type: 'options',
		options: [
			{
				name: 'Return an Error',
				value: 'error',
				description: 'The row does what On Error in the settings says',
			},
			{
				name: 'Route the Row',
				value: 'route',
				description: 'The row goes on with the route noRecord',
			},
		],
		default: 'error',
		description:
			'What to do with a number that the service has no record of. The query is sent either way.',
	},
	{
		displayName: 'Only Changed',
		name: 'onlyChanges',
		type: 'boolean',
		// A model that asks for a number again wants its answer again.
		displayOptions: { show: { '@tool': [false] } },
		default: false,
		description:
			"Whether only rows come out whose route differs from the last execution's, with previousRoute added. The first time all rows come out. Works in production executions only.",
	},
	{
		displayName: 'Put Result in Field',
		name: 'outputField',
		type: 'string',
		default: 'mobileStatus',
		placeholder: 'e.g. mobileStatus',
		description: 'The field of the row that takes the result. A field of that name is replaced.',
	},
	{
		displayName: 'Resend After Lost Answer',
		name: 'resendUncertain',
		type: 'boolean',
		default: true,
		description:
			'Whether to send a number again after a timeout or a cut connection. The lost query may have been billed, so the number may be paid twice. Off: the row fails and says so.',
	},
	{
		displayName: 'Retries',
		name: 'retries',
		type: 'number',
		typeOptions: { minValue: 0, maxValue: 5, numberPrecision: 0 },
		default: 2,
		description:
			'How many times a number is sent again when what went wrong may pass, 0 to 5. Each wait is longer than the one before.',
	},
	{
		displayName: 'Reuse Results for (Hours)',
		name: 'reuseHours',
		type: 'number',
		typeOptions: { minValue: 0, maxValue: 8760, numberPrecision: 0 },
		default: 0,
		description:
			'For how long a result is used again in later executions instead of paying for the number anew. 0 for never. Works in production executions only.',
	},
	{
		displayName: 'Routing Field',
		name: 'routeField',
		type: 'string',
		default: 'route',
		placeholder: 'e.g. route',
		description: 'The field of the row that takes the route. A field of that name is replaced.',
	},
	{
		displayName: 'Timeout (Ms)',
		name: 'timeout',
		type: 'number',
		typeOptions: { minValue: 1, maxValue: 300_000, numberPrecision: 0 },
		default: 10_000,
		description: 'How long one request may take, to the end of its answer, in milliseconds',
	},
] as const satisfies readonly INodeProperties[];

/** The node's parameters, in the order in which the editor shows them. */
export const PROPERTIES: INodeProperties[] = [
	{
		displayName: 'Operation',
		name: 'operation',
		type: 'options',
		noDataExpression: true,
		options: OPERATIONS.map(({ value, name, action, description }) => ({
			value,
			name,
			action,
			description,
		})),
		default: 'plain',
		description: 'How the number travels. All three cost the same and give the same states.',
	},
	{
		displayName:
			'Needs the OpenID in the credential. Whoever sees many requests can tell which numbers repeat: choose RSA to avoid that.',
		name: 'aesNotice',
		type: 'notice',
		default: '',
		displayOptions: { show: { operation: ['aes'] } },
	},
	{
		displayName: 'Needs the RSA Public Key of the account in the credential.',
		name: 'rsaNotice',
		type: 'notice',
		default: '',
		displayOptions: { show: { operation: ['rsa'] } },
	},
	{
		displayName: 'Mobile Number',
		name: 'mobile',
		type: 'string',
		required: true,
		default: '',
		placeholder: 'e.g. {{ $json.phone }}',
		description:
			'The number to look up, one for each row. Spaces, dashes, brackets, full-width digits and +86 are taken care of. A number that several rows hold is paid once; one that is no Chinese mobile number is not sent.',
		hint: 'Each distinct number is one paid query. Dry Run, under Options, counts them without sending.',
	},
	{
		displayName: 'Split Into Outputs',
		name: 'splitOutputs',
		type: 'boolean',
		noDataExpression: true,
		// An agent's tool has one output, whatever the node says: rows on the others would be lost.
		displayOptions: { show: { '@tool': [false] } },
		default: false,
		description:
			'Whether each route has an output of its own: Normal, Suspended, Unavailable, Not on Network, Pre-Cancelled and Other',
	},
	{
		displayName: 'Options',
		name: 'options',
		type: 'collection',
		placeholder: 'Add Option',
		default: {},
		options: [...OPTIONS],
	},
];

/** The parameters that hold for a whole run, checked. */
export interface Settings {
	operation: OperationName;
	method: 'GET' | 'POST';
	outputField: string;
	routeField: string;
	maskNumber: boolean;
	noRecord: 'error' | 'route';
	/** Requests under way at the same time. */
	concurrency: number;
	/** 0 for no limit. */
	requestsPerSecond: number;
	/** For one request, in milliseconds. */
	timeout: number;
	retries: number;
	resendUncertain: boolean;
	/** 0 for no cap. */
	maxQueries: number;
	/** 0 for never. */
	reuseHours: number;
	onlyChanges: boolean;
	dryRun: boolean;
}

/** Names that mean something else to JavaScript: a row with such a field would come out damaged. */
const RESERVED_FIELDS = ['__proto__', 'constructor', 'prototype'];

/**
 * Reads the parameters that hold for the whole run, once: expressions in them see the first row.
 *
 * @throws NodeOperationError that names the option and what it takes.
 */
export function readSettings(context: IExecuteFunctions): Settings {
	const options = context.getNodeParameter('options', 0, {});
	const refuse = (displayName: string, wanted: string): never => {
		throw new NodeOperationError(context.getNode(), `${displayName} must be ${wanted}`, {
			description: 'Nothing was sent. Correct it in the node, or the expression that gives it.',
		});
	};

	const checked: Record<string, unknown> = {};
	for (const property of OPTIONS) {
		const value: unknown = options[property.name] ?? property.default;
		const wanted = whatIsWanted(property, value);
		if (wanted !== undefined) refuse(property.displayName, wanted);
		checked[property.name] = property.type === 'number' ? Number(value) : value;
	}
	const operation = context.getNodeParameter('operation', 0) as OperationName;
	if (!OPERATIONS.some(({ value }) => value === operation)) {
		refuse('Operation', `one of ${OPERATIONS.map(({ value }) => value).join(', ')}`);
	}
	if (checked.outputField === checked.routeField) {
		refuse('Routing Field', 'another field than Put Result in Field');
	}
	return {
		...(checked as unknown as Omit<Settings, 'operation'>),
		operation,
	};
}

/** Undefined where an option's value is good, else the words for a good one. */
function whatIsWanted(property: (typeof OPTIONS)[number], value: unknown): string | undefined {
	switch (property.type) {
		case 'number': {
			const { minValue, maxValue } = property.typeOptions;
			const isWhole = Number.isInteger(value) || (typeof value === 'string' && /^\d+$/.test(value));
			const isGood = isWhole && Number(value) >= minValue && Number(value) <= maxValue;
			return isGood ? undefined : `a whole number from ${minValue} to ${maxValue}`;
		}
		case 'boolean':
			return typeof value === 'boolean' ? undefined : 'true or false';
		case 'options': {
			const values: unknown[] = property.options.map((option) => option.value);
			return values.includes(value) ? undefined : `one of ${values.join(', ')}`;
		}
		case 'string': {
			const isGood =
				typeof value === 'string' && value.trim() !== '' && !RESERVED_FIELDS.includes(value.trim());
			return isGood
				? undefined
				: `a field name, not blank and none of ${RESERVED_FIELDS.join(', ')}`;
		}
	}
}

/** `{{ $json.phone }}`, `{{ $json["phone no"] }}` and deeper: nothing but a path into the row. */
const PATH_INTO_ROW =
	/^=\{\{\s*\$json((?:\.[\p{ID_Start}_$][\p{ID_Continue}$]*|\["[^"\\\r\n]*"\]|\['[^'\\\r\n]*'\])+)\s*\}\}$/u;
const PATH_STEP = /\.([\p{ID_Start}_$][\p{ID_Continue}$]*)|\["([^"]*)"\]|\['([^']*)'\]/gu;

/**
 * Returns what reads the Mobile Number of a row.
 *
 * n8n takes about a millisecond to evaluate an expression, as long as all else that a row costs. A bare path into
 * the row is read from the row itself, where that leads to a text or a number; all else is left to n8n.
 */
export function mobileReader(
	context: IExecuteFunctions,
): (item: INodeExecutionData, itemIndex: number) => unknown {
	const raw = context.getNodeParameter('mobile', 0, '', { rawExpressions: true });
	const path = pathIntoRow(raw);
	return (item, itemIndex) => {
		const value = path && follow(path, item.json);
		return typeof value === 'string' || typeof value === 'number'
			? value
			: context.getNodeParameter('mobile', itemIndex);
	};
}

function pathIntoRow(raw: unknown): string[] | undefined {
	const path = typeof raw === 'string' ? PATH_INTO_ROW.exec(raw)?.[1] : undefined;
	if (path === undefined) return undefined;
	const steps = [...path.matchAll(PATH_STEP)].map((step) => step[1] ?? step[2] ?? step[3] ?? '');
	// n8n lets no expression touch these, whatever the row holds.
	return steps.some((step) => RESERVED_FIELDS.includes(step)) ? undefined : steps;
}

function follow(path: string[], row: IDataObject): unknown {
	let value: unknown = row;
	for (const step of path) {
		if (typeof value !== 'object' || value === null) return undefined;
		value = (value as IDataObject)[step];
	}
	return value;
}
