// The same small app in Chromium on every version of Next, with both bundlers, in production and development. The short form
// runs the newest Next in production with webpack (the other suites have Turbopack); ACTONCE_LONG=1 runs every cell that
// exists and prints the table of docs/nextjs.md.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { hydrated, launchBrowser } from '../support/browser.mjs';
import { eventually } from '../support/eventually.mjs';
import { NextApp } from '../support/next-app.mjs';
import { startRedis } from '../support/redis.mjs';
import '../support/unhandled.mjs';

const isLong = process.env.ACTONCE_LONG === '1';
const SOURCES = ['matrix-app'];

/** By version: the folder with its packages, the flags of each cell, and what an action may throw there. */
const VERSIONS = [
  {
    next: '14.2',
    folder: 'next-14',
    ends: ['redirect', 'replace', 'permanent', 'not-found'],
    // Its Turbopack, an experiment for development only, knows no external file of a package: the addon would be bundled.
    cells: { 'webpack, production': [], 'webpack, development': [] },
  },
  {
    next: '15.5',
    folder: 'next-15',
    ends: ['redirect', 'replace', 'permanent', 'not-found', 'forbidden', 'unauthorized'],
    cells: {
      'webpack, production': [],
      'Turbopack, production': ['--turbopack'],
      'webpack, development': [],
      'Turbopack, development': ['--turbopack'],
    },
  },
  {
    next: '16.4',
    folder: 'next-16',
    ends: ['redirect', 'replace', 'permanent', 'not-found', 'forbidden', 'unauthorized'],
    cells: {
      'webpack, production': ['--webpack'],
      'Turbopack, production': [],
      'webpack, development': ['--webpack'],
      'Turbopack, development': [],
    },
    inShort: ['webpack, production'],
  },
];

let browser;
let redis;
before(async () => {
  [browser, redis] = await Promise.all([launchBrowser(), startRedis()]);
});
after(async () => {
  await browser?.close();
  await redis?.stop();
});

for (const { next, folder, ends, cells, inShort = [] } of VERSIONS) {
  for (const [cell, flags] of Object.entries(cells)) {
    if (!isLong && !inShort.includes(cell)) continue;
    describe(`Next ${next}, ${cell}`, () => {
      const isDevelopment = cell.endsWith('development');
      const form = cell.replace(', ', '-').toLowerCase();
      let app;
      let server;
      let page;

      before(async () => {
        app = await NextApp.prepare(folder, { REDIS_URL: redis.url }, SOURCES);
        if (isDevelopment) server = await app.develop(form, ...flags);
        else {
          await app.build(form, ...flags);
          server = await app.start(form);
        }
        page = await browser.newPage();
        page.setDefaultTimeout(60_000);
      });
      after(async () => {
        await page?.close();
        await app?.stop();
      });

      const ran = () => app.ledger().filter((line) => line.ran);

      /** Opens the form of an order, presses the button and reads what came of it. */
      async function order(fields) {
        await page.goto(`${server.url}/?${new URLSearchParams(fields)}`);
        await hydrated(page, 'form');
        await page.click('button');
        return page.locator('#ended').textContent();
      }

      for (const end of ends) {
        it(`F1, F2 ${end} replays the same`, async () => {
          app.forget();
          const key = randomUUID();
          const first = await order({ key, end });
          assert.match(
            first,
            end === 'not-found' || !ends.slice(0, 3).includes(end) ? RegExp(end) : /^done [\w-]{36}$/,
          );
          assert.equal(await order({ key, end }), first);
          assert.equal(ran().length, 1);
        });
      }

      it('a refusal reaches the page by its digest', async () => {
        const key = randomUUID();
        await order({ key });
        assert.match(await order({ key, item: 'milk' }), /^ACTONCE;ERR_KEY_REUSED;0;[\w-]{22}$/);
      });

      it('a call from an event handler, pressed twice: one run, one result, a Date and all', async () => {
        app.forget();
        await page.goto(`${server.url}/call`);
        await hydrated(page, 'button');
        await page.click('button');
        await page.click('button');
        await page.locator('li').nth(1).waitFor();
        const [first, second] = await page.locator('li').allTextContents();
        assert.equal(second, first);
        assert.match(first, /^tea 0 /);
        assert.equal(ran().length, 1);
      });

      describe('bound arguments', () => {
        const KEY = /^key-/;
        const line = (bound, more = {}) => ({ bound, bags: '2', pay: null, ...more });
        /** By the form or button of the page: what the action's function gets. */
        const WAYS = {
          form: line(['product-1']),
          several: line(['product-2', { city: 'Graz' }]),
          'form-action': line(['product-3']),
          state: line(['product-5']),
          passed: line(['product-10']),
        };
        const WITH_SCRIPT = {
          ...WAYS,
          client: line(['product-9']),
          call: { bound: ['product-7'], bags: '2' },
          forms: line(['product-8', { city: 'Graz' }]),
        };

        /** What was noted, without what differs by nature. */
        const noted = () => app.ledger().map(({ pid: _, ran: __, key: ___, message: ____, ...rest }) => rest);

        async function open(t, options) {
          const context = await browser.newContext(options);
          t.after(() => context.close());
          const own = await context.newPage();
          own.setDefaultTimeout(60_000);
          await own.goto(`${server.url}/bound?key=key-${randomUUID()}`);
          if (options.javaScriptEnabled) await hydrated(own, 'form');
          app.forget();
          return own;
        }
        const press = (own, way) => own.click(`#${way} button, button#${way}`);
        const told = async (count) => {
          await eventually(() => noted().length >= count, { withinMs: 30_000, everyMs: 20, what: 'the action' });
          return noted();
        };

        for (const [javaScriptEnabled, ways] of [
          [true, WITH_SCRIPT],
          [false, WAYS],
        ]) {
          const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript';
          for (const [way, expected] of Object.entries(ways)) {
            it(`reach the function ${how}, from #${way}, and the form's own key counts`, async (t) => {
              const own = await open(t, { javaScriptEnabled });
              await press(own, way);
              assert.deepEqual(await told(1), [expected]);
              const [{ key }] = app.ledger();
              if (!['call', 'forms'].includes(way)) assert.match(key, KEY);
              else assert.match(key, /^[0-9a-f-]{32,36}$/);
            });
          }
          it(`that are not declared are refused ${how}, and nothing runs`, async (t) => {
            const own = await open(t, { javaScriptEnabled });
            await press(own, 'undeclared-state');
            assert.deepEqual(await told(1), [{ refused: 'ERR_INVALID_ARGUMENT' }]);
            assert.match(app.ledger()[0].message, /'plain' was called with 1 bound argument and declares 0/);
          });
        }

        it('that are not declared are seen in a form that was rendered on the server', async (t) => {
          const own = await open(t, { javaScriptEnabled: true });
          await press(own, 'undeclared');
          assert.deepEqual(await told(1), [{ refused: 'ERR_INVALID_ARGUMENT' }]);
        });

        it('requestSubmit(button) sends the button as well', async (t) => {
          const own = await open(t, { javaScriptEnabled: true });
          await own.evaluate(() => {
            const form = document.querySelector('#state');
            form.requestSubmit(form.querySelector('[name=pay]'));
          });
          assert.deepEqual(await told(1), [line(['product-5'], { pay: 'later' })]);
        });
      });

      it('a route handler: 201 and its replay, a redirect and its replay', async () => {
        app.forget();
        const order = randomUUID();
        const send = async (end) => {
          const headers = { 'idempotency-key': `${order}-${end}`, 'content-type': 'application/json' };
          const request = { method: 'POST', redirect: 'manual', headers, body: JSON.stringify({ end }) };
          const response = await fetch(`${server.url}/api/orders`, request);
          return [response.status, response.headers.get('location'), await response.text()];
        };
        for (const end of ['value', 'redirect']) assert.deepEqual(await send(end), await send(end));
        assert.equal((await send('value'))[0], 201);
        assert.match((await send('redirect'))[1], /\/done\?run=/);
        assert.equal(ran().length, 2);
      });

      if (!isDevelopment) return;
      it('an edit while it runs: the new code is there, the record too, and no second connection', async () => {
        const words = path.join(app.folder, 'lib/words.mjs');
        const connections = async () => (await redis.send('CLIENT', 'LIST')).trim().split('\n').length;
        const key = randomUUID();
        const first = await order({ key });
        const before = await connections();
        for (const greeting of ['bonjour', 'ciao', 'hej']) {
          fs.writeFileSync(words, `export const GREETING = '${greeting}';\n`);
          await eventually(
            async () => {
              app.forget();
              await order({ key: randomUUID() });
              return ran()[0].greeting === greeting;
            },
            { withinMs: 60_000, everyMs: 200, what: 'the edited code' },
          );
        }
        assert.equal(await order({ key }), first);
        assert.equal(await connections(), before);
      });
    });
  }
}
