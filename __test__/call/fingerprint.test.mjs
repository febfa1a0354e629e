// Two payloads have one canonical text exactly when they mean the same; what cannot be compared is refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import vm from 'node:vm';
import fc from 'fast-check';
import { createClient } from '../support/actonce.mjs';
import { bundle } from '../support/bundle.mjs';

const { canonicalText } = await bundle('lib/call/fingerprint.ts');

const same = (a, b, fingerprint) => assert.equal(canonicalText(a, fingerprint), canonicalText(b, fingerprint));
const differ = (a, b, fingerprint) => assert.notEqual(canonicalText(a, fingerprint), canonicalText(b, fingerprint));
const refused = (payload, message, fingerprint) =>
  assert.throws(() => canonicalText(payload, fingerprint), { code: 'ERR_INVALID_ARGUMENT', message });

function form(...entries) {
  const made = new FormData();
  for (const [name, value] of entries) made.append(name, value);
  return made;
}

test('B8 the order of object keys does not matter, at any depth', () => {
  same({ a: 1, b: { c: 2, d: [{ e: 3, f: 4 }] } }, { b: { d: [{ f: 4, e: 3 }], c: 2 }, a: 1 });
});

test('B8 what no wire tells apart is equal: -0 and 0, an undefined field and an absent one', () => {
  same(-0, 0);
  same({ a: 1, b: undefined }, { a: 1 });
});

test('B8 the order of arrays matters, and so does the difference between a number and a string', () => {
  differ([1, 2], [2, 1]);
  differ({ a: 1 }, { a: '1' });
  differ({ 1: 'a' }, ['', 'a']);
  differ([], {});
  differ([[1], 2], [[1, 2]]);
  differ(['a,b'], ['a', 'b']);
  differ({ 'a":1,"b': 1 }, { a: 1, b: 1 });
});

test('B8 any JSON value equals its copy with every object turned around, and differs from any other', () => {
  const turned = (value) => {
    if (Array.isArray(value)) return value.map(turned);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .toReversed()
        .map(([name, part]) => [name, turned(part)]),
    );
  };
  const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)));
  fc.assert(fc.property(json, (value) => same(value, turned(value))));
  fc.assert(fc.property(json, json, (a, b) => (canonicalText(a) === canonicalText(b)) === isSameJson(a, b)));
});

function isSameJson(a, b) {
  const sorted = (_, value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([x], [y]) => (x < y ? -1 : 1)))
      : value;
  return JSON.stringify(a, sorted) === JSON.stringify(b, sorted);
}

test('undefined is an absent field, but a place in an array, and never null', () => {
  same({ a: 1, b: undefined }, { a: 1 });
  differ([undefined], []);
  differ([undefined], [null]);
  differ({ a: null }, {});
});

test('dates, big integers, maps, sets, bytes, files and URLs are compared by what they hold', () => {
  const pairs = [
    [new Date(1), new Date(1), new Date(2)],
    [1n, 1n, 1],
    [
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
      new Map([
        ['b', 2],
        ['a', 1],
      ]),
      new Map([
        ['a', 2],
        ['b', 1],
      ]),
    ],
    [new Map([[1, 'a']]), new Map([[1, 'a']]), new Map([['1', 'a']])],
    [new Set([1, 2]), new Set([2, 1]), new Set([1, 2, 3])],
    [new Set(['a']), new Set(['a']), ['a']],
    [new Uint8Array([1, 2]), Buffer.from([1, 2]), new Uint8Array([1, 3])],
    [new Uint8Array([1, 2]), new Uint8Array([1, 2]), new Int8Array([1, 2])],
    [new Uint8Array([1, 2]).buffer, new Uint8Array([1, 2]).buffer, new Uint8Array([2, 1]).buffer],
    [
      new File(['ab'], 'x', { type: 't/p' }),
      new File(['cd'], 'x', { type: 't/p' }),
      new File(['ab'], 'y', { type: 't/p' }),
    ],
    [new File(['ab'], 'x'), new File(['ba'], 'x'), new File(['abc'], 'x')],
    [new Blob(['ab']), new Blob(['cd']), new Blob(['abc'])],
    [new URL('https://a/b'), new URL('https://a/b'), new URL('https://a/c')],
    [new URLSearchParams('a=1'), new URLSearchParams('a=1'), new URLSearchParams('a=2')],
    [new Headers({ a: '1', b: '2' }), new Headers({ b: '2', a: '1' }), new Headers({ a: '2' })],
    [/a/g, /a/g, /a/],
    [new RangeError('a'), new RangeError('a'), new RangeError('b')],
    [Symbol.for('a'), Symbol.for('a'), Symbol.for('b')],
    [Number.NaN, Number.NaN, null],
    [0, -0, 1],
    [Infinity, Infinity, -Infinity],
    ['\ud800', '\ud800', '\ud801'],
  ];
  for (const [value, equal, other] of pairs) {
    same({ value }, { value: equal });
    differ({ value }, { value: other });
  }
});

test('objects of another realm and objects without prototype compare as plain ones', () => {
  same(vm.runInNewContext('({ a: [1, { b: new Date(5) }], m: new Map([[1, 2]]) })'), {
    a: [1, { b: new Date(5) }],
    m: new Map([[1, 2]]),
  });
  same(Object.assign(Object.create(null), { a: 1 }), { a: 1 });
});

test('an object with toJSON is what that returns', () => {
  class Money {
    #cents = 5;
    toJSON() {
      return { cents: this.#cents };
    }
  }
  same({ price: new Money() }, { price: { cents: 5 } });
});

test('a form is compared by name; values of one name keep their order', () => {
  same(form(['a', '1'], ['b', '2']), form(['b', '2'], ['a', '1']));
  same(form(['a', '1'], ['b', 'x'], ['a', '2']), form(['b', 'x'], ['a', '1'], ['a', '2']));
  differ(form(['a', '1'], ['a', '2']), form(['a', '2'], ['a', '1']));
  differ(form(['a', '1']), { a: '1' });
  differ(form(['f', new File(['ab'], 'x')]), form(['f', new File(['abc'], 'x')]));
});

test("B8 React's own entries and the key's field in a form do not count, with and without JavaScript's prefix", () => {
  const react = [
    ['$ACTION_REF_2', ''],
    ['$ACTION_KEY', 'kc9'],
    ['_1_$ACTION_ID_00a7', ''],
    ['_12_$ACTION_2:0', '{}'],
    ['idempotency-key', 'k'],
  ];
  same(form(...react, ['item', 'book']), form(['item', 'book']));
  differ(form(['item', 'book'], ['x_$ACTION_KEY', '1']), form(['item', 'book']));
  differ(form(['item', 'book'], ['ACTION', '1']), form(['item', 'book']));
});

test('B9 fields can be left out, at the root, nested, and in every element', () => {
  const fields = { exclude: ['sentAt', 'meta.trace', 'items.*.seen'] };
  const payload = (sentAt, trace, seen) => ({
    sentAt,
    meta: { trace, user: 1 },
    items: [
      { id: 1, seen },
      { id: 2, seen },
    ],
  });
  same(payload(1, 'a', 3), payload(2, 'b', 4), fields);
  differ(payload(1, 'a', 3), { ...payload(1, 'a', 3), meta: { user: 2 } }, fields);
  differ(payload(1, 'a', 3), { ...payload(1, 'a', 3), items: [{ id: 1 }, { id: 3 }] }, fields);
  same(form(['a', '1'], ['t', '2']), form(['a', '1'], ['t', '3']), { exclude: ['t'] });
  same(
    new Map([
      ['a', 1],
      ['t', 2],
    ]),
    new Map([['a', 1]]),
    { exclude: ['t'] },
  );
});

test('B9 fields can be chosen', () => {
  same({ a: { b: 1, c: 2 }, d: 3 }, { a: { b: 1, c: 9 }, d: 9 }, ['a.b']);
  differ({ a: { b: 1, c: 2 }, d: 3 }, { a: { b: 2, c: 2 }, d: 3 }, ['a.b']);
  same({ items: [{ id: 1, at: 1 }] }, { items: [{ id: 1, at: 2 }] }, ['items.*.id']);
  differ({ items: [{ id: 1 }] }, { items: [{ id: 1 }, { id: 1 }] }, ['items.*.id']);
});

test('B9 a function can say what to compare', () => {
  same({ a: 1, b: 2 }, { a: 1, b: 3 }, (payload) => payload.a);
  differ({ a: 1 }, { a: 2 }, (payload) => payload.a);
});

test('what cannot be compared is refused with its path, never taken for equal', () => {
  class Hidden {
    #secret = 1;
    get secret() {
      return this.#secret;
    }
  }
  refused({ a: { b: () => 1 } }, /payload\.a\.b is a function/);
  refused([Promise.resolve()], /payload\.0 is a Promise/);
  refused({ h: new Hidden() }, /payload\.h is a Object that cannot be compared/);
  refused({ s: Symbol('own') }, /payload\.s is a symbol/);
  refused({ r: new ReadableStream() }, /payload\.r/);
  refused(new WeakMap(), /WeakMap/);
});

test('a path in a message is shortened, and holds nothing that a terminal takes for a command', () => {
  const name = `\u001b[31m${'x'.repeat(1_000_000)}\n`;
  const nested = (depth) => (depth === 0 ? () => 1 : { [name]: nested(depth - 1) });
  for (const depth of [1, 100, 250]) {
    assert.throws(
      () => canonicalText({ a: nested(depth) }),
      ({ code, message }) => {
        assert.equal(code, 'ERR_INVALID_ARGUMENT');
        assert.ok(message.length < 500, `${message.length}`);
        assert.match(message, /payload\.a\.\\u001b\[31mxxx.*…/);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: it is the case
        assert.doesNotMatch(message, /[\u0000-\u001f]/);
        return true;
      },
    );
  }
});

test('a cycle and a payload that is nested too deeply are refused; a shared part is not', () => {
  const cycle = { a: [] };
  cycle.a.push({ cycle });
  refused(cycle, /payload\.a\.0\.cycle contains itself/);
  let deep = {};
  for (let depth = 0; depth < 50_000; depth++) deep = { deep };
  refused(deep, /nested deeper/);
  const shared = { x: 1 };
  same([shared, shared], [{ x: 1 }, { x: 1 }]);
});

test('a payload that throws when it is read is refused, with the reason as cause', () => {
  const boom = new Error('boom');
  const trap = {
    get a() {
      throw boom;
    },
  };
  assert.throws(() => canonicalText(trap), { code: 'ERR_INVALID_ARGUMENT', cause: boom });
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  refused({ proxy }, /could not be read/);
});

test('B5 (RF1, RF2) another payload is refused, and the first one still replays', async (t) => {
  const client = createClient({ url: 'memory:fingerprint' });
  t.after(() => client.close());
  const call = (payload) => client.withIdempotency('b5', () => payload.total, { scope: 'b5', payload });
  assert.equal(await call({ total: 5, at: new Date(1) }), 5);
  await assert.rejects(call({ total: 6, at: new Date(1) }), { code: 'ERR_KEY_REUSED', name: 'KeyReusedError' });
  assert.equal(await call({ at: new Date(1), total: 5 }), 5);
});
