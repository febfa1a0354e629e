// The page of a payment in the demo shop: a state machine whose events are buttons, the illegal ones too.
// SHOP_SCREENSHOTS=1 renews its pictures.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { findProgram } from '../../scripts/prepare.mjs';
import { root } from '../../scripts/step.mjs';
import { eventually } from '../support/eventually.mjs';
import { startRedis } from '../support/redis.mjs';
import { openShop } from '../support/shop.mjs';

const executablePath = findProgram('chromium');
const skip = !executablePath && !process.env.CI && 'Chromium is not installed';
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const DESKTOP = { width: 1280, height: 640 };
const SCREENS = [
  { screen: 'desktop', viewport: DESKTOP },
  { screen: 'phone', viewport: { width: 390, height: 844 } },
];

const current = (page, state) => page.locator(`.diagram [data-current][data-state=${state}]`);
const answers = (page, type) => page.locator(`[data-answer=${type}]`);
const taken = (page) => page.locator('.edge:is(.good, .bad)').evaluateAll((edges) => edges.map((e) => e.dataset.edge));
const steps = (page) => page.locator('.steps li span').allTextContents();
const send = (page, event) => page.getByRole('button', { name: event, exact: true }).click();

/** A new order, made by the button. Pressed again soon after an order has come, it means that order: a double click. */
async function newOrder(page) {
  const before = page.url();
  await eventually(
    async () => {
      await page.getByRole('button', { name: 'New order' }).click();
      await page.waitForURL((url) => url.href !== before && url.pathname.endsWith('/payment'), { timeout: 2_000 });
      return true;
    },
    { withinMs: 30_000, everyMs: 500, what: 'another order' },
  );
  await current(page, 'requested').waitFor();
}

/** Sends an event that is refused, and resolves to the names and values that the page shows of the refusal. */
async function refusalOf(page, event) {
  await send(page, event);
  const refusal = answers(page, 'refused');
  await refusal.filter({ hasText: `Event${event}` }).waitFor();
  assert.match(await refusal.textContent(), /ERR_INVALID_TRANSITION/);
  const values = await refusal.locator('dd').allTextContents();
  const names = await refusal.locator('dt').allTextContents();
  return Object.fromEntries(names.map((name, index) => [name, values[index]]));
}

async function openPayment(env) {
  assert.ok(executablePath, 'Chromium is not installed');
  const shop = await openShop(executablePath, { ...process.env, ...env });
  await shop.setNetwork('normal');
  await shop.page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await shop.page.getByRole('link', { name: 'a state machine' }).click();
  await shop.page.waitForURL('**/orders');
  return shop;
}

async function twoAtOnce(page) {
  await newOrder(page);
  await send(page, 'PROCESS twice at once');
  await answers(page, 'moved').waitFor();
  await answers(page, 'refused').waitFor();
  assert.equal(await page.locator('[data-answer]').count(), 2);
  assert.match(await answers(page, 'refused').textContent(), /Fromprocessing.*EventPROCESS.*AllowedCOMPLETE, FAIL/);
  await current(page, 'processing').waitFor();
  await eventually(async () => (await steps(page)).length === 2, { what: 'the history of one move' });
}

describe('the page of a payment', { skip, timeout: 480_000 }, () => {
  let shop;
  let page;

  before(async () => {
    shop = await openPayment({});
    page = shop.page;
  });
  after(() => shop?.close());

  test('every event of the machine is drawn, and its timer', async () => {
    const drawn = await page.locator('.edge').evaluateAll((edges) => edges.map((edge) => edge.dataset.edge));
    assert.deepEqual(drawn.sort(), [
      'failed RETRY',
      'processing COMPLETE',
      'processing FAIL',
      'processing after',
      'requested CANCEL',
      'requested PROCESS',
    ]);
    assert.equal(await page.locator('.state').count(), 5);
    assert.equal(await page.locator('.state.current').count(), 0);
  });

  test('a legal event lights the next state and marks the way there; the seconds left are counted down', async () => {
    await newOrder(page);
    await send(page, 'PROCESS');
    await current(page, 'processing').waitFor();
    assert.equal(await page.locator('.state.current').count(), 1, 'one state at a time');
    assert.equal(await page.locator('.diagram > title').textContent(), 'The payment is processing');
    assert.match(
      await answers(page, 'moved').textContent(),
      /Moved.*Fromrequested.*EventPROCESS.*Toprocessing.*Version2/,
    );
    assert.deepEqual(await taken(page), ['requested PROCESS']);
    assert.deepEqual(await steps(page), ['PROCESS requested → processing', 'created requested']);
    const left = async () => Number(/Time left(\d+) s/.exec(await page.locator('.payment').textContent())?.[1]);
    const first = await left();
    assert.ok(first > 40 && first <= 60, `${first} s left of 60`);
    await eventually(async () => (await left()) < first, { what: 'a second' });
  });

  test('an illegal event is refused with from, event and the allowed ones, and nothing has changed', async () => {
    const refusal = await refusalOf(page, 'PROCESS');
    assert.deepEqual(refusal, { From: 'processing', Event: 'PROCESS', Allowed: 'COMPLETE, FAIL' });
    assert.equal(await current(page, 'processing').count(), 1);
    assert.equal((await steps(page)).length, 2);
  });

  test('PROCESS twice at once: one moves, one is refused', () => twoAtOnce(page));

  for (const colorScheme of ['light', 'dark']) {
    for (const { screen, viewport } of SCREENS) {
      test(`axe finds nothing to improve in both answers, ${colorScheme}, on a ${screen}`, async () => {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize(viewport);
        if (process.env.SHOP_SCREENSHOTS === '1') {
          const name = ['payment', screen === 'phone' && 'phone', colorScheme === 'dark' && 'dark'].filter(Boolean);
          const file = path.join(root, 'examples/shop/screenshots', `${name.join('-')}.png`);
          await page.screenshot({ path: file, fullPage: true });
        }
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
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize(DESKTOP);
  });

  test('S74 a completed payment has the charge with it, and refuses every event: nothing is allowed', async () => {
    await newOrder(page);
    await send(page, 'PROCESS');
    await current(page, 'processing').waitFor();
    await send(page, 'COMPLETE');
    await current(page, 'completed').waitFor();
    assert.match(await page.locator('.payment').textContent(), /Version3.*Time left–.*Amount€19\.00.*Chargech_\w{8}/);
    for (const event of ['PROCESS', 'CANCEL', 'COMPLETE', 'FAIL', 'RETRY']) {
      const refusal = await refusalOf(page, event);
      assert.deepEqual(refusal, { From: 'completed', Event: event, Allowed: 'none: it is final' });
    }
    assert.equal((await steps(page)).length, 3);
  });

  test('S71 the answer is lost and Chromium sends the event again: the payment moves once, and is told so', async () => {
    await newOrder(page);
    const set = (mode) => page.evaluate((body) => fetch('/network', { method: 'PUT', body }).then((r) => r.ok), mode);
    assert.ok(await set('drop'));
    await send(page, 'PROCESS');
    await answers(page, 'moved').filter({ hasText: 'the repetition got the same result' }).waitFor();
    await current(page, 'processing').waitFor();
    assert.equal((await steps(page)).length, 2);
    assert.ok(await set('normal'));
  });

  test('without JavaScript an order is made, an event moves it, and the refusal of another is shown', async () => {
    const tab = await shop.open({ javaScriptEnabled: false });
    await tab.goto(new URL('/orders', tab.url()).href);
    await newOrder(tab);
    await send(tab, 'PROCESS');
    await current(tab, 'processing').waitFor();
    assert.equal((await refusalOf(tab, 'RETRY')).Allowed, 'COMPLETE, FAIL');
    await tab.context().close();
  });
});

describe('the page of a payment whose time is short, on Redis', { skip, timeout: 480_000 }, () => {
  let server;
  let shop;
  let page;

  before(async () => {
    server = await startRedis({ listen: 'tcp' });
    shop = await openPayment({ ACTONCE_URL: server.url, PAYMENT_PROCESSING_MS: '4000' });
    page = shop.page;
  });
  after(async () => {
    await shop?.close();
    await server?.stop();
  });

  test('PROCESS twice at once: one moves, one is refused', () => twoAtOnce(page));

  test('when the time has run out the page shows failed, and RETRY leads on', async () => {
    await newOrder(page);
    await send(page, 'PROCESS');
    await current(page, 'processing').waitFor();
    await current(page, 'failed').waitFor();
    assert.deepEqual(await taken(page), ['requested PROCESS', 'processing after']);
    assert.equal((await steps(page))[0], 'time ran out processing → failed');
    const refusal = await refusalOf(page, 'COMPLETE');
    assert.deepEqual(refusal, { From: 'failed', Event: 'COMPLETE', Allowed: 'RETRY' });
    await send(page, 'RETRY');
    await current(page, 'processing').waitFor();
    assert.ok((await taken(page)).includes('failed RETRY'));
  });
});
