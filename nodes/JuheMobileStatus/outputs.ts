import {
	NodeConnectionTypes,
	type IDataObject,
	type IExecuteFunctions,
	type INodeExecutionData,
} from 'n8n-workflow';

import { isTool, type OutputItem } from './items';
import type { Route } from './juhe/status';
import { outputNames, SPLIT_OUTPUTS } from './outputNames';

const OTHER_OUTPUT = SPLIT_OUTPUTS.length - 1;

/** The outputs by `splitOutputs`, then by `summaryOutput`. */
const OUTPUTS = [false, true].map((isSplit) =>
	[false, true].map((hasSummary) => {
		const names = outputNames(isSplit, hasSummary);
		// An only output needs no name in the editor.
		return names.map((name) => ({
			type: NodeConnectionTypes.Main,
			displayName: names.length > 1 ? name : undefined,
		}));
	}),
);

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
	const names = outputNames(isOn(context, 'splitOutputs'), isOn(context, 'summaryOutput'));
	return names.length + (context.getNode().onError === 'continueErrorOutput' ? 1 : 0);
}

function isOn(context: IExecuteFunctions, name: 'splitOutputs' | 'summaryOutput'): boolean {
	return !isTool(context) && context.getNodeParameter(name, 0, false) === true;
}

function outputIndex(route: Route | undefined): number {
	const index = SPLIT_OUTPUTS.findIndex((output) => output.route === route);
	return index === -1 ? OTHER_OUTPUT : index;
}
