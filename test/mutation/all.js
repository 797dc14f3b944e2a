/**
 * The tests that mutants are run against, as one file: a file of its own would load n8n's engine anew, for each mutant.
 *
 * The quick ones come first, for the first failure ends a mutant's run. Left out: what runs in other processes or on
 * the build (demo, package), and the rounds of the soak, which take longest and meet few
 * mutants that the others do not.
 */
for (const name of [
	'number',
	'contract',
	'encryption',
	'credential',
	'rows',
	'reuse',
	'rateLimiter',
	'settings',
	'failures',
	'executions',
	'security',
]) {
	describe(name, () => {
		require(`../${name}.test`);
	});
}
