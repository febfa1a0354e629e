// The addon by itself: what a long life costs, every moment to end at, modules that come and go. It must not leak, not
// crash, and not keep a process alive. `npm run test:long` lives longer, and on Redis, too.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { EXECUTORS } from '../support/contenders.mjs';
import { seeded } from '../support/hostile-redis.mjs';
import { startRedis } from '../support/redis.mjs';
import { runScript } from '../support/script.mjs';
import '../support/unhandled.mjs';

const long = process.env.ACTONCE_LONG === '1';
const MINUTE_MS = 60_000;
/** A leak of 200 bytes a call shows as 200 KiB. A short life still holds a step of the allocator, a megabyte or two. */
const MOST_KIB = long ? 20 : 60;

let redis;
before(async () => {
  redis = await startRedis({ config: ['maxmemory 512mb'] });
});
after(() => redis.stop());

function endedWell({ code, signal, said, errors }, expected = 0) {
  assert.deepEqual([code, signal], [expected, null], errors);
  return said;
}

/** V8 lets its young generation grow to 16 MiB, by as much as it has each time, whenever enough survives. */
const LIFE_FLAGS = ['--expose-gc', '--min-semi-space-size=16', '--max-semi-space-size=16'];

/** RSS against calls, as a straight line through what is left when the garbage is collected; its slope. */
const LIFE = `
  const client = load().createClient({ ...options.client, cache: false });
  const samples = [];
  const sample = (calls) => {
    gc();
    samples.push([calls / 1_000, process.memoryUsage.rss() / 1_024]);
  };
  const call = async (n) => {
    const key = 'key-' + (n % options.keys);
    if (n % 50 === 0) await client.withIdempotency(key, () => { throw new Error('no'); }, { retentionMs: 1 }).catch(() => {});
    else if (n % 50 === 1) await client.inspect({ key });
    else await client.withIdempotency(key, () => n, { retentionMs: n % 2 ? 1 : 60_000 });
  };
  const step = options.calls / 40;
  for (let done = 0; done < options.calls; ) {
    for (const end = done + step; done < end; done += options.atOnce) {
      await Promise.all(Array.from({ length: options.atOnce }, (_, at) => call(done + at)));
    }
    sample(done);
  }
  const settled = samples.slice(samples.length / 2);
  const mean = (at) => settled.reduce((sum, one) => sum + one[at], 0) / settled.length;
  const [x, y] = [mean(0), mean(1)];
  const above = settled.reduce((sum, one) => sum + (one[0] - x) * (one[1] - y), 0);
  const slope = above / settled.reduce((sum, one) => sum + (one[0] - x) ** 2, 0);
  await client.close();
  say(JSON.stringify({ slope, rssMiB: Math.round(samples.at(-1)[1] / 1_024) }));`;

describe('a long life', { timeout: 30 * MINUTE_MS }, () => {
  const lives = [['embedded', { url: 'memory:' }, long ? 1_000_000 : 120_000]];
  for (const executor of long ? EXECUTORS : []) lives.push([`redis×${executor}`, { executor }, 1_000_000]);
  for (const [name, client, calls] of lives) {
    it(`${calls} calls leave the memory as it is [${name}]`, async (t) => {
      const url = client.url ?? redis.url;
      const options = { client: { ...client, url }, calls, keys: 1_000, atOnce: 20 };
      const said = endedWell(await runScript(t, LIFE, { options, args: LIFE_FLAGS, limitMs: 20 * MINUTE_MS }));
      const { slope, rssMiB } = JSON.parse(said[0]);
      t.diagnostic(`${slope.toFixed(1)} KiB per 1000 calls, ${rssMiB} MiB at the end`);
      assert.ok(slope < MOST_KIB, `${slope} KiB per 1000 calls`);
    });
  }

  it('the method sees a leak of 200 bytes a call', async (t) => {
    const leaking = LIFE.replace(
      'const call = async (n) => {',
      `$&\n globalThis.kept ??= []; kept.push(Buffer.alloc(200, 1));`,
    );
    const options = { client: { url: 'memory:' }, calls: 40_000, keys: 1_000, atOnce: 20 };
    const said = endedWell(await runScript(t, leaking, { options, args: LIFE_FLAGS, limitMs: 2 * MINUTE_MS }));
    assert.ok(JSON.parse(said[0]).slope > 2 * MOST_KIB, said[0]);
  });
});

describe('every moment to end at', { timeout: 10 * MINUTE_MS }, () => {
  for (const executor of EXECUTORS) {
    it(`process.exit after a random while ends with its code, never by a crash [redis×${executor}]`, async (t) => {
      const { below } = seeded(5);
      const text = `
        const { createClient } = load();
        const clients = Array.from({ length: 3 }, () => createClient(options.client));
        setTimeout(() => process.exit(3), options.afterMs);
        const call = async (client, n) => {
          for (;;) await client.withIdempotency('key-' + (n++ % 7), () => pause(n % 3), { retentionMs: 1 });
        };
        for (let n = 0; n < 30; n += 1) call(clients[n % 3], n).catch(() => {});`;
      const one = async () => {
        const client = { url: redis.url, executor, defaults: { leaseMs: 100 } };
        endedWell(await runScript(t, text, { options: { client, afterMs: below(120) } }), 3);
      };
      for (let left = long ? 200 : 16; left > 0; left -= 2) await Promise.all([one(), one()]);
    });
  }
});

describe('modules that come and go', { timeout: 10 * MINUTE_MS }, () => {
  it('a hundred reloads, as a development server makes them, leave no client, no memory and no handle behind', async (t) => {
    const text = `
      const live = () => process.getActiveResourcesInfo().length;
      const reload = async (n) => {
        for (const [file, module] of Object.entries(require.cache)) {
          if (file.endsWith('.node')) continue;
          // Node's own list of who required it would keep it.
          if (module.parent) module.parent.children.length = 0;
          delete require.cache[file];
        }
        const { createClient } = load();
        const client = createClient(options.client);
        await client.withIdempotency('key-' + n, () => n);
        await client.close();
      };
      for (let n = 0; n < 20; n += 1) await reload(n);
      gc();
      const [rss, handles] = [process.memoryUsage.rss(), live()];
      for (let n = 20; n < options.reloads; n += 1) await reload(n);
      await pause(50);
      gc();
      const grownKiB = (process.memoryUsage.rss() - rss) / 1_024 / (options.reloads - 20);
      say(JSON.stringify({ handles: live() - handles, grownKiB }));`;
    const options = { client: { url: redis.url }, reloads: long ? 1_000 : 120 };
    const said = endedWell(await runScript(t, text, { options, args: ['--expose-gc'], limitMs: 5 * MINUTE_MS }));
    const { handles, grownKiB } = JSON.parse(said[0]);
    t.diagnostic(`${grownKiB.toFixed(0)} KiB a reload`);
    assert.ok(handles <= 0, `${handles} handles more`);
    // The text and the code of the module itself, half a megabyte of JavaScript, are V8's to let go.
    assert.ok(grownKiB < 512, `${grownKiB} KiB a reload`);
  });
});
