const { TestEnvironment } = require('jest-environment-node');

/** Gives a test Node's own `require`: n8n loads its engines with `import()`, which Jest does not run. */
module.exports = class extends TestEnvironment {
	async setup() {
		await super.setup();
		this.global.nodeRequire = require;
	}
};
