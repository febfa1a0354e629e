// Scenario E8 and rows RB3, RD11 to RD14: a cluster of real servers, three primaries with a replica each, whose slots move
// and whose primaries die while calls are under way.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { defineStateMachine, drainStateMachines } from '../support/actonce.mjs';
import { Contenders, EXECUTORS, isClaim, isCompletion } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { heldCall } from '../support/held-run.mjs';
import { startProxy } from '../support/proxy.mjs';
import { startRedis } from '../support/redis.mjs';
import { it } from '../support/steady.mjs';
import { startCluster } from '../support/topologies.mjs';
import '../support/unhandled.mjs';

const key = 'order-1';
const scope = 'cluster';
const LEASE = { defaults: { leaseMs: 10_000 } };

/** The name in Redis of the one record under this prefix, wherever it is. */
async function recordName(cluster, prefix) {
  const found = await Promise.all(cluster.nodes.map((node) => node.send('KEYS', `${prefix}:*`).catch(() => [])));
  return found.flat()[0];
}

/** The text of that record. */
async function recordOf(cluster, prefix) {
  const name = await recordName(cluster, prefix);
  const texts = await Promise.all(cluster.nodes.map((node) => node.send('GET', name).catch(() => null)));
  return texts.find((text) => text !== null);
}

/** A held effect that a lost lease would stop. */
function heldEffect(client, c) {
  const effect = (ctx) => {
    ctx.assertHeld();
    return c.effect(ctx);
  };
  return heldCall(client, key, effect, { scope });
}

for (const executor of EXECUTORS) {
  describe(`E8. a cluster · redis×${executor}`, { timeout: 120_000 }, () => {
    let cluster;
    before(async () => {
      cluster = await startCluster();
    });
    after(() => cluster.stop());

    const contenders = (t, more) =>
      new Contenders(t, cluster.nodes[0], { executor, url: cluster.url(), ...LEASE, ...more });

    it('RD14 keys of all kinds, with braces of their own, are in one slot each: no CROSSSLOT', async (t) => {
      const client = contenders(t, { totalTimeoutMs: 5_000 }).client();
      const parts = ['{', '}', '{}', '{a}', 'a', ':', 'é', '\u0001'];
      const random = (length) => Array.from({ length }, () => parts[Math.floor(Math.random() * parts.length)]).join('');
      let done = 0;
      while (done < 10_000) {
        const keys = Array.from({ length: 500 }, (_, index) => `${random(1 + Math.random() * 20)}${done + index}`);
        const values = await Promise.all(keys.map((one) => client.withIdempotency(one, () => one, { scope })));
        assert.deepEqual(values, keys);
        done += keys.length;
      }
      assert.deepEqual(
        client.told.filter((type) => type !== 'claimed' && type !== 'completed'),
        [],
      );
      const counts = await Promise.all(cluster.nodes.slice(0, 3).map((node) => node.send('DBSIZE')));
      for (const count of counts) assert.ok(count > 2_000, `unevenly spread: ${counts}`);
    });

    it('any node is enough to find the others, a replica too, and dead ones are passed over', async (t) => {
      const dead = { scheme: 'redis', target: { host: '127.0.0.1', port: 1 } };
      const c = contenders(t);
      for (const nodes of [[cluster.nodes[4]], [dead, cluster.nodes[2]], [dead, dead, cluster.nodes[5]]]) {
        const client = c.client({ url: cluster.url({ nodes }) });
        const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
        await Promise.all(keys.map((one) => client.withIdempotency(one, c.effect, { scope })));
      }
      assert.equal(c.ledger.count(), 20);
    });

    it('nobody but dead nodes: a typed error in time', async (t) => {
      const dead = { scheme: 'redis', target: { host: '127.0.0.1', port: 1 } };
      const c = contenders(t, { url: cluster.url({ nodes: [dead, dead] }), totalTimeoutMs: 500 });
      const startedAt = performance.now();
      await assert.rejects(c.client().withIdempotency(key, c.effect), {
        code: 'ERR_STORE_UNAVAILABLE',
        retryable: true,
      });
      assert.ok(performance.now() - startedAt < 2_000);
    });

    it('a node of a cluster that is given as a single server: refused, with the url it wants', async (t) => {
      const c = contenders(t, { url: cluster.nodes[0].url });
      const client = c.client();
      const results = await Promise.allSettled(
        Array.from({ length: 10 }, (_, index) => client.withIdempotency(`k${index}`, c.effect, { scope })),
      );
      const refused = results.filter(({ status }) => status === 'rejected');
      assert.ok(refused.length > 0);
      for (const { reason } of refused) {
        assert.equal(reason.code, 'ERR_STORE_REFUSED');
        assert.match(reason.message, /redis\+cluster:\/\//);
      }
    });

    it('a rival on another client waits for the outcome and is woken, wherever the key is', async (t) => {
      const c = contenders(t);
      const held = heldEffect(c.client(), c);
      await held.inside;
      const rival = c.client();
      const waited = rival.withIdempotency(key, c.effect, { scope });
      await eventually(
        () => rival.told.includes('waited') || rival.told.includes('in-progress') || pause(50).then(() => true),
      );
      held.letGo();
      assert.deepEqual(await Promise.all([held.result, waited]), [{ by: 1 }, { by: 1 }]);
    });

    for (const moment of ['begun', 'moved']) {
      it(`RD11 the slot moves during fn; the call ends while it is ${moment}: nobody notices`, async (t) => {
        const c = contenders(t);
        const [owner, rival] = [c.client(), c.client()];
        const held = heldEffect(owner, c);
        await held.inside;
        const { slot, node } = await cluster.primaryOf(await recordName(cluster, c.prefix));
        const to = cluster.nodes.slice(0, 3).find((other) => other !== node);
        let value;
        await cluster.migrate(slot, node, to, async (now) => {
          if (now !== moment) return;
          held.letGo();
          value = await held.result;
          // The old node sends everybody on by ASK now, or still has the key itself.
          assert.deepEqual(await rival.withIdempotency(key, c.effect, { scope }), value);
        });
        assert.deepEqual(value, { by: 1 });
        assert.deepEqual(await rival.withIdempotency(key, c.effect, { scope }), value);
        assert.deepEqual(await c.client().withIdempotency(key, c.effect, { scope }), value);
        assert.equal(c.ledger.count(), 1);
        assert.deepEqual(owner.told, ['claimed', 'completed']);
        await cluster.migrate(slot, to, node);
      });
    }

    for (const moment of ['begun', 'moved']) {
      it(`RD11 the slot moves during fn; fn throws while it is ${moment}: nobody waits for the move`, async (t) => {
        const c = contenders(t);
        const [owner, rival] = [c.client(), c.client()];
        const effect = (ctx) => {
          c.effect(ctx);
          if (ctx.attempt === 1) throw new RangeError('declined');
          return 'ran again';
        };
        const held = heldCall(owner, key, effect, { scope });
        await held.inside;
        const { slot, node } = await cluster.primaryOf(await recordName(cluster, c.prefix));
        const to = cluster.nodes.slice(0, 3).find((other) => other !== node);
        const waited = rival.withIdempotency(key, effect, { scope }).catch((error) => error);
        await eventually(async () => (await recordOf(cluster, c.prefix))?.[56] === '1', { what: 'a rival that waits' });
        await cluster.migrate(slot, node, to, async (now) => {
          if (now !== moment) return;
          const startedAt = performance.now();
          held.letGo();
          await assert.rejects(held.result, { name: 'RangeError', message: 'declined' });
          // The error lies at a second key, which neither node has yet. The rival gets the error, or it runs.
          const outcome = await waited;
          assert.ok(outcome === 'ran again' || outcome.message === 'declined', String(outcome));
          assert.ok(performance.now() - startedAt < 3_000, `${performance.now() - startedAt} ms`);
        });
        assert.deepEqual(owner.told, ['claimed', 'released']);
        await cluster.migrate(slot, to, node);
      });
    }

    it('RD11 the slot moves to and fro under load: every key has one effect', async (t) => {
      const c = contenders(t, { totalTimeoutMs: 10_000 });
      const clients = [c.client(), c.client()];
      const stop = new AbortController();
      let calls = 0;
      const load = clients.map(async (client) => {
        for (let n = 0; !stop.signal.aborted; n += 1) {
          const keys = Array.from({ length: 20 }, (_, index) => `k${n}-${index}`);
          await Promise.all(keys.map((one) => client.withIdempotency(one, c.effect, { scope })));
          calls += keys.length;
        }
      });
      await eventually(() => calls > 100);
      const [a, b] = cluster.nodes;
      for (let slot = 0; slot < 40; slot += 1) await cluster.migrate(slot, a, b);
      for (let slot = 0; slot < 40; slot += 1) await cluster.migrate(slot, b, a);
      stop.abort();
      await Promise.all(load);
      const counts = c.ledger.counts();
      assert.deepEqual(
        [...counts.values()].filter((count) => count !== 1),
        [],
      );
    });

    it('E8 an ordered failover in the middle of calls: each runs once', async (t) => {
      const c = contenders(t, { totalTimeoutMs: 10_000 });
      const client = c.client();
      const running = Array.from({ length: 60 }, (_, index) =>
        client.withIdempotency(
          `k${index}`,
          async (ctx) => {
            await pause(50 * index);
            return c.effect(ctx);
          },
          { scope },
        ),
      );
      await pause(200);
      const replica = cluster.nodes[3];
      await replica.send('CLUSTER', 'FAILOVER');
      await eventually(async () => (await replica.send('ROLE'))[0] === 'master', { withinMs: 10_000 });
      await Promise.all(running);
      assert.equal(c.ledger.count(), 60);
      assert.deepEqual(new Set(client.told), new Set(['claimed', 'completed']));
      await cluster.nodes[0].send('CLUSTER', 'FAILOVER');
      await eventually(async () => (await cluster.nodes[0].send('ROLE'))[0] === 'master', { withinMs: 10_000 });
      await eventually(() => cluster.isOk());
    });

    it('state machines: events, timers and waiting', async (t) => {
      const c = contenders(t);
      const client = c.client();
      const machine = defineStateMachine(
        {
          id: `m${executor}`,
          initial: 'open',
          states: {
            open: { on: { PAY: 'paid' }, after: { 300: 'expired' } },
            paid: { type: 'final' },
            expired: { type: 'final' },
          },
        },
        { client },
      );
      const ids = Array.from({ length: 30 }, (_, index) => `o-{${index}}`);
      await Promise.all(ids.map((id) => machine.create(id, {})));
      await Promise.all(ids.slice(0, 15).map((id) => machine.send(id, 'PAY')));
      await pause(400);
      await drainStateMachines({ client });
      const states = await Promise.all(ids.map(async (id) => (await machine.get(id)).state));
      assert.deepEqual(
        states,
        ids.map((_, index) => (index < 15 ? 'paid' : 'expired')),
      );
    });

    it('RD12 the primary of the slot is killed during fn: renewal and outcome go to the replica that takes over', async (t) => {
      const c = contenders(t);
      const [owner, rival] = [c.client(), c.client()];
      const held = heldEffect(owner, c);
      const ctx = await held.inside;
      const { node } = await cluster.primaryOf(await recordName(cluster, c.prefix));
      const replica = cluster.replicaOf(node);
      await node.send('WAIT', 1, 1_000);
      const waited = rival.withIdempotency(key, c.effect, { scope, waitTimeoutMs: 20_000 });
      await node.stop();
      await eventually(async () => (await replica.send('ROLE'))[0] === 'master', { withinMs: 15_000 });
      ctx.assertHeld();
      held.letGo();
      assert.deepEqual(await Promise.all([held.result, waited]), [{ by: 1 }, { by: 1 }]);
      assert.deepEqual(await c.client().withIdempotency(key, c.effect, { scope }), { by: 1 });
      assert.equal(c.ledger.count(), 1);
    });

    it('RD13 one shard is gone: its keys are refused in time, those of the others do not wait for it', async (t) => {
      const c = contenders(t, { totalTimeoutMs: 1_500 });
      const client = c.client();
      const keys = Array.from({ length: 60 }, (_, index) => `k${index}`);
      await client.withIdempotency('warm', c.effect, { scope });
      const lost = [cluster.nodes[1], cluster.replicaOf(cluster.nodes[1])];
      await Promise.all(lost.map((node) => node.stop()));
      const results = await Promise.all(
        keys.map(async (one) => {
          const startedAt = performance.now();
          const error = await client.withIdempotency(one, c.effect, { scope }).then(
            () => undefined,
            (caught) => caught,
          );
          return { error, tookMs: performance.now() - startedAt };
        }),
      );
      const failed = results.filter(({ error }) => error);
      const served = results.filter(({ error }) => !error);
      assert.ok(failed.length > 5 && served.length > 20, `${failed.length} failed`);
      for (const { error, tookMs } of failed) {
        assert.deepEqual([error.code, error.retryable], ['ERR_STORE_UNAVAILABLE', true]);
        assert.ok(tookMs < 3_000, `${tookMs} ms`);
      }
      for (const { tookMs } of served) assert.ok(tookMs < 500, `${tookMs} ms`);
      assert.equal(c.ledger.count(), 1 + served.length);
    });
  });

  describe(`RB3 a cluster behind a network that loses replies · redis×${executor}`, { timeout: 60_000 }, () => {
    for (const [what, isIt] of Object.entries({ claim: isClaim, completion: isCompletion })) {
      it(`RB3 the reply to a ${what} is lost with the connection: it is sent again and recognised`, async (t) => {
        const redis = await startRedis({
          listen: 'tcp',
          config: ['cluster-enabled yes', 'cluster-config-file nodes.conf'],
        });
        t.after(() => redis.stop());
        await redis.send('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
        const proxy = await startProxy({ to: redis.target });
        t.after(() => proxy.close());
        await redis.send('CONFIG', 'SET', 'cluster-announce-port', proxy.target.port);
        await eventually(async () => (await redis.send('CLUSTER', 'INFO')).includes('cluster_state:ok'));
        const url = `redis+cluster://127.0.0.1:${proxy.target.port}`;
        const c = new Contenders(t, redis, { executor, url });
        const client = c.client();
        await client.withIdempotency('warm', () => 1, { scope });
        const fault = proxy.fault('swallow-reply-and-close', { on: isIt });
        let fence;
        const value = await client.withIdempotency(
          key,
          (ctx) => {
            fence = ctx.fence;
            return c.effect(ctx);
          },
          { scope },
        );
        assert.equal(fault.hits, 1);
        assert.deepEqual(value, { by: 1 });
        assert.equal(c.ledger.count(), 1);
        assert.equal(c.ledger.entries(key)[0].fence, fence);
        assert.deepEqual(await c.client().withIdempotency(key, c.effect, { scope }), { by: 1 });
        assert.equal(c.ledger.count(), 1);
      });
    }
  });
}
