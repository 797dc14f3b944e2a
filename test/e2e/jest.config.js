/** The tests that start the n8n product: `npm run test:e2e`. @type {import('jest').Config} */
module.exports = {
	testEnvironment: 'node',
	testMatch: ['**/*.e2e.ts'],
	transform: {
		'\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } }],
	},
	// An n8n takes a whole core.
	maxWorkers: 1,
	// The first run installs n8n.
	testTimeout: 30 * 60_000,
};
