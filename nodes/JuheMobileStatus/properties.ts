import type { INodeProperties } from 'n8n-workflow';

import { OPERATIONS } from './juhe/operations';
import { RESULT_NAMES } from './list/storedResult';
import { indexedOutputs, outputNames } from './outputNames';

/** A call of an agent's tool takes so many distinct numbers. */
export const MOST_NUMBERS = 100;

/** An agent's tool has one output and no row of its own, so it does not show what is about them. */
const NOT_FOR_TOOLS = { show: { '@tool': [false] } };

/** A field of Recheck After (Days). */
function days(name: string, displayName: string, defaultDays: number, description: string) {
	return {
		displayName,
		name,
		type: 'number',
		typeOptions: { minValue: 0, maxValue: 36_500 },
		default: defaultDays,
		description,
	} as const satisfies INodeProperties;
}

/** For how long a result holds, by its advice. */
export const RECHECK_DAYS = [
	days('keep', 'Keep', 30, 'For numbers in normal use'),
	days('recheck', 'Recheck', 7, 'For suspended, unavailable and pre-cancelled numbers'),
	days('remove', 'Remove', 180, 'For numbers that are not on the network'),
	days('review', 'Review', 7, 'For unknown states and numbers without a record'),
] as const;

/** What a person may set under Options. `readSettings` checks values by these entries. */
export const OPTIONS = [
	{
		displayName: 'Dry Run',
		name: 'dryRun',
		type: 'boolean',
		default: false,
		description:
			'Whether to send nothing and only say in the field dryRun what would happen to each row: billable, duplicate, reusable or overCap. It costs nothing, needs no key, and leaves route and result alone.',
		builderHint: {
			propertyHint:
				'Begin with true, and set it to false once the rows say what was expected. The rows keep the route and the result that they came with, and leave by Other where splitOutputs is true.',
		},
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
			'How requests are sent. POST keeps the key and the number out of URLs and access logs.',
	},
	{
		displayName: 'Mask Number',
		name: 'maskNumber',
		type: 'boolean',
		default: false,
		description:
			"Whether the result and every error show the number as 138****8000. The row's own column stays as it is. The result gets a fingerprint of the number.",
	},
	{
		displayName: 'Max Concurrent Requests',
		name: 'concurrency',
		type: 'number',
		typeOptions: { minValue: 1, maxValue: 50, numberPrecision: 0 },
		default: 10,
		description: 'How many requests may be under way at the same time, 1 to 50',
	},
	{
		displayName: 'Max Queries per Execution',
		name: 'maxQueries',
		type: 'number',
		typeOptions: { maxValue: 10_000_000 },
		default: 100,
		description:
			'How many queries one execution may send, over all loop turns and tries. Rows over it are not sent and end with overCap. 0 sends nothing. Without this option there is no cap.',
		builderHint: {
			propertyHint:
				'Always set it, to what one execution may cost. A row over it fails with the code overCap, and a later execution may check it. It counts over all turns of a loop and all calls of a tool.',
		},
	},
	{
		displayName: 'Max Requests per Second',
		name: 'requestsPerSecond',
		type: 'number',
		typeOptions: { minValue: 0.001, maxValue: 1000, numberPrecision: 3 },
		default: 10,
		description:
			'How many requests may start in a second, evenly spread. Above 0, decimals allowed. Without this option there is no limit.',
	},
	{
		displayName: 'No Record (224922)',
		name: 'noRecord',
		type: 'options',
		options: [
			{
				name: 'Return an Error',
				value: 'error',
				description: "The row does what the node's On Error setting says",
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
		builderHint: {
			propertyHint:
				'Set it to route for lists: the row then has the advice review instead of an error.',
		},
	},
	{
		displayName: 'Price per Query',
		name: 'pricePerQuery',
		type: 'number',
		typeOptions: { minValue: 0, maxValue: 1_000_000, numberPrecision: 4 },
		displayOptions: NOT_FOR_TOOLS,
		default: 0,
		description:
			'What one query costs in your currency. The summary, the hint at the output and the dry run then show the cost.',
	},
	{
		displayName: 'Put Result in Field',
		name: 'outputField',
		type: 'string',
		displayOptions: NOT_FOR_TOOLS,
		default: 'mobileStatus',
		placeholder: 'e.g. mobileStatus',
		description:
			'The field of the row that takes the result, or the prefix of its columns. A field of that name is replaced.',
	},
	{
		displayName: 'Recheck After (Days)',
		name: 'recheckAfter',
		type: 'fixedCollection',
		displayOptions: NOT_FOR_TOOLS,
		default: {},
		placeholder: 'Set Days',
		description:
			'How long a result holds, by its advice. The result carries the date as recheckAt. Default: 30, 7, 180 and 7 days.',
		options: [{ displayName: 'Days', name: 'days', values: [...RECHECK_DAYS] }],
	},
	{
		displayName: 'Resend After Lost Answer',
		name: 'resendUncertain',
		type: 'boolean',
		default: true,
		description:
			'Whether to send a number again after a timeout, a cut connection, HTTP 408 or a 5xx other than 503. The first query may be billed too. Off: the row ends with an error.',
	},
	{
		displayName: 'Result As',
		name: 'resultAs',
		type: 'options',
		displayOptions: NOT_FOR_TOOLS,
		options: [
			{
				name: 'Columns',
				value: 'columns',
				description: 'Flat fields such as mobileStatus_state, for tables, databases and sheets',
			},
			{ name: 'Object', value: 'object', description: 'One nested field' },
		],
		default: 'columns',
		description: 'The shape of the result in the row',
		builderHint: {
			propertyHint: 'Leave it at columns. Data Tables, sheets and databases take no nested field.',
		},
	},
	{
		displayName: 'Result Fields',
		name: 'resultFields',
		type: 'multiOptions',
		// In the order of the output.
		options: RESULT_NAMES.map((name) => ({ name, value: name })),
		default: [...RESULT_NAMES],
		description: 'Which fields of the result to put out',
		builderHint: {
			propertyHint:
				'Choose those that the table has columns for. reuseResults needs mobile, state, checkedAt and recheckAt, and with maskNumber fingerprint.',
		},
	},
	{
		displayName: 'Retries',
		name: 'retries',
		type: 'number',
		typeOptions: { minValue: 0, maxValue: 5, numberPrecision: 0 },
		default: 2,
		description:
			'How many times a number is sent again after a transient failure, 0 to 5. Each wait is longer than the one before. After a lost answer this counts over all calls of the execution.',
	},
	{
		displayName: 'Reuse Results in Rows',
		name: 'reuseResults',
		type: 'boolean',
		displayOptions: NOT_FOR_TOOLS,
		default: false,
		description:
			"Whether a row that carries this node's result is passed on without a query until its recheckAt. Results get previousRoute and changed.",
		builderHint: {
			propertyHint:
				'Set it to true for a list that is checked again. The rows must come in with route and the mobileStatus_ columns of the last execution, under the names that this node gives them.',
		},
	},
	{
		displayName: 'Routing Field',
		name: 'routeField',
		type: 'string',
		displayOptions: NOT_FOR_TOOLS,
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
		description: 'How long one request may take, to the end of its reply, in milliseconds',
	},
] as const satisfies readonly INodeProperties[];

/** The node's parameters, in the order of the editor. */
export const PROPERTIES: INodeProperties[] = [
	{
		displayName: 'Operation',
		name: 'operation',
		type: 'options',
		noDataExpression: true,
		options: OPERATIONS.map((operation) => ({
			value: operation.value,
			name: operation.name,
			action: operation.action,
			description: operation.description,
			builderHint: {
				propertyHint:
					'encryptionField' in operation
						? `Needs '${operation.encryptionField}' in the credential.`
						: 'Choose this one, unless encryption is asked for.',
			},
		})),
		default: 'plain',
		description: 'How the number is sent. All three cost the same and return the same states.',
	},
	{
		displayName:
			'AES needs the OpenID in the credential. Equal numbers have equal ciphertexts: choose RSA where that matters.',
		name: 'aesNotice',
		type: 'notice',
		default: '',
		displayOptions: { show: { operation: ['aes'] } },
	},
	{
		displayName: 'RSA needs the RSA Public Key of the account in the credential.',
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
			'The Chinese mobile number to check, one for each row. Spaces, dashes, brackets, full-width digits and +86 are accepted. Rows with the same number share one paid query.',
		hint: "Each distinct number is one paid query. 'Dry Run' in the options counts them without sending.",
		builderHint: {
			propertyHint: `The column of the row, as in expr('{{ $json.phone }}'). The cell may hold +86, spaces, or words around the number. In a tool: fromAi('mobile', 'Chinese mobile numbers, up to ${MOST_NUMBERS}, separated by commas').`,
		},
	},
	{
		displayName: 'Split Into Outputs',
		name: 'splitOutputs',
		type: 'boolean',
		noDataExpression: true,
		displayOptions: NOT_FOR_TOOLS,
		default: false,
		description:
			'Whether each route has an output of its own: Normal, Suspended, Unavailable, Not on Network, Pre-Cancelled and Other',
		builderHint: {
			propertyHint: `True: outputs ${indexedOutputs(true, false)}. False: ${indexedOutputs(false, false)}, and a Switch on mobileStatus_advice does the rest.`,
		},
	},
	{
		displayName: 'Summary Output',
		name: 'summaryOutput',
		type: 'boolean',
		noDataExpression: true,
		displayOptions: NOT_FOR_TOOLS,
		default: false,
		description:
			'Whether one more output, Summary, gets one item with the counts and the cost of the execution so far',
		builderHint: {
			propertyHint: `The output ${outputNames(false, true).length - 1}, with splitOutputs ${outputNames(true, true).length - 1}. Its item has rows, queried, duplicates, reused, errors, notQueried, billable, uncertain, cost, routes, advice, failures, stoppedBy, startedAt, finishedAt and dryRun. In a loop the item of the last turn is the total.`,
		},
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
