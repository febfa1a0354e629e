// RC8: the server answers, but it will not or cannot serve: each answer is a typed error, as retryable as it is, and fn
// has not run. The states are real ones wherever a server can be brought into them.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { describe } from 'node:test';
import { Contenders, EXECUTORS } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { startRedis } from '../support/redis.mjs';
import { it } from '../support/steady.mjs';
import '../support/unhandled.mjs';

const key = 'order-1';

/** Whether a call that accepts to run without the store is run. */
const runsAnyway = (c) =>
  c
    .client({ defaults: { onStoreUnavailable: 'run' } })
    .withIdempotency('another', (ctx) => !ctx.protected)
    .catch(() => false);

async function own(t, executor, { options, ...server } = {}) {
  const redis = await startRedis(server);
  t.after(() => redis.stop());
  return { redis, c: new Contenders(t, redis, { executor, totalTimeoutMs: 400, ...options }) };
}

/** The call is refused with `code` within the time given, fn does not run; the error. */
async function refuses(c, client, code, { withinMs = 3_000 } = {}) {
  const startedAt = performance.now();
  const error = await client.withIdempotency(key, c.effect).catch((caught) => caught);
  const tookMs = performance.now() - startedAt;
  assert.equal(error.code, code, error.stack);
  assert.equal(error.retryable, code !== 'ERR_STORE_REFUSED' && code !== 'ERR_STORE_PROTOCOL');
  assert.ok(tookMs < withinMs, `${tookMs} ms`);
  assert.equal(c.ledger.count(), 0);
  return error;
}

/** Once the server serves again, so does a client that was refused; until its next try to connect that may take a while. */
async function serves(c, client) {
  await eventually(() => client.withIdempotency(key, c.effect), { withinMs: 10_000 });
  assert.equal(c.ledger.count(), 1);
}

for (const executor of EXECUTORS) {
  describe(`RC8 a server that will not serve · redis×${executor}`, { concurrency: 4, timeout: 60_000 }, () => {
    it('LOADING: unavailable until it has loaded', async (t) => {
      // While it loads, a server answers after every two megabytes.
      const { redis, c } = await own(t, executor, { config: ['key-load-delay 100000', 'rdbcompression no'] });
      const control = await redis.connect();
      for (let at = 0; at < 15; at += 1) await control.send('SET', `filler-${at}`, Buffer.alloc(2_100_000));
      await control.send('SAVE');
      const client = c.client();
      await client.withIdempotency('warm', () => 1);
      await redis.stop();
      const loaded = redis.start();
      await eventually(
        () => fs.existsSync(redis.target.path) && redis.send('PING').catch((error) => error.code === 'LOADING'),
      );
      for (const each of [client, c.client()]) {
        assert.match((await refuses(c, each, 'ERR_STORE_UNAVAILABLE')).message, /LOADING/);
      }
      await loaded;
      await serves(c, client);
    });

    it('OOM: full, at once', async (t) => {
      const { redis, c } = await own(t, executor, { options: { totalTimeoutMs: 5_000 } });
      const client = c.client();
      await client.withIdempotency('warm', () => 1);
      await redis.send('CONFIG', 'SET', 'maxmemory', 1);
      for (const each of [client, c.client()]) {
        assert.match((await refuses(c, each, 'ERR_STORE_FULL')).message, /OOM/);
      }
      assert.equal(await runsAnyway(c), true);
    });

    it('MISCONF: unavailable until its snapshots work again', async (t) => {
      const { redis, c } = await own(t, executor, { config: ['save 3600 1'] });
      const client = c.client();
      // A snapshot cannot be renamed to what is a folder.
      fs.mkdirSync(path.join(redis.folder, 'dump.rdb'));
      await redis.send('BGSAVE');
      const failed = async () => /rdb_last_bgsave_status:err/.test(await redis.send('INFO', 'persistence'));
      await eventually(failed, { what: 'the failure of BGSAVE' });
      assert.match((await refuses(c, client, 'ERR_STORE_UNAVAILABLE')).message, /MISCONF/);
      await redis.send('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no');
      await serves(c, client);
    });

    it('BUSY with a long script: unavailable until that is over', async (t) => {
      const { redis, c } = await own(t, executor, { config: ['lua-time-limit 20'] });
      const client = c.client();
      await client.withIdempotency('warm', () => 1);
      const endless = redis.send('EVAL', 'while true do end', 0).catch((error) => error);
      await eventually(() => redis.send('PING').catch((error) => error.code === 'BUSY'));
      for (const each of [client, c.client()]) {
        assert.match((await refuses(c, each, 'ERR_STORE_UNAVAILABLE')).message, /BUSY/);
      }
      const call = c.client({ totalTimeoutMs: 5_000 }).withIdempotency(key, c.effect);
      await redis.send('SCRIPT', 'KILL');
      await endless;
      assert.deepEqual(await call, { by: 1 });
    });

    it('NOREPLICAS: unavailable until a replica is there', async (t) => {
      const { redis, c } = await own(t, executor, { config: ['min-replicas-to-write 1'] });
      const client = c.client();
      assert.match((await refuses(c, client, 'ERR_STORE_UNAVAILABLE')).message, /NOREPLICAS/);
      await redis.send('CONFIG', 'SET', 'min-replicas-to-write', 0);
      await serves(c, client);
    });

    it('CLUSTERDOWN: unavailable', async (t) => {
      const { c } = await own(t, executor, { listen: 'tcp', config: ['cluster-enabled yes'] });
      assert.match((await refuses(c, c.client(), 'ERR_STORE_UNAVAILABLE')).message, /CLUSTERDOWN/);
    });

    it('READONLY, a primary that is demoted under us: refused, and served again once it is promoted', async (t) => {
      const { redis, c } = await own(t, executor);
      const client = c.client();
      await client.withIdempotency('warm', () => 1);
      await redis.send('REPLICAOF', '127.0.0.1', 1);
      for (const each of [client, c.client()]) {
        assert.match((await refuses(c, each, 'ERR_STORE_REFUSED')).message, /replica/);
      }
      const patient = c.client({ totalTimeoutMs: 5_000 });
      const call = patient.withIdempotency(key, c.effect);
      await redis.send('REPLICAOF', 'NO', 'ONE');
      assert.deepEqual(await call, { by: 1 });
    });

    it('READONLY during fn: the value is the caller’s, and is recorded once there is a primary again', async (t) => {
      const { redis, c } = await own(t, executor, { options: { totalTimeoutMs: 1_000, defaults: { leaseMs: 5_000 } } });
      const client = c.client();
      const value = await client.withIdempotency(key, async (ctx) => {
        await redis.send('REPLICAOF', '127.0.0.1', 1);
        return c.effect(ctx);
      });
      assert.deepEqual(value, { by: 1 });
      await redis.send('REPLICAOF', 'NO', 'ONE');
      await eventually(() => client.told.includes('completed'));
      assert.deepEqual(client.told, ['claimed', 'result-unrecorded', 'completed']);
    });

    it('NOAUTH, a password that is set under us: refused at once', async (t) => {
      const { redis, c } = await own(t, executor, { options: { totalTimeoutMs: 5_000 } });
      const client = c.client();
      await client.withIdempotency('warm', () => 1);
      const control = await redis.connect();
      await control.send('CONFIG', 'SET', 'requirepass', 'hunter2');
      await control.send('CLIENT', 'KILL', 'SKIPME', 'yes', 'TYPE', 'normal');
      const error = await refuses(c, client, 'ERR_STORE_REFUSED');
      assert.match(error.message, /NOAUTH/);
      assert.equal(await runsAnyway(c), false, 'a mistake in the configuration is no outage');
    });

    it('too many clients: unavailable until there is room', async (t) => {
      const { redis, c } = await own(t, executor, { config: ['maxclients 2'] });
      const others = [await redis.connect(), await redis.connect()];
      for (const other of others) await eventually(() => other.send('PING'));
      const client = c.client();
      assert.match((await refuses(c, client, 'ERR_STORE_UNAVAILABLE')).message, /max number of clients/);
      const call = c.client({ totalTimeoutMs: 5_000 }).withIdempotency(key, c.effect);
      for (const other of others) other.close();
      assert.deepEqual(await call, { by: 1 });
    });

    it('RB11 a garbage byte in the greeting: the next one is understood', async (t) => {
      const { c } = await own(t, executor, { options: { totalTimeoutMs: 5_000 } });
      const proxy = await c.proxy();
      const fault = proxy.fault('garbage', { on: 'TIME' });
      assert.deepEqual(await c.client({ url: proxy.url }).withIdempotency(key, c.effect), { by: 1 });
      assert.equal(fault.hits, 1);
    });

    it('a server older than the protocol: refused, with what is needed and without the password it quotes', async (t) => {
      // As Redis 5 answers, which cannot be had everywhere.
      const said = '-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `app`, `hunter2`, \r\n';
      const server = net.createServer((socket) => socket.on('error', () => {}).end(said));
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
      t.after(() => server.close());
      const url = `redis://app:hunter2@127.0.0.1:${server.address().port}`;
      const c = new Contenders(t, { url }, { executor, totalTimeoutMs: 400 });
      const error = await refuses(c, c.client(), 'ERR_STORE_REFUSED');
      assert.match(error.message, /`HELLO`; Redis 6\.2 or newer/);
      assert.doesNotMatch(error.stack, /hunter2/);
    });

    it('something that is no Redis at all: a breach of the protocol', async (t) => {
      const server = http.createServer((_, response) => response.end('hello'));
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
      t.after(() => server.close());
      const url = `redis://127.0.0.1:${server.address().port}`;
      const c = new Contenders(t, { url }, { executor, totalTimeoutMs: 400 });
      await refuses(c, c.client(), 'ERR_STORE_PROTOCOL');
      assert.equal(await runsAnyway(c), true);
    });
  });
}
