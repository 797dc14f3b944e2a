/** The tests of n8n's queue mode: `npm run test:queue`. @type {import('jest').Config} */
module.exports = {
	testEnvironment: 'node',
	testMatch: ['**/*.e2e.ts'],
	transform: {
		'\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } }],
	},
	// Each file starts a main process and workers.
	maxWorkers: 1,
	// The first run installs n8n.
	testTimeout: 30 * 60_000,
};
