import {
	NodeConnectionTypes,
	NodeOperationError,
	type ICredentialDataDecryptedObject,
	type IExecuteFunctions,
	type INodeExecutionData,
	type INodeType,
	type INodeTypeDescription,
} from 'n8n-workflow';

import { testJuheApi } from './credentialTest';
import { addToTotal, executionOf, fingerprint, saveExecution, type Execution } from './execution';
import { openAccount, type Account } from './juhe/account';
import { Client } from './juhe/client';
import type { Failure } from './juhe/failure';
import type { Outcome, Row } from './list/outcome';
import { planDryRun, run, type RunResult } from './list/run';
import { settingsFailure, toNodeError } from './nodeError';
import { hasSummaryOutput, OUTPUTS_EXPRESSION, toOutputs } from './outputs';
import { PROPERTIES } from './properties';
import { createProgressLog, reportSummary } from './report';
import { createSend } from './request';
import { readRows } from './rows';
import { readOutputFields, readSettings, type Settings } from './settings';
import { summarize, summaryItem } from './summary';

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
		properties: PROPERTIES,
	};

	methods = { credentialTest: { testJuheApi } };

	async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
		const startedAt = new Date().toISOString();
		const setup = await prepare(this);
		if ('failure' in setup) return refuseRows(this, setup.failure, startedAt);

		const { settings, account } = setup;
		const fingerprintOf = (mobile: string) => fingerprint(account, mobile);
		const rows = readRows(this, settings, fingerprintOf);
		const execution = executionOf(this, account);
		const { outcomes, stoppedBy } = settings.dryRun
			? planDryRun(rows, execution.ledger, { ...settings, call: runIndexOf(this) })
			: await query(this, rows, execution, setup);

		const summary = summarize(outcomes, stoppedBy, startedAt, settings.dryRun);
		const total = addToTotal(this, runIndexOf(this), summary);
		reportSummary(this, summary, settings.pricePerQuery);
		const failed = failureToThrow(this, outcomes);
		if (!settings.dryRun) {
			saveExecution(this, execution, {
				hasFailed: failed !== undefined,
				needsCounts: settings.maxQueries > 0 || hasSummaryOutput(this),
			});
		}
		if (failed !== undefined) throw toNodeError(this.getNode(), failed.failure, failed.itemIndex);

		const fields = { ...settings, settings, fingerprintOf };
		return toOutputs(this, rows, outcomes, fields, summaryItem(total, settings.pricePerQuery));
	}
}

/** What a call works with. */
interface Setup {
	settings: Settings;
	account: Account;
	/** As n8n stores the credential. */
	credentialData: ICredentialDataDecryptedObject;
}

/** Reads and checks parameters and credential, once a call. */
async function prepare(context: IExecuteFunctions): Promise<Setup | { failure: Failure }> {
	try {
		const settings = readSettings(context);
		return { settings, ...(await readAccount(context, settings)) };
	} catch (error) {
		// If we threw here, On Error = Continue would forward the input unchanged.
		if (context.continueOnFail()) return { failure: settingsFailure(error) };
		// Given an error of its own class, the constructor returns that error.
		throw new NodeOperationError(context.getNode(), error as Error);
	}
}

async function readAccount(
	context: IExecuteFunctions,
	{ operation, dryRun }: Settings,
): Promise<Pick<Setup, 'account' | 'credentialData'>> {
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

/** Every row as an error item: the call cannot begin. */
function refuseRows(
	context: IExecuteFunctions,
	failure: Failure,
	startedAt: string,
): INodeExecutionData[][] {
	const outcomes = context.getInputData().map((): Outcome => ({ failure }));
	const summary = summarize(outcomes, failure, startedAt, false);
	const total = addToTotal(context, runIndexOf(context), summary);
	reportSummary(context, summary, 0);
	return toOutputs(context, [], outcomes, readOutputFields(context), summaryItem(total, 0));
}

async function query(
	context: IExecuteFunctions,
	rows: Row[],
	{ ledger, limiter }: Execution,
	{ settings, account, credentialData }: Setup,
): Promise<RunResult> {
	limiter.configure(settings.requestsPerSecond || Infinity, settings.concurrency);
	const send = createSend(context, account, credentialData, settings);
	const client = new Client(account, send, limiter, settings);
	return await run(rows, client, limiter, ledger, {
		...settings,
		call: runIndexOf(context),
		failOnNoRecord: settings.noRecord === 'error',
		stopOnFailure: !context.continueOnFail(),
		cancelSignal: context.getExecutionCancelSignal(),
		onProgress: createProgressLog(context, ledger),
	});
}

/** n8n counts the calls of a node in an execution; the tries of Retry On Fail share a count. */
function runIndexOf(context: IExecuteFunctions): number {
	return Number(context.getWorkflowDataProxy(0).$runIndex);
}

/** The row to name when the node stops: the first that failed by itself. Undefined where the node goes on. */
function failureToThrow(
	context: IExecuteFunctions,
	outcomes: Outcome[],
): { failure: Failure; itemIndex: number } | undefined {
	// A cancelled execution ends as cancelled, not as failed.
	const isCancelled = context.getExecutionCancelSignal()?.aborted === true;
	if (context.continueOnFail() || isCancelled) return undefined;
	const failures = outcomes.flatMap((outcome, itemIndex) =>
		'failure' in outcome ? [{ failure: outcome.failure, itemIndex }] : [],
	);
	return failures.find(({ failure }) => !failure.interrupted) ?? failures[0];
}
