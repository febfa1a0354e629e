// What docs/nextjs.md says about keys of forms, in Chromium, behind a network that loses answers and takes each request
// to the other of two servers: the form of actonce/react, and beside it what people write by hand, a hidden field with
// a key that the page was rendered with.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { hydrated } from '../support/browser.mjs';
import { eventually } from '../support/eventually.mjs';
import { LossyHttp } from '../support/lossy-http.mjs';
import { openShakyApp } from '../support/shaky-app.mjs';
import '../support/unhandled.mjs';

const SAME_AGAIN_MS = 2_200;
let app;
let redis;
let network;
let browser;
let close;

before(async () => {
  ({ redis, app, network, browser, close } = await openShakyApp({ servers: 2 }));
});
after(() => close?.());
beforeEach(() => {
  app.forget();
  network.lose(0);
  network.posts = [];
});

const answers = () =>
  app.ledger().flatMap((line) => (line.answered ? [line.answered === 'executed' ? 'EXEC' : 'REPLAY'] : []));

const KEY_SENT = /name="_?\d*_?idempotency-key"\r\n\r\n([\w-]+)/;
const keysSent = () => network.posts.map(({ bytes }) => KEY_SENT.exec(bytes.toString('latin1'))[1]);

/** What the server did, once it has answered that often. */
async function did(count) {
  await eventually(() => answers().length >= count, { withinMs: 15_000, everyMs: 20, what: `${count} answers` });
  return answers().join();
}

/** A visitor with one tab on a page. */
async function visit(t, path, options = {}) {
  const context = await browser.newContext(options);
  t.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const open = async (to = path) => {
    await page.goto(network.url + to);
    if (options.javaScriptEnabled !== false) await hydrated(page);
  };
  await open();
  return {
    page,
    context,
    open,
    submit: () => page.click('button[type=submit]', { noWaitAfter: true }),
    type: (item) => page.fill('input[name=item]', item),
    shown: (text) => page.waitForFunction((what) => document.querySelector('output')?.textContent.includes(what), text),
    reload: async () => {
      await page.reload();
      await hydrated(page);
    },
    /** The next answer is lost, and the browser itself does not try again. */
    loseAnswer: () => network.lose(1, { on: 'fresh' }),
  };
}

/** @param expected by form: what the server did @param play gets a visitor on the page */
function scenario(name, expected, play, query = '') {
  for (const [form, result] of Object.entries(expected)) {
    const title = form === 'order' ? `${name}: ${result}` : `${name}, with a key from the render: ${result}`;
    it(title, async (t) => {
      const visitor = await visit(t, `/${form}${query}`);
      await play(visitor, t);
      assert.equal(await did(result.split(',').length), result);
    });
  }
}

describe('what a person does', () => {
  scenario(
    'a double click on a slow action',
    { order: 'EXEC,REPLAY', naive: 'EXEC,REPLAY' },
    async ({ submit }) => {
      await submit();
      await submit();
    },
    '?ms=500',
  );

  scenario(
    'a second click after a fast answer',
    { order: 'EXEC,REPLAY', naive: 'EXEC,REPLAY' },
    async ({ submit, shown }) => {
      await submit();
      await shown('tea');
      await submit();
    },
  );

  scenario(
    'a double click on a form whose state changes what it sends',
    { order: 'EXEC,REPLAY' },
    async ({ submit }) => {
      await submit();
      await submit();
    },
    '?ms=300&counts=1',
  );

  it('the same with a key from the render and the state in the fingerprint: the second click fails', async (t) => {
    const { submit, page } = await visit(t, '/naive?ms=300&compares=state');
    await submit();
    await submit();
    await page.waitForSelector('#failed');
    assert.match(await page.textContent('#failed'), /^ACTONCE;ERR_KEY_REUSED;0;[\w-]{22}$/);
    assert.equal(answers().join(), 'EXEC');
  });

  it('success, an edit, and again: EXEC,EXEC', async (t) => {
    const { submit, shown, type } = await visit(t, '/order');
    await submit();
    await shown('tea');
    await type('milk');
    await submit();
    await shown('milk');
    assert.equal(await did(2), 'EXEC,EXEC');
  });

  it('success, an edit, and again, with a key from the render: the second order is refused', async (t) => {
    const { submit, shown, type, page } = await visit(t, '/naive');
    await submit();
    await shown('tea');
    await type('milk');
    await submit();
    await page.waitForSelector('#failed');
    assert.match(await page.textContent('#failed'), /^ACTONCE;ERR_KEY_REUSED;0;[\w-]{22}$/);
    assert.equal(answers().join(), 'EXEC');
  });

  // The hand-written form swallows the second order.
  scenario(
    'success, and the same again later',
    { order: 'EXEC,EXEC', naive: 'EXEC,REPLAY' },
    async ({ submit, shown, type, page }) => {
      await submit();
      await shown('tea');
      await page.waitForTimeout(SAME_AGAIN_MS);
      await type('tea');
      await submit();
    },
  );

  for (const form of ['order', 'naive']) {
    it(`${form}: two tabs are two intents: EXEC,EXEC`, async (t) => {
      const first = await visit(t, `/${form}`);
      const second = await first.context.newPage();
      await second.goto(`${network.url}/${form}`);
      await hydrated(second);
      await first.submit();
      await second.click('button[type=submit]');
      assert.equal(await did(2), 'EXEC,EXEC');
    });
  }

  for (const [form, thirdTime] of [
    ['order', 'EXEC'],
    ['naive', 'REPLAY'],
  ]) {
    it(`${form}: a redirect, Back, and submit at once or later: EXEC,REPLAY,${thirdTime}`, async (t) => {
      const { submit, page } = await visit(t, `/${form}?end=redirect`);
      const backAndSubmit = async () => {
        await page.waitForSelector('#done');
        await page.goBack();
        await hydrated(page);
        await submit();
      };
      await submit();
      await backAndSubmit();
      assert.equal(await did(2), 'EXEC,REPLAY');
      await page.waitForSelector('#done');
      await page.waitForTimeout(SAME_AGAIN_MS);
      await backAndSubmit();
      assert.equal(await did(3), `EXEC,REPLAY,${thirdTime}`);
    });
  }
});

describe('what a network does', () => {
  // One click, one request in DevTools, two on the wire.
  scenario(
    'the answer is lost on a reused connection and Chromium sends again',
    { order: 'EXEC,REPLAY', naive: 'EXEC,REPLAY' },
    async ({ submit, shown }) => {
      network.lose(1, { on: 'reused' });
      await submit();
      await shown('tea');
      assert.equal(network.posts.length, 2);
      assert.ok(network.posts[0].bytes.equals(network.posts[1].bytes), 'the same bytes again');
    },
  );

  scenario('the answer is lost, the error page, and again', { naive: 'EXEC,REPLAY' }, async (visitor) => {
    visitor.loseAnswer();
    await visitor.submit();
    await visitor.page.click('#again');
    await hydrated(visitor.page);
    await visitor.submit();
  });

  for (const by of ['fin', 'rst', 'cut', 'page', 'words']) {
    it(`the answer is lost (${by}): the form says so and keeps what was typed, and again: EXEC,REPLAY`, async (t) => {
      const { page, submit, type, shown } = await visit(t, '/order');
      await type('coffee');
      network.lose(1, { on: 'fresh', by });
      await submit();
      await page.waitForSelector('#problem');
      assert.equal(await page.textContent('#problem'), 'ERR_NETWORK');
      assert.equal(await page.inputValue('input[name=item]'), 'coffee');
      await submit();
      await shown('coffee');
      assert.equal(await page.locator('#problem').count(), 0);
      assert.equal(await did(2), 'EXEC,REPLAY');
    });
  }

  it('a device that is offline when the order is sent, and on again: one order', async (t) => {
    const { page, context, submit, type, shown } = await visit(t, '/order');
    await type('coffee');
    await context.setOffline(true);
    for (const _ of [1, 2]) {
      await submit();
      await page.waitForSelector('#problem');
    }
    assert.equal(await page.textContent('#problem'), 'ERR_NETWORK');
    assert.equal(await page.inputValue('input[name=item]'), 'coffee');
    await context.setOffline(false);
    await submit();
    await shown('coffee');
    assert.equal(await did(1), 'EXEC');
    assert.equal(new Set(keysSent()).size, 1);
  });

  scenario(
    'the answer is lost, a reload, and the same again',
    { order: 'EXEC,REPLAY', naive: 'EXEC,EXEC' },
    async (visitor) => {
      visitor.loseAnswer();
      await visitor.submit();
      await visitor.page.waitForSelector('#failed, #problem');
      await visitor.reload();
      await visitor.submit();
    },
  );

  scenario(
    'the answer is lost, a reload, and something else',
    { order: 'EXEC,EXEC', naive: 'EXEC,EXEC' },
    async (visitor) => {
      visitor.loseAnswer();
      await visitor.submit();
      await visitor.page.waitForSelector('#failed, #problem');
      await visitor.reload();
      await visitor.type('milk');
      await visitor.submit();
    },
  );

  scenario(
    'a reload while it runs, and the same again',
    { order: 'EXEC,REPLAY', naive: 'EXEC,EXEC' },
    async (visitor) => {
      await visitor.submit();
      await eventually(() => app.ledger().some((line) => line.ran), { what: 'it runs' });
      await visitor.reload();
      await visitor.submit();
    },
    '?ms=400',
  );

  it('an edge proxy sends a captured request again, in parallel and after the end: one run', async (t) => {
    const { submit, shown } = await visit(t, '/order?ms=200');
    await submit();
    await eventually(() => network.posts.length === 1, { what: 'the request' });
    const [{ bytes, path }] = network.posts;
    const [head, body] = [
      bytes.toString('latin1').split('\r\n\r\n', 1)[0],
      bytes.subarray(bytes.indexOf('\r\n\r\n') + 4),
    ];
    const lines = head.split('\r\n').slice(1);
    const headers = new Headers(lines.map((line) => [/^[^:]+/.exec(line)[0], line.replace(/^[^:]+: */, '')]));
    for (const name of ['connection', 'content-length', 'host', 'accept-encoding']) headers.delete(name);
    const again = () =>
      fetch(network.url + path, { method: 'POST', headers, body }).then((response) => response.text());
    const results = await Promise.all([again(), again()]);
    await shown('tea');
    results.push(await again());
    for (const text of results) assert.match(text, /"item":"tea"/);
    assert.equal(app.ledger().filter((line) => line.ran).length, 1);
  });
});

describe('a session that ends after an answer was lost', () => {
  for (const [form, query] of Object.entries({ order: ['', '?end=redirect'], call: [''] })) {
    for (const end of query) {
      it(`${form}${end}: to the login page and back, the same order is one charge`, async (t) => {
        const { page, context, open, loseAnswer } = await visit(t, `/${form}${end}`);
        const sessionOf = (user) => context.addCookies([{ name: 'user', value: user, url: network.url }]);
        const press = () => page.click(form === 'order' ? 'button[type=submit]' : '#by-form', { noWaitAfter: true });
        loseAnswer();
        await press();
        await page.waitForFunction(() => document.body.textContent.includes('ERR_NETWORK'));
        await sessionOf('nobody');
        await press();
        await page.waitForSelector('#login');
        assert.equal(new URL(page.url()).pathname, '/login');
        await sessionOf('ann');
        await page.waitForTimeout(SAME_AGAIN_MS);
        await open();
        await press();
        assert.equal(await did(2), 'EXEC,REPLAY');
        assert.deepEqual([keysSent().length, new Set(keysSent()).size], [3, 1]);
        if (form === 'call') return;
        // The replay was the outcome, so it is over.
        await page.waitForSelector(end === '' ? 'output:has-text("tea")' : '#done');
        await page.waitForTimeout(SAME_AGAIN_MS);
        await open();
        await press();
        assert.equal(await did(3), 'EXEC,REPLAY,EXEC');
      });
    }
  }
});

describe('without JavaScript', () => {
  for (const form of ['order', 'naive']) {
    it(`${form}: submit, F5, F5: EXEC,REPLAY,REPLAY; and from the page that came: EXEC`, async (t) => {
      const { submit, page } = await visit(t, `/${form}`, { javaScriptEnabled: false });
      await submit();
      await page.locator('output', { hasText: 'tea' }).waitFor();
      for (const _ of [1, 2]) await page.reload();
      await submit();
      assert.equal(await did(4), 'EXEC,REPLAY,REPLAY,EXEC');
    });
  }
});

describe('refusals', () => {
  it('come as problem, keep what was typed, and the next try is the same intent', async (t) => {
    const { submit, shown, type, page } = await visit(t, '/order');
    await type('coffee');
    await redis.stop();
    await submit();
    await page.waitForSelector('#problem');
    assert.equal(await page.textContent('#problem'), 'ERR_STORE_UNAVAILABLE');
    assert.equal(await page.inputValue('input[name=item]'), 'coffee');
    assert.deepEqual(app.ledger(), []);
    await redis.start();
    await submit();
    await shown('coffee');
    assert.equal(await page.locator('#problem').count(), 0);
    assert.equal(await did(1), 'EXEC');
    assert.equal(new Set(keysSent()).size, 1);
  });
});

describe('a form with a bound argument', () => {
  const bought = () => app.ledger().flatMap(({ ran, product, bags }) => (ran === 'buy' ? [`${bags} ${product}`] : []));

  it('an answer is lost, another product is bought, and the first again: one order for each', async (t) => {
    const { page } = await visit(t, '/product');
    const press = (product) => page.click(`.${product} button`, { noWaitAfter: true });
    network.lose(1, { on: 'fresh' });
    await press('tea');
    await page.waitForSelector('.tea p');
    await press('milk');
    await page.locator('.milk output', { hasText: 'milk' }).waitFor();
    // The captcha has another answer now.
    await press('tea');
    await page.locator('.tea output', { hasText: 'tea' }).waitFor();
    assert.deepEqual(bought(), ['2 tea', '2 milk']);
    assert.equal(answers().join(), 'EXEC,EXEC,REPLAY');
  });

  it('without JavaScript', async (t) => {
    const { page } = await visit(t, '/product', { javaScriptEnabled: false });
    await page.click('.milk button');
    await page.locator('.milk output', { hasText: 'milk' }).waitFor();
    await page.reload();
    assert.equal(await did(2), 'EXEC,REPLAY');
    assert.deepEqual(bought(), ['2 milk']);
  });
});

describe('event handlers', () => {
  it('useIdempotentCall: a double click, a lost answer, a deliberate repetition', async (t) => {
    const visitor = await visit(t, '/call');
    const press = () => visitor.page.click('#call', { noWaitAfter: true });
    await press();
    await press();
    assert.equal(await did(2), 'EXEC,REPLAY');
    await visitor.page.waitForTimeout(SAME_AGAIN_MS);
    visitor.loseAnswer();
    await press();
    await visitor.shown('ERR_NETWORK');
    await press();
    assert.equal(await did(4), 'EXEC,REPLAY,EXEC,REPLAY');
  });

  it('useIdempotentCall: an answer is lost, and the same again with its fields in another order', async (t) => {
    const visitor = await visit(t, '/call');
    visitor.loseAnswer();
    await visitor.page.click('#call', { noWaitAfter: true });
    await visitor.shown('ERR_NETWORK');
    await visitor.page.click('#reordered', { noWaitAfter: true });
    assert.equal(await did(2), 'EXEC,REPLAY');
  });

  it('useIdempotentCall: an error that was recorded is seen, one that was not keeps its key', async (t) => {
    const { page } = await visit(t, '/call');
    const keys = () => app.ledger().flatMap(({ ran, key }) => (ran === 'failing' ? [key] : []));
    for (const [kind, count] of Object.entries({ recorded: 2, released: 4 })) {
      for (const _ of [1, 2]) {
        await page.click(`#${kind}`, { noWaitAfter: true });
        await page.waitForTimeout(SAME_AGAIN_MS);
      }
      await eventually(() => keys().length === count, { what: `${count} runs` });
    }
    const [recorded, recordedAgain, released, releasedAgain] = keys();
    assert.deepEqual([recorded === recordedAgain, released === releasedAgain], [false, true]);
  });

  it('useIdempotentCall puts the key into a form it is given', async (t) => {
    const { page, shown } = await visit(t, '/call');
    for (const _ of [1, 2]) await page.click('#by-form', { noWaitAfter: true });
    assert.equal(await did(2), 'EXEC,REPLAY');
    await shown('tea in a form');
  });

  it('a form that is shown later gets its keys at submit time as well', async (t) => {
    const { page, submit } = await visit(t, '/call');
    await page.click('#open');
    for (const item of ['milk', 'coffee']) {
      await page.fill('input[name=item]', item);
      await submit();
      await page.waitForFunction((what) => document.querySelector('#later').textContent.includes(what), item);
    }
    assert.equal(await did(2), 'EXEC,EXEC');
  });
});

describe('what Next means to make the default: useOffline and Cache Components', () => {
  let lossy;
  before(async () => {
    await app.build('offline');
    lossy = await LossyHttp.start((await app.start('offline')).port);
  });
  after(() => lossy?.stop());

  async function open(t, path) {
    const context = await browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    await page.goto(lossy.url + path);
    await hydrated(page);
    return page;
  }

  it('useOffline sends until an answer comes: one run, all others replays, and they keep up', async (t) => {
    const page = await open(t, '/order');
    lossy.lose(Number.POSITIVE_INFINITY);
    await page.click('button[type=submit]', { noWaitAfter: true });
    await page.waitForTimeout(3_000);
    lossy.lose(0);
    await page.waitForFunction(() => document.querySelector('output')?.textContent.includes('tea'));
    const sent = lossy.posts.length;
    assert.ok(sent >= 5, `Next sent ${sent} requests`);
    assert.equal(app.ledger().filter((line) => line.ran).length, 1);
    assert.deepEqual([...new Set(answers().slice(1))], ['REPLAY']);
    t.diagnostic(`${sent} requests in 3 s, one run`);
  });

  for (const [form, result] of [
    ['order', 'EXEC,EXEC'],
    ['naive', 'EXEC,REPLAY'],
  ]) {
    it(`${form}: away and back over the router, and the same again: ${result}`, async (t) => {
      const page = await open(t, `/${form}`);
      await page.click('button[type=submit]');
      await page.waitForFunction(() => document.querySelector('output')?.textContent.includes('tea'));
      await page.click('a[href="/other"]');
      await page.waitForURL('**/other');
      await page.waitForTimeout(SAME_AGAIN_MS);
      await page.goBack();
      await page.waitForURL(`**/${form}`);
      await page.click('button[type=submit]:visible');
      assert.equal(await did(2), result);
    });
  }
});
