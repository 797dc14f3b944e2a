/**
 * The node in n8n's editor, in headless Chromium: $CHROMIUM, or Debian's. With a folder in $JUHE_SCREENSHOTS the pictures
 * of the documentation are made anew.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, selectors, type Browser, type Page } from 'playwright-core';

import type { WorkflowFile } from '../../scripts/real-n8n';
import { startWorld, type World } from './world';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const NODE = 'Juhe Mobile Status';
const example = JSON.parse(
	readFileSync(join(__dirname, '../../examples/crm-cleansing.json'), 'utf8'),
) as WorkflowFile;

let world: World;
let browser: Browser;
let page: Page;

(existsSync(CHROMIUM) ? describe : describe.skip).each(['light', 'dark'] as const)(
	'in the editor, %s',
	(colorScheme) => {
		beforeAll(async () => {
			world = await startWorld();
			world.simulator.latency = 20;
			selectors.setTestIdAttribute('data-test-id');
			browser = await chromium.launch({
				executablePath: CHROMIUM,
				args: ['--no-sandbox', '--disable-gpu'],
			});
			page = await browser.newPage({ viewport: { width: 1400, height: 850 }, colorScheme });
			await signIn();
		});
		beforeEach(() => world.simulator.reset());
		afterAll(async () => {
			await browser.close();
			await world.stop();
		});

		it('the example opens and runs: counts on every branch', async () => {
			await openWorkflow(example);
			expect(await onCanvas(NODE).locator('img').getAttribute('src')).toMatch(
				colorScheme === 'light' ? /dist\/icons\/juhe\.svg$/ : /dist\/icons\/juhe\.dark\.svg$/,
			);
			await page.getByTestId('execute-workflow-button').click();
			await page.getByText('Workflow executed successfully').waitFor();
			await onCanvas('Could Not Check').getByText('10 items').waitFor();
			await closeMessages();
			await shoot(`canvas-${colorScheme}`);
			expect(world.simulator.counts.billed).toBe(world.simulator.counts.lookups.size);
		});

		it('another operation is chosen, and its result is a table', async () => {
			await openNode();
			await page.getByTestId('parameter-input-operation').click();
			await page.getByRole('option', { name: 'AES-Encrypted Query' }).click();
			await page.getByTestId('node-execute-button').click();
			await page.getByText('Node executed successfully').waitFor();
			await closeMessages();
			expect(world.simulator.received.at(-1)!.path).toBe('/mobile_status/queryEncry');

			const output = page.getByTestId('output-panel');
			await output.getByTestId('radio-button-table').click();
			await output.getByRole('cell', { name: '客户01' }).waitFor();
			expect(await output.locator('thead').innerText()).toContain('mobileStatus');
			await drag('panel-drag-button', -300);
			await shoot(`node-${colorScheme}`);
		});

		it('a run that the account stops says why, in which row, and what to do', async () => {
			// A list of its own: in the example's a row without a number would stop the run before it begins.
			const contacts = Array.from({ length: 10 }, (_, index) => ({
				phone: String(13800138000 + index),
			}));
			const jsonOutput = JSON.stringify({ contacts });
			const nodes = example.nodes.map((node) => ({
				...node,
				onError: undefined,
				parameters:
					node.name === 'Contacts List' ? { ...node.parameters, jsonOutput } : node.parameters,
			}));
			await openWorkflow({ ...example, name: `${example.name}, On Error: Stop`, nodes });
			world.simulator.script({ mobile: '13800138002', fault: { kind: 'code', code: 10012 } });
			await page.getByTestId('execute-workflow-button').click();
			await page.getByText('Problem in node').waitFor();
			await closeMessages();
			await openNode();
			expect(await page.getByTestId('node-error-message').innerText()).toBe(
				'Juhe 10012: The request quota of the key is used up. [item 2]',
			);
			const description = await page.getByTestId('node-error-description').innerText();
			expect(description).toContain('请求超过次数限制');
			expect(description).toContain(
				'Buy more queries in the Juhe console, then run the remaining rows.',
			);
			await page.getByText(`From ${NODE}`).click();
			await shoot(`error-${colorScheme}`);
		});

		it('the credential is tested in its form, and its secrets stay masked', async () => {
			await page.getByTestId('credential-edit-button').click();
			const form = page.getByTestId('editCredential-modal');
			await form.getByRole('button', { name: 'Retry' }).waitFor();
			await form.locator('.n8n-spinner').waitFor({ state: 'detached' });
			expect(await form.innerText()).toContain('Connection tested successfully');
			expect(await form.locator('input[type=password]').count()).toBe(2);
			await shoot(`credential-${colorScheme}`);
			expect(world.simulator.counts.billed).toBe(0);
		});
	},
);

async function signIn(): Promise<void> {
	const { url, owner } = world.n8n;
	await page.goto(`${url}/signin`);
	await page.fill('input[name=emailOrLdapLoginId]', owner.email);
	await page.fill('input[name=password]', owner.password);
	await page.keyboard.press('Enter');
	await page.waitForURL(/\/home\//);
}

async function openWorkflow(file: WorkflowFile): Promise<void> {
	const { n8n, credential } = world;
	await page.goto(`${n8n.url}/workflow/${await n8n.importWorkflow(file, credential)}`);
	await onCanvas(NODE).waitFor();
}

function onCanvas(name: string) {
	return page.locator(`.vue-flow__node:has([data-node-name="${name}"])`);
}

/** Opens the node's panel: its label takes no clicks, its body does. */
async function openNode(): Promise<void> {
	await onCanvas(NODE).getByTestId('canvas-default-node').dblclick();
	await page.getByTestId('ndv').waitFor();
}

async function drag(testId: string, by: number): Promise<void> {
	const handle = (await page.getByTestId(testId).boundingBox())!;
	const [x, y] = [handle.x + handle.width / 2, handle.y + handle.height / 2];
	await page.mouse.move(x, y);
	await page.mouse.down();
	await page.mouse.move(x + by, y, { steps: 5 });
	await page.mouse.up();
}

/** Closes what n8n has laid over the lower right corner. */
async function closeMessages(): Promise<void> {
	const messages = page.locator('.el-notification');
	await messages.locator('.el-notification__closeBtn').first().click();
	await messages.first().waitFor({ state: 'detached' });
}

async function shoot(name: string): Promise<void> {
	const folder = process.env.JUHE_SCREENSHOTS;
	if (folder) await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' });
}
