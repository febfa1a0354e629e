// Row RH4: a scope has as many keys as it may within their retention, and no more; on every store, across processes, on a
// cluster. Nothing is counted for who has not asked for it.
import assert from 'node:assert/strict';
import { after, before, describe, it, test } from 'node:test';
import { createTestClient } from '../../dist/testing.mjs';
import { createClient, QuotaError } from '../support/actonce.mjs';
import { conformance } from '../support/conformance.mjs';
import { Contenders, EXECUTORS } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { heldRun } from '../support/held-run.mjs';
import { startMonitor } from '../support/monitor.mjs';
import { startProxy } from '../support/proxy.mjs';
import { startCluster } from '../support/topologies.mjs';
import { startWorker } from '../support/worker.mjs';

const { onEachStore, onEachSharedStore } = conformance(createClient);
const HOUR_MS = 3_600_000;
const flooder = ['placeOrder', 'flooder'];
const quota = (maxKeysPerScope, more) => ({ scope: flooder, maxKeysPerScope, ...more });

/** What a call of `key` is refused with. */
async function refusal(client, key, fn, options) {
  const error = await client.withIdempotency(key, fn, options).then(
    (value) => assert.fail(`it ran: ${value}`),
    (thrown) => thrown,
  );
  assert.ok(error instanceof QuotaError, error.stack);
  assert.deepEqual([error.code, error.name, error.retryable], ['ERR_QUOTA', 'QuotaError', true]);
  return error;
}

onEachStore(
  'RH4 the 10,001st new key of a scope is refused: fn does not run, others are not affected',
  async (world) => {
    const { client, effect, ledger } = world;
    const actonce = client({ cache: false });
    const options = quota(10_000);
    for (let at = 0; at < 10_000; at += 500) {
      const keys = Array.from({ length: 500 }, (_, n) => `k${at + n}`);
      const values = await Promise.all(keys.map((key) => actonce.withIdempotency(key, () => key, options)));
      assert.deepEqual(values, keys);
    }
    const error = await refusal(actonce, 'k10000', effect('k10000'), options);
    // A day, less a sixteenth at most and as long as this test takes; or a sixteenth more.
    assert.ok(error.retryAfterMs > 20 * HOUR_MS && error.retryAfterMs <= 25.5 * HOUR_MS, `${error.retryAfterMs}`);
    assert.equal(error.digest, `ACTONCE;ERR_QUOTA;${error.retryAfterMs};${error.hash}`);
    assert.equal(ledger.count(), 0);
    const duplicate = await actonce.withIdempotency.outcome('k7', effect('k7'), options);
    assert.deepEqual([duplicate.status, duplicate.value], ['replayed', 'k7']);
    const elsewhere = { ...options, scope: ['placeOrder', 'somebody'] };
    assert.equal(await actonce.withIdempotency('k10000', effect('theirs', 1), elsewhere), 1);
    assert.equal(await actonce.withIdempotency('k10000', effect('unlimited', 2), { scope: flooder }), 2);
  },
);

onEachStore(
  'RH4 what has a record is not counted: replayed, joined, waited for, released, held or mismatched',
  async (world) => {
    const { client, effect } = world;
    const [one, two] = [client({ cache: false }), client({ cache: false })];
    const options = quota(4, { payload: 'x' });
    const fails = () => Promise.reject(new Error('declined'));
    for (let round = 0; round < 3; round += 1) {
      await one.withIdempotency('completed', effect('completed', 1), options);
      await assert.rejects(two.withIdempotency('completed', fails, { ...options, payload: 'y' }), {
        code: 'ERR_KEY_REUSED',
      });
      await assert.rejects(one.withIdempotency('released', fails, options), /declined/);
      await one.withIdempotency('held', fails, { ...options, onError: 'hold' }).catch(() => {});
    }
    const run = heldRun();
    const owned = one.withIdempotency('running', run.fn, options);
    await run.started;
    const others = [one, two, two].map((each) => each.withIdempotency('running', fails, options));
    await assert.rejects(two.withIdempotency('running', fails, { ...options, onDuplicate: 'reject' }), {
      code: 'ERR_IN_PROGRESS',
    });
    run.returns('done');
    assert.deepEqual(await Promise.all([owned, ...others]), Array(4).fill('done'));
    // Four keys, of four that may be.
    assert.equal(await two.withIdempotency('released', effect('released', 2), options), 2);
    await refusal(two, 'fifth', effect('fifth'), options);
  },
);

onEachStore(
  'RH4 at the limit a key that was refused is refused again, and does not lengthen the wait',
  async ({ client }) => {
    const actonce = client();
    await actonce.withIdempotency('first', () => 1, quota(1, { retentionMs: HOUR_MS }));
    const options = quota(1, { retentionMs: HOUR_MS });
    const before = await refusal(actonce, 'second', () => 2, options);
    for (let n = 0; n < 50; n += 1) await refusal(actonce, `flood-${n}`, () => n, options);
    const later = await refusal(actonce, 'second', () => 2, options);
    assert.ok(later.retryAfterMs <= before.retryAfterMs, `${before.retryAfterMs}, ${later.retryAfterMs}`);
  },
);

onEachStore('RH4 keys without a scope are counted together, as a default of the client', async ({ client, effect }) => {
  const actonce = client({ defaults: { maxKeysPerScope: 2 } });
  await Promise.all(['a', 'b'].map((key) => actonce.withIdempotency(key, effect(key))));
  await refusal(actonce, 'c', effect('c'), undefined);
  assert.equal(await actonce.withIdempotency('c', effect('c', 1), { scope: 's' }), 1);
  assert.equal(await actonce.withIdempotency('c', effect('c', 2), { maxKeysPerScope: 3 }), 2);
});

onEachStore('RH4 who joins has its own limit', async ({ client, effect }) => {
  const actonce = client();
  await actonce.withIdempotency('first', effect('first'), quota(1));
  const calls = [quota(1), quota(2)].map((options) => actonce.withIdempotency('second', effect('second', 1), options));
  const [strict, lax] = await Promise.allSettled(calls);
  // The one that may claims; the other finds its record, or was refused before there was one.
  assert.equal(lax.value, 1, lax.reason?.stack);
  assert.ok(strict.reason?.code === 'ERR_QUOTA' || strict.value === 1);
});

onEachSharedStore('RH4 two processes share the count', async ({ t, client, options, ledger }) => {
  const limited = { ...options, defaults: { maxKeysPerScope: 20 } };
  const workers = await Promise.all([0, 1].map(() => startWorker({ client: limited, ledger })));
  t.after(() => Promise.all(workers.map((worker) => worker.kill())));
  const keys = Array.from({ length: 30 }, (_, n) => `k${n}`);
  const steps = [{ effect: true }, { return: 'paid' }];
  const calls = keys.map((key, n) => workers[n % 2].call({ key, options: { scope: flooder }, steps }).result);
  const results = await Promise.all(calls);
  assert.equal(results.filter(({ value }) => value === 'paid').length, 20);
  assert.deepEqual(new Set(results.map(({ error }) => error?.code)), new Set([undefined, 'ERR_QUOTA']));
  assert.equal(ledger.count(), 20);
  await refusal(client(limited), 'k30', () => 1, { scope: flooder });
});

onEachSharedStore(
  'RH4 a key is looked for, counted and claimed, a duplicate looked for; without the option nothing',
  async (world) => {
    const { t, client, redis, options } = world;
    const actonce = client({ cache: false });
    await actonce.withIdempotency('warm', () => 1, quota(100));
    const monitor = await startMonitor(redis);
    t.after(() => monitor.stop());
    const wire = async (key, more) => {
      await monitor.clear();
      await actonce.withIdempotency(key, () => 1, more);
      const commands = (await monitor.commands()).filter(({ from }) => from !== 'lua');
      return commands.map(({ name, args }) => ({ name, isCount: args.join(' ').includes(':quota') }));
    };
    const [look, count, ...claim] = await wire('new', quota(100));
    assert.deepEqual(
      [look, count],
      [
        { name: 'GETRANGE', isCount: false },
        { name: 'EVALSHA', isCount: true },
      ],
    );
    const [lookAgain, ...replay] = await wire('new', quota(100));
    assert.deepEqual(lookAgain, look);
    for (const free of [await wire('free', { scope: flooder }), claim]) {
      assert.ok(
        free.every(({ name, isCount }) => name !== 'GETRANGE' && !isCount),
        JSON.stringify(free),
      );
    }
    assert.deepEqual(await wire('new', { scope: flooder }), replay);

    const [name] = await redis.send('KEYS', `${options.prefix}:*:quota`);
    const [text, leftMs] = [await redis.send('GET', name), await redis.send('PTTL', name)];
    assert.match(text, /^\d{13} \d+( \d{13} \d+)?$/);
    assert.ok(leftMs > 24 * HOUR_MS - 60_000 && leftMs <= 25.5 * HOUR_MS, `${leftMs}`);
  },
);

onEachSharedStore('RH4 a process that dies between count and claim leaves the count, and no record', async (world) => {
  const { t, client, redis, options, ledger } = world;
  const proxy = await startProxy({ to: redis.target });
  t.after(() => proxy.close());
  const isCount = (args) => args[0] === 'EVALSHA' && args[3].endsWith(':quota');
  const warm = client({ cache: false });
  await warm.withIdempotency('warm', () => 1, quota(2));
  const worker = await startWorker({ client: { ...options, url: proxy.url }, ledger });
  const fault = proxy.fault('swallow-reply', { on: isCount });
  const call = worker.call({ key: 'k', options: quota(2), steps: [{ effect: true }] });
  call.result.catch(() => {});
  await eventually(() => fault.hits === 1);
  await worker.kill();
  await refusal(warm, 'another', () => 1, quota(2));
  assert.equal(await warm.inspect({ key: 'k', scope: flooder }), undefined);
  assert.equal(ledger.count(), 0);
});

onEachSharedStore(
  'RH4 a reply that is lost may count twice, and the key runs once',
  async ({ t, client, redis, effect, ledger }) => {
    const proxy = await startProxy({ to: redis.target });
    t.after(() => proxy.close());
    const actonce = client({ url: proxy.url });
    await actonce.withIdempotency('warm', () => 1, quota(3));
    const isCount = (args) => args[0] === 'EVALSHA' && args[3].endsWith(':quota');
    const fault = proxy.fault('swallow-reply-and-close', { on: isCount });
    assert.equal(await actonce.withIdempotency('k', effect('k', 'paid'), quota(3)), 'paid');
    assert.equal(fault.hits, 1);
    assert.equal(ledger.count('k'), 1);
    await refusal(actonce, 'another', () => 1, quota(3));
  },
);

onEachStore(
  'RH4 under a rotated secret a key of the older one is found, and not counted again',
  async ({ client, effect }) => {
    const [older, newer] = ['an older secret of 16', 'a newer secret of 16'];
    await client({ secret: older }).withIdempotency('k', effect('k', 'paid'), quota(1));
    const rotated = client({ secret: [newer, older] });
    assert.equal(await rotated.withIdempotency('k', effect('k'), quota(2)), 'paid');
    assert.equal(await rotated.withIdempotency('new', effect('new', 'new'), quota(2)), 'new');
    assert.equal(await rotated.withIdempotency('k', effect('k'), quota(2)), 'paid');
    await refusal(rotated, 'another', effect('another'), quota(2));
  },
);

test('RH4 a place is free when the retention is over, a sixteenth of it later at most', async (t) => {
  const client = createTestClient();
  t.after(() => client.close());
  const options = quota(1, { retentionMs: 60_000 });
  await client.withIdempotency('first', () => 1, options);
  await client.advance(60_000);
  const { retryAfterMs } = await refusal(client, 'second', () => 2, options);
  assert.ok(retryAfterMs > 0 && retryAfterMs <= 60_000 / 16, `${retryAfterMs}`);
  await client.advance(retryAfterMs);
  assert.equal(await client.withIdempotency('second', () => 2, options), 2);
});

for (const executor of EXECUTORS) {
  describe(`RH4 on a cluster, where count and record lie on different nodes · redis×${executor}`, {
    timeout: 60_000,
  }, () => {
    let cluster;
    before(async () => {
      cluster = await startCluster({ replicas: 0 });
    });
    after(() => cluster.stop());

    it('RH4 each scope has its own count, and as many keys as it may', async (t) => {
      const c = new Contenders(t, cluster.nodes[0], { executor, url: cluster.url(), defaults: { leaseMs: 10_000 } });
      const client = c.client();
      for (const user of ['a', 'b', 'c', 'd', 'e', 'f']) {
        const options = { scope: ['placeOrder', user], maxKeysPerScope: 10 };
        const keys = Array.from({ length: 15 }, (_, n) => `k${n}`);
        const calls = await Promise.allSettled(keys.map((key) => client.withIdempotency(key, c.effect, options)));
        const codes = calls.map(({ reason }) => reason?.code ?? 'ran');
        assert.deepEqual(codes.toSorted(), [...Array(5).fill('ERR_QUOTA'), ...Array(10).fill('ran')]);
      }
      assert.equal(c.ledger.count(), 60);
      const counts = await Promise.all(cluster.nodes.map((node) => node.send('KEYS', `${c.prefix}:*:quota`)));
      assert.equal(counts.flat().length, 6);
      assert.ok(counts.filter((names) => names.length > 0).length > 1, 'on more than one node');
    });
  });
}
