/**
 * examples/report.json: a page of the tables, opened in headless Chromium ($CHROMIUM, or Debian's), and mailed. With a folder
 * in $JUHE_SCREENSHOTS the picture of the documentation is made anew.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { IDataObject, INode } from 'n8n-workflow';
import { type Browser, type Page } from 'playwright-core';

import { ensureN8n, type WorkflowFile } from '../../scripts/real-n8n';
import { startQueue } from '../queue/services';
import { hasBrowser, startBrowser } from './browser';
import { startInbox } from './inbox';
import {
	createDataTable,
	dataTable,
	HOST,
	runByHand,
	startWorld,
	until,
	type World,
} from './world';

const EXAMPLES = join(__dirname, '../../examples');
const LOGIN = { user: 'report', password: 'made up' };
const AUTHORIZATION = `Basic ${Buffer.from(`${LOGIN.user}:${LOGIN.password}`).toString('base64')}`;
const STATES = ['normal', 'suspended', 'unavailable', 'preCancelled', 'notOnNetwork', 'noRecord'];
const PRICE = 0.05;

/** What each of the four runs of a month found, in the order of the states. */
const MONTHS: Array<[month: string, counts: number[]]> = [
	['2026-04', [195, 33, 17, 13, 40, 2]],
	['2026-05', [70, 10, 5, 4, 11, 0]],
	['2026-06', [83, 11, 6, 5, 13, 2]],
	['2026-07', [77, 9, 6, 4, 11, 0]],
	['2026-08', [96, 12, 6, 6, 13, 1]],
	['2026-09', [88, 10, 5, 5, 10, 0]],
	['2026-10', [104, 12, 7, 6, 11, 1]],
	['2026-11', [93, 10, 6, 5, 9, 0]],
];
const RUNS = MONTHS.flatMap(([month, counts]) => {
	const queries = counts.reduce((sum, count) => sum + count, 0);
	return ['02', '09', '16', '23'].map((day) => ({
		workflow: 'Check a list every morning with Juhe Mobile Status',
		startedAt: `${month}-${day}T07:00:00.000Z`,
		dryRun: false,
		billable: queries,
		uncertain: 0,
		cost: queries * PRICE,
		stoppedBy: null,
		...Object.fromEntries(STATES.map((state, index) => [state, counts[index]!])),
	}));
});

/** The list: so many numbers in each state, every 40th changed at its last check, and a row without a number. */
const LIST_COUNTS = [836, 98, 55, 49, 101, 1];
const LIST: IDataObject[] = LIST_COUNTS.flatMap((count, index) =>
	Array<string>(count).fill(STATES[index]!),
).map((route, index) => {
	const phone = String(13800138000 + index);
	const changed = index % 40 === 0;
	return {
		name: `客户${String(index + 1).padStart(4, '0')}`,
		phone,
		route,
		mobileStatus_mobile: phone,
		mobileStatus_changed: changed,
		mobileStatus_previousRoute: changed ? STATES[route === 'normal' ? 1 : 0] : route,
		mobileStatus_checkedAt: `2026-11-${String(1 + (index % 23)).padStart(2, '0')}T07:00:00.000Z`,
	};
});
LIST.push({ name: '客户0000', phone: '暂无', route: 'invalidNumber' });
const EVIL = '<script>document.title = "run"</script>';

const COLUMNS = {
	juhe_runs: {
		...{ workflow: 'string', startedAt: 'date', dryRun: 'boolean', stoppedBy: 'string' },
		...{ billable: 'number', uncertain: 'number', cost: 'number' },
		...Object.fromEntries(STATES.map((state) => [state, 'number'])),
	},
	juhe_contacts: {
		...{ name: 'string', phone: 'string', route: 'string', mobileStatus_mobile: 'string' },
		...{ mobileStatus_changed: 'boolean', mobileStatus_previousRoute: 'string' },
		mobileStatus_checkedAt: 'date',
	},
};

interface Published {
	id: string;
	address: string;
}

let world: World;
let workflowId: string;
let address: string;
let inbox: Awaited<ReturnType<typeof startInbox>>;
let browser: Browser;

// The rows of the list are made older in n8n's own database, so the tests need its file.
const canRun = hasBrowser && process.env.JUHE_N8N_URL === undefined;
(canRun ? describe : describe.skip)('the report', () => {
	beforeAll(async () => {
		world = await startWorld();
		inbox = await startInbox();
		browser = await startBrowser();
		({ id: workflowId, address } = await publish('juhe-report'));
	});
	afterAll(async () => {
		await browser.close();
		await world.stop();
		inbox.close();
	});

	it('asks a browser for name and password', async () => {
		const response = await fetch(address);
		expect(response.status).toBe(401);
		expect(response.headers.get('www-authenticate')).toMatch(/^Basic/);
	});

	it('says what to do where the tables are missing, and where they are empty', async () => {
		const page = await open();
		expect(await textOf(page)).toContain('Data table with name "juhe_runs" not found');
		expect(await textOf(page)).toContain('Data table with name "juhe_contacts" not found');
		await createTables();
		await page.goto(address);
		expect(await textOf(page)).toMatch(
			/还没有运行记录。.*scheduled-list-check\.json.*名单是空的。/s,
		);
		await page.close();
	});

	it('shows the figures of the tables, in both languages, and in both the script in a name as text', async () => {
		await fill(
			RUNS,
			LIST.map((row, index) => (index === 160 ? { ...row, name: EVIL } : row)),
		);
		const page = await open();
		const text = await textOf(page);
		for (const line of [
			'最近一次运行 2026-11-23 15:00 正常结束 · Check a list every morning with Juhe Mobile Status',
			'名单 1,141 1 行没有结果 正常使用 73.3% 836 行 建议移除 101 8.9%',
			'复用节省的查询 29,448 约合费用 1,472.40',
			// Shares, results, and the share that is off the network.
			...['2026-04 65% 11% 6% 4% 13% 1,200 13.3%', '2026-11 76% 8% 5% 4% 7% 492 7.3%'],
			'现在 73% 9% 5% 4% 9% 1,140 8.9%',
			// Queries, cost, and what was saved.
			...['2026-04 1,200 60.00 900', '2026-05 400 20.00 4,160', '合计 13% 87% 4,572 228.60 29,448'],
			`${EVIL} 138****8160 停机 → 正常使用 2026-11-23`,
			'状态有变化的号码 29',
			'……另有 9 行',
			'建议移除的行 101',
			'……另有 81 行',
		]) {
			expect(text).toContain(line);
		}
		await page.getByText('English').click();
		const english = await textOf(page);
		expect(english).toContain('Queries saved 29,448 worth about 1,472.40');
		expect(english).toContain(`${EVIL} 138****8160 Suspended → In use 2026-11-23`);
		expect(english).not.toMatch(/[查询状态]/);
		expect(await page.title()).toBe('号码名单报告 Phone list report');
		await page.close();
	});

	it.each([
		['light', 900],
		['dark', 900],
		['light', 390],
	] as const)(
		'is one page without anything from outside, %s, %i pixels wide',
		async (colorScheme, width) => {
			await fill(RUNS, LIST);
			const page = await open({ colorScheme, width, address: `${address}?lang=en` });
			const requests: string[] = [];
			page.on('request', (request) => requests.push(request.url()));
			const response = (await page.reload())!;
			expect(requests).toEqual([`${address}?lang=en`]);
			expect(response.headers()['content-security-policy']).toContain('sandbox');
			expect(response.headers()['cache-control']).toBe('no-store');
			expect(await page.locator('h1').innerText()).toBe('Phone list report');
			const background = await page.evaluate('getComputedStyle(document.body).backgroundColor');
			expect(background).toBe(colorScheme === 'dark' ? 'rgb(20, 24, 28)' : 'rgb(255, 255, 255)');
			expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0);
			// The bar of 2026-11 says 76% in its first part, which has a colour and 76% of the width.
			const bar = page.getByRole('img', { name: /^正常使用 In use 372/ });
			expect(await bar.locator('text').first().innerHTML()).toBe('76%');
			const [whole, first] = [
				await bar.boundingBox(),
				await bar.locator('rect').first().boundingBox(),
			];
			expect(first!.width / whole!.width).toBeCloseTo(0.756, 1);
			const colour = "getComputedStyle(document.querySelector('.normal rect')).fill";
			expect(await page.evaluate(colour)).toBe('rgb(0, 114, 178)');
			if (width === 900 && colorScheme === 'light') await picture(page);
			await page.close();
		},
	);

	it('begins in the language of the browser, in Chinese without one', async () => {
		const titleFor = async (headers: Record<string, string>) => {
			const response = await fetch(address, {
				headers: { authorization: AUTHORIZATION, ...headers },
			});
			return /id="(\w+)" checked/.exec(await response.text())![1];
		};
		expect(await titleFor({ 'accept-language': 'en-GB,en;q=0.9' })).toBe('en');
		expect(await titleFor({ 'accept-language': 'zh-CN,zh;q=0.9,en;q=0.8' })).toBe('zh');
		expect(await titleFor({ 'accept-language': 'de' })).toBe('zh');
	});

	it('says that the last run was stopped, and by what', async () => {
		await fill(
			[...RUNS, { ...RUNS.at(-1)!, startedAt: '2026-11-24T07:00:00.000Z', stoppedBy: '10012' }],
			LIST,
		);
		const page = await open();
		expect(await textOf(page)).toContain('最近一次运行提前停止：10012。');
		await page.close();
	});

	it('is mailed as a file', async () => {
		await runByHand(world.n8n, workflowId, 'Every Monday');
		await until('the mail has come', () => inbox.mails.length > 0);
		const [, base64] = /filename="?report\.html"?[^]*?\r\n\r\n([A-Za-z0-9+/=\r\n]+)/.exec(
			inbox.mails[0]!,
		)!;
		const html = Buffer.from(base64!, 'base64').toString();
		expect(html).toContain('号码名单报告');
		expect(html).toContain('建议移除的行');
	});

	it('shows the list of postgres-list.sql, with a Postgres node in the place of List', async () => {
		await fill(RUNS, LIST);
		const postgres = await startQueue();
		postgres.sql('postgres', readFileSync(join(EXAMPLES, 'postgres-list.sql'), 'utf8'));
		postgres.sql(
			'postgres',
			`UPDATE juhe_contacts SET route = 'notOnNetwork', "mobileStatus_mobile" = '13800012340',
			"mobileStatus_changed" = true, "mobileStatus_previousRoute" = 'normal',
			"mobileStatus_checkedAt" = '2026-11-01T07:00:00Z' WHERE name = '客户01'`,
		);
		const { DB_POSTGRESDB_PORT: port, DB_POSTGRESDB_USER: user } = postgres.env;
		const server = { host: '127.0.0.1', port: Number(port), database: 'postgres', user };
		const account = { ...server, password: '', ssl: 'disable' };
		const id = await world.n8n.createCredential('Postgres account', account, 'postgres');
		const published = await publish('from-postgres', {
			type: 'n8n-nodes-base.postgres',
			typeVersion: 2.6,
			parameters: { operation: 'executeQuery', query: 'SELECT * FROM juhe_contacts', options: {} },
			credentials: { postgres: { id, name: '' } },
		});
		const page = await open({ address: published.address });
		const text = await textOf(page);
		await page.close();
		await postgres.stop();
		expect(text).toContain('名单 6 5 行没有结果');
		expect(text).toContain('客户01 138****2340 正常使用 → 不在网 2026-11-01');
	});

	it('of 20,000 rows', async () => {
		const rows = Array.from({ length: 20_000 }, (_, index) => ({
			...LIST[index % 1140]!,
			...{ phone: String(13900000000 + index), mobileStatus_mobile: String(13900000000 + index) },
		}));
		await fill(RUNS, rows);
		const start = performance.now();
		const page = await open();
		console.log(`20,000 rows: ${((performance.now() - start) / 1000).toFixed(1)} s`);
		expect(await textOf(page)).toContain('名单 20,000 0 行没有结果');
		await page.close();
	});
});

/** Publishes the example at a path, with its credentials and its mail, and another node in the place of List. */
async function publish(path: string, list?: Partial<INode>): Promise<Published> {
	const { n8n } = world;
	const account = { host: HOST, port: inbox.port, secure: false, disableStartTls: true };
	const [login, mail] = [
		await n8n.createCredential('Juhe report', LOGIN, 'httpBasicAuth'),
		await n8n.createCredential('SMTP account', account, 'smtp'),
	];
	const changes: Record<string, Partial<INode>> = {
		'Open Page': { webhookId: path, credentials: { httpBasicAuth: { id: login, name: '' } } },
		'Mail Page': { disabled: false, credentials: { smtp: { id: mail, name: '' } } },
		List: list ?? {},
	};
	const file = JSON.parse(readFileSync(join(EXAMPLES, 'report.json'), 'utf8')) as WorkflowFile;
	const nodes = file.nodes.map((each) => ({ ...each, ...changes[each.name] }));
	Object.assign(nodes.find(({ name }) => name === 'Open Page')!.parameters, { path });
	// Times are shown in the timezone of the workflow.
	const settings = { ...file.settings, timezone: 'Asia/Shanghai' };
	const id = await n8n.importWorkflow({ ...file, nodes, settings });
	await n8n.activate(id);
	const address = `${n8n.url}/webhook/${path}`;
	// n8n listens some time after it has answered the activation.
	while ((await fetch(address)).status === 404) await sleep(100);
	return { id, address };
}

async function createTables(): Promise<void> {
	for (const [name, columns] of Object.entries(COLUMNS)) {
		await createDataTable(world.n8n, name, columns);
	}
}

/** Fills both tables. The rows of the list are older than the runs, which n8n lets nobody write. */
async function fill(runs: IDataObject[], list: IDataObject[]): Promise<void> {
	await (await dataTable(world.n8n, 'juhe_runs')).fill(runs);
	await (await dataTable(world.n8n, 'juhe_contacts')).fill(list);
	const database = join(world.own!.userFolder, '.n8n', 'database.sqlite');
	const code = `
		const { DatabaseSync } = require('node:sqlite');
		const db = new DatabaseSync(${JSON.stringify(database)}, { timeout: 5000 });
		const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'data_table_user_%'").all();
		for (const { name } of tables) db.exec(\`UPDATE "\${name}" SET "createdAt" = '2025-12-31 00:00:00'\`);`;
	const { node } = await ensureN8n();
	await promisify(execFile)(node, ['-e', code]);
}

async function open({
	address: url = address,
	colorScheme = 'light' as 'light' | 'dark',
	width = 900,
} = {}): Promise<Page> {
	const page = await browser.newPage({
		colorScheme,
		viewport: { width, height: 1000 },
		deviceScaleFactor: 1.5,
		locale: 'zh-CN',
		httpCredentials: { username: LOGIN.user, password: LOGIN.password },
	});
	await page.goto(url);
	return page;
}

/** What a reader sees, in one line. */
async function textOf(page: Page): Promise<string> {
	return (await page.locator('main').innerText()).replace(/\s+/g, ' ');
}

/** Pictures the page down to the numbers that changed. */
async function picture(page: Page): Promise<void> {
	const folder = process.env.JUHE_SCREENSHOTS;
	if (!folder) return;
	const sections = page.locator('section');
	const below = (await sections.nth(2).boundingBox())!;
	const clip = { x: 0, y: 0, width: 900, height: below.y - 24, scale: 1 };
	await page.setViewportSize({ width: 900, height: Math.ceil(clip.height) });
	// Playwright makes PNG and JPEG only; WebP takes a third of a PNG.
	const protocol = await page.context().newCDPSession(page);
	const { data } = await protocol.send('Page.captureScreenshot', {
		format: 'webp',
		quality: 90,
		clip,
	});
	writeFileSync(join(folder, 'report.webp'), data, 'base64');
}
