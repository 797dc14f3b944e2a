/** The package goes in and out of n8n by its name, as users do it under Settings → Community nodes. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { name, version } from '../../package.json';
import { lastTry, runByWebhook, startWorld, workflowOf, type World } from './world';

const PACKAGES = '/rest/community-packages';
let folder: string;
let world: World;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), 'juhe-npm-'));
	// n8n asks npm for the version and for the package. The package comes from here, because no registry has it.
	const npm = `#!/bin/sh
PATH='${process.env.PATH}'
case "$1" in
	view) echo '"${version}"' ;;
	pack) exec npm pack --quiet '${join(__dirname, '../..')}' ;;
	*) exec npm "$@" ;;
esac
`;
	await writeFile(join(folder, 'npm'), npm);
	await chmod(join(folder, 'npm'), 0o755);
	world = await startWorld({ PATH: `${folder}${delimiter}${process.env.PATH}` });
});
afterAll(async () => {
	await world.stop();
	await rm(folder, { recursive: true, force: true });
});

const isKnown = async () =>
	(await world.n8n.api<Array<{ name: string }>>('GET', '/types/nodes.json')).some(
		(type) => type.name === 'n8n-nodes-juhe.juheMobileStatus',
	);

test('the node works after the installation, and is gone after the removal', async () => {
	const { n8n } = world;
	// startWorld has unpacked a copy, which n8n's installer does not know.
	await n8n.kill();
	await rm(n8n.packageFolder, { recursive: true });
	await n8n.start();
	expect(await isKnown()).toBe(false);

	const { data } = await n8n.api<{ data: object }>('POST', PACKAGES, { name });
	expect(data).toMatchObject({
		packageName: name,
		installedVersion: version,
		installedNodes: [{ name: 'Juhe Mobile Status', type: 'n8n-nodes-juhe.juheMobileStatus' }],
	});
	expect(await isKnown()).toBe(true);
	const rows = [{ phone: '138-0013-8007' }];
	const ran = await runByWebhook(world, workflowOf('installed', rows, { operation: 'rsa' }), rows);
	expect(lastTry(ran, 'Juhe').outputs[0]).toMatchObject([{ json: { route: 'notOnNetwork' } }]);

	await n8n.api('DELETE', `${PACKAGES}?name=${name}`);
	expect(await isKnown()).toBe(false);
});
