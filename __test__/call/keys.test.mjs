// Scenarios H1, H2, H4: keys come from clients and are hostile; what a key names, and what it can never reach.
import assert from 'node:assert/strict';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';

const { onEachStore } = conformance(createClient);

onEachStore('H1 (RH2) scope and key are joined so that no two pairs are one', async ({ client, effect, ledger }) => {
  const { withIdempotency } = client();
  const pairs = [
    ['a', 'b:k'],
    ['a:b', 'k'],
    ['a', 'b', 'k'],
    ['a,b', 'k'],
    [['a', 'b'], 'k'],
    [['a'], 'bk'],
    ['ab', 'k'],
    [['a', 'b:k'], 'k'],
    [['a:b', 'k'], 'k'],
    [1, 'k'],
    ['1', 'k'],
    [[1, 2], 'k'],
    [['1', 2], 'k'],
    [12, 'k'],
    ['s1:a', 'k'],
    ['n1:1', 'k'],
    [undefined, 'k'],
    [undefined, 'k1:k'],
  ].map((pair) => ({ scope: pair.length === 3 ? pair.slice(0, 2) : pair[0], key: pair.at(-1) }));
  const distinct = new Map(pairs.map((pair) => [JSON.stringify(pair), pair]));
  const values = await Promise.all(
    [...distinct].map(([name, { scope, key }]) => withIdempotency(key, effect('k', name), { scope })),
  );
  assert.deepEqual(values, [...distinct.keys()]);
  assert.equal(ledger.count('k'), distinct.size);
});

onEachStore('H1 a scope of one part is the same written alone or in an array', async ({ client, effect }) => {
  const { withIdempotency } = client();
  assert.equal(await withIdempotency('k', effect('k', 'first'), { scope: ['a'] }), 'first');
  assert.equal(await withIdempotency('k', effect('k', 'second'), { scope: 'a' }), 'first');
});

const hostile = [
  '{x}',
  '}{',
  'a:b',
  'a\0b',
  'a\r\nSET x 1\r\n',
  '💶',
  '*',
  'KEYS[1]',
  '../..',
  '__proto__',
  'é',
  'e\u0301',
  'x'.repeat(255),
  'é'.repeat(127),
  '€'.repeat(85),
  '\ufeff',
  ' ',
  '$5\r\nhello',
];

onEachStore('H2 (RH2) whatever is in a key, it names one record and nothing else', async (world) => {
  const { client, effect, ledger, redis, options } = world;
  const [one, two] = [client(), client()];
  const hashes = new Set();
  for (const key of hostile) {
    const value = { of: key };
    assert.deepEqual(await one.withIdempotency(key, effect('k', value)), value);
    assert.deepEqual(await two.withIdempotency(key, effect('k')), value);
    hashes.add((await two.inspect({ key })).hash);
  }
  assert.equal(ledger.count('k'), hostile.length);
  assert.equal(hashes.size, hostile.length);
  for (const hash of hashes) assert.match(hash, /^[A-Za-z0-9_-]{22}$/);
  if (!redis) return;
  // The braces are ours: what a client sends chooses no slot.
  const stored = await redis.send('KEYS', `${options.prefix}*`);
  assert.deepEqual(stored.sort(), [...hashes].map((hash) => `${options.prefix}:{${hash}}`).sort());
});

onEachStore('H2 (RH2) a key that is too long or no Unicode is refused', async ({ client, effect, ledger }) => {
  const { withIdempotency } = client();
  const refused = [
    'x'.repeat(256),
    'é'.repeat(128),
    '€'.repeat(86),
    'x'.repeat(10_240),
    '\ud800',
    'a\udc00b',
    '\ude00\ud83d',
  ];
  for (const key of refused) {
    await assert.rejects(withIdempotency(key, effect('k')), { code: 'ERR_INVALID_ARGUMENT', retryable: false });
  }
  for (const scope of ['', [], [''], ['a', '\ud800'], Number.NaN, [Number.POSITIVE_INFINITY], [null], [['a']]]) {
    await assert.rejects(withIdempotency('k', effect('k'), { scope }), { code: 'ERR_INVALID_ARGUMENT' });
  }
  assert.equal(ledger.count('k'), 0);
});

onEachStore('H4 (RH1) another user with the same key runs, and never sees the first result', async (world) => {
  const { client, effect, ledger } = world;
  const [one, two] = [client(), client()];
  const run = (on, user) => on.withIdempotency('k', effect('k', `order of ${user}`), { scope: ['placeOrder', user] });
  for (const on of [one, two, one]) {
    for (const user of ['anna', 'bert']) assert.equal(await run(on, user), `order of ${user}`);
  }
  assert.equal(ledger.count('k'), 2);
});

const keyed = (secret) => ({ secret, cache: false });
const [older, newer] = ['an old secret of 2024', 'a new secret of 2026'];

onEachStore('H4 the name of a record is keyed: without the secret nobody finds it', async ({ client, effect }) => {
  const [mine, theirs, plain] = [client(keyed(older)), client(keyed(newer)), client()];
  await mine.withIdempotency('k', effect('k'));
  const { hash } = await mine.inspect({ key: 'k' });
  for (const other of [theirs, plain]) assert.equal(await other.inspect({ key: 'k' }), undefined);
  assert.equal((await theirs.inspect({ hash }))?.state, 'completed', 'by the name that logs show, any client finds it');
});

onEachStore(
  'H4 a rotated secret still finds what was recorded under the old one',
  async ({ client, effect, ledger }) => {
    const [before, rotated, after] = [client(keyed(older)), client(keyed([newer, older])), client(keyed(newer))];
    const options = { payload: 'x' };
    assert.equal(await before.withIdempotency('k', effect('k', 'first'), options), 'first');
    assert.equal(await rotated.withIdempotency('k', effect('k', 'second'), options), 'first');
    await assert.rejects(rotated.withIdempotency('k', effect('k'), { payload: 'y' }), { code: 'ERR_KEY_REUSED' });
    assert.equal((await rotated.inspect({ key: 'k' })).outcome.value, 'first');
    assert.equal(await rotated.withIdempotency('new', effect('k', 'new')), 'new');
    assert.equal(await after.withIdempotency('new', effect('k')), 'new', 'new records are made under the first');
    assert.equal(await rotated.reset({ key: 'k' }), 'reset');
    assert.equal((await before.inspect({ key: 'k' })).state, 'released');
    assert.equal(ledger.count('k'), 2);
  },
);
