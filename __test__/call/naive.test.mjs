// The lock that is written again and again, and how each of its failings looks beside actonce: both run for real on one
// Redis. docs/why.md names them. A process that died is here a run that never ends: to the lock it is the same.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Contenders, LEASE_MS } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { gate } from '../support/gate.mjs';
import { startRedis } from '../support/redis.mjs';
import { it } from '../support/steady.mjs';
import '../support/unhandled.mjs';

const key = 'order-1';
const LOCK = `lock:${key}`;
const never = () => new Promise(() => {});

let redis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

/** GET, SET NX, run, SET COMPLETED, on error DEL. The lock's 60 s are those of a test's lease. */
async function naive(fn) {
  if ((await redis.send('GET', LOCK)) !== null) return 'already_processed';
  if ((await redis.send('SET', LOCK, 'PROCESSING', 'NX', 'PX', LEASE_MS)) === null) return 'already_processed';
  try {
    const result = await fn();
    await redis.send('SET', LOCK, 'COMPLETED');
    return result;
  } catch (error) {
    await redis.send('DEL', LOCK);
    throw error;
  }
}

/** A test of the lock and a test of actonce for one failing. */
function failing(what, { lock, actonce }) {
  describe(what, { timeout: 30_000 }, () => {
    it(`naive: ${lock.name}`, async (t) => {
      await redis.send('FLUSHALL');
      await lock.test(t);
    });
    it(`actonce: ${actonce.name}`, async (t) => actonce.test(new Contenders(t, redis, actonce.options)));
  });
}

const lockGone = () =>
  eventually(async () => (await redis.send('GET', LOCK)) === null, { what: 'the end of the lock' });

/** An fn that counts its runs. */
function counted(fn = () => ({ order: 7 })) {
  const run = async () => {
    run.count += 1;
    return await fn(run.count);
  };
  run.count = 0;
  return run;
}

failing('the result is not kept', {
  lock: {
    name: 'the retry is told already_processed, and not its order',
    async test() {
      assert.deepEqual(await naive(counted()), { order: 7 });
      assert.equal(await naive(counted()), 'already_processed');
    },
  },
  actonce: {
    name: 'the retry gets the order',
    async test(c) {
      const pay = counted();
      for (const _ of [1, 2]) assert.deepEqual(await c.client().withIdempotency(key, pay), { order: 7 });
      assert.equal(pay.count, 1);
    },
  },
});

failing('the lock dies under a slow run', {
  lock: {
    name: 'the retry runs beside it',
    async test() {
      const { promise, resolve } = gate();
      const pay = counted(() => promise);
      const first = naive(pay);
      await eventually(() => pay.count === 1);
      await lockGone();
      const second = naive(pay);
      await eventually(() => pay.count === 2, { what: 'a second run while the first one goes on' });
      resolve('paid');
      await Promise.all([first, second]);
    },
  },
  actonce: {
    name: 'the lease is renewed, and the retry waits for the result',
    async test(c) {
      const { promise, resolve } = gate();
      const pay = counted(() => promise);
      const first = c.client().withIdempotency(key, pay);
      await eventually(() => pay.count === 1);
      const second = c.client().withIdempotency(key, pay);
      await pause(2 * LEASE_MS);
      resolve('paid');
      assert.deepEqual(await Promise.all([first, second]), ['paid', 'paid']);
      assert.equal(pay.count, 1);
    },
  },
});

failing('a slow owner comes back', {
  lock: {
    name: 'its error deletes the lock of its successor, and a third run starts',
    async test() {
      const [slow, successor] = [gate(), gate()];
      const pay = counted((run) => [slow, successor][run - 1]?.promise);
      const first = naive(() => pay().then(() => Promise.reject(new Error('declined'))));
      await eventually(() => pay.count === 1);
      await lockGone();
      const second = naive(pay);
      await eventually(() => pay.count === 2);
      slow.resolve();
      await assert.rejects(first, /declined/);
      await naive(pay);
      assert.equal(pay.count, 3);
      successor.resolve();
      await second;
    },
  },
  actonce: {
    name: 'its error changes nothing, and the third caller is refused while the successor runs',
    async test(c) {
      const worker = await c.worker();
      const late = { throw: { name: 'Error', message: 'declined' } };
      const call = worker.call({ key, steps: [{ say: 'in' }, { wait: 'go' }, late] });
      await call.said('in');
      await worker.freeze();
      const successor = gate();
      const pay = counted(() => successor.promise);
      const second = c.client().withIdempotency(key, pay);
      await eventually(() => pay.count === 1);
      call.tell('go');
      worker.thaw();
      assert.equal((await call.result).error.message, 'declined');
      const third = c.client().withIdempotency(key, pay, { onDuplicate: 'reject' });
      await assert.rejects(third, { code: 'ERR_IN_PROGRESS' });
      successor.resolve('paid');
      assert.equal(await second, 'paid');
      assert.equal(pay.count, 1);
    },
  },
});

const redirecting = () => {
  throw Object.assign(new Error('NEXT_REDIRECT'), { digest: 'NEXT_REDIRECT;push;/orders/7;307;' });
};

failing('redirect() throws', {
  lock: {
    name: 'it counts as a failure, and the retry pays again',
    async test() {
      const pay = counted(redirecting);
      for (const _ of [1, 2]) await assert.rejects(naive(pay), { message: 'NEXT_REDIRECT' });
      assert.equal(pay.count, 2);
    },
  },
  actonce: {
    name: 'it is the outcome, and the retry is redirected, too',
    async test(c) {
      const pay = counted(redirecting);
      const digest = 'NEXT_REDIRECT;push;/orders/7;307;';
      for (const _ of [1, 2]) await assert.rejects(c.client().withIdempotency(key, pay), { digest });
      assert.equal(pay.count, 1);
    },
  },
});

failing('COMPLETED never expires', {
  lock: {
    name: 'the entry has no end',
    async test() {
      await naive(counted());
      assert.equal(await redis.send('PTTL', LOCK), -1);
    },
  },
  actonce: {
    name: 'the record lives for its retention',
    async test(c) {
      await c.client().withIdempotency(key, counted(), { retentionMs: 60_000 });
      const { leftMs } = await c.record();
      assert.ok(leftMs > 0 && leftMs <= 60_000, `${leftMs} ms left`);
    },
  },
});

failing('the same key with another payload, or from another user', {
  lock: {
    name: 'is answered: the other order is never placed, and nobody is told',
    async test() {
      await naive(counted());
      const other = counted();
      assert.equal(await naive(other), 'already_processed');
      assert.equal(other.count, 0);
    },
  },
  actonce: {
    name: 'another payload is refused, another user has a record of their own',
    async test(c) {
      const client = c.client();
      const of = (user, item) => ({ scope: ['placeOrder', user], payload: { item } });
      await client.withIdempotency(key, counted(), of('ann', 'tea'));
      const other = client.withIdempotency(key, counted(), of('ann', 'milk'));
      await assert.rejects(other, { code: 'ERR_KEY_REUSED' });
      const bobs = counted(() => 'for Bob');
      assert.equal(await client.withIdempotency(key, bobs, of('bob', 'tea')), 'for Bob');
    },
  },
});

failing('the owner dies after it has paid', {
  lock: {
    name: 'the retry pays again and cannot know',
    async test() {
      const pay = counted((run) => (run === 1 ? never() : { order: 7 }));
      naive(pay);
      await eventually(() => pay.count === 1);
      await lockGone();
      assert.deepEqual(await naive(pay), { order: 7 });
      assert.equal(pay.count, 2);
    },
  },
  actonce: {
    name: 'the retry is told of the attempt before it, or under hold does not run',
    async test(c) {
      for (const onCrash of ['rerun', 'hold']) {
        const prefix = `${c.prefix}-${onCrash}`;
        const worker = await c.worker({ prefix, defaults: { onCrash } });
        const call = worker.call({ key, steps: [{ effect: true }, { say: 'paid' }, { wait: 'for ever' }] });
        call.result.catch(() => {});
        await call.said('paid');
        await worker.kill();
        const client = c.client({ prefix });
        const retry = client.withIdempotency(key, ({ attempt, recovered }) => [attempt, recovered]);
        if (onCrash === 'rerun') assert.deepEqual(await retry, [2, true]);
        else await assert.rejects(retry, { code: 'ERR_INDETERMINATE' });
      }
    },
  },
});
