/**
 * The node in n8n's editor, in headless Chromium: $CHROMIUM, or Debian's. With a folder in $JUHE_SCREENSHOTS the pictures
 * of the documentation are made anew.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IDataObject, INode, INodeParameters } from 'n8n-workflow';
import { selectors, type Browser, type Locator, type Page } from 'playwright-core';

import type { WorkflowFile } from '../../scripts/real-n8n';
import { hasBrowser, signInto, startBrowser } from './browser';
import { startChatModel, type ChatModel } from './chatModel';
import { animatedWebp, framesOf, mark, partOf, unmark, type Frame, type Scene } from './film';
import {
	dataTable,
	juhe,
	node,
	runByHand,
	set,
	startWorld,
	wired,
	workflowOf,
	type Link,
	type World,
} from './world';

const NODE = 'Juhe Mobile Status';
const VIEWPORT = { width: 1280, height: 760 };
const exampleOf = (name: string) =>
	JSON.parse(readFileSync(join(__dirname, `../../examples/${name}.json`), 'utf8')) as WorkflowFile;
const EXAMPLES = readdirSync(join(__dirname, '../../examples'))
	.filter((name) => name.endsWith('.json'))
	.map((name) => name.slice(0, -'.json'.length));
const example = exampleOf('crm-cleansing');
const scheduled = exampleOf('scheduled-list-check');

let world: World;
let browser: Browser;
let page: Page;

(hasBrowser ? describe : describe.skip)('in the editor', () => {
	beforeAll(async () => {
		world = await startWorld();
		world.simulator.latency = 20;
		selectors.setTestIdAttribute('data-test-id');
		browser = await startBrowser();
	});
	beforeEach(() => world.simulator.reset());
	afterAll(async () => {
		await browser.close();
		await world.stop();
	});

	describe('each example', () => {
		beforeAll(() => signIn('light'));
		afterAll(() => page.close());

		it.each(EXAMPLES)('%s opens on one screen', async (name) => {
			await page.setViewportSize({ width: 1400, height: 850 });
			const { nodes, ...file } = exampleOf(name);
			const id = await world.n8n.importWorkflow({ ...file, nodes }, world.credential);
			await page.goto(`${world.n8n.url}/workflow/${id}`);
			await onCanvas(nodes.at(-1)!.name).waitFor();
			const canvas = (await page.locator('.vue-flow').boundingBox())!;
			const boxes = await boxesOf('.vue-flow__node');
			expect(boxes).toHaveLength(nodes.length);
			expect(
				boxes.filter(
					({ x, y, width, height }) =>
						x < canvas.x ||
						y < canvas.y ||
						x + width > 1400 ||
						y + height > canvas.y + canvas.height,
				),
			).toEqual([]);
			await page.addStyleTag({
				content: '.vue-flow__node:has([data-test-id=sticky]) { display: none }',
			});
			await shootCanvas(`workflows/${name}`, 0.5);
		});
	});

	describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
		beforeAll(() => signIn(colorScheme));
		afterAll(() => page.close());

		it('the example opens and runs: counts on every branch', async () => {
			await openWorkflow(example);
			expect(await onCanvas(NODE).locator('img').getAttribute('src')).toMatch(
				colorScheme === 'light' ? /dist\/icons\/juhe\.svg$/ : /dist\/icons\/juhe\.dark\.svg$/,
			);
			await page.getByTestId('execute-workflow-button').click();
			await page.getByText('Workflow executed successfully').waitFor();
			await onCanvas('Could Not Check').getByText('10 items').waitFor();
			await closeMessages();
			expect(world.simulator.counts.billed).toBe(world.simulator.counts.lookups.size);
		});

		it('another operation is chosen, and its result is a table', async () => {
			await openNode();
			await page.getByTestId('parameter-input-operation').click();
			await page.getByRole('option', { name: 'Check Number (AES)' }).click();
			await page.getByTestId('node-execute-button').click();
			await page.getByText('Node executed successfully').waitFor();
			await closeMessages();
			expect(world.simulator.received.at(-1)!.path).toBe('/mobile_status/queryEncry');

			const output = page.getByTestId('output-panel');
			await output.getByTestId('radio-button-table').click();
			await output.getByRole('cell', { name: '客户01' }).waitFor();
			expect(await output.locator('thead').innerText()).toContain('mobileStatus_label');
			// Wide enough for the first columns of the result.
			await page.setViewportSize({ ...VIEWPORT, width: 1440 });
			await drag('panel-drag-button', -300);
			if (colorScheme === 'light') await shoot('node', page.getByTestId('ndv'));
			await page.setViewportSize(VIEWPORT);
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
			expect(description).toContain('Buy more queries in the Juhe console');
			await page.getByText(`From ${NODE}`).click();
			if (colorScheme === 'light') await shoot('error', page.getByTestId('ndv'));
		});

		it('the credential is tested in its form, and its secrets stay masked', async () => {
			await page.getByTestId('credential-edit-button').click();
			const form = page.getByTestId('editCredential-modal');
			await form.getByRole('button', { name: 'Retry' }).waitFor();
			await form.locator('.n8n-spinner').waitFor({ state: 'detached' });
			expect(await form.innerText()).toContain('Connection tested successfully');
			expect(await form.locator('input[type=password]').count()).toBe(2);
			expect(await form.innerText()).not.toContain('everybody on the way');
			if (colorScheme === 'light') await shoot('credential', form);
			expect(world.simulator.counts.billed).toBe(0);

			const baseUrl = form.getByTestId('parameter-input-baseUrl').locator('input');
			await baseUrl.fill('http://v.juhe.cn');
			await form.getByText('everybody on the way').waitFor();
			await baseUrl.fill('https://v.juhe.cn');
			await form.getByText('everybody on the way').waitFor({ state: 'detached' });
		});
	});

	describe.each(['light', 'dark'] as const)('a scheduled list, %s', (colorScheme) => {
		beforeAll(() => signIn(colorScheme));
		afterAll(() => page.close());

		it('shows its loop, and the summary of all turns', async () => {
			const { n8n, credential } = world;
			// It makes its own tables, by a branch that the picture does without.
			const id = await n8n.importWorkflow(
				{ ...scheduled, name: `List, ${colorScheme}` },
				credential,
			);
			await runByHand(n8n, id, 'Set Up Once');
			await makeRowsDue();
			await n8n.api('PATCH', `/rest/workflows/${id}`, await scheduledPart(id));
			await page.setViewportSize({ width: 1500, height: 800 });
			await page.goto(`${n8n.url}/workflow/${id}`);
			await page.getByTestId('execute-workflow-button').click();
			await page.getByText('Workflow executed successfully').waitFor();
			await closeMessages();
			await page.getByText('6 items').first().waitFor();
			await page.getByTestId('zoom-to-fit').click();
			await shootCanvas(`canvas-${colorScheme}`);
			if (colorScheme === 'dark') return;

			await page.setViewportSize(VIEWPORT);
			await openNode();
			const parameters = page.getByTestId('node-parameters');
			await parameters.getByText('Reuse Results in Rows').scrollIntoViewIfNeeded();
			await shoot('reuse', page.getByTestId('ndv'));
			// n8n draws the lines of JSON that are in sight only.
			await page.setViewportSize({ ...VIEWPORT, height: 960 });
			const output = page.getByTestId('output-panel');
			await output.getByText('Summary').first().click();
			await output.getByTestId('radio-button-json').click();
			await output.getByText('finishedAt').waitFor();
			await shoot('summary', output);
		});
	});

	describe('an example, executed twice, and each time then a step of it', () => {
		beforeAll(() => signIn('light'));
		afterAll(() => page.close());

		// Those that need no account beside Juhe's.
		it.each([
			['crm-cleansing', 'Manual Trigger', NODE],
			['encrypted', 'Manual Trigger', 'Check with AES'],
			['fan-out', 'Manual Trigger', 'Count Queries'],
			['keep-results-beside', 'Every Morning', NODE],
			['scheduled-list-check', 'Every Morning', NODE],
		])('%s', async (name, trigger, step) => {
			const file = name === 'fan-out' ? await withBatchWorker(exampleOf(name)) : exampleOf(name);
			const id = await world.n8n.importWorkflow(file, world.credential);
			const hasSetUp = file.nodes.some((node) => node.name === 'Set Up Once');
			if (hasSetUp) await runByHand(world.n8n, id, 'Set Up Once');
			if (name === 'scheduled-list-check') await makeRowsDue();
			await page.goto(`${world.n8n.url}/workflow/${id}`);
			for (let times = 0; times < 2; times++) {
				await page.getByTestId('zoom-to-fit').click();
				await onCanvas(trigger).hover();
				await page.getByTestId(`execute-workflow-button-${trigger}`).click();
				await page.getByText('Workflow executed successfully').waitFor();
				await closeMessages();
				await openNode(step);
				await page.getByTestId('node-execute-button').click();
				await page.getByText('Node executed successfully').waitFor();
				await closeMessages();
				await page.keyboard.press('Escape');
				await page.getByTestId('ndv').waitFor({ state: 'detached' });
			}
		});
	});

	describe('building on after a run costs nothing', () => {
		beforeAll(() => signIn('light'));
		afterAll(() => page.close());

		const execute = async () => {
			await page.getByTestId('execute-workflow-button').click();
			await page.getByText('Workflow executed successfully').waitFor();
			await closeMessages();
		};

		it('with one output, which is pinned', async () => {
			await openWorkflow(smallList({}, { onError: 'continueRegularOutput' }));
			await execute();
			const paid = world.simulator.counts.requests;
			expect(paid).toBe(1);
			await openNode();
			await page.getByText(/pin this output \(p\)/).waitFor();
			await page.keyboard.press('Escape');
			await page.getByTestId('ndv').waitFor({ state: 'detached' });
			await onCanvas(NODE).getByTestId('canvas-default-node').click();
			await page.keyboard.press('p');
			await execute();
			expect(world.simulator.counts.requests).toBe(paid);
		});

		it('with several outputs, by the step of a node behind', async () => {
			await openWorkflow(example);
			await execute();
			const paid = world.simulator.counts.requests;
			await openNode();
			await page.getByText(/execute the nodes behind this one by their own step/).waitFor();
			await page.keyboard.press('Escape');
			await page.getByTestId('ndv').waitFor({ state: 'detached' });
			await openNode('Could Not Check');
			await page.getByTestId('node-execute-button').click();
			await page.getByText('Node executed successfully').waitFor();
			await closeMessages();
			expect(world.simulator.counts.requests).toBe(paid);
		});
	});

	describe('a chat with an agent', () => {
		let model: ChatModel;
		beforeAll(async () => {
			model = await startChatModel();
			await signIn('light');
		});
		afterAll(async () => {
			model.stop();
			await page.close();
		});

		it('checks a list in one call', async () => {
			const data = { apiKey: 'scripted', url: model.url };
			const openAiApi = {
				id: await world.n8n.createCredential('Model', data, 'openAiApi'),
				name: 'Model',
			};
			const file = exampleOf('ai-agent-tool');
			const nodes = file.nodes.map((each) => ({
				...each,
				...(each.credentials?.openAiApi && { credentials: { openAiApi } }),
			}));
			const list = ['13800012340', '13800012347', '139 0023 4563', '12345'];
			model.script(
				{ mobiles: [list.join(', ')] },
				{
					say: '空号：13800012347、13900234563\n正常：13800012340\n不是手机号：12345（只有 5 位）',
				},
			);
			const id = await world.n8n.importWorkflow({ ...file, nodes }, world.credential);
			await page.setViewportSize({ width: 1400, height: 850 });
			await page.goto(`${world.n8n.url}/workflow/${id}`);
			await page.getByTestId('workflow-chat-button').click();
			const input = page.getByPlaceholder(/Type message/);
			await input.fill(`这批手机号哪些是空号？\n${list.join('\n')}`);
			await page.keyboard.press('Enter');
			await page.getByText('不是手机号：12345').first().waitFor();
			expect(world.simulator.counts.requests).toBe(3);
			await shoot('chat', page.locator('body'));
		});
	});

	describe('the moving picture', () => {
		beforeAll(() => signIn('light'));
		afterAll(() => page.close());

		it('goes from a dry run to a run and to the rows by route', async () => {
			const output = page.getByTestId('output-panel');
			const frames: Frame[] = [];
			let scene: Scene;
			/** Holds what is seen for so many milliseconds, with a ring around what to look at. */
			const hold = async (duration: number, at?: Locator) => {
				await mark(page, scene, at);
				frames.push({ picture: await picture(partOf(scene), scene.scale), duration });
				await unmark(page);
			};
			const canvas = async (step: number): Promise<Scene> => {
				const { x } = (await onCanvas('By Hand').boundingBox())!;
				const { y } = (await onCanvas('Keep').boundingBox())!;
				return { x: x - 42, y: y - 16, scale: 1.9, step };
			};
			const parametersAndOutput = async (step: number): Promise<Scene> => {
				const { x } = (await page.getByTestId('node-parameters').boundingBox())!;
				const { y } = (await output.boundingBox())!;
				return { x, y, scale: 5 / 3, step };
			};
			const execute = async (hint: RegExp) => {
				await hold(800, page.getByTestId('node-execute-button'));
				await page.getByTestId('node-execute-button').click();
				await output.getByText(hint).waitFor();
				await page.getByText('Node executed successfully').waitFor();
				await closeMessages();
			};

			// As wide as the parameters, the output and the rest of the input are.
			await page.setViewportSize({ width: 1132, height: 780 });
			await openWorkflow(tour());
			await page.getByTestId('zoom-to-fit').click();
			scene = await canvas(1);
			await hold(1300, onCanvas(NODE).getByTestId('canvas-default-node'));

			await openNode();
			await drag('panel-drag-button', -300);
			scene = await parametersAndOutput(1);
			const dryRun = page.getByTestId('parameter-input-dryRun').locator('.el-switch__core');
			await hold(1300, dryRun);
			await execute(/^8 rows: 7 billable, 1 duplicate.* Nothing was sent. Cost: 0.35.$/);
			await output.getByText('Other Branch (8 items)').click();
			await output.getByTestId('radio-button-table').click();
			const duplicate = output.getByRole('row', { name: 'duplicate' });
			await duplicate.waitFor();
			expect(world.simulator.counts.requests).toBe(0);
			const hint = output.getByTestId('node-hint');
			await hold(2200, hint);
			await hold(1000, duplicate);

			scene.step = 2;
			await dryRun.click();
			await hold(1000, dryRun);
			await execute(/^8 rows: 7 queried, 1 duplicate.* 2 to remove, 2 to recheck. Cost: 0.35./);
			expect(world.simulator.counts.requests).toBe(7);
			await output.getByText('Normal Branch (4 items)').click();
			await hold(1800, hint);

			scene.step = 3;
			await hold(1200, output.getByText('Normal Branch (4 items)'));
			const notOnNetwork = output.getByText('Not on Network Branch (2 items)');
			await notOnNetwork.click();
			// The tabs scroll to it by themselves, and stop when half of it is behind their arrow.
			await notOnNetwork.hover();
			await notOnNetwork.evaluate((tab: { scrollIntoView: (how: object) => void }) =>
				tab.scrollIntoView({ behavior: 'instant', inline: 'center' }),
			);
			await hold(1300, notOnNetwork);
			await page.keyboard.press('Escape');
			await page.getByTestId('ndv').waitFor({ state: 'detached' });
			scene = await canvas(3);
			await hold(2300);

			const film = animatedWebp(frames);
			save('tour', film);
			save('tour-still', frames.at(-1)!.picture);
			expect(film.length).toBeLessThan(1_500_000);
			const seen = await framesOf(page, film);
			expect(seen).toEqual(frames.map(({ duration }) => ({ size: '1600 × 1120', duration })));
			expect(seen).toHaveLength(11);
			expect(seen.reduce((sum, { duration }) => sum + duration, 0)).toBe(15_000);
		});
	});

	describe('before the first run', () => {
		beforeAll(() => signIn('light'));
		afterAll(() => page.close());

		it('a search finds the node, and its actions', async () => {
			await openWorkflow(withoutRun({}));
			await page.getByTestId('node-creator-plus-button').click();
			const creator = page.getByTestId('node-creator');
			const search = page.getByTestId('node-creator-search-bar');
			for (const words of [
				...['juhe', 'HLR', '聚合数据', '手机在网状态', '空号检测', '手机号', '号码检测'],
				...['phone validation', 'number verification', 'clean phone list'],
			]) {
				await search.fill('nothing has such a name');
				await creator.getByText(NODE).waitFor({ state: 'detached' });
				await search.fill(words);
				await creator.getByText(NODE).waitFor();
			}
			await creator.getByText(NODE).click();
			await creator.getByText('Check number with AES').waitFor();
		});

		it('an operation says what it needs, and a dry run is seen on the canvas', async () => {
			const needs = 'AES needs the OpenID in the credential';
			await openWorkflow(withoutRun({ operation: 'aes', options: { dryRun: true } }));
			await onCanvas(NODE).getByText('aes, dry run').waitFor();
			await openNode();
			const parameters = page.getByTestId('node-parameters');
			await parameters.getByText(needs).waitFor();
			await page.getByTestId('parameter-input-operation').click();
			await page.getByRole('option', { name: 'Check Number (RSA)' }).click();
			await parameters.getByText('RSA needs the RSA Public Key').waitFor();
			expect(await parameters.getByText(needs).count()).toBe(0);
		});

		it('a list tells beside the button what a bad cell comes to, before the run only', async () => {
			const bad = /One cell without a mobile number ends the list before anything is sent/;
			const parameters = { options: { dryRun: true } };
			await openWorkflow(smallList(parameters, { onError: 'continueRegularOutput' }));
			await openNode();
			const output = page.getByTestId('output-panel');
			expect(await output.getByText(bad).count()).toBe(0);
			await page.getByText('Execute previous nodes').click();
			await output.getByText(bad).waitFor();
			await page.getByTestId('node-execute-button').click();
			await output.getByText(bad).waitFor({ state: 'detached' });
		});

		it.each([
			['plain', false],
			['aes', true],
		])('the next node is offered the fields of %s', async (operation, hasOrder) => {
			await openWorkflow(withoutRun({ operation }));
			await openNode('Output 0');
			const fields = page.getByTestId('ndv-input-panel');
			await fields.getByText('Usually outputs the following fields').waitFor();
			const offered = (await fields.innerText()).split('\n');
			expect(offered).toEqual(expect.arrayContaining(['route', 'mobileStatus_advice']));
			expect(offered.includes('mobileStatus_orderid')).toBe(hasOrder);
		});
	});
});

/** A short list, its check as a dry run, and a node for each thing to do with a row. */
function tour(): WorkflowFile {
	const phones = [
		...['13800138000', '+86 139 0013 8001', '150-0013-8007', '手机：18600138005'],
		...['138 0013 8000', '(177)00138002', '8613500138008', '189 0013 8009'],
	];
	const rows = phones.map((phone, index) => ({ name: `客户0${index + 1}`, phone }));
	const jsCode = `return ${JSON.stringify(rows)};`;
	const ends = ['Keep', 'Recheck', 'Remove', 'Review'];
	const options = { dryRun: true, pricePerQuery: 0.05 };
	const places: Array<[INode, number, number]> = [
		[node('By Hand', 'n8n-nodes-base.manualTrigger'), 0, 192],
		[node('Contacts', 'n8n-nodes-base.code', { jsCode }, { typeVersion: 2 }), 160, 192],
		[juhe(NODE, { splitOutputs: true, options }), 320, 128],
		...ends.map((end, index): [INode, number, number] => [
			node(end, 'n8n-nodes-base.noOp'),
			672,
			index * 128,
		]),
	];
	const nodes = places.map(([each, x, y]): INode => ({ ...each, position: [x, y] }));
	const wayOf = ['Keep', 'Recheck', 'Recheck', 'Remove', 'Recheck', 'Review'];
	return wired('Tour', nodes, [
		['By Hand', 'Contacts'],
		['Contacts', NODE],
		...wayOf.map((end, output): Link => [NODE, end, { output }]),
	]);
}

/** A list of a number and a cell without one, made by nodes of the workflow. */
function smallList(parameters: INodeParameters, more: Partial<INode>): WorkflowFile {
	const file = wired(
		`Small list, ${JSON.stringify(parameters)}`,
		[
			node('By Hand', 'n8n-nodes-base.manualTrigger'),
			set('List', JSON.stringify({ rows: [{ phone: '13800138000' }, { phone: 'none' }] })),
			node('Rows', 'n8n-nodes-base.splitOut', { fieldToSplitOut: 'rows', options: {} }),
			juhe(NODE, parameters, more),
		],
		[
			['By Hand', 'List'],
			['List', 'Rows'],
			['Rows', NODE],
		],
	);
	const nodes = file.nodes.map((each, index) => ({
		...each,
		position: [index * 200, 0] as [number, number],
	}));
	return { ...file, nodes };
}

/** Takes the results out of the list of the scheduled example, which other tests have checked. */
async function makeRowsDue(): Promise<void> {
	const table = await dataTable(world.n8n, 'juhe_contacts');
	await table.fill((await table.read()).map(({ name, phone }) => ({ name, phone })));
}

/** The scheduled part of the saved example, with the options that the picture shows. */
async function scheduledPart(id: string): Promise<IDataObject> {
	const { data: saved } = await world.n8n.api<{ data: WorkflowFile & { versionId: string } }>(
		'GET',
		`/rest/workflows/${id}`,
	);
	const options = {
		pricePerQuery: 0.05,
		recheckAfter: { days: { keep: 30, recheck: 7, remove: 180, review: 7 } },
		reuseResults: true,
	};
	const names = new Set<string>();
	const follow = (name: string): void => {
		if (names.has(name)) return;
		names.add(name);
		for (const { node } of saved.connections[name]?.main?.flatMap((to) => to ?? []) ?? []) {
			follow(node);
		}
	};
	follow('Every Morning');
	const nodes = saved.nodes
		.filter(({ name }) => names.has(name))
		.map((each) =>
			each.name === NODE ? { ...each, parameters: { ...each.parameters, options } } : each,
		);
	const connections = Object.fromEntries(
		Object.entries(saved.connections).filter(([name]) => names.has(name)),
	);
	return { nodes, connections, versionId: saved.versionId } as unknown as IDataObject;
}

/** The example that sends batches, with the other half of the pair published behind its address. */
async function withBatchWorker(file: WorkflowFile): Promise<WorkflowFile> {
	const { n8n, credential } = world;
	const name = 'Juhe batch key';
	const key = { name: 'x-batch-key', value: 'a long random value' };
	const httpHeaderAuth = { id: await n8n.createCredential(name, key, 'httpHeaderAuth'), name };
	const withKey = ({ nodes, ...rest }: WorkflowFile): WorkflowFile => ({
		...rest,
		nodes: nodes.map((node) =>
			node.credentials?.httpHeaderAuth ? { ...node, credentials: { httpHeaderAuth } } : node,
		),
	});
	await n8n.activate(await n8n.importWorkflow(withKey(exampleOf('batch-worker')), credential));
	const { nodes, ...rest } = withKey(file);
	const url = `${n8n.url}/webhook/juhe-batch`;
	return {
		...rest,
		nodes: nodes.map((node) =>
			node.name === 'Check Batch' ? { ...node, parameters: { ...node.parameters, url } } : node,
		),
	};
}

/** The node between rows and a next node, in a workflow that nobody has run. */
function withoutRun(parameters: INodeParameters): WorkflowFile {
	const file = workflowOf(`Not run, ${JSON.stringify(parameters)}`, [], parameters);
	const nodes = file.nodes.map((node, index) => ({
		...node,
		name: node.name === 'Juhe' ? NODE : node.name,
		position: [index * 200, 0] as [number, number],
	}));
	const connections = JSON.parse(
		JSON.stringify(file.connections).replaceAll('"Juhe"', `"${NODE}"`),
	) as WorkflowFile['connections'];
	return { ...file, nodes, connections };
}

async function signIn(colorScheme: 'light' | 'dark'): Promise<void> {
	page = await browser.newPage({ viewport: VIEWPORT, deviceScaleFactor: 1.5, colorScheme });
	await signInto(page, world.n8n);
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
async function openNode(name = NODE): Promise<void> {
	await onCanvas(name).getByTestId('canvas-default-node').dblclick();
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

/** The boxes of the elements that are to be seen. */
async function boxesOf(selector: string) {
	const all = await page.locator(selector).all();
	return (await Promise.all(all.map((each) => each.boundingBox()))).flatMap((box) => box ?? []);
}

/** Pictures what is on the canvas. */
async function shootCanvas(name: string, scale = 1): Promise<void> {
	const nodes = await boxesOf('.vue-flow__node');
	// A loop's way back runs below its nodes.
	const edges = await boxesOf('.vue-flow__edge');
	const all = [...nodes, ...edges];
	const x = Math.min(...all.map((box) => box.x)) - 40;
	const y = Math.min(...all.map((box) => box.y)) - 8;
	// A label hangs below its node and is wider.
	const width = Math.max(...all.map((box) => box.x + box.width)) + 64 - x;
	const bottoms = [
		...nodes.map((box) => box.y + box.height + 50),
		...edges.map((box) => box.y + box.height + 16),
	];
	const height = Math.max(...bottoms) - y;
	await take(name, { x, y, width, height }, scale);
}

/** Pictures an element. */
async function shoot(name: string, element: Locator): Promise<void> {
	await take(name, (await element.boundingBox())!);
}

interface Clip {
	x: number;
	y: number;
	width: number;
	height: number;
}

async function take(name: string, clip: Clip, scale?: number): Promise<void> {
	if (process.env.JUHE_SCREENSHOTS) save(name, await picture(clip, scale));
}

function save(name: string, data: Buffer): void {
	const folder = process.env.JUHE_SCREENSHOTS;
	if (folder) writeFileSync(join(folder, `${name}.webp`), data);
}

async function picture(clip: Clip, scale = 1): Promise<Buffer> {
	// What the mouse is over shows its buttons.
	await page.mouse.move(0, 0);
	const overlays = ['canvas-controls', 'floating-nodes'];
	const hidden = await page.addStyleTag({
		content: [
			...overlays.map((id) => `[data-test-id=${id}] { display: none }`),
			'[class*=executionButtons] { display: none }',
			'* { transition: none !important }',
		].join('\n'),
	});
	// Playwright makes PNG and JPEG only; WebP takes a third of a PNG.
	const protocol = await page.context().newCDPSession(page);
	const { data } = await protocol.send('Page.captureScreenshot', {
		format: 'webp',
		quality: 90,
		clip: { ...clip, scale },
	});
	await protocol.detach();
	await hidden.evaluate((style: { remove: () => void }) => style.remove());
	return Buffer.from(data, 'base64');
}
