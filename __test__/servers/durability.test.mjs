// Rows RD2, RD3, RD9 and RD10: a client that wants its writes on replicas, or on the disk, before they count.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { createClient, defineStateMachine } from '../support/actonce.mjs';
import { Contenders, EXECUTORS, isClaim, isCompletion } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { startMonitor } from '../support/monitor.mjs';
import { startRedis } from '../support/redis.mjs';
import { it } from '../support/steady.mjs';
import {
  cutReplication,
  mendReplication,
  replication,
  startCluster,
  startReplicas,
  startSentinels,
} from '../support/topologies.mjs';
import '../support/unhandled.mjs';

const key = 'order-1';
const scope = 'durability';
const REPLICAS_1 = { replicas: 1, timeoutMs: 500 };

async function own(t, options = {}, more = {}) {
  const { primary, replicas } = await startReplicas({ replicas: 1, ...more });
  t.after(() => Promise.all([primary, ...replicas].map((server) => server.stop())));
  const c = new Contenders(t, primary, { durability: REPLICAS_1, defaults: { leaseMs: 3_000 }, ...options });
  return { primary, replicas, c };
}

for (const executor of EXECUTORS) {
  describe(`D. durability · redis×${executor}`, { concurrency: 2, timeout: 120_000 }, () => {
    it('calls at the same time share one WAIT, behind their commands and on their connection (RD9)', async (t) => {
      const { primary, c } = await own(t, { executor });
      const client = c.client();
      await client.withIdempotency('warm', c.effect, { scope });
      const monitor = await startMonitor(primary);
      t.after(() => monitor.stop());
      const keys = Array.from({ length: 100 }, (_, index) => `k${index}`);
      await Promise.all(keys.map((one) => client.withIdempotency(one, c.effect, { scope })));
      const commands = await monitor.commands();
      const waits = commands.filter(({ name }) => name === 'WAIT');
      const claims = commands.filter(({ args }) => isClaim(args));
      assert.equal(claims.length, 100);
      // 200 writes; one WAIT at a time.
      assert.ok(waits.length >= 2 && waits.length <= 20, `${waits.length} WAITs`);
      assert.deepEqual(new Set(claims.map(({ from: id }) => id)), new Set(waits.map(({ from: id }) => id)));
      const last = commands.findLastIndex(({ args }) => isClaim(args) || isCompletion(args));
      assert.ok(commands.findLastIndex(({ name }) => name === 'WAIT') > last);
      assert.equal(c.ledger.count(), 101);
    });

    it('RD2 no replica has the claim in time: ERR_DURABILITY, fn does not run, and the key is free', async (t) => {
      const { primary, replicas, c } = await own(t, { executor });
      const client = c.client();
      await client.withIdempotency('warm', () => 1, { scope });
      await cutReplication(primary, replicas);
      const startedAt = performance.now();
      const error = await client.withIdempotency(key, c.effect, { scope }).catch((caught) => caught);
      const tookMs = performance.now() - startedAt;
      assert.deepEqual([error.code, error.retryable], ['ERR_DURABILITY', true]);
      assert.match(error.message, /within 500 ms 0 of 1 replicas had the write/);
      assert.ok(tookMs >= 490 && tookMs < 1_500, `${tookMs} ms`);
      assert.equal(c.ledger.count(), 0);
      const other = c.client({ durability: undefined, totalTimeoutMs: 1_000 });
      assert.deepEqual(await other.withIdempotency(key, c.effect, { scope, onDuplicate: 'reject' }), { by: 2 });
      await mendReplication(replicas);
      assert.deepEqual(await client.withIdempotency(key, c.effect, { scope }), { by: 2 });
    });

    it('calls that come one after the other without replicas do not wait for each other', async (t) => {
      const { primary, replicas, c } = await own(t, { executor });
      const client = c.client();
      await client.withIdempotency('warm', () => 1, { scope });
      await cutReplication(primary, replicas);
      const late = [];
      const call = async (one) => {
        const startedAt = performance.now();
        await assert.rejects(client.withIdempotency(one, c.effect, { scope }), { code: 'ERR_DURABILITY' });
        late.push(performance.now() - startedAt);
      };
      const calls = [];
      for (let index = 0; index < 40; index++) {
        calls.push(call(`k${index}`));
        await setTimeout(15);
      }
      await Promise.all(calls);
      assert.ok(Math.max(...late) < 2_000, `${late.map(Math.round)} ms`);
      assert.equal(c.ledger.count(), 0);
    });

    it('no replica has the outcome in time: the caller has its value, two events say so, the primary has the record', async (t) => {
      const { primary, replicas, c } = await own(t, { executor });
      const client = c.client();
      const events = [];
      client.on((event) => events.push(event));
      const value = await client.withIdempotency(
        key,
        async (ctx) => {
          await cutReplication(primary, replicas);
          return c.effect(ctx);
        },
        { scope },
      );
      assert.deepEqual(value, { by: 1 });
      const told = events.map(({ type, code, reason }) => [type, code ?? reason].filter(Boolean).join(' '));
      assert.deepEqual(told, ['claimed', 'store-error ERR_DURABILITY', 'result-unrecorded durability']);
      const other = c.client({ durability: undefined });
      assert.deepEqual(await other.withIdempotency(key, c.effect, { scope }), value);
      assert.equal(c.ledger.count(), 1);
    });

    it('renewals that no replica has do not count: the signal aborts before the lease of the replica is over', async (t) => {
      const { primary, replicas, c } = await own(t, { executor, defaults: { leaseMs: 1_500 } });
      const client = c.client();
      await client.withIdempotency('warm', () => 1, { scope });
      const startedAt = performance.now();
      let abortedAt;
      const error = await client
        .withIdempotency(
          key,
          async (ctx) => {
            await cutReplication(primary, replicas);
            await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
            abortedAt = performance.now();
            ctx.assertHeld();
          },
          { scope },
        )
        .catch((caught) => caught);
      assert.equal(error.code, 'ERR_LEASE_LOST');
      assert.ok(abortedAt - startedAt < 1_500, `${abortedAt - startedAt} ms`);
    });

    it('RD3 one of two replicas is not enough when two are asked for, and is when one is', async (t) => {
      const { primary, replicas, c } = await own(t, { executor }, { replicas: 2 });
      const [one, two] = [1, 2].map((count) => c.client({ durability: { replicas: count, timeoutMs: 500 } }));
      assert.deepEqual(await two.withIdempotency('both', c.effect, { scope }), { by: 1 });
      await cutReplication(primary, [replicas[1]]);
      const oneIsLeft = async () => (await replication(primary)).connected_slaves === '1';
      await eventually(oneIsLeft, { what: 'the other replica coming back' });
      await assert.rejects(two.withIdempotency(key, c.effect, { scope }), { code: 'ERR_DURABILITY' });
      assert.equal(c.ledger.count(key), 0);
      assert.equal((await one.withIdempotency(key, c.effect, { scope })).by, 2);
    });

    it('a transition that no replica has is ERR_DURABILITY; the same step again is answered as it was', async (t) => {
      const { primary, replicas, c } = await own(t, { executor });
      const client = c.client();
      const config = { id: 'door', initial: 'shut', states: { shut: { on: { OPEN: 'open' } }, open: {} } };
      const door = defineStateMachine(config, { client });
      await door.create('d', {});
      await cutReplication(primary, replicas);
      await assert.rejects(door.send('d', 'OPEN', { idempotencyKey: 'step' }), { code: 'ERR_DURABILITY' });
      assert.equal((await door.get('d')).state, 'open');
      await mendReplication(replicas);
      const again = await door.send('d', 'OPEN', { idempotencyKey: 'step' });
      assert.deepEqual([again.state, again.version], ['open', 2]);
    });

    it('a reply that was lost: what another connection wrote is not taken for acknowledged', async (t) => {
      const { replicas, c } = await own(t, { executor, totalTimeoutMs: 3_000, defaults: { leaseMs: 9_000 } });
      const proxy = await c.proxy();
      const client = c.client({ url: proxy.url });
      await client.withIdempotency('warm', () => 1, { scope });
      proxy.fault('swallow-reply-and-close', { on: isCompletion });
      const events = [];
      client.on((event) => events.push(event.type));
      await client.withIdempotency(
        key,
        (ctx) => {
          // It takes bytes, as its kernel does, and acknowledges none.
          replicas[0].freeze();
          return c.effect(ctx);
        },
        { scope },
      );
      replicas[0].thaw();
      assert.deepEqual(events, ['claimed', 'store-error', 'result-unrecorded']);
    });

    it('what was acknowledged survives the death of the primary', async (t) => {
      const group = await startSentinels();
      t.after(() => group.stop());
      const durability = { replicas: 2, timeoutMs: 1_000 };
      const c = new Contenders(t, group.primary, {
        executor,
        url: group.url(),
        durability,
        totalTimeoutMs: 20_000,
        defaults: { leaseMs: 20_000 },
      });
      const first = c.client();
      const keys = Array.from({ length: 200 }, (_, index) => `k${index}`);
      // Killed at once: what is not on the replicas by now never will be.
      const values = await Promise.all(keys.map((one) => first.withIdempotency(one, c.effect, { scope })));
      await group.primary.stop();
      await group.switched(group.primary);
      const one = c.client({ durability: { replicas: 1, timeoutMs: 1_000 } });
      assert.deepEqual(await Promise.all(keys.map((name) => one.withIdempotency(name, c.effect, { scope }))), values);
      assert.equal(c.ledger.count(), 200);
    });

    it('in a cluster each primary is asked for its own replicas', async (t) => {
      // Nobody is to take a busy node for a dead one here.
      const cluster = await startCluster({ nodeTimeoutMs: 15_000 });
      t.after(() => cluster.stop());
      // Six servers on a busy machine: 500 ms are not much.
      const durability = { replicas: 1, timeoutMs: 2_000 };
      const c = new Contenders(t, cluster.nodes[0], { executor, url: cluster.url(), durability });
      const client = c.client({ defaults: { leaseMs: 10_000 } });
      const keys = Array.from({ length: 60 }, (_, index) => `k${index}`);
      await Promise.all(keys.map((one) => client.withIdempotency(one, c.effect, { scope })));
      await cutReplication(cluster.nodes[1], [cluster.replicaOf(cluster.nodes[1])]);
      const results = await Promise.allSettled(
        keys.map((one) => client.withIdempotency(`${one}-2`, c.effect, { scope })),
      );
      const failed = results.filter(({ status }) => status === 'rejected');
      assert.ok(failed.length > 5 && failed.length < 40, `${failed.length} failed`);
      for (const { reason } of failed)
        assert.equal(reason.code, 'ERR_DURABILITY', `${reason.message} ${JSON.stringify(reason.cause?.message)}`);
      assert.equal(c.ledger.count(), 120 - failed.length);
    });
  });
}

describe('durability.fsync', { timeout: 60_000 }, () => {
  const folder = process.env.ACTONCE_SERVERS ?? path.join(os.tmpdir(), 'actonce', 'servers', 'bin');
  const program = (name) => path.join(folder, `${name}-server`);
  const missing = (name) => (fs.existsSync(program(name)) ? false : `no ${name} in ACTONCE_SERVERS`);
  const attempt = async (t, options) => {
    const redis = await startRedis(options);
    t.after(() => redis.stop());
    const c = new Contenders(t, redis, {
      durability: { replicas: 0, fsync: true, timeoutMs: 3_000 },
      defaults: { leaseMs: 10_000 },
    });
    return [
      c,
      await c
        .client()
        .withIdempotency(key, c.effect, { scope })
        .catch((error) => error),
    ];
  };

  it('a server without WAITAOF is refused, with the version it takes', async (t) => {
    const [c, error] = await attempt(t, { config: ['appendonly yes'] });
    assert.equal(error.code, 'ERR_STORE_REFUSED');
    assert.match(error.message, /Redis 7\.2 or newer/);
    assert.equal(c.ledger.count(), 0);
  });

  for (const name of ['redis-8.0.2', 'redis-8.6.3']) {
    it(`${name} with appendonly: on its disk before fn runs`, { skip: missing(name) }, async (t) => {
      const [, value] = await attempt(t, { program: program(name), config: ['appendonly yes', 'appendfsync always'] });
      assert.deepEqual(value, { by: 1 });
    });

    it(`${name} without appendonly is refused`, { skip: missing(name) }, async (t) => {
      const [c, error] = await attempt(t, { program: program(name) });
      assert.equal(error.code, 'ERR_STORE_REFUSED');
      assert.match(error.message, /appendonly yes/);
      assert.equal(c.ledger.count(), 0);
    });
  }

  for (const name of ['valkey-8.1.1', 'valkey-9.1.2']) {
    it(`RD10 ${name}: refused with appendfsync everysec, taken with always`, { skip: missing(name) }, async (t) => {
      const [, error] = await attempt(t, { program: program(name), config: ['appendonly yes'] });
      assert.equal(error.code, 'ERR_STORE_REFUSED');
      assert.match(error.message, /appendfsync is always/);
      const [, value] = await attempt(t, { program: program(name), config: ['appendonly yes', 'appendfsync always'] });
      assert.deepEqual(value, { by: 1 });
    });
  }
});

describe('the option durability', () => {
  const bad = {
    'no replicas and no disk': [{ replicas: 0 }, /durability\.replicas/],
    'no number': [{}, /durability\.replicas/],
    'a fraction': [{ replicas: 1.5 }, /replicas/],
    'no time': [{ replicas: 1, timeoutMs: 0 }, /timeoutMs/],
    'more than a third of the lease': [{ replicas: 1, timeoutMs: 10_001 }, /third of leaseMs/],
    'something unknown': [{ replicas: 1, quorum: 2 }, /quorum/],
  };
  for (const [what, [durability, message]] of Object.entries(bad)) {
    it(`${what}: ERR_INVALID_ARGUMENT`, () => {
      assert.throws(() => createClient({ url: 'redis://127.0.0.1:1', durability }), {
        code: 'ERR_INVALID_ARGUMENT',
        message,
      });
    });
  }

  it('the embedded store has neither', () => {
    assert.throws(() => createClient({ url: 'memory:', durability: { replicas: 1 } }), {
      code: 'ERR_INVALID_ARGUMENT',
      message: /embedded store/,
    });
  });
});
