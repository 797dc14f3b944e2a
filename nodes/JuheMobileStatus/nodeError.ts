import { NodeApiError, NodeOperationError, type INode } from 'n8n-workflow';

import type { Failure, FailureDetails } from './juhe/failure';
import { userFailure, type RowFailure } from './list/outcome';

/** The n8n error of a failure. The item index is set at birth, because n8n keeps the first error that it sees. */
export function toNodeError(
	node: INode,
	failure: Failure,
	itemIndex?: number,
): NodeApiError | NodeOperationError {
	const description = describe(failure.details);
	if (failure.by === 'user') {
		return new NodeOperationError(node, failure.message, { description, itemIndex });
	}
	// n8n shows this object in its error panel, so it holds only what is free of secrets.
	const { code, resultcode, reason } = failure.details;
	return new NodeApiError(
		node,
		{ error_code: code, resultcode, reason },
		// Without a message of ours n8n reads the code as an HTTP status.
		{ message: failure.message, description, httpCode: String(code), itemIndex },
	);
}

/** What broke, as the failure of every row of a call. */
export function callFailure(error: unknown): RowFailure {
	const { message, description } = error as Error & { description?: string | null };
	return userFailure(
		'invalidSettings',
		message,
		description ?? 'Correct the node or its credential.',
	);
}

/** What broke, as an error that n8n shows. */
export function asNodeError(node: INode, error: unknown): NodeApiError | NodeOperationError {
	return error instanceof NodeApiError ? error : new NodeOperationError(node, error as Error);
}

function describe({ reason, resultcode, remedy, billable }: FailureDetails): string {
	const code = resultcode === null ? '' : ` (resultcode ${resultcode})`;
	return [
		reason === null ? '' : `The service says “${reason}”${code}. `,
		billable === 'uncertain' ? 'This query may have been billed. ' : '',
		remedy,
	].join('');
}
