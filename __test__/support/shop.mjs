// A customer of the demo shop: a Chromium on its page, and an eye on the ledgers that shop and provider keep on disk.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { startShop } from '../../examples/shop/run.mjs';
import { prepareShop } from '../../scripts/shop.mjs';
import { launchBrowser } from './browser.mjs';
import { eventually } from './eventually.mjs';
import { temporaryFolder } from './folder.mjs';
import { dieWithUs, hasEnded } from './reaper.mjs';

const PATIENCE_MS = 60_000;

let prepared; // once for all suites of a process

/** @param executablePath of Chromium @param env for the shop: REDIS_URL puts both lanes on Redis */
export async function openShop(executablePath, env = process.env) {
  prepared ??= prepareShop();
  await prepared;
  let printed = '';
  const print = (text) => {
    printed += text;
  };
  const shop = await startShop({ port: 0, folder: temporaryFolder('shop'), env, print });
  shop.pids.forEach(dieWithUs);
  const browser = await launchBrowser(executablePath); // a fresh profile each time
  const hydrated = (opened) => opened.locator('.network fieldset:enabled').waitFor();

  /** The shop in a tab of a new visitor. @param options of Playwright's `newPage` */
  async function open(options = {}) {
    const opened = await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options });
    opened.setDefaultTimeout(PATIENCE_MS);
    await opened.goto(shop.url);
    if (options.javaScriptEnabled !== false) await hydrated(opened);
    return opened;
  }
  const page = await open();

  const patiently = (what, condition) => eventually(condition, { withinMs: PATIENCE_MS, everyMs: 50, what });
  const lane = (name) => page.locator(`section.lane[data-lane=${name}]`);
  const lines = (name) => {
    const file = path.join(shop.folder, `${name}.jsonl`);
    const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  };

  return {
    page,
    open,

    /** What the shop has printed on its terminal. */
    printed: () => printed,

    async reload() {
      await page.reload();
      await hydrated(page);
    },

    async setNetwork(mode) {
      const radio = page.locator(`input[value=${mode}]`);
      if (await radio.isChecked()) return;
      const set = page.waitForResponse((response) => response.request().method() === 'PUT');
      await radio.check();
      assert.equal((await set).status(), 200);
    },

    /**
     * Clicks once, and resolves to the idempotency key that the browser sent. Within two seconds of its outcome the same
     * cart again would count as a double click: different orders are of different `bags`.
     */
    async placeOrder(name, bags = 1) {
      await lane(name).locator('input[name=bags]').fill(String(bags));
      const sent = page.waitForRequest((request) => request.method() === 'POST');
      await lane(name).locator('button').click();
      return /idempotency-key"\s+([\w-]+)/.exec((await sent).postData())[1];
    },

    /** Resolves once the page shows the order that this charge paid for. */
    orderShown(charge) {
      return page.locator('.receipt', { hasText: charge }).waitFor();
    },

    refusalShown(name) {
      return lane(name).locator('.refusal', { hasText: 'already_processed' }).waitFor();
    },

    /** Resolves once this many requests have been dealt with, to what came of each, the runs first. */
    async outcomes(key, count) {
      const found = () => lines('attempts').filter((attempt) => attempt.key === key);
      await patiently(`${count} requests with one key`, () => found().length >= count);
      const names = found().map(({ outcome }) => outcome);
      return names.sort((one, other) => Number(other === 'executed') - Number(one === 'executed'));
    },

    /** The ids of the charges that the provider's ledger holds for this key. */
    charges(name, key) {
      const made = lines('charges').filter(({ reference }) => reference === `${name}/${key}`);
      return made.map(({ id }) => id);
    },

    /** Resolves once the page's own ledger lists these charges for this key, and no others. */
    chargesShown(name, key, ids) {
      const shown = lane(name).locator(`tr[data-key="${key}"] td:last-child li code`);
      return patiently('the charges on the page', async () => {
        return JSON.stringify(await shown.allTextContents()) === JSON.stringify(ids);
      });
    },

    async close() {
      await browser.close();
      await shop.stop();
      shop.pids.forEach(hasEnded);
    },
  };
}
