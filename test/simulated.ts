import type {
	ICredentialDataDecryptedObject,
	IDataObject,
	INodeExecutionData,
	INodeParameters,
	IPairedItemData,
} from 'n8n-workflow';

import { OPERATIONS } from '../nodes/JuheMobileStatus/juhe/operations';
import { runNode, type NodeRun } from './engine';
import { startSimulator, type Simulator, type SimulatorOptions } from './simulator/simulator';

/** The operations that the node has: whoever adds one need not tell the tests of all. */
export const OPERATION_NAMES = OPERATIONS.map(({ value }) => value);

type RunOptions = Omit<Parameters<typeof runNode>[1], 'credential'>;

/** A simulator for the tests of a file, fresh for each test, and the node run against it on n8n's engine. */
export function useSimulator(options?: SimulatorOptions) {
	let simulator: Simulator;
	beforeAll(async () => {
		simulator = await startSimulator(options);
	});
	beforeEach(async () => {
		await simulator.accept();
		simulator.latency = options?.latency ?? 0;
		simulator.reset();
	});
	afterAll(() => simulator.close());

	return {
		/** The simulator that runs now. */
		get simulator() {
			return simulator;
		},
		/** Runs the node on rows; `credential` replaces fields of the one that the simulator accepts. */
		run: (
			rows: Parameters<typeof runNode>[0],
			{
				credential,
				...runOptions
			}: RunOptions & { credential?: ICredentialDataDecryptedObject } = {},
		): Promise<NodeRun> =>
			runNode(rows, { credential: { ...simulator.credential, ...credential }, ...runOptions }),
	};
}

/** Rows with a `phone` each. */
export function phones(...numbers: unknown[]): IDataObject[] {
	return numbers.map((phone) => ({ phone }) as IDataObject);
}

/** `count` distinct numbers that the simulator calls normal. */
export function distinctNumbers(count: number): string[] {
	return Array.from({ length: count }, (_, index) => `139${String(index).padStart(7, '0')}0`);
}

/** Parameters with the given options. */
export function withOptions(
	options: INodeParameters,
	more: INodeParameters = {},
): { parameters: INodeParameters } {
	return { parameters: { ...more, options } };
}

/** Runs with On Error: Continue. */
export const CONTINUE = { node: { onError: 'continueRegularOutput' } } as const;
/** Runs with On Error: Continue (using error output). */
export const ERROR_OUTPUT = { node: { onError: 'continueErrorOutput' } } as const;

/** The result that the node put into a row, as an object or as columns; empty where there is none. */
export function resultIn(json: IDataObject, field: string): IDataObject {
	return (json[field] as IDataObject | undefined) ?? withoutPrefix(json, `${field}_`);
}

/** The result that the node put into an item. */
export function statusOf({ json }: INodeExecutionData): IDataObject {
	return resultIn(json, 'mobileStatus');
}

/** The details of a row that failed, as an object or as columns; undefined for one that did not. */
export function detailsOf({ json }: INodeExecutionData): IDataObject | undefined {
	if (json.details !== undefined) return json.details as IDataObject;
	return 'details_code' in json ? withoutPrefix(json, 'details_') : undefined;
}

function withoutPrefix(json: IDataObject, prefix: string): IDataObject {
	const columns = Object.entries(json).filter(([name]) => name.startsWith(prefix));
	return Object.fromEntries(columns.map(([name, value]) => [name.slice(prefix.length), value]));
}

/** The same fields under a prefix. */
export function columns(prefix: string, fields: object): IDataObject {
	return Object.fromEntries(
		Object.entries(fields).map(([name, value]) => [`${prefix}_${name}`, value]),
	);
}

/** The index of the row that an item comes from. */
export function rowOf({ pairedItem }: INodeExecutionData): number {
	return (pairedItem as IPairedItemData).item;
}

/** Moves the clock that the node reads, and lets all else go on as it is. */
export function setClock(now: number) {
	jest.useFakeTimers({
		now,
		doNotFake: [
			'nextTick',
			'setImmediate',
			'setTimeout',
			'setInterval',
			'clearTimeout',
			'clearInterval',
			'queueMicrotask',
			'performance',
			'hrtime',
		],
	});
}
