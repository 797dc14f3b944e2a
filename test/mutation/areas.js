const NODE = 'nodes/JuheMobileStatus';

/**
 * What is mutated, and the tests that each part of it is run against: those that meet it, the quick ones first, because
 * the first failure ends a mutant's run.
 */
module.exports = {
	circuitBreaker: { mutate: [`${NODE}/list/circuitBreaker.ts`], tests: ['circuitBreaker'] },
	list: {
		mutate: [`${NODE}/list/{ledger,run}.ts`, `${NODE}/execution.ts`],
		tests: ['rows', 'reuse', 'executions', 'failures'],
	},
	carried: {
		mutate: [`${NODE}/list/{storedResult,outcome}.ts`],
		tests: ['rows', 'reuse', 'executions'],
	},
	number: { mutate: [`${NODE}/list/{number,objections}.ts`], tests: ['number'] },
	replies: {
		mutate: [`${NODE}/juhe/{client,codes,reply,status}.ts`],
		tests: ['rows', 'failures', 'security'],
	},
	secrets: {
		mutate: [`${NODE}/juhe/{account,encryption,operations,redact}.ts`],
		tests: ['encryption', 'credential', 'security', 'rows', 'settings'],
	},
	rateLimiter: { mutate: [`${NODE}/juhe/rateLimiter.ts`], tests: ['rateLimiter'] },
	errors: {
		mutate: [`${NODE}/{nodeError,request,credentialTest}.ts`],
		tests: ['credential', 'settings', 'failures', 'security'],
	},
	rows: {
		mutate: [`${NODE}/{items,result,rows}.ts`, `${NODE}/juhe/failure.ts`],
		tests: ['rows', 'reuse', 'security'],
	},
	tool: { mutate: [`${NODE}/tool.ts`], tests: ['executions'] },
	shell: {
		mutate: [`${NODE}/{JuheMobileStatus.node,outputs,report,settings,summary}.ts`],
		tests: ['rows', 'contract', 'reuse', 'settings'],
	},
	editor: {
		mutate: [`${NODE}/{builderHint,outputNames,properties}.ts`, 'credentials/*.ts'],
		tests: ['contract', 'credential', 'rows', 'reuse', 'settings', 'builder'],
	},
};
