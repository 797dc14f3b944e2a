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

import { BUILDER_HINT } from './builderHint';
import { testJuheApi } from './credentialTest';
import { addToTotal, ledgerOf } from './execution';
import { inputItems, isTool, toErrorItem, toOutputItem } from './items';
import { fingerprint, resolveCredential, type Account } from './juhe/account';
import { Client } from './juhe/client';
import type { Ledger } from './list/ledger';
import {
	INVALID_NUMBER,
	invalidRowsFailure,
	type Outcome,
	type Row,
	type RowFailure,
} from './list/outcome';
import { ListRun, planDryRun, type RunOptions, type RunResult } from './list/run';
import { asNodeError, callFailure, toNodeError } from './nodeError';
import { OUTPUTS_EXPRESSION, toOutputs } from './outputs';
import { PROPERTIES } from './properties';
import { createProgressLog, reportSummary } from './report';
import { createSend } from './request';
import { readRows } from './rows';
import { readOutputFields, readSettings, type Settings } from './settings';
import { summarize, summaryItem } from './summary';
import { readToolRows, toolErrorItem, toToolItem } from './tool';

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
		outputs: OUTPUTS_EXPRESSION,
		credentials: [{ name: 'juheApi', required: true, testedBy: 'testJuheApi' }],
		hints: [
			{
				// A condition cannot see On Error, so the sentence is true whatever it is set to.
				message:
					"One cell without a mobile number ends the list before anything is sent, unless 'On Error' is set to Continue.",
				type: 'info',
				// Beside the button that starts it. n8n shows what is for the input pane in that of the next node.
				location: 'outputPane',
				whenToDisplay: 'beforeExecution',
				displayCondition: '={{ $input.all().length > 1 }}',
			},
		],
		builderHint: BUILDER_HINT,
		properties: PROPERTIES,
	};

	methods = { credentialTest: { testJuheApi } };

	async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
		const startedAt = new Date().toISOString();
		try {
			return await checkRows(this, startedAt);
		} catch (error) {
			// If we threw here, On Error = Continue would forward the input unchanged.
			if (goesOn(this)) return refuseRows(this, callFailure(error), startedAt);
			throw asNodeError(this.getNode(), error);
		}
	}
}

/** What a call works with. */
interface Setup {
	settings: Settings;
	account: Account;
	/** As n8n stores the credential. */
	credentialData: ICredentialDataDecryptedObject;
}

/** @throws Error for a parameter or a credential that cannot be used, and for the row that stops the workflow */
async function checkRows(
	context: IExecuteFunctions,
	startedAt: string,
): Promise<INodeExecutionData[][]> {
	const settings = readSettings(context);
	const { account, credentialData } = await readAccount(context, settings);
	const fingerprintOf = (mobile: string) => fingerprint(account, mobile);
	const toolRows = isTool(context) ? readToolRows(context) : undefined;
	const rows = toolRows?.map(({ row }) => row) ?? readRows(context, settings, fingerprintOf);
	const ledger = ledgerOf(context, account);
	const { outcomes, stoppedBy } = settings.dryRun
		? planDryRun(rows, ledger, runOptions(context, settings))
		: await query(context, rows, ledger, { settings, account, credentialData });

	const summary = countCall(context, outcomes, stoppedBy, startedAt, settings);
	throwWhereStopped(context, outcomes);

	const outcomeOf = (index: number) => outcomes[index] as Outcome;
	const { onError } = context.getNode();
	const items =
		toolRows?.map((row, index) => toToolItem(row, outcomeOf(index), settings, fingerprintOf)) ??
		inputItems(context).map((input, index) => {
			const outcome = outcomeOf(index);
			return 'failure' in outcome
				? toErrorItem(input, index, outcome.failure, settings, onError)
				: toOutputItem(input, index, rows[index], outcome, settings, fingerprintOf);
		});
	return toOutputs(context, items, summary);
}

/** Counts a call, and tells what it came to. @returns the item of the Summary output */
function countCall(
	context: IExecuteFunctions,
	outcomes: Outcome[],
	stoppedBy: RowFailure | undefined,
	startedAt: string,
	{ dryRun, pricePerQuery }: Pick<Settings, 'dryRun' | 'pricePerQuery'>,
): IDataObject {
	const summary = summarize(outcomes, stoppedBy, startedAt, dryRun);
	const total = addToTotal(context, runIndexOf(context), summary);
	reportSummary(context, summary, outcomes, pricePerQuery);
	return summaryItem(total, pricePerQuery);
}

async function readAccount(
	context: IExecuteFunctions,
	{ operation, dryRun }: Settings,
): Promise<Pick<Setup, 'account' | 'credentialData'>> {
	const hasCredential = context.getNode().credentials?.juheApi !== undefined;
	// A dry run sends nothing, so it needs no credential.
	const credentialData: ICredentialDataDecryptedObject =
		dryRun && !hasCredential ? {} : await context.getCredentials('juheApi');
	const resolved = resolveCredential(credentialData, operation, { dryRun });
	if ('account' in resolved) return { account: resolved.account, credentialData };
	throw new NodeOperationError(
		context.getNode(),
		`'${resolved.field}' in the credential ${resolved.reason}`,
		{ description: 'Nothing was sent. Correct the Juhe API credential of this node.' },
	);
}

/** Every row as an error item: the call cannot begin, or breaks. */
function refuseRows(
	context: IExecuteFunctions,
	failure: RowFailure,
	startedAt: string,
): INodeExecutionData[][] {
	const inputs = inputItems(context);
	const outcomes = inputs.map((): Outcome => ({ failure }));
	const fields = readOutputFields(context);
	const summary = countCall(context, outcomes, failure, startedAt, fields);
	const { onError } = context.getNode();
	const items = inputs.map((input, index) =>
		isTool(context)
			? toolErrorItem(failure, index)
			: toErrorItem(input, index, failure, fields, onError),
	);
	return toOutputs(context, items, summary);
}

async function query(
	context: IExecuteFunctions,
	rows: Row[],
	ledger: Ledger,
	{ settings, account, credentialData }: Setup,
): Promise<RunResult> {
	ledger.limiter.configure(settings.requestsPerSecond, settings.concurrency);
	const send = createSend(context, account, credentialData, settings);
	const client = new Client(account, send, ledger.limiter, settings);
	const onProgress = createProgressLog(context, ledger);
	const options = { ...runOptions(context, settings), onProgress };
	return await new ListRun(client, ledger, options).toEnd(rows);
}

function runOptions(context: IExecuteFunctions, settings: Settings): RunOptions {
	return {
		...settings,
		call: runIndexOf(context),
		failOnNoRecord: settings.noRecord === 'error',
		stopOnFailure: !goesOn(context),
		cancelSignal: context.getExecutionCancelSignal(),
	};
}

/** Whether rows that fail come out. An agent's tool always answers: an error thrown would end the agent. */
function goesOn(context: IExecuteFunctions): boolean {
	return context.continueOnFail() || isTool(context);
}

/** n8n counts the calls of a node in an execution; the tries of Retry On Fail share a count. */
function runIndexOf(context: IExecuteFunctions): number {
	return Number(context.getWorkflowDataProxy(0).$runIndex);
}

/**
 * Stops the node where On Error says so.
 *
 * @throws NodeError that names the first row that failed by itself, or all rows that hold no number
 */
function throwWhereStopped(context: IExecuteFunctions, outcomes: Outcome[]): void {
	// A cancelled execution ends as cancelled, not as failed.
	const isCancelled = context.getExecutionCancelSignal()?.aborted === true;
	if (goesOn(context) || isCancelled) return;
	const failures = outcomes.flatMap((outcome, itemIndex) =>
		'failure' in outcome ? [{ failure: outcome.failure, itemIndex }] : [],
	);
	const first = failures.find(({ failure }) => !failure.interrupted) ?? failures[0];
	if (first === undefined) return;
	const isInvalid = first.failure.details.code === INVALID_NUMBER;
	const failure = isInvalid ? invalidRowsFailure(outcomes, first.itemIndex) : first.failure;
	throw toNodeError(context.getNode(), failure, first.itemIndex);
}
