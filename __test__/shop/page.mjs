// The page of the demo shop: for whoever uses it, by whatever means, on whatever screen. SHOP_SCREENSHOTS=1 renews the
// pictures of the READMEs.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { findProgram } from '../../scripts/prepare.mjs';
import { root } from '../../scripts/step.mjs';
import { openShop } from '../support/shop.mjs';

const executablePath = findProgram('chromium');
const skip = !executablePath && !process.env.CI && 'Chromium is not installed';
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
/** Long enough to look at the page while an order is paid. */
const PAYMENT_MS = 2_000;
const DESKTOP = { width: 1280, height: 800 };
const SCREENS = [
  { screen: 'desktop', viewport: DESKTOP, pictured: 'drop' },
  { screen: 'phone', viewport: { width: 390, height: 844 }, pictured: 'phone' },
];

const section = (page, lane) => page.locator(`section.lane[data-lane=${lane}]`);
const verdict = (page, lane, text) => section(page, lane).locator('.verdict', { hasText: text });
const current = (page, lane) => section(page, lane).locator('.diagram [data-current]');
const counts = (page, lane) => section(page, lane).locator('.stations .count').allTextContents();
const focused = (page, selector) => page.evaluate((which) => document.activeElement.matches(which), selector);

/** Where the parts of the lanes are. */
function places(page) {
  return page.evaluate(() => {
    const parts = document.querySelectorAll('.lane button, .screen, .stations, .verdict, .memory, .ledger');
    return [...parts].map((part) => {
      const { left, top } = part.getBoundingClientRect();
      return [part.className, Math.round(left), Math.round(top + scrollY)];
    });
  });
}

async function picture(page, name, options) {
  if (process.env.SHOP_SCREENSHOTS !== '1') return;
  await page.screenshot({ path: path.join(root, 'examples/shop/screenshots', `${name}.png`), ...options });
}

describe('the page of the shop', { skip, timeout: 480_000 }, () => {
  let shop;
  let page;

  before(async () => {
    assert.ok(executablePath, 'Chromium is not installed');
    shop = await openShop(executablePath, { ...process.env, PROVIDER_PAYMENT_MS: String(PAYMENT_MS) });
    page = shop.page;
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  });
  after(() => shop?.close());

  test('one press of "Watch" clicks once on each side: two POSTs each, two charges and one, and nothing moves', async () => {
    const before = await places(page);
    await page.getByRole('button', { name: 'Watch' }).click();
    await page.locator('.receipt[data-lane=naive]').waitFor();
    assert.deepEqual(await places(page), before);
    await verdict(page, 'naive', 'Charged twice').waitFor();
    await verdict(page, 'actonce', 'Charged once. The repetition got the same result').waitFor();
    assert.deepEqual(await counts(page, 'naive'), ['1', '2', '2', '2']);
    assert.deepEqual(await counts(page, 'actonce'), ['1', '2', '1', '1']);
    const posts = section(page, 'actonce').locator('.posts li');
    assert.match(await posts.nth(0).textContent(), /^POST 1 by your click: ✕ answer lost$/);
    assert.match(await posts.nth(1).textContent(), /^POST 2 by Chromium itself: ✓ answered$/);
    await page.locator('.receipt[data-lane=actonce]').waitFor();
    assert.deepEqual(await places(page), before);
    await page.mouse.move(0, 0);
  });

  for (const colorScheme of ['light', 'dark']) {
    for (const { screen, viewport, pictured } of SCREENS) {
      test(`axe finds nothing to improve, ${colorScheme}, on a ${screen}`, async () => {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize(viewport);
        await page.evaluate(() => scrollTo(0, 0));
        await picture(page, colorScheme === 'dark' ? `${pictured}-dark` : pictured, { fullPage: screen === 'desktop' });
        await page.addScriptTag({ path: axe });
        const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
        assert.deepEqual(found, []);
        assert.ok(
          passes.some(({ id }) => id === 'color-contrast'),
          'contrast was looked at',
        );
      });
    }
  }

  test('on a screen of 320 pixels nothing has to be scrolled sideways', async () => {
    await page.setViewportSize({ width: 320, height: 640 });
    const [needed, there] = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return [scrollWidth, clientWidth];
    });
    assert.ok(needed <= there, `${needed} pixels are needed, ${there} are there`);
  });

  test('the diagram shows processing while an order is paid, and completed after it', async () => {
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize(DESKTOP);
    await shop.setNetwork('normal');
    await shop.placeOrder('actonce', 2);
    await section(page, 'actonce').locator('.diagram [data-current][data-state=processing]').waitFor();
    assert.equal(await section(page, 'actonce').locator('.diagram > title').textContent(), 'The record is processing');
    assert.match(await section(page, 'actonce').locator('.facts').textContent(), /Lease left\d+\.\d s/);
    await section(page, 'actonce').locator('.diagram [data-current][data-state=completed]').waitFor();
    assert.equal(await current(page, 'actonce').count(), 1, 'one state at a time');
    await verdict(page, 'actonce', 'Charged once').waitFor();
  });

  test('the lock is shown while an order is paid, and gone after it', async () => {
    await shop.placeOrder('naive', 3);
    await section(page, 'naive').locator('.diagram [data-current][data-state=PROCESSING]').waitFor();
    await section(page, 'naive').locator('.diagram [data-current][data-state="no lock"]').waitFor();
    await section(page, 'naive').getByText('would run, and charge again').waitFor();
  });

  test('the keyboard alone switches the network and places an order, and shows where it is', async () => {
    const tab = await shop.open();
    const tabTo = async (selector) => {
      for (let presses = 0; presses < 20; presses++) {
        await tab.keyboard.press('Tab');
        if (await focused(tab, selector)) return;
      }
      assert.fail(`Tab never came to ${selector}`);
    };
    await tabTo('input[name=network]');
    const set = tab.waitForResponse((response) => response.request().method() === 'PUT');
    await tab.keyboard.press('ArrowRight');
    await set;
    assert.ok(await tab.locator('input[value=drop]').isChecked());
    await tabTo('[data-lane=actonce] input[name=bags]');
    await tab.keyboard.press('ArrowUp');
    await tabTo('[data-lane=actonce] button');
    const outline = await tab.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(outline, 'solid');
    await tab.keyboard.press('Enter');
    await tab.locator('.receipt[data-lane=actonce]', { hasText: '2 kg' }).waitFor();
    await verdict(tab, 'actonce', 'Charged once').waitFor();
    await tab.context().close();
  });

  test('without JavaScript the page is whole, and an order whose answer is lost is charged once, naively twice', async () => {
    await shop.setNetwork('drop');
    const tab = await shop.open({ javaScriptEnabled: false });
    await tab.locator('noscript p', { hasText: 'need JavaScript' }).waitFor();
    for (const [lane, charges] of [
      ['naive', 2],
      ['actonce', 1],
    ]) {
      const key = await section(tab, lane).locator('input[name=idempotency-key]').inputValue();
      await section(tab, lane).locator('button').click();
      await tab.locator(`.receipt[data-lane=${lane}]`).waitFor();
      assert.equal(shop.charges(lane, key).length, charges, lane);
      assert.equal((await shop.outcomes(key, 2)).length, 2, `${lane}: the POST came twice`);
      await verdict(tab, lane, charges === 1 ? 'Charged once' : 'Charged twice').waitFor();
    }
    assert.equal(await current(tab, 'actonce').getAttribute('data-state'), 'completed');
    await tab.context().close();
  });
});
