// What a replay gives is what the first caller got. An instance of a class is no plain data: it is refused at its
// place, or written by whoever registered its class.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { inProduction } from '../support/environment.mjs';
import { freshClient } from '../support/route.mjs';

const { onEachStore } = conformance(createClient);

/** As decimal.js and Prisma have it. */
class Decimal {
  constructor(text) {
    this.digits = [...String(text)];
  }
  plus(other) {
    return new Decimal(Number(this) + Number(other));
  }
  toString() {
    return this.digits.join('');
  }
  toJSON() {
    return this.toString();
  }
}
class Money {
  constructor(cents, currency) {
    this.cents = cents;
    this.currency = currency;
  }
}
const decimal = {
  name: 'Decimal',
  is: (value) => value instanceof Decimal,
  encode: (value) => value.toString(),
  decode: (text) => new Decimal(text),
};
const money = {
  name: 'Money',
  is: (value) => value instanceof Money,
  encode: ({ cents, currency }) => ({ cents, currency }),
  decode: ({ cents, currency }) => new Money(cents, currency),
};
const order = () => ({ id: 'o-1', lines: [{ total: new Decimal('12.50'), at: new Date(0) }] });

onEachStore('in development a value with toJSON is an error that says where, and what to return', async (world) => {
  const { client, effect, ledger } = world;
  const run = () => client().withIdempotency('k', effect('k', order()));
  await assert.rejects(run(), (error) => {
    const { code, reason, path, message } = error;
    assert.deepEqual([code, reason, path], ['ERR_RESULT_UNAVAILABLE', 'unencodable', 'lines[0].total']);
    assert.match(message, /lines\[0\]\.total is an instance of class Decimal/);
    assert.match(message, /return what its toJSON\(\) gives, or register the class with the option values/);
    return true;
  });
  await assert.rejects(run(), { code: 'ERR_RESULT_UNAVAILABLE' });
  assert.equal(ledger.count('k'), 1);
});

it('in production the first caller gets it, and nobody gets anything else in its place', async (t) => {
  inProduction(t);
  const client = freshClient(t);
  const events = [];
  client.on('result-unrecorded', ({ reason, path }) => events.push([reason, path]));
  let runs = 0;
  const run = () => client.withIdempotency('k', () => ++runs && order(), { scope: 's' });
  const first = await run();
  assert.ok(first.lines[0].total instanceof Decimal);
  await assert.rejects(run(), { code: 'ERR_RESULT_UNAVAILABLE', reason: 'unencodable' });
  assert.deepEqual([runs, events], [1, [['unencodable', 'lines[0].total']]]);
});

it('a plain object with toJSON is refused as well, wherever its method lies', async (t) => {
  const client = freshClient(t);
  const hidden = Object.defineProperty({ a: 1 }, 'toJSON', { value: () => 'other' });
  const throwing = Object.defineProperty({ a: 1 }, 'toJSON', {
    get() {
      throw new Error('not loaded');
    },
  });
  for (const [key, value, message] of [
    ['own', { toJSON: () => 'other' }, /order is an object with toJSON\(\)/],
    ['hidden', hidden, /order is an object with toJSON\(\)/],
    ['bare', Object.assign(Object.create(null), { toJSON: () => 1 }), /order is an object with toJSON\(\)/],
    ['throwing', throwing, /order is something that threw when it was read/],
  ]) {
    const run = client.withIdempotency(key, () => ({ order: value }), { scope: 's' });
    await assert.rejects(run, { code: 'ERR_RESULT_UNAVAILABLE', message }, key);
  }
});

onEachStore('a registered class comes back as itself, inside of anything', async (world) => {
  const { client, effect, ledger } = world;
  const values = [decimal, money];
  const [first, second] = [client({ values }), client({ values })];
  const total = new Decimal('12.50');
  const value = { total, again: [total], map: new Map([[new Money(5, 'EUR'), new Set([new Decimal('1')])]]) };
  await first.withIdempotency('k', effect('k', value));
  for (const on of [second, first]) {
    const replayed = await on.withIdempotency('k', effect('k'));
    assert.deepEqual(replayed, value);
    assert.ok(replayed.total instanceof Decimal);
    assert.equal(replayed.total.plus(1).toString(), '13.5');
    assert.equal(replayed.total, replayed.again[0], 'one value stays one');
  }
  assert.equal(ledger.count('k'), 1);
  await first.withIdempotency('alone', effect('alone', total));
  assert.deepEqual(await second.withIdempotency('alone', effect('alone')), total);
});

onEachStore('a registered class in an error that was recorded comes back, too', async (world) => {
  const client = world.client({ values: [decimal], defaults: { onError: 'record' } });
  const other = world.client({ values: [decimal] });
  const declined = Object.assign(new Error('declined'), { limit: new Decimal('9.99') });
  await assert.rejects(client.withIdempotency('k', () => Promise.reject(declined)));
  await assert.rejects(
    other.withIdempotency('k', () => 1),
    (error) => {
      assert.ok(error.limit instanceof Decimal);
      assert.deepEqual(error.limit, declined.limit);
      return true;
    },
  );
});

onEachStore('a client that was not given the class refuses, and runs nothing', async (world) => {
  const { client, effect, ledger } = world;
  await client({ values: [decimal] }).withIdempotency('k', effect('k', [new Decimal('1')]));
  const refused = { code: 'ERR_RECORD_UNREADABLE', message: /class 'Decimal'.*option values/ };
  await assert.rejects(client().withIdempotency('k', effect('k')), refused);
  await assert.rejects(client({ values: [money] }).withIdempotency('k', effect('k')), refused);
  assert.equal(ledger.count('k'), 1);
});

it('faults of a registered class are told where they are', async (t) => {
  const broken = (more) => ({ ...decimal, ...more });
  const boom = () => {
    throw new Error('boom');
  };
  for (const [key, more, message, path] of [
    ['is', { is: boom }, /lines\[0\]\.total is something that threw when it was read/, 'lines[0].total'],
    ['encode', { encode: boom }, /lines\[0\]\.total is something that threw when it was read/, 'lines[0].total'],
    ['promise', { encode: async () => '1' }, /lines\[0\]\.total is a promise/, 'lines[0].total'],
    ['function', { encode: () => ({ f: boom }) }, /lines\[0\]\.total\.f is a function/, 'lines[0].total.f'],
    ['itself', { encode: (value) => ({ value }) }, /an instance of a registered class that contains itself/, undefined],
  ]) {
    const client = freshClient(t, { values: [broken(more)] });
    await assert.rejects(client.withIdempotency(key, order, { scope: 's' }), (error) => {
      assert.deepEqual([error.code, error.reason], ['ERR_RESULT_UNAVAILABLE', 'unencodable'], key);
      assert.match(error.message, message, key);
      if (path !== undefined) assert.equal(error.path, path);
      return true;
    });
  }
  const client = freshClient(t, { values: [broken({ decode: boom })] });
  await client.withIdempotency('decode', order, { scope: 's' });
  const again = client.withIdempotency('decode', order, { scope: 's' });
  await assert.rejects(again, { code: 'ERR_RECORD_UNREADABLE', message: /boom/ });
});

it('what is plain already is asked of nobody', async (t) => {
  const asked = [];
  const nosy = { name: 'Nosy', is: (value) => asked.push(value) && false, encode: () => 0, decode: () => 0 };
  const client = freshClient(t, { values: [nosy] });
  const value = { a: 1, at: new Date(0), map: new Map([[1n, undefined]]), url: new URL('https://a/b') };
  await client.withIdempotency('k', () => value, { scope: 's' });
  assert.deepEqual(asked, []);
});

it('the option is checked where it is given', () => {
  for (const [values, message] of [
    [decimal, /values must be an array/],
    [[{ ...decimal, name: '' }], /values/],
    [[{ ...decimal, is: undefined }], /values/],
    [[{ ...decimal, encode: 'toString' }], /values/],
    [[decimal, { ...money, name: 'Decimal' }], /two .*'Decimal'/],
  ]) {
    assert.throws(() => createClient({ url: 'memory:', values }), { code: 'ERR_INVALID_ARGUMENT', message });
  }
});
