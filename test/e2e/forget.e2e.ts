/**
 * examples/forget-a-number.json: a form takes numbers out of all tables, however the tables write them, and lists those
 * that are never asked. lead-gate.json asks for none of them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { WorkflowFile } from '../../scripts/real-n8n';
import { startQueue } from '../queue/services';
import { hasBrowser, startBrowser } from './browser';
import {
	createDataTable,
	dataTable,
	personalProject,
	runByHand,
	startWorld,
	until,
	type World,
} from './world';

const NEVER_ASK = '拒查 / Never ask';
const FORGET = '删除 / Forget everywhere';
const LOGIN = { user: 'privacy', password: 'made up' };
const KEY = { name: 'x-lead-key', value: 'made up' };

const PHONE = '13800138000';
/** The same number, as people write it. */
const SPELLINGS = [
	PHONE,
	'+86 138-0013-8000',
	'008613800138000',
	'0138 0013 8000',
	'1 3 8 0 0 1 3 8 0 0 0',
	'１３８００１３８０００',
	'客户01 (138)00138000（2024年更新）',
];
const OTHERS = ['13800138001', '138001380001', '213800138000', '13900138000', '1380013800', '暂无'];

let world: World;
let workflowId: string;
let form: string;
beforeAll(async () => {
	world = await startWorld();
	const { n8n } = world;
	const file = read('forget-a-number');
	const trigger = file.nodes.find(({ type }) => type === 'n8n-nodes-base.formTrigger')!;
	const id = await n8n.createCredential('Juhe forget form', LOGIN, 'httpBasicAuth');
	trigger.credentials = { httpBasicAuth: { id, name: '' } };
	workflowId = await n8n.importWorkflow(file);
	await n8n.activate(workflowId);
	form = `${n8n.url}/form/${trigger.webhookId}`;
	// n8n listens some time after it has answered the activation, to POST last.
	while ((await fetch(form, { method: 'POST' })).status === 404) await sleep(100);
});
afterAll(() => world.stop());

const readText = (path: string) => readFileSync(join(__dirname, '../..', path), 'utf8');
const read = (name: string) => JSON.parse(readText(`examples/${name}.json`)) as WorkflowFile;

async function createTable(name: string, columns: Record<string, string>) {
	await createDataTable(world.n8n, name, columns);
	return await dataTable(world.n8n, name);
}

/** Fills in the form as its page does, and gives the text of the page that ends it. */
async function submit(numbers: string, ...tasks: string[]): Promise<string> {
	const body = new FormData();
	body.append('field-0', numbers);
	body.append('field-1', JSON.stringify(tasks));
	const authorization = `Basic ${Buffer.from(`${LOGIN.user}:${LOGIN.password}`).toString('base64')}`;
	const response = await fetch(form, { method: 'POST', body, headers: { authorization } });
	const { formWaitingUrl } = (await response.json()) as { formWaitingUrl: string };
	const statusUrl = new URL(formWaitingUrl);
	statusUrl.pathname += '/n8n-execution-status';
	const status = async () => (await fetch(statusUrl)).text();
	await until('the page is there', async () => (await status()) === 'form-waiting');
	const html = await (await fetch(formWaitingUrl)).text();
	// The page does so when it is shown: the execution ends.
	await fetch(formWaitingUrl, { method: 'POST' });
	await until('the execution is gone', async () => (await status()) === 'null');
	const text = html.replace(/<(style|script)[^]*?<\/\1>|<[^>]+>/g, ' ');
	return text.replace(/\s+/g, ' ');
}

const phones = async (table: string) =>
	(await (await dataTable(world.n8n, table)).read()).map(({ phone }) => phone);

it('breaks nothing where there is no table yet', async () => {
	expect(await submit(PHONE, FORGET)).toContain(
		`Done ${PHONE} 没有找到任何一行 / No row was found`,
	);
	expect(await phones('juhe_suppressed')).toEqual([]);
});

it('deletes the rows of a number, however they write it, in all tables, and no other row', async () => {
	const contacts = await createTable('juhe_contacts', { name: 'string', phone: 'string' });
	const results = await createTable('juhe_results', {
		phone: 'string',
		mobileStatus_mobile: 'string',
	});
	const runs = await createTable('juhe_runs', { workflow: 'string' });
	const own = await createTable('customers', { phone: 'string' });
	await contacts.fill([...SPELLINGS, ...OTHERS].map((phone) => ({ name: '客户01', phone })));
	// A cell that only its result tells.
	await results.fill([{ phone: '1.3800138E10', mobileStatus_mobile: PHONE }, { phone: OTHERS[0] }]);
	await runs.fill([{ workflow: PHONE }]);
	await own.fill([{ phone: PHONE }]);

	const text = await submit('+86 138 0013 8000', FORGET);
	expect(text).toContain(
		`${PHONE} 已删除 ${SPELLINGS.length + 1} 行 / Rows deleted: juhe_contacts ${SPELLINGS.length}, juhe_results 1 `,
	);
	expect(text).toContain('Tables searched: juhe_contacts, juhe_results ');
	expect(await phones('juhe_contacts')).toEqual(OTHERS);
	expect(await phones('juhe_results')).toEqual([OTHERS[0]]);
	expect([await runs.read(), await own.read()]).toMatchObject([[{ workflow: PHONE }], [{}]]);
	expect(await phones('juhe_suppressed')).toEqual([]);
	expect(await submit(PHONE, FORGET)).toContain('No row was found');
});

it('lists a number that is never asked once, and keeps its rows; what is no number is named', async () => {
	await (
		await dataTable(world.n8n, 'juhe_contacts')
	).fill([{ phone: PHONE }, { phone: OTHERS[3] }]);
	const text = await submit(`138-0013-8000\n张三\n13900138000 或 13700137000\n${PHONE}`, NEVER_ASK);
	expect(text).toContain(`“张三”：不是手机号，没有处理 Not a mobile number`);
	expect(text).toContain('“13900138000 或 13700137000”：不是手机号');
	expect(text).toContain(`${PHONE} 已列入拒查名单 / Never asked again 查找过的表`);
	await submit(`${PHONE}，13700137000`, NEVER_ASK);
	expect(await phones('juhe_suppressed')).toEqual([PHONE, '13700137000']);
	expect(await phones('juhe_contacts')).toEqual([PHONE, OTHERS[3]]);
	expect(await submit(' ', FORGET)).toContain('“”：不是手机号');
	expect(await submit(`${PHONE}\n13700137000`, NEVER_ASK, FORGET)).toContain(
		`${PHONE} 已列入拒查名单 / Never asked again 已删除 1 行 / Rows deleted: juhe_contacts 1 13700137000`,
	);
	expect(await phones('juhe_contacts')).toEqual([OTHERS[3]]);
});

it('lead-gate.json neither asks for such a number nor keeps it, until it is off the list', async () => {
	const { n8n, credential, simulator } = world;
	const file = read('lead-gate');
	const trigger = file.nodes.find(({ name }) => name === 'Lead Comes In')!;
	const key = await n8n.createCredential('Juhe lead key', KEY, 'httpHeaderAuth');
	trigger.credentials = { httpHeaderAuth: { id: key, name: '' } };
	const id = await n8n.importWorkflow(file, credential);
	await n8n.activate(id);
	await runByHand(n8n, id, 'Every 5 Minutes');
	await n8n.webhook('juhe-lead', {});
	const send = async (phone: string) => {
		const response = await fetch(`${n8n.url}/webhook/juhe-lead`, {
			method: 'POST',
			headers: { 'content-type': 'application/json', [KEY.name]: KEY.value },
			body: JSON.stringify({ phone }),
		});
		return await response.json();
	};
	for (const phone of SPELLINGS) {
		expect(await send(phone)).toEqual({ ok: true, route: 'suppressed', advice: null });
	}
	expect([simulator.counts.requests, await phones('juhe_leads')]).toEqual([0, []]);
	expect(await send(OTHERS[0]!)).toMatchObject({ route: 'normal' });

	// A lead that waits for its query is not asked either.
	simulator.script({ fault: { kind: 'http', status: 503 } });
	await send(OTHERS[3]!);
	simulator.reset();
	expect(await submit(OTHERS[3]!, NEVER_ASK)).toContain('Rows deleted: juhe_leads 1 ');
	await runByHand(n8n, id, 'Every 5 Minutes');
	expect([simulator.counts.requests, await phones('juhe_leads')]).toEqual([0, [OTHERS[0]]]);
	await (await dataTable(n8n, 'juhe_suppressed')).fill([{ phone: '13700137000' }]);
	expect(await send(PHONE)).toEqual({ ok: true, route: 'normal', advice: 'keep' });
	expect(simulator.counts.requests).toBe(1);
});

(hasBrowser ? it : it.skip)('in the browser: a form, and a page that ends it', async () => {
	const browser = await startBrowser();
	const httpCredentials = { username: LOGIN.user, password: LOGIN.password };
	const page = await browser.newPage({ viewport: { width: 1400, height: 850 }, httpCredentials });
	await page.goto(form);
	await page.locator('textarea').fill('13700137000');
	await page.getByText(FORGET, { exact: true }).click();
	// The page ends the execution when it is shown.
	const end = page.waitForResponse(
		(response) => response.request().method() === 'POST' && /form-waiting/.test(response.url()),
	);
	await page.getByRole('button', { name: 'Submit' }).click();
	await page.getByText('No row was found').waitFor();
	await end;
	await browser.close();
});

it('says where not all was done', async () => {
	// A list of the same name that somebody has made.
	const tables = `${await personalProject(world.n8n)}/data-tables`;
	const { data } = await world.n8n.api<{
		data: {
			data: Array<{ id: string; name: string; columns: Array<{ id: string; name: string }> }>;
		};
	}>('GET', `${tables}?take=100`);
	const list = data.data.find(({ name }) => name === 'juhe_suppressed')!;
	const column = list.columns.find(({ name }) => name === 'phone')!;
	await world.n8n.api('DELETE', `${tables}/${list.id}/columns/${column.id}`);
	expect(await submit(PHONE, NEVER_ASK)).toMatch(/Not everything was done 请再提交一次 .*phone/);
});

it('lets nobody in without the password, and no execution that holds a number is left', async () => {
	const body = new FormData();
	body.append('field-0', PHONE);
	for (const request of [{}, { method: 'POST', body }]) {
		expect((await fetch(form, request)).status).toBe(401);
	}
	const left = async () => (await world.n8n.executions(workflowId)).length;
	await until('no execution is left', async () => (await left()) === 0);
});

it('docs/privacy.md has the SQL that does the same to a list in PostgreSQL', async () => {
	const queue = await startQueue();
	const sql = (text: string) => queue.sql('postgres', text);
	try {
		const [forget, never] = [...readText('docs/privacy.md').matchAll(/```sql\n(.*?)```/gs)].map(
			([, text]) => text!,
		);
		sql(readText('examples/postgres-list.sql'));
		const values = [...SPELLINGS, ...OTHERS].map((phone) => `('${phone}')`).join();
		sql(`TRUNCATE juhe_contacts; INSERT INTO juhe_contacts (phone) VALUES ${values}`);
		sql(forget!.replace(/DELETE .*\nUSING .*\n/, never!));
		const due = `SELECT phone FROM juhe_contacts WHERE "mobileStatus_recheckAt" IS NULL ORDER BY id`;
		const count = 'SELECT count(*) FROM juhe_contacts';
		expect([sql(due), sql(count)]).toEqual([OTHERS, [String(SPELLINGS.length + OTHERS.length)]]);
		sql(forget!);
		expect([sql(due), sql(count)]).toEqual([OTHERS, [String(OTHERS.length)]]);
	} finally {
		await queue.stop();
	}
});
