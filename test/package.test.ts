import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';

import './engine';
import { PackageDirectoryLoader } from 'n8n-core';

/** The package as npm would publish it, unpacked where n8n would have put it. */
let folder: string;
let files: string[];
const root = join(__dirname, '..');

beforeAll(() => {
	// Below node_modules it finds n8n-workflow, as it does where n8n installs it.
	const temporary = mkdtempSync(join(root, 'node_modules', '.packed-'));
	execFileSync('npm', ['pack', '--silent', '--pack-destination', temporary], { cwd: root });
	const [tarball] = readdirSync(temporary);
	execFileSync('tar', ['-xzf', tarball!], { cwd: temporary });
	folder = join(temporary, 'package');
	files = filesIn(folder);
});
afterAll(() => rmSync(join(folder, '..'), { recursive: true }));

function filesIn(directory: string): string[] {
	return readdirSync(directory, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile())
		.map((entry) => relative(directory, join(entry.parentPath, entry.name)));
}

const manifest = () => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

test('holds dist, the README, LICENSE and its manifest, and nothing else', () => {
	expect(files.filter((file) => !file.startsWith('dist/')).sort()).toEqual([
		'LICENSE.md',
		'README.md',
		'package.json',
	]);
	expect(files.filter((file) => /\.(ts|map|test\.js)$/.test(file))).toEqual([]);
	for (const folder of ['icons', 'nodes']) {
		const inSources = filesIn(join(root, folder)).filter((file) => /\.(json|svg)$/.test(file));
		const inPackage = files.filter((file) => file.startsWith(`dist/${folder}/`));
		expect(inPackage).toEqual(
			expect.arrayContaining(inSources.map((file) => `dist/${folder}/${file}`)),
		);
	}
});

test('has no runtime dependencies and runs nothing when it is installed', () => {
	const { dependencies, optionalDependencies, bundleDependencies, peerDependencies, scripts } =
		manifest();
	expect([dependencies, optionalDependencies, bundleDependencies]).toEqual([
		undefined,
		undefined,
		undefined,
	]);
	expect(peerDependencies).toEqual({ 'n8n-workflow': '*' });
	expect(Object.keys(scripts)).not.toEqual(
		expect.arrayContaining([expect.stringMatching(/^(pre|post)?(install|prepare|pack)$/)]),
	);
});

test('requires nothing but its own files, n8n-workflow and crypto', () => {
	const required = files
		.filter((file) => file.endsWith('.js'))
		.flatMap((file) => [
			...readFileSync(join(folder, file), 'utf8').matchAll(/\b(?:require|import)\(\s*(.*?)\s*\)/g),
		])
		.map((call) => call[1]!.slice(1, -1));
	expect([...new Set(required)].filter((path) => !path.startsWith('.')).sort()).toEqual([
		'n8n-workflow',
		'node:crypto',
	]);
});

test('names paths that exist', () => {
	const { n8n } = manifest();
	for (const path of [...n8n.nodes, ...n8n.credentials])
		expect(existsSync(join(folder, path))).toBe(true);
});

test('is loaded by n8n, with icons, codex and credential', async () => {
	const loader = new PackageDirectoryLoader(folder);
	await loader.loadAll();

	expect(loader.types.nodes.map(({ name }) => name)).toEqual(
		expect.arrayContaining(['juheMobileStatus']),
	);
	const { type } = loader.getNode('juheMobileStatus');
	const { description } = type as { description: import('n8n-workflow').INodeTypeDescription };
	expect(description).toMatchObject({
		displayName: 'Juhe Mobile Status',
		usableAsTool: true,
		codex: { categories: expect.any(Array), alias: expect.arrayContaining(['聚合数据']) },
	});
	const credential = loader.getCredential('juheApi').type;
	expect(credential).toMatchObject({ displayName: 'Juhe API' });
	for (const { iconUrl } of [description, credential]) {
		for (const icon of Object.values(iconUrl as unknown as Record<string, string>)) {
			expect(files).toContain(icon.replace('icons/n8n-nodes-juhe/', ''));
		}
	}
});
