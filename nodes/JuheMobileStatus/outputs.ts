import {
	NodeConnectionTypes,
	type IDataObject,
	type IExecuteFunctions,
	type INodeExecutionData,
} from 'n8n-workflow';

import { inputItems, isTool, toOutputItem, type OutputFields } from './items';
import type { Route } from './juhe/status';
import type { Outcome, Plan, Row } from './list/outcome';

/** The outputs of a node whose outputs are split: one for each state, and one for all else. */
const SPLIT_OUTPUTS: ReadonlyArray<{ route?: Route; displayName: string }> = [
	{ route: 'normal', displayName: 'Normal' },
	{ route: 'suspended', displayName: 'Suspended' },
	{ route: 'unavailable', displayName: 'Unavailable' },
	{ route: 'notOnNetwork', displayName: 'Not on Network' },
	{ route: 'preCancelled', displayName: 'Pre-Cancelled' },
	{ displayName: 'Other' },
];
const OTHER_OUTPUT = SPLIT_OUTPUTS.length - 1;

const mainOutput = (displayName?: string) => ({ type: NodeConnectionTypes.Main, displayName });
const OUTPUT_PER_ROUTE = SPLIT_OUTPUTS.map(({ displayName }) => mainOutput(displayName));

const SUMMARY_OUTPUT = mainOutput('Summary');
/** The outputs by `splitOutputs`, then by `summaryOutput`. An output beside the summary needs a name in the editor. */
const OUTPUTS = [
	[[mainOutput()], [mainOutput('Rows'), SUMMARY_OUTPUT]],
	[OUTPUT_PER_ROUTE, [...OUTPUT_PER_ROUTE, SUMMARY_OUTPUT]],
];

/** n8n evaluates this for the canvas and for a run. It holds lists only, because `}}` ends an expression. */
export const OUTPUTS_EXPRESSION: `={{${string}}}` = `={{ ${JSON.stringify(OUTPUTS)}[$parameter.splitOutputs ? 1 : 0][$parameter.summaryOutput ? 1 : 0] }}`;

/** The items of all outputs, in the order of the rows. @param summary the item of the Summary output */
export function toOutputs(
	context: IExecuteFunctions,
	rows: Row[],
	outcomes: Outcome[],
	fields: OutputFields,
	summary: IDataObject,
): INodeExecutionData[][] {
	const isSplit = isOn(context, 'splitOutputs');
	const outputs = (isSplit ? SPLIT_OUTPUTS : [0]).map((): INodeExecutionData[] => []);
	const { onError } = context.getNode();
	inputItems(context).forEach((input, index) => {
		const outcome = outcomes[index] as Outcome;
		const { route, item } = toOutputItem(input, index, rows[index], outcome, fields, onError);
		outputs[isSplit ? outputIndex(route) : 0]?.push(item);
	});
	if (hasSummaryOutput(context)) outputs.push([{ json: summary, pairedItem: { item: 0 } }]);
	return outputs;
}

/** Whether the node has the Summary output. A tool has none. */
export function hasSummaryOutput(context: IExecuteFunctions): boolean {
	return isOn(context, 'summaryOutput');
}

function isOn(context: IExecuteFunctions, name: 'splitOutputs' | 'summaryOutput'): boolean {
	return !isTool(context) && context.getNodeParameter(name, 0, false) === true;
}

function outputIndex(route: Route | Plan | undefined): number {
	const index = SPLIT_OUTPUTS.findIndex((output) => output.route === route);
	return index === -1 ? OTHER_OUTPUT : index;
}
