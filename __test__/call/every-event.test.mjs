// Scenario J2: what is told of every way a call can go, on every store: the whole sequence, each event once. The fields
// of an event and what a listener may do are in events.test.mjs.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { it } from 'node:test';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { eventually } from '../support/eventually.mjs';
import { heldRun } from '../support/held-run.mjs';
import { startProxy } from '../support/proxy.mjs';
import { leaseOver, reach } from '../support/states.mjs';

const { onEachStore, onEachSharedStore } = conformance(createClient, { looksAtOneServer: true });
const target = { key: 'k', scope: ['placeOrder', 'user-1'] };
const { scope } = target;
const paid = () => 'paid';
const fails = () => Promise.reject(new Error('declined'));
const flow = (digest) => () => Promise.reject(Object.assign(new Error(digest), { digest }));

/** Every type that a test has seen told; the last test compares it with the union. */
const seen = new Set();

/** A client with what it told so far: `replayed value cached`, `lease-lost refused`. */
function listen(client) {
  const told = [];
  client.on((event) => {
    const { type, kind, reason, code, cached, operation, durationMs, hash } = event;
    seen.add(type);
    // What a listener throws is reported as a warning only, so a fault is told like the rest.
    const isWhole = operation === 'placeOrder' && durationMs >= 0 && hash.length === 22;
    told.push(
      [isWhole ? type : `${type} without its fields`, kind, reason, code, cached && 'cached'].filter(Boolean).join(' '),
    );
  });
  const call = (fn, options) => client.withIdempotency('k', fn, { scope, ...options });
  return { client, told, call };
}

/** How a call goes that runs, by what it tells. */
const runs = {
  'claimed, completed value': [paid],
  'claimed, completed error': [fails, { onError: 'record' }],
  'claimed, released': [fails, { onError: 'release' }],
  'claimed, held': [fails, { onError: 'hold' }],
  'claimed, completed redirect': [flow('NEXT_REDIRECT;push;/done;307;')],
  'claimed, completed http': [flow('NEXT_HTTP_ERROR_FALLBACK;404')],
  'claimed, completed value, result-unrecorded too-large': [paid, { maxResultBytes: 2 }],
  'claimed, completed value, result-unrecorded unencodable': [() => ({ send: paid })],
};
for (const [expected, [fn, options]] of Object.entries(runs)) {
  onEachStore(`J2 a run tells ${expected}`, async ({ client }) => {
    const { told, call } = listen(client());
    await call(fn, options).catch(() => {});
    assert.equal(told.join(', '), expected);
  });
}

/** What a duplicate that does not wait tells, by the record it meets. */
const meets = {
  processing: 'in-progress',
  indeterminate: 'indeterminate',
  released: 'claimed, completed value',
  vanished: 'claimed, takeover, completed value',
  completed: 'replayed value',
  failed: 'replayed error',
};
for (const [state, expected] of Object.entries(meets)) {
  onEachStore(`J2 a call on a record that is ${state} tells ${expected}`, async ({ client }) => {
    await reach[state](client(), 'k', { scope, payload: 'x' });
    const duplicate = listen(client());
    if (state === 'vanished') await leaseOver(duplicate.client, target);
    await duplicate.call(paid, { onDuplicate: 'reject', payload: 'x' }).catch(() => {});
    assert.equal(duplicate.told.join(', '), expected);
    if (state === 'completed' || state === 'failed') {
      await duplicate.call(paid, { payload: 'x' }).catch(() => {});
      const again = duplicate.told.at(-1);
      assert.ok([expected, `${expected} cached`].includes(again), again);
    }
  });

  if (['processing', 'completed', 'failed'].includes(state)) {
    onEachStore(`J2 another payload on a record that is ${state} tells mismatch`, async ({ client }) => {
      await reach[state](client(), 'k', { scope, payload: 'x' });
      const { told, call } = listen(client());
      await assert.rejects(call(paid, { payload: 'y' }), { code: 'ERR_KEY_REUSED' });
      assert.deepEqual(told, ['mismatch']);
    });
  }
}

onEachStore('J2 a new key of a scope that has as many as it may tells quota', async ({ client }) => {
  const { client: actonce, told, call } = listen(client());
  await actonce.withIdempotency('first', paid, { scope });
  await actonce.withIdempotency('second', paid, { scope, maxKeysPerScope: 1 });
  told.length = 0;
  await assert.rejects(call(paid, { maxKeysPerScope: 1 }), { code: 'ERR_QUOTA' });
  assert.deepEqual(told, ['quota']);
});

onEachStore('J2 who joins tells joined, each for itself', async ({ client }) => {
  const { told, call } = listen(client());
  const fn = async () => 'paid';
  await Promise.all([call(fn), call(fn), call(fn)]);
  assert.deepEqual(told, ['claimed', 'completed value', 'joined value', 'joined value']);
});

/** How waiting for another process ends. */
const waits = {
  'waited, replayed value': { end: ({ run }) => run.returns('paid') },
  'waited, replayed error': { end: ({ run }) => run.throws(new Error('declined')) },
  'waited, indeterminate': { options: { onError: 'hold' }, end: ({ run }) => run.throws(new Error('declined')) },
  'waited, in-progress': { end: () => {}, waitTimeoutMs: 50 },
  'waited, claimed, takeover, completed value': {
    options: { leaseMs: 150 },
    end: ({ owner }) => owner.close({ graceMs: 0 }),
  },
};
for (const [expected, { options, end, waitTimeoutMs = 10_000 }] of Object.entries(waits)) {
  onEachStore(`J2 a call that waits for another process tells ${expected}`, async ({ client }) => {
    const owner = client();
    const { run } = await reach.processing(owner, 'k', { scope, ...options });
    const { client: other, told, call } = listen(client());
    const waiting = call(paid, { waitTimeoutMs }).catch(() => {});
    // The same client's next answer: the call before it has learned by then that it has to wait.
    await other.inspect(target);
    await end({ run, owner });
    await waiting;
    assert.equal(told.join(', '), expected);
  });
}

onEachStore(
  'J2 a displaced run tells lease-lost when it learns it, and stale-write when it ends',
  async ({ client }) => {
    const { told, call } = listen(client());
    const run = heldRun();
    const owned = call(run.fn, { leaseMs: 450 });
    await run.started;
    await client().reset(target, { force: true });
    await eventually(() => told.length === 2);
    assert.deepEqual(told, ['claimed', 'lease-lost refused']);
    run.returns('late');
    await assert.rejects(owned, { code: 'ERR_LEASE_LOST', reason: 'refused', value: 'late' });
    assert.deepEqual(told.slice(2), ['stale-write']);
  },
);

onEachStore(
  'J2 a run beyond maxLeaseMs tells lease-lost once, and completed when it is recorded',
  async ({ client }) => {
    const { told, call } = listen(client());
    const run = heldRun();
    // A lease is never longer than maxLeaseMs. Its one renewal has a third of a second to come through.
    await assert.rejects(call(run.fn, { leaseMs: 600, maxLeaseMs: 600 }), {
      code: 'ERR_LEASE_LOST',
      reason: 'max-lease',
    });
    run.returns('late');
    await eventually(() => told.length === 3);
    assert.deepEqual(told, ['claimed', 'lease-lost max-lease', 'completed value']);
  },
);

onEachSharedStore('J2 a store that is away tells store-error once for each call', async ({ t, client, redis }) => {
  const proxy = await startProxy({ to: redis.target });
  t.after(() => proxy.close());
  proxy.mode('refuse');
  const { told, call } = listen(client({ url: proxy.url, totalTimeoutMs: 150 }));
  const rejected = [call(paid), call(paid)];
  for (const each of rejected) await assert.rejects(each, { code: 'ERR_STORE_UNAVAILABLE' });
  assert.equal(await call(paid, { onStoreUnavailable: 'run' }), 'paid');
  assert.deepEqual(told, Array(3).fill('store-error ERR_STORE_UNAVAILABLE'));
});

onEachSharedStore('J2 an outcome that is recorded late tells result-unrecorded, then completed', async (world) => {
  const { t, client, redis } = world;
  const proxy = await startProxy({ to: redis.target });
  t.after(() => proxy.close());
  const { told, call } = listen(client({ url: proxy.url, totalTimeoutMs: 700 }));
  const run = heldRun();
  const owned = call(run.fn);
  await run.started;
  proxy.mode('stall');
  run.returns('paid');
  assert.equal(await owned, 'paid');
  assert.deepEqual(told, ['claimed', 'result-unrecorded delayed']);
  proxy.mode('pass');
  await eventually(() => told.length === 3);
  assert.deepEqual(told, ['claimed', 'result-unrecorded delayed', 'completed value']);
});

it('J2 no event of the union was left out', () => {
  const text = fs.readFileSync(new URL('../../index.d.ts', import.meta.url), 'utf8');
  const union = /export type IdempotencyEvent =([^;]+);/.exec(text)[1].match(/\w+Event/g);
  const types = union.map((name) => new RegExp(`interface ${name} .*?readonly type: '([a-z-]+)'`, 's').exec(text)[1]);
  assert.ok(types.length >= 15);
  assert.deepEqual([...seen].sort(), types.sort());
});
