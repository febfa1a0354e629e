// C5: callers of one process share a claim only where each of them would have made the same one. Who runs, runs under
// the terms of its own call: a call that holds its key after a crash must never be one that another caller lets run again.
import assert from 'node:assert/strict';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { heldRun } from '../support/held-run.mjs';

const { onEachStore } = conformance(createClient);
const HOUR_MS = 3_600_000;
const bailout = () => Object.assign(new Error('no static page'), { digest: 'DYNAMIC_SERVER_USAGE' });

/**
 * Two callers of one process wait for a run of another. The first one leaves, and that run ends without an outcome.
 * @returns the second caller's run, which has begun
 */
async function inherited({ client }, first, second) {
  const [owner, waiting] = [client(), client()];
  const [held, run] = [heldRun(), heldRun()];
  const owned = owner.withIdempotency('k', held.fn).catch((error) => error);
  await held.started;
  const controller = new AbortController();
  const leaving = waiting.withIdempotency('k', () => assert.fail(), { ...first, signal: controller.signal });
  const staying = waiting.withIdempotency('k', run.fn, second);
  staying.catch(() => {});
  controller.abort(new Error('left'));
  await assert.rejects(leaving, /left/);
  held.throws(bailout());
  assert.equal((await owned).message, 'no static page');
  await run.started;
  const inspect = () => owner.inspect({ key: 'k' });
  return { run, call: staying, record: await inspect(), inspect };
}

for (const [mine, theirs] of [
  ['hold', 'rerun'],
  ['rerun', 'hold'],
]) {
  onEachStore(
    `C5 a caller with onCrash: '${mine}' never runs under the claim of one with '${theirs}'`,
    async (world) => {
      const { run, call, record } = await inherited(world, { onCrash: theirs }, { onCrash: mine });
      assert.deepEqual([record.state, record.onCrash], ['processing', mine]);
      run.returns('paid');
      assert.equal(await call, 'paid');
    },
  );
}

onEachStore('an outcome is kept for as long as the caller said whose function ran', async (world) => {
  const { run, call, inspect } = await inherited(world, { retentionMs: HOUR_MS }, { retentionMs: 30 * HOUR_MS });
  run.returns('paid');
  assert.equal(await call, 'paid');
  const { state, expiresInMs } = await inspect();
  assert.equal(state, 'completed');
  assert.ok(expiresInMs > HOUR_MS, `${expiresInMs} ms`);
});

onEachStore('the lease is as long as the caller said whose function runs', async (world) => {
  const { run, call, record } = await inherited(world, { leaseMs: 30_000 }, { leaseMs: 60_000 });
  assert.ok(record.leaseRemainingMs > 30_000, `${record.leaseRemainingMs} ms`);
  run.returns('paid');
  assert.equal(await call, 'paid');
});

onEachStore('a function may run for as long as its own caller said', async (world) => {
  const leaseMs = 600;
  const { run, call } = await inherited(world, { leaseMs, maxLeaseMs: 20_000 }, { leaseMs, maxLeaseMs: 700 });
  const at = performance.now();
  await assert.rejects(call, { code: 'ERR_LEASE_LOST', reason: 'max-lease' });
  assert.ok(performance.now() - at < 10_000);
  run.returns('late');
});
