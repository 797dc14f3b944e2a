/** docs/benchmark.json: a part for each command of the benchmark. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

import type { Advice } from '../../nodes/JuheMobileStatus/juhe/status';
import { N8N_VERSION } from '../real-n8n';
import type { Contender, Results } from './measure';
import { LATENCY, ROOT } from './simulator';

/** Where and when a part was measured. */
export interface Measurement {
	/** As it is typed. */
	command: string;
	date: string;
	n8n: string;
	/** Of the bare engine. */
	node: string;
	machine: string;
	openFiles: string;
	/** Of the simulator, in milliseconds. */
	latency: number;
	rounds: number;
	remark?: string;
}

/** The medians of one contender. */
export interface Run {
	what: string;
	where: string;
	list: string;
	rows: number;
	/** Null where it did not get to its end, or where n8n gives no time: the data is too large to display. */
	seconds: number | null;
	failedWith?: string;
	/** Milliseconds a row. */
	cpu: number;
	/** Megabytes. */
	peakMemory: number;
	peakConnections: number;
	requests: number;
	billed: number;
	handshakes?: number;
}

export interface Year {
	command: string;
	date: string;
	numbers: number;
	nights: number;
	/** Per cent of the numbers that begin in each route, and their chances of a change, in per cent a day. */
	states: Array<{ route: string; atStart: number; chances: Record<string, number> }>;
	settings: Array<{
		name: string;
		days?: Record<Advice, number>;
		queries: number;
		meanDaysUntilSeen: number;
		changesSeen: number;
	}>;
}

/** The parts of docs/benchmark.json. */
export interface Figures {
	speed: {
		measured: Measurement;
		runs: Run[];
		/** With the engine and without the request helper, beside a node that only adds an answer. */
		overhead: {
			cpu: number;
			cpuOfSuchNode: number;
			/** Bytes a row more than of such a node. */
			heapBytes: number;
			/** Of these the ledger of the execution. */
			ledgerBytes: number;
			/** Bytes a row more in the execution as n8n stores it; not measured before 2026-11-29. */
			storedBytes?: number;
		};
	};
	https: { measured: Measurement; http: Run[]; https: Run[] };
	reuse: { measured: Measurement; runs: Run[] };
	writeback: {
		measured: Measurement;
		/** Rows of a batch. */
		batch: number;
		/** Milliseconds a row, by the rows of the table. */
		tables: Array<{ rows: number; dataTable: number; postgres: number }>;
	};
	sql: {
		measured: Measurement;
		rows: number;
		/** Rows of a batch. */
		batch: number;
		batches: number;
		/** Milliseconds, medians over all batches. */
		claim: number;
		claimAndWriteBack: number;
		/** The median of the last tenth of the batches to that of the first. */
		lastToFirst: { claim: number; claimAndWriteBack: number };
	};
	year: Year;
}

export const FIGURES_FILE = join(ROOT, 'docs/benchmark.json');

export function today(): string {
	return new Date().toISOString().slice(0, 10);
}

/** @param command as it is typed, such as `npm run bench` */
export function measuredBy(command: string, rounds: number): Measurement {
	return {
		command,
		date: today(),
		n8n: N8N_VERSION,
		node: process.versions.node,
		machine: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
		openFiles: execFileSync('sh', ['-c', 'ulimit -n']).toString().trim(),
		latency: LATENCY,
		rounds,
	};
}

export function rounded(value: number, digits: number): number {
	return Number(value.toFixed(digits));
}

export function runOf(contender: Contender, results: Results): Run {
	const { name: what, where, list, rows } = contender;
	const { seconds, failedWith, cpu, memory, ...counted } = results.get(contender)!;
	const { connections: peakConnections, requests, billed, handshakes } = counted;
	return {
		...{ what, where, list, rows },
		seconds: Number.isNaN(seconds) ? null : rounded(seconds, 3),
		...(failedWith !== undefined && { failedWith }),
		cpu: rounded(cpu ?? NaN, 3),
		peakMemory: rounded(memory ?? NaN, 0),
		...{ peakConnections, requests, billed, handshakes },
	};
}

export function readFigures(): Figures {
	return JSON.parse(readFileSync(FIGURES_FILE, 'utf8')) as Figures;
}
