/**
 * The tests that the mutants of an area are run against, as one file: a file of its own would load n8n's engine anew,
 * for each mutant.
 */
const { tests } = require('./areas')[process.env.AREA];

for (const name of tests) {
	describe(name, () => {
		require(`../${name}.test`);
	});
}
