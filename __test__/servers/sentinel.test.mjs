// Scenario E9 and rows RD1, RD4 to RD6: a primary with two replicas under three Sentinels, which is switched, killed,
// frozen, or cut off while calls are under way.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Contenders, EXECUTORS } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { heldCall } from '../support/held-run.mjs';
import { it } from '../support/steady.mjs';
import { cutReplication, mendReplication, startCluster, startSentinels } from '../support/topologies.mjs';
import '../support/unhandled.mjs';

const key = 'order-1';
const scope = 'sentinel';

for (const executor of EXECUTORS) {
  describe(`E9. Sentinels · redis×${executor}`, { timeout: 180_000 }, () => {
    let group;
    before(async () => {
      group = await startSentinels();
    });
    after(() => group.stop());

    const contenders = (t, { defaults, ...more } = {}) =>
      new Contenders(t, group.primary, {
        executor,
        url: group.url(),
        defaults: { leaseMs: 10_000, ...defaults },
        ...more,
      });

    it('the primary is found by any of them; one that is dead or silent is passed over', async (t) => {
      const dead = { target: { host: '127.0.0.1', port: 1 } };
      const c = contenders(t, { totalTimeoutMs: 4_000 });
      const all = group.sentinels;
      for (const sentinels of [[all[0]], [dead, all[1]], [dead, dead, all[2]]]) {
        const client = c.client({ url: group.url({ sentinels }) });
        assert.deepEqual(await client.withIdempotency(key, c.effect, { scope }), { by: 1 });
      }
      all[0].freeze();
      t.after(() => all[0].thaw());
      const client = c.client({ url: group.url({ sentinels: [all[0], all[1]] }) });
      assert.deepEqual(await client.withIdempotency(key, c.effect, { scope }), { by: 1 });
      assert.equal(c.ledger.count(), 1);
    });

    it('a service that none of them watches, Sentinels that are not there: typed errors in time', async (t) => {
      const c = contenders(t, { totalTimeoutMs: 500 });
      const unknown = c.client({ url: group.url().replace('mymaster', 'another') });
      await assert.rejects(unknown.withIdempotency(key, c.effect, { scope }), {
        code: 'ERR_STORE_REFUSED',
        message: /no service named 'another'/,
      });
      const dead = { target: { host: '127.0.0.1', port: 1 } };
      const nobody = c.client({ url: group.url({ sentinels: [dead] }) });
      const error = await nobody.withIdempotency(key, c.effect, { scope }).catch((caught) => caught);
      assert.deepEqual([error.code, error.retryable], ['ERR_STORE_UNAVAILABLE', true]);
      assert.equal(c.ledger.count(), 0);
    });

    it('RD5, RD6 an ordered failover during fn: renewals and the outcome go to the new primary, who waits gets it', async (t) => {
      const c = contenders(t, { defaults: { leaseMs: 10_000 }, totalTimeoutMs: 10_000 });
      const [owner, rival] = [c.client(), c.client()];
      const held = heldCall(owner, key, c.effect, { scope });
      const ctx = await held.inside;
      const waited = rival.withIdempotency(key, c.effect, { scope, waitTimeoutMs: 30_000 });
      await group.failover();
      const promotedAt = performance.now();
      // The lease would be over by now, had nobody renewed it.
      await pause(11_000 - (performance.now() - promotedAt));
      ctx.assertHeld();
      held.letGo();
      assert.deepEqual(await Promise.all([held.result, waited]), [{ by: 1 }, { by: 1 }]);
      assert.deepEqual(await c.client().withIdempotency(key, c.effect, { scope }), { by: 1 });
      assert.equal(c.ledger.count(), 1);
      assert.deepEqual(owner.told, ['claimed', 'completed']);
    });

    it('RD5 the primary freezes under load, another is promoted, and it thaws: each key has one effect', async (t) => {
      const c = contenders(t, { totalTimeoutMs: 20_000, commandTimeoutMs: 500 });
      const client = c.client();
      const before = await group.current();
      const load = Array.from({ length: 100 }, (_, index) =>
        pause(index * 30).then(() => client.withIdempotency(`k${index}`, c.effect, { scope })),
      );
      await pause(500);
      before.freeze();
      try {
        await group.switched(before);
      } finally {
        before.thaw();
      }
      await Promise.all(load);
      const counts = c.ledger.counts();
      assert.deepEqual(
        [...counts.values()].filter((count) => count !== 1),
        [],
      );
      assert.equal(counts.size, 100);
      await eventually(async () => (await before.send('ROLE'))[0] === 'slave', { withinMs: 15_000 });
    });

    it('RD4 a primary without replicas that must have some refuses: a typed error, no effect, and it heals', async (t) => {
      const c = contenders(t, { totalTimeoutMs: 600 });
      const client = c.client();
      const primary = await group.current();
      const replicas = group.servers.filter((server) => server !== primary);
      await eventually(async () => (await primary.send('INFO', 'replication')).includes('connected_slaves:2'), {
        withinMs: 20_000,
      });
      await primary.send('CONFIG', 'SET', 'min-replicas-max-lag', 1, 'min-replicas-to-write', 1);
      await client.withIdempotency('warm', c.effect, { scope });
      await cutReplication(primary, replicas);
      try {
        const error = await client.withIdempotency(key, c.effect, { scope }).catch((caught) => caught);
        assert.deepEqual([error.code, error.retryable], ['ERR_STORE_UNAVAILABLE', true]);
        assert.match(error.message, /NOREPLICAS/);
        assert.equal(c.ledger.count(key), 0);
      } finally {
        await mendReplication(replicas);
      }
      await eventually(() => client.withIdempotency(key, c.effect, { scope }), { withinMs: 10_000 });
      assert.equal(c.ledger.count(key), 1);
      await primary.send('CONFIG', 'SET', 'min-replicas-to-write', 0);
    });

    it('RD1 what no replica has dies with its primary: a second run with a larger fence, and the first is refused', async (t) => {
      const c = contenders(t, { totalTimeoutMs: 20_000 });
      const [first, second] = [c.client(), c.client()];
      await first.withIdempotency('warm', c.effect, { scope });
      const primary = await group.current();
      const replicas = group.servers.filter((server) => server !== primary);
      await cutReplication(primary, replicas);
      const held = heldCall(first, key, c.effect, { scope });
      const { fence } = await held.inside;
      await primary.stop();
      await group.switched(primary);
      const value = await second.withIdempotency(key, c.effect, { scope });
      assert.deepEqual(value, { by: 1 });
      held.letGo();
      const error = await held.result.catch((caught) => caught);
      assert.equal(error.code, 'ERR_LEASE_LOST');
      const [{ fence: later }] = c.ledger.entries(key);
      assert.ok(later > fence, `${later} after ${fence}`);
      assert.deepEqual(await c.client().withIdempotency(key, c.effect, { scope }), value);
    });
  });

  describe(`E10. Sentinels and a cluster behind TLS and logins · redis×${executor}`, { timeout: 120_000 }, () => {
    const RULES = 'on >p@ss/word resetkeys ~actonce:* resetchannels &actonce:* +@all -@dangerous +info';

    it('Sentinels with TLS, a login of their own, and an ACL user of the servers', async (t) => {
      const group = await startSentinels({
        listen: 'tls',
        users: [`app ${RULES}`],
        sentinelUsers: ['watch on >sesame +@all'],
      });
      t.after(() => group.stop());
      const { ca } = group.primary.certificates;
      const login = `app:${encodeURIComponent('p@ss/word')}@`;
      const url = group.url({ login, query: '?sentinel_username=watch&sentinel_password=sesame' });
      const c = new Contenders(t, group.primary, { executor, url, tls: { ca } });
      c.prefix = 'actonce';
      assert.deepEqual(await c.client().withIdempotency(key, c.effect, { scope }), { by: 1 });
      const liar = c.client({ url: url.replace('sesame', 'simsalabim'), totalTimeoutMs: 500 });
      await assert.rejects(liar.withIdempotency(key, c.effect, { scope }), { code: 'ERR_STORE_REFUSED' });
      const stranger = c.client({ url, tls: undefined, totalTimeoutMs: 500 });
      await assert.rejects(stranger.withIdempotency(key, c.effect, { scope }), { code: 'ERR_STORE_REFUSED' });
      assert.equal(c.ledger.count(), 1);
    });

    it('a cluster with TLS, where the nodes are named by the others, and an ACL user', async (t) => {
      const cluster = await startCluster({ listen: 'tls', replicas: 0, users: [`app ${RULES}`] });
      t.after(() => cluster.stop());
      const { ca } = cluster.nodes[0].certificates;
      const login = `app:${encodeURIComponent('p@ss/word')}@`;
      const url = cluster.url({ login, nodes: [cluster.nodes[0]] });
      const c = new Contenders(t, cluster.nodes[0], { executor, url, tls: { ca } });
      c.prefix = 'actonce';
      const keys = Array.from({ length: 30 }, (_, index) => `k${index}`);
      const client = c.client();
      await Promise.all(keys.map((one) => client.withIdempotency(one, c.effect, { scope })));
      assert.equal(c.ledger.count(), 30);
      const stranger = c.client({ tls: undefined, totalTimeoutMs: 500 });
      await assert.rejects(stranger.withIdempotency(key, c.effect, { scope }), { code: 'ERR_STORE_REFUSED' });
    });
  });
}
