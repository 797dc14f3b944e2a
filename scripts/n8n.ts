/** Opens the examples in the n8n product, with this package installed in it: `npm run n8n -- --help`. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { SingleBar } from 'cli-progress';
import { Command } from 'commander';

import { startSimulator } from '../test/simulator/simulator';
import {
	ensureN8n,
	N8N_VERSION,
	packTarball,
	startN8n,
	type N8nInstall,
	type WorkflowFile,
} from './real-n8n';

const ROOT = join(__dirname, '..');
const EXAMPLES = join(ROOT, 'examples');

async function main({ live, watch }: { live?: true; watch?: true }): Promise<void> {
	const install = await installWithBar();
	console.log('Packing this package and starting n8n …');
	const tarball = await packTarball();
	// n8n then looks for changed files in its packages, loads them again and tells the editor.
	const env = watch && { N8N_DEV_RELOAD: 'true' };
	const n8n = await startN8n({ install, tarball, env });
	const simulator = live ? undefined : await startSimulator({ latency: 40, keepRequests: false });
	let compiler: ChildProcess | undefined;
	try {
		await rm(dirname(tarball), { recursive: true, force: true });
		const name = 'Juhe account';
		const credential = simulator && {
			id: await n8n.createCredential(name, simulator.credential),
			name,
		};
		for (const file of readdirSync(EXAMPLES).filter((file) => file.endsWith('.json'))) {
			const workflow = JSON.parse(readFileSync(join(EXAMPLES, file), 'utf8')) as WorkflowFile;
			const id = await n8n.importWorkflow(workflow, credential);
			console.log(`${file}: ${n8n.url}/workflow/${id}`);
		}
		console.log(`
n8n ${N8N_VERSION}  ${n8n.url}
Email       ${n8n.owner.email}
Password    ${n8n.owner.password}
${simulator ? `The credential "${name}" leads to a stand-in service on ${simulator.url}: nothing is billed.` : 'Add your Juhe API credential to the nodes: what they query is billed.'}
Ctrl+C ends it all and forgets what was done here.`);
		if (watch) {
			// At each reload n8n warns of hundreds of its own nodes, and works all the same.
			const noise = /^Failed to load Custom API options .*\n/gm;
			n8n.onOutput = (text) => process.stdout.write(text.replace(noise, ''));
			compiler = compileInto(join(n8n.packageFolder, 'dist'));
		}
		await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM'), n8n.ended]);
	} finally {
		console.log('\nEnding …');
		compiler?.kill();
		await n8n.stop();
		await simulator?.close();
	}
}

/** Compiles the sources again at each change, to where n8n has loaded them from. */
function compileInto(folder: string): ChildProcess {
	const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
	const options = ['--watch', '--preserveWatchOutput', '--outDir', folder];
	return spawn(process.execPath, [compiler, ...options], { cwd: ROOT, stdio: 'inherit' });
}

/** npm and the compiler do not tell how far they are: the bar shows the time against what it usually takes. */
async function installWithBar(): Promise<N8nInstall> {
	const bar = new SingleBar({
		format: '{step} [{bar}] {duration_formatted}',
		noTTYOutput: true,
		notTTYSchedule: 30_000,
	});
	let timer: NodeJS.Timeout | undefined;
	const end = () => {
		clearInterval(timer);
		bar.stop();
	};
	try {
		return await ensureN8n(({ name, number, of, typicalTime }) => {
			end();
			if (number === 1)
				console.log(
					`n8n ${N8N_VERSION} is installed once: about 4 minutes, 2.8 GB in the cache folder.`,
				);
			const began = Date.now();
			bar.start(typicalTime, 0, { step: `${number}/${of} ${name}` });
			timer = setInterval(() => bar.update(Math.min(Date.now() - began, 0.99 * typicalTime)), 500);
		});
	} finally {
		end();
	}
}

new Command('n8n')
	.description(
		"Starts a throwaway n8n with this package in it, on a stand-in for Juhe's API, and opens the examples.",
	)
	.option('--live', 'no stand-in service: you give your own credential, and queries are billed')
	.option('--watch', 'changed sources are compiled and loaded again, without a restart')
	.action(main)
	.parseAsync()
	.catch((error: unknown) => {
		console.error(error);
		process.exitCode = 1;
	});
