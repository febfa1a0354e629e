// Something between us and Redis loses one whole reply, so every later reply comes in the place of the one before it.
// Nobody is answered with the outcome of somebody else.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { Contenders, EXECUTORS, isClaimScript } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { heldCall } from '../support/held-run.mjs';
import { startRedis } from '../support/redis.mjs';
import { it } from '../support/steady.mjs';
import '../support/unhandled.mjs';

const USERS = Array.from({ length: 20 }, (_, n) => `user-${n}`);
/** The key and the payload are the user's own. */
const given = (user) => [`order of ${user}`, { scope: ['order', user], payload: { user } }];

async function own(t, executor) {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const c = new Contenders(t, redis, { executor, totalTimeoutMs: 5_000, defaults: { leaseMs: 10_000 } });
  const proxy = await c.proxy();
  return { c, proxy, client: c.client({ url: proxy.url, commandTimeoutMs: 300 }) };
}

for (const executor of EXECUTORS) {
  describe(`RB15 a reply is lost, and those behind it move up · redis×${executor}`, { timeout: 60_000 }, () => {
    it('replays: each caller has its own outcome', async (t) => {
      const { c, proxy, client } = await own(t, executor);
      const call = (on, user) => {
        const [key, options] = given(user);
        return on.withIdempotency(key, () => `bought by ${user}`, options);
      };
      const first = c.client();
      await Promise.all(USERS.map((user) => call(first, user)));
      await client.inspect({ key: 'connects' });
      const fault = proxy.fault('lose-reply', { on: 'SET', nth: 5 });
      const values = await Promise.all(USERS.map((user) => call(client, user)));
      assert.equal(fault.hits, 1);
      assert.deepEqual(
        values,
        USERS.map((user) => `bought by ${user}`),
      );
    });

    it('those who waited: each caller has its own outcome', async (t) => {
      const { c, proxy, client } = await own(t, executor);
      const owner = c.client();
      const held = USERS.map((user) => {
        const [key, options] = given(user);
        return heldCall(owner, key, () => `bought by ${user}`, options);
      });
      await Promise.all(held.map(({ inside }) => inside));
      const waits = USERS.map((user) => {
        const [key, options] = given(user);
        return client.withIdempotency(key, c.effect, options);
      });
      // Each has asked by SET and by the script, then once more when it could hear of changes.
      await eventually(() => proxy.requests.EVALSHA >= 2 * USERS.length && proxy.replies.EVALSHA >= 2 * USERS.length);
      const fault = proxy.fault('lose-reply', { on: isClaimScript, nth: 5 });
      for (const { letGo } of held) letGo();
      assert.deepEqual(
        await Promise.all(waits),
        USERS.map((user) => `bought by ${user}`),
      );
      assert.equal(fault.hits, 1);
      assert.equal(c.ledger.count(), 0);
      await Promise.all(held.map(({ result }) => result));
    });
  });
}
