// Compression of recorded outcomes, and scenario RH7: what is planted as compressed takes neither memory nor time.
import assert from 'node:assert/strict';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { tamper } from '../support/tamper.mjs';

const { onEachStore, onEachSharedStore } = conformance(createClient);
const compressing = { compression: {}, cache: false };
const order = {
  lines: Array.from({ length: 2_000 }, (_, id) => ({ id, name: 'a line like every other', price: 1_000 })),
};

const nameOf = async (client, options, key) => `${options.prefix}:{${(await client.inspect({ key })).hash}}`;

onEachStore(
  'what is compressed is read with the option on or off, and inspected',
  async ({ client, effect, ledger }) => {
    const [one, plain] = [client(compressing), client({ cache: false })];
    await one.withIdempotency('k', effect('k', order));
    for (const reader of [one, plain]) {
      assert.deepEqual(await reader.withIdempotency('k', effect('k')), order);
      assert.deepEqual((await reader.inspect({ key: 'k' })).outcome, { kind: 'value', value: order });
    }
    await plain.withIdempotency('l', effect('l', order));
    assert.deepEqual(await one.withIdempotency('l', effect('l')), order);
    assert.deepEqual([ledger.count('k'), ledger.count('l')], [1, 1]);
  },
);

onEachSharedStore('a record is shorter, from minBytes on and only then', async ({ client, options, redis }) => {
  const length = async (more, value) => {
    const made = client({ ...more, cache: false });
    await made.withIdempotency('k', () => value);
    const bytes = await redis.send('STRLEN', await nameOf(made, options, 'k'));
    await redis.send('FLUSHALL');
    return bytes;
  };
  const [plain, compressed] = [await length({}, order), await length(compressing, order)];
  assert.ok(compressed * 4 < plain, `${compressed} of ${plain} bytes`);
  const small = 'ab'.repeat(500); // and two quotes
  assert.equal(await length({ compression: { minBytes: 1_003 } }, small), await length({}, small));
  assert.ok((await length({ compression: { minBytes: 1_002 } }, small)) < 200);
});

/** A sound block of `length` equal letters: one of them, "and again as often as 255 can be added up", five for the end. */
function bombOf(length) {
  const repeats = length - 1 - 5 - 4 - 15;
  const again = Buffer.alloc(Math.floor(repeats / 255) + 1, 255);
  again[again.length - 1] = repeats % 255;
  const block = [Buffer.from([0x1f, 0x78, 1, 0]), again, Buffer.from([0x50]), Buffer.from('xxxxx')];
  return Buffer.concat([Buffer.from(`Z${length} `), ...block]);
}

const planted = {
  'a block that becomes 100 MB': bombOf(100_000_000),
  'a block of 15 MB that is said to be shorter': Buffer.concat([Buffer.from('Z1'), bombOf(15_000_000).subarray(3)]),
  'a length that no machine has': `Z999999999999999 ${'x'.repeat(100_000)}`,
  'a length of 100 MB': `Z104857600 ${'x'.repeat(100_000)}`,
  'a length beyond any ratio': `Z16000000 ${'x'.repeat(60_000)}`,
  'a length that is none': `Z-1 ${'x'.repeat(100)}`,
  'no block': 'Z100 ',
  'a block that is none': Buffer.from(`Z30000 ${'\xff'.repeat(30_000)}`, 'latin1'),
  'no length at all': 'Z',
};

for (const [what, payload] of Object.entries(planted)) {
  onEachSharedStore(`RH7 ${what} is refused before it costs memory`, async (world) => {
    const { client, options, redis, effect, ledger } = world;
    const one = client(compressing);
    await one.withIdempotency('k', effect('k', order));
    const name = await nameOf(one, options, 'k');
    const records = await tamper(redis);
    await records.replacePayload(name, payload);
    const before = await records.digest(name);
    const rss = process.memoryUsage.rss();
    const tookMs = [];
    for (let time = 0; time < 3; time += 1) {
      const start = process.cpuUsage();
      await assert.rejects(one.withIdempotency('k', effect('k')), {
        code: 'ERR_RECORD_UNREADABLE',
        message: /compressed/,
      });
      const { user, system } = process.cpuUsage(start);
      tookMs.push((user + system) / 1_000);
    }
    const grown = process.memoryUsage.rss() - rss;
    // The least: the collector of what came before counts as well.
    assert.ok(Math.min(...tookMs) < 100, `it took ${tookMs} ms`);
    assert.ok(grown < 50 * 1024 * 1024, `it took ${grown} bytes`);
    assert.equal(await records.digest(name), before);
    assert.equal(ledger.count('k'), 1);
  });
}

onEachSharedStore('RH7 a bomb becomes 16 MiB at most, and the codec refuses that', async (world) => {
  const { client, options, redis, effect, ledger } = world;
  const one = client(compressing);
  await one.withIdempotency('k', effect('k', order));
  const records = await tamper(redis);
  await records.replacePayload(await nameOf(one, options, 'k'), bombOf(16 * 1024 * 1024));
  const rss = process.memoryUsage.rss();
  await assert.rejects(one.withIdempotency('k', effect('k')), {
    code: 'ERR_RECORD_UNREADABLE',
    message: /it has 16777216 characters/,
  });
  const grown = process.memoryUsage.rss() - rss;
  assert.ok(grown < 50 * 1024 * 1024, `it took ${grown} bytes`);
  assert.equal(ledger.count('k'), 1);
});
