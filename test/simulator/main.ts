/** The simulator as a program: `npm run simulator -- --help`. */
import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { parseRule, type Rule } from './faults';
import { stateByLastDigit, states } from './service';
import { startSimulator } from './simulator';

function whole(text: string): number {
	if (!/^\d+$/.test(text)) throw new InvalidArgumentError('A whole number from 0 up is needed.');
	return Number(text);
}

function rules(file: string): Rule[] {
	try {
		const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
		return (Array.isArray(value) ? value : [value]).map(parseRule);
	} catch (error) {
		throw new InvalidArgumentError((error as Error).message);
	}
}

const digits = states.map((description, state) => {
	const ending = [...stateByLastDigit.keys()].filter((digit) => stateByLastDigit[digit] === state);
	return `  ${ending.join(' ').padEnd(10)}state ${state}  ${description}`;
});

const program = new Command('simulator')
	.description(
		"A stand-in for Juhe's mobile status API on 127.0.0.1. It takes the key, OpenID and RSA key it prints.",
	)
	.option('--port <number>', 'TCP port, 0 for any that is free', whole, 18180)
	.option('--latency <ms>', 'milliseconds between a lookup and its answer', whole, 0)
	.option('--rate <number>', 'requests that it bears in any second, 0 for any number', whole, 0)
	.option(
		'--script <file>',
		'scripted faults: a JSON file with a rule or a list of rules (see faults.ts)',
		rules,
	)
	.addHelpText(
		'after',
		`
What a number gets, by its last digit:
${digits.join('\n')}

While it runs: GET /simulator/counts, POST /simulator/script (a rule as JSON), POST /simulator/reset.`,
	)
	.action(async (options: { port: number; latency: number; rate: number; script?: Rule[] }) => {
		const simulator = await startSimulator({
			port: options.port,
			latency: options.latency,
			ratePerSecond: options.rate,
			// Nobody in this process reads the log, and it may run for days.
			keepRequests: false,
		});
		options.script?.forEach((rule) => simulator.script(rule));
		console.log(`Base URL  ${simulator.url}`);
		console.log(`Key       ${simulator.key}`);
		console.log(`OpenID    ${simulator.openid}`);
		console.log(`RSA public key:\n${simulator.rsaPublicKey}`);
		console.log('Ctrl+C ends it.');
		process.once('SIGINT', () => void simulator.close());
		process.once('SIGTERM', () => void simulator.close());
	});

program.parseAsync().catch((error: unknown) => program.error(`error: ${(error as Error).message}`));
