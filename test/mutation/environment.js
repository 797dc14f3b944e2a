const { TestEnvironment } = require('jest-environment-node');

/** Skips all that comes after the first failure: one test that notices a mutant is enough. */
module.exports = class extends TestEnvironment {
	hasFailed = false;

	handleTestEvent({ name, test }) {
		if (name === 'test_done') this.hasFailed ||= test.errors.length > 0;
		else if (name === 'test_start' && this.hasFailed) test.mode = 'skip';
	}
};
