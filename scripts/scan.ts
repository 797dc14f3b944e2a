/**
 * n8n's own scan of a community package, before there is a published one to scan: `npm run scan`.
 *
 * Its command takes published packages only, and ends with 0 whatever it finds. So its checks are called as it calls
 * them, on the sources and on the packed package; only the look at the registry's provenance is left out.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { keptInstall, packTarball } from './real-n8n';

const SCANNER = '@n8n/scan-community-package';
const SCANNER_VERSION = '0.32.0';
const ROOT = join(__dirname, '..');

interface Scanner {
	SOURCE_FILE_PATTERNS: string[];
	analyzePackage: (
		folder: string,
		filePatterns: string[],
	) => Promise<{ passed: boolean; message?: string; details?: string }>;
}

async function main(): Promise<void> {
	// Not among the devDependencies: it brings 220 MB, a second ESLint plugin and a second TypeScript.
	const kept = await keptInstall(`scan-${SCANNER_VERSION}`, `${SCANNER}@${SCANNER_VERSION}`);
	const file = join(kept, 'node_modules', SCANNER, 'scanner/scanner.mjs');
	const scanner = (await import(pathToFileURL(file).href)) as Scanner;

	const tarball = await packTarball();
	const packed = dirname(tarball);
	try {
		execFileSync('tar', ['-xzf', tarball, '-C', packed]);
		const targets = [
			{ name: 'Sources', folder: ROOT, patterns: scanner.SOURCE_FILE_PATTERNS },
			{
				name: 'Packed package',
				folder: join(packed, 'package'),
				patterns: ['**/*.js', 'package.json'],
			},
		];
		for (const { name, folder, patterns } of targets) {
			const { passed, message, details } = await scanner.analyzePackage(folder, patterns);
			console.log(`${name}: ${passed ? 'passed' : `${message ?? 'failed'}\n${details ?? ''}`}`);
			// "No files found" passes as well.
			if (!passed || message !== undefined) process.exitCode = 1;
		}
	} finally {
		rmSync(packed, { recursive: true, force: true });
	}
}

main().catch((error: unknown) => {
	console.error(error instanceof Error ? error.message : error);
	process.exit(1);
});
