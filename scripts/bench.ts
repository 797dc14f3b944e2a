/**
 * Measures the node in a real n8n and on n8n's bare engine, against other ways to do the same: `npm run bench -- --help`.
 * All take turns in one run, against a simulator in a process of its own. Ratios mean more than the seconds of one machine.
 */
import { Command } from 'commander';

import { measureCells } from './bench/cells';
import { compareCheckouts, type CompareOptions } from './bench/checkouts';
import { measureReuse } from './bench/reuse';
import { measureHttps, measureSpeed, type BenchOptions } from './bench/speed';
import { writeBack } from './bench/writeback';
import { simulateYear } from './bench/year';

function command(
	name: string,
	description: string,
	action: (options: BenchOptions) => Promise<void>,
): Command {
	return new Command(name)
		.description(description)
		.option('--rounds <number>', 'rounds of each contender', Number, 3)
		.option('--rows <number>', 'rows of a list', Number, 2000)
		.option('--long <number>', 'rows of the long list', Number, 100_000)
		.option('--print', 'leave docs/ as it is', false)
		.action(action);
}

command('bench', 'Runs speed, https, reuse and year.', async (options) => {
	await measureSpeed(options);
	await measureHttps(options);
	await measureReuse(options);
	simulateYear(options);
})
	// Or it would take the options of the commands below for its own.
	.enablePositionalOptions()
	.addCommand(command('speed', 'The node against other nodes of n8n.', measureSpeed))
	.addCommand(command('https', 'The same over http and https.', measureHttps))
	.addCommand(command('reuse', 'A long list of which 1% is due.', measureReuse))
	.addCommand(
		command(
			'writeback',
			'Rows written to a Data Table and to PostgreSQL, and a million rows of SQL.',
			writeBack,
		),
	)
	.addCommand(
		new Command('cells').description('What it costs to read a cell.').action(measureCells),
	)
	.addCommand(
		new Command('year')
			.description('A year of nightly checks, simulated.')
			.option('--print', 'leave docs/ as it is', false)
			.action(simulateYear),
	)
	.addCommand(
		command('compare', 'Prints another checkout beside this one.', (options) =>
			compareCheckouts(options as CompareOptions),
		)
			.requiredOption('--source <folder>', 'the other checkout, with its packages and its build')
			.option('--no-n8n', 'on the bare engine alone'),
	)
	.parseAsync()
	.then(() => process.exit())
	.catch((error: unknown) => {
		console.error(error);
		process.exit(1);
	});
