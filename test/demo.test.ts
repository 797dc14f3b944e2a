import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { parse } from 'csv-parse/sync';

import { useSimulator } from './simulated';

// Each test starts programs, which on a busy machine takes its time.
jest.setTimeout(60_000);

const ROOT = join(__dirname, '..');
const DEMO = ['--import', 'tsx', 'scripts/demo.ts'];
const BOM = '\ufeff';
const juhe = useSimulator();

let folder: string;
beforeAll(() => {
	folder = mkdtempSync(join(tmpdir(), 'juhe-demo-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Puts a file into the folder and gives its path. */
function save(name: string, content: string | Buffer): string {
	const path = join(folder, name);
	writeFileSync(path, content);
	return path;
}

/** The variables that make --live ask the simulator. */
function account(): Record<string, string> {
	return {
		JUHE_BASE_URL: juhe.simulator.url,
		JUHE_API_KEY: juhe.simulator.key,
		JUHE_OPENID: juhe.simulator.openid,
		JUHE_RSA_PUBLIC_KEY_FILE: save('public.pem', juhe.simulator.rsaPublicKey),
	};
}

/** Of our variables the program sees those given and none of the machine's. */
function environment(variables: Record<string, string>): NodeJS.ProcessEnv {
	const others = Object.entries(process.env).filter(([name]) => !name.startsWith('JUHE_'));
	return { ...Object.fromEntries(others), ...variables };
}

interface Ended {
	code: number;
	stdout: string;
	stderr: string;
}

function demo(args: string[], variables: Record<string, string> = {}): Promise<Ended> {
	return new Promise((resolve) => {
		const options = { cwd: ROOT, env: environment(variables) };
		const child = execFile(process.execPath, [...DEMO, ...args], options, (error, stdout, stderr) =>
			resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
		);
		child.stdin?.end();
	});
}

/** Of each printed line whose first cell is `first`, the other cells. */
function cellsOf(stdout: string, first: string): string[][] {
	return stdout
		.split('\n')
		.map((line) =>
			line
				.split('│')
				.slice(1, -1)
				.map((cell) => cell.trim()),
		)
		.filter((cells) => cells[0] === first)
		.map((cells) => cells.slice(1));
}

function sumsOf(stdout: string): Record<string, string | undefined> {
	const sum = (label: string) => cellsOf(stdout, label)[0]?.[0];
	return {
		rows: sum('Rows'),
		distinct: sum('Distinct numbers'),
		billed: sum('Billed queries'),
		saved: sum('Saved queries'),
	};
}

test('without options: cleanses the example, and tells rows, routes, money and what to mend', async () => {
	const { code, stdout, stderr } = await demo([]);

	expect([code, stderr]).toEqual([0, '']);
	// No bar, no colours: this is no terminal.
	expect(stdout).not.toContain('\u001b');
	expect(cellsOf(stdout, '1')).toEqual([['13800012340', 'normal', 'keep', 'query', 'yes']]);
	expect(cellsOf(stdout, '12')).toEqual([
		['+86 138-0001-2340', 'normal', 'keep', 'duplicate', 'no'],
	]);
	expect(cellsOf(stdout, '13')).toEqual([['192\\u200b00112350', 'normal', 'keep', 'query', 'yes']]);
	expect(cellsOf(stdout, '26')).toEqual([['1.38001E+10', 'error invalidNumber', '', '', 'no']]);
	expect(cellsOf(stdout, 'notOnNetwork')).toEqual([['remove', '9']]);
	expect(cellsOf(stdout, 'error')).toEqual([['', '10']]);
	expect(sumsOf(stdout)).toEqual({ rows: '60', distinct: '42', billed: '42', saved: '8' });
	expect(stdout).toMatch(/^Row 26: .*scientific notation.*\n[^]*^→ Correct the number/m);
});

test('sends nothing where it cannot do what was asked, and says why in a line', async () => {
	const { JUHE_API_KEY, ...keyless } = account();
	const { JUHE_OPENID, ...openidless } = account();
	const list = save('list.csv', 'name;tel\n客户01;13800012340\n');
	const empty = save('empty.csv', `${BOM}phone\n`);
	const out = join(folder, 'none', 'result.csv');
	const live = ['--live', '--yes', '--operation', 'aes'];
	const cases: Array<[args: string[], variables: Record<string, string>, said: string]> = [
		[['--file', 'no.csv'], {}, 'no.csv cannot be read: there is no such file or folder'],
		[['--file', list], {}, `${list} has no column "phone". Its columns: name, tel`],
		[['--file', empty], {}, `${empty} has no rows`],
		[live, keyless, '--live --operation aes needs JUHE_API_KEY in the environment'],
		[live, openidless, '--live --operation aes needs JUHE_OPENID in the environment'],
		[
			[...live, '--out', out],
			account(),
			`${out} cannot be written: there is no such file or folder`,
		],
		[
			['--live'],
			account(),
			'nothing was sent: there is no terminal to ask at. --yes agrees to the queries',
		],
	];
	const ended = await Promise.all(cases.map(([args, variables]) => demo(args, variables)));

	const expected = cases.map(([, , said]) => [1, `error: ${said}\n`]);
	expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual(expected);
	expect(ended.at(-1)!.stdout).toMatch(/^At most 42 queries will be billed/);
	expect(juhe.simulator.counts.requests).toBe(0);
	for (const secret of [JUHE_API_KEY, JUHE_OPENID])
		expect(JSON.stringify(ended)).not.toContain(secret);
});

test('--out saves the list as it came with the results beside it, for Excel', async () => {
	const rows = ['姓名;电话;city', '"客户;01";+86 138-0001-2347;北京', '客户02;无;', ''];
	const file = save('list.csv', BOM + rows.join('\r\n'));
	const out = join(folder, 'result.csv');
	const args = ['--operation', 'aes', '--file', file, '--column', '电话', '--out', out];
	const { code, stderr } = await demo(args);

	expect([code, stderr]).toEqual([0, '']);
	const saved = readFileSync(out, 'utf8');
	expect(saved.startsWith(BOM)).toBe(true);
	expect(parse(saved, { bom: true })).toEqual([
		[
			...['姓名', '电话', 'city', 'route', 'advice', 'state', 'description'],
			...['province', 'juhe_city', 'isp', 'billable', 'source', 'error'],
		],
		[
			...['客户;01', '+86 138-0001-2347', '北京', 'notOnNetwork', 'remove', '3', '不在网'],
			...['广东省', '深圳市', '移动', 'yes', 'query', ''],
		],
		[
			...['客户02', '无', '', '', '', '', ''],
			...['', '', '', 'no', '', expect.stringContaining('has characters that are no digits')],
		],
	]);
});

test('--live --yes asks the service that the environment names, and tells what it billed', async () => {
	// A tab between the columns and GBK, as Excel saves a list in China: 电话 and 姓名, then 客户.
	const gbk = Buffer.concat([
		...[
			Buffer.from('b5e7bbb0', 'hex'),
			Buffer.from('\t'),
			Buffer.from('d0d5c3fb', 'hex'),
			Buffer.from('\r\n'),
		],
		...[Buffer.from('13800012340\t'), Buffer.from('bfcdbba7', 'hex'), Buffer.from('\r\n')],
		Buffer.from('138 0001 2340\t\r\n13800012348\t\r\n'),
	]);
	const args = [
		'--live',
		'--yes',
		'--operation',
		'rsa',
		'--file',
		save('list.txt', gbk),
		'--column',
		'电话',
	];
	const { code, stdout, stderr } = await demo(args, account());

	expect([code, stderr]).toEqual([0, '']);
	expect(stdout).toMatch(/^At most 2 queries will be billed/);
	expect(sumsOf(stdout)).toEqual({ rows: '3', distinct: '2', billed: '2', saved: '1' });
	expect(juhe.simulator.received.map(({ path, mobile }) => [path, mobile])).toEqual([
		['/mobile_status/queryRV2', '13800012340'],
		['/mobile_status/queryRV2', '13800012348'],
	]);
	expect(stdout).not.toContain(juhe.simulator.key);
});

test('Ctrl+C sends nothing more, and saves what is paid', async () => {
	juhe.simulator.latency = 2000;
	const out = join(folder, 'part.csv');
	const args = [...DEMO, '--live', '--yes', '--out', out];
	const child = spawn(process.execPath, args, {
		cwd: ROOT,
		env: environment(account()),
		stdio: 'ignore',
	});
	while (juhe.simulator.counts.requests < 10 && child.exitCode === null) await sleep(20);
	child.kill('SIGINT');
	if (child.exitCode === null) await once(child, 'exit');

	expect(child.exitCode).toBe(130);
	const { billed, requests } = juhe.simulator.counts;
	expect([billed, requests]).toEqual([10, 10]);
	const saved = parse<Record<string, string>>(readFileSync(out), { bom: true, columns: true });
	expect(saved.filter(({ billable }) => billable === 'yes')).toHaveLength(billed);
	expect(saved).toHaveLength(60);
});
