// close() waits for what is under way, and for nothing that has ended.
import assert from 'node:assert/strict';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { heldRun } from '../support/held-run.mjs';

const { onEachStore } = conformance(createClient);
const GRACE_MS = 10_000;

/** Whether the client has closed long before its time of grace was over. */
async function closesAtOnce(client) {
  const at = performance.now();
  await client.close({ graceMs: GRACE_MS });
  return performance.now() - at < GRACE_MS / 2;
}

onEachStore('what an operator asked for, answered or refused, keeps no client open', async ({ client }) => {
  const actonce = client();
  const target = { key: 'k' };
  await actonce.withIdempotency('k', () => 'paid');
  assert.equal((await actonce.inspect(target)).state, 'completed');
  assert.equal(await actonce.resolve(target, { value: 'other' }), 'settled');
  assert.equal(await actonce.reset(target), 'reset');
  for (const refused of [actonce.inspect({}), actonce.reset({}), actonce.resolve({}, { rerun: true })]) {
    await assert.rejects(refused, { name: 'ActonceError' });
  }
  assert.ok(await closesAtOnce(actonce));
});

onEachStore('a call that was refused, or whose function threw, keeps no client open', async ({ client }) => {
  const actonce = client();
  await assert.rejects(
    actonce.withIdempotency('', () => 1),
    { code: 'ERR_KEY_MISSING' },
  );
  await assert.rejects(
    actonce.withIdempotency('k', () => Promise.reject(new Error('declined'))),
    /declined/,
  );
  const run = heldRun();
  const owned = actonce.withIdempotency('held', run.fn);
  await run.started;
  await assert.rejects(
    actonce.withIdempotency('held', () => 1, { onDuplicate: 'reject' }),
    { code: 'ERR_IN_PROGRESS' },
  );
  run.returns('paid');
  await owned;
  assert.ok(await closesAtOnce(actonce));
});

onEachStore('a run that is under way is waited for, and its outcome is recorded', async ({ client }) => {
  const [actonce, other] = [client(), client()];
  const run = heldRun();
  const owned = actonce.withIdempotency('k', run.fn);
  await run.started;
  const closing = actonce.close({ graceMs: GRACE_MS });
  await assert.rejects(
    actonce.withIdempotency('later', () => 1),
    { code: 'ERR_CLOSED' },
  );
  run.returns('paid');
  assert.equal(await owned, 'paid');
  await closing;
  assert.equal((await other.inspect({ key: 'k' })).state, 'completed');
});

onEachStore('without grace nothing is waited for, not even a timer: a test may have replaced them', async (world) => {
  const { t, client } = world;
  const actonce = client();
  const run = heldRun();
  const owned = actonce.withIdempotency('k', run.fn);
  await run.started;
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const turns = new Promise((resolve) => setImmediate(setImmediate, resolve, 'still open'));
  assert.equal(await Promise.race([actonce.close({ graceMs: 0 }), turns]), undefined);
  t.mock.timers.reset();
  run.returns('paid');
  assert.equal(await owned, 'paid', 'what was paid for, its caller gets');
});
