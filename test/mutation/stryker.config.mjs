import areas from './areas.js';

const { AREA } = process.env;
if (areas[AREA] === undefined) {
	throw new Error(`Set AREA to one of: ${Object.keys(areas).join(', ')}.`);
}

/** Keys of tables whose text is help for people: no test should hold on to how it is worded. */
const HELP = ['description', 'placeholder', 'sentence', 'remedy'];

export const strykerPlugins = [
	{
		kind: 'Ignore',
		name: 'help',
		value: {
			shouldIgnore({ node, parent }) {
				const isText = node.type === 'StringLiteral' || node.type === 'TemplateLiteral';
				return isText && parent?.type === 'ObjectProperty' && HELP.includes(parent.key.name)
					? 'Help for people, free to be worded otherwise'
					: undefined;
			},
		},
	},
];

/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
	mutate: areas[AREA].mutate,
	testRunner: 'jest',
	jest: { configFile: 'test/mutation/jest.config.js', enableFindRelatedTests: false },
	plugins: ['@stryker-mutator/jest-runner', './test/mutation/stryker.config.mjs'],
	ignorers: ['help'],
	coverageAnalysis: 'perTest',
	// For two cores: the tests spend a third of their time waiting.
	concurrency: 3,
	// So long that a busy machine is not taken for a mutant that hangs.
	timeoutMS: 60_000,
	// Jest keeps what it loaded: a runner grows by some 50 MB with each mutant.
	maxTestRunnerReuse: 60,
	thresholds: { high: 95, low: 90, break: 90 },
	incremental: true,
	incrementalFile: `coverage/mutation/${AREA}.incremental.json`,
	reporters: ['progress-append-only', 'clear-text', 'html', 'json'],
	clearTextReporter: { logTests: false, allowColor: false, reportTests: false },
	htmlReporter: { fileName: 'coverage/mutation/report.html' },
	jsonReporter: { fileName: 'coverage/mutation/report.json' },
	tempDirName: 'coverage/mutation/tmp',
	ignorePatterns: ['dist', 'docs', 'examples', 'coverage'],
};
