// Scenarios C9, C10, C17, C19: an attempt ends only what it owns. The table of src/model/idempotency/tests.rs, cell by
// cell, for an owner that was displaced and for one that vanished and came back.
import assert from 'node:assert/strict';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { eventually } from '../support/eventually.mjs';
import { gate } from '../support/gate.mjs';
import { heldRun } from '../support/held-run.mjs';
import { reach } from '../support/states.mjs';

const { onEachStore, onEachSharedStore } = conformance(createClient);
const settled = (promise) =>
  promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  );
const declined = new Error('declined');
const fails = () => {
  throw declined;
};

/** How fn can end, as the store is told. */
const endings = {
  complete: { end: (run) => run.returns('late') },
  release: { end: (run) => run.throws(declined), onError: 'release' },
  record: { end: (run) => run.throws(declined), onError: 'record' },
  hold: { end: (run) => run.throws(declined), onError: 'hold' },
};

/** What a later attempt has made of the record. */
const successors = {
  absent: async (heir) => {
    await heir.withIdempotency('k', () => 'short', { retentionMs: 1 });
    await eventually(async () => (await heir.inspect({ key: 'k' })) === undefined);
  },
  processing: async (heir) => {
    const run = heldRun();
    settled(heir.withIdempotency('k', run.fn));
    await run.started;
  },
  released: (heir) => settled(heir.withIdempotency('k', fails, { onError: 'release' })),
  completed: (heir) => heir.withIdempotency('k', () => 'paid'),
  failed: (heir) => settled(heir.withIdempotency('k', fails, { onError: 'record' })),
  indeterminate: (heir) => settled(heir.withIdempotency('k', fails, { onError: 'hold' })),
};

/** The record with what time alone changes left out; byte for byte where the store shows its bytes. */
async function snapshot(client, { redis, options }) {
  const record = await client.inspect({ key: 'k' });
  if (redis && record) return await redis.send('GET', `${options.prefix}:{${record.hash}}`);
  return record && { ...record, expiresInMs: 0, leaseRemainingMs: 0 };
}

for (const [state, succeed] of Object.entries(successors)) {
  for (const [command, { end, onError }] of Object.entries(endings)) {
    onEachStore(`C9, C10, C17, C19 a displaced owner's ${command} changes nothing: ${state}`, async (world) => {
      const [owner, heir] = [world.client(), world.client()];
      const events = [];
      owner.on(({ type, attempt }) => events.push(`${type} ${attempt}`));
      const run = heldRun();
      const call = settled(owner.withIdempotency('k', run.fn, { onError }));
      const { fence } = await run.started;
      assert.equal(await heir.reset({ key: 'k' }, { force: true }), 'reset');
      await succeed(heir);
      const before = await snapshot(heir, world);
      end(run);
      const { error } = await call;
      if (command === 'complete') {
        const { code, name, value, hasValue } = error;
        assert.deepEqual([code, name, value, hasValue], ['ERR_LEASE_LOST', 'LeaseLostError', 'late', true]);
      } else {
        assert.equal(error, declined, 'what fn threw reaches its caller whatever the store says');
      }
      assert.deepEqual(await snapshot(heir, world), before);
      assert.deepEqual(events, ['claimed 1', 'stale-write 1']);
      const record = await heir.inspect({ key: 'k' });
      assert.equal(record?.state, state === 'absent' ? undefined : state);
      if (record) assert.ok(record.fence > fence);
    });
  }
}

/** The attempt is past its maxLeaseMs: nothing renews it, its caller is served, and its fn goes on. */
async function outlive({ client }, { onCrash, onError }) {
  const owner = client();
  const run = heldRun();
  const limits = { leaseMs: 100, maxLeaseMs: 100 };
  const call = settled(owner.withIdempotency('k', run.fn, { ...limits, onCrash, onError }));
  await run.started;
  const { error } = await call;
  assert.deepEqual([error.code, error.reason, error.hasValue], ['ERR_LEASE_LOST', 'max-lease', false]);
  await eventually(async () => (await owner.inspect({ key: 'k' })).leaseRemainingMs === 0);
  return { owner, run };
}

const accepted = { complete: 'completed', release: 'released', record: 'failed', hold: 'indeterminate' };
for (const [command, state] of Object.entries(accepted)) {
  const { end, onError } = endings[command];

  onEachStore(`C17 a vanished owner that nobody has replaced may still ${command}`, async (world) => {
    const { owner, run } = await outlive(world, { onCrash: 'rerun', onError });
    end(run);
    await eventually(async () => (await owner.inspect({ key: 'k' })).state === state);
  });

  onEachStore(`C17 a vanished owner whose record is indeterminate may still ${command}`, async (world) => {
    const { owner, run } = await outlive(world, { onCrash: 'hold', onError });
    const refused = await settled(world.client().withIdempotency('k', world.effect('k')));
    assert.equal(refused.error.code, 'ERR_INDETERMINATE');
    const held = await snapshot(owner, world);
    const said = gate();
    owner.on(said.resolve);
    end(run);
    assert.equal(
      (await said.promise).type,
      { completed: 'completed', failed: 'completed', released: 'released' }[state] ?? 'held',
    );
    assert.equal((await owner.inspect({ key: 'k' })).state, state);
    if (command === 'hold') assert.deepEqual(await snapshot(owner, world), held);
    assert.equal(world.ledger.count('k'), 0);
  });

  onEachStore(`C17, C19 a vanished owner that was replaced cannot ${command}`, async (world) => {
    const { owner, run } = await outlive(world, { onCrash: 'rerun', onError });
    const heir = world.client();
    assert.equal(await heir.withIdempotency('k', world.effect('k', 'of the heir')), 'of the heir');
    const before = await snapshot(heir, world);
    const said = gate();
    owner.on(said.resolve);
    end(run);
    assert.equal((await said.promise).type, 'stale-write');
    assert.deepEqual(await snapshot(heir, world), before);
    assert.equal(await owner.withIdempotency('k', world.effect('k')), 'of the heir');
    assert.equal(world.ledger.count('k'), 1);
  });
}

const heirs = {
  'nobody has come after it': async () => {},
  'its successor runs': (heir) => reach.processing(heir, 'k', { leaseMs: 60_000 }),
};
for (const [which, succeed] of Object.entries(heirs)) {
  onEachStore(
    `C19 a displaced owner learns it with its next renewal, which extends nothing: ${which}`,
    async (world) => {
      const [owner, heir] = [world.client(), world.client()];
      const run = heldRun();
      const call = settled(owner.withIdempotency('k', run.fn, { leaseMs: 600 }));
      const { signal, assertHeld } = await run.started;
      assert.doesNotThrow(assertHeld);
      await heir.reset({ key: 'k' }, { force: true });
      await succeed(heir);
      const before = await snapshot(heir, world);
      const { expiresInMs } = await heir.inspect({ key: 'k' });
      await eventually(() => signal.aborted);
      assert.deepEqual([signal.reason.code, signal.reason.reason], ['ERR_LEASE_LOST', 'refused']);
      assert.throws(assertHeld, { code: 'ERR_LEASE_LOST', reason: 'refused' });
      assert.deepEqual(await snapshot(heir, world), before);
      // The renewal came a fifth of a second later; had it been let in, the record would have its whole time again.
      assert.ok((await heir.inspect({ key: 'k' })).expiresInMs < expiresInMs - 50);
      run.returns('late');
      assert.deepEqual([(await call).error.code, (await call).error.reason], ['ERR_LEASE_LOST', 'refused']);
    },
  );
}

onEachSharedStore(
  'a caller is answered after maxLeaseMs though it heard of claim and losses at once',
  async (world) => {
    const { client, redis } = world;
    // Whoever may run no script may claim a new key and renew nothing: the lease ends before maxLeaseMs does.
    await redis.send('ACL', 'SETUSER', 'plain', 'on', '>secret', '~*', '&*', '+@all', '-evalsha');
    const actonce = client({ url: redis.urlFor({ user: 'plain', password: 'secret' }) });
    await actonce.inspect({ key: 'connects' });
    const never = () => new Promise(() => {});
    const call = settled(actonce.withIdempotency('k', never, { leaseMs: 100, maxLeaseMs: 100 }));
    // This thread is blocked while the claim and both losses come in.
    const end = performance.now() + 300;
    while (performance.now() < end);
    const { error } = await call;
    assert.deepEqual([error.code, error.reason, error.hasValue], ['ERR_LEASE_LOST', 'max-lease', false]);
  },
);
