/** Runs the engine's tests on the oldest and the newest n8n that the README promises, on each Node: `npm run test:versions`. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import Table from 'cli-table3';

import { keptInstall, NODE_PACKAGE } from './real-n8n';

/** n8n-core, the n8n-workflow that it wants, and the n8n that ships it. */
const ENGINES = [
	{ core: '2.35.4', workflow: '2.35.3', n8n: '2.35' },
	{ core: '2.41.1', workflow: '2.41.0', n8n: '2.41' },
];
const NODES = ['20', '22', '24'];
const ROOT = join(__dirname, '..');

async function main(): Promise<void> {
	const table = new Table({ head: ['n8n', 'n8n-core', 'Node.js', 'passed', 'failed'] });
	for (const { core, workflow, n8n } of ENGINES) {
		const engine = await keptInstall(
			`n8n-core-${core}`,
			`n8n-core@${core}`,
			`n8n-workflow@${workflow}`,
			'reflect-metadata',
		);
		for (const major of NODES) {
			const folder = await keptInstall(`node-${major}`, `${NODE_PACKAGE}@${major}`);
			const node = join(folder, 'node_modules', NODE_PACKAGE, 'bin/node');
			const { stdout } = await promisify(execFile)(node, ['--version']);
			const { passed, failed } = await runTests(node, engine);
			table.push([n8n, core, stdout.trim(), passed, failed]);
			if (failed > 0) process.exitCode = 1;
		}
	}
	console.log(table.toString());
}

/** Runs what test/versions.config.js selects, and gives jest's figures. */
async function runTests(node: string, engine: string): Promise<{ passed: number; failed: number }> {
	const report = join(engine, 'report.json');
	const jest = join(ROOT, 'node_modules/jest/bin/jest.js');
	const args = [
		jest,
		'-c',
		'test/versions.config.js',
		'--silent',
		'--forceExit',
		'--json',
		`--outputFile=${report}`,
	];
	// What fails is in the report as well as in the exit code.
	await promisify(execFile)(node, args, {
		cwd: ROOT,
		env: { ...process.env, ENGINE: engine },
		maxBuffer: 1e9,
	}).catch(() => undefined);
	const figures = JSON.parse(await readFile(report, 'utf8')) as Record<string, number>;
	// A suite that does not load has no tests to count.
	return {
		passed: figures.numPassedTests ?? 0,
		failed: (figures.numFailedTests ?? 0) + (figures.numRuntimeErrorTestSuites ?? 0),
	};
}

main().catch((error: unknown) => {
	console.error(error instanceof Error ? error.message : error);
	process.exit(1);
});
