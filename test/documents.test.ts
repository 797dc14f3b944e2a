/** The documents and the repository say the same: files, headings, scripts, options, defaults, routes and codes. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import GithubSlugger from 'github-slugger';

import { JUHE_CODES } from '../nodes/JuheMobileStatus/juhe/codes';
import { OPERATIONS } from '../nodes/JuheMobileStatus/juhe/operations';
import { ROUTES, statusOf } from '../nodes/JuheMobileStatus/juhe/status';
import { RESULT_NAMES } from '../nodes/JuheMobileStatus/list/storedResult';
import { OPTIONS, RECHECK_DAYS } from '../nodes/JuheMobileStatus/properties';
import { scripts } from '../package.json';
import { readFigures } from '../scripts/bench/figures';
import { filesOf } from '../scripts/bench/report';

const ROOT = join(__dirname, '..');
const DOCUMENTS = ['.', 'docs', 'examples'].flatMap((folder) =>
	readdirSync(join(ROOT, folder))
		.filter((name) => name.endsWith('.md'))
		.map((name) => join(folder, name)),
);
const CHINESE = 'docs/README.zh-CN.md';

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

/** The cells of the tables of a document, row by row, without marks. */
function tableRows(file: string): string[][] {
	return read(file)
		.split('\n')
		.filter((line) => line.startsWith('| '))
		.map((line) =>
			line
				.slice(1, -1)
				.split(' | ')
				.map((cell) => cell.replace(/[`*]/g, '').trim()),
		);
}

/** Options that limit only where they are added; their default is what they are added with. */
const UNSET: Record<string, string[]> = {
	maxQueries: ['no cap; when added ', '不封顶；添加后 '],
	requestsPerSecond: ['no limit; when added ', '不限；添加后 '],
};

test.each([
	['README.md', 'docs/options.md', 'docs/errors.md'],
	[CHINESE, CHINESE, CHINESE],
])('%s, %s and %s have every operation, route, option and code', (readme, options, errors) => {
	const [readmeRows, optionRows, errorRows] = [readme, options, errors].map(tableRows) as [
		string[][],
		string[][],
		string[][],
	];
	for (const { name } of OPERATIONS) {
		expect(readmeRows.filter(([first]) => first?.startsWith(name))).toHaveLength(1);
	}
	for (const route of ROUTES) {
		const [row] = readmeRows.filter((cells) => cells[1] === route);
		const state = /^\d\b/.exec(row?.[0] ?? '')?.[0] ?? 'none';
		const { advice } = statusOf(route === 'noRecord' ? null : { state });
		expect([route, row?.[2]]).toEqual([route, advice]);
	}
	for (const option of OPTIONS) {
		const value = JSON.stringify(option.default).replaceAll('"', '');
		const wanted = {
			boolean: option.default === true ? ['on', '开'] : ['off', '关'],
			fixedCollection: [RECHECK_DAYS.map(({ default: days }) => days).join(', ')],
			multiOptions: ['all', '全部'],
			number: (UNSET[option.name] ?? ['']).map((unset) => unset + value),
			options: [value],
			string: [value],
		}[option.type];
		const [row] = optionRows.filter(([first]) => first === option.displayName);
		expect([option.displayName, wanted]).toEqual([
			option.displayName,
			expect.arrayContaining([row?.[1]]),
		]);
	}
	for (const code of Object.keys(JUHE_CODES)) {
		expect([code, errorRows.filter(([first]) => first === code)]).toEqual([
			code,
			[expect.anything()],
		]);
	}
	const [, names = ''] =
		/(?:In the order of the output|按输出的顺序)[：:](.*?)\n\n/s.exec(read(options)) ?? [];
	const named = [...names.matchAll(/`(\w+)`/g)].map((match) => match[1]);
	expect(named.slice(0, RESULT_NAMES.length)).toEqual(RESULT_NAMES);
});

test.each(['README.md', CHINESE])('%s: its row is flat, in the order of the output', (file) => {
	const [, json = ''] = /```json\n(.*?)```/s.exec(read(file)) ?? [];
	const row = JSON.parse(json) as Record<string, unknown>;
	const columns = Object.keys(row).slice(Object.keys(row).indexOf('route') + 1);
	// The others come with AES and RSA, Mask Number and Reuse Results in Rows.
	const others = ['orderid', 'fingerprint', 'previousRoute', 'changed'];
	const names = RESULT_NAMES.filter((name) => !others.includes(name));
	expect(columns).toEqual(names.map((name) => `mobileStatus_${name}`));
});

test("README.md has the sections that n8n's verification looks for", () => {
	const wanted = ['installation', 'operations', 'credentials', 'compatibility', 'usage'];
	expect(anchorsIn('README.md')).toEqual(
		expect.arrayContaining([...wanted, 'resources', 'version-history']),
	);
});

test('README.md is short, and leads to the Chinese edition and back', () => {
	expect(read('README.md').split(/\s+/).length).toBeLessThanOrEqual(1500);
	expect(linksIn('README.md')).toContain(CHINESE);
	expect(linksIn(CHINESE)).toContain('../README.md');
});

test('the page and the charts of the benchmark say what its data file says', () => {
	const files = filesOf(readFigures());
	expect(Object.keys(files).map((name) => read(`docs/${name}`))).toEqual(Object.values(files));
});
