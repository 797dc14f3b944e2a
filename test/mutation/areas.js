const NODE = 'nodes/JuheMobileStatus';

/**
 * What is mutated, and the tests that each part of it is run against: those that meet it, the quick ones first, because
 * the first failure ends a mutant's run.
 */
module.exports = {
	list: {
		mutate: [`${NODE}/list/{circuitBreaker,ledger,run}.ts`],
		tests: ['rows', 'executions', 'reuse', 'failures'],
	},
	carried: {
		mutate: [`${NODE}/list/{earlier,outcome}.ts`],
		tests: ['reuse', 'rows', 'executions'],
	},
	number: { mutate: [`${NODE}/list/{number,objections}.ts`], tests: ['number'] },
	replies: {
		mutate: [`${NODE}/juhe/{client,codes,failure,reply,status}.ts`],
		tests: ['rows', 'failures', 'security'],
	},
	secrets: {
		mutate: [`${NODE}/juhe/{account,encryption,operations,redact}.ts`],
		tests: ['encryption', 'credential', 'rows', 'security'],
	},
	rateLimiter: { mutate: [`${NODE}/juhe/rateLimiter.ts`], tests: ['rateLimiter', 'settings'] },
	errors: {
		mutate: [`${NODE}/{nodeError,request,credentialTest}.ts`],
		tests: ['credential', 'settings', 'failures', 'security'],
	},
	shell: {
		mutate: [`${NODE}/!(properties|nodeError|request|credentialTest).ts`],
		tests: ['rows', 'contract', 'reuse', 'settings', 'security', 'executions'],
	},
	editor: {
		mutate: [`${NODE}/properties.ts`, 'credentials/*.ts'],
		tests: ['contract', 'credential', 'rows', 'reuse', 'settings'],
	},
};
