// Keys are hostile: what is a key, and that no two pairs of scope and key are one record.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createClient } from '../support/actonce.mjs';
import { bundle } from '../support/bundle.mjs';

const { identityOf, operationOf } = await bundle('lib/call/identity.ts');

const refusal = (code) => (error) => error.code === code;

test('H1 scope and key are joined injectively', () => {
  const pairs = [
    ['b:k', 'a'],
    ['k', 'a:b'],
    ['k', ['a', 'b']],
    ['k', ['a:b']],
    ['bk', 'a'],
    ['k', 'ab'],
    ['1:k', 's1:a'],
    ['k', ['a', 1]],
    ['k', ['a', '1']],
    ['k', 1],
    ['k', '1'],
    ['k', undefined],
    ['s1:ak1:k', undefined],
  ];
  const distinct = new Set(pairs.map(([key, scope]) => JSON.stringify([key, [scope].flat()])));
  assert.equal(new Set(pairs.map(([key, scope]) => identityOf(key, scope))).size, distinct.size);
});

/** Reads an identity back: what can be read in one way only cannot be made by two pairs. */
function parse(identity) {
  const parts = [];
  for (let at = 0; at < identity.length; ) {
    const [head, kind, length] = /^([skn])(\d+):/.exec(identity.slice(at));
    const text = identity.slice(at + head.length, at + head.length + Number(length));
    assert.equal(text.length, Number(length));
    parts.push([kind, text]);
    at += head.length + text.length;
  }
  return parts;
}

test('H1 scope and key can be read back from every identity, so no two pairs have the same', () => {
  const awkward = fc.string({
    unit: fc.constantFrom('a', 'k', 's', 'n', ':', '1', '0', 'é'),
    minLength: 1,
    maxLength: 20,
  });
  const part = fc.oneof(awkward, fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }));
  fc.assert(
    fc.property(awkward, fc.array(part, { minLength: 1, maxLength: 4 }), (key, scope) => {
      const wanted = scope.map((value) => [typeof value === 'number' ? 'n' : 's', String(value)]);
      assert.deepEqual(parse(identityOf(key, scope)), [...wanted, ['k', key]]);
    }),
    { numRuns: 2_000 },
  );
});

test('H1 a scope of one part is that part', () => {
  assert.equal(identityOf('k', 'a'), identityOf('k', ['a']));
});

test('H2 a key is 1 to 255 bytes of UTF-8, counted in bytes', () => {
  for (const key of ['k', 'k'.repeat(255), 'é'.repeat(127), '😀'.repeat(63), '{}:\0\r\n\u202e', ' ']) identityOf(key);
  for (const key of ['k'.repeat(256), 'é'.repeat(128), '😀'.repeat(64), 'k'.repeat(10_240)]) {
    assert.throws(() => identityOf(key), refusal('ERR_INVALID_ARGUMENT'));
  }
});

test('H2 half a surrogate pair is refused: two such keys would be one in UTF-8', () => {
  for (const key of ['\ud800', 'a\udc00b', '\udc00\ud800']) {
    assert.throws(() => identityOf(key), refusal('ERR_INVALID_ARGUMENT'));
    assert.throws(() => identityOf('k', key), refusal('ERR_INVALID_ARGUMENT'));
  }
});

test('H2 keys in NFC and NFD are two keys', () => {
  assert.notEqual(identityOf('\u00e9'), identityOf('e\u0301'));
});

test('a key that is missing has a code of its own, one that is no string another', () => {
  for (const key of [undefined, null, '']) assert.throws(() => identityOf(key), refusal('ERR_KEY_MISSING'));
  for (const key of [0, 1, true, {}, [], Symbol('k'), 1n, () => 'k', new String('k')]) {
    assert.throws(() => identityOf(key), refusal('ERR_INVALID_ARGUMENT'));
  }
});

test('a scope with a part that is empty, undefined or no number is refused', () => {
  for (const scope of [
    '',
    [],
    [''],
    ['a', ''],
    ['a', undefined],
    [null],
    null,
    Number.NaN,
    [1 / 0],
    {},
    [['a']],
    true,
  ]) {
    assert.throws(() => identityOf('k', scope), refusal('ERR_INVALID_ARGUMENT'), `scope ${JSON.stringify(scope)}`);
  }
});

test('the operation of events is the first part of an array, never a lone scope: that may be a user', () => {
  assert.equal(operationOf(['placeOrder', 'user-7']), 'placeOrder');
  assert.equal(operationOf('user-7'), undefined);
  assert.equal(operationOf(undefined), undefined);
});

test('H2 whatever the key, the record is named by 22 harmless characters', async (t) => {
  const client = createClient({ url: 'memory:identity' });
  t.after(() => client.close());
  const hashes = new Set();
  for (const key of ['{}', '{a}b', 'a:b', '\0', '\r\nSET x', '😀', 'k'.repeat(255)]) {
    await client.withIdempotency(key, () => 1, { scope: 'h2' });
    const { hash } = await client.inspect({ key, scope: 'h2' });
    assert.match(hash, /^[\w-]{22}$/);
    hashes.add(hash);
  }
  assert.equal(hashes.size, 7);
});
