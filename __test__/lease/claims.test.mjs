// Scenarios C1 to C8, C11, C13: who may run, who waits and who takes over, with claims that know nothing of each other.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { eventually } from '../support/eventually.mjs';
import { heldRun } from '../support/held-run.mjs';
import { startWorker } from '../support/worker.mjs';

const { onEachStore, onEachStoreAndPolicy, onEachSharedStore } = conformance(createClient);

onEachStoreAndPolicy('C1 a new key is acquired, and fn is told so', async ({ client }) => {
  const actonce = client();
  const run = heldRun();
  const call = actonce.withIdempotency('k', run.fn);
  const { key, attempt, recovered, fence, protected: isProtected, signal } = await run.started;
  const record = await actonce.inspect({ key: 'k' });
  assert.deepEqual([record.state, record.attempt, record.fence], ['processing', 1, fence]);
  run.returns();
  await call;
  assert.deepEqual([key, attempt, recovered, isProtected, signal.aborted], ['k', 1, false, true, false]);
  assert.ok(Number.isSafeInteger(fence) && fence > 0);
});

onEachStore('C2 a duplicate gets the bytes that were recorded, and leaves the record as it is', async (world) => {
  const units = Array.from({ length: 0xd800 }, (_, unit) => String.fromCharCode(unit)).join('');
  const text = `${units}💶\r\n"'\\`;
  const codec = { encode: (value) => value, decode: (recorded) => recorded };
  const [first, second] = [world.client({ codec }), world.client({ codec })];
  await first.withIdempotency('k', world.effect('k', text));
  const before = await first.inspect({ key: 'k' });
  const { value, status, attempt } = await second.withIdempotency.outcome('k', world.effect('k', 'another'));
  assert.ok(value === text, 'every character comes back');
  assert.deepEqual([status, attempt, world.ledger.count('k')], ['replayed', 1, 1]);
  const after = await first.inspect({ key: 'k' });
  assert.ok(after.expiresInMs <= before.expiresInMs, 'a replay does not keep the record alive');
  assert.deepEqual({ ...after, expiresInMs: 0 }, { ...before, expiresInMs: 0 });
});

/** A client whose process is gone in the middle of fn: nothing is renewed or recorded any more. */
async function vanish({ client, effect }, options) {
  const gone = client();
  const run = heldRun();
  const fn = (ctx) => {
    effect('k')(ctx);
    return run.fn(ctx);
  };
  gone.withIdempotency('k', fn, options).catch(() => {});
  const { fence } = await run.started;
  await gone.close({ graceMs: 0 });
  return { fence };
}

onEachStoreAndPolicy('C5 the key of a vanished owner is free when its lease is over, not before', async (world) => {
  const { client, effect, ledger, onCrash } = world;
  const { fence } = await vanish(world, { leaseMs: 300 });
  const heir = client();
  const at = performance.now();
  const duplicate = { leaseMs: 300, onDuplicate: 'reject' };
  const early = await heir.withIdempotency('k', effect('k'), duplicate).catch((error) => error);
  // A test machine that slept for a lease between the two lines would not be refused.
  if (performance.now() - at < 150) assert.equal(early.code, 'ERR_IN_PROGRESS');
  await eventually(async () => (await heir.inspect({ key: 'k' })).leaseRemainingMs === 0);
  const late = heir.withIdempotency.outcome('k', effect('k', 'heir'), duplicate);
  if (onCrash === 'hold') {
    await assert.rejects(late, { code: 'ERR_INDETERMINATE', fence });
    assert.equal(ledger.count('k'), 1);
    return;
  }
  assert.deepEqual(await late, { status: 'executed', kind: 'value', attempt: 2, value: 'heir' });
  const [, second] = ledger.entries('k');
  assert.ok(second.recovered && second.attempt === 2 && second.fence > fence);
});

onEachStore('C5 the policy of the one who vanished decides, not that of the one who comes', async (world) => {
  const { client, effect } = world;
  await vanish(world, { leaseMs: 100, onCrash: 'hold' });
  const heir = client();
  await eventually(async () => (await heir.inspect({ key: 'k' })).leaseRemainingMs === 0);
  await assert.rejects(heir.withIdempotency('k', effect('k'), { onCrash: 'rerun' }), { code: 'ERR_INDETERMINATE' });
});

onEachStore('C6 a duplicate waits until the owner is done, and not longer', async ({ client, effect }) => {
  const [owner, waiter] = [client(), client()];
  const order = [];
  const run = heldRun();
  const owned = owner.withIdempotency('k', run.fn).then(() => order.push('owner'));
  await run.started;
  const waited = waiter.withIdempotency.outcome('k', effect('k')).finally(() => order.push('waiter'));
  await pause(100);
  assert.deepEqual(order, []);
  order.push('told');
  run.returns('paid');
  await owned;
  assert.deepEqual(await waited, { status: 'replayed', kind: 'value', attempt: 1, value: 'paid' });
  assert.equal(order[0], 'told');
});

onEachStore('C7 a duplicate that waited long enough is refused, and the owner goes on', async ({ client }) => {
  const [owner, waiter] = [client(), client()];
  const run = heldRun();
  const owned = owner.withIdempotency('k', run.fn);
  await run.started;
  for (const on of [waiter, owner]) {
    const at = performance.now();
    const refused = await on.withIdempotency('k', () => 'second', { waitTimeoutMs: 200 }).catch((error) => error);
    const tookMs = performance.now() - at;
    assert.deepEqual([refused.code, refused.name, refused.retryable], ['ERR_IN_PROGRESS', 'InProgressError', true]);
    assert.ok(refused.retryAfterMs > 0 && refused.retryAfterMs <= 30_000, `${refused.retryAfterMs}`);
    // Well below the slow poll: the patience ends by itself.
    assert.ok(tookMs >= 195 && tookMs < 900, `${tookMs}`);
  }
  run.returns('paid');
  assert.equal(await owned, 'paid');
});

onEachStoreAndPolicy(
  'C8 of twenty claims at once one runs, and all get the same',
  async ({ client, effect, ledger }) => {
    const claims = Array.from({ length: 20 }, () => client());
    const run = (on, n) => on.withIdempotency.outcome('k', async (ctx) => effect('k', `claim ${n}`)(ctx));
    const outcomes = await Promise.all(claims.map(run));
    assert.equal(new Set(outcomes.map(({ value }) => value)).size, 1);
    assert.equal(outcomes.filter(({ status }) => status === 'executed').length, 1);
    assert.equal(outcomes.filter(({ status }) => status === 'replayed').length, 19);
    assert.equal(ledger.count('k'), 1);
  },
);

onEachSharedStore('C8 of twenty claims in four processes one runs', async ({ t, options, ledger }) => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const clients = Object.fromEntries(names.map((name) => [name, options]));
  const workers = await Promise.all(Array.from({ length: 4 }, () => startWorker({ clients, ledger })));
  t.after(() => Promise.all(workers.map((worker) => worker.kill())));
  // They have answered, so they are up: from here on it is a race.
  await Promise.all(workers.map((worker) => worker.events()));
  const call = (worker, client) =>
    worker.call({
      client,
      key: 'k',
      outcome: true,
      steps: [{ effect: true }, { sleepMs: 20 }, { return: worker.pid }],
    });
  const results = await Promise.all(workers.flatMap((worker) => names.map((name) => call(worker, name).result)));
  const [{ pid }] = ledger.entries('k');
  assert.deepEqual(
    results.map(({ value }) => value?.value),
    Array(20).fill(pid),
  );
  assert.equal(results.filter(({ runs }) => runs.length > 0).length, 1);
  assert.equal(ledger.count('k'), 1);
});

onEachStoreAndPolicy(
  'C11 an owner that lives keeps the key far beyond its lease',
  async ({ client, effect, ledger }) => {
    const [owner, rival] = [client(), client()];
    const run = heldRun();
    const owned = owner.withIdempotency('k', run.fn, { leaseMs: 400 });
    const { signal } = await run.started;
    const end = performance.now() + 1_200;
    while (performance.now() < end) {
      const refused = await rival.withIdempotency('k', effect('k'), { onDuplicate: 'reject' }).catch((error) => error);
      assert.equal(refused.code, 'ERR_IN_PROGRESS');
      assert.ok(refused.retryAfterMs <= 400, `${refused.retryAfterMs}`);
      await pause(40);
    }
    assert.equal(signal.aborted, false);
    run.returns('paid');
    assert.equal(await owned, 'paid');
    assert.equal(ledger.count('k'), 0);
  },
);

onEachStore('C13 in a storm of failing runs nobody starves, and never do two run at once', async ({ client }) => {
  let [isOver, running, runs] = [false, 0, 0];
  const fences = [];
  const failing = async ({ fence }) => {
    running += 1;
    runs += 1;
    fences.push(fence);
    assert.equal(running, 1);
    await pause(1);
    running -= 1;
    throw new Error('declined');
  };
  const storm = Array.from({ length: 20 }, async () => {
    const { withIdempotency } = client();
    while (!isOver) {
      const error = await withIdempotency('k', failing).catch((thrown) => thrown);
      assert.equal(error.message, 'declined');
    }
  });
  await eventually(() => runs > 20);
  const at = performance.now();
  const victim = await client()
    .withIdempotency('k', failing, { waitTimeoutMs: 200 })
    .catch((thrown) => thrown);
  const tookMs = performance.now() - at;
  isOver = true;
  await Promise.all(storm);
  assert.ok(victim.message === 'declined' || victim.code === 'ERR_IN_PROGRESS', victim.message);
  assert.ok(tookMs < 5_000, `${tookMs}`);
  assert.deepEqual(
    fences,
    [...new Set(fences)].sort((a, b) => a - b),
    'fences grow with every run',
  );
});
