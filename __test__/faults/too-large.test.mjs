// An outcome that the server does not take for its size: the server says so, or it hangs up. Trying again does not help,
// so the lease is not left to decide: the record is completed without the value, and a retry runs nothing. Every other
// refusal may pass.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { defineStateMachine } from '../support/actonce.mjs';
import { Contenders, EXECUTORS, isCompletion, LEASE_MS, POLICIES } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { startRedis } from '../support/redis.mjs';
import { it } from '../support/steady.mjs';
import '../support/unhandled.mjs';

const key = 'order-1';
const LARGE = 'x'.repeat(200_000);
/** As a managed service says it. */
const TOO_LARGE = 'ERR max request size exceeded. Limit: 100000 bytes, Actual: 200123 bytes.';
const isLarge = (args) => args.reduce((bytes, arg) => bytes + arg.length, 0) > 100_000;
const ALWAYS = Number.POSITIVE_INFINITY;

async function own(t, executor, { config, ...options } = {}) {
  const redis = await startRedis({ config });
  t.after(() => redis.stop());
  return { redis, c: new Contenders(t, redis, { executor, ...options }) };
}

async function elapsed(work) {
  const startedAt = performance.now();
  return [await work(), performance.now() - startedAt];
}

const large = (c) => (ctx) => c.effect(ctx) && LARGE;

/** What another process gets for the same key, long after the lease. */
async function retried(c) {
  await pause(2 * LEASE_MS);
  return await c
    .client()
    .withIdempotency(key, c.effect)
    .catch(({ code, reason }) => [code, reason]);
}

const UNAVAILABLE = ['ERR_RESULT_UNAVAILABLE', 'too-large'];

for (const executor of EXECUTORS) {
  describe(`RC11 an outcome that is too large for the server · redis×${executor}`, {
    concurrency: 4,
    timeout: 60_000,
  }, () => {
    for (const onCrash of POLICIES) {
      it(`it says so: the caller has the value, and a retry runs nothing (${onCrash})`, async (t) => {
        const { c } = await own(t, executor, { defaults: { onCrash } });
        const proxy = await c.proxy();
        proxy.fault('refuse', { on: isLarge, times: ALWAYS, text: TOO_LARGE });
        const client = c.client({ url: proxy.url });
        const said = [];
        client.on('store-error', ({ message }) => said.push(message));
        client.on('result-unrecorded', ({ reason }) => said.push(reason));
        const rival = c.client();
        const inside = (ctx) => {
          rival.waits = rival.withIdempotency(key, c.effect).catch(({ code, reason }) => [code, reason]);
          return pause(100).then(() => large(c)(ctx));
        };
        const [value, tookMs] = await elapsed(() => client.withIdempotency(key, inside));
        assert.equal(value, LARGE);
        assert.ok(tookMs < 2_000, `${tookMs} ms`);
        assert.deepEqual(client.told, ['claimed', 'store-error', 'completed', 'result-unrecorded']);
        assert.match(said[0], /Limit: 100000 bytes/);
        assert.equal(said[1], 'too-large');
        assert.deepEqual(await rival.waits, UNAVAILABLE);
        assert.deepEqual(await retried(c), UNAVAILABLE);
        assert.equal(c.ledger.count(), 1);
      });
    }

    it('those who joined in this process have the value, too', async (t) => {
      const { c } = await own(t, executor);
      const proxy = await c.proxy();
      proxy.fault('refuse', { on: isLarge, times: ALWAYS, text: TOO_LARGE });
      const client = c.client({ url: proxy.url });
      const both = [client.withIdempotency(key, large(c)), client.withIdempotency(key, large(c))];
      assert.deepEqual(await Promise.all(both), [LARGE, LARGE]);
      assert.equal(c.ledger.count(), 1);
    });

    it('one that it had taken, though its answer was lost, is replayed to this process, too', async (t) => {
      const { c } = await own(t, executor);
      const proxy = await c.proxy();
      proxy.fault('swallow-reply-and-close', { on: isLarge });
      proxy.fault('refuse', { on: isLarge, times: ALWAYS, text: TOO_LARGE });
      const client = c.client({ url: proxy.url, cache: undefined });
      assert.equal(await client.withIdempotency(key, large(c)), LARGE);
      assert.ok(client.told.includes('store-error'), `${client.told}`);
      for (const on of [client, c.client()]) assert.equal(await on.withIdempotency(key, c.effect), LARGE);
      assert.equal(c.ledger.count(), 1);
    });

    it('a recorded error that it refuses is an outcome without a value', async (t) => {
      const { c } = await own(t, executor, { defaults: { onError: 'record' } });
      const proxy = await c.proxy();
      const isError = (args) =>
        args[0] === 'EVALSHA' && args.some((arg) => arg.length > 500 && arg.includes('declined'));
      proxy.fault('refuse', { on: isError, times: ALWAYS, text: TOO_LARGE });
      const client = c.client({ url: proxy.url });
      const declined = client.withIdempotency(key, (ctx) => {
        c.effect(ctx);
        throw new Error(`declined ${'x'.repeat(1_000)}`);
      });
      await assert.rejects(declined, /declined/);
      assert.deepEqual(await retried(c), UNAVAILABLE);
      assert.equal(c.ledger.count(), 1);
    });

    it('a released error that it refuses is released without it', async (t) => {
      const { c } = await own(t, executor, { defaults: { leaseMs: 30_000 } });
      const proxy = await c.proxy();
      const isError = (args) =>
        args[0] === 'EVALSHA' && args.some((arg) => arg.length > 500 && arg.includes('declined'));
      proxy.fault('refuse', { on: isError, times: ALWAYS, text: TOO_LARGE });
      const client = c.client({ url: proxy.url });
      const declined = client.withIdempotency(key, () => {
        throw new Error(`declined ${'x'.repeat(1_000)}`);
      });
      await assert.rejects(declined, /declined/);
      assert.deepEqual(await c.client().withIdempotency(key, c.effect), { by: 2 });
    });

    for (const onCrash of POLICIES) {
      it(`if even the marker is refused, the lease decides, and an event says so (${onCrash})`, async (t) => {
        const { c } = await own(t, executor, { defaults: { onCrash } });
        const proxy = await c.proxy();
        proxy.fault('refuse', { on: isCompletion, times: ALWAYS, text: TOO_LARGE });
        const client = c.client({ url: proxy.url });
        const reasons = [];
        client.on('result-unrecorded', ({ reason }) => reasons.push(reason));
        assert.equal(await client.withIdempotency(key, large(c)), LARGE);
        assert.deepEqual(client.told, ['claimed', 'store-error', 'result-unrecorded']);
        assert.deepEqual(reasons, ['store-error']);
        const again = await retried(c);
        assert.deepEqual(again, onCrash === 'hold' ? ['ERR_INDETERMINATE', undefined] : { by: 2 });
      });
    }

    for (const text of [
      "OOM command not allowed when used memory > 'maxmemory'.",
      'MISCONF Redis is configured to save RDB snapshots, but it cannot.',
      "NOPERM this user has no permissions to run the 'evalsha' command",
      'NOAUTH Authentication required.',
      'ERR max requests limit exceeded. Limit: 500000, Usage: 500000.',
      'ERR max daily request size exceeded.',
      'ERR DB capacity quota exceeded',
    ]) {
      it(`anything else is tried until it is recorded: ${text.slice(0, 30)}…`, async (t) => {
        const { c } = await own(t, executor, { totalTimeoutMs: 400 });
        const proxy = await c.proxy();
        const fault = proxy.fault('refuse', { on: isCompletion, times: 20, text });
        const client = c.client({ url: proxy.url });
        assert.equal(await client.withIdempotency(key, large(c)), LARGE);
        await eventually(() => client.told.includes('completed'), { withinMs: 15_000 });
        assert.deepEqual(client.told, ['claimed', 'result-unrecorded', 'completed']);
        assert.equal(fault.hits, 20);
        assert.equal(await c.client().withIdempotency(key, c.effect), LARGE);
        assert.equal(c.ledger.count(), 1);
      });
    }

    it("an operator's value that it refuses is refused at once", async (t) => {
      const { c } = await own(t, executor, { defaults: { onError: 'hold' } });
      const proxy = await c.proxy();
      proxy.fault('refuse', { on: isLarge, times: ALWAYS, text: TOO_LARGE });
      const client = c.client({ url: proxy.url });
      const held = client.withIdempotency(key, () => Promise.reject(new Error('timeout')));
      await assert.rejects(held, /timeout/);
      await assert.rejects(client.resolve({ key }, { value: LARGE }), { code: 'ERR_STORE_PROTOCOL', message: /Limit/ });
      assert.equal(await client.resolve({ key }, { value: 1 }), 'resolved');
    });
  });

  describe(`RC12 an outcome at which the server hangs up · redis×${executor}`, { timeout: 120_000 }, () => {
    const HUGE = 'y'.repeat(4_000_000);
    const defaults = { maxResultBytes: 8_000_000, leaseMs: 3_000 };
    const huge = (c) => (ctx) => c.effect(ctx) && HUGE;

    /** Small calls, one after the other, until `isOver`; how long the longest took. */
    async function longestCall(client, isOver) {
      let longestMs = 0;
      for (let n = 0; !isOver(); n += 1) {
        const [, tookMs] = await elapsed(() => client.withIdempotency(`small-${n}`, () => n));
        longestMs = Math.max(longestMs, tookMs);
        await pause(5);
      }
      return longestMs;
    }

    for (const [limit, config] of [
      ['client-query-buffer-limit', ['client-query-buffer-limit 1mb']],
      ['proto-max-bulk-len', ['proto-max-bulk-len 1mb']],
    ]) {
      it(`${limit} 1mb: nothing runs twice, and the client's other calls go on`, async (t) => {
        const { redis, c } = await own(t, executor, { config, defaults });
        const client = c.client();
        await client.withIdempotency('warm', () => 1);
        let isOver = false;
        const others = longestCall(client, () => isOver);
        const [value, tookMs] = await elapsed(() => client.withIdempotency(key, huge(c)));
        await eventually(() => client.told.includes('result-unrecorded'), { withinMs: 10_000 });
        isOver = true;
        const longestMs = await others;
        assert.ok(value === HUGE);
        assert.ok(tookMs < 2_500, `${tookMs} ms`);
        assert.ok(longestMs < 1_000, `another call took ${longestMs} ms`);
        await pause(defaults.leaseMs + 500);
        const again = c.client().withIdempotency(key, c.effect);
        assert.deepEqual(await again.catch(({ code, reason }) => [code, reason]), UNAVAILABLE);
        assert.equal(c.ledger.count(key), 1);

        // From then on the client's connection is not put at risk by another of that size.
        const shared = async () => /^id=(\d+) .* name=actonce /m.exec(await redis.send('CLIENT', 'LIST'))[1];
        const before = await shared();
        assert.ok((await client.withIdempotency('order-2', huge(c))) === HUGE);
        const second = await client.inspect({ key: 'order-2' });
        assert.deepEqual([second.state, second.outcome.reason], ['completed', 'too-large']);
        assert.equal(await shared(), before);
      });
    }

    it('it is sent twice with all others and once alone; the next of its size is sent alone at once', async (t) => {
      const { redis, c } = await own(t, executor, { defaults: { leaseMs: 10_000 } });
      const proxy = await c.proxy();
      const fault = proxy.fault('hang-up', { on: isLarge, times: ALWAYS });
      const client = c.client({ url: proxy.url });
      assert.equal(await client.withIdempotency(key, large(c)), LARGE);
      assert.equal(fault.hits, 3);
      assert.equal(await client.withIdempotency('order-2', large(c)), LARGE);
      assert.equal(fault.hits, 4);
      assert.deepEqual(
        await c
          .client()
          .withIdempotency(key, c.effect)
          .catch(({ reason }) => reason),
        'too-large',
      );
      // The connection of its own is not kept.
      const connections = async () => (await redis.send('CLIENT', 'LIST')).match(/ name=actonce /g).length;
      await eventually(async () => proxy.connections === 1 && (await connections()) === 2);
    });

    it('a limit that is raised is found out: the next outcome of that size is recorded', async (t) => {
      const { c } = await own(t, executor, { defaults: { leaseMs: 10_000 } });
      const proxy = await c.proxy();
      proxy.fault('hang-up', { on: isLarge, times: 3 });
      const client = c.client({ url: proxy.url });
      assert.equal(await client.withIdempotency(key, large(c)), LARGE);
      assert.equal(await client.withIdempotency('order-2', large(c)), LARGE);
      assert.equal(await c.client().withIdempotency('order-2', c.effect), LARGE);
    });

    it('a transition on whose data it hangs up is refused in time, and changes nothing', async (t) => {
      const { c } = await own(t, executor);
      const proxy = await c.proxy();
      const fault = proxy.fault('hang-up', { on: isLarge, times: ALWAYS });
      const client = c.client({ url: proxy.url });
      const order = defineStateMachine(
        { id: 'order', initial: 'new', states: { new: { on: { PAY: 'paid' } }, paid: {} } },
        { client },
      );
      await order.create('o-1');
      const sent = order.send('o-1', 'PAY', { data: LARGE });
      await assert.rejects(sent, { code: 'ERR_STORE_PROTOCOL', message: /200\d{3} bytes/ });
      assert.equal(fault.hits, 3);
      assert.equal((await order.get('o-1')).state, 'new');
      assert.equal((await order.send('o-1', 'PAY')).state, 'paid');
    });

    it('a network that is cut again and again counts for nothing: the value is recorded', async (t) => {
      const { c } = await own(t, executor, { totalTimeoutMs: 1_000, defaults: { leaseMs: 10_000 } });
      const proxy = await c.proxy();
      const client = c.client({ url: proxy.url });
      // Everything on it ends, six times, whenever this outcome is on its way; in between small calls are answered.
      let left = 6;
      const isCut = (args) => isLarge(args) && left > 0;
      const fault = proxy.fault('drop-request', { on: isCut, times: left });
      fault.strike = () => {
        left -= 1;
        setImmediate(() => proxy.cut());
      };
      assert.equal(await client.withIdempotency(key, large(c)), LARGE);
      await eventually(() => client.told.includes('completed'), { withinMs: 30_000 });
      assert.equal(left, 0);
      assert.ok(!client.told.includes('store-error'), `${client.told}`);
      assert.equal(await c.client().withIdempotency(key, c.effect), LARGE);
      assert.equal(c.ledger.count(key), 1);
    });
  });
}
