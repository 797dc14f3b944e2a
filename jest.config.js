// Not UTC, so that a test notices a time read in the server's zone.
process.env.TZ = 'Asia/Shanghai';

/** @type {import('jest').Config} */
module.exports = {
	testEnvironment: 'node',
	roots: ['<rootDir>/test'],
	// Tests wait more than they compute. By default one core is left free, which is half of a small machine.
	maxWorkers: '100%',
	maxConcurrency: 12,
	transform: {
		'\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } }],
	},
};
