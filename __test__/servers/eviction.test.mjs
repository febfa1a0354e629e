// Row RC4, before anything is evicted: a client looks at the policy of its server when it connects, says so once where
// records may be thrown away, or refuses to work there. What eviction does is in matrix-store.test.mjs.
import assert from 'node:assert/strict';
import net from 'node:net';
import path from 'node:path';
import { describe, it } from 'node:test';
import { createClient } from '../support/actonce.mjs';
import { Contenders, EXECUTORS } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { temporaryFolder } from '../support/folder.mjs';
import { startRedis } from '../support/redis.mjs';
import { parse } from '../support/resp.mjs';
import { startCluster, startSentinels } from '../support/topologies.mjs';
import '../support/warnings.mjs';

const key = 'order-1';
const LIMIT = 'maxmemory 512mb';

/** The warnings of ours from here on; those under way have come when this one has. */
function listen(t) {
  const warnings = [];
  const hear = ({ name, message }) => name === 'ActonceWarning' && warnings.push(message);
  process.on('warning', hear);
  t.after(() => process.off('warning', hear));
  return async () => {
    const end = `the end of ${t.name}`;
    process.emitWarning(end, 'ActonceWarning');
    await eventually(() => warnings.includes(end));
    return warnings.filter((message) => message !== end);
  };
}

async function served(client, c, times = 3) {
  for (let n = 0; n < times; n += 1) await client.withIdempotency(`k${n}`, c.effect);
}

for (const executor of EXECUTORS) {
  describe(`RC4 the policy of eviction at start · redis×${executor}`, { timeout: 120_000 }, () => {
    const own = async (t, config, { options, ...server } = {}) => {
      const redis = await startRedis({ config, ...server });
      t.after(() => redis.stop());
      return { redis, c: new Contenders(t, redis, { executor, ...options }) };
    };

    for (const policy of ['allkeys-lru', 'volatile-ttl']) {
      it(`RC4 ${policy}: a warning, once per client however often it connects, and it works`, async (t) => {
        const warnings = listen(t);
        const { redis, c } = await own(t, [LIMIT, `maxmemory-policy ${policy}`]);
        const [one, two] = [c.client(), c.client()];
        await served(one, c);
        await redis.send('CLIENT', 'KILL', 'TYPE', 'normal');
        await served(one, c);
        await served(two, c);
        const heard = await warnings();
        assert.equal(heard.length, 2);
        const said = `Redis may evict records (maxmemory-policy ${policy})`;
        for (const message of heard) assert.ok(message.startsWith(said) && message.includes('noeviction'), message);
      });

      it(`RC4 ${policy} with eviction 'refuse': refused, fn does not run, until the policy is another`, async (t) => {
        const { redis, c } = await own(t, [LIMIT, `maxmemory-policy ${policy}`]);
        const client = c.client({ eviction: 'refuse' });
        const error = await client.withIdempotency(key, c.effect).catch((thrown) => thrown);
        assert.deepEqual([error.code, error.retryable], ['ERR_STORE_REFUSED', false]);
        assert.ok(error.message.includes(`maxmemory-policy is ${policy} and not noeviction`), error.message);
        assert.equal(c.ledger.count(), 0);
        await redis.send('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
        assert.deepEqual(await eventually(() => client.withIdempotency(key, c.effect)), { by: 1 });
      });
    }

    for (const [what, config, server] of [
      ['noeviction', [LIMIT, 'maxmemory-policy noeviction']],
      ['a policy without a limit', ['maxmemory-policy allkeys-lfu']],
      ['a server that does not tell', [LIMIT, 'maxmemory-policy allkeys-random', 'rename-command INFO ""']],
      [
        'a user without the right to ask',
        [LIMIT, 'maxmemory-policy allkeys-lru'],
        { users: ['default on nopass ~* &* +@all -info'] },
      ],
    ]) {
      it(`RC4 ${what}: nothing is said and nothing refused`, async (t) => {
        const warnings = listen(t);
        const { c } = await own(t, config, server);
        await served(c.client(), c);
        await served(c.client({ eviction: 'refuse' }), c);
        assert.deepEqual(await warnings(), []);
      });
    }

    it('RC4 on a cluster one warning for all nodes; one that evicts is enough to be refused', async (t) => {
      const warnings = listen(t);
      const config = [LIMIT, 'maxmemory-policy volatile-lru'];
      const cluster = await startCluster({ replicas: 0, config });
      t.after(() => cluster.stop());
      const c = new Contenders(t, cluster.nodes[0], { executor, url: cluster.url(), defaults: { leaseMs: 10_000 } });
      await served(c.client(), c, 20);
      assert.deepEqual(
        (await warnings()).map((message) => message.includes('volatile-lru')),
        [true],
      );
      for (const node of cluster.nodes.slice(1)) await node.send('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
      const strict = c.client({ eviction: 'refuse' });
      const keys = Array.from({ length: 20 }, (_, n) => `strict-${n}`);
      const calls = await Promise.allSettled(keys.map((each) => strict.withIdempotency(each, c.effect)));
      const codes = new Set(calls.map(({ reason }) => reason?.code));
      assert.ok(codes.has('ERR_STORE_REFUSED'), [...codes].join());
    });

    it('RC4 the primary that Sentinels name is looked at', async (t) => {
      const warnings = listen(t);
      const group = await startSentinels({ config: [LIMIT, 'maxmemory-policy volatile-random'] });
      t.after(() => group.stop());
      const c = new Contenders(t, group.primary, { executor, url: group.url(), defaults: { leaseMs: 10_000 } });
      await served(c.client(), c);
      await assert.rejects(c.client({ eviction: 'refuse' }).withIdempotency(key, c.effect), {
        code: 'ERR_STORE_REFUSED',
      });
      assert.deepEqual(
        (await warnings()).map((message) => message.includes('volatile-random')),
        [true],
      );
    });
  });
}

it('RC4 it is asked in the round trip of the greeting', async (t) => {
  const asked = [];
  const socket = path.join(temporaryFolder('mute'), 's');
  let received = Buffer.alloc(0);
  const server = net.createServer((near) => {
    near.on('error', () => {});
    near.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      for (let read = parse(received); read; read = parse(received)) {
        received = received.subarray(read.end);
        asked.push(read.value[0]);
      }
    });
  });
  await new Promise((resolve) => server.listen(socket, resolve));
  t.after(() => server.close());
  const client = createClient({ url: `unix://${socket}` });
  const call = client.withIdempotency(key, () => 1, { scope: 's' }).catch(({ code }) => code);
  // Without a word from the server all has been said.
  await eventually(() => asked.includes('TIME'));
  await client.close({ graceMs: 0 });
  assert.equal(await call, 'ERR_CLOSED');
  assert.equal(asked[0], 'HELLO');
  assert.deepEqual(asked.slice(-2), ['INFO', 'TIME']);
});
