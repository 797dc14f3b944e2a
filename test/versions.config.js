const { join } = require('node:path');

/** The tests that run on n8n's engine, with the engine that is installed in the folder $ENGINE instead of ours. */
const engine = (name) => join(process.env.ENGINE, 'node_modules', name);

/** @type {import('jest').Config} */
module.exports = {
	...require('../jest.config.js'),
	rootDir: join(__dirname, '..'),
	// Not on the engine, or in processes of their own.
	testPathIgnorePatterns: ['/package\\.test', '/demo\\.test'],
	moduleNameMapper: {
		'^(n8n-core|n8n-workflow|reflect-metadata)$': engine('$1'),
	},
};
