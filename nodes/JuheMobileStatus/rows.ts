import type { IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

import { inputItems } from './items';
import { parseMobile, type RefusalKind } from './list/number';
import {
	INVALID_NUMBER,
	invalidNumberFailure,
	userFailure,
	type Row,
	type RowFailure,
} from './list/outcome';
import { readStoredResult, type FieldNames } from './list/storedResult';

/** `{{ $json.phone }}`, `{{ $json["phone no"] }}` and deeper: nothing but a path into the row. */
const PATH_INTO_ROW =
	/^=\{\{\s*\$json((?:\.[\p{ID_Start}_$][\p{ID_Continue}$]*|\["[^"\\\r\n]*"\]|\['[^'\\\r\n]*'\])+)\s*\}\}$/u;
const PATH_STEP = /\.([\p{ID_Start}_$][\p{ID_Continue}$]*)|\["([^"]*)"\]|\['([^']*)'\]/gu;

/**
 * Reads the number of every item, and the result that the row carries. A tool has no rows: see tool.ts.
 *
 * @param fingerprintOf of a number of 11 digits
 */
export function readRows(
	context: IExecuteFunctions,
	settings: FieldNames & { maskNumber: boolean },
	fingerprintOf: (mobile: string) => string,
): Row[] {
	const items = inputItems(context);
	const raw: unknown = context.getNodeParameter('mobile', 0, '', { rawExpressions: true });
	const path = pathIntoRow(raw);
	const readCell = cellReader(context, items, path);
	const kinds = new Set<RefusalKind | undefined>();
	const now = Date.now();
	const rows = items.map((item, index): Row => {
		try {
			const parsed = parseMobile(readCell(index));
			kinds.add('kind' in parsed ? parsed.kind : undefined);
			if ('reason' in parsed) return { failure: invalidNumberFailure(parsed.reason) };
			const { mobile } = parsed;
			const fingerprint = () => fingerprintOf(mobile);
			const stored = readStoredResult(item.json, settings, mobile, fingerprint, now);
			return stored ? { mobile, stored } : { mobile };
		} catch (error) {
			kinds.add(undefined);
			// n8n's words may quote the cell.
			const words = settings.maskNumber ? '' : `: ${(error as Error).message}`;
			const reason = `holds an expression that cannot be evaluated${words}`;
			return { failure: invalidNumberFailure(reason) };
		}
	});
	const [kind] = kinds;
	const isOneKind = kinds.size === 1 && kind !== undefined;
	const failure = isOneKind ? columnFailure(kind, raw, path, items) : undefined;
	return failure ? rows.map(() => ({ failure })) : rows;
}

/** What is wrong with a column in which no row holds a number; undefined where each row has a reason of its own. */
function columnFailure(
	kind: RefusalKind,
	raw: unknown,
	path: string[] | undefined,
	items: INodeExecutionData[],
): RowFailure | undefined {
	const fail = ([reason, remedy]: ColumnReason) =>
		userFailure(INVALID_NUMBER, `'Mobile Number' ${reason}`, remedy);
	if (kind === 'expression' && typeof raw === 'string' && !raw.startsWith('=')) {
		return fail([
			'is in Fixed mode, so its expression is not evaluated',
			"Switch 'Mobile Number' to Expression.",
		]);
	}
	const isMissing = path && items.every(({ json }) => follow(path, json) === undefined);
	const hasGarbledNames = items.some(({ json }) => Object.keys(json).some(isGarbled));
	if (kind === 'empty' && isMissing) {
		const field = path.join('.');
		return fail(
			hasGarbledNames
				? [
						`reads the field '${field}', which no row has. The column names look like a GBK file read as UTF-8`,
						READ_GBK,
					]
				: [
						`reads the field '${field}', which no row has`,
						'Correct the name of the field, or drag the column from the input.',
					],
		);
	}
	const reason = items.length > 1 ? COLUMN_REASONS[kind] : undefined;
	return reason && fail(reason(path && `$json.${path.join('.')}`));
}

type ColumnReason = [reason: string, remedy: string];

const READ_GBK =
	"In Extract from File choose 'Extract From Text File' with the encoding gbk, then Convert to Text File, then 'Extract From CSV'.";

/** What is said of a column whose cells are all refused for one kind of reason. @param path of the cells */
const COLUMN_REASONS: Partial<Record<RefusalKind, (path?: string) => ColumnReason>> = {
	empty: () => ['is empty in every row', 'Choose the column that holds the numbers.'],
	scientific: () => [
		'is in scientific notation in every row, which has lost digits',
		'Format the column as text at its source, and export the list again.',
	],
	garbled: () => ['is garbled in every row, like a GBK file read as UTF-8', READ_GBK],
	list: (path = '$json.phone') => [
		'is a list of several in every row',
		`Read one element, for example {{ ${path}[0] }}, or split the lists into rows before this node.`,
	],
	object: (path = '$json.phone') => [
		'is an object in every row',
		`Read one of its fields, for example {{ ${path}.value }}.`,
	],
	country: () => [
		'holds the number of another country in every row',
		'Choose another column, or leave these rows out: the service knows Chinese mobile numbers only.',
	],
};

/** Whether bytes that are no UTF-8 were read as such. */
function isGarbled(name: string): boolean {
	return name.includes('\ufffd');
}

/**
 * How the Mobile Number of an item is read, by its index.
 *
 * n8n takes about a millisecond to evaluate an expression, as long as all other work on a row. A bare path into the row
 * is read from the row itself where it leads to a text or a number, if n8n gives the same for the first row: it refuses
 * some names. All else is left to n8n.
 */
export function cellReader(
	context: IExecuteFunctions,
	items: INodeExecutionData[],
	path: string[] | undefined,
): (index: number) => unknown {
	const evaluate = (index: number): unknown => context.getNodeParameter('mobile', index);
	if (path === undefined) return evaluate;
	const read = (index: number) => textOrNumber(follow(path, items[index]?.json));
	try {
		if (!Object.is(read(0), textOrNumber(evaluate(0)))) return evaluate;
	} catch {
		return evaluate;
	}
	return (index) => read(index) ?? evaluate(index);
}

function textOrNumber(value: unknown): string | number | undefined {
	return typeof value === 'string' || typeof value === 'number' ? value : undefined;
}

export function pathIntoRow(raw: unknown): string[] | undefined {
	const path = typeof raw === 'string' ? PATH_INTO_ROW.exec(raw)?.[1] : undefined;
	if (path === undefined) return undefined;
	const steps = [...path.matchAll(PATH_STEP)].map((step) => step[1] ?? step[2] ?? step[3] ?? '');
	// n8n's engines differ in names that every object has, such as `constructor` and `valueOf`.
	return steps.some((step) => step in {}) ? undefined : steps;
}

function follow(path: string[], row: unknown): unknown {
	let value = row;
	for (const step of path) {
		if (typeof value !== 'object' || value === null) return undefined;
		value = (value as IDataObject)[step];
	}
	return value;
}
