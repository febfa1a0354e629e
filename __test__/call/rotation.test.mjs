// The secret is rotated in the order that docs/guarantees.md gives: [old], [old, new], [new, old], [new]. Whatever
// becomes of a key under two secrets is known under the new one alone.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createTestClient } from '../../dist/testing.cjs';
import { createClient, defineStateMachine } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { Contenders, isClaim } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { heldRun } from '../support/held-run.mjs';
import { paymentConfig } from '../support/payment.mjs';
import { startRedis } from '../support/redis.mjs';
import { leaseOver, reach } from '../support/states.mjs';

const { onEachStore, onEachSharedStore } = conformance(createClient);
const [OLD, NEW] = ['an old secret of 2024', 'a new secret of 2026'];
const HOUR_MS = 3_600_000;
const fails = () => Promise.reject(new Error('declined'));

/** A client of each stage of the rotation; each is a process of its own to the others. */
function stages({ client }, more = {}) {
  const by = (secret) => client({ secret, cache: false, ...more });
  return { before: by(OLD), known: by([OLD, NEW]), both: by([NEW, OLD]), after: by(NEW) };
}

async function refused(promise, code) {
  const error = await promise.then(
    (value) => assert.fail(`it was not refused, but gave ${JSON.stringify(value)}`),
    (thrown) => thrown,
  );
  assert.equal(error.code, code, error.stack);
  return error;
}

onEachStore(
  'a key released under the old secret and completed under both is known under the new one',
  async (world) => {
    const { before, known, both, after } = stages(world);
    await assert.rejects(before.withIdempotency('k', fails), /declined/);
    const run = ({ attempt, recovered }) => ({ attempt, recovered });
    const first = await both.withIdempotency('k', run, { payload: 'cart' });
    assert.deepEqual(first, { attempt: 2, recovered: false });
    for (const client of [after, both, known]) {
      const { status, value } = await client.withIdempotency.outcome('k', fails, { payload: 'cart' });
      assert.deepEqual([status, value], ['replayed', first]);
      await refused(client.withIdempotency('k', fails, { payload: 'another cart' }), 'ERR_KEY_REUSED');
    }
  },
);

onEachStore('an error that is recorded under both secrets is known under the new one', async (world) => {
  const { before, both, after } = stages(world);
  await assert.rejects(before.withIdempotency('k', fails), /declined/);
  await assert.rejects(
    both.withIdempotency('k', () => Promise.reject(new Error('stolen')), { onError: 'record' }),
    /stolen/,
  );
  await assert.rejects(
    after.withIdempotency('k', () => 'ran'),
    /stolen/,
  );
});

onEachStore('what is held under both secrets is held under the new one, until somebody resolves it', async (world) => {
  const { before, both, after } = stages(world);
  await assert.rejects(before.withIdempotency('k', fails), /declined/);
  await assert.rejects(both.withIdempotency('k', fails, { onError: 'hold' }), /declined/);
  for (const client of [after, both]) {
    await refused(
      client.withIdempotency('k', () => 'ran'),
      'ERR_INDETERMINATE',
    );
  }
  await both.resolve({ key: 'k' }, { value: 'paid' });
  for (const client of [after, both]) assert.equal(await client.withIdempotency('k', fails), 'paid');
});

onEachStore('a run that was begun under both secrets is seen under each, and nobody runs beside it', async (world) => {
  const { before, known, both, after } = stages(world);
  await assert.rejects(before.withIdempotency('k', fails), /declined/);
  const run = heldRun();
  const owned = both.withIdempotency('k', run.fn);
  await run.started;
  const others = [after, both, known].map((client) => client.withIdempotency('k', () => 'ran beside it'));
  for (const client of [after, both, known]) {
    await refused(
      client.withIdempotency('k', () => 'ran', { onDuplicate: 'reject' }),
      'ERR_IN_PROGRESS',
    );
  }
  run.returns('paid');
  assert.deepEqual(await Promise.all([owned, ...others]), Array(4).fill('paid'));
});

onEachStore(
  'a caller that waits behind a run of the old secret gets its outcome, or runs if the key was released',
  async (world) => {
    const { before, known, both, after } = stages(world);
    for (const ends of ['returns', 'throws']) {
      const run = heldRun();
      const owned = before.withIdempotency(ends, run.fn);
      owned.catch(() => {});
      await run.started;
      const others = [both, both, known].map((client) => client.withIdempotency(ends, fails).catch((error) => error));
      await refused(
        both.withIdempotency(ends, () => 'ran', { onDuplicate: 'reject' }),
        'ERR_IN_PROGRESS',
      );
      run[ends](ends === 'returns' ? 'paid' : new Error('stolen'));
      const got = await Promise.all(others);
      if (ends === 'returns') assert.deepEqual(got, ['paid', 'paid', 'paid']);
      else assert.deepEqual(new Set(got.map(({ message }) => message)).size, 1, 'they share one error');
    }
    assert.equal(await both.withIdempotency('throws', () => 'later'), 'later');
    assert.equal(await after.withIdempotency('throws', fails), 'later');
  },
);

onEachStore('of many calls at once under both secrets one runs, and it counts the earlier attempt', async (world) => {
  const { before, after } = stages(world);
  await assert.rejects(before.withIdempotency('k', fails), /declined/);
  const clients = Array.from({ length: 5 }, () => stages(world).both);
  const runs = [];
  const calls = clients.flatMap((client) =>
    Array.from({ length: 4 }, () =>
      client.withIdempotency('k', async ({ attempt }) => {
        runs.push(attempt);
        return 'paid';
      }),
    ),
  );
  assert.deepEqual(new Set(await Promise.all(calls)), new Set(['paid']));
  assert.deepEqual(runs, [2]);
  assert.equal(await after.withIdempotency('k', fails), 'paid');
});

onEachStore('a run that vanished under the old secret is recovered under the new one', async (world) => {
  const { both, after } = stages(world);
  const owner = stages(world).before;
  await reach.vanished(owner, 'k', {});
  await leaseOver(both, { key: 'k' });
  const run = ({ attempt, recovered }) => ({ attempt, recovered });
  assert.deepEqual(await both.withIdempotency('k', run), { attempt: 2, recovered: true });
  assert.deepEqual(await after.withIdempotency('k', fails), { attempt: 2, recovered: true });
});

onEachStore('a run that vanished under the old secret with onCrash hold stays held there', async (world) => {
  const { both } = stages(world);
  const owner = stages(world).before;
  await reach.vanished(owner, 'k', { onCrash: 'hold' });
  await leaseOver(both, { key: 'k' });
  await refused(both.withIdempotency('k', fails), 'ERR_INDETERMINATE');
  await both.resolve({ key: 'k' }, { rerun: true });
  assert.equal(await both.withIdempotency('k', ({ recovered }) => recovered), true);
});

onEachStore('the steps of a run that was released under the old secret are replayed', async (world) => {
  const { before, both } = stages(world);
  const replayed = [];
  const order = (client, ends) => async (ctx) => {
    const machine = defineStateMachine(paymentConfig, { client });
    replayed.push((await ctx.transition(machine, 'o-1', 'PROCESS', { create: true })).replayed);
    return ends();
  };
  await assert.rejects(before.withIdempotency('k', order(before, fails)), /declined/);
  assert.equal(
    await both.withIdempotency(
      'k',
      order(both, () => 'paid'),
    ),
    'paid',
  );
  assert.deepEqual(replayed, [false, true]);
});

onEachSharedStore('a key that cannot go on under the first secret is free again under the old one', async (world) => {
  const { before, both, after } = stages(world);
  const names = () => world.redis.send('KEYS', `${world.options.prefix}:*`);
  await after.withIdempotency('k', () => 'paid');
  const [first] = await names();
  await world.redis.send('SET', first, 'no record');
  await assert.rejects(before.withIdempotency('k', fails), /declined/);
  await refused(
    both.withIdempotency('k', () => 'ran'),
    'ERR_RECORD_UNREADABLE',
  );
  await eventually(async () => (await before.inspect({ key: 'k' })).state === 'released', { what: 'the release' });
  await world.redis.send('DEL', first);
  assert.equal(await both.withIdempotency('k', ({ attempt }) => attempt), 3);
});

onEachSharedStore('H5 nothing is left under the old secret once a key has run under both', async (world) => {
  const { before, both } = stages(world);
  await assert.rejects(before.withIdempotency('k', fails), /declined/);
  const under = async () => (await world.redis.send('KEYS', `${world.options.prefix}:*`)).sort();
  const [old] = await under();
  await both.withIdempotency('k', () => 'paid');
  const names = await under();
  assert.equal(names.length, 1);
  assert.notEqual(names[0], old);
});

onEachStore(
  'H5 under two secrets a scope has no more keys than its limit, those of the old secret included',
  async (world) => {
    const quota = { scope: ['placeOrder', 'ann'], maxKeysPerScope: 3 };
    const { before, known, both, after } = stages(world);
    await before.withIdempotency('first', () => 1, quota);
    await known.withIdempotency('second', () => 2, quota);
    await both.withIdempotency('third', () => 3, quota);
    for (const client of [both, known]) {
      const error = await refused(
        client.withIdempotency('fourth', () => 4, quota),
        'ERR_QUOTA',
      );
      assert.ok(error.retryAfterMs > 20 * HOUR_MS && error.retryAfterMs <= 25.5 * HOUR_MS, `${error.retryAfterMs}`);
      assert.equal(await client.withIdempotency('first', fails, quota), 1, 'a key that has a record is not counted');
    }
    assert.equal(await both.withIdempotency('fourth', () => 4, { ...quota, maxKeysPerScope: 4 }), 4);
    // Two were counted under the new secret. The retention of the others is over when the old secret is dropped.
    assert.equal(await after.withIdempotency('fifth', () => 5, quota), 5);
    await refused(
      after.withIdempotency('sixth', () => 6, quota),
      'ERR_QUOTA',
    );
  },
);

test('a place that is counted under the old secret is free when its retention is over', async (t) => {
  const stage = (secret) => {
    const client = createTestClient({ secret });
    t.after(() => client.close());
    return client;
  };
  // One store: a test client has its own, and its secrets in order.
  const client = stage([NEW, OLD]);
  const quota = { scope: 's', maxKeysPerScope: 1, retentionMs: 60_000 };
  await client.withIdempotency('first', () => 1, quota);
  const { retryAfterMs } = await refused(
    client.withIdempotency('second', () => 2, quota),
    'ERR_QUOTA',
  );
  await client.advance(retryAfterMs);
  assert.equal(await client.withIdempotency('second', () => 2, quota), 2);
});

test('a process dies before the older record is removed: the key is held and resolved once', {
  timeout: 60_000,
}, async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const c = new Contenders(t, redis);
  await assert.rejects(c.client({ secret: OLD }).withIdempotency('k', fails), /declined/);
  const proxy = await c.proxy();
  const removal = proxy.fault('drop-request', { on: (args) => args[0] === 'EVALSHA' && args[5] === '-' });
  const owner = c.client({ url: proxy.url, secret: [NEW, OLD], defaults: { onCrash: 'hold' } });
  const run = heldRun();
  owner.withIdempotency('k', run.fn).catch(() => {});
  await Promise.all([run.started, removal.struck]);
  proxy.mode('black-hole');
  await owner.close({ graceMs: 0 });

  const other = c.client({ secret: [NEW, OLD] });
  await refused(
    other.withIdempotency('k', () => 'ran again'),
    'ERR_INDETERMINATE',
  );
  await other.resolve({ key: 'k' }, { value: 'paid' });
  for (const secret of [[NEW, OLD], NEW]) assert.equal(await c.client({ secret }).withIdempotency('k', fails), 'paid');
});

describe('H5 between the two names', { timeout: 60_000 }, () => {
  async function released(t) {
    const redis = await startRedis();
    t.after(() => redis.stop());
    const c = new Contenders(t, redis, { defaults: { leaseMs: 30_000 } });
    const before = c.client({ secret: OLD });
    await assert.rejects(before.withIdempotency('k', fails), /declined/);
    const proxy = await c.proxy();
    return { redis, c, before, proxy, both: c.client({ url: proxy.url, secret: [NEW, OLD] }) };
  }

  test('the older record expires before it is claimed: the key runs under the first secret', async (t) => {
    const { redis, c, proxy, both } = await released(t);
    const found = proxy.fault('delay', { on: 'GETRANGE', ms: 200 });
    const run = both.withIdempotency('k', ({ attempt }) => attempt);
    await found.struck;
    await redis.send('DEL', ...(await redis.send('KEYS', `${c.prefix}:*`)));
    assert.equal(await run, 1);
    assert.equal(await c.client({ secret: NEW }).withIdempotency('k', fails), 1);
  });

  test('the caller gives up: the key is free at once under both names', async (t) => {
    const { before, proxy, both } = await released(t);
    const claimed = proxy.fault('delay', { on: isClaim, nth: 2, ms: 300 });
    const abort = new AbortController();
    const run = both.withIdempotency('k', () => 'ran', { signal: abort.signal });
    await claimed.struck;
    abort.abort(new Error('closed the tab'));
    await assert.rejects(run, /closed the tab/);
    await eventually(async () => (await before.inspect({ key: 'k' })).state === 'released', { what: 'the release' });
    assert.equal(await both.withIdempotency('k', () => 'ran later'), 'ran later');
  });

  test('the key moves to the other name while a caller waits: the caller looks for it again', async (t) => {
    const { c, proxy, both } = await released(t);
    const key = 'moves';
    await reach.vanished(c.client({ secret: [NEW, OLD] }), key, { leaseMs: 1_000 });
    const waits = both.withIdempotency(key, () => 'ran beside it');
    await eventually(() => proxy.requests.SUBSCRIBE > 0, { what: 'the wait' });
    proxy.mode('stall');
    const known = c.client({ secret: [OLD, NEW] });
    const run = heldRun();
    const owned = known.withIdempotency(key, run.fn);
    await run.started;
    proxy.mode('pass');
    await refused(
      both.withIdempotency(key, () => 'ran', { onDuplicate: 'reject' }),
      'ERR_IN_PROGRESS',
    );
    run.returns('paid');
    assert.deepEqual(await Promise.all([owned, waits]), ['paid', 'paid']);
  });
});
