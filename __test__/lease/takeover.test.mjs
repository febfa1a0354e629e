// What becomes of a key whose holder froze, was killed or cut off: who may run next, what the old holder can still do,
// and what it is told. Real processes and signals; effects are counted outside of the store.
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { after, before, describe } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Contenders, EXECUTORS, isCompletion, LEASE_MS } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { startRedis } from '../support/redis.mjs';
import { it } from '../support/steady.mjs';
import '../support/unhandled.mjs';

/** What scheduling and messages between processes on a busy machine may add to a takeover. */
const SLACK_MS = 200;
const key = 'order-1';

let redis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

const contenders = (t, options) => new Contenders(t, redis, options);
const types = async (worker) => (await worker.events()).map(({ type }) => type);

/** Resolves when the lease in the record is over by the server's clock. */
const leaseOver = (c) => eventually(async () => (await c.record()).leaseLeftMs <= 0, { what: 'the end of the lease' });

/** A worker whose fn waits for the word 'go' in the middle. */
async function holder(c, { before: early = [], after: late = [{ return: 'A' }], ...options } = {}) {
  const worker = await c.worker(options);
  const call = worker.call({ key, steps: [...early, { say: 'in' }, { wait: 'go' }, ...late] });
  call.result.catch(() => {});
  return { worker, call, context: await call.said('in') };
}

for (const executor of EXECUTORS) {
  describe(`D. a frozen holder · redis×${executor}`, { concurrency: 4, timeout: 60_000 }, () => {
    it('D2b is not renewed while it stands still: another process takes over, after the lease, with a larger fence', async (t) => {
      const c = contenders(t, { executor });
      const { worker, context } = await holder(c);
      const rival = c.client();
      await worker.freeze();
      const frozenAt = performance.now();
      const { leaseLeftMs } = await c.record();
      const [fence, recovered] = await rival.withIdempotency(key, (ctx) => [ctx.fence, ctx.recovered]);
      const took = performance.now() - frozenAt;
      assert.ok(fence > context.fence);
      assert.equal(recovered, true);
      assert.ok(took > leaseLeftMs - 10 && took < LEASE_MS + SLACK_MS, `took over after ${took} of ${leaseLeftMs} ms`);
      assert.deepEqual(rival.told, ['waited', 'claimed', 'takeover', 'completed']);
    });

    it('D3 (RA9) that thaws after another completed is refused, is told so, and changes nothing', async (t) => {
      const c = contenders(t, { executor });
      const late = [{ sleepMs: 20 }, { effect: true }, { return: 'A' }];
      const { worker, call } = await holder(c, { after: late });
      const rival = c.client();
      await worker.freeze();
      assert.deepEqual(await rival.withIdempotency(key, c.effect), { by: 2 });
      const { text } = await c.record();
      await pause(2 * LEASE_MS);
      call.tell('go');
      worker.thaw();
      const { error, runs } = await call.result;
      assert.deepEqual(
        [error.code, error.reason, error.hasValue, error.value],
        ['ERR_LEASE_LOST', 'expired', true, 'A'],
      );
      assert.equal(runs[0].aborted, true);
      assert.equal((await c.record()).text, text);
      assert.deepEqual(await rival.withIdempotency(key, c.effect), { by: 2 });
      assert.deepEqual(await types(worker), ['claimed', 'lease-lost', 'stale-write']);
    });

    it('RA9 sees it at once when it thaws: assertHeld looks at the clock', async (t) => {
      const c = contenders(t, { executor });
      const { worker, call } = await holder(c, { after: [{ assertHeld: true }, { effect: true }] });
      const rival = c.client();
      await worker.freeze();
      await rival.withIdempotency(key, c.effect);
      call.tell('go');
      worker.thaw();
      const { error } = await call.result;
      assert.equal(error.code, 'ERR_LEASE_LOST');
      assert.deepEqual(
        c.ledger.entries(key).map(({ attempt }) => attempt),
        [2],
      );
      assert.deepEqual(await rival.withIdempotency(key, c.effect), { by: 2 });
    });

    it('D4 that thaws and throws after another completed does not take the outcome away', async (t) => {
      const c = contenders(t, { executor });
      const { worker, call } = await holder(c, {
        after: [{ sleepMs: 30 }, { throw: { name: 'Error', message: 'declined' } }],
      });
      const rival = c.client();
      await worker.freeze();
      await rival.withIdempotency(key, c.effect);
      call.tell('go');
      worker.thaw();
      assert.equal((await call.result).error.message, 'declined');
      assert.deepEqual(await rival.withIdempotency(key, c.effect), { by: 2 });
      assert.equal(c.ledger.count(key), 1);
      assert.deepEqual(await types(worker), ['claimed', 'lease-lost', 'stale-write']);
    });

    it('RA18 that thaws and throws while another runs does not touch the claim of the other', async (t) => {
      const c = contenders(t, { executor });
      const { worker, call } = await holder(c, { after: [{ throw: { name: 'Error', message: 'late' } }] });
      const [rival, third] = [c.client(), c.client({ defaults: { onDuplicate: 'reject' } })];
      await worker.freeze();
      let release;
      const running = rival.withIdempotency(key, async (ctx) => {
        await new Promise((resolve) => {
          release = resolve;
        });
        return c.effect(ctx);
      });
      await eventually(() => release);
      const { owner } = await c.record();
      call.tell('go');
      worker.thaw();
      assert.equal((await call.result).error.message, 'late');
      assert.deepEqual([(await c.record()).state, (await c.record()).owner], ['P', owner]);
      await assert.rejects(third.withIdempotency(key, c.effect), { code: 'ERR_IN_PROGRESS' });
      release();
      assert.deepEqual(await running, { by: 2 });
      assert.equal(c.ledger.count(key), 1);
    });

    it('RA11 under hold: others are told that nobody knows, and its own completion after the thaw is the outcome', async (t) => {
      const c = contenders(t, { executor, defaults: { onCrash: 'hold' } });
      const { worker, call, context } = await holder(c, { after: [{ effect: true }, { return: 'A' }] });
      const rival = c.client();
      await worker.freeze();
      const startedAt = Date.now();
      const error = await rival.withIdempotency(key, c.effect).catch((caught) => caught);
      assert.deepEqual([error.code, error.fence], ['ERR_INDETERMINATE', context.fence]);
      assert.ok(error.since.getTime() >= startedAt && error.since.getTime() <= Date.now());
      call.tell('go');
      worker.thaw();
      assert.equal((await call.result).value, 'A');
      assert.equal(await rival.withIdempotency(key, c.effect), 'A');
      assert.equal(c.ledger.count(key), 1);
      assert.deepEqual(rival.told, ['waited', 'indeterminate', 'replayed']);
    });

    it('RA12 between the applied completion and its reply gets its value when it thaws, and nothing runs again', async (t) => {
      const c = contenders(t, { executor });
      const proxy = await c.proxy();
      const fault = proxy.fault('delay', { on: isCompletion, ms: 50 });
      const { worker, call } = await holder(c, { url: proxy.url, after: [{ effect: true }, { return: 'A' }] });
      call.tell('go');
      await fault.struck;
      await worker.freeze();
      await pause(3 * LEASE_MS);
      assert.equal((await c.record()).state, 'C');
      worker.thaw();
      assert.equal((await call.result).value, 'A');
      assert.equal(await c.client().withIdempotency(key, c.effect), 'A');
      assert.equal(c.ledger.count(key), 1);
      assert.deepEqual(await types(worker), ['claimed', 'completed']);
    });

    it('D6 (RA10) cut off and then healed writes with an older fence: a downstream that compares keeps one effect', async (t) => {
      const c = contenders(t, { executor });
      const proxy = await c.proxy();
      const late = [{ untilAborted: true }, { say: 'aborted' }, { wait: 'heal' }, { effect: true }, { return: 'A' }];
      const { call } = await holder(c, { url: proxy.url, after: late });
      const rival = c.client();
      proxy.mode('black-hole');
      call.tell('go');
      assert.equal((await call.said('aborted')).aborted, true);
      assert.deepEqual(await rival.withIdempotency(key, c.effect), { by: 2 });
      proxy.mode('pass');
      call.tell('heal');
      const { error } = await call.result;
      assert.deepEqual([error.code, error.value], ['ERR_LEASE_LOST', 'A']);
      const effects = c.ledger.entries(key);
      assert.deepEqual(
        effects.map(({ attempt }) => attempt),
        [2, 1],
      );
      // The downstream refuses a fence smaller than one it has seen.
      const accepted = effects.filter(({ fence }, at) => effects.slice(0, at).every((seen) => seen.fence < fence));
      assert.deepEqual(
        accepted.map(({ attempt }) => attempt),
        [2],
      );
      assert.deepEqual(await rival.withIdempotency(key, c.effect), { by: 2 });
    });
  });

  describe(`D. a killed holder · redis×${executor}`, { concurrency: 4, timeout: 60_000 }, () => {
    it('D7 (RA5, I2) rerun: others wait no longer than the lease, then exactly one of them takes over', async (t) => {
      const c = contenders(t, { executor });
      const { worker } = await holder(c, { before: [{ effect: true }] });
      const rivals = [c.client(), c.client(), c.client()];
      const calls = rivals.map((rival) => rival.withIdempotency.outcome(key, c.effect));
      await eventually(async () => (await c.record()).flags % 2 === 1, { what: 'somebody waiting' });
      await worker.kill();
      const killedAt = performance.now();
      const outcomes = await Promise.all(calls);
      const took = performance.now() - killedAt;
      assert.ok(took < LEASE_MS + SLACK_MS, `took over after ${took} ms`);
      assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['executed', 'replayed', 'replayed']);
      for (const { attempt, value } of outcomes) assert.deepEqual([attempt, value], [2, { by: 2 }]);
      assert.deepEqual(
        c.ledger.entries(key).map(({ attempt }) => attempt),
        [1, 2],
      );
      const inspected = await rivals[0].inspect({ key });
      assert.deepEqual([inspected.state, inspected.attempt], ['completed', 2]);
    });

    it('D7 (RA5) a caller that does not wait is told when to ask again, until the lease is over', async (t) => {
      const c = contenders(t, { executor });
      const { worker } = await holder(c);
      const rival = c.client({ defaults: { onDuplicate: 'reject' } });
      await worker.kill();
      const refusal = await rival.withIdempotency(key, c.effect).catch((error) => error);
      assert.equal(refusal.code, 'ERR_IN_PROGRESS');
      assert.ok(refusal.retryAfterMs > 0 && refusal.retryAfterMs <= LEASE_MS);
      await pause(refusal.retryAfterMs + 1);
      assert.deepEqual(await rival.withIdempotency(key, c.effect), { by: 2 });
    });

    it('RA6 killed after the effect: fn runs again, and a downstream that knows its key acts once', async (t) => {
      const c = contenders(t, { executor });
      const { worker } = await holder(c, { before: [{ effect: true }] });
      await worker.kill();
      const charge = (ctx) => c.ledger.record(key, { attempt: ctx.attempt, charge: ctx.deriveKey('charge') });
      await c.client().withIdempotency(key, charge);
      const effects = c.ledger.entries(key);
      assert.deepEqual(
        effects.map(({ attempt }) => attempt),
        [1, 2],
      );
      const charges = effects.map((effect) => effect.charge);
      assert.ok(charges[0]);
      assert.equal(charges[1], charges[0]);
    });

    it('D7 rerun: recover sees the interrupted attempt, and what it finds is the outcome', async (t) => {
      const c = contenders(t, { executor });
      const { worker } = await holder(c, { before: [{ effect: true }] });
      const rival = c.client();
      await worker.kill();
      const failing = async () => {
        throw new Error('the ledger is away');
      };
      await assert.rejects(rival.withIdempotency(key, c.effect, { recover: failing }), /the ledger is away/);
      const seen = [];
      const recover = (ctx) => {
        seen.push([ctx.attempt, ctx.recovered]);
        return { value: `found ${c.ledger.count(ctx.key)}` };
      };
      assert.equal(await rival.withIdempotency(key, c.effect, { recover }), 'found 1');
      assert.equal(await rival.withIdempotency(key, c.effect), 'found 1');
      assert.deepEqual(seen, [[3, true]]);
      assert.equal(c.ledger.count(key), 1);
    });

    it('D7 rerun: recover that finds nothing lets fn run', async (t) => {
      const c = contenders(t, { executor });
      const { worker } = await holder(c);
      await worker.kill();
      assert.deepEqual(await c.client().withIdempotency(key, c.effect, { recover: () => undefined }), { by: 2 });
      assert.equal(c.ledger.count(key), 1);
    });

    it('D7 (RA7) hold: fn is not started again until an operator gives the value', async (t) => {
      const c = contenders(t, { executor, defaults: { onCrash: 'hold' } });
      const { worker, context } = await holder(c, { before: [{ effect: true }] });
      const rival = c.client();
      await assert.rejects(rival.resolve({ key }, { value: 'early' }), { code: 'ERR_IN_PROGRESS' });
      await worker.kill();
      for (const _ of [1, 2]) {
        const error = await rival.withIdempotency(key, c.effect).catch((caught) => caught);
        assert.deepEqual([error.code, error.fence, error.retryable], ['ERR_INDETERMINATE', context.fence, false]);
      }
      assert.equal((await rival.inspect({ key })).state, 'indeterminate');
      assert.equal(await rival.resolve({ key }, { value: { order: 7 } }), 'resolved');
      assert.equal(await rival.resolve({ key }, { rerun: true }), 'settled');
      assert.deepEqual(await rival.withIdempotency(key, c.effect), { order: 7 });
      assert.equal(c.ledger.count(key), 1);
    });

    it('D7 (RA7) hold: an operator lets it run again, with a larger fence, knowing of the first attempt', async (t) => {
      const c = contenders(t, { executor, defaults: { onCrash: 'hold' } });
      const { worker, context } = await holder(c);
      const rival = c.client();
      await worker.kill();
      await leaseOver(c);
      assert.equal(await rival.resolve({ key }, { rerun: true }), 'resolved');
      const seen = await rival.withIdempotency(key, ({ attempt, recovered, fence }) => [attempt, recovered, fence]);
      assert.deepEqual(seen.slice(0, 2), [2, true]);
      assert.ok(seen[2] > context.fence);
    });

    it('D10 a claim that comes after a long wait has its whole lease before it', async (t) => {
      const c = contenders(t, { executor });
      const { worker } = await holder(c);
      const rival = c.client();
      const call = rival.withIdempotency(key, async (ctx) => {
        const { leaseLeftMs } = await c.record();
        ctx.assertHeld();
        return leaseLeftMs;
      });
      await pause(2 * LEASE_MS);
      await worker.kill();
      const leftMs = await call;
      assert.ok(leftMs > LEASE_MS - 150, `only ${leftMs} ms were left`);
    });
  });
}
