// Debian's Chromium, driven by puppeteer-core: a browser for all tests of a run, a page of its own for each.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const kSource = new URL('../../', import.meta.url).pathname;
export const kPageFolder = join(kSource, 'supervisor/admin/page');
const kPackages = join(kSource, '.cache/browser/node_modules');
const kChromium = '/usr/bin/chromium';

/// Why the tests cannot run here; null: they can.
export function missing() {
  if (!existsSync(kChromium)) return `${kChromium} is not there (script/bootstrap programs)`;
  if (!existsSync(join(kPackages, 'puppeteer-core')) || !existsSync(join(kPackages, 'axe-core'))) return 'script/node-packages has not been run';
  return null;
}

const requireHere = createRequire(join(kPackages, 'any.js'));
export const axePath = () => requireHere.resolve('axe-core/axe.min.js');

export async function launch() {
  const puppeteer = requireHere('puppeteer-core');
  const profile = mkdtempSync(join(tmpdir(), 'browser-test-'));
  const browser = await puppeteer.launch({
    executablePath: kChromium, headless: true, userDataDir: profile,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
      '--disable-sync', '--disable-extensions', '--hide-scrollbars', '--force-device-scale-factor=1'],
  });
  return { browser, close: async () => { await browser.close(); rmSync(profile, { recursive: true, force: true, maxRetries: 5 }); } };
}

/// A page, and what it complained of: console errors, exceptions, violations of the policy.
export async function openPage(browser, url, { width = 1280, height = 900, scheme = 'light', motion = 'no-preference' } = {}) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => { if (['error', 'warn'].includes(message.type())) complaints.push(`${message.text()} ${message.location().url ?? ''}`); });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => { if (!request.url().startsWith(url) && !request.url().startsWith('data:')) complaints.push(`asks ${request.url()}`); });
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: motion }]);
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  return { page, complaints, close: () => context.close() };
}

/// Waits until `holds` is true; fails with what the last attempt said.
export async function eventually(what, holds, limit = 5000) {
  const end = Date.now() + limit;
  let last;
  do {
    try {
      if (await holds()) return;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => { setTimeout(resolve, 25); });
  } while (Date.now() < end);
  throw new Error(`not within ${limit} ms: ${what}${last ? ` (${last.message})` : ''}`);
}

export const textOf = (page, selector) => page.$eval(selector, (node) => node.innerText);
