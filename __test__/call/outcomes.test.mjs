// Scenarios A1, A2, A5 as two processes see them: what one has recorded, the other one replays from the record. What one
// client sees of it is in core.test.mjs.
import assert from 'node:assert/strict';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { startWorker } from '../support/worker.mjs';

const { onEachStore, onEachStoreAndPolicy, onEachSharedStore } = conformance(createClient);
const order = { id: 'o-1', lines: [{ sku: 'x', count: 2 }], placedAt: new Date(1_700_000_000_000), note: undefined };

onEachStoreAndPolicy('A1 the first call runs fn once and the record says completed', async (world) => {
  const { client, ledger, effect } = world;
  const actonce = client();
  assert.equal(await actonce.withIdempotency('k', effect('k', order)), order, 'the first caller gets the very value');
  assert.equal(ledger.count('k'), 1);
  const [{ attempt, fence }] = ledger.entries('k');
  const record = await actonce.inspect({ key: 'k' });
  assert.deepEqual([record.state, record.attempt, record.fence], ['completed', attempt, fence]);
  assert.deepEqual(record.outcome, { kind: 'value', value: order });
});

onEachStoreAndPolicy(
  'A2 the same key again gives an equal value of its own, and says that it is a replay',
  async ({ client, ledger, effect }) => {
    const [first, second] = [client(), client()];
    const run = (on) => on.withIdempotency.outcome('k', effect('k', structuredClone(order)));
    const executed = await run(first);
    assert.deepEqual(executed, { status: 'executed', kind: 'value', attempt: 1, value: order });
    // From the record, and from the cache of the process that ran it.
    for (const replayed of [await run(second), await run(first), await run(first)]) {
      assert.deepEqual(replayed, { status: 'replayed', kind: 'value', attempt: 1, value: order });
      assert.notEqual(replayed.value.lines, executed.value.lines);
      replayed.value.lines[0].count = 99; // A caller that changes its copy changes nobody else's.
    }
    assert.equal(ledger.count('k'), 1);
  },
);

const falsy = { undefined, null: null, zero: 0, empty: '', false: false, NaN: Number.NaN, 'minus zero': -0 };
const empty = { 'no elements': [], 'no fields': {}, 'an undefined field': { 'a b': undefined } };
const odd = { 'a bigint': 0n, 'half a surrogate pair': '\ud800' };
for (const [name, value] of Object.entries({ ...falsy, ...empty, ...odd })) {
  onEachStore(`A5 (RF3) ${name} is replayed as itself`, async ({ client, ledger, effect }) => {
    const [first, second] = [client(), client()];
    const run = (on) => on.withIdempotency.outcome('k', async (ctx) => effect('k', value)(ctx));
    const outcomes = await Promise.all([run(first), run(first)]);
    outcomes.push(await run(first), await run(second));
    const statuses = outcomes.map(({ status }) => status);
    assert.deepEqual(statuses, ['executed', 'joined', 'replayed', 'replayed']);
    // deepEqual of assert/strict tells -0 from 0 and knows NaN.
    for (const outcome of outcomes) assert.deepEqual(outcome.value, value);
    assert.equal(ledger.count('k'), 1);
  });
}

onEachSharedStore('A2, A6, A8 what one process recorded, another one replays', async ({ t, options, ledger }) => {
  const workers = await Promise.all([1, 2].map(() => startWorker({ client: options, ledger })));
  t.after(() => Promise.all(workers.map((worker) => worker.kill())));
  const thrown = { name: 'CardError', message: 'declined', code: 'card_declined' };
  const endings = {
    value: [{ return: order }, { value: order }],
    error: [{ throw: thrown }, { error: thrown }],
    'no error': [{ throw: { redirect: '/x' } }, { error: { thrown: { redirect: '/x' } } }],
  };
  for (const [key, [step, expected]] of Object.entries(endings)) {
    const call = { key, options: { onError: 'record' }, steps: [{ effect: true }, step] };
    const [first, second] = [await workers[0].call(call).result, await workers[1].call(call).result];
    assert.deepEqual({ ...first, runs: first.runs.length }, { ...expected, runs: 1 });
    assert.deepEqual({ ...second, runs: second.runs.length }, { ...expected, runs: 0 });
    assert.equal(ledger.count(key), 1);
  }
});
