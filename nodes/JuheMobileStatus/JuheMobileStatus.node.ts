import {
	NodeConnectionTypes,
	NodeOperationError,
	type ICredentialDataDecryptedObject,
	type IDataObject,
	type IExecuteFunctions,
	type INodeExecutionData,
	type INodeType,
	type INodeTypeDescription,
} from 'n8n-workflow';

import { executionOf, fingerprint, saveExecution, type Execution } from './execution';
import { maskText, toOutputItem, type ItemSettings } from './items';
import { openAccount, type Account } from './juhe/account';
import { Client } from './juhe/client';
import type { Failure } from './juhe/failure';
import type { Route } from './juhe/status';
import type { Outcome, Plan, Row } from './list/outcome';
import { planDryRun, run, type RunResult } from './list/run';
import { asNodeError, settingsFailure, toNodeError } from './nodeError';
import { PROPERTIES } from './properties';
import { createSend } from './request';
import { readRows } from './rows';
import { readFieldNames, readSettings, type Settings } from './settings';
import { addUp, summarize, summaryItem, summaryLine, type Summary } from './summary';

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

/**
 * Checks the on-network status of Chinese mobile numbers.
 *
 * Programmatic, because n8n's declarative style sends all rows at once, retries no single row, and loses the paired items
 * of rows that fail.
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
			'Check which Chinese mobile numbers are in use, suspended, off the network or about to be cancelled. Each distinct number is one paid query.',
		defaults: { name: 'Juhe Mobile Status' },
		usableAsTool: true,
		inputs: [NodeConnectionTypes.Main],
		outputs: `={{ [...($parameter.splitOutputs ? ${JSON.stringify(OUTPUT_PER_ROUTE)} : [${JSON.stringify(mainOutput())}]), ...($parameter.summaryOutput ? [${JSON.stringify(mainOutput('Summary'))}] : [])] }}`,
		credentials: [{ name: 'juheApi', required: true }],
		properties: PROPERTIES,
	};

	async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
		const startedAt = new Date().toISOString();
		const node = this.getNode();
		// n8n's name for the node where an agent has it as a tool.
		const isTool = node.type.endsWith('Tool');
		// A tool gets the input of the agent beside the number. It is no row of the tool, and not meant for the model.
		const items = isTool
			? this.getInputData().map((_, item) => ({ json: {}, pairedItem: { item } }))
			: this.getInputData();
		const stopOnFailure = !this.continueOnFail();

		let setup: {
			settings: Settings;
			account: Account;
			credentialData: ICredentialDataDecryptedObject;
		};
		try {
			const settings = readSettings(this);
			setup = { settings, ...(await readAccount(this, settings)) };
		} catch (error) {
			if (stopOnFailure) throw asNodeError(node, error);
			// If we threw here, On Error = Continue would forward the input unchanged.
			const failure = settingsFailure(error);
			const outcomes = items.map((): Outcome => ({ failure }));
			const summary = summarize(outcomes, failure, startedAt, false);
			const call = { ...readFieldNames(this), onError: node.onError, fingerprintOf: () => '' };
			return toOutputs(this, items, [], outcomes, call, summaryItem(summary, 0), isTool);
		}

		const { settings, account, credentialData } = setup;
		const fingerprintOf = (mobile: string) => fingerprint(account, mobile);
		const rows = readRows(this, this.getInputData(), settings, fingerprintOf, isTool);
		const execution = executionOf(this, account);
		const runIndex = Number(this.getWorkflowDataProxy(0).$runIndex);
		const { outcomes, stoppedBy } = settings.dryRun
			? { outcomes: planDryRun(rows, execution.ledger, settings), stoppedBy: undefined }
			: await query(this, rows, execution, { settings, account, credentialData, runIndex });

		const summary = summarize(outcomes, stoppedBy, startedAt, settings.dryRun);
		execution.summaries.set(runIndex, summary);
		// A cancelled execution ends as cancelled, not as failed.
		const isCancelled = this.getExecutionCancelSignal()?.aborted === true;
		const failed = stopOnFailure && !isCancelled ? earliestFailure(outcomes) : undefined;
		if (!settings.dryRun) {
			const mask = settings.maskNumber ? maskText : (text: string) => text;
			saveExecution(this, execution, failed !== undefined, mask);
		}
		report(this, summary, settings.pricePerQuery);
		if (failed !== undefined) throw toNodeError(node, failed.failure, failed.itemIndex);
		const total = summaryItem(addUp([...execution.summaries.values()]), settings.pricePerQuery);
		const call = { ...settings, settings, onError: node.onError, fingerprintOf };
		return toOutputs(this, items, rows, outcomes, call, total, isTool);
	}
}

/** Resolves the credential and checks what the operation needs of it, once a run. */
async function readAccount(
	context: IExecuteFunctions,
	{ operation, dryRun }: Settings,
): Promise<{ account: Account; credentialData: ICredentialDataDecryptedObject }> {
	const hasCredential = context.getNode().credentials?.juheApi !== undefined;
	// A dry run sends nothing, so it needs no credential.
	const credentialData: ICredentialDataDecryptedObject =
		dryRun && !hasCredential ? {} : await context.getCredentials('juheApi');
	const opened = openAccount(credentialData, operation, { dryRun });
	if ('account' in opened) return { account: opened.account, credentialData };
	throw new NodeOperationError(
		context.getNode(),
		`'${opened.field}' in the credential ${opened.reason}`,
		{ description: 'Nothing was sent. Correct the Juhe API credential of this node.' },
	);
}

async function query(
	context: IExecuteFunctions,
	rows: Row[],
	{ ledger, limiter }: Execution,
	call: {
		settings: Settings;
		account: Account;
		credentialData: ICredentialDataDecryptedObject;
		runIndex: number;
	},
): Promise<RunResult> {
	const { settings, account, credentialData } = call;
	limiter.configure(settings.requestsPerSecond || Infinity, settings.concurrency);
	const send = createSend(context, account, credentialData, settings);
	const client = new Client(account, send, limiter, settings.retries);
	return await run(rows, client, limiter, ledger, {
		...settings,
		call: call.runIndex,
		encryptionField: { plain: undefined, aes: 'OpenID', rsa: 'RSA Public Key' }[settings.operation],
		failOnNoRecord: settings.noRecord === 'error',
		stopOnFailure: !context.continueOnFail(),
		cancelSignal: context.getExecutionCancelSignal(),
	});
}

/** The items of all outputs, in the order of the rows. */
function toOutputs(
	context: IExecuteFunctions,
	items: INodeExecutionData[],
	rows: Row[],
	outcomes: Outcome[],
	call: ItemSettings,
	summary: IDataObject,
	isTool: boolean,
): INodeExecutionData[][] {
	const isOn = (name: string) => !isTool && context.getNodeParameter(name, 0, false) === true;
	const isSplit = isOn('splitOutputs');
	const outputs = (isSplit ? SPLIT_OUTPUTS : [0]).map((): INodeExecutionData[] => []);
	items.forEach((input, index) => {
		const outcome = outcomes[index] as Outcome;
		const { route, item } = toOutputItem(input, index, rows[index], outcome, call);
		outputs[isSplit ? outputIndex(route) : 0]?.push(item);
	});
	if (isOn('summaryOutput')) outputs.push([{ json: summary, pairedItem: { item: 0 } }]);
	return outputs;
}

function outputIndex(route: Route | Plan | undefined): number {
	const index = SPLIT_OUTPUTS.findIndex((output) => output.route === route);
	return index === -1 ? OTHER_OUTPUT : index;
}

/** The row to name when a run stops: the first that failed by itself. */
function earliestFailure(outcomes: Outcome[]): { failure: Failure; itemIndex: number } | undefined {
	const failures = outcomes.flatMap((outcome, itemIndex) =>
		'failure' in outcome ? [{ failure: outcome.failure, itemIndex }] : [],
	);
	return failures.find(({ failure }) => !failure.interrupted) ?? failures[0];
}

/** Tells the person at the output pane, and the log, what the call came to. */
function report(context: IExecuteFunctions, summary: Summary, price: number): void {
	const line = summaryLine(summary, price);
	context.logger.debug(line);
	context.addExecutionHints({ message: line, type: 'info', location: 'outputPane' });
}
