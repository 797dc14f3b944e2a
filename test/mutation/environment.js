const { join } = require('node:path');
const { TestEnvironment } = require('jest-environment-node');

// As test/engine.ts sets them: n8n's packages are loaded outside of it.
process.env.N8N_USER_FOLDER ??= join(__dirname, '../../coverage/n8n');
process.env.N8N_ENCRYPTION_KEY ??= 'only for tests';
process.env.N8N_LOG_LEVEL ??= 'silent';

/** Tests of several seconds each, whose mutants others notice: they would double the time of a mutant that survives. */
const SLOW = [
	/^the matrix (no answer|an answer that drips|a cut body|HTTP (504|520|524)),/,
	/^the matrix code "(10011|10014|224915|224924)",/,
	/ of the execution: a timeout$|: up to 50 at a time$|with five retries$/,
	...(process.env.AREA === 'errors' ? [] : [/^a reply of 100 MB/]),
];
/** For a test that hangs, in milliseconds. The longest takes a sixth of it. */
const TIMEOUT = 20_000;

/**
 * Runs one test after the other, and skips all that comes after the first failure, with its hooks: one test that notices
 * a mutant is enough.
 */
module.exports = class extends TestEnvironment {
	async setup() {
		await super.setup();
		// n8n's packages take longer to load than most mutants live, so a process loads them once (see loaded/).
		this.global.requireOnce = (name) => require(name);
		// They read the environment variables that a test sets.
		this.global.process.env = process.env;
	}

	handleTestEvent({ name, test }, { rootDescribeBlock }) {
		if (name === 'run_start') {
			skip(rootDescribeBlock, (each) =>
				SLOW.some((names) => names.test(`${each.parent.name} ${each.name}`)),
			);
			forEachTest(rootDescribeBlock, (each) => (each.concurrent = false));
		}
		if (name === 'test_start') test.timeout = TIMEOUT;
		if (name === 'test_done' && test.errors.length > 0) {
			// Not the test itself, or what its hooks have opened stays open.
			skip(rootDescribeBlock, (each) => each !== test);
		}
	}
};

function skip(describeBlock, isSkipped) {
	forEachTest(describeBlock, (each) => {
		if (isSkipped(each)) each.mode = 'skip';
	});
}

function forEachTest(describeBlock, change) {
	for (const child of describeBlock.children) {
		if (child.type === 'describeBlock') forEachTest(child, change);
		else change(child);
	}
}
