// Scenarios RH5 and RH6: recorded outcomes are encrypted, open where they were written and nowhere else, and outlive a
// rotation of keys. What cannot be opened runs nothing and stays as it is.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { eventually } from '../support/eventually.mjs';
import { heldRun } from '../support/held-run.mjs';
import { KEPT } from '../support/kinds.mjs';
import { recordUnder } from '../support/record.mjs';
import { startRedis } from '../support/redis.mjs';
import { difference } from '../support/same-graph.mjs';
import { tamper } from '../support/tamper.mjs';

const { onEachStore, onEachSharedStore } = conformance(createClient);
const keyOf = (id) => ({ id, key: Buffer.alloc(32, id) });
const under = (...ids) => ({ encryption: { keys: ids.map(keyOf) }, cache: false });
const payload = { cart: ['x'] };
const unreadable = { code: 'ERR_RECORD_UNREADABLE', retryable: false };

for (const [what, options] of Object.entries({
  encrypted: under('k1'),
  'compressed and encrypted': { ...under('k1'), compression: { minBytes: 64, beforeEncryption: true } },
})) {
  onEachStore(`every kind of value comes back, ${what}`, async ({ client, effect, ledger }) => {
    const [one, two] = [client(options), client(options)];
    const large = { text: 'Zoë '.repeat(200_000) };
    for (const [kind, value] of [...Object.entries(KEPT), ['large', large]]) {
      await one.withIdempotency(kind, effect(kind, value), { payload });
      const replayed = await two.withIdempotency(kind, effect(kind), { payload });
      assert.equal(difference(replayed, value), undefined, kind);
      assert.equal(ledger.count(kind), 1);
    }
  });
}

onEachStore('errors, and what an operator says, are encrypted like results', async (world) => {
  const { client, effect, ledger } = world;
  const [one, two] = [client(under('k1')), client(under('k1'))];
  const fails = () => {
    throw new RangeError('card 4242 declined');
  };
  await assert.rejects(one.withIdempotency('failed', fails, { onError: 'record', payload }));
  await assert.rejects(two.withIdempotency('failed', effect('k'), { payload }), {
    name: 'RangeError',
    message: 'card 4242 declined',
  });
  await assert.rejects(one.withIdempotency('held', fails, { onError: 'hold', payload }));
  const { hash } = await two.inspect({ key: 'held' });
  assert.equal(await two.resolve({ hash }, { value: 'found at the bank' }), 'resolved');
  assert.equal(await one.withIdempotency('held', effect('k'), { payload }), 'found at the bank');
  assert.equal((await one.inspect({ key: 'held' })).keyId, 'k1');
  assert.equal(ledger.count('k'), 0);
});

onEachSharedStore('who waits for a run shares its encrypted error', async (world) => {
  const { client, options, redis, effect, ledger } = world;
  const [one, two] = [client(under('k1')), client(under('k1'))];
  const run = heldRun();
  const owner = one.withIdempotency('k', run.fn);
  await run.started;
  const waiter = two.withIdempotency('k', effect('k'));
  await eventually(async () => (await recordUnder(redis, options.prefix)).flags === 1, { what: 'a waiter' });
  const refused = [owner, waiter].map((call) => assert.rejects(call, { name: 'RangeError', message: 'declined' }));
  run.throws(new RangeError('declined'));
  await Promise.all(refused);
  const { state, hash } = await two.inspect({ key: 'k' });
  assert.equal(state, 'released');
  // The error lies beside the record, encrypted like an outcome.
  const beside = await redis.send('GET', `${options.prefix}:{${hash}}:e`);
  assert.match(beside, /^1R[^ ]+ Sk1 /);
  assert.doesNotMatch(beside, /declined|RangeError/);
  assert.equal(ledger.count('k'), 0);
});

onEachStore('inspect names the key and shows no outcome', async ({ client }) => {
  const one = client(under('k1'));
  await one.withIdempotency('k', () => 'Zoë');
  for (const looks of [one, client({ cache: false })]) {
    const view = await looks.inspect({ key: 'k' });
    assert.deepEqual([view.state, view.keyId, 'outcome' in view], ['completed', 'k1', false]);
  }
});

onEachStore('RH6 keys rotate: what k1 wrote is read under k2, and unreadable once k1 is gone', async (world) => {
  const { client, effect, ledger } = world;
  await client(under('k1')).withIdempotency('k', effect('k', 'paid'));
  const rotated = client(under('k2', 'k1'));
  assert.equal(await rotated.withIdempotency('k', effect('k')), 'paid');
  await rotated.withIdempotency('later', effect('later', 'paid too'));
  const removed = client(under('k2'));
  assert.equal(await removed.withIdempotency('later', effect('later')), 'paid too');
  const before = await removed.inspect({ key: 'k' });
  for (const options of [under('k2'), { cache: false }]) {
    await assert.rejects(client(options).withIdempotency('k', effect('k')), { ...unreadable, message: /the key 'k1'/ });
  }
  const after = await removed.inspect({ key: 'k' });
  assert.deepEqual({ ...after, expiresInMs: 0 }, { ...before, expiresInMs: 0 });
  assert.deepEqual([ledger.count('k'), ledger.count('later')], [1, 1]);
});

onEachStore('another key of the same name opens nothing', async ({ client, effect, ledger }) => {
  await client(under('k1')).withIdempotency('k', effect('k', 'paid'));
  const encryption = { keys: [{ id: 'k1', key: Buffer.alloc(32, 'other') }] };
  await assert.rejects(client({ encryption }).withIdempotency('k', effect('k')), unreadable);
  assert.equal(ledger.count('k'), 1);
});

onEachStore('what is not encrypted is refused, and read while encryption is introduced', async (world) => {
  const { client, effect, ledger } = world;
  await client({ cache: false }).withIdempotency('k', effect('k', 'paid'));
  const strict = client(under('k1'));
  await assert.rejects(strict.withIdempotency('k', effect('k')), { ...unreadable, message: /readsPlaintext/ });
  await assert.rejects(strict.inspect({ key: 'k' }), unreadable);
  const introducing = client({ encryption: { keys: [keyOf('k1')], readsPlaintext: true } });
  assert.equal(await introducing.withIdempotency('k', effect('k')), 'paid');
  assert.equal((await introducing.inspect({ key: 'k' })).outcome.value, 'paid');
  assert.equal(ledger.count('k'), 1);
});

/** What somebody with a connection to Redis may try: by name, what is done to the records of two keys. */
const attempts = {
  'two values are swapped': (redis, one, two) => redis.swapPayloads(one, two),
  'a value comes from another key': (redis, one, two) => redis.copyPayload(two, one),
  'the first bit is flipped': (redis, one) => redis.flip(one, 0),
  'the last bit is flipped': (redis, one) => redis.flip(one, -1),
  'it is cut short': (redis, one) => redis.cut(one, 1),
  'all but the key id is gone': (redis, one) => redis.keepOfPayload(one, 4),
  'it is said to answer another payload': (redis, one) => redis.overwrite(one, 34, '-'.repeat(22)),
  'it is said to be of another attempt': (redis, one) => redis.overwrite(one, 18, '-'.repeat(16)),
  'a result is said to be an error': (redis, one) => redis.overwrite(one, 1, 'F'),
  'it is replaced by a readable one': (redis, one) => redis.replacePayload(one, '{"admin":true}'),
};

for (const [what, attempt] of Object.entries(attempts)) {
  onEachSharedStore(`RH5 ${what}: seen, and nothing runs`, async ({ client, options, redis, effect, ledger }) => {
    const one = client(under('k1'));
    await one.withIdempotency('k', effect('k', { admin: false, name: 'Zoë' }), { payload });
    await one.withIdempotency('l', effect('l', { admin: true, name: 'Ada' }), { payload });
    const records = await tamper(redis);
    const names = [];
    for (const key of ['k', 'l']) names.push(`${options.prefix}:{${(await one.inspect({ key })).hash}}`);
    await attempt(records, ...names);
    const before = await records.digest(names[0]);
    await assert.rejects(one.withIdempotency('k', effect('k'), { payload }), unreadable);
    assert.equal(await records.digest(names[0]), before);
    assert.equal(ledger.count('k'), 1);
  });
}

onEachSharedStore('RH5 whole records are swapped: seen, and nothing runs', async (world) => {
  const { client, options, redis, effect, ledger } = world;
  const one = client(under('k1'));
  const names = [];
  for (const key of ['k', 'l']) {
    await one.withIdempotency(key, effect(key, `of ${key}`));
    names.push(`${options.prefix}:{${(await one.inspect({ key })).hash}}`);
  }
  const records = await tamper(redis);
  await records.swap(...names);
  for (const key of ['k', 'l']) await assert.rejects(one.withIdempotency(key, effect(key)), unreadable);
  await records.swap(...names);
  for (const key of ['k', 'l']) assert.equal(await one.withIdempotency(key, effect(key)), `of ${key}`);
  assert.deepEqual([ledger.count('k'), ledger.count('l')], [1, 1]);
});

onEachSharedStore('RH5 an older value of the same key is seen; an older record is not', async (world) => {
  const { client, options, redis, effect, ledger } = world;
  const one = client(under('k1'));
  await one.withIdempotency('k', effect('k', 'old'));
  const name = `${options.prefix}:{${(await one.inspect({ key: 'k' })).hash}}`;
  const records = await tamper(redis);
  await records.copy(name, 'saved');
  await one.reset({ key: 'k' });
  await one.withIdempotency('k', effect('k', 'new'));
  await records.copy(name, 'newer');
  await records.copyPayload('saved', name);
  await assert.rejects(one.withIdempotency('k', effect('k')), unreadable);
  assert.equal(ledger.count('k'), 2);
  // docs/encryption.md says so: no store can vouch for its own newest state.
  await records.copy('saved', name);
  assert.equal(await one.withIdempotency('k', effect('k')), 'old');
});

test('nothing recorded is in a dump of Redis in plain text; without encryption it is', async (t) => {
  // Compression of its own would hide parts of a text.
  const redis = await startRedis({ config: ['rdbcompression no'] });
  t.after(() => redis.stop());
  const words = ['a-result-of-Zoë', 'a-recorded-error-of-Zoë', 'a-held-answer-of-Zoë', 'a-large-result-of-Zoë'];
  const dumpAfter = async (options) => {
    await redis.send('FLUSHALL');
    const client = createClient({ url: redis.url, ...options });
    t.after(() => client.close());
    const fails = (message) => () => {
      throw new Error(message);
    };
    await client.withIdempotency('one', () => ({ name: words[0] }), { payload: 'the-payload-of-Zoë' });
    await client.withIdempotency('two', fails(words[1]), { onError: 'record' }).catch(() => {});
    await client.withIdempotency('three', fails('held'), { onError: 'hold' }).catch(() => {});
    await client.resolve({ key: 'three' }, { value: words[2] });
    await client.withIdempotency('four', () => words[3].repeat(10_000));
    await redis.send('SAVE');
    const dump = fs.readFileSync(path.join(redis.folder, 'dump.rdb'));
    return [...words, 'the-payload-of-Zoë'].filter((word) => dump.includes(word));
  };
  assert.deepEqual(await dumpAfter({}), words, 'the control: what lies there is found');
  assert.deepEqual(await dumpAfter(under('k1')), []);
  assert.deepEqual(
    await dumpAfter({ ...under('k1'), compression: { minBytes: 64, beforeEncryption: true } }),
    [],
    'compressed first',
  );
});
