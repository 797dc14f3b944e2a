/** n8n in queue mode: a main process, workers, Redis and PostgreSQL on 127.0.0.1, with throwaway folders. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import {
	ensureN8n,
	freePorts,
	packTarball,
	startN8n,
	type N8n,
	type N8nInstall,
} from '../../scripts/real-n8n';
import { until } from '../e2e/world';
import { startSimulator, type Simulator } from '../simulator/simulator';

const REDIS = '/usr/bin/redis-server';
const POSTGRES = '/usr/lib/postgresql/15/bin';
const START_TIMEOUT = 120_000;
/** How long a process may take to end by itself, in milliseconds, before it is killed. */
const STOP_TIMEOUT = 20_000;

/** A process of ours, with its children. */
export class Service {
	/** All that it has printed. */
	logs = '';
	private readonly child: ChildProcess;
	private readonly ended: Promise<unknown>;

	/** @param user runs it in place of ours; only root can do so */
	constructor(
		command: string,
		args: string[],
		env: Readonly<Record<string, string>>,
		user?: string,
		private readonly stopSignal: NodeJS.Signals = 'SIGTERM',
	) {
		// Where this process is killed, nothing else would end the service.
		const guard = `--pdeathsig=${stopSignal.slice(3)}`;
		// A process group of its own: its children end with it.
		this.child = spawn('setpriv', [...as(user), guard, command, ...args], {
			env,
			cwd: '/',
			stdio: ['ignore', 'pipe', 'pipe'],
			detached: true,
		});
		this.ended = once(this.child, 'exit');
		for (const stream of [this.child.stdout, this.child.stderr]) {
			stream?.setEncoding('utf8').on('data', (text: string) => (this.logs += text));
		}
	}

	private get isRunning(): boolean {
		return this.child.exitCode === null && this.child.signalCode === null;
	}

	/** @throws Error with the log where it ends, or has not printed this in time */
	async hasPrinted(text: string): Promise<void> {
		try {
			await until(
				`“${text}” is printed`,
				() => {
					if (!this.isRunning) throw new Error('The process has ended');
					return this.logs.includes(text);
				},
				START_TIMEOUT,
			);
		} catch (error) {
			throw new Error(`${this.child.spawnargs.join(' ')}:\n${this.logs}`, { cause: error });
		}
	}

	/** Ends it at once, as a crash would. */
	async kill(): Promise<void> {
		if (this.isRunning) process.kill(-this.child.pid!, 'SIGKILL');
		await this.ended;
	}

	async stop(): Promise<void> {
		if (this.isRunning) process.kill(this.child.pid!, this.stopSignal);
		const isLate = sleep(STOP_TIMEOUT, 'late', { ref: false });
		if ((await Promise.race([this.ended, isLate])) === 'late') await this.kill();
	}
}

/** n8n's main process with its workers, and the stand-in service. */
export interface QueueWorld {
	n8n: N8n;
	workers: Service[];
	simulator: Simulator;
	queue: Queue;
	/** Ends all of it. */
	stop: () => Promise<void>;
}

/** @param slots how many executions each worker takes at once */
export async function startQueueWorld(workerCount: number, slots: number): Promise<QueueWorld> {
	const stops: Array<() => Promise<unknown>> = [];
	const stop = async () => {
		for (const each of stops.reverse()) await each();
	};
	try {
		const install = await ensureN8n();
		const tarball = await packTarball();
		stops.push(() => rm(dirname(tarball), { recursive: true, force: true }));
		const queue = await startQueue();
		stops.push(queue.stop);
		const simulator = await startSimulator({ latency: 50, keepRequests: false });
		stops.push(() => simulator.close());
		const env = {
			...queue.env,
			// As from n8n 3.0 on.
			OFFLOAD_MANUAL_EXECUTIONS_TO_WORKERS: 'true',
			// How soon the jobs of a dead worker are noticed, in milliseconds; the defaults are 60,000, 10,000 and 30,000.
			QUEUE_WORKER_LOCK_DURATION: '10000',
			QUEUE_WORKER_LOCK_RENEW_TIME: '2000',
			QUEUE_WORKER_STALLED_INTERVAL: '3000',
		};
		const n8n = await startN8n({ install, tarball, env });
		stops.push(() => n8n.stop());
		const workers = (await freePorts(workerCount)).map((port) => {
			const worker = startWorker(install, n8n, slots, port);
			stops.push(() => worker.stop());
			return worker;
		});
		await Promise.all(workers.map((worker) => worker.hasPrinted('n8n worker is now ready')));
		return { n8n, workers, simulator, queue, stop };
	} catch (error) {
		await stop();
		throw error;
	}
}

/** How many executions a worker has begun and ended so far. */
export const begun = ({ logs }: Service) => logs.split('Worker started execution').length - 1;
export const ended = ({ logs }: Service) => logs.split('Worker finished execution').length - 1;

/** Redis and PostgreSQL, and what n8n must be told of them. */
export interface Queue {
	env: Record<string, string>;
	/** Runs SQL in a database of the server, and gives what it prints: a line a row. @throws Error with psql's words */
	sql: (database: string, text: string) => string[];
	stop: () => Promise<void>;
}

/** @throws Error where a program is missing and cannot be installed, or does not start */
export async function startQueue(): Promise<Queue> {
	ensureInstalled();
	const folder = mkdtempSync(join(tmpdir(), 'n8n-queue-'));
	const started: Service[] = [];
	const stop = async () => {
		await Promise.all(started.map((service) => service.stop()));
		rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
	};
	try {
		const [redisPort, postgresPort] = (await freePorts(2)).map(String) as [string, string];
		const isRoot = process.getuid?.() === 0;
		// PostgreSQL refuses to run as root.
		const user = isRoot ? 'postgres' : undefined;
		if (user) execFileSync('chown', [user, folder]);

		const redis = new Service(
			REDIS,
			['--port', redisPort, '--bind', '127.0.0.1', '--save', '', '--dir', folder],
			{},
		);
		started.push(redis);
		await redis.hasPrinted('Ready to accept connections');

		const data = join(folder, 'postgres');
		const env = { LC_ALL: 'C.UTF-8' };
		// Anybody on this machine may connect: it holds invented data, for minutes.
		const initdb = [join(POSTGRES, 'initdb'), '-D', data, '-U', 'n8n', '--auth=trust', '--no-sync'];
		execFileSync('setpriv', [...as(user), ...initdb], { env, cwd: '/', stdio: 'pipe' });
		const settings = [
			'listen_addresses=127.0.0.1',
			'unix_socket_directories=',
			// Nobody needs the data after a crash of the machine.
			'fsync=off',
		].flatMap((setting) => ['-c', setting]);
		const postgres = new Service(
			join(POSTGRES, 'postgres'),
			['-D', data, '-p', postgresPort, ...settings],
			env,
			user,
			// Cuts connections; SIGTERM would wait for them.
			'SIGINT',
		);
		started.push(postgres);
		await postgres.hasPrinted('ready to accept connections');

		return {
			env: {
				EXECUTIONS_MODE: 'queue',
				N8N_ENCRYPTION_KEY: randomBytes(24).toString('base64url'),
				QUEUE_BULL_REDIS_HOST: '127.0.0.1',
				QUEUE_BULL_REDIS_PORT: redisPort,
				DB_TYPE: 'postgresdb',
				DB_POSTGRESDB_HOST: '127.0.0.1',
				DB_POSTGRESDB_PORT: postgresPort,
				DB_POSTGRESDB_USER: 'n8n',
				DB_POSTGRESDB_DATABASE: 'postgres',
			},
			sql: (database, text) => {
				const where = ['-h', '127.0.0.1', '-p', postgresPort, '-U', 'n8n', '-d', database];
				const how = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-f', '-'];
				const options = { input: text, encoding: 'utf8', stdio: 'pipe' } as const;
				const printed = execFileSync(join(POSTGRES, 'psql'), [...where, ...how], options);
				return printed.split('\n').filter((line) => line !== '');
			},
			stop,
		};
	} catch (error) {
		await stop();
		throw error;
	}
}

/**
 * Starts another process that takes executions from the queue of `n8n`, up to `concurrency` at once.
 *
 * @param brokerPort a free one, for its task runner
 */
function startWorker(
	install: N8nInstall,
	n8n: N8n,
	concurrency: number,
	brokerPort: number,
): Service {
	const args = [install.n8n, 'worker', `--concurrency=${concurrency}`];
	return new Service(install.node, args, {
		...n8n.env,
		N8N_RUNNERS_BROKER_PORT: String(brokerPort),
	});
}

/** What `setpriv` is told to run a command as this user. */
function as(user: string | undefined): string[] {
	return user === undefined ? [] : [`--reuid=${user}`, `--regid=${user}`, '--init-groups'];
}

/** Installs what is missing where that is allowed; Debian would start both services with their default settings. */
function ensureInstalled(): void {
	const missing = [
		...(existsSync(REDIS) ? [] : ['redis-server']),
		...(existsSync(join(POSTGRES, 'postgres')) ? [] : ['postgresql-15']),
	];
	if (missing.length === 0) return;
	const how = `apt-get install ${missing.join(' ')}`;
	if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
		throw new Error(`The tests of the queue mode need ${missing.join(' and ')} (Debian: ${how})`);
	}
	const policy = '/usr/sbin/policy-rc.d';
	const isOurs = !existsSync(policy);
	if (isOurs) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
	try {
		const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
		execFileSync('apt-get', ['update', '-qq'], { stdio: 'pipe' });
		execFileSync('apt-get', ['install', '-y', '-qq', ...missing], { env, stdio: 'pipe' });
	} finally {
		if (isOurs) rmSync(policy);
	}
}
