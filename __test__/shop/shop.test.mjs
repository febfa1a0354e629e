// The demo shop in Chromium: one click in each lane under each fault of the network, judged by the payment provider's
// ledger on disk. SHOP_SCREENSHOTS=1 also renews the pictures and prints the transcript of examples/shop/README.md.
import assert from 'node:assert/strict';
import path from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { findProgram } from '../../scripts/prepare.mjs';
import { root } from '../../scripts/step.mjs';
import { eventually } from '../support/eventually.mjs';
import { startRedis } from '../support/redis.mjs';
import { openShop } from '../support/shop.mjs';
import './order.mjs';
import './page.mjs';
import '../support/unhandled.mjs';

const executablePath = findProgram('chromium');
// A missing browser is a fault where everything has to be tested, and no more than a pity elsewhere.
const skip = !executablePath && !process.env.CI && 'Chromium is not installed';
const screenshots = path.join(root, 'examples/shop/screenshots');

/** What comes of the requests of one order, by the network's mode; `charges` is how often the provider was paid. */
const CASES = [
  {
    title: 'a network without fault: both lanes charge once',
    mode: 'normal',
    naive: { outcomes: ['executed'], charges: 1 },
    actonce: { outcomes: ['executed'], charges: 1 },
  },
  {
    title: 'the answer is lost and Chromium sends the POST again: naive charges twice, actonce once',
    mode: 'drop',
    naive: { outcomes: ['executed', 'executed'], charges: 2 },
    actonce: { outcomes: ['executed', 'replayed'], charges: 1 },
  },
  {
    title: 'an edge proxy sends the request a second time: naive charges twice, actonce once',
    mode: 'retry',
    naive: { outcomes: ['executed', 'executed'], charges: 2 },
    actonce: { outcomes: ['executed', 'replayed'], charges: 1 },
  },
  {
    title: 'an edge proxy sends two copies at once: naive shows no order, actonce shows it',
    mode: 'together',
    picture: true,
    naive: { outcomes: ['executed', 'already_processed'], charges: 1, refused: true },
    actonce: { outcomes: ['executed', 'joined'], charges: 1 },
  },
  {
    title: 'a slow network and one click: both lanes charge once',
    mode: 'slow',
    naive: { outcomes: ['executed'], charges: 1 },
    actonce: { outcomes: ['executed'], charges: 1 },
  },
  {
    title: 'a slow network, a reload and a second click: naive charges twice, actonce once',
    mode: 'slow',
    reloads: true,
    naive: { outcomes: ['executed', 'executed'], charges: 2 },
    actonce: { outcomes: ['executed', 'replayed'], charges: 1 },
  },
];

const STORES = [
  { store: 'the embedded store', cases: CASES, startStore: async () => ({ url: 'memory:', stop() {} }) },
  // The naive lock is real Redis commands there. What a slow network does is the same for both stores.
  {
    store: 'Redis',
    cases: CASES.filter(({ mode }) => mode !== 'slow'),
    startStore: () => startRedis({ listen: 'tcp' }),
  },
];

for (const { store, cases, startStore } of STORES) {
  describe(`the shop in Chromium, on ${store}`, { skip, timeout: 480_000 }, () => {
    const keepsRecords = process.env.SHOP_SCREENSHOTS === '1' && cases === CASES;
    let server;
    let shop;

    before(async () => {
      assert.ok(executablePath, 'Chromium is not installed');
      server = await startStore();
      shop = await openShop(executablePath, { ...process.env, ACTONCE_URL: server.url });
    });

    after(async () => {
      await shop?.close();
      await server?.stop();
    });

    for (const [index, { title, mode, reloads = false, picture = false, ...lanes }] of cases.entries()) {
      const bags = index + 1;
      test(title, async () => {
        await shop.setNetwork(mode);
        const name = reloads ? `${mode}-reload` : mode;
        for (const [lane, wanted] of Object.entries(lanes)) {
          const key = await shop.placeOrder(lane, bags);
          if (reloads) {
            await shop.outcomes(key, 1); // the order is placed, its answer still on the way
            await shop.reload();
            assert.equal(await shop.placeOrder(lane, bags), key, 'an order without a seen outcome keeps its key');
          }
          const outcomes = await shop.outcomes(key, wanted.outcomes.length);
          const charges = shop.charges(lane, key);
          assert.deepEqual(outcomes, wanted.outcomes, `${lane}: what came of the requests`);
          assert.equal(charges.length, wanted.charges, `${lane}: charges in the provider's ledger`);
          if (wanted.refused) await shop.refusalShown(lane);
          else await shop.orderShown(charges.at(-1));
          await shop.chargesShown(lane, key, charges);
          if (keepsRecords)
            console.log([name, lane, key.slice(0, 8), outcomes.join(', '), charges.join(' ')].join('\t'));
        }
        if (keepsRecords && picture)
          await shop.page.screenshot({ path: path.join(screenshots, `${name}.png`), fullPage: true });
      });
    }

    test('a retried order is printed as two traces of one key: the charge is below the first', async (t) => {
      await shop.setNetwork('drop');
      const key = await shop.placeOrder('actonce', cases.length + 1);
      await shop.outcomes(key, 2);
      const order =
        /trace {2}\w{32} {2}POST.*\n {2}idempotency placeOrder {2}(\w+) {2}redirect {2}1 {2}([\w-]{22}) {2}\(([^)]*)\) {2}\d+ ms\n( *provider charge)?/g;
      const traces = () => [...shop.printed().matchAll(order)].slice(-2);
      await eventually(() => traces().at(-1)?.[1] === 'replayed', { what: 'the traces' });
      const [first, again] = traces();
      assert.deepEqual([first[1], first[3], first[4]?.trim()], ['executed', 'claimed, completed', 'provider charge']);
      assert.deepEqual([again[1], again[3], again[4]], ['replayed', 'replayed', undefined]);
      assert.equal(first[2], again[2]);
      assert.ok(!shop.printed().includes(key), 'the key itself is nowhere');
      if (keepsRecords) t.diagnostic(`\n${shop.printed().split('\n').slice(-6).join('\n')}`);
    });
  });
}
