import type { IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

import { isTool } from './items';
import { readEarlier, type FieldNames } from './list/earlier';
import { parseMobile } from './list/number';
import { invalidNumberFailure, type Row } from './list/outcome';
import { settingsFailure } from './nodeError';
import { RESERVED_NAMES } from './settings';

/** `{{ $json.phone }}`, `{{ $json["phone no"] }}` and deeper: nothing but a path into the row. */
const PATH_INTO_ROW =
	/^=\{\{\s*\$json((?:\.[\p{ID_Start}_$][\p{ID_Continue}$]*|\["[^"\\\r\n]*"\]|\['[^'\\\r\n]*'\])+)\s*\}\}$/u;
const PATH_STEP = /\.([\p{ID_Start}_$][\p{ID_Continue}$]*)|\["([^"]*)"\]|\['([^']*)'\]/gu;

/**
 * Reads the number of every item, and the result that the row carries.
 *
 * @param fingerprintOf of a number of 11 digits
 */
export function readRows(
	context: IExecuteFunctions,
	fieldNames: FieldNames,
	fingerprintOf: (mobile: string) => string,
): Row[] {
	const readCell = createCellReader(context);
	const hasRows = !isTool(context);
	const now = Date.now();
	return context.getInputData().map((item, index): Row => {
		try {
			const parsed = parseMobile(readCell(item, index));
			if ('reason' in parsed) {
				return { failure: invalidNumberFailure(parsed.reason, hasRows ? index : undefined) };
			}
			const { mobile } = parsed;
			const fingerprint = () => fingerprintOf(mobile);
			const earlier = readEarlier(item.json, fieldNames, mobile, fingerprint, now);
			return earlier ? { mobile, earlier } : { mobile };
		} catch (error) {
			// The expression cannot be evaluated for this row.
			return { failure: settingsFailure(error) };
		}
	});
}

/**
 * Creates the function that reads the Mobile Number of an item.
 *
 * n8n takes about a millisecond to evaluate an expression, as long as all other work on a row. A bare path into the row
 * is read from the row itself where it leads to a text or a number. All else is left to n8n.
 */
function createCellReader(
	context: IExecuteFunctions,
): (item: INodeExecutionData, itemIndex: number) => unknown {
	const path = pathIntoRow(context.getNodeParameter('mobile', 0, '', { rawExpressions: true }));
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
	// n8n evaluates none of these names, whatever the row holds.
	return steps.some((step) => RESERVED_NAMES.includes(step)) ? undefined : steps;
}

function follow(path: string[], row: IDataObject): unknown {
	let value: unknown = row;
	for (const step of path) {
		if (typeof value !== 'object' || value === null) return undefined;
		value = (value as IDataObject)[step];
	}
	return value;
}
