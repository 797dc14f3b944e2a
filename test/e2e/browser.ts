/** Headless Chromium: $CHROMIUM, or Debian's. */
import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';

import type { N8nClient } from '../../scripts/n8n-client';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** False where there is no Chromium: tests that need one are skipped. */
export const hasBrowser = existsSync(CHROMIUM);

export async function startBrowser(): Promise<Browser> {
	const args = ['--no-sandbox', '--disable-gpu'];
	return await chromium.launch({ executablePath: CHROMIUM, args });
}

/** Signs the owner in to n8n's editor. */
export async function signInto(page: Page, { url, owner }: N8nClient): Promise<void> {
	await page.goto(`${url}/signin`);
	await page.fill('input[name=emailOrLdapLoginId]', owner.email);
	await page.fill('input[name=password]', owner.password);
	await page.keyboard.press('Enter');
	await page.waitForURL(/\/home\//);
}
