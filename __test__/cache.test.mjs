// I7: the cache of recent outcomes is bounded, forgets in time, and never answers for another payload.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createClient } from './support/actonce.mjs';
import { bundle } from './support/bundle.mjs';
import { startRedis } from './support/redis.mjs';

const { OutcomeCache } = await bundle('lib/cache.ts');

const outcome = (text) => ({ text, attempt: 1 });

function cacheWith(limits = {}) {
  const clock = { ms: 0 };
  const cache = new OutcomeCache({ maxEntries: 3, maxBytes: 100, maxAgeMs: 5_000, ...limits }, () => clock.ms);
  return { cache, clock };
}

test('I7 an outcome is answered for maxAgeMs, and never longer than its record lives', () => {
  const { cache, clock } = cacheWith();
  cache.put('long', null, outcome('J1'), 86_400_000);
  cache.put('short', null, outcome('J2'), 10);
  clock.ms = 9;
  assert.equal(cache.get('short', null).text, 'J2');
  clock.ms = 10;
  assert.equal(cache.get('short', null), undefined);
  clock.ms = 4_999;
  assert.equal(cache.get('long', null).text, 'J1');
  clock.ms = 5_000;
  assert.equal(cache.get('long', null), undefined);
});

test('I7 of too many outcomes the one that was used longest ago goes first', () => {
  const { cache } = cacheWith();
  for (const name of ['a', 'b', 'c']) cache.put(name, null, outcome(name), 1_000);
  cache.get('a', null);
  cache.put('d', null, outcome('d'), 1_000);
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((name) => cache.get(name, null)?.text),
    ['a', undefined, 'c', 'd'],
  );
});

test('I7 whatever is put, read and deleted, the cache holds what a plain list in order of use holds', () => {
  const names = fc.constantFrom(...'abcdefgh');
  const step = fc.tuple(fc.constantFrom('put', 'put', 'get', 'delete'), names);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 2_000 }), (steps) => {
      const { cache } = cacheWith();
      let used = [];
      for (const [what, name] of steps) {
        const known = used.includes(name);
        if (what === 'get') assert.equal(cache.get(name, null)?.text, known ? name : undefined);
        if (what === 'delete') cache.delete(name);
        if (what === 'put') cache.put(name, null, outcome(name), 1_000);
        const staysOut = what === 'delete' || (what === 'get' && !known);
        used = [...used.filter((other) => other !== name), ...(staysOut ? [] : [name])].slice(-3);
      }
    }),
    { numRuns: 200, size: 'max' },
  );
});

test('I7 all outcomes together stay within maxBytes, counted in UTF-8; a larger one is not kept', () => {
  const { cache } = cacheWith();
  cache.put('a', null, outcome('é'.repeat(30)), 1_000);
  cache.put('b', null, outcome('é'.repeat(21)), 1_000);
  assert.equal(cache.get('a', null), undefined);
  assert.ok(cache.get('b', null));
  cache.put('b', null, outcome('x'.repeat(101)), 1_000);
  assert.equal(cache.get('b', null), undefined);
  cache.put('c', null, outcome('x'.repeat(100)), 1_000);
  assert.ok(cache.get('c', null));
});

test('I7 it answers a call without payload and one with the same payload; what differs is for the store to judge', () => {
  const { cache } = cacheWith();
  cache.put('with', 'p', outcome('J1'), 1_000);
  cache.put('without', null, outcome('J2'), 1_000);
  assert.ok(cache.get('with', 'p'));
  assert.ok(cache.get('with', null));
  assert.equal(cache.get('with', 'q'), undefined);
  assert.equal(cache.get('without', 'p'), undefined);
});

test('I7 replays come from the cache, reset empties it, and cache: false does without', async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop?.());
  const scope = 'i7';
  const open = (more) => {
    const client = createClient({ url: redis.url, prefix: 'i7', ...more });
    t.after(() => client.close());
    const cached = [];
    client.on('replayed', (event) => cached.push(event.cached));
    return { client, cached };
  };
  const { client, cached } = open({});
  const plain = open({ cache: false });
  await client.withIdempotency('k', () => ({ a: 1 }), { scope, payload: 1 });
  const first = await client.withIdempotency('k', () => 0, { scope, payload: 1 });
  const second = await client.withIdempotency('k', () => 0, { scope, payload: 1 });
  assert.deepEqual([first, second], [{ a: 1 }, { a: 1 }]);
  assert.notEqual(first, second);
  await assert.rejects(
    client.withIdempotency('k', () => 0, { scope, payload: 2 }),
    { code: 'ERR_KEY_REUSED' },
  );
  await plain.client.withIdempotency('k', () => 0, { scope });
  await plain.client.withIdempotency('k', () => 0, { scope });
  assert.deepEqual(
    [cached, plain.cached],
    [
      [true, true],
      [false, false],
    ],
  );
  const { hash } = await client.inspect({ key: 'k', scope });
  const attempts = [];
  for (const target of [{ key: 'k', scope }, { hash }]) {
    assert.equal(await client.reset(target), 'reset');
    attempts.push(await client.withIdempotency('k', (ctx) => ctx.attempt, { scope }));
  }
  assert.deepEqual(attempts, [2, 3]);
});

test('I7 a recorded error is cached, a released one is not', async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop?.());
  const client = createClient({ url: redis.url });
  t.after(() => client.close());
  const cached = [];
  client.on('replayed', (event) => cached.push([event.kind, event.cached]));
  const fails = () => Promise.reject(new Error('no'));
  await assert.rejects(client.withIdempotency('kept', fails, { scope: 'i7', onError: 'record' }));
  await assert.rejects(
    client.withIdempotency('kept', () => 1, { scope: 'i7' }),
    /no/,
  );
  await assert.rejects(client.withIdempotency('freed', fails, { scope: 'i7' }));
  assert.equal(await client.withIdempotency('freed', () => 1, { scope: 'i7' }), 1);
  assert.deepEqual(cached, [['error', true]]);
});
