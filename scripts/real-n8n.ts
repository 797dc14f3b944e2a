/**
 * Runs the n8n product itself, with the packed package in it, for `npm run n8n` and for the tests in test/e2e.
 *
 * n8n weighs 2.8 GB and is installed once, into a cache folder; everything else lives in throwaway folders.
 */
import { execFile, spawn, type ChildProcess, type ExecFileException } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { N8nClient } from './n8n-client';

export type { Execution, WorkflowFile } from './n8n-client';

/** Another version for the tests in test/e2e: $JUHE_N8N_VERSION. */
export const N8N_VERSION = process.env.JUHE_N8N_VERSION ?? '2.40.7';
/** n8n from 2.39 on runs on this major of Node and up; it is tried here on this one alone. */
const NODE_MAJOR = '24';
const PACKAGE_ROOT = join(__dirname, '..');

const MINUTE = 60_000;
/** How long a stopped n8n may take to end by itself, in milliseconds, before it is killed. */
const STOP_TIMEOUT = 20_000;

/** Where installations are kept between runs: $JUHE_N8N_CACHE, or n8n-nodes-juhe in the user's own cache. */
const CACHE =
	process.env.JUHE_N8N_CACHE ??
	join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'n8n-nodes-juhe');
/** The npm package that brings a Node binary for this machine. */
export const NODE_PACKAGE = `node-${process.platform}-${process.arch}`;

/** Installs npm packages into a folder, without their scripts. @throws Error with the end of npm's output */
async function npmInstall(folder: string, ...packages: string[]): Promise<void> {
	await mkdir(folder, { recursive: true });
	const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
	await run('npm', ['install', ...packages, '--prefix', folder, ...quiet], {
		cwd: folder,
		timeout: 30 * MINUTE,
	});
}

/** A folder of the cache with npm packages in it; they are fetched once. */
export async function keptInstall(name: string, ...packages: string[]): Promise<string> {
	const folder = join(CACHE, name);
	const marker = join(folder, '.installed');
	if (!existsSync(marker)) {
		console.log(`Fetching ${packages.join(', ')}`);
		await npmInstall(folder, ...packages);
		await writeFile(marker, '');
	}
	return folder;
}

/** A Node that n8n runs on, and n8n's own command. */
export interface N8nInstall {
	node: string;
	n8n: string;
}

/** One step of the installation, as it begins. */
export interface InstallStep {
	name: string;
	/** From 1. */
	number: number;
	of: number;
	/** What the step took where it was timed, in milliseconds (2 cores, a near registry). */
	typicalTime: number;
}

/**
 * Makes sure that n8n and a Node for it are in the cache folder.
 * Takes some 4 minutes the first time and no time after that; a step that was cut short is done again.
 *
 * @param onStep called before each step that is not done yet
 * @throws Error with the end of the output of npm or the compiler
 */
export async function ensureN8n(
	onStep: (step: InstallStep) => void = () => {},
): Promise<N8nInstall> {
	if (process.platform === 'win32') throw new Error('This runs n8n on Linux and macOS only');
	const nodeFolder = join(CACHE, `node-${NODE_MAJOR}`);
	const n8nFolder = join(CACHE, `n8n-${N8N_VERSION}`);
	const nodePrefix = join(nodeFolder, 'node_modules', NODE_PACKAGE);

	const steps = [
		{
			name: `Node ${NODE_MAJOR}`,
			marker: join(nodeFolder, '.installed'),
			typicalTime: 8_000,
			work: () => npmInstall(nodeFolder, `${NODE_PACKAGE}@${NODE_MAJOR}`),
		},
		{
			name: `n8n ${N8N_VERSION}`,
			marker: join(n8nFolder, '.installed'),
			typicalTime: 180_000,
			work: () => npmInstall(n8nFolder, `n8n@${N8N_VERSION}`),
		},
		{
			// The only native part that comes without a binary.
			name: 'sqlite3',
			marker: join(n8nFolder, '.compiled'),
			typicalTime: 55_000,
			work: () =>
				run(
					process.execPath,
					[join(n8nFolder, 'node_modules/node-gyp/bin/node-gyp.js'), 'rebuild', '--release'],
					{
						cwd: join(n8nFolder, 'node_modules/sqlite3'),
						env: { ...process.env, npm_config_nodedir: nodePrefix },
						timeout: 30 * MINUTE,
					},
				),
		},
	];
	const missing = steps.filter(({ marker }) => !existsSync(marker));
	for (const [index, { name, marker, typicalTime, work }] of missing.entries()) {
		onStep({ name, number: index + 1, of: missing.length, typicalTime });
		await work();
		await writeFile(marker, '');
	}
	return { node: join(nodePrefix, 'bin/node'), n8n: join(n8nFolder, 'node_modules/n8n/bin/n8n') };
}

/** Builds and packs the package as it would be published; the caller removes the tarball's folder. */
export async function packTarball(): Promise<string> {
	await run('npm', ['run', 'build'], { cwd: PACKAGE_ROOT, timeout: 5 * MINUTE });
	const folder = await mkdtemp(join(tmpdir(), 'real-n8n-package-'));
	const packed = await run('npm', ['pack', '--json', '--pack-destination', folder], {
		cwd: PACKAGE_ROOT,
		timeout: 5 * MINUTE,
	});
	const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
	return join(folder, filename);
}

/** What `startN8n` needs; everything not listed is made for this one server. */
export interface StartOptions {
	install: N8nInstall;
	tarball: string;
	/** For n8n, beside and above what it is given here. */
	env?: Record<string, string>;
}

/** Starts n8n on a free port of 127.0.0.1, with the package installed, an owner set up and signed in. */
export async function startN8n({ install, tarball, env }: StartOptions): Promise<N8n> {
	const userFolder = await mkdtemp(join(tmpdir(), 'real-n8n-user-'));
	const packageFolder = await installPackage(userFolder, tarball);
	const [port, brokerPort] = await freePorts(2);
	const variables: Record<string, string> = {
		// Nothing else of this process' environment: its NODE_ENV or DB_TYPE are not meant for this n8n.
		PATH: process.env.PATH ?? '',
		HOME: userFolder,
		N8N_USER_FOLDER: userFolder,
		N8N_PORT: String(port),
		N8N_RUNNERS_BROKER_PORT: String(brokerPort),
		N8N_LISTEN_ADDRESS: '127.0.0.1',
		N8N_SECURE_COOKIE: 'false',
		...OFFLINE,
		...env,
	};
	const server = new N8n(install, `http://127.0.0.1:${port}`, userFolder, packageFolder, variables);
	try {
		await server.start();
		await server.signUp();
	} catch (error) {
		await server.stop();
		throw new Error(`n8n did not start:\n${server.logs.slice(-40000)}`, { cause: error });
	}
	return server;
}

// Where this process is killed, nothing else would end n8n: an orphan is given another parent.
const END_WITH_PARENT =
	'const { ppid } = process; setInterval(() => process.ppid === ppid || process.kill(process.pid), 500).unref()';

/** An n8n in a process of ours; `startN8n` makes one. */
class N8n extends N8nClient {
	/** All that the server has printed. */
	logs = '';

	/** Gets what the server prints, as it prints it. */
	onOutput: (text: string) => void = () => {};

	/** Fulfilled when the server has ended, by itself, by `kill` or by `stop`. */
	ended: Promise<unknown> = Promise.resolve();

	private child?: ChildProcess;

	constructor(
		private readonly install: N8nInstall,
		url: string,
		readonly userFolder: string,
		/** Where n8n has this package. */
		readonly packageFolder: string,
		/** What n8n is started with; a worker of the same n8n needs it too. */
		readonly env: Readonly<Record<string, string>>,
	) {
		// A login for this server alone.
		const password = `Juhe-1${randomBytes(9).toString('base64url')}`;
		super(url, { email: 'owner@example.com', password });
	}

	/** Of n8n's main process. */
	get pid(): number | undefined {
		return this.child?.pid;
	}

	/**
	 * Starts the server, also again after `kill`: user folder, port and owner stay.
	 *
	 * @param env for this start alone
	 * @throws Error where it is not ready
	 */
	async start(env: Record<string, string> = {}): Promise<void> {
		const child = spawn(
			this.install.node,
			[
				'--import',
				`data:text/javascript,${encodeURIComponent(END_WITH_PARENT)}`,
				this.install.n8n,
				'start',
			],
			// A process group of its own: n8n's task runner ends with it.
			{
				env: { ...this.env, ...env },
				cwd: this.userFolder,
				stdio: ['ignore', 'pipe', 'pipe'],
				detached: true,
			},
		);
		this.child = child;
		this.ended = once(child, 'exit');
		let printed = '';
		for (const stream of [child.stdout, child.stderr]) {
			stream.setEncoding('utf8').on('data', (text: string) => {
				printed += text;
				this.logs += text;
				this.onOutput(text);
			});
		}
		const deadline = Date.now() + 2 * MINUTE;
		while (!printed.includes('Editor is now accessible')) {
			if (child.exitCode !== null || Date.now() > deadline) throw new Error('n8n is not ready');
			await sleep(100);
		}
	}

	/** Ends the server and its task runner at once, as a crash of the machine would. */
	async kill(): Promise<void> {
		if (this.isRunning) process.kill(-this.pid!, 'SIGKILL');
		await this.ended;
	}

	private get isRunning(): boolean {
		const { child } = this;
		return child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
	}

	/** Runs another command of n8n on the same user folder, such as `execute`. */
	async cli(...args: string[]): Promise<{ output: string; exitCode: number }> {
		const [brokerPort] = await freePorts(1);
		const env = { ...this.env, N8N_RUNNERS_BROKER_PORT: String(brokerPort) };
		return await new Promise((resolve) =>
			execFile(
				this.install.node,
				[this.install.n8n, ...args],
				{ env, cwd: this.userFolder, timeout: 2 * MINUTE, maxBuffer: 256 * 1024 * 1024 },
				(error, stdout, stderr) =>
					resolve({
						output: stdout + stderr,
						exitCode: typeof error?.code === 'number' ? error.code : error ? 1 : 0,
					}),
			),
		);
	}

	/** Ends n8n and its task runner, and removes its folder. */
	async stop(): Promise<void> {
		if (this.isRunning) {
			process.kill(-this.pid!, 'SIGTERM');
			const isLate = sleep(STOP_TIMEOUT, 'late', { ref: false });
			if ((await Promise.race([this.ended, isLate])) === 'late') await this.kill();
		}
		await rm(this.userFolder, { recursive: true, force: true, maxRetries: 3 });
	}
}

export type { N8n };

/** Nothing of n8n calls home, and nothing of it asks a newcomer anything. */
const OFFLINE = {
	N8N_DIAGNOSTICS_ENABLED: 'false',
	N8N_VERSION_NOTIFICATIONS_ENABLED: 'false',
	N8N_VERSION_NOTIFICATIONS_WHATS_NEW_ENABLED: 'false',
	N8N_DYNAMIC_BANNERS_ENABLED: 'false',
	N8N_TEMPLATES_ENABLED: 'false',
	N8N_VERIFIED_PACKAGES_ENABLED: 'false',
	N8N_PERSONALIZATION_ENABLED: 'false',
	N8N_HIRING_BANNER_ENABLED: 'false',
	N8N_LICENSE_AUTO_RENEW_ENABLED: 'false',
	// It looks for news of other nodes at each start.
	N8N_DISABLED_MODULES: 'mcp-registry',
};

/** Puts the package where n8n's own installer puts it, in the way that it does: unpacked, npm asked for nothing. */
async function installPackage(userFolder: string, tarball: string): Promise<string> {
	const { name } = JSON.parse(await readFile(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as {
		name: string;
	};
	const folder = join(userFolder, '.n8n', 'nodes', 'node_modules', name);
	await mkdir(folder, { recursive: true });
	await run('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1'], { timeout: MINUTE });
	return folder;
}

/** Ports of 127.0.0.1 that nothing listens on at this moment. */
export async function freePorts(count: number): Promise<number[]> {
	const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
	// All are held until each has a number: two servers never get the same one.
	await Promise.all(servers.map((server) => once(server, 'listening')));
	const ports = servers.map((server) => (server.address() as AddressInfo).port);
	await Promise.all(servers.map((server) => once(server.close(), 'close')));
	return ports;
}

/** @throws Error with the end of the output */
async function run(
	command: string,
	args: string[],
	options: { cwd?: string; env?: NodeJS.ProcessEnv; timeout: number },
): Promise<string> {
	return await new Promise((resolve, reject) =>
		execFile(
			command,
			args,
			{ ...options, maxBuffer: 64 * 1024 * 1024 },
			(error, stdout, stderr) => {
				if (error)
					reject(
						new Error(`${whyItEnded(command, args, error)}\n${(stdout + stderr).slice(-4000)}`),
					);
				else resolve(stdout);
			},
		),
	);
}

function whyItEnded(command: string, args: string[], error: ExecFileException): string {
	const what = [command, ...args].join(' ');
	return error.killed ? `${what} took too long` : `${what} ended with ${String(error.code)}`;
}
