// How a client gets in: sockets, TLS and certificates, passwords, ACL users, database numbers, versions of the server.
// Whatever keeps it out is a typed error; fn has not run then, and nothing secret is in the message.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { describe } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { defineStateMachine, drainStateMachines } from '../support/actonce.mjs';
import { makeCertificates } from '../support/certificates.mjs';
import { Contenders, EXECUTORS, isClaim, isCompletion, LEASE_MS } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { gate } from '../support/gate.mjs';
import { paymentConfig } from '../support/payment.mjs';
import { startRedis } from '../support/redis.mjs';
import { it } from '../support/steady.mjs';
import { startCluster } from '../support/topologies.mjs';
import '../support/unhandled.mjs';

const key = 'order-1';
const executor = process.env.ACTONCE_EXECUTOR ?? 'auto';

/** Each command of their scripts. */
async function everythingOfMachines(client, rival) {
  const machine = defineStateMachine(paymentConfig, { client, historyLimit: 2 });
  const step = () => machine.send('o-1', 'PROCESS', { create: true, idempotencyKey: 'k' });
  await step();
  assert.equal((await step()).replayed, true);
  // More than are kept to spare: the oldest are forgotten.
  for (let round = 0; round < 20; round++) for (const event of ['FAIL', 'RETRY']) await machine.send('o-1', event);
  await machine.send('o-1', 'COMPLETE');
  assert.equal((await machine.history('o-1')).length, 2);
  assert.deepEqual(await drainStateMachines({ client }), { fired: 0 });
  // A state that is final no more: what leaves it is kept.
  const states = { ...paymentConfig.states, completed: { on: { REFUND: 'requested' } } };
  const reopened = defineStateMachine({ ...paymentConfig, states }, { client: rival, historyLimit: 2 });
  assert.equal((await reopened.get('o-1')).state, 'completed');
  assert.equal((await reopened.send('o-1', 'REFUND')).state, 'requested');
}

/** Everything a client ever does to a server, so that each right it needs is used. */
async function everything(c, more) {
  const [owner, rival] = [c.client(more), c.client(more)];
  await everythingOfMachines(owner, rival).catch((error) => {
    // A right of theirs that is missing must not hide whether the others are.
    if (error.code !== 'ERR_STORE_REFUSED') throw error;
  });
  assert.deepEqual(await owner.withIdempotency('fresh', c.effect), { by: 1 });
  assert.deepEqual(await rival.withIdempotency('fresh', c.effect), { by: 1 });
  await assert.rejects(
    owner.withIdempotency('fails', () => Promise.reject(new Error('no'))),
    /no/,
  );
  assert.deepEqual(await rival.withIdempotency('fails', c.effect), { by: 2 });
  await assert.rejects(
    owner.withIdempotency('held', () => Promise.reject(new Error('timeout')), { onCrash: 'hold' }),
    /timeout/,
  );
  await assert.rejects(rival.withIdempotency('held', c.effect), { code: 'ERR_INDETERMINATE' });
  assert.equal((await rival.inspect({ key: 'held' })).state, 'indeterminate');
  assert.equal(await rival.resolve({ key: 'held' }, { value: 7 }), 'resolved');
  assert.equal(await rival.withIdempotency('held', c.effect), 7);
  assert.equal(await rival.reset({ key: 'held' }), 'reset');
  // Slow enough to be renewed and waited for; the wake-up comes when it ends.
  const inside = gate();
  const slow = owner.withIdempotency('slow', async () => {
    inside.resolve();
    await pause(1.5 * LEASE_MS);
    return performance.now();
  });
  await inside.promise;
  const waiting = rival.withIdempotency('slow', c.effect);
  const endedAt = await slow;
  assert.equal(await waiting, endedAt);
  assert.ok(performance.now() - endedAt < 900, 'woken; the net under that is a look once a second');
  assert.equal((await rival.inspect({ key: 'slow' })).state, 'completed'); // and the subscription is ended
  assert.deepEqual(
    owner.told.filter((type) => type === 'lease-lost' || type === 'store-error'),
    [],
  );
  // A run that fails while another client waits for it: its error is shared.
  const [begun, seen] = [gate(), gate()];
  const failing = owner.withIdempotency('fails late', async () => {
    begun.resolve();
    await seen.promise;
    throw new Error('late');
  });
  await begun.promise;
  const sharing = rival.withIdempotency('fails late', c.effect);
  await pause(100);
  seen.resolve();
  await assert.rejects(failing, /late/);
  await Promise.race([sharing.catch(() => {}), pause(3_000)]);
  for (const client of [owner, rival]) await client.close();
}

/** A server of the test's own; the test is skipped, with the reason, where the server was built without TLS. */
async function open(t, listen) {
  try {
    const redis = await startRedis({ listen });
    t.after(() => redis.stop());
    return redis;
  } catch (error) {
    if (listen !== 'tls' || !/tls-port.*Bad directive/s.test(error.message)) throw error;
    t.skip('this server was built without TLS');
    return undefined;
  }
}

describe('addresses', { concurrency: 4, timeout: 60_000 }, () => {
  for (const each of EXECUTORS) {
    for (const listen of ['unix', 'tcp', 'tls']) {
      it(`${listen} · ${each}: everything works`, async (t) => {
        const redis = await open(t, listen);
        if (!redis) return;
        const tls = listen === 'tls' ? { tls: { ca: redis.certificates.ca } } : {};
        await everything(new Contenders(t, redis, { executor: each }), tls);
      });
    }
  }

  it('a large result crosses TLS in both directions', async (t) => {
    const redis = await open(t, 'tls');
    if (!redis) return;
    const c = new Contenders(t, redis, { executor, tls: { ca: redis.certificates.ca } });
    const large = Array.from({ length: 40_000 }, (_, at) => `line ${at}`);
    assert.deepEqual(await c.client().withIdempotency(key, () => large), large);
    assert.deepEqual(await c.client().withIdempotency(key, () => 'again'), large);
  });

  it('a database number is where the records are; one that is not there is refused', async (t) => {
    const redis = await startRedis({ config: ['databases 4'] });
    t.after(() => redis.stop());
    const c = new Contenders(t, redis, { executor });
    await c.client({ url: redis.urlFor({ db: 3 }) }).withIdempotency(key, c.effect);
    const control = await redis.connect();
    assert.deepEqual(await control.send('KEYS', '*'), []);
    await control.send('SELECT', 3);
    assert.equal((await control.send('KEYS', '*')).length, 1);
    const error = await c
      .client({ url: redis.urlFor({ db: 4 }) })
      .withIdempotency(key, c.effect)
      .catch((caught) => caught);
    assert.deepEqual([error.code, c.ledger.count(key)], ['ERR_STORE_REFUSED', 1]);
  });

  it('a host that has no address: a typed error in time', async (t) => {
    const c = new Contenders(t, { url: 'redis://nowhere.invalid:6379' }, { executor, totalTimeoutMs: 400 });
    const error = await c
      .client()
      .withIdempotency(key, c.effect)
      .catch((caught) => caught);
    assert.deepEqual([error.code, c.ledger.count()], ['ERR_STORE_UNAVAILABLE', 0]);
  });
});

describe('RH8 TLS', { concurrency: 4, timeout: 60_000 }, () => {
  const refused = async (t, server, options) => {
    const c = new Contenders(t, server, { executor, totalTimeoutMs: 4_000 });
    const startedAt = performance.now();
    const error = await c
      .client(options)
      .withIdempotency(key, c.effect)
      .catch((caught) => caught);
    assert.equal(c.ledger.count(), 0);
    assert.equal(error.code, 'ERR_STORE_REFUSED', error.stack);
    assert.ok(performance.now() - startedAt < 3_000, 'at once: no repetition mends it');
    return error.message;
  };

  it('a server whose authority is not trusted is refused', async (t) => {
    const server = await open(t, 'tls');
    if (!server) return;
    const { strangerCa } = server.certificates;
    assert.match(await refused(t, server, { tls: { ca: strangerCa } }), /tls: .*UnknownIssuer/);
    assert.match(await refused(t, server, {}), /tls: .*UnknownIssuer/); // nor do the system's know it
  });

  for (const [what, pattern] of [
    ['expired', /tls: .*[Ee]xpired/],
    ['elsewhere', /tls: .*(NotValidForName|not valid for name)/],
  ]) {
    it(`a server whose certificate is ${what === 'expired' ? 'expired' : 'for another host'} is refused`, async (t) => {
      const server = await open(t, 'tls');
      if (!server) return;
      const { folder, ca } = server.certificates;
      await server.send('CONFIG', 'SET', 'tls-cert-file', path.join(folder, `${what}.crt`));
      assert.match(await refused(t, server, { tls: { ca } }), pattern);
    });
  }

  it('a server that wants a client certificate gets one, and refuses who has none', async (t) => {
    const server = await open(t, 'tls');
    if (!server) return;
    await server.send('CONFIG', 'SET', 'tls-auth-clients', 'yes');
    const { clientTls, ca } = server.certificates;
    const c = new Contenders(t, server, { executor });
    assert.deepEqual(await c.client({ tls: clientTls }).withIdempotency(key, c.effect), { by: 1 });
    assert.match(await refused(t, server, { tls: { ca } }), /certificate/i);
  });

  it('nothing is ever sent in plain text: not to a server without TLS, not when a certificate is refused', async (t) => {
    const received = [];
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        received.push(chunk);
        socket.end('-ERR plain text here\r\n');
      });
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const c = new Contenders(t, { url: `rediss://app:hunter2@127.0.0.1:${server.address().port}` }, { executor });
    const client = c.client({ totalTimeoutMs: 500, tls: { ca: makeCertificates().ca } });
    const error = await client.withIdempotency(key, c.effect).catch((caught) => caught);
    assert.match(error.code, /^ERR_STORE_(REFUSED|UNAVAILABLE)$/);
    assert.equal(c.ledger.count(), 0);
    const bytes = Buffer.concat(received);
    assert.equal(bytes[0], 0x16, 'a TLS handshake');
    assert.doesNotMatch(bytes.toString('latin1'), /HELLO|hunter2|actonce/);
  });
});

describe('who is let in', { concurrency: 4, timeout: 120_000 }, () => {
  const closed = { code: 'ERR_STORE_REFUSED', retryable: false };

  it('no password, a wrong one, a user nobody knows: refused at once, and the password is not in the message', async (t) => {
    const redis = await startRedis({ config: ['requirepass s3cret-word'] });
    t.after(() => redis.stop());
    const c = new Contenders(t, redis, { executor });
    for (const login of [{}, { password: 'hunter2' }, { user: 'nobody', password: 's3cret-word' }]) {
      const client = c.client({ url: redis.urlFor(login) });
      const startedAt = performance.now();
      const error = await client.withIdempotency(key, c.effect).catch((caught) => caught);
      assert.deepEqual({ code: error.code, retryable: error.retryable }, closed);
      assert.match(error.message, login.password ? /WRONGPASS/ : /NOAUTH/);
      assert.doesNotMatch(error.message + error.stack, /hunter2|s3cret-word/);
      assert.ok(performance.now() - startedAt < 1_000);
    }
    assert.equal(c.ledger.count(), 0);
    await c.client({ url: redis.urlFor({ password: 's3cret-word' }) }).withIdempotency(key, c.effect);
    assert.equal(c.ledger.count(), 1);
  });

  /** The rights as docs/redis-layout.md lists them. */
  function documentedRule() {
    const text = fs.readFileSync(new URL('../../docs/redis-layout.md', import.meta.url), 'utf8');
    const [, rule] = /ACL SETUSER actonce ([^`]*?)\n\n/.exec(text);
    return rule.replace(/\s+/g, ' ').trim();
  }

  const asUser = async (t, rule) => {
    const redis = await startRedis({ users: [`actonce ${rule}`] });
    t.after(() => redis.stop());
    const url = redis.urlFor({ user: 'actonce', password: 'secret' });
    const c = new Contenders(t, redis, { executor, url });
    c.prefix = 'actonce';
    return { redis, c };
  };

  it('E10 (RH9) the documented rights of an ACL user are enough', async (t) => {
    const { redis, c } = await asUser(t, documentedRule());
    await everything(c);
    const denied = await redis.send('ACL', 'LOG');
    assert.deepEqual(
      denied.map((entry) => entry.join(' ')),
      [],
    );
    const stranger = c.client({ prefix: 'another' });
    await assert.rejects(stranger.withIdempotency(key, c.effect), { code: 'ERR_STORE_REFUSED' });
    assert.equal(c.ledger.count(key), 0);
  });

  const rights = documentedRule().match(/\+(?!@)\S+/g);
  // HELLO and AUTH come with +@connection.
  for (const right of rights) {
    it(`E10 of the documented rights ${right} is needed`, async (t) => {
      const { redis, c } = await asUser(t, documentedRule().replace(right, ''));
      await everything(c).catch(() => {});
      const denied = await redis.send('ACL', 'LOG');
      assert.ok(denied.length > 0, 'nobody missed it');
    });
  }

  it('E10 on a cluster with durability it takes one right more, as documented', async (t) => {
    const [, more] = /on a cluster `([^`]+)`/.exec(
      fs.readFileSync(new URL('../../docs/servers.md', import.meta.url), 'utf8'),
    );
    for (const extra of [more, '']) {
      const cluster = await startCluster({ users: [`actonce ${documentedRule()} ${extra}`] });
      t.after(() => cluster.stop());
      const url = cluster.url({ login: 'actonce:secret@', nodes: [cluster.nodes[0]] });
      const durability = { replicas: 1, timeoutMs: 1_000 };
      const c = new Contenders(t, cluster.nodes[0], { executor, url, durability, defaults: { leaseMs: 3_000 } });
      c.prefix = 'actonce';
      const client = c.client();
      const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
      await Promise.all(keys.map((one) => client.withIdempotency(one, c.effect)));
      const denied = await Promise.all(cluster.nodes.map((node) => node.send('ACL', 'LOG')));
      assert.equal(denied.flat().length > 0, extra === '', denied.flat().join('; '));
      assert.equal(c.ledger.count(), 20);
    }
  });

  it('E10 without the right to subscribe everything works, and waiting polls', async (t) => {
    const { c } = await asUser(t, documentedRule().replace('+subscribe', ''));
    const [owner, rival] = [c.client(), c.client()];
    const inside = gate();
    const slow = owner.withIdempotency(key, async () => {
      inside.resolve();
      await pause(300);
      return 'slow';
    });
    await inside.promise;
    assert.deepEqual(await Promise.all([slow, rival.withIdempotency(key, c.effect)]), ['slow', 'slow']);
  });

  it('a right that is missing inside a script is a refusal, too, and the message names what is needed', async (t) => {
    const { c } = await asUser(t, documentedRule().replace('+get ', ''));
    const client = c.client();
    await assert.rejects(client.reset({ key }), { code: 'ERR_STORE_REFUSED', message: /the user needs .* \+get / });
  });

  it('rights that are taken away during fn: nobody waits, and the outcome is recorded once they are back', async (t) => {
    const { redis, c } = await asUser(t, documentedRule());
    const client = c.client();
    const rights = (...changes) => redis.send('ACL', 'SETUSER', 'actonce', ...changes);
    const value = await client.withIdempotency(key, async (ctx) => {
      await rights('-evalsha', '-set');
      return c.effect(ctx);
    });
    assert.deepEqual(value, { by: 1 });
    assert.deepEqual(client.told, ['claimed', 'result-unrecorded']);
    await rights('+evalsha', '+set');
    await eventually(() => client.told.includes('completed'));
    assert.deepEqual(client.told, ['claimed', 'result-unrecorded', 'completed']);
    assert.deepEqual(await c.client().withIdempotency(key, c.effect), { by: 1 });
    assert.equal(c.ledger.count(key), 1);
  });

  it('rights that are taken away for good: an event says why nothing was recorded', async (t) => {
    const { redis, c } = await asUser(t, documentedRule());
    const client = c.client({ defaults: { recordTimeoutMs: 300 } });
    const reasons = [];
    client.on('store-error', ({ code }) => reasons.push(code));
    await client.withIdempotency(key, async (ctx) => {
      await redis.send('ACL', 'SETUSER', 'actonce', '-evalsha', '-set');
      return c.effect(ctx);
    });
    await eventually(() => reasons.length > 0);
    assert.deepEqual(reasons, ['ERR_STORE_REFUSED']);
    assert.deepEqual(client.told, ['claimed', 'result-unrecorded', 'store-error']);
  });
});

describe('versions of the server', { timeout: 120_000 }, () => {
  const folder = process.env.ACTONCE_SERVERS ?? path.join(os.tmpdir(), 'actonce', 'servers', 'bin');
  const programs = fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => name.endsWith('-server')) : [];
  if (programs.length === 0) {
    it('others than the one of this run', {
      skip: 'no other servers here: set ACTONCE_SERVERS to a folder of them',
    }, () => {});
  }
  for (const name of programs) {
    it(`${name}: everything works, and a lost reply is recognised`, async (t) => {
      const redis = await startRedis({ program: path.join(folder, name) });
      t.after(() => redis.stop());
      const c = new Contenders(t, redis, { executor });
      await everything(c);
      const proxy = await c.proxy();
      const client = c.client({ url: proxy.url });
      await client.withIdempotency('warm', () => 1);
      const faults = [isClaim, isCompletion].map((on) => proxy.fault('swallow-reply-and-close', { on }));
      assert.deepEqual(await client.withIdempotency(key, c.effect), { by: 1 });
      assert.deepEqual(
        faults.map(({ hits }) => hits),
        [1, 1],
      );
      assert.equal(c.ledger.count(key), 1);
    });
  }

  for (const [version, code] of [
    ['6.0.16', 'ERR_STORE_REFUSED'],
    ['not a version', 'ERR_STORE_REFUSED'],
  ]) {
    it(`${version} is refused with words that say so`, async (t) => {
      const server = net.createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => {
          const field = (text) => `$${text.length}\r\n${text}\r\n`;
          socket.write(`%3\r\n${['server', 'redis', 'version', version, 'role', 'master'].map(field).join('')}`);
          socket.write(`+OK\r\n${`$1\r\nx\r\n`.repeat(20)}`);
        });
      });
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
      t.after(() => server.close());
      const c = new Contenders(t, { url: `redis://127.0.0.1:${server.address().port}` }, { executor });
      const error = await c
        .client()
        .withIdempotency(key, c.effect)
        .catch((caught) => caught);
      assert.equal(error.code, code);
      assert.match(error.message, /too old: 6\.2 or newer/);
      assert.equal(c.ledger.count(), 0);
    });
  }
});
