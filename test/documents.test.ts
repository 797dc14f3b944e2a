/** What the documents say about the repository is there: files, headings, scripts, options and codes. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import GithubSlugger from 'github-slugger';
import type { INodeProperties } from 'n8n-workflow';

import { JUHE_CODES } from '../nodes/JuheMobileStatus/errors';
import { PROPERTIES } from '../nodes/JuheMobileStatus/properties';
import { scripts } from '../package.json';

const ROOT = join(__dirname, '..');
const DOCUMENTS = ['.', 'docs', 'examples'].flatMap((folder) =>
	readdirSync(join(ROOT, folder))
		.filter((name) => name.endsWith('.md'))
		.map((name) => join(folder, name)),
);
const READMES = ['README.md', 'README.zh-CN.md'];

function read(file: string): string {
	return readFileSync(join(ROOT, file), 'utf8');
}

/** A document without its blocks of code, which hold no links and no headings. */
function prose(file: string): string {
	return read(file).replace(/^```.*?^```/gms, '');
}

function linksIn(file: string): string[] {
	const text = prose(file);
	return [
		...text.matchAll(/\]\(([^)\s]+)\)/g),
		...text.matchAll(/(?:src|srcset|href)="([^"]+)"/g),
	].map((link) => link[1]!);
}

function anchorsIn(file: string): string[] {
	const slugger = new GithubSlugger();
	return [...prose(file).matchAll(/^#{1,6} (.+)$/gm)].map((heading) => slugger.slug(heading[1]!));
}

test.each(DOCUMENTS)('%s: each link into the repository leads to a file and a heading', (file) => {
	const dead = linksIn(file)
		.filter((link) => !/^(https?|mailto):/.test(link))
		.filter((link) => {
			const [path = '', anchor] = decodeURIComponent(link).split('#');
			const target = path === '' ? file : join(dirname(file), path);
			return (
				!existsSync(join(ROOT, target)) ||
				(anchor !== undefined && !anchorsIn(target).includes(anchor))
			);
		});
	expect(dead).toEqual([]);
});

test.each(DOCUMENTS)('%s: names only scripts that there are', (file) => {
	const named = [...read(file).matchAll(/npm run ([a-z0-9:]+)/g)].map((command) => command[1]!);
	expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
});

describe.each(READMES)('%s', (file) => {
	const rows = read(file)
		.split('\n')
		.filter((line) => line.startsWith('| '));

	test('has a row for each option, with its default', () => {
		const options = PROPERTIES.find(({ name }) => name === 'options')!.options!;
		for (const { displayName, default: value } of options as INodeProperties[]) {
			const words = value === true ? ['on', '开'] : value === false ? ['off', '关'] : [value];
			const row = rows.find((line) => line.startsWith(`| ${displayName} |`));
			const said = row?.split(' | ')[1]?.replaceAll('`', '');
			expect([displayName, words.map(String)]).toEqual([
				displayName,
				expect.arrayContaining([said]),
			]);
		}
	});

	test('has a row for each code of the service', () => {
		for (const code of Object.keys(JUHE_CODES)) {
			expect(rows.filter((line) => line.startsWith(`| ${code} |`))).toHaveLength(1);
		}
	});

	test('leads to the other', () => {
		expect(linksIn(file)).toContain(READMES.find((other) => other !== file));
	});
});

test("README.md has the sections that n8n's verification looks for", () => {
	const wanted = ['installation', 'operations', 'credentials', 'compatibility', 'usage'];
	expect(anchorsIn('README.md')).toEqual(
		expect.arrayContaining([...wanted, 'resources', 'version-history']),
	);
});
