// docs/recipes/use-action-state.md and next-safe-action.md, in a running Next and Chromium.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { hydrated, launchBrowser } from '../support/browser.mjs';
import { fieldsOf, NextApp } from '../support/next-app.mjs';
import { redis } from '../support/recipes.mjs';
import '../support/unhandled.mjs';

let app;
let server;
let browser;

before(async () => {
  app = await NextApp.prepare('recipes', { REDIS_URL: redis.url });
  await app.build();
  server = await app.start();
  browser = await launchBrowser();
});
after(async () => {
  await browser?.close();
  await app?.stop();
});
beforeEach(() => app.forget());

async function visit(t, path) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  await page.goto(server.url + path);
  await hydrated(page);
  return page;
}

const ran = () => app.ledger().filter((line) => line.ran);

describe('useActionState', () => {
  const submit = (page) => page.click('button[type=submit]');
  const alert = (page, text) => page.waitForSelector(`[role=alert]:has-text("${text}")`);

  it('a decline is shown, and shown again to a second click; another card is an order of its own', async (t) => {
    const page = await visit(t, '/checkout');
    await submit(page);
    await alert(page, 'declined');
    const again = page.waitForResponse((response) => response.request().method() === 'POST');
    await submit(page);
    await again;
    // React empties the form when it takes the answer in, and what was typed until then.
    await page.waitForSelector('button[type=submit]:enabled');
    assert.equal(ran().length, 1);
    await page.fill('input[name=card]', 'visa');
    await submit(page);
    await page.waitForSelector('#order');
    assert.deepEqual(
      ran().map(({ card }) => card),
      ['declined', 'visa'],
    );
  });

  it('what the schema refuses is shown and not recorded', async (t) => {
    const page = await visit(t, '/checkout');
    await page.fill('input[name=card]', 'visa');
    await page.fill('input[name=bags]', '0');
    await submit(page);
    await alert(page, 'at least one bag');
    assert.deepEqual(ran(), []);
    await page.fill('input[name=bags]', '2');
    await submit(page);
    await page.waitForSelector('#order');
    assert.deepEqual(
      ran().map(({ bags }) => bags),
      [2],
    );
  });

  it('without JavaScript the key comes from the page, and the same post gets the same redirect', async () => {
    const fields = fieldsOf(await (await fetch(`${server.url}/checkout`)).text());
    fields.set('card', 'visa');
    const post = (more = {}) =>
      fetch(`${server.url}/checkout`, {
        method: 'POST',
        body: fields,
        redirect: 'manual',
        headers: { origin: server.url, ...more },
      });
    const [first, second] = [await post(), await post()];
    assert.deepEqual([first.status, second.status], [303, 303]);
    assert.match(first.headers.get('location'), /\/orders\//);
    assert.equal(second.headers.get('location'), first.headers.get('location'));
    assert.equal(ran().length, 1);
    assert.match((await post({ cookie: 'user=nobody' })).headers.get('location'), /\/login$/);
  });
});

for (const way of ['inside', 'around']) {
  describe(`next-safe-action, actonce ${way} of it`, () => {
    const shown = (page, text) => page.waitForSelector(`p:has(#${way}) output:has-text('${text}')`);

    /** Presses the button, and gives the request that the browser sent, to be sent again. */
    async function press(page) {
      const sent = page.waitForRequest((request) => request.method() === 'POST');
      await page.click(`#${way}`);
      const request = await sent;
      const headers = { ...request.headers(), origin: server.url };
      const body = request.postDataBuffer();
      return () => fetch(request.url(), { method: 'POST', body, headers, redirect: 'manual' });
    }

    it('a request that comes again gets the first one’s result', async (t) => {
      const page = await visit(t, '/safe?bags=2');
      const again = await press(page);
      await shown(page, '{"data":{"ordered":2}}');
      assert.match(await (await again()).text(), /"data":\{"ordered":2\}/);
      assert.deepEqual(ran().length, 1);
    });

    it('a redirect is an outcome: it comes again, and nothing runs', async (t) => {
      const page = await visit(t, '/safe?end=redirect');
      const again = await press(page);
      await page.waitForURL(`**/orders/${way}`);
      assert.match((await again()).headers.get('x-action-redirect'), new RegExp(`^/orders/${way}`));
      assert.equal(ran().length, 1);
    });

    it('what the schema refuses is shown and runs nothing', async (t) => {
      const page = await visit(t, '/safe?bags=0');
      await press(page);
      await shown(page, '"validationErrors":{"bags"');
      assert.deepEqual(ran(), []);
    });

    for (const [end, text] of [
      ['sold-out', '"validationErrors":{"bags":{"_errors":["sold out"]}}'],
      ['closed', '"serverError":"the shop is closed"'],
    ]) {
      it(`a refusal of the action (${end}) is shown and never recorded: the same again runs again`, async (t) => {
        const page = await visit(t, `/safe?end=${end}`);
        const again = await press(page);
        await shown(page, text);
        assert.ok((await (await again()).text()).includes(text));
        const keys = ran().map(({ key }) => key);
        assert.deepEqual(keys, [keys[0], keys[0]]);
      });
    }

    it('who waits for a run that is refused shares the refusal', async (t) => {
      const page = await visit(t, '/safe?end=slow-sold-out');
      const again = await press(page);
      const text = await (await again()).text();
      assert.match(text, /sold out/);
      await shown(page, 'sold out');
      assert.equal(ran().length, 1);
    });

    it('an error is thrown, so the next click has the same key', async (t) => {
      const page = await visit(t, '/safe?end=broken');
      await press(page);
      await shown(page, 'not confirmed yet (unknown)');
      await press(page);
      await shown(page, '{"data":{"ordered":1}}');
      const keys = ran().map(({ key }) => key);
      assert.deepEqual(keys, [keys[0], keys[0]]);
    });
  });
}
