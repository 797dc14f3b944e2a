const { TestEnvironment } = require('jest-environment-node');

/** Tests of several seconds each, whose mutants others notice: they would double the time of a mutant that survives. */
const SLOW =
	/^the matrix timeout:| allowed: (a timeout|HTTP 429 is none)$|: up to 50 at a time$|with five retries$/;
/** For a test that hangs, in milliseconds. The longest takes a third of it. */
const TIMEOUT = 10_000;

/** Skips all that comes after the first failure, with its hooks: one test that notices a mutant is enough. */
module.exports = class extends TestEnvironment {
	handleTestEvent({ name, test }, { rootDescribeBlock }) {
		if (name === 'run_start') {
			skip(rootDescribeBlock, (each) => SLOW.test(`${each.parent.name} ${each.name}`));
		}
		if (name === 'test_start') test.timeout = TIMEOUT;
		if (name === 'test_done' && test.errors.length > 0) {
			// Not the test itself, or what its hooks have opened stays open.
			skip(rootDescribeBlock, (each) => each !== test);
		}
	}
};

function skip(describeBlock, isSkipped) {
	for (const child of describeBlock.children) {
		if (child.type === 'describeBlock') skip(child, isSkipped);
		else if (isSkipped(child)) child.mode = 'skip';
	}
}
