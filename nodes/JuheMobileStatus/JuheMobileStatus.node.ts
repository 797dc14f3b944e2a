import {
	NodeConnectionTypes,
	type IDataObject,
	type IExecuteFunctions,
	type INode,
	type INodeExecutionData,
	type INodeType,
	type INodeTypeDescription,
} from 'n8n-workflow';

import { asNodeError, numberFailure, settingsFailure, toNodeError, type Failure } from './errors';
import { Memory } from './memory';
import { readMobile } from './number';
import { mobileReader, PROPERTIES, readSettings, type Settings } from './properties';
import { outputOf, SPLIT_OUTPUTS, summaryOf, toPlan, toResult, type Route } from './result';
import { rehearse, run, type Outcome, type Row } from './run';
import { openAccount, queryWith, type Account } from './transport';

const SINGLE_OUTPUT = [{ type: NodeConnectionTypes.Main }];
const OUTPUT_PER_ROUTE = SPLIT_OUTPUTS.map(({ displayName }) => ({
	type: NodeConnectionTypes.Main,
	displayName,
}));

/**
 * Looks up the on-network status of Chinese mobile numbers.
 *
 * Programmatic, because n8n's declarative style sends all rows at once, tries none of them again and loses the
 * item links of rows that fail.
 */
export class JuheMobileStatus implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Juhe Mobile Status',
		name: 'juheMobileStatus',
		icon: { light: 'file:../../icons/juhe.svg', dark: 'file:../../icons/juhe.dark.svg' },
		group: ['transform'],
		version: 1,
		subtitle:
			'={{ $parameter["operation"] + ($parameter["options"]?.dryRun === true ? ", dry run" : "") }}',
		description:
			'Find out which Chinese mobile numbers are alive, suspended, off the network or about to be cancelled, and what to do with each. Each distinct number is one paid query.',
		defaults: { name: 'Juhe Mobile Status' },
		usableAsTool: true,
		inputs: [NodeConnectionTypes.Main],
		outputs: `={{ $parameter.splitOutputs ? ${JSON.stringify(OUTPUT_PER_ROUTE)} : ${JSON.stringify(SINGLE_OUTPUT)} }}`,
		credentials: [{ name: 'juheApi', required: true }],
		properties: PROPERTIES,
	};

	async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
		const node = this.getNode();
		// n8n's name for the node where an agent has it as a tool.
		const isTool = node.type.endsWith('Tool');
		const input = this.getInputData();
		// A tool gets the agent's own input beside the number: that is nobody's row, and not for the model.
		const items = isTool ? input.map((_, item) => ({ json: {}, pairedItem: { item } })) : input;
		const isSplit = this.getNodeParameter('splitOutputs', 0, false) === true;
		const outputs = Array.from(
			{ length: isSplit ? SPLIT_OUTPUTS.length : 1 },
			() => [] as INodeExecutionData[],
		);
		const emit = (route: Route | 'other', item: INodeExecutionData) =>
			outputs[isSplit ? outputOf(route) : 0]?.push(item);

		const stopOnFailure = !this.continueOnFail();
		let settings: Settings;
		let account: Account;
		try {
			settings = readSettings(this);
			account = await openAccount(this, settings);
		} catch (error) {
			if (stopOnFailure) throw asNodeError(node, error);
			// Thrown, it would make n8n pass the rows on as if they had been checked.
			const failure = settingsFailure(error);
			items.forEach((item, index) => emit('other', errorItem(node, item, index, failure)));
			return outputs;
		}

		const readCell = mobileReader(this);
		const rows = input.map((item, index) => readRow(readCell, item, index, isTool));
		const memory = new Memory(this, account, settings, isTool);
		const cancelSignal = this.getExecutionCancelSignal();
		const outcomes = settings.dryRun
			? rehearse(rows, memory, settings.maxQueries)
			: await run(rows, queryWith(this, account, settings), memory, {
					...settings,
					stopOnFailure,
					cancelSignal,
				});

		items.forEach((item, index) => {
			const placed = placeRow(node, item, index, outcomes[index] as Outcome, settings, memory);
			if (placed) emit(placed.route, placed.item);
		});
		// A cancelled execution shall end as cancelled, not as failed.
		const isCancelled = cancelSignal?.aborted === true;
		const failed = stopOnFailure && !isCancelled ? earliestFailure(outcomes) : undefined;
		if (!settings.dryRun) {
			const isTriedAgain = memory.hasTriesLeft() && looksFailed(outputs);
			const isDelivered = failed === undefined && !isTriedAgain && !isCancelled;
			memory.finish(isDelivered, failed !== undefined || isTriedAgain);
		}
		tell(this, summaryOf(outcomes), memory.warning);
		if (failed !== undefined) throw toNodeError(node, failed.failure, failed.itemIndex);
		return outputs;
	}
}

function readRow(
	readCell: ReturnType<typeof mobileReader>,
	item: INodeExecutionData,
	index: number,
	isTool: boolean,
): Row {
	try {
		const read = readMobile(readCell(item, index));
		return 'mobile' in read
			? read
			: { failure: numberFailure(read.reason, isTool ? undefined : index) };
	} catch (error) {
		// An expression that cannot be evaluated for this row.
		return { failure: settingsFailure(error) };
	}
}

/** What a row comes out as, and the route that its output is for; undefined where Only Changed keeps it back. */
function placeRow(
	node: INode,
	item: INodeExecutionData,
	index: number,
	outcome: Outcome,
	settings: Settings,
	memory: Memory,
): { route: Route | 'other'; item: INodeExecutionData } | undefined {
	if ('failure' in outcome) {
		return { route: 'other', item: errorItem(node, item, index, outcome.failure) };
	}
	const { routeField, outputField, onlyChanges } = settings;
	const { mobile } = outcome;
	if ('plan' in outcome) {
		const { route, result } = toPlan(mobile, outcome.plan, settings);
		const fields = { [routeField]: route, [outputField]: result };
		return { route: 'other', item: rowItem(item, index, fields) };
	}
	const { route, result } = toResult(mobile, outcome.answer, outcome.source, settings);
	const previousRoute = onlyChanges ? memory.previousRoute(mobile) : undefined;
	if (previousRoute === route) return undefined;
	const added = previousRoute === undefined ? {} : { previousRoute };
	const fields = { [routeField]: route, ...added, [outputField]: { ...result, ...added } };
	return { route, item: rowItem(item, index, fields) };
}

/** The row as it came, with fields added; what came in is never changed. */
function rowItem(item: INodeExecutionData, index: number, fields: IDataObject): INodeExecutionData {
	const { json, binary } = item;
	return { json: { ...json, ...fields }, ...(binary && { binary }), pairedItem: { item: index } };
}

/** A row that failed, in the one shape that each way of continuing keeps whole (tried in n8n 2.40.7). */
function errorItem(
	node: INode,
	item: INodeExecutionData,
	index: number,
	failure: Failure,
): INodeExecutionData {
	const fields = { error: failure.message, details: { ...failure.details } };
	const whole = rowItem(item, index, fields);
	// The error output takes an item only where it holds nothing else, and merges the row back in by itself.
	return node.onError === 'continueErrorOutput' ? { ...whole, json: fields } : whole;
}

/** The row to blame for a run that stops: the first that failed by itself. */
function earliestFailure(outcomes: Outcome[]): { failure: Failure; itemIndex: number } | undefined {
	const failures = outcomes.flatMap((outcome, itemIndex) =>
		'failure' in outcome ? [{ failure: outcome.failure, itemIndex }] : [],
	);
	return failures.find(({ failure }) => !failure.unsettled) ?? failures[0];
}

/** Whether n8n's Retry On Fail takes the outputs for failed: it looks at the first item alone (n8n-core 2.41). */
function looksFailed(outputs: INodeExecutionData[][]): boolean {
	const error = outputs[0]?.[0]?.json.error;
	return error !== undefined && error !== null && error !== false;
}

/** Says to the person at the output pane, and to the log, what the run came to. */
function tell(context: IExecuteFunctions, summary: string, warning: string | undefined): void {
	context.logger.debug(summary);
	context.addExecutionHints({ message: summary, type: 'info', location: 'outputPane' });
	if (warning)
		context.addExecutionHints({ message: warning, type: 'warning', location: 'outputPane' });
}
