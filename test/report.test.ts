/** The Code node of examples/report.json by itself: rows of the tables → a page. In the n8n product: test/e2e/report. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';

import type { IDataObject } from 'n8n-workflow';

import { ROUTES } from '../nodes/JuheMobileStatus/juhe/status';
import type { WorkflowFile } from './engine';

const EXAMPLE = join(__dirname, '../examples/report.json');
const { nodes } = JSON.parse(readFileSync(EXAMPLE, 'utf8')) as WorkflowFile;
const CODE = nodes.find(({ name }) => name === 'Build Page')!.parameters.jsCode as string;

interface Tables {
	runs?: IDataObject[];
	list?: IDataObject[];
	/** What the webhook gets; none for the schedule. */
	request?: IDataObject;
	code?: string;
}

/** The page as the Code node builds it. n8n gives an empty item for a table without rows. */
async function pageOf({ runs = [{}], list = [{}], request, code = CODE }: Tables): Promise<string> {
	const items: Record<string, IDataObject[]> = {
		Runs: runs,
		List: list,
		'Open Page': request ? [request] : [],
	};
	const $ = (name: string) => {
		const all = items[name]!.map((json) => ({ json }));
		return { all: () => all, first: () => all[0], isExecuted: all.length > 0 };
	};
	const files: Buffer[] = [];
	const helpers = { prepareBinaryData: (file: Buffer) => Promise.resolve(files.push(file)) };
	const globals = { $, $now: { zoneName: 'Asia/Shanghai' }, Buffer, helpers };
	const [item] = (await runInNewContext(
		`(async function () {${code}}).call({ helpers })`,
		globals,
	)) as Array<{ json: { page: string } }>;
	expect(files.map(String)).toEqual([item!.json.page]);
	return item!.json.page;
}

/** What a reader sees of a page in one of its languages, in one line. */
function textOf(page: string, language: 'zh' | 'en' = 'zh'): string {
	const other = language === 'zh' ? 'en' : 'zh';
	return page
		.replace(/^[^]*<main>/, '')
		.replace(new RegExp(`<span lang="${other}">[^]*?</span>|<title>[^]*?</title>`, 'g'), '')
		.replace(/<\/?(span|i|b)\b[^>]*>/g, '')
		.replace(/<[^>]+>/g, ' ')
		.replace(/\s+/g, ' ');
}

const run = (startedAt: string, billable: number, more: IDataObject = {}): IDataObject => ({
	workflow: 'List',
	startedAt,
	dryRun: false,
	billable,
	uncertain: 0,
	cost: null,
	stoppedBy: null,
	...more,
});
const row = (index: number, route: string | null, more: IDataObject = {}): IDataObject => ({
	name: `客户${index}`,
	phone: ` 138 0013 ${8000 + index}`,
	route,
	mobileStatus_mobile: route === null ? null : String(13800138000 + index),
	mobileStatus_changed: false,
	mobileStatus_previousRoute: route,
	mobileStatus_checkedAt: '2026-03-01T00:00:00.000Z',
	createdAt: '2026-01-01T00:00:00.000Z',
	...more,
});

test('shares by month, in the time of the workflow, without dry runs', async () => {
	const text = textOf(
		await pageOf({
			runs: [
				// 2026-03-01 in Shanghai.
				run('2026-02-28T16:30:00.000Z', 2, { normal: 1, notOnNetwork: 1 }),
				run('2026-02-10T00:00:00.000Z', 8, { normal: 6, suspended: 2 }),
				run('2026-02-11T00:00:00.000Z', 8, { normal: 8, dryRun: true }),
				run('2026-02-12T00:00:00.000Z', 2, { preCancelled: 1, noRecord: 1 }),
			],
			list: [row(0, 'normal'), row(1, 'unavailable'), row(2, 'notOnNetwork'), row(3, null)],
		}),
	);
	expect(text).toContain('最近一次运行 2026-03-01 00:30 正常结束 · List');
	expect(text).toContain('2026-02 60% 20% 10% 10% 10 0.0% 2026-03 50% 50% 2 50.0%');
	expect(text).toContain('现在 33% 33% 33% 3 33.3%');
	expect(text).toContain('名单 4 1 行没有结果 正常使用 33.3% 1 行 建议移除 1 33.3%');
	// The states that occur.
	expect(text).toContain('正常使用 停机 在网但不可用 预销户 不在网 查无记录 月份');
});

test('queries, cost and what reuse saved: what was known by then, minus what was asked', async () => {
	const list = [0, 1, 2, 3, 4, 4].map((index) => row(index, 'normal'));
	const text = textOf(
		await pageOf({
			runs: [
				run('2026-01-02T00:00:00.000Z', 3, { cost: 0.6 }), // 0 known
				run('2026-01-03T00:00:00.000Z', 1, { uncertain: 1, cost: 0.4 }), // 3 known: 1 saved
				run('2026-02-01T00:00:00.000Z', 1, { cost: null }), // 5 known: 4 saved
				run('2026-02-02T00:00:00.000Z', 0, { cost: 0 }), // 5 known, and a sixth number: 5 saved
			],
			list: [...list, row(5, 'normal', { createdAt: '2026-02-02T01:00:00.000Z' })],
		}),
		'en',
	);
	expect(text).toContain('Queries saved 10 worth about 2.00');
	expect(text).toContain('2026-01 5 1.00 1 2026-02 1 0.00 9 Total 38% 63% 6 1.00 10');
});

test('without prices and without times of creation', async () => {
	const text = textOf(
		await pageOf({
			// As PostgreSQL gives a sum.
			runs: [run('2026-01-02T00:00:00.000Z', 0, { billable: '1' }), run('2026-01-03T00:00:00Z', 0)],
			list: [row(0, 'normal', { createdAt: undefined })],
		}),
	);
	expect(text).toContain('复用节省的查询 1 号码状态');
	expect(text).toContain('2026-01 1 – 1 合计');
});

test('the last twelve months with runs', async () => {
	const months = Array.from({ length: 14 }, (_, index) => new Date(Date.UTC(2025, index, 15)));
	const text = textOf(await pageOf({ runs: months.map((time) => run(time.toISOString(), 1)) }));
	expect(text).not.toContain('2025-02');
	expect(text).toContain('2025-03');
	expect(text).toContain('合计 100% 12');
});

test('numbers that changed and rows to remove, newest first, masked, at most 20', async () => {
	const changed = Array.from({ length: 1021 }, (_, index) =>
		row(index, 'notOnNetwork', {
			mobileStatus_changed: true,
			mobileStatus_previousRoute: 'normal',
			mobileStatus_checkedAt: new Date(Date.UTC(2026, 0, 1) + index * 86_400_000).toISOString(),
		}),
	);
	// A first result is no change.
	const first = row(2000, 'normal', {
		mobileStatus_changed: true,
		mobileStatus_previousRoute: null,
	});
	const page = await pageOf({ list: [...changed, first] });
	const text = textOf(page);
	expect(text).toContain(
		'状态有变化的号码 1,021 姓名 号码 状态 查询时间 客户1020 138****9020 正常使用 → 不在网 2028-10-17',
	);
	expect(text).toContain('建议移除的行 1,021 姓名 号码 查询时间 客户1020 138****9020 2028-10-17');
	expect(text.match(/……另有 1,001 行/g)).toHaveLength(2);
	expect(page).not.toMatch(/1380013\d{4}/);
	const whole = await pageOf({ list: changed, code: CODE.replace('= true', '= false') });
	expect(whole).toContain('13800139020');
});

test('what users wrote is text on the page', async () => {
	const evil = `"><script>alert('1')</script>&`;
	const page = await pageOf({
		runs: [run('2026-01-02T00:00:00.000Z', 1, { workflow: evil, stoppedBy: evil, normal: 1 })],
		list: [
			row(0, 'notOnNetwork', {
				name: evil,
				mobileStatus_mobile: evil,
				mobileStatus_changed: true,
				mobileStatus_previousRoute: evil,
			}),
			row(1, 'constructor'),
			row(2, 'notOnNetwork', { mobileStatus_mobile: '<u>138</u>' }),
		],
		request: { query: { lang: evil }, headers: {} },
	});
	const escaped = '&#34;&#62;&#60;script&#62;alert(&#39;1&#39;)&#60;/script&#62;&#38;';
	// The workflow, the reason in two languages, the name twice and the earlier state.
	expect(page.split(escaped)).toHaveLength(7);
	expect(page).not.toMatch(/<script|<u>/);
	expect(page).toContain('1 行没有结果');
});

test('a page of its own: nothing is loaded, nothing is run', async () => {
	const page = await pageOf({
		runs: [run('2026-01-02T00:00:00.000Z', 1)],
		list: [row(0, 'normal')],
	});
	expect(page).not.toMatch(/<script|<link|<img|url\(|@import|https?:|\bon\w+=/i);
	expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
});

test('every state of the node has words in both languages, and a colour', async () => {
	const page = await pageOf({ list: ROUTES.map((route, index) => row(index, route)) });
	const colours = ROUTES.map(
		(route) => new RegExp(`\\.${route}\\b[^}]*--fill: (#\\w+)`).exec(page)![1],
	);
	expect(new Set(colours).size).toBe(ROUTES.length);
	expect(page).toContain(`${ROUTES.length}</dd><dd><span lang="zh">0 行没有结果`);
});

test.each([
	[undefined, 'zh'],
	[{ query: {}, headers: { 'accept-language': 'en-US,en;q=0.9,zh;q=0.8' } }, 'en'],
	[{ query: { lang: 'zh' }, headers: { 'accept-language': 'en-US' } }, 'zh'],
	[{ query: { lang: 'en' }, headers: { 'accept-language': 'zh-CN' } }, 'en'],
])('%j begins in %s', async (request, language) => {
	const page = await pageOf({ request });
	expect(/id="(\w+)" checked/.exec(page)![1]).toBe(language);
	expect(textOf(page, 'en')).not.toMatch(/[^\x20-\x7e]/);
	expect(textOf(page, 'zh')).toMatch(/^ 号码名单报告/);
});

test('tables that are empty or missing: the page says what to do', async () => {
	const empty = textOf(await pageOf({}), 'en');
	expect(empty).toContain('There are no runs yet. Run the workflow that checks your list');
	expect(empty).toContain('The list is empty. Fill in your rows');
	const error = 'Data table with name "juhe_runs" not found';
	expect(textOf(await pageOf({ runs: [{ error }] }))).toContain(error.replaceAll('"', '&#34;'));
	const listOnly = textOf(await pageOf({ list: [row(0, 'notOnNetwork')] }));
	expect(listOnly).toMatch(/还没有运行记录。.*名单 1 .*建议移除的行 1/);
	const runsOnly = textOf(
		await pageOf({ runs: [run('2026-01-02T00:00:00.000Z', 1, { normal: 1 })] }),
	);
	expect(runsOnly).toMatch(/名单是空的。.*2026-01 100% 1 0\.0%/);
});

test('a last run that was stopped is said first', async () => {
	const runs = [
		run('2026-01-03T00:00:00.000Z', 1, { stoppedBy: '10012' }),
		run('2026-01-02T00:00:00.000Z', 1, { stoppedBy: '10020' }),
	];
	expect(textOf(await pageOf({ runs }))).toMatch(
		/2026-01-03 08:00 提前停止 · List.*最近一次运行提前停止：10012。/,
	);
	const later = [...runs, run('2026-01-04T00:00:00.000Z', 1)];
	expect(textOf(await pageOf({ runs: later }))).not.toContain('提前停止');
});

test('20,000 rows and a year of daily runs stay one small page', async () => {
	const list = Array.from({ length: 20_000 }, (_, index) =>
		row(index, ROUTES[index % ROUTES.length]!, { mobileStatus_changed: index % 2 === 0 }),
	);
	const runs = Array.from({ length: 365 }, (_, day) =>
		run(new Date(Date.UTC(2026, 0, 1 + day)).toISOString(), 600, { normal: 600 }),
	);
	const page = await pageOf({ runs, list });
	expect(textOf(page)).toContain('名单 20,000 0 行没有结果');
	expect(page.length).toBeLessThan(60_000);
});
