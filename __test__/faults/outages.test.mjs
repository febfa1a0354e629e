// The store is away: before a call, during fn, after fn, for a moment or for good; it comes back with its data, without
// them, or full. What callers get, what runs, and what is recorded in the end.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Contenders, EXECUTORS, LEASE_MS, POLICIES } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { gate } from '../support/gate.mjs';
import { startRedis } from '../support/redis.mjs';
import { it } from '../support/steady.mjs';
import '../support/unhandled.mjs';

const key = 'order-1';

/** With `everysec` Redis may hold a write back for up to two seconds while an fsync is under way. */
const DURABLE = ['appendonly yes', 'appendfsync always'];

/** A server of the test's own, to be ruined. */
async function own(t, options, config) {
  const redis = await startRedis({ config });
  t.after(() => redis.stop());
  return { redis, c: new Contenders(t, redis, options) };
}

async function elapsed(work) {
  const startedAt = performance.now();
  return [await work(), performance.now() - startedAt];
}

for (const executor of EXECUTORS) {
  describe(`E. the store is away · redis×${executor}`, { concurrency: 4, timeout: 60_000 }, () => {
    const absences = {
      'that refuses connections': (redis) => redis.stop(),
      'that accepts and is silent': (redis) => redis.freeze(),
    };
    for (const [what, absent] of Object.entries(absences)) {
      it(`E3 (RB9) a store ${what}: a typed error in time, and fn does not run`, async (t) => {
        const { redis, c } = await own(t, { executor, totalTimeoutMs: 500 });
        const client = c.client();
        await absent(redis);
        for (const _ of ['connecting', 'again']) {
          const [error, tookMs] = await elapsed(() => client.withIdempotency(key, c.effect).catch((caught) => caught));
          assert.deepEqual([error.code, error.retryable], ['ERR_STORE_UNAVAILABLE', true]);
          assert.ok(tookMs >= 490 && tookMs < 3_000, `${tookMs} ms`);
        }
        for (const ask of [() => client.inspect({ key }), () => client.reset({ key })]) {
          const [error, tookMs] = await elapsed(() => ask().catch((caught) => caught));
          assert.equal(error.code, 'ERR_STORE_UNAVAILABLE');
          assert.ok(tookMs < 3_000, `${tookMs} ms`);
        }
        assert.equal(c.ledger.count(), 0);
        assert.deepEqual(client.told, ['store-error', 'store-error']);
      });

      it(`E3 (RB9) a store ${what} and onStoreUnavailable 'run': fn runs without protection`, async (t) => {
        const { redis, c } = await own(t, { executor, totalTimeoutMs: 300, defaults: { onStoreUnavailable: 'run' } });
        const client = c.client();
        await absent(redis);
        const run = (ctx) => {
          c.effect(ctx);
          ctx.assertHeld();
          return [ctx.protected, ctx.fence, ctx.attempt, ctx.signal.aborted];
        };
        // The second waits for the first and shares its outcome: unprotected, but not needlessly twice.
        const both = [client.withIdempotency(key, run), client.withIdempotency(key, run)];
        assert.deepEqual(await Promise.all(both), [
          [false, undefined, 1, false],
          [false, undefined, 1, false],
        ]);
        assert.equal(c.ledger.count(key), 1);
        assert.deepEqual(client.told, ['store-error', 'joined']);
      });
    }

    it('D10 a claim whose answer is read when its lease is over is made again before fn starts', async (t) => {
      const { redis, c } = await own(t, { executor });
      const client = c.client();
      await client.inspect({ key });
      redis.freeze();
      const call = client.withIdempotency(key, async (ctx) => {
        ctx.assertHeld();
        const { leaseLeftMs, attempt } = await c.record();
        return [leaseLeftMs > 0, attempt];
      });
      // The claim is written by then; the server takes it, while this thread is busy for longer than the lease.
      setTimeout(() => {
        redis.thaw();
        const until = performance.now() + 1.5 * LEASE_MS;
        while (performance.now() < until);
      }, 50);
      assert.deepEqual(await call, [true, 1]);
    });

    it("E3 onStoreUnavailable 'run' starts nothing that another process was seen to run", async (t) => {
      const { c } = await own(t, { executor, totalTimeoutMs: 300 });
      const proxy = await c.proxy();
      const work = gate();
      // A try that fails half-way must not leave it running.
      t.after(() => work.resolve('done'));
      const first = c.client().withIdempotency(key, async (ctx) => c.effect(ctx) && (await work.promise));
      await eventually(() => c.ledger.count(key) === 1);
      const second = c.client({ url: proxy.url, defaults: { onStoreUnavailable: 'run' } });
      const waits = second.withIdempotency(key, c.effect).catch(({ code }) => code);
      await eventually(async () => (await c.record()).flags % 2 === 1, { what: 'the mark of the one that waits' });
      proxy.mode('black-hole');
      assert.equal(await waits, 'ERR_STORE_UNAVAILABLE');
      assert.equal(c.ledger.count(key), 1);
      work.resolve('done');
      assert.equal(await first, 'done');
    });

    it('E3 a connected store that goes silent: a typed error in time, then it works again', async (t) => {
      const { redis, c } = await own(t, { executor, totalTimeoutMs: 500 });
      const client = c.client();
      await client.withIdempotency('warm', () => 1);
      redis.freeze();
      const [error, tookMs] = await elapsed(() => client.withIdempotency(key, c.effect).catch((caught) => caught));
      assert.equal(error.code, 'ERR_STORE_UNAVAILABLE');
      assert.ok(tookMs >= 490 && tookMs < 3_000, `${tookMs} ms`);
      redis.thaw();
      // The claim that was given up may have been applied by the thaw; it was withdrawn, or its lease ends.
      await eventually(() => client.withIdempotency(key, c.effect));
      assert.equal(c.ledger.count(key), 1);
    });

    for (const onCrash of POLICIES) {
      it(`E4 the store dies during fn and comes back within the lease: the value is recorded, nothing runs twice (${onCrash})`, async (t) => {
        const { redis, c } = await own(t, { executor, defaults: { leaseMs: 3_000, onCrash } }, DURABLE);
        const client = c.client({ totalTimeoutMs: 1_000 });
        const [value, tookMs] = await elapsed(() =>
          client.withIdempotency(key, async (ctx) => {
            await redis.stop('SIGKILL');
            return c.effect(ctx);
          }),
        );
        assert.deepEqual(value, { by: 1 });
        assert.ok(tookMs < 3_000, `${tookMs} ms`);
        assert.deepEqual(client.told, ['claimed', 'result-unrecorded']);
        // In this process the outcome is known although it is not recorded yet.
        assert.deepEqual(await client.withIdempotency(key, c.effect), { by: 1 });
        await redis.start();
        assert.deepEqual(await c.client().withIdempotency(key, c.effect), { by: 1 });
        await eventually(() => client.told.includes('completed'));
        assert.deepEqual(client.told, ['claimed', 'result-unrecorded', 'joined', 'completed']);
        assert.equal(c.ledger.count(key), 1);
        await client.close();
      });
    }

    it('E4 a release waits for the store, too, and nothing of it was to be recorded', async (t) => {
      const { redis, c } = await own(t, { executor, defaults: { leaseMs: 3_000 } }, DURABLE);
      const client = c.client({ totalTimeoutMs: 300 });
      const declined = client.withIdempotency(key, async () => {
        await redis.stop('SIGKILL');
        throw new Error('declined');
      });
      await assert.rejects(declined, /declined/);
      assert.deepEqual(client.told, ['claimed']);
      await redis.start();
      await eventually(() => client.told.includes('released'));
      assert.deepEqual(client.told, ['claimed', 'released']);
      assert.deepEqual(await c.client().withIdempotency(key, c.effect), { by: 2 });
    });

    it('E4 close waits for an outcome that is not recorded yet', async (t) => {
      const { redis, c } = await own(t, { executor, defaults: { leaseMs: 3_000 } }, DURABLE);
      const client = c.client({ totalTimeoutMs: 1_000 });
      await client.withIdempotency(key, async (ctx) => {
        await redis.stop('SIGKILL');
        return c.effect(ctx);
      });
      const closing = client.close({ graceMs: 10_000 });
      await redis.start();
      const [, tookMs] = await elapsed(() => closing);
      assert.ok(tookMs < 5_000, `${tookMs} ms`);
      assert.equal((await c.record()).state, 'C');
    });

    it('E3 a question that follows a long wait has its whole time for a store that stumbles', async (t) => {
      const { c } = await own(t, { executor, defaults: { leaseMs: 30_000 } });
      const proxy = await c.proxy();
      const work = gate();
      const owner = c.client().withIdempotency(key, async (ctx) => c.effect(ctx) && (await work.promise));
      await eventually(() => c.ledger.count(key) === 1);
      const waiting = c.client({ url: proxy.url, totalTimeoutMs: 1_500, commandTimeoutMs: 3_000 });
      const waits = waiting.withIdempotency(key, c.effect).catch(({ code }) => code);
      await pause(1_600);
      // Somebody who waits asks once a second, so one question is under way when the store goes on.
      proxy.mode('stall');
      work.resolve('done');
      await pause(1_100);
      proxy.mode('pass');
      assert.deepEqual([await owner, await waits], ['done', 'done']);
      assert.equal(c.ledger.count(key), 1);
    });

    it('E4 once a late outcome is recorded, the store is asked again: what is reset runs', async (t) => {
      const { c } = await own(t, { executor, defaults: { leaseMs: 3_000 } });
      const proxy = await c.proxy();
      const client = c.client({ url: proxy.url, totalTimeoutMs: 300 });
      const stalls = (ctx) => {
        proxy.mode('stall');
        return c.effect(ctx);
      };
      assert.deepEqual(await client.withIdempotency(key, stalls), { by: 1 });
      assert.deepEqual(client.told, ['claimed', 'result-unrecorded']);
      proxy.mode('pass');
      await eventually(() => client.told.includes('completed'));
      assert.equal(await c.client().reset({ key }), 'reset');
      assert.deepEqual(await client.withIdempotency(key, c.effect), { by: 2 });
    });

    it('E4 an outcome that comes too late for its key is told as a stale write, and not kept', async (t) => {
      const { c } = await own(t, { executor, defaults: { leaseMs: 3_000 } });
      const proxy = await c.proxy();
      const client = c.client({ url: proxy.url, totalTimeoutMs: 300 });
      const parts = (ctx) => {
        proxy.mode('black-hole');
        return c.effect(ctx);
      };
      assert.deepEqual(await client.withIdempotency(key, parts), { by: 1 });
      const other = c.client();
      assert.equal(await other.reset({ key }, { force: true }), 'reset');
      assert.deepEqual(await other.withIdempotency(key, c.effect), { by: 2 });
      proxy.mode('pass');
      proxy.cut();
      await eventually(() => client.told.includes('stale-write'), { withinMs: 10_000 });
      assert.deepEqual(client.told, ['claimed', 'result-unrecorded', 'stale-write']);
      assert.deepEqual(await client.withIdempotency(key, c.effect), { by: 2 });
    });

    for (const onCrash of POLICIES) {
      it(`RB8 the store is away from the end of fn for three leases: the value is the caller's (${onCrash})`, async (t) => {
        const { c } = await own(t, { executor, defaults: { onCrash } });
        const proxy = await c.proxy();
        const client = c.client({ url: proxy.url, totalTimeoutMs: 1_000, defaults: { recordTimeoutMs: 1_500 } });
        const value = await client.withIdempotency(key, async (ctx) => {
          proxy.mode('black-hole');
          return c.effect(ctx);
        });
        assert.deepEqual(value, { by: 1 });
        await eventually(() => client.told.includes('store-error'));
        await pause(LEASE_MS);
        assert.deepEqual(client.told, ['claimed', 'result-unrecorded', 'store-error']);
        const again = await c
          .client()
          .withIdempotency(key, c.effect)
          .catch((error) => error.code);
        assert.deepEqual(again, onCrash === 'hold' ? 'ERR_INDETERMINATE' : { by: 2 });
      });
    }

    it('RC1 the server crashes after the claim and after the completion, with AOF: nothing is lost', async (t) => {
      const { redis, c } = await own(t, { executor, defaults: { leaseMs: 3_000 } }, DURABLE);
      const client = c.client();
      const held = await client.withIdempotency(key, async (ctx) => {
        await redis.restart('SIGKILL');
        await c.renewed();
        ctx.assertHeld();
        return c.effect(ctx) && !ctx.signal.aborted;
      });
      assert.equal(held, true);
      await redis.restart('SIGKILL');
      assert.equal(await client.withIdempotency(key, c.effect), true);
      assert.equal(c.ledger.count(key), 1);
      assert.deepEqual(client.told, ['claimed', 'completed', 'replayed']);
    });

    it('RC2 the server forgets everything during fn: a second run has a larger fence, the first is refused', async (t) => {
      const { redis, c } = await own(t, { executor });
      const [first, second] = [c.client(), c.client()];
      const inside = gate();
      const resume = gate();
      const running = first
        .withIdempotency(key, async (ctx) => {
          await redis.restart('SIGKILL');
          await eventually(() => ctx.signal.aborted, { what: 'the loss of the lease' });
          inside.resolve(ctx);
          await resume.promise;
          return 'first';
        })
        .catch((caught) => caught);
      const ctx = await Promise.race([inside.promise, running]);
      assert.equal(ctx.signal.reason.reason, 'refused');
      const fences = [ctx.fence, await second.withIdempotency(key, (other) => other.fence)];
      resume.resolve();
      const error = await running;
      assert.deepEqual([error.code, error.value], ['ERR_LEASE_LOST', 'first']);
      assert.ok(fences[1] > fences[0], fences.join());
      assert.equal(await first.withIdempotency(key, c.effect), fences[1]);
    });

    it('RC5 a full server refuses the claim: a typed error, and fn does not run', async (t) => {
      const { redis, c } = await own(t, { executor });
      const client = c.client();
      await redis.send('CONFIG', 'SET', 'maxmemory', 1);
      const [error, tookMs] = await elapsed(() => client.withIdempotency(key, c.effect).catch((caught) => caught));
      assert.deepEqual([error.code, error.retryable], ['ERR_STORE_FULL', true]);
      assert.ok(tookMs < 3_000, `${tookMs} ms of 5 s`);
      assert.equal(c.ledger.count(), 0);
      await redis.send('CONFIG', 'SET', 'maxmemory', 0);
      assert.deepEqual(await client.withIdempotency(key, c.effect), { by: 1 });
    });

    it('RC6 (E7) a server that is full by the end of fn: the caller has its value, the lease is kept, the outcome comes', async (t) => {
      const { redis, c } = await own(t, { executor, totalTimeoutMs: 1_000 });
      const client = c.client();
      const value = await client.withIdempotency(key, async (ctx) => {
        await redis.send('CONFIG', 'SET', 'maxmemory', 1);
        return c.effect(ctx);
      });
      assert.deepEqual(value, { by: 1 });
      assert.deepEqual(client.told, ['claimed', 'result-unrecorded']);
      const rival = c.client({ defaults: { onDuplicate: 'reject' } });
      await pause(2 * LEASE_MS);
      const refusal = await rival.withIdempotency(key, c.effect).catch((error) => error);
      assert.match(refusal.code, /^ERR_(IN_PROGRESS|STORE_FULL)$/);
      const record = await c.record();
      assert.ok(record.state === 'P' && record.leaseLeftMs > 0, JSON.stringify(record));
      await redis.send('CONFIG', 'SET', 'maxmemory', 0);
      await eventually(() => client.told.includes('completed'));
      assert.deepEqual(await rival.withIdempotency(key, c.effect), { by: 1 });
      assert.equal(c.ledger.count(key), 1);
    });

    it('RB12 the server stalls for 400 ms in the middle of fn: no abort, no second run', async (t) => {
      const { redis, c } = await own(t, { executor });
      const [owner, rival] = [c.client(), c.client()];
      const paused = gate();
      const running = owner.withIdempotency(key, async (ctx) => {
        await c.renewed();
        await redis.send('CLIENT', 'PAUSE', 400, 'ALL');
        paused.resolve();
        await pause(2 * LEASE_MS);
        return c.effect(ctx) && ctx.signal.aborted;
      });
      await Promise.race([paused.promise, running]);
      const waiting = rival.withIdempotency(key, c.effect);
      const aborted = await running;
      assert.equal(aborted, false);
      assert.equal(await waiting, false);
      assert.equal(c.ledger.count(key), 1);
      assert.deepEqual(owner.told, ['claimed', 'completed']);
    });
  });
}
