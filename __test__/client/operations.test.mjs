// Scenario J1: what an operator sees of a record, and how the record is reset or resolved, in every state.
import assert from 'node:assert/strict';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { countExecuted } from '../support/monitor.mjs';
import { leaseOver, reach } from '../support/states.mjs';

const { onEachStore, onEachStoreAndPolicy, onEachSharedStore } = conformance(createClient);
const target = { key: 'k', scope: ['placeOrder', 'user-1'] };
const { scope } = target;

/** The record in a state, and a client that has not made it. */
async function given({ client }, state, options = {}) {
  const made = await reach[state](client(), target.key, { scope, ...options });
  const operator = client();
  if (state === 'vanished') await leaseOver(operator, target);
  return { ...made, operator, before: await operator.inspect(target) };
}

const stable = (record) => record && { ...record, expiresInMs: 0, leaseRemainingMs: 0 };
const common = ['hash', 'state', 'attempt', 'fence', 'recovered', 'onCrash', 'expiresInMs'];
const special = {
  processing: ['leaseRemainingMs'],
  vanished: ['leaseRemainingMs'],
  released: [],
  indeterminate: ['since'],
  completed: ['outcome'],
  failed: ['outcome'],
};
for (const [state, fields] of Object.entries(special)) {
  onEachStoreAndPolicy(`J1 inspect shows a record that is ${state}, by its key and by its hash`, async (world) => {
    const at = Date.now();
    const { operator, before: record } = await given(world, state);
    assert.deepEqual(Object.keys(record).sort(), [...common, ...fields].sort());
    assert.equal(record.state, state === 'vanished' ? 'processing' : state);
    // An outcome has no process that could vanish.
    const ended = ['released', 'completed', 'failed'].includes(state);
    if (!ended) assert.equal(record.onCrash, world.onCrash);
    assert.deepEqual([record.attempt, record.recovered], [1, false]);
    assert.ok(record.fence > 0 && record.expiresInMs > 0);
    if (state === 'processing') assert.ok(record.leaseRemainingMs > 20_000 && record.leaseRemainingMs <= 30_000);
    // Redis runs on this machine, so the two clocks are one.
    if (record.since) assert.ok(record.since.getTime() >= at - 5 && record.since.getTime() <= Date.now() + 5);
    if (state === 'completed') assert.deepEqual(record.outcome, { kind: 'value', value: 'paid' });
    if (state === 'failed') assert.equal(record.outcome.error.message, 'declined');
    assert.deepEqual(stable(await operator.inspect({ hash: record.hash })), stable(record));
  });
}

onEachStore('J1 inspect of a key that nobody used gives undefined', async ({ client }) => {
  const actonce = client();
  assert.equal(await actonce.inspect(target), undefined);
  assert.equal(await actonce.inspect({ hash: 'A'.repeat(22) }), undefined);
});

onEachSharedStore('J1 inspect reads and writes nothing', async (world) => {
  const { operator } = await given(world, 'completed');
  const executed = await countExecuted(world.redis, () => operator.inspect(target));
  assert.deepEqual(executed, { GET: 1, PTTL: 1 });
});

/** By state: what the next call sees after a reset. */
const resets = {
  vanished: { recovered: true },
  indeterminate: { recovered: true },
  released: { recovered: false },
  completed: { recovered: false },
  failed: { recovered: false },
};
for (const [state, { recovered }] of Object.entries(resets)) {
  onEachStoreAndPolicy(`J1 reset lets a key run again that is ${state}`, async (world) => {
    const { operator, before } = await given(world, state);
    const { hash } = before;
    // An outcome that this process has just replayed is in its cache.
    const hasOutcome = state === 'completed' || state === 'failed';
    if (hasOutcome) await operator.withIdempotency('k', world.effect('k'), { scope }).catch(() => {});
    assert.equal(await operator.reset(world.onCrash === 'hold' ? { hash } : target), 'reset');
    const tombstone = await operator.inspect(target);
    assert.deepEqual([tombstone.state, tombstone.attempt, tombstone.recovered], ['released', 1, recovered]);
    assert.ok(tombstone.fence > before.fence, 'a stale owner stays refused');
    assert.equal(await operator.withIdempotency('k', world.effect('k', 'again'), { scope }), 'again');
    const [run] = world.ledger.entries('k');
    assert.deepEqual([run.attempt, run.recovered], [2, recovered]);
    assert.ok(run.fence > tombstone.fence);
  });
}

const inProgress =
  ({ hash }) =>
  (error) => {
    assert.deepEqual([error.code, error.hash], ['ERR_IN_PROGRESS', hash]);
    assert.ok(error.retryAfterMs > 20_000 && error.retryAfterMs <= 30_000);
    return true;
  };
const decisions = {
  reset: { ask: (on, more) => on.reset(target, more), done: 'reset' },
  'resolve with a value': { ask: (on, more) => on.resolve(target, { value: 'found', ...more }), done: 'resolved' },
  'resolve to a rerun': { ask: (on, more) => on.resolve(target, { rerun: true, ...more }), done: 'resolved' },
};
for (const [name, { ask, done }] of Object.entries(decisions)) {
  onEachStore(`J1 ${name} says when there is nothing`, async (world) => {
    const { operator } = await given(world, 'absent');
    assert.equal(await ask(operator), 'absent');
    assert.equal(await operator.inspect(target), undefined);
  });

  onEachStoreAndPolicy(`J1 ${name} is refused while the key is leased, unless it is forced`, async (world) => {
    const { operator, before, run, call } = await given(world, 'processing');
    await assert.rejects(ask(operator), inProgress(before));
    await assert.rejects(ask(operator, { force: false }), inProgress(before));
    assert.deepEqual(stable(await operator.inspect(target)), stable(before));
    assert.equal(await ask(operator, { force: true }), done);
    const decided = stable(await operator.inspect(target));
    assert.ok(decided.fence > before.fence);
    run.returns('late');
    await assert.rejects(call, { code: 'ERR_LEASE_LOST', value: 'late' });
    assert.deepEqual(stable(await operator.inspect(target)), decided);
  });
}

for (const state of ['vanished', 'indeterminate', 'released']) {
  onEachStoreAndPolicy(`J1 resolve records what was found elsewhere for a key that is ${state}`, async (world) => {
    const { operator, before } = await given(world, state);
    assert.equal(await operator.resolve(target, { value: { id: 'o-1' }, retentionMs: 60_000 }), 'resolved');
    const record = await operator.inspect(target);
    assert.deepEqual([record.state, record.attempt, record.recovered], ['completed', 1, false]);
    assert.ok(record.fence > before.fence);
    assert.ok(record.expiresInMs > 50_000 && record.expiresInMs <= 60_000);
    const replayed = await world.client().withIdempotency.outcome('k', world.effect('k'), { scope });
    assert.deepEqual(replayed, { status: 'replayed', kind: 'value', attempt: 1, value: { id: 'o-1' } });
    assert.equal(world.ledger.count('k'), 0);
  });

  onEachStoreAndPolicy(`J1 resolve lets a key run again that is ${state}`, async (world) => {
    const { operator } = await given(world, state);
    assert.equal(await operator.resolve(target, { rerun: true }), 'resolved');
    assert.equal(await operator.withIdempotency('k', world.effect('k', 'again'), { scope }), 'again');
    const [run] = world.ledger.entries('k');
    assert.deepEqual([run.attempt, run.recovered], [2, state !== 'released']);
  });
}

for (const state of ['completed', 'failed']) {
  onEachStore(`J1 resolve changes nothing where a key is ${state}`, async (world) => {
    const { operator, before } = await given(world, state);
    for (const force of [false, true]) {
      assert.equal(await operator.resolve(target, { value: 'found', force }), 'settled');
      assert.equal(await operator.resolve(target, { rerun: true, force }), 'settled');
    }
    assert.deepEqual(stable(await operator.inspect(target)), stable(before));
  });
}

onEachStore('J1 a value that cannot be recorded is refused, and resolves nothing', async ({ client, effect }) => {
  const actonce = client({ defaults: { maxResultBytes: 100 } });
  const fails = () => Promise.reject(new Error('timeout of the provider'));
  await assert.rejects(actonce.withIdempotency('k', fails, { onError: 'hold' }), /timeout/);
  for (const [value, reason] of [
    [() => 1, 'unencodable'],
    ['x'.repeat(200), 'too-large'],
  ]) {
    const refused = { code: 'ERR_RESULT_UNAVAILABLE', reason };
    await assert.rejects(actonce.resolve({ key: 'k' }, { value }), refused);
  }
  await assert.rejects(actonce.withIdempotency('k', effect('k')), { code: 'ERR_INDETERMINATE' });
});

onEachStore('J1 who waits is woken by what an operator decides', async (world) => {
  const decided = { value: 'found', rerun: 'ran' };
  for (const [name, expected] of Object.entries(decided)) {
    const { operator } = await given(world, 'processing', { scope: name });
    const waiter = world.client();
    const at = performance.now();
    const waiting = waiter.withIdempotency('k', () => 'ran', { scope: name });
    // The answer of a second client in the same turn: by then the waiter's mark is in the record.
    await assert.rejects(waiter.withIdempotency('k', () => '', { scope: name, onDuplicate: 'reject' }));
    const resolution = name === 'value' ? { value: 'found' } : { rerun: true };
    await operator.resolve({ key: 'k', scope: name }, { ...resolution, force: true });
    assert.equal(await waiting, expected);
    assert.ok(performance.now() - at < 900, 'not by the slow poll');
  }
});
