// Large outcomes are compressed and encrypted on a thread of their own: the event loop does not wait for that, and the
// process waits for it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { createClient } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { EXECUTORS } from '../support/contenders.mjs';
import { startRedis } from '../support/redis.mjs';
import { runScript } from '../support/script.mjs';

const { onEachStore, onEachSharedStore } = conformance(createClient);
const keys = [{ id: 'k1', key: '07'.repeat(32) }];
const sealing = { encryption: { keys }, compression: { beforeEncryption: true } };

// JavaScript's own work on a value would hide what is to be seen, so this codec has none to do. Half of it compresses.
const LARGE = Array.from(
  { length: 400_000 },
  (_, id) => `${(id * 2_654_435_761) % 4_294_967_296} same same same `,
).join('');
const ready = { codec: { encode: (text) => text, decode: (text) => text }, defaults: { maxResultBytes: 2 ** 25 } };

const tellsThreads = process.platform === 'linux';
/** Milliseconds of processor time that a thread has had. */
const cpuMs = (id) => Number(fs.readFileSync(`/proc/self/task/${id}/schedstat`, 'utf8').split(' ')[0]) / 1e6;

/** The same of the thread that seals; 0 while there is none. */
function sealingMs() {
  const isIt = (id) => fs.readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim() === 'actonce-seal';
  const id = fs.readdirSync('/proc/self/task').find(isIt);
  return id === undefined ? 0 : cpuMs(id);
}

/** What the longest turn of the event loop costs while `work` goes on. By the clock it would tell how busy the machine is. */
async function longestTurn(work) {
  let longest = 0;
  let before = cpuMs(process.pid);
  let isOver = false;
  const turn = () => {
    const now = cpuMs(process.pid);
    longest = Math.max(longest, now - before);
    before = now;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  isOver = true;
  turn();
  return longest;
}

const onEachStoreOfLinux = tellsThreads ? onEachStore : () => {};

onEachStoreOfLinux('the event loop does not wait while a large outcome is sealed or opened', async ({ client }) => {
  const least = async (options) => {
    const [one, two] = [client({ ...ready, ...options, cache: false }), client({ ...ready, ...options, cache: false })];
    const turns = { writing: [], reading: [] };
    for (let round = 0; round < 4; round += 1) {
      const key = `${'encryption' in options}-${round}`;
      turns.writing.push(await longestTurn(() => one.withIdempotency(key, () => LARGE)));
      turns.reading.push(
        await longestTurn(async () => assert.ok((await two.withIdempotency(key, () => 'ran')) === LARGE)),
      );
    }
    // The least: a collection of garbage may fall into any turn.
    return { writing: Math.min(...turns.writing), reading: Math.min(...turns.reading) };
  };
  const plain = await least({});
  const before = sealingMs();
  const sealed = await least(sealing);
  const onTheThread = (sealingMs() - before) / 4;
  assert.ok(onTheThread > 5, `it took ${onTheThread} ms on a thread of its own`);
  const seen = JSON.stringify({ plain, sealed, onTheThread });
  assert.ok(sealed.writing < plain.writing + onTheThread / 3, seen);
  assert.ok(sealed.reading < plain.reading + onTheThread / 3, seen);
});

onEachStoreOfLinux('a small outcome is not handed to another thread', async ({ client }) => {
  const before = sealingMs();
  const [one, two] = [client({ ...sealing, cache: false }), client({ ...sealing, cache: false })];
  for (let call = 0; call < 100; call += 1) {
    await one.withIdempotency(`k${call}`, () => 'x'.repeat(20_000));
    await two.withIdempotency(`k${call}`, () => 'ran');
  }
  assert.equal(sealingMs(), before);
});

onEachSharedStore('I7 a large replay that is opened while reset is under way is not cached', async (world) => {
  // Room for it: what is larger than half of the cache is not kept.
  const options = { ...ready, ...sealing, cache: { maxBytes: 2 ** 25 } };
  const [one, two] = [world.client(options), world.client(options)];
  const call = (on, value) => on.withIdempotency('k', () => value);
  await call(one, LARGE);
  const replay = call(two, 'ran');
  const [reset, replayed] = await Promise.all([two.reset({ key: 'k' }), replay]);
  assert.deepEqual([reset, replayed === LARGE], ['reset', true]);
  assert.equal(await call(two, 'second'), 'second');
});

onEachStore('a client that closes meanwhile leaves no call without an answer', async ({ client, effect, ledger }) => {
  for (let round = 0; round < 5; round += 1) {
    const [writer, reader] = [client({ ...ready, ...sealing }), client({ ...ready, ...sealing })];
    const key = `k${round}`;
    const written = writer.withIdempotency(key, effect(key, LARGE));
    if (round > 0) await new Promise((resolve) => setImmediate(resolve));
    await writer.close({ graceMs: 0 });
    const ending = await written.then(
      (value) => value === LARGE,
      ({ code }) => code,
    );
    assert.ok(ending === true || ending === 'ERR_CLOSED' || ending === 'ERR_LEASE_LOST', String(ending));
    const late = client({ ...ready, ...sealing });
    await late.reset({ key }, { force: true });
    assert.ok((await late.withIdempotency(key, effect(key, LARGE))) === LARGE);
    const read = reader.withIdempotency(key, effect(key));
    await reader.close({ graceMs: 0 });
    await read.then(
      (value) => assert.ok(value === LARGE),
      ({ code }) => assert.equal(code, 'ERR_CLOSED'),
    );
  }
  assert.ok(ledger.count('k0') <= 2);
});

for (const executor of EXECUTORS) {
  test(`a process that ends by itself has its answer from the embedded store [${executor}]`, async (t) => {
    const ended = await runScript(
      t,
      `const { createClient } = load();
       const call = () => createClient(options).withIdempotency('k', () => 'Zoë '.repeat(200_000));
       call().then(() => { say('answered'); call().then(({ length }) => say(String(length))); });`,
      { options: { url: 'memory:', executor, ...sealing } },
    );
    assert.deepEqual([ended.code, ended.said], [0, ['answered', '800000']], ended.errors);
  });

  test(`a process that ends by itself has recorded its large outcome [${executor}]`, async (t) => {
    const redis = await startRedis();
    t.after(() => redis.stop());
    const options = { url: redis.url, executor, cache: false, ...sealing };
    const text = 'Zoë '.repeat(200_000);
    const ended = await runScript(
      t,
      `const { createClient } = load();
       await createClient(options).withIdempotency('k', () => 'Zoë '.repeat(200_000)).then(() => say('answered'));
       createClient(options).withIdempotency('l', () => 'Zoë '.repeat(200_000)).then(() => say('answered, too'));`,
      { options },
    );
    assert.deepEqual([ended.code, ended.said], [0, ['answered', 'answered, too']], ended.errors);
    const client = createClient(options);
    t.after(() => client.close());
    for (const key of ['k', 'l']) assert.ok((await client.withIdempotency(key, () => 'ran')) === text);
  });
}

for (const executor of EXECUTORS) {
  test(`a worker thread that ends meanwhile takes nothing with it [${executor}]`, async (t) => {
    const ended = await runScript(
      t,
      `const { Worker } = await import('node:worker_threads');
       const { once } = await import('node:events');
       const text = \`
         const { parentPort, workerData } = require('node:worker_threads');
         const { createClient } = require(workerData.PACKAGE);
         const client = createClient(workerData.options);
         client.withIdempotency('k' + workerData.round, () => 'Zoë '.repeat(200_000));
         setImmediate(() => process.exit());
       \`;
       for (let round = 0; round < 20; round += 1) {
         await once(new Worker(text, { eval: true, workerData: { PACKAGE, options, round } }), 'exit');
       }
       const { createClient } = load();
       const { length } = await createClient(options).withIdempotency('last', () => 'Zoë '.repeat(200_000));
       say(String(length));`,
      { options: { url: 'memory:', executor, ...sealing } },
    );
    assert.deepEqual([ended.code, ended.said], [0, ['800000']], ended.errors);
  });
}
