// Scenarios C4, C15, C16: how long records live. The lease and the retention are two clocks.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { eventually } from '../support/eventually.mjs';
import { heldRun } from '../support/held-run.mjs';

const { onEachStore } = conformance(createClient);
const HOUR_MS = 3_600_000;
const fails = () => {
  throw new Error('declined');
};

onEachStore('C4 an outcome is forgotten after its retention, and the next generation is kept', async (world) => {
  const { client, effect, ledger } = world;
  // The cache counts a record's time from the answer that it was written, a moment later than the store does.
  const [one, two] = [client({ cache: false }), client({ cache: false })];
  assert.equal(await one.withIdempotency('k', effect('k', 'first'), { retentionMs: 1 }), 'first');
  await eventually(async () => (await two.inspect({ key: 'k' })) === undefined);
  assert.equal(await one.withIdempotency('k', effect('k', 'second')), 'second');
  assert.equal(await two.withIdempotency('k', effect('k', 'third')), 'second');
  const [first, second] = ledger.entries('k');
  assert.equal(ledger.count('k'), 2);
  assert.deepEqual([second.attempt, second.recovered], [1, false], 'a new key, as if there had been none');
  assert.ok(second.fence > first.fence, 'fences grow over expiry, too');
});

onEachStore('C4 a recorded error is forgotten after its retention', async ({ client, effect }) => {
  const actonce = client({ cache: false });
  const recorded = actonce.withIdempotency('k', fails, { onError: 'record', retentionMs: 1 });
  await assert.rejects(recorded, { message: 'declined' });
  await eventually(async () => (await actonce.inspect({ key: 'k' })) === undefined);
  assert.equal(await actonce.withIdempotency('k', effect('k', 'paid')), 'paid');
});

onEachStore('I7 the cache forgets an outcome with its record', async ({ client, effect, ledger }) => {
  const actonce = client();
  const call = () => actonce.withIdempotency('k', effect('k', ledger.count('k')), { retentionMs: 250 });
  assert.deepEqual([await call(), await call()], [0, 0]);
  // Far earlier than the five seconds of a cached outcome.
  await eventually(async () => (await call()) === 1, { withinMs: 2_000 });
});

onEachStore('I7 a replay is not cached beyond its record, either', async ({ client, effect, ledger }) => {
  const call = (on) => on.withIdempotency('k', effect('k', ledger.count('k')), { retentionMs: 2_000 });
  const [first, second] = [client(), client()];
  await call(first);
  await pause(1_200);
  assert.equal(await call(second), 0);
  await pause(1_000);
  assert.equal(await call(second), 1);
});

/** Options, and how long the unfinished record lives by them: max(retentionMs, 10 × lease, 1 h). */
const unfinished = [
  [{ leaseMs: 100, retentionMs: 1 }, HOUR_MS],
  [{ leaseMs: 500_000, retentionMs: 1 }, 5_000_000],
  [{ leaseMs: 100, retentionMs: 2 * HOUR_MS }, 2 * HOUR_MS],
];

/** Time goes on between a write and the look at it. */
function isAbout(actualMs, expectedMs) {
  assert.ok(actualMs <= expectedMs && actualMs > expectedMs - 5_000, `${actualMs} is not about ${expectedMs}`);
}

for (const [options, livesMs] of unfinished) {
  onEachStore(`C15 unfinished records live ${livesMs} ms, however they wait`, async ({ client }) => {
    const actonce = client();
    const run = heldRun();
    const call = actonce.withIdempotency('processing', run.fn, options);
    await run.started;
    const policies = { released: 'release', indeterminate: 'hold' };
    for (const [state, onError] of Object.entries(policies)) {
      await actonce.withIdempotency(state, fails, { ...options, onError }).catch(() => {});
    }
    for (const state of ['processing', 'released', 'indeterminate']) {
      const record = await actonce.inspect({ key: state });
      assert.equal(record.state, state);
      isAbout(record.expiresInMs, livesMs);
    }
    run.returns();
    await call;
  });
}

onEachStore('C15 a record whose lease is over is kept until somebody asks for it', async ({ client, effect }) => {
  const [gone, heir] = [client(), client()];
  const run = heldRun();
  gone.withIdempotency('k', run.fn, { leaseMs: 100, retentionMs: 1 }).catch(() => {});
  await run.started;
  await gone.close({ graceMs: 0 });
  const record = await eventually(async () => {
    const seen = await heir.inspect({ key: 'k' });
    return seen.leaseRemainingMs === 0 && seen;
  });
  assert.equal(record.state, 'processing');
  isAbout(record.expiresInMs, HOUR_MS);
  const { attempt } = await heir.withIdempotency.outcome('k', effect('k'));
  assert.equal(attempt, 2, 'what was known of the key is still known');
});

onEachStore('C16 recording starts the retention and keeps attempt and fence', async ({ client }) => {
  const actonce = client();
  const endings = { completed: () => 'paid', failed: fails };
  for (const [state, fn] of Object.entries(endings)) {
    await actonce.withIdempotency(state, fails).catch(() => {});
    let fence;
    const second = (ctx) => {
      fence = ctx.fence;
      return fn();
    };
    const options = { retentionMs: 60_000, onError: 'record' };
    await actonce.withIdempotency(state, second, options).catch(() => {});
    const record = await actonce.inspect({ key: state });
    assert.deepEqual([record.state, record.attempt, record.fence], [state, 2, fence]);
    isAbout(record.expiresInMs, 60_000);
  }
});
