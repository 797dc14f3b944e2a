const { TestEnvironment } = require('jest-environment-node');

/** Tests of several seconds each, whose mutants others notice: they would double the time of a mutant that survives. */
const SLOW = /^the matrix timeout$| allowed: (a timeout|HTTP 429 is none)$|: up to 50 at a time$/;

/** Skips all that comes after the first failure: one test that notices a mutant is enough. */
module.exports = class extends TestEnvironment {
	hasFailed = false;

	handleTestEvent({ name, test }) {
		if (name === 'test_done') this.hasFailed ||= test.errors.length > 0;
		if (name !== 'test_start') return;
		const isSlow = SLOW.test(`${test.parent.name} ${test.name}`);
		if (this.hasFailed || isSlow) test.mode = 'skip';
	}
};
