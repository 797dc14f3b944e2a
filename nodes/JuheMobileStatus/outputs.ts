import {
	NodeConnectionTypes,
	type IDataObject,
	type IExecuteFunctions,
	type INodeExecutionData,
} from 'n8n-workflow';

import { isTool, type OutputItem } from './items';
import type { Route } from './juhe/status';

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
	items: OutputItem[],
	summary: IDataObject,
): INodeExecutionData[][] {
	const isSplit = isOn(context, 'splitOutputs');
	const outputs = (isSplit ? SPLIT_OUTPUTS : [0]).map((): INodeExecutionData[] => []);
	for (const { route, item } of items) outputs[isSplit ? outputIndex(route) : 0]?.push(item);
	// A tool has no Summary output.
	if (isOn(context, 'summaryOutput')) outputs.push([{ json: summary, pairedItem: { item: 0 } }]);
	return outputs;
}

/** How many outputs the node has, the error output included. */
export function outputCount(context: IExecuteFunctions): number {
	const rows = isOn(context, 'splitOutputs') ? SPLIT_OUTPUTS.length : 1;
	const summary = isOn(context, 'summaryOutput') ? 1 : 0;
	return rows + summary + (context.getNode().onError === 'continueErrorOutput' ? 1 : 0);
}

function isOn(context: IExecuteFunctions, name: 'splitOutputs' | 'summaryOutput'): boolean {
	return !isTool(context) && context.getNodeParameter(name, 0, false) === true;
}

function outputIndex(route: Route | undefined): number {
	const index = SPLIT_OUTPUTS.findIndex((output) => output.route === route);
	return index === -1 ? OTHER_OUTPUT : index;
}
