/** The package goes in and out of n8n by its name: under Settings → Community nodes, and by n8n's environment. */
import { createHash } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';

import { name, version } from '../../package.json';
import { packTarball } from '../../scripts/real-n8n';
import { ownIt } from './ownIt';
import { lastTry, runByWebhook, startWorld, workflowOf, type World } from './world';

const PACKAGES = '/rest/community-packages';
const VERIFIED_ONLY = { N8N_UNVERIFIED_PACKAGES_ENABLED: 'false' };
/** n8n starts with these packages, and with no others. */
const declared = (...packages: object[]) => ({
	N8N_COMMUNITY_PACKAGES_MANAGED_BY_ENV: 'true',
	N8N_COMMUNITY_PACKAGES: JSON.stringify(packages),
});

let folder: string;
let tarball: string;
let checksum: string;
let world: World;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), 'juhe-npm-'));
	tarball = await packTarball();
	checksum = `sha512-${createHash('sha512')
		.update(await readFile(tarball))
		.digest('base64')}`;
	// n8n asks npm for the version, the checksum and the package. They come from here, because no registry has it.
	const npm = `#!/bin/sh
PATH='${process.env.PATH}'
case "$1 $3" in
	'view dist.integrity') echo '"${checksum}"' ;;
	view*) echo '"${version}"' ;;
	pack*) cp '${tarball}' . && echo '${basename(tarball)}' ;;
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
	await rm(dirname(tarball), { recursive: true, force: true });
});

/** Starts n8n anew, without the package's files. */
async function restart(env: Record<string, string> = {}): Promise<void> {
	const n8n = world.own!;
	await n8n.kill();
	await rm(n8n.packageFolder, { recursive: true, force: true });
	n8n.logs = '';
	await n8n.start(env);
}

const isKnown = async () =>
	(await world.n8n.api<Array<{ name: string }>>('GET', '/types/nodes.json')).some(
		(type) => type.name === 'n8n-nodes-juhe.juheMobileStatus',
	);

ownIt('the node works after the installation, and is gone after the removal', async () => {
	const n8n = world.own!;
	// startWorld has unpacked a copy, which n8n's installer does not know.
	await restart();
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

ownIt(
	'what the environment names is installed by its checksum, and nothing else stays',
	async () => {
		const n8n = world.own!;
		const reinstall = { N8N_REINSTALL_MISSING_PACKAGES: 'true' };
		await restart(declared({ name, version, checksum: checksum.replace(/-./, '-?') }));
		expect(n8n.logs).toContain('Failed to verify package checksum');
		expect(await isKnown()).toBe(false);

		await restart(declared({ name, version, checksum }));
		expect(n8n.logs).toContain(`Installed community package '${name}@${version}' from env`);
		expect(await isKnown()).toBe(true);
		await expect(n8n.api('DELETE', `${PACKAGES}?name=${name}`)).rejects.toThrow(
			'managed via environment variables',
		);

		// The database knows the package, its files are lost: a container without a volume.
		await restart(declared({ name, version, checksum }));
		expect(await isKnown()).toBe(false);
		await restart({ ...declared({ name, version, checksum }), ...reinstall });
		expect(await isKnown()).toBe(true);

		await restart(declared());
		expect(n8n.logs).toContain(`Removed community package '${name}'`);
		expect(await isKnown()).toBe(false);
	},
);

ownIt('where n8n takes verified packages alone, the checksum lets this one in', async () => {
	const n8n = world.own!;
	await restart(VERIFIED_ONLY);
	await expect(n8n.api('POST', PACKAGES, { name })).rejects.toThrow(
		'Installation of unverified community packages is forbidden',
	);
	await expect(restart({ ...VERIFIED_ONLY, ...declared({ name, version }) })).rejects.toThrow();
	expect(n8n.logs).toContain(`no checksum available for '${name}@${version}'`);

	await restart({ ...VERIFIED_ONLY, ...declared({ name, version, checksum }) });
	expect(await isKnown()).toBe(true);
	// What is installed stays loaded. n8n 3.0 is to change that.
	await n8n.kill();
	await n8n.start(VERIFIED_ONLY);
	expect(await isKnown()).toBe(true);
});
