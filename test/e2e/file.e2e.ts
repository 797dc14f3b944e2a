/** examples/clean-a-file.json: people upload a list in a form, and get it back from the page that ends it, by advice. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { selectors, type Browser } from 'playwright-core';

import { keptInstall, type WorkflowFile } from '../../scripts/real-n8n';
import { hasBrowser, signInto, startBrowser } from './browser';
import { startWorld, type World } from './world';

const EXAMPLE = join(__dirname, '../../examples/clean-a-file.json');
const ESTIMATE = '试算，不计费 / Estimate only, free';
const CHECK = '查询，计费 / Check, billed';
type Row = Record<string, unknown>;

/** The part of SheetJS that is used here. */
interface SheetJs {
	read(data: Buffer): { Sheets: Record<string, unknown> };
	write(book: unknown, options: object): Buffer;
	utils: {
		aoa_to_sheet(rows: unknown[][]): unknown;
		sheet_to_json(sheet: unknown): Row[];
	};
}

let world: World;
let browser: Browser | undefined;
let form: string;
let sheetJs: SheetJs;
let iconv: { encode(text: string, to: string): Buffer };
beforeAll(async () => {
	// What n8n reads and writes such files with.
	const readers = ['@e965/xlsx@0.20.3', 'iconv-lite@0.6.3'];
	const load = createRequire(join(await keptInstall('file-readers', ...readers), 'index.js'));
	sheetJs = load('@e965/xlsx') as SheetJs;
	iconv = load('iconv-lite') as typeof iconv;
	world = await startWorld();
	const priced = readFileSync(EXAMPLE, 'utf8').replace(
		'"pricePerQuery": 0',
		'"pricePerQuery": 0.05',
	);
	const file = JSON.parse(priced) as WorkflowFile;
	await world.n8n.activate(await world.n8n.importWorkflow(file, world.credential));
	const { webhookId } = file.nodes.find(({ type }) => type === 'n8n-nodes-base.formTrigger')!;
	form = `${world.n8n.url}/form/${webhookId}`;
	// n8n listens some time after it has answered the activation, to POST last.
	while ((await fetch(form, { method: 'POST' })).status === 404) await sleep(100);
});
beforeEach(() => world.simulator.reset());
afterAll(async () => {
	await browser?.close();
	await world.stop();
});

function excel(rows: unknown[][]): Buffer {
	const book = { SheetNames: ['名单'], Sheets: { 名单: sheetJs.utils.aoa_to_sheet(rows) } };
	return sheetJs.write(book, { type: 'buffer', bookType: 'xlsx' });
}

function rowsOf(file: Buffer): Row[] {
	return sheetJs.utils.sheet_to_json(Object.values(sheetJs.read(file).Sheets)[0]);
}

/** The text and the downloads of a page. */
function readPage(html: string) {
	const files: Record<string, Row[]> = {};
	const links = /download="(.+?)\.xlsx" href="data:[^"]+;base64,([^"]+)"/g;
	for (const [, name, base64] of html.matchAll(links)) {
		files[name!] = rowsOf(Buffer.from(base64!, 'base64'));
	}
	return { text: html.replace(/<style>[^]*?<\/style>|<[^>]+>/g, ' ').replace(/\s+/g, ' '), files };
}

/** Fills in the form as its page does, and waits for the page that ends it. */
async function upload(list: Buffer, { task = CHECK, column = '' } = {}) {
	const body = new FormData();
	body.append('field-0', new Blob([Uint8Array.from(list)]), 'list');
	body.append('field-1', column);
	body.append('field-2', JSON.stringify([task]));
	const answer = (await fetch(form, { method: 'POST', body })).json();
	const { formWaitingUrl } = (await answer) as { formWaitingUrl: string };
	const statusUrl = new URL(formWaitingUrl);
	statusUrl.pathname += '/n8n-execution-status';
	let status = '';
	while (status !== 'form-waiting') {
		await sleep(100);
		status = await (await fetch(statusUrl)).text();
		if (status === 'error') throw new Error('The execution failed');
	}
	return readPage(await (await fetch(formWaitingUrl)).text());
}

const each = (files: Record<string, Row[]>, of: (rows: Row[]) => unknown) =>
	Object.fromEntries(Object.entries(files).map(([name, rows]) => [name, of(rows)]));
const sent = () => world.simulator.counts.requests;

const CSV =
	'姓名,手机号码,备注\r\n客户一,13800138000,"甲,乙"\r\n客户二,013800138005,\r\n' +
	'客户三,13800138007,a\r\n客户四,+86 138-0013-8009,b\r\n客户五,暂无,\r\n客户六,13800138000,c\r\n';
const PHONES = ['13800138000', '013800138005', '13800138007', '+86 138-0013-8009', '暂无'];
const NAMES_BY_FILE = {
	'保留 keep': ['客户一', '客户六'],
	'复查 recheck': ['客户二', '客户四'],
	'移除 remove': ['客户三'],
	'全部 all': ['客户一', '客户二', '客户三', '客户四', '客户五', '客户六'],
};

it.each([
	['in UTF-8', () => Buffer.from(CSV)],
	['in UTF-8 with a BOM', () => Buffer.from(`\ufeff${CSV}`)],
	['in GBK, as Chinese Excel saves it', () => iconv.encode(CSV, 'gbk')],
])('a CSV %s comes back by advice', async (_, list) => {
	const { text, files } = await upload(list());
	expect(each(files, (rows) => rows.map((row) => row['姓名']))).toEqual(NAMES_BY_FILE);
	const all = files['全部 all']!;
	expect(all.map((row) => row['手机号码'])).toEqual([...PHONES, '13800138000']);
	expect(all[0]).toMatchObject({ 备注: '甲,乙', route: 'normal', mobileStatus_advice: 'keep' });
	expect(all[2]).toMatchObject({ route: 'notOnNetwork', mobileStatus_state: '3' });
	expect(text).toContain('行 Rows 6 计费 Billed 4 不另计费 Not billed again 1 费用 Cost 0.2');
	expect(text).toContain('不是手机号 Not a mobile number 1');
	expect(sent()).toBe(4);
});

it('an .xlsx keeps its numbers as text and its days, and costs nothing when it comes again', async () => {
	const header = ['姓名', '电话', '登记日期', '金额', '备用电话'];
	const list = [['2026 年客户名单'], header, ['客户一', 13800138000, 46027, 1.5, 13900139001]];
	const { files } = await upload(excel(list), { column: '电话' });
	const [row] = files['全部 all']!;
	expect(row).toMatchObject({ 电话: '13800138000', 登记日期: '2026-01-05', 金额: 1.5 });
	const again = await upload(excel([Object.keys(row!), Object.values(row!)]), { column: '电话' });
	expect(again.files).toEqual(files);
	expect(sent()).toBe(1);
});

it('5,000 rows come back, each once', async () => {
	const rows = Array.from({ length: 5000 }, (_, index) => [`客户${index}`, 13800000000 + index]);
	const { text, files } = await upload(excel([['姓名', '手机'], ...rows]));
	expect(Object.values(each(files, ({ length }) => length))).toEqual([2500, 1500, 1000, 5000]);
	expect(files['全部 all']!.map((row) => row['手机'])).toEqual(
		rows.map(([, phone]) => String(phone)),
	);
	expect(text).toContain('计费 Billed 5,000');
	expect(sent()).toBe(5000);
});

it('an estimate sends nothing, and says queries and cost', async () => {
	const { text, files } = await upload(Buffer.from(CSV), { task: ESTIMATE });
	expect(text).toContain('会计费 Would be billed 4 不另计费 Not billed again 1 费用 Cost 0.2');
	expect(each(files, ({ length }) => length)).toEqual({ '全部 all': 6 });
	expect(sent()).toBe(0);
});

it('an account that is used up stops the list: the page says so, and no row is lost', async () => {
	world.simulator.script({ fault: { kind: 'code', code: 10012 } });
	const { text, files } = await upload(Buffer.from(CSV));
	expect(text).toMatch(
		/The check stopped early Juhe 10012: The request quota of the key is used up\./,
	);
	expect(each(files, ({ length }) => length)).toEqual({ '全部 all': 6 });
});

it.each([
	['an empty file', () => Buffer.alloc(0), 'The file is empty.'],
	[
		'a picture',
		() => Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAE', 'base64'),
		'This file is no list.',
	],
	['a broken .xlsx', () => Buffer.from('PK\x03\x04…'), 'This file cannot be read'],
	['no phones', () => excel([['姓名'], ['客户']]), 'No column holds mobile numbers.'],
	['two columns', () => Buffer.from('a,b\n13800138000,13900139000'), '2 columns hold mobile'],
	['20,001 rows', () => Buffer.from('13800138000\n'.repeat(20_001)), 'has 20001 rows.'],
])('%s ends in a sentence that says what to do', async (_, list, sentence) => {
	const { text } = await upload(list());
	expect(text).toContain(sentence);
	expect(sent()).toBe(0);
});

(hasBrowser ? it : it.skip)('by mouse, in an n8n without a credential', async () => {
	const { n8n, account, credential } = world;
	await n8n.api('DELETE', `/rest/credentials/${credential.id}`);
	selectors.setTestIdAttribute('data-test-id');
	browser = await startBrowser();
	const page = await browser.newPage({ viewport: { width: 1400, height: 850 } });
	await signInto(page, n8n);

	await page.goto(`${n8n.url}/workflow/new`);
	await page.getByTestId('workflow-menu').click();
	await page.getByRole('menuitem', { name: 'Import' }).hover();
	const chooser = page.waitForEvent('filechooser');
	await page.getByRole('menuitem', { name: 'From file' }).click();
	await (await chooser).setFiles(EXAMPLE);

	const check = page.locator('.vue-flow__node:has([data-node-name="Juhe Mobile Status"])');
	await check.getByTestId('canvas-default-node').dblclick();
	await page.getByText('Connect to Juhe').click();
	const form = page.getByTestId('editCredential-modal');
	await form.locator('input[type=password]').first().fill(account.apiKey);
	await form.getByTestId('parameter-input-baseUrl').locator('input').fill(account.baseUrl);
	await form.getByRole('button', { name: 'Save' }).click();
	await form.waitFor({ state: 'detached' });
	await page.keyboard.press('Escape');

	const popup = page.waitForEvent('popup');
	await page.getByTestId('execute-workflow-button').click();
	const upload = await popup;
	const list = excel([['姓名', '手机'], ...PHONES.map((phone, index) => [`客户${index}`, phone])]);
	const file = { name: '名单.xlsx', mimeType: '', buffer: list };
	await upload.setInputFiles('input[type=file]', file);
	await upload.getByText(CHECK).click();
	world.simulator.reset();
	await upload.getByRole('button', { name: 'Upload' }).click();
	await upload.getByText('The list is checked').waitFor();
	const download = upload.waitForEvent('download');
	await upload.getByText('移除 remove.xlsx').click();
	expect((await download).suggestedFilename()).toBe('移除 remove.xlsx');
	const saved = rowsOf(readFileSync(await (await download).path()));
	expect(saved).toMatchObject([{ 姓名: '客户2', 手机: '13800138007', mobileStatus_state: '3' }]);
	expect(sent()).toBe(4);
});
