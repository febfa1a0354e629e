// RE: clocks that are set while a call is under way: the holder's by the system, the server's by its own. libfaketime sets
// them for real processes; the same jumps of the server are in the Rust tests, where the scripts are given the time.
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Contenders, LEASE_MS, POLICIES } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { missingForClocks, settableClock, tolerantServers } from '../support/faketime.mjs';
import { heldCall } from '../support/held-run.mjs';
import { startRedis } from '../support/redis.mjs';
import { it } from '../support/steady.mjs';
import '../support/unhandled.mjs';

const HOUR_S = 3_600;
const key = 'order-1';
const executor = process.env.ACTONCE_EXECUTOR ?? 'loop';

describe('RE1 the clock of the holder is set', { concurrency: 2, timeout: 60_000, skip: missingForClocks() }, () => {
  for (const [hours, onCrash] of [-1, 1].flatMap((hours) => POLICIES.map((onCrash) => [hours, onCrash]))) {
    it(`RE1 (D11) by ${hours} h in the middle of fn, by the system: nothing changes (${onCrash})`, async (t) => {
      const redis = await startRedis();
      t.after(() => redis.stop());
      const c = new Contenders(t, redis, { executor, defaults: { onCrash } });
      const { env, jump } = settableClock();
      const owner = await c.worker({ env });
      const rest = [{ sleepMs: 2 * LEASE_MS }, { assertHeld: true }, { effect: true }, { return: 'A' }];
      const call = owner.call({ key, steps: [{ say: 'in' }, { wait: 'jumped' }, ...rest] });
      await call.said('in');
      jump(hours * HOUR_S);
      const rival = c.client().withIdempotency(key, c.effect);
      call.tell('jumped');
      const { value, runs } = await call.result;
      assert.deepEqual([value, runs[0].aborted, await rival], ['A', false, 'A']);
      assert.equal(c.ledger.count(key), 1);
      const events = await owner.events();
      assert.deepEqual(
        events.map(({ type }) => type),
        ['claimed', 'completed'],
      );
    });
  }
});

/** A server whose clock the test sets, and what contends there. */
async function onSettable(t, program, options) {
  const { env, jump } = settableClock();
  const redis = await startRedis({ program, env });
  t.after(() => redis.stop());
  const trueSeconds = Date.now() / 1_000;
  const seconds = async () => Number((await redis.send('TIME'))[0]);
  assert.ok(Math.abs((await seconds()) - trueSeconds) < 5);
  const set = async (by) => {
    jump(by);
    await eventually(async () => Math.abs((await seconds()) - Date.now() / 1_000 - by) < 5, { what: 'the jump' });
  };
  return { redis, set, c: new Contenders(t, redis, { executor, ...options }) };
}

const skip = missingForClocks({ server: true });
for (const program of skip ? ['a server'] : tolerantServers()) {
  describe(`RE the clock of ${path.basename(program)} is set`, { concurrency: 2, timeout: 60_000, skip }, () => {
    for (const onCrash of POLICIES) {
      it(`RE2 an hour ahead in the middle of fn: the lease is over early, the first is refused (${onCrash})`, async (t) => {
        const { set, c } = await onSettable(t, program, { defaults: { onCrash, retentionMs: 4 * HOUR_S * 1_000 } });
        const [first, second] = [c.client(), c.client()];
        const held = heldCall(first, key, (ctx) => c.effect(ctx) && 'first');
        const ctx = await held.inside;
        await set(HOUR_S);
        // A renewal may come before the other: then the lease is whole again, by the new clock, and the other waits.
        const other = second
          .withIdempotency(key, (now) => c.effect(now) && now.fence, { waitTimeoutMs: 1_500 })
          .catch(({ code }) => code);
        const told = await other;
        held.letGo();
        const end = await held.result.catch((error) => error);
        if (told === 'ERR_IN_PROGRESS') {
          assert.equal(end, 'first');
        } else if (onCrash === 'hold') {
          assert.equal(told, 'ERR_INDETERMINATE');
          assert.equal(end, 'first', 'the vanished owner may still say how it ended');
        } else {
          assert.ok(told > ctx.fence, `${told} after ${ctx.fence}`);
          assert.deepEqual([end.code, end.value], ['ERR_LEASE_LOST', 'first']);
        }
        const final = typeof told === 'number' ? told : 'first';
        for (const _ of [1, 2]) assert.equal(await c.client().withIdempotency(key, c.effect), final);
      });
    }

    it('RE3 an hour back in the middle of fn: the key is held, nobody is told to wait longer than a lease', async (t) => {
      const { set, c } = await onSettable(t, program, { defaults: { leaseMs: 1_500 } });
      const owner = c.client();
      const rival = c.client({ defaults: { onDuplicate: 'reject' } });
      const held = heldCall(owner, key, (ctx) => ctx.assertHeld() ?? c.effect(ctx));
      await held.inside;
      await set(-HOUR_S);
      const refusal = await rival.withIdempotency(key, c.effect).catch((error) => error);
      assert.equal(refusal.code, 'ERR_IN_PROGRESS');
      assert.ok(refusal.retryAfterMs > 0 && refusal.retryAfterMs <= 1_500, `${refusal.retryAfterMs} ms`);
      held.letGo();
      assert.deepEqual(await held.result, { by: 1 });
      // The outcome's time is counted by the clock it was recorded under, and is as long as was asked for by the true one.
      const { leftMs } = await c.record();
      await set(0);
      const left = (await c.record()).leftMs;
      assert.ok(Math.abs(left - (leftMs - HOUR_S * 1_000)) < 5_000, `${leftMs}, then ${left} ms`);
      assert.deepEqual(await rival.withIdempotency(key, c.effect), { by: 1 });
      assert.equal(c.ledger.count(key), 1);
    });

    it('RE3 an hour back after the holder was killed: nobody runs before the clock is there again, then with a larger fence', async (t) => {
      const { set, c } = await onSettable(t, program);
      const worker = await c.worker();
      const call = worker.call({ key, steps: [{ say: 'in' }, { wait: 'never' }] });
      call.result.catch(() => {});
      const { fence } = await call.said('in');
      await worker.kill();
      await set(-HOUR_S);
      const rival = c.client({ defaults: { onDuplicate: 'reject' } });
      await pause(2 * LEASE_MS);
      const refusal = await rival.withIdempotency(key, c.effect).catch((error) => error);
      assert.equal(refusal.code, 'ERR_IN_PROGRESS');
      assert.ok(refusal.retryAfterMs <= LEASE_MS, `${refusal.retryAfterMs} ms`);
      await set(0);
      await eventually(() => rival.withIdempotency(key, c.effect));
      assert.ok(c.ledger.entries(key)[0].fence > fence);
      assert.equal(c.ledger.count(key), 1);
    });
  });
}
