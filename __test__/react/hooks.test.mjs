// What a customer sees of the hooks when the network fails, in Chromium: the form stays, and pressing again sends the same
// key. The server is the test: it sees every submission, and answers, refuses or is silent.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, beforeEach, describe, it } from 'node:test';
import { launchBrowser } from '../support/browser.mjs';
import { bundle, bundleForPage } from '../support/bundle.mjs';
import { eventually } from '../support/eventually.mjs';
import { gate } from '../support/gate.mjs';
import '../support/unhandled.mjs';

const { outcomeMark } = await bundle('lib/wire/outcome-mark.ts');
const { CODES } = await bundle('lib/errors.ts');
const SAME_AGAIN_MS = 2_100;
let script;
let browser;
let server;
let context;
let page;
/** What reached the server, and what it answers: undefined breaks the connection off. */
let sent;
let answer;

const got = ({ what, item }) => ({ got: item ?? what });
const broken = () => undefined;

before(async () => {
  [script, browser] = await Promise.all([bundleForPage('__test__/react/hooks-page.jsx', 'hooks'), launchBrowser()]);
  // A connection for each request: on one that was used before, Chromium itself would send again.
  server = http.createServer({ keepAlive: false }, async (request, response) => {
    response.setHeader('connection', 'close');
    if (request.url === '/script.js') return response.setHeader('content-type', 'text/javascript').end(script);
    if (request.method === 'GET') {
      return response
        .setHeader('content-type', 'text/html')
        .end('<!doctype html><body><script src="/script.js"></script>');
    }
    const fields = JSON.parse(await text(request));
    sent.push(fields);
    const given = await answer(fields);
    return given === undefined ? response.destroy() : response.end(JSON.stringify(given));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
after(async () => {
  await browser?.close();
  server?.close();
});

beforeEach(async (t) => {
  sent = [];
  answer = got;
  context = await browser.newContext();
  t.after(() => context.close());
  page = await context.newPage();
  page.setDefaultTimeout(30_000);
  await open();
});

async function open() {
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.waitForSelector('#order');
}

const keys = () => sent.map((fields) => fields['idempotency-key']);
const press = (form = '#guarded') => page.click(`${form} button`);
const shows = (text, form = '#guarded') => page.locator(`${form} output`, { hasText: text }).waitFor();
const problem = (code, form = '#guarded') => page.locator(`${form} p`, { hasText: code }).waitFor();

describe('a network that loses the answer', () => {
  it('the page says so, what was typed stays, and pressing again sends the same key', async () => {
    await page.fill('#guarded input', 'coffee');
    answer = broken;
    await press();
    await problem('ERR_NETWORK');
    assert.equal(await page.inputValue('#guarded input'), 'coffee');
    answer = got;
    await press();
    await shows('coffee');
    assert.equal(await page.textContent('#guarded p'), '');
    assert.equal(new Set(keys()).size, 1);
    assert.equal(sent.length, 2);
  });

  it('a device that is offline, and on again', async () => {
    await context.setOffline(true);
    await press();
    await problem('ERR_NETWORK');
    await context.setOffline(false);
    await press();
    await shows('tea');
  });

  it('and a reload: the same order has the same key', async () => {
    answer = broken;
    await press();
    await problem('ERR_NETWORK');
    await open();
    answer = got;
    await press();
    await shows('tea');
    assert.equal(new Set(keys()).size, 1);
  });

  it('from an event handler, the error is read as one', async () => {
    answer = broken;
    const call = () => page.evaluate(() => window.problemOf(() => window.call({ item: 'tea' })));
    assert.deepEqual([await call(), await call()], ['ERR_NETWORK', 'ERR_NETWORK']);
    assert.equal(new Set(keys()).size, 1);
  });

  it("an error of the page's own is none", async () => {
    const read = () => window.problemOf(async () => undefined.x);
    assert.match(await page.evaluate(read), /^not a problem: Cannot read/);
  });

  it('an error that the action threw is none, whatever it says', async () => {
    answer = () => ({ message: 'Failed to fetch', digest: '123' });
    const call = () => page.evaluate(() => window.problemOf(() => window.call({ item: 'tea' })));
    assert.equal(await call(), 'not a problem: Failed to fetch');
  });
});

describe('an order', () => {
  it('whose answer was lost is the same with its fields in another order', async () => {
    answer = broken;
    const call = (input) => page.evaluate((given) => window.problemOf(() => window.call(given)), input);
    await call({ item: 'tea', bags: { size: 1, count: 2 } });
    await call({ bags: { count: 2, size: 1 }, item: 'tea' });
    await call({ bags: { count: 1, size: 2 }, item: 'tea' });
    assert.deepEqual([keys()[0] === keys()[1], keys()[0] === keys()[2]], [true, false]);
  });

  it('of one product is none of another', async () => {
    const [seven, eight] = ['[data-product=product-7]', '[data-product=product-8]'];
    answer = broken;
    await press(seven);
    await problem('ERR_NETWORK', seven);
    answer = ({ what }) => ({ got: what });
    await press(eight);
    await shows('product-8', eight);
    await press(seven);
    await shows('product-7', seven);
    assert.deepEqual(
      sent.map(({ what }) => what),
      ['product-7', 'product-8', 'product-7'],
    );
    assert.deepEqual([keys()[0] === keys()[2], keys()[0] === keys()[1]], [true, false]);
  });

  it('with a captcha that is new at each try keeps its key where that is left out', async () => {
    answer = broken;
    for (const [form, count] of [
      ['#order', 2],
      ['#guarded', 4],
    ]) {
      await press(form);
      await problem('ERR_NETWORK', form);
      await press(form);
      await eventually(() => sent.length === count, { what: 'the second try' });
    }
    assert.notEqual(sent[2].captcha, sent[3].captcha);
    assert.notEqual(keys()[0], keys()[1], 'without exclude it is another order each time');
    assert.equal(keys()[2], keys()[3]);
  });

  it('whose error was recorded is over, and is still open after any other error', async () => {
    const call = () => page.evaluate(() => window.problemOf(() => window.call({ item: 'tea' })));
    for (const digest of ['123', outcomeMark('the key of another order')]) {
      answer = () => ({ message: 'no', digest });
      await call();
      await page.waitForTimeout(SAME_AGAIN_MS);
    }
    answer = (fields) => ({ message: 'no', digest: outcomeMark(fields['idempotency-key']) });
    await call();
    await page.waitForTimeout(SAME_AGAIN_MS);
    await call();
    assert.deepEqual([keys()[0] === keys()[1], keys()[0] === keys()[2], keys()[0] === keys()[3]], [true, true, false]);
  });
});

it('a form that a library reads at every key stroke can still be sent, and what was lost is still known', async () => {
  answer = broken;
  await press();
  await problem('ERR_NETWORK');
  answer = got;
  await page.evaluate(() => {
    const form = document.querySelector('#guarded');
    for (let n = 0; n < 1_100; n++) {
      form.querySelector('input').value = `tea ${n}`;
      new FormData(form);
    }
  });
  await press();
  await shows('tea 1099');
  const stored = await page.evaluate(() => JSON.parse(sessionStorage.getItem('actonce:guarded')).attempts.length);
  assert.ok(stored <= 22, String(stored));
  await page.fill('#guarded input', 'tea');
  await press();
  await page.waitForFunction(() => document.querySelector('#guarded output').textContent === '{"got":"tea"}');
  assert.equal(keys()[0], keys()[2]);
});

it('an order that waits for the one before it is known, though a library reads the form at every key stroke', async () => {
  const slow = gate();
  answer = (fields) => (fields.item === 'slow' ? slow.promise.then(() => got(fields)) : undefined);
  const order = async (item) => {
    await page.fill('#guarded input', item);
    await press();
  };
  await order('slow');
  await eventually(() => sent.length === 1, { what: 'the slow order' });
  await order('tea');
  await page.evaluate(() => {
    for (let n = 0; n < 25; n++) {
      const form = document.querySelector('#guarded');
      form.querySelector('input').value = `tea ${n}`;
      new FormData(form);
    }
  });
  await order('tea');
  slow.resolve();
  await eventually(() => sent.length === 3, { what: 'both tries of the second order' });
  await problem('ERR_NETWORK');
  await order('tea');
  await eventually(() => sent.length === 4, { what: 'the third try' });
  assert.deepEqual(
    sent.map(({ item }) => item),
    ['slow', 'tea', 'tea', 'tea'],
  );
  assert.equal(new Set(keys().slice(1)).size, 1);
});

it('one FormData that is sent twice by hand is one order, and a new one after its outcome was seen', async () => {
  const sendBoth = () =>
    page.evaluate(() => {
      window.byHand();
      window.byHand();
    });
  await sendBoth();
  await eventually(() => sent.length === 2, { what: 'both' });
  await page.waitForTimeout(SAME_AGAIN_MS);
  await sendBoth();
  await eventually(() => sent.length === 4, { what: 'both again' });
  await page.evaluate(() => window.byHand('coffee'));
  await eventually(() => sent.length === 5, { what: 'the edit' });
  const [first, second, third, fourth, edited] = keys();
  assert.deepEqual([first === second, third === fourth], [true, true]);
  assert.equal(new Set([first, third, edited]).size, 3);
});

it('a tab that can remember no more says so, and sends nothing', async () => {
  answer = broken;
  await page.evaluate(() => {
    const sentAt = Date.now();
    const attempts = Array.from({ length: 1_000 }, (_, n) => ({ fingerprint: `2:${n}`, key: `k${n}`, sentAt }));
    sessionStorage.setItem('actonce:guarded', JSON.stringify({ attempts, used: [] }));
    // The key that the server made with the page must not be sent in its place.
    const field = Object.assign(document.createElement('input'), { name: 'idempotency-key', value: 'of the render' });
    document.querySelector('#guarded').append(field);
  });
  await press();
  await problem('ERR_TAB_FULL');
  assert.equal(sent.length, 0);
});

describe('a form with plain content, whose submission is refused', () => {
  const REFERENCE = '8IUVOsVTDZvV-sXmr8Y40A';
  const refused = (code) => () => ({ message: code, digest: `ACTONCE;${code};0;${REFERENCE}` });
  const alertOf = (form) => page.locator(`[data-form=${form}]`).getByRole('alert');

  /** What the form says when its submission ends so. */
  async function said(form, end) {
    answer = end;
    await page.click(`[data-form=${form}] button`);
    await alertOf(form).waitFor();
    return alertOf(form).textContent();
  }

  it('says so, and what to do, in an alert; an outcome takes it away', async () => {
    assert.equal(await said('plain', broken), 'No answer arrived. Please press again: this will not be done twice.');
    answer = got;
    await page.click('[data-form=plain] button');
    await alertOf('plain').waitFor({ state: 'detached' });
  });

  for (const code of Object.keys(CODES)) {
    it(`${code}: asks to press again only if that helps, and else gives the reference`, async () => {
      const text = await said('plain', refused(code));
      assert.equal(/press again/.test(text), CODES[code].retryable, text);
      assert.equal(text.includes(REFERENCE), !CODES[code].retryable, text);
    });
  }

  it('says it in the words that it was given', async () => {
    assert.equal(await said('german', refused('ERR_IN_PROGRESS')), 'Wird noch bearbeitet.');
    await page.reload();
    assert.equal(await said('german', refused('ERR_CLOSED')), `Das ging nicht. (${REFERENCE})`);
  });

  it('shows what renderProblem returns', async () => {
    answer = refused('ERR_INDETERMINATE');
    await page.click('[data-form=own] button');
    await page.locator('[data-form=own] b', { hasText: `ERR_INDETERMINATE ${REFERENCE}` }).waitFor();
    assert.equal(await alertOf('own').count(), 0);
  });

  it('gives the problem to the error boundary where that is asked for', async () => {
    answer = refused('ERR_STORE_UNAVAILABLE');
    await page.click('[data-form=thrown] button');
    const problem = JSON.parse(await page.locator('#boundary').textContent());
    const expected = { code: 'ERR_STORE_UNAVAILABLE', retryable: true, retryAfterMs: 0, reference: REFERENCE };
    assert.deepEqual(problem, expected);
  });
});
