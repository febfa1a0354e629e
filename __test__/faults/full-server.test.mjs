// A full server writes nothing, but it still reads. A call whose key has a record is answered by that record, and nothing
// runs beside it, whatever `onStoreUnavailable` allows.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Contenders, EXECUTORS, LEASE_MS, POLICIES } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { heldCall } from '../support/held-run.mjs';
import { startRedis } from '../support/redis.mjs';
import { it } from '../support/steady.mjs';
import '../support/unhandled.mjs';

const key = 'order-1';

async function own(t, executor, options) {
  const redis = await startRedis();
  t.after(() => redis.stop());
  return { redis, c: new Contenders(t, redis, { executor, totalTimeoutMs: 1_000, ...options }) };
}

const refusals = {
  'out of memory': {
    code: 'ERR_STORE_FULL',
    begin: (redis) => redis.send('CONFIG', 'SET', 'maxmemory', 1),
  },
  'without a replica that it must have': {
    code: 'ERR_STORE_UNAVAILABLE',
    begin: (redis) => redis.send('CONFIG', 'SET', 'min-replicas-to-write', 1),
  },
};

for (const executor of EXECUTORS) {
  for (const [what, { code, begin }] of Object.entries(refusals)) {
    describe(`RC5 a server that writes nothing, ${what} · redis×${executor}`, {
      concurrency: 4,
      timeout: 60_000,
    }, () => {
      for (const onStoreUnavailable of ['reject', 'run']) {
        const more = { defaults: { onStoreUnavailable } };

        it(`a completed key is replayed (${onStoreUnavailable})`, async (t) => {
          const { redis, c } = await own(t, executor);
          assert.deepEqual(await c.client().withIdempotency(key, c.effect), { by: 1 });
          await begin(redis);
          assert.deepEqual(await c.client(more).withIdempotency(key, c.effect), { by: 1 });
          assert.equal(c.ledger.count(), 1);
        });

        it(`a recorded error is thrown again (${onStoreUnavailable})`, async (t) => {
          const { redis, c } = await own(t, executor);
          const declined = { onError: 'record', scope: 'k' };
          const first = c.client().withIdempotency(key, () => Promise.reject(new Error('declined')), declined);
          await assert.rejects(first, /declined/);
          await begin(redis);
          await assert.rejects(c.client(more).withIdempotency(key, c.effect, { scope: 'k' }), /declined/);
          assert.equal(c.ledger.count(), 0);
        });

        it(`another payload is refused as ever (${onStoreUnavailable})`, async (t) => {
          const { redis, c } = await own(t, executor);
          await c.client().withIdempotency(key, c.effect, { scope: 'k', payload: 1 });
          await begin(redis);
          const other = c.client(more).withIdempotency(key, c.effect, { scope: 'k', payload: 2 });
          await assert.rejects(other, { code: 'ERR_KEY_REUSED' });
        });

        it(`nothing runs beside a run in progress (${onStoreUnavailable})`, async (t) => {
          const { redis, c } = await own(t, executor);
          const run = heldCall(c.client(), key, c.effect);
          await run.inside;
          await begin(redis);
          const rejects = { onDuplicate: 'reject' };
          await assert.rejects(c.client(more).withIdempotency(key, c.effect, rejects), { code: 'ERR_IN_PROGRESS' });
          const waits = c.client(more).withIdempotency(key, c.effect, { waitTimeoutMs: 300 });
          await assert.rejects(waits, { code: 'ERR_IN_PROGRESS' });
          assert.equal(c.ledger.count(), 0);
          run.letGo();
          assert.deepEqual(await run.result, { by: 1 });
        });

        for (const onCrash of POLICIES) {
          it(`no attempt that vanished is taken over (${onStoreUnavailable}, ${onCrash})`, async (t) => {
            const { redis, c } = await own(t, executor, { defaults: { onCrash } });
            const worker = await c.worker();
            const call = worker.call({ key, steps: [{ effect: true }, { say: 'in' }, { wait: 'on' }] });
            call.result.catch(() => {});
            await call.said('in');
            await worker.kill();
            await begin(redis);
            await eventually(async () => (await c.record()).leaseLeftMs <= 0);
            const client = c.client({ defaults: { onCrash, onStoreUnavailable } });
            await assert.rejects(client.withIdempotency(key, c.effect), { code });
            assert.equal(c.ledger.count(), 1);
          });
        }
      }

      it("with 'run' a key that has no record runs, as that option says", async (t) => {
        const { redis, c } = await own(t, executor);
        await begin(redis);
        const client = c.client({ defaults: { onStoreUnavailable: 'run' } });
        assert.equal(await client.withIdempotency(key, (ctx) => ctx.protected), false);
        await assert.rejects(c.client().withIdempotency(key, c.effect), { code });
        assert.equal(c.ledger.count(), 0);
      });

      it('a key whose record has expired runs under run, and one whose attempt gave it back does not', async (t) => {
        const { redis, c } = await own(t, executor);
        const [brief, released] = ['brief', 'released'];
        await c.client({ defaults: { retentionMs: 100 } }).withIdempotency(brief, () => 1);
        const fails = () => Promise.reject(new Error('declined'));
        await assert.rejects(c.client().withIdempotency(released, fails), /declined/);
        await pause(LEASE_MS);
        await begin(redis);
        const client = c.client({ defaults: { onStoreUnavailable: 'run' } });
        assert.equal(await client.withIdempotency(brief, () => 2), 2);
        await assert.rejects(client.withIdempotency(released, c.effect), { code });
      });
    });
  }
}
