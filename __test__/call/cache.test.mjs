// I7: the cache of recent outcomes is bounded, forgets in time, and never answers for another payload.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createClient } from '../support/actonce.mjs';
import { bundle } from '../support/bundle.mjs';
import { startRedis } from '../support/redis.mjs';

const { OutcomeCache } = await bundle('lib/call/cache.ts');
const { templateOf } = await bundle('lib/outcome/codec/template.ts');

const outcome = (text) => ({ text, attempt: 1 });

function cacheWith(limits = {}) {
  const clock = { ms: 0, wallMs: 1_800_000_000_000 };
  const clocks = [() => clock.ms, () => clock.wallMs + Math.floor(clock.ms)];
  const cache = new OutcomeCache({ maxEntries: 3, maxBytes: 100, maxAgeMs: 5_000, ...limits }, ...clocks);
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

test('I7 a machine that was suspended answers nothing from before, though its clock stood still meanwhile', () => {
  const { cache, clock } = cacheWith();
  for (const suspendedMs of [5_000, 3_600_000]) {
    cache.put('a', null, outcome('J1'), 86_400_000);
    clock.ms += 100;
    assert.equal(cache.get('a', null).text, 'J1');
    clock.wallMs += suspendedMs;
    clock.ms += 50;
    assert.equal(cache.get('a', null), undefined);
  }
  cache.put('b', null, outcome('J2'), 86_400_000);
  assert.equal(cache.get('b', null).text, 'J2', 'what was put after that');
});

test('I7 a process that stands still between its looks at two clocks was not suspended', () => {
  const clock = { ms: 0, standsStillMs: 0 };
  const now = () => clock.ms;
  const wallClock = () => {
    clock.ms += clock.standsStillMs;
    clock.standsStillMs = 0;
    return 1_800_000_000_000 + clock.ms;
  };
  const cache = new OutcomeCache({ maxEntries: 3, maxBytes: 100, maxAgeMs: 5_000 }, now, wallClock);
  cache.put('a', null, outcome('J1'), 86_400_000);
  clock.standsStillMs = 300;
  assert.equal(cache.get('a', null).text, 'J1');
});

test('I7 a suspend is noticed however much is put after it, and though the wall clock was set back before it', () => {
  const { cache, clock } = cacheWith({ maxEntries: 8 });
  const putMany = () => {
    for (const name of 'bcde') cache.put(name, null, outcome('J2'), 86_400_000);
  };
  clock.wallMs -= 3_600_000;
  putMany();
  cache.put('a', null, outcome('J1'), 86_400_000);
  clock.wallMs += 60_000;
  putMany();
  assert.equal(cache.get('a', null), undefined);
});

test('I7 a wall clock that is set back, or is off by a little, makes nothing older or younger', () => {
  const { cache, clock } = cacheWith();
  cache.put('a', null, outcome('J1'), 86_400_000);
  clock.wallMs -= 3_600_000;
  clock.ms = 4_999.5;
  assert.equal(cache.get('a', null).text, 'J1');
  clock.wallMs += 20;
  assert.equal(cache.get('a', null).text, 'J1');
  clock.ms = 5_000;
  assert.equal(cache.get('a', null), undefined);
});

test('I7 whatever is put, read and deleted, the latest half is there, and never more than maxEntries', () => {
  const names = [...'abcdefgh'];
  const step = fc.tuple(fc.constantFrom('put', 'put', 'get', 'delete'), fc.constantFrom(...names));
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 9 }), fc.array(step, { maxLength: 1_000 }), (maxEntries, steps) => {
      const { cache } = cacheWith({ maxEntries });
      let latest = [];
      for (const [what, name] of steps) {
        latest = latest.filter((other) => what === 'get' || other !== name);
        if (what === 'get') cache.get(name, null);
        if (what === 'delete') cache.delete(name);
        if (what === 'put') {
          cache.put(name, null, outcome(name), 1_000);
          latest = [...latest, name].slice(-Math.floor(maxEntries / 2));
        }
        const held = names.filter((other) => cache.get(other, null)?.text === other);
        assert.ok(held.length <= maxEntries, `${held.length} of ${maxEntries}`);
        assert.deepEqual(
          latest.filter((other) => !held.includes(other)),
          [],
        );
        if (what === 'delete') assert.ok(!held.includes(name));
      }
    }),
    { numRuns: 200, size: 'max' },
  );
});

test('I7 all outcomes together stay within maxBytes, counted in UTF-8; one larger than half of it is not kept', () => {
  const { cache } = cacheWith({ maxEntries: 100 });
  const names = Array.from({ length: 12 }, (_, n) => `n${n}`);
  for (const name of names) cache.put(name, null, outcome('é'.repeat(10)), 1_000);
  const held = names.filter((name) => cache.get(name, null));
  assert.deepEqual(held, names.slice(-4));
  cache.put('large', null, outcome('x'.repeat(51)), 1_000);
  assert.equal(cache.get('large', null), undefined);
  cache.put('half', null, outcome('x'.repeat(50)), 1_000);
  assert.ok(cache.get('half', null));
  cache.put('half', null, outcome('é'.repeat(26)), 1_000);
  assert.equal(cache.get('half', null), undefined, 'an older outcome must not stand in for one that is not kept');
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

const objectsIn = (value) =>
  typeof value === 'object' && value !== null ? [value, ...Object.values(value).flatMap(objectsIn)] : [];

test('I7 a copy of JSON is equal, and has no object in common with what it was copied from', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 8 }), (text) => {
      const value = JSON.parse(text);
      const template = templateOf(value);
      const other = template.copy();
      const copy = template.copy();
      assert.deepStrictEqual(copy, value);
      assert.equal(JSON.stringify(copy), JSON.stringify(value));
      const theirs = new Set([...objectsIn(value), ...objectsIn(other)]);
      assert.ok(!objectsIn(copy).some((object) => theirs.has(object)));
    }),
    { numRuns: 2_000 },
  );
});

test('I7 every replay has a value of its own, whatever callers do with theirs', async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const client = createClient({ url: redis.url });
  t.after(() => client.close());
  const order = () => ({ id: 'o-1', lines: [{ sku: 'A', tags: ['new'] }], note: null });
  for (let time = 1; time <= 5; time += 1) {
    const value = await client.withIdempotency('k', order, { scope: 'i7' });
    assert.deepStrictEqual(value, order(), `answer ${time}`);
    value.lines[0].tags.push('spoilt');
    value.lines.push(value.lines[0]);
    value.id = 'spoilt';
  }
});

test('I7 a replay that is answered while reset is under way is not cached', async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const [client, other] = [1, 2].map(() => createClient({ url: redis.url }));
  t.after(() => Promise.all([client.close(), other.close()]));
  const call = (on, value) => on.withIdempotency('k', () => value, { scope: 'i7' });
  await call(other, 'first');
  const replay = call(client, 'ran');
  assert.deepEqual(await Promise.all([client.reset({ key: 'k', scope: 'i7' }), replay]), ['reset', 'first']);
  assert.equal(await call(client, 'second'), 'second');
});

test('I7 a call that follows a reset runs, though nobody has waited for the reset', async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const client = createClient({ url: redis.url });
  t.after(() => client.close());
  const [key, scope] = ['k', 'i7'];
  assert.equal(await client.reset({ key, scope }), 'absent'); // The server has its script from now on.
  assert.equal(await client.withIdempotency(key, () => 'first', { scope }), 'first');
  const reset = client.reset({ key, scope });
  assert.equal(await client.withIdempotency(key, () => 'second', { scope }), 'second');
  assert.equal(await reset, 'reset');
});

test('I7 after a suspend of the machine the store is asked', async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const [client, other] = [1, 2].map(() => createClient({ url: redis.url }));
  t.after(() => Promise.all([client.close(), other.close()]));
  const call = (on, value) => on.withIdempotency('k', () => value, { scope: 'i7' });
  assert.equal(await call(client, 'first'), 'first');
  assert.equal(await other.reset({ key: 'k', scope: 'i7' }), 'reset');
  assert.equal(await call(other, 'second'), 'second');
  assert.equal(await call(client, 'ran'), 'first', 'within its five seconds');
  // What a process sees of an hour's suspend: the wall clock has gone on, the monotonic one has not.
  await new Promise((resolve) => setTimeout(resolve, 60));
  const { now } = Date;
  t.mock.method(Date, 'now', () => now() + 3_600_000);
  assert.equal(await call(client, 'ran'), 'second');
});

for (const [what, resolution, expected] of [
  ['with a value', { value: 'settled' }, 'settled'],
  ['to run again', { rerun: true }, 'third'],
]) {
  for (const by of ['key', 'hash']) {
    test(`I7 what a client has resolved, ${what}, it does not answer from its cache (${by})`, async (t) => {
      const redis = await startRedis();
      t.after(() => redis.stop());
      const [client, other] = [1, 2].map(() => createClient({ url: redis.url }));
      t.after(() => Promise.all([client.close(), other.close()]));
      const [key, scope] = ['k', 'i7'];
      assert.equal(await client.withIdempotency(key, () => 'first', { scope }), 'first');
      const { hash } = await client.inspect({ key, scope });
      assert.equal(await other.reset({ key, scope }), 'reset');
      const times = () => Promise.reject(new Error('timeout'));
      await assert.rejects(other.withIdempotency(key, times, { scope, onError: 'hold' }), /timeout/);
      const target = by === 'key' ? { key, scope } : { hash };
      assert.equal(await client.resolve(target, resolution), 'resolved');
      assert.equal(await client.withIdempotency(key, () => 'third', { scope }), expected);
    });
  }
}

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
