import type { Route } from './juhe/status';

/** The outputs of a node whose outputs are split: one for each state, and one for all else. */
export const SPLIT_OUTPUTS: ReadonlyArray<{ route?: Route; displayName: string }> = [
	{ route: 'normal', displayName: 'Normal' },
	{ route: 'suspended', displayName: 'Suspended' },
	{ route: 'unavailable', displayName: 'Unavailable' },
	{ route: 'notOnNetwork', displayName: 'Not on Network' },
	{ route: 'preCancelled', displayName: 'Pre-Cancelled' },
	{ displayName: 'Other' },
];

/** The names of the outputs, by index. The error output, which n8n adds as the last, is not among them. */
export function outputNames(splitOutputs: boolean, summaryOutput: boolean): string[] {
	const names = splitOutputs ? SPLIT_OUTPUTS.map(({ displayName }) => displayName) : ['Rows'];
	return summaryOutput ? [...names, 'Summary'] : names;
}

/** The names of the outputs with their indexes, for n8n's AI builder: "0 Rows, 1 Summary". */
export function indexedOutputs(splitOutputs: boolean, summaryOutput: boolean): string {
	return outputNames(splitOutputs, summaryOutput)
		.map((name, index) => `${index} ${name}`)
		.join(', ');
}
