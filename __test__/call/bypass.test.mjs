// Scenarios A13 to A15 seen from the server: a call that is refused, switched off or let through sends nothing at all,
// not even a greeting.
import assert from 'node:assert/strict';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { startMonitor } from '../support/monitor.mjs';
import { nextWarning } from '../support/warnings.mjs';
import { startWorker } from '../support/worker.mjs';

const { onEachSharedStore, onEachSharedStoreAndPolicy } = conformance(createClient, { looksAtOneServer: true });

async function watch({ t, redis }) {
  const monitor = await startMonitor(redis);
  t.after(() => monitor.stop());
  return monitor;
}

onEachSharedStore('A13 a call without a key is refused and nothing is sent', async (world) => {
  const { client, ledger, effect } = world;
  const monitor = await watch(world);
  const { withIdempotency } = client();
  for (const key of [undefined, null, '']) {
    const refused = { code: 'ERR_KEY_MISSING', retryable: false, hash: undefined };
    await assert.rejects(withIdempotency(key, effect('k')), refused);
  }
  for (const key of [0, {}, 'x'.repeat(256), '\ud800']) {
    await assert.rejects(withIdempotency(key, effect('k')), { code: 'ERR_INVALID_ARGUMENT', retryable: false });
  }
  assert.equal(ledger.count('k'), 0);
  assert.deepEqual(await monitor.wire(), {});
});

onEachSharedStoreAndPolicy('A14 switched off, fn runs every time and nothing is sent', async (world) => {
  const { client, ledger } = world;
  const monitor = await watch(world);
  const off = client({ defaults: { enabled: false } });
  const seen = [];
  const fn = (ctx) => {
    ledger.record('k');
    seen.push([ctx.protected, ctx.fence, ctx.attempt, ctx.recovered, ctx.signal.aborted, ctx.assertHeld()]);
    return ctx.deriveKey('charge');
  };
  const outcomes = [await off.withIdempotency.outcome('k', fn), await off.withIdempotency.outcome('k', fn)];
  outcomes.push(await client().withIdempotency.outcome('k', fn, { enabled: false }));
  assert.deepEqual(seen, Array(3).fill([false, undefined, 1, false, false, undefined]));
  assert.equal(ledger.count('k'), 3);
  assert.deepEqual(await monitor.wire(), {});
  const protectedOne = await client().withIdempotency.outcome('k', fn);
  assert.deepEqual(outcomes, Array(3).fill(protectedOne), 'derived keys are those of a protected run');
});

onEachSharedStore('A14 ACTONCE_DISABLED=1 switches a whole process off and says so once', async (world) => {
  const { t, options, ledger } = world;
  const monitor = await watch(world);
  const clients = { one: options, other: { ...options, prefix: 'other' } };
  const worker = await startWorker({ clients, ledger, env: { ACTONCE_DISABLED: '1' } });
  t.after(() => worker.kill());
  for (const client of ['one', 'one', 'other']) {
    const { value, runs } = await worker.call({ key: 'k', client, steps: [{ effect: true }, { return: 1 }] }).result;
    assert.deepEqual([value, runs.length, runs[0].protected], [1, 1, false]);
  }
  assert.equal(ledger.count('k'), 3);
  assert.equal(worker.output.match(/ACTONCE_DISABLED=1/g)?.length, 1, worker.output);
  assert.deepEqual(await monitor.wire(), {});
});

onEachSharedStore('A15 a call that skip lets through sends nothing, whatever its key', async (world) => {
  const { client, ledger, effect } = world;
  const monitor = await watch(world);
  const { withIdempotency } = client();
  for (const skip of [true, () => true, async () => true]) {
    for (const key of ['k', undefined, '\ud800']) {
      assert.equal(await withIdempotency(key, effect('k', 'ran'), { skip }), 'ran');
    }
  }
  assert.equal(ledger.count('k'), 9);
  assert.deepEqual(await monitor.wire(), {});
});

onEachSharedStore('A15 a skip that fails or answers something else than true skips nothing', async (world) => {
  const { client, ledger, effect } = world;
  const { withIdempotency } = client();
  const fails = () => {
    throw new Error('no session');
  };
  const rejects = () => Promise.reject(new Error('no session'));
  for (const skip of [fails, rejects]) {
    const warned = nextWarning();
    assert.equal(await withIdempotency('k', effect('k', 'ran'), { skip }), 'ran');
    assert.match((await warned).message, /^skip threw: Error: no session/);
  }
  for (const skip of [false, () => 1, () => undefined, async () => 'true'])
    await withIdempotency('k', effect('k'), { skip });
  assert.equal(ledger.count('k'), 1);
});

onEachSharedStore('A15 what onResponse throws alters no outcome, of the first run and of replays', async (world) => {
  const { client, ledger, effect } = world;
  const actonce = client();
  const other = client();
  const onResponse = () => Promise.reject(new Error('cookies() outside a request'));
  for (const on of [actonce, actonce, other]) {
    const warned = nextWarning();
    assert.equal(await on.withIdempotency('k', effect('k', 'paid'), { onResponse }), 'paid');
    assert.match((await warned).message, /^onResponse threw: Error: cookies/);
  }
  assert.equal(ledger.count('k'), 1);
  assert.deepEqual((await actonce.inspect({ key: 'k' })).outcome, { kind: 'value', value: 'paid' });
});

onEachSharedStore(
  'A14 a run that is switched off hides no run around it: the same key is refused at once',
  async (world) => {
    const { withIdempotency } = world.client();
    const again = () => withIdempotency('k', world.effect('k'));
    const off = () => withIdempotency('other', again, { enabled: false });
    await assert.rejects(withIdempotency('k', off), { code: 'ERR_REENTRANT' });
    assert.equal(world.ledger.count('k'), 0);
  },
);
