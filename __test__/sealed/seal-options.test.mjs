// What `encryption` and `compression` take: refused where they are given, with the path of the fault and never the key.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';

const { onEachStore } = conformance(createClient);
const bytes = randomBytes(32);
const key = bytes.toString('base64');
const keys = [{ id: 'k1', key }];

const REFUSED = [
  [{ encryption: {} }, /option encryption\.keys is missing/],
  [{ encryption: { keys: [] } }, /option encryption\.keys must be an array/],
  [{ encryption: { keys: { id: 'k1', key } } }, /option encryption\.keys must be an array/],
  [{ encryption: { keys: [null] } }, /option encryption\.keys\[0\] must be an object/],
  [{ encryption: { keys: [{ key }] } }, /option encryption\.keys\[0\]\.id is missing/],
  [{ encryption: { keys: [{ id: 'k1' }] } }, /option encryption\.keys\[0\]\.key is missing/],
  [{ encryption: { keys: [...keys, { id: 'a b', key }] } }, /option encryption\.keys\[1\]\.id must be 1 to 32/],
  [{ encryption: { keys: [{ id: 'x'.repeat(33), key }] } }, /option encryption\.keys\[0\]\.id must be 1 to 32/],
  [{ encryption: { keys: [...keys, ...keys] } }, /option encryption\.keys\[1\]\.id is the id of another key/],
  [{ encryption: { keys: [{ id: 'k1', key, old: true }] } }, /option encryption\.keys\[0\]\.old is not known/],
  [{ encryption: { keys, reads: true } }, /option encryption\.reads is not known/],
  [{ encryption: { keys, readsPlaintext: 1 } }, /option encryption\.readsPlaintext must be a boolean/],
  [{ encryption: true }, /option encryption must be an object/],
  [{ compression: true }, /option compression must be an object/],
  [{ compression: { minBytes: 63 } }, /option compression\.minBytes must be a whole number from 64/],
  [{ compression: { minBytes: 0.5 } }, /option compression\.minBytes must be a whole number/],
  [{ compression: { level: 9 } }, /option compression\.level is not known/],
  [{ encryption: { keys }, compression: {} }, /option compression .*beforeEncryption/],
  [{ encryption: { keys }, compression: { beforeEncryption: false } }, /option compression .*beforeEncryption/],
];

for (const [options, message] of REFUSED) {
  test(`refused: ${JSON.stringify(options).replaceAll(key, '<key>').slice(0, 100)}`, () => {
    assert.throws(() => createClient({ url: 'memory:', ...options }), { code: 'ERR_INVALID_ARGUMENT', message });
  });
}

const NOT_KEYS = {
  'too short': bytes.subarray(1),
  'too long': Buffer.concat([bytes, bytes]),
  'short base64': bytes.subarray(1).toString('base64'),
  'short hex': bytes.subarray(1).toString('hex'),
  'a passphrase': 'correct horse battery staple four',
  'with a line break': `${key}\n`,
  'a number': 42,
};

for (const [what, wrong] of Object.entries(NOT_KEYS)) {
  test(`a key that is ${what} is refused, and not repeated`, () => {
    const encryption = { keys: [...keys, { id: 'k2', key: wrong }] };
    assert.throws(
      () => createClient({ url: 'memory:', encryption }),
      ({ code, message }) => {
        assert.equal(code, 'ERR_INVALID_ARGUMENT');
        assert.match(message, /option encryption\.keys\[1\]\.key must be 32 bytes, as a Buffer, hex or base64/);
        return !message.includes(String(wrong).slice(0, 16)) && !message.includes(key.slice(0, 16));
      },
    );
  });
}

onEachStore('one key is the same in all its forms', async ({ client, effect, ledger }) => {
  const forms = [bytes, new Uint8Array(bytes), bytes.toString('hex'), key, bytes.toString('base64url')];
  for (const form of forms) {
    const one = client({ encryption: { keys: [{ id: 'k1', key: form }] }, cache: false });
    assert.equal(await one.withIdempotency('k', effect('k', 'paid')), 'paid');
  }
  assert.equal(ledger.count('k'), 1);
});
