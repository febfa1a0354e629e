// docs/recipes/drizzle.md and prisma.md, each against a real SQLite file: the row that was written in the same transaction is
// found after the process was killed between the commit and the record, and a stale owner's write is refused.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isCompletion } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { temporaryFolder } from '../support/folder.mjs';
import { startProxy } from '../support/proxy.mjs';
import { actonce, folder, leaseRunsOut, recipe, redis, startRecipe } from '../support/recipes.mjs';
import '../support/unhandled.mjs';

const USER = 'ann';
let carrier;

before(async () => {
  carrier = await startCarrier();
  process.env.CARRIER_URL = carrier.url;
});
after(() => carrier?.stop());

/** Answers `label-1`, `label-2`, …; the first one of an order only when it is told to. */
async function startCarrier() {
  const waiting = new Map();
  const server = http.createServer((request, response) => {
    if (waiting.has(request.url)) return response.end('label-2');
    waiting.set(request.url, () => response.end('label-1'));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const answer = (orderId) => waiting.get(`/labels/${orderId}`);
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    asked: (orderId) => eventually(() => answer(orderId), { withinMs: 20_000, what: 'the carrier being asked' }),
    answer: (orderId) => answer(orderId)(),
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

for (const name of ['drizzle', 'prisma']) {
  describe(`${name}: an operation row in the transaction`, () => {
    let db;
    let orders;

    before(async () => {
      process.env.DATABASE_URL = `file:${path.join(temporaryFolder(name), 'shop.db')}`;
      const { createClient } = createRequire(`${folder}/package.json`)('@libsql/client');
      db = createClient({ url: process.env.DATABASE_URL });
      await db.executeMultiple(fs.readFileSync(path.join(folder, 'schema.sql'), 'utf8'));
      orders = await recipe(`${name}/orders`);
    });
    after(() => db?.close());

    const rows = async (bags) => (await db.execute({ sql: 'SELECT * FROM orders WHERE bags = ?', args: [bags] })).rows;

    /** Orders in another process, whose record of the outcome is lost on its way; killed when the order is in the table. */
    async function killedAfterCommit(t, key, bags, onCrash) {
      const network = await startProxy({ to: redis.target });
      t.after(() => network.close());
      const lost = network.fault('black-hole', { on: isCompletion, times: 1_000 });
      const args = [key, USER, bags, onCrash];
      const script = startRecipe(t, `${name}/orders`, 'placeOrder', args, { ACTONCE_URL: network.url });
      await lost.struck;
      assert.equal((await rows(bags)).length, 1, 'the transaction has committed');
      script.signal('SIGKILL');
      assert.deepEqual((await script.ended).said, []);
      await leaseRunsOut({ key, scope: ['placeOrder', USER] });
      return { key, scope: ['placeOrder', USER] };
    }

    it('a retry replays the order', async () => {
      const key = randomUUID();
      const order = await orders.placeOrder(key, USER, 1);
      assert.deepEqual(await orders.placeOrder(key, USER, 1), order);
      assert.deepEqual(
        (await rows(1)).map(({ id }) => id),
        [order.id],
      );
    });

    it('D7 a kill between commit and record: recover finds the order, and it is not placed again', async (t) => {
      const key = randomUUID();
      const target = await killedAfterCommit(t, key, 2, 'rerun');
      const taken = [];
      t.after(actonce.on('takeover', (event) => taken.push(event.attempt)));
      const order = await orders.placeOrder(key, USER, 2);
      assert.deepEqual(taken, [2]);
      assert.deepEqual(
        (await rows(2)).map(({ id }) => id),
        [order.id],
      );
      assert.deepEqual((await actonce.inspect(target)).outcome, { kind: 'value', value: order });
    });

    it('the same under hold: refused until settled, and then found', async (t) => {
      const key = randomUUID();
      await killedAfterCommit(t, key, 3, 'hold');
      await assert.rejects(orders.placeOrder(key, USER, 3, 'hold'), { code: 'ERR_INDETERMINATE' });
      assert.equal(await orders.settle(key, USER), 'resolved');
      const order = await orders.placeOrder(key, USER, 3, 'hold');
      assert.deepEqual(
        (await rows(3)).map(({ id }) => id),
        [order.id],
      );
    });

    it('when Redis has lost the record, the row refuses a second order', async (t) => {
      const key = randomUUID();
      await orders.placeOrder(key, USER, 4);
      await redis.send('FLUSHALL');
      // Another process: this one still has the outcome in its cache.
      const script = startRecipe(t, `${name}/orders`, 'placeOrder', [key, USER, 4]);
      const { said } = await script.ended;
      assert.match(said.join(), /unique/i);
      assert.equal((await rows(4)).length, 1);
    });

    it('D6 a frozen owner that wakes after its successor writes nothing: its fence is smaller', async (t) => {
      const order = await orders.placeOrder(randomUUID(), USER, 5);
      const frozen = startRecipe(t, `${name}/orders`, 'shipOrder', [order.id]);
      await carrier.asked(order.id);
      frozen.signal('SIGSTOP');
      await leaseRunsOut({ key: order.id, scope: ['shipOrder', 'public'] });
      assert.equal(await orders.shipOrder(order.id), 'label-2');
      carrier.answer(order.id);
      frozen.signal('SIGCONT');
      assert.match((await frozen.ended).said.join(), /a later attempt has shipped this order/);
      assert.equal((await rows(5))[0].label, 'label-2');
    });
  });
}
