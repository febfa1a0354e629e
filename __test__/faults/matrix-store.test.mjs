// Rows of the fault matrix that ruin the server or the wire in ways of their own: it forgets, evicts, has no disk left,
// loses packets. What must hold is counted in a ledger outside of the store.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Contenders, isClaim, isCompletion, isRenewal, LEASE_MS, POLICIES } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { temporaryFolder } from '../support/folder.mjs';
import { heldCall } from '../support/held-run.mjs';
import { randomFrom } from '../support/random.mjs';
import { serverProgram, startRedis } from '../support/redis.mjs';
import { it } from '../support/steady.mjs';
import '../support/unhandled.mjs';

const key = 'order-1';
const executor = process.env.ACTONCE_EXECUTOR ?? 'loop';
const LOSSY_LINK = fileURLToPath(new URL('../support/lossy-link.mjs', import.meta.url));

async function own(t, { options, ...server } = {}) {
  const redis = await startRedis(server);
  t.after(() => redis.stop());
  return { redis, c: new Contenders(t, redis, { executor, ...options }) };
}

/** Whether namespaces and mounts can be had, which takes root; the reason why not. */
function missing(...programs) {
  try {
    execFileSync('unshare', ['-n', '-m', 'true'], { stdio: 'ignore' });
    for (const program of programs) execFileSync(program, ['-V'], { stdio: 'ignore' });
    return false;
  } catch (error) {
    return `this takes root, unshare${programs.map((each) => `, ${each}`).join('')}: ${error.message.split('\n', 1)}`;
  }
}

describe(`a server that forgets or evicts · redis×${executor}`, { concurrency: 4, timeout: 60_000 }, () => {
  for (const [how, forget] of [
    ['is restarted without persistence', (redis) => redis.restart('SIGKILL')],
    ['is told FLUSHALL', (redis) => redis.send('FLUSHALL')],
  ]) {
    it(`RC3 a server that ${how} after the completion: fn runs again, with a larger fence, and its outcome is the one`, async (t) => {
      const { redis, c } = await own(t);
      const client = c.client();
      const fence = await client.withIdempotency(key, (ctx) => c.effect(ctx) && ctx.fence);
      await forget(redis);
      const again = await client.withIdempotency(key, (ctx) => c.effect(ctx) && ctx.fence);
      assert.ok(again > fence, `${again} after ${fence}`);
      assert.equal(await c.client().withIdempotency(key, c.effect), again);
      assert.equal(c.ledger.count(key), 2);
    });
  }

  /** Fills the server until `enough` says so; the filling has less time to live than any record. */
  async function fill(redis, enough) {
    const control = await redis.connect();
    const used = Number(/used_memory:(\d+)/.exec(await control.send('INFO', 'memory'))[1]);
    await control.send('CONFIG', 'SET', 'maxmemory', used + 1_000_000);
    const filler = 'x'.repeat(5_000);
    for (let at = 0; at < 20_000 && !(await enough(at)); at += 1) {
      await control.send('SET', `filler-${at}`, filler, 'PX', 600_000);
    }
    const evicted = /evicted_keys:(\d+)/.exec(await control.send('INFO', 'stats'))[1];
    assert.ok(Number(evicted) > 0, 'the server had to evict');
  }

  it('RC4 volatile-ttl takes what ends soon, which a record in progress never does', async (t) => {
    const { redis, c } = await own(t, { config: ['maxmemory-policy volatile-ttl'] });
    const owner = c.client();
    const value = await owner.withIdempotency(key, async (ctx) => {
      await fill(redis, (at) => at === 1_000);
      ctx.assertHeld();
      return c.effect(ctx);
    });
    assert.deepEqual(value, { by: 1 });
    assert.deepEqual(await c.client().withIdempotency(key, c.effect), { by: 1 });
    assert.equal(c.ledger.count(key), 1);
  });

  it('RC4 allkeys-random takes a record in progress: a second run has a larger fence, and the first is refused', async (t) => {
    const { redis, c } = await own(t, { config: ['maxmemory-policy allkeys-random'] });
    const [first, second] = [c.client(), c.client()];
    const held = heldCall(first, key, () => 'first');
    const ctx = await held.inside;
    const { name } = await c.record();
    await fill(redis, async () => (await redis.send('EXISTS', name)) === 0);
    await redis.send('CONFIG', 'SET', 'maxmemory', 0);
    const fence = await second.withIdempotency(key, (other) => other.fence);
    assert.ok(fence > ctx.fence, `${fence} after ${ctx.fence}`);
    held.letGo();
    const error = await held.result.catch((caught) => caught);
    assert.deepEqual([error.code, error.value], ['ERR_LEASE_LOST', 'first']);
    assert.equal(await first.withIdempotency(key, c.effect), fence);
  });
});

describe(`a disk that is full · redis×${executor}`, { timeout: 60_000, skip: missing('mount') }, () => {
  /** A server whose append-only file is on a disk of four megabytes, which nobody else sees and which goes with it. */
  async function onSmallDisk(t) {
    const disk = temporaryFolder('disk');
    const program = path.join(temporaryFolder('wrapper'), 'server');
    const text = `#!/bin/sh\nexec unshare -m sh -c 'mount -t tmpfs -o size=4m tmpfs ${disk} && exec ${serverProgram()} "$@"' server "$@"\n`;
    fs.writeFileSync(program, text, { mode: 0o755 });
    const config = [`dir ${disk}`, 'appendonly yes', 'appendfsync everysec', 'auto-aof-rewrite-percentage 0'];
    const surroundings = await own(t, { program, config, options: { totalTimeoutMs: 1_000 } });
    const filler = path.join('/proc', String(surroundings.redis.pid), 'root', disk, 'filler');
    /** To the last byte: what is left in the last page of the file takes a record or two. */
    const full = async () => {
      try {
        fs.writeFileSync(filler, Buffer.alloc(8_000_000));
      } catch (error) {
        assert.equal(error.code, 'ENOSPC');
      }
      const isNoticed = () => surroundings.redis.send('SET', 'filler', 'x'.repeat(5_000)).catch(({ code }) => code);
      await eventually(async () => (await isNoticed()) === 'MISCONF', { everyMs: 50, what: 'MISCONF' });
    };
    const free = () => fs.rmSync(filler);
    return { ...surroundings, full, free };
  }

  it('RC8 a full disk at the claim is MISCONF: unavailable, fn does not run, until there is room', async (t) => {
    const { c, full, free } = await onSmallDisk(t);
    const client = c.client();
    await client.inspect({ key });
    await full();
    const error = await client.withIdempotency(key, c.effect).catch((caught) => caught);
    assert.deepEqual([error.code, error.retryable], ['ERR_STORE_UNAVAILABLE', true], error.stack);
    assert.match(error.message, /MISCONF/);
    assert.equal(c.ledger.count(), 0);
    free();
    await eventually(() => client.withIdempotency(key, c.effect), { withinMs: 10_000 });
    assert.equal(c.ledger.count(key), 1);
  });

  for (const onCrash of POLICIES) {
    it(`RC6 a disk that is full by the end of fn: the value is the caller's, and is recorded when there is room (${onCrash})`, async (t) => {
      const { c, full, free } = await onSmallDisk(t);
      const client = c.client({ defaults: { onCrash, leaseMs: 30_000 } });
      const value = await client.withIdempotency(key, async (ctx) => {
        await full();
        return c.effect(ctx);
      });
      assert.deepEqual(value, { by: 1 });
      assert.deepEqual(client.told, ['claimed', 'result-unrecorded']);
      free();
      await eventually(() => client.told.includes('completed'), { withinMs: 10_000 });
      assert.deepEqual(await c.client().withIdempotency(key, c.effect), { by: 1 });
      assert.equal(c.ledger.count(key), 1);
    });
  }
});

describe('RB14 a third of everything is lost', { timeout: 120_000 }, () => {
  it('RB14 of the packets, both ways, for ten seconds, by nft: each of fifty keys runs once', {
    skip: missing('nft', 'ip'),
  }, async (t) => {
    const run = promisify(execFile)('unshare', ['-n', process.execPath, LOSSY_LINK], { timeout: 100_000 });
    const { stdout } = await run;
    const { dropped, effects, by, failures, lastMs } = JSON.parse(stdout.trim().split('\n').at(-1));
    t.diagnostic(`${dropped.join(' + ')} packets lost, the last answer after ${lastMs} ms`);
    assert.ok(
      dropped.every((count) => count > 20),
      `${dropped} packets were lost`,
    );
    assert.deepEqual(
      effects,
      effects.map(() => 1),
    );
    // A claim that nobody answered in time fails its call and is given back, and the next is another attempt: no other is.
    const [one, two] = by;
    assert.deepEqual(one, two);
    assert.deepEqual(
      one.filter((attempt, at) => attempt > 1 + failures[at]),
      [],
      `attempts ${one}, failed calls ${failures}`,
    );
  });

  it(`RB14 of the commands and of the replies, by a proxy: each of twelve keys runs once · redis×${executor}`, async (t) => {
    const { c } = await own(t, { options: { commandTimeoutMs: 100, defaults: { leaseMs: 10 * LEASE_MS } } });
    const proxy = await c.proxy();
    const clients = [c.client({ url: proxy.url }), c.client({ url: proxy.url })];
    await Promise.all(clients.map((client) => client.inspect({ key })));
    const { next } = randomFrom(14);
    const ours = (args) => isClaim(args) || isCompletion(args) || isRenewal(args);
    const faults = ['drop-request', 'swallow-reply'].map((kind) =>
      proxy.fault(kind, { on: (args) => ours(args) && next() < 0.15, times: Number.POSITIVE_INFINITY }),
    );
    const keys = Array.from({ length: 12 }, (_, at) => `order-${at}`);
    const ask = (client, each) => eventually(() => client.withIdempotency(each, c.effect), { withinMs: 60_000 });
    // One after the other: a lost command loses its connection, and the next one comes after a pause.
    const inOrder = async (client, values = []) => {
      for (const each of keys) values.push(await ask(client, each));
      return values;
    };
    const [one, two] = await Promise.all(clients.map((client) => inOrder(client)));
    assert.ok(
      faults.every(({ hits }) => hits > 0),
      'something was lost',
    );
    assert.deepEqual(
      [one, two],
      [one, two].map((values) => values.map(() => ({ by: 1 }))),
    );
    assert.deepEqual(
      keys.map((each) => c.ledger.count(each)),
      keys.map(() => 1),
    );
  });
});
