const { transform, ...config } = require('../../jest.config.js');

const [[files, [swc, options]]] = Object.entries(transform);

/** What Stryker runs for each mutant: `npm run test:mutation`. @type {import('jest').Config} */
module.exports = {
	...config,
	rootDir: '../..',
	testMatch: ['<rootDir>/test/mutation/all.js'],
	// As a path: Stryker, which wraps the environment into its own, knows no <rootDir>.
	testEnvironment: require.resolve('./environment.js'),
	// The rate limiter is tested with fake timers, which n8n-workflow gets only where the test loads it.
	moduleNameMapper:
		process.env.AREA === 'rateLimiter'
			? {}
			: { '^(n8n-core|n8n-workflow)$': '<rootDir>/test/mutation/loaded/$1.js' },
	// What dies in a test of a pure function does not have to wait for the engine to load.
	transform: { [files]: [swc, { ...options, module: { type: 'commonjs', lazy: ['n8n-core'] } }] },
};
