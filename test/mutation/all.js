/**
 * The tests that mutants are run against, as one file: a file of its own would load n8n's engine anew, for each mutant.
 *
 * The quick ones come first, for the first failure ends a mutant's run. Left out: what runs in other processes or on
 * the build (demo, package), what tests the simulator itself, and the fault matrix, which takes longest and meets few
 * mutants that the others do not.
 */
for (const name of [
	'number',
	'contract',
	'encryption',
	'credential',
	'rows',
	'memory',
	'rateLimiter',
	'settings',
	'failures',
	'wire',
	'security',
]) {
	describe(name, () => {
		require(`../${name}.test`);
	});
}
