import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { OPERATION_NAMES } from './simulated';

// Each run starts a program, which on a busy machine takes its time.
jest.setTimeout(60_000);

function demo(...args: string[]): string {
	return execFileSync(process.execPath, ['--import', 'tsx', 'scripts/demo.ts', ...args], {
		cwd: join(__dirname, '..'),
		encoding: 'utf8',
		stdio: 'pipe',
	});
}

/** The cells of the printed line whose first cell is `first`. */
function cellsOf(stdout: string, first: string): string[] {
	const cells = stdout.split('\n').map((line) =>
		line
			.split('│')
			.slice(1, -1)
			.map((cell) => cell.trim()),
	);
	return cells.find(([cell]) => cell === first) ?? [];
}

test.each(OPERATION_NAMES)(
	'%s: every number is paid once, and the second run pays for the edited rows alone',
	(operation) => {
		const stdout = demo('--operation', operation);

		expect(cellsOf(stdout, '1')).toEqual(['1', '13800012340', 'normal', 'keep', 'yes']);
		expect(cellsOf(stdout, '12')).toEqual(
			expect.arrayContaining(['+86 138-0001-2340', 'normal', 'no, asked above']),
		);
		const [, rows, billed, duplicates, reused, notSent, cost] = cellsOf(stdout, 'First run');
		const [, rowsAgain, billedAgain, , reusedAgain, , costAgain] = cellsOf(stdout, 'Second run');
		expect([rows, reused, rowsAgain, billedAgain, costAgain]).toEqual([
			'60',
			'0',
			'60',
			'3',
			'0.30',
		]);
		expect(Number(billed) + Number(duplicates) + Number(notSent)).toBe(60);
		// One of the three edited rows had a result before.
		expect(Number(reusedAgain)).toBe(Number(billed) + Number(duplicates) - 1);
		expect(cost).toBe((Number(billed) / 10).toFixed(2));
		// No colours: this is no terminal.
		expect(stdout).not.toContain('\u001b');
	},
);

test('an operation that does not exist ends it with a line that lists those that do', () => {
	expect(() => demo('--operation', 'sm4')).toThrow(OPERATION_NAMES.join(', '));
});
