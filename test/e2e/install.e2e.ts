/** The package goes in and out of n8n by its name, as users do it under Settings → Community nodes. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

import { name, version } from '../../package.json';
import { packTarball } from '../../scripts/real-n8n';
import { lastTry, runByWebhook, startWorld, workflowOf, type World } from './world';

const PACKAGES = '/rest/community-packages';
let folder: string;
let tarball: string;
let world: World;

beforeAll(async () => {
	tarball = await packTarball();
	folder = await mkdtemp(join(tmpdir(), 'juhe-npm-'));
	// n8n calls npm to look for the version and to fetch the package; all else is left to npm itself.
	const npm = `#!/bin/sh
case "$1" in
	view) echo '"${version}"' ;;
	pack) cp '${tarball}' package.tgz && echo package.tgz ;;
	*) PATH='${process.env.PATH}' exec npm "$@" ;;
esac
`;
	await writeFile(join(folder, 'npm'), npm);
	await chmod(join(folder, 'npm'), 0o755);
	world = await startWorld({ PATH: `${folder}${delimiter}${process.env.PATH}` });
});
afterAll(async () => {
	await world.stop();
	for (const each of [folder, dirname(tarball)]) await rm(each, { recursive: true, force: true });
});

const isKnown = async () =>
	(await world.n8n.api<Array<{ name: string }>>('GET', '/types/nodes.json')).some(
		(type) => type.name === 'n8n-nodes-juhe.juheMobileStatus',
	);

test('the node works after the installation, and is gone after the removal', async () => {
	const { n8n } = world;
	// The tests' own copy makes room.
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
