// Thousands of calls in flight: what keeping their leases costs, in commands, in CPU and in memory (target P10). The native
// memory of a lease is counted to the byte by tests/lease_memory.rs.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { startRedis } from '../support/redis.mjs';
import { startScript } from '../support/script.mjs';
import '../support/unhandled.mjs';

const LEASES = 5_000;
const LEASE_MS = 3_000;
const WATCHED_MS = 3_000;

let redis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

async function renewals() {
  const text = await redis.send('INFO', 'commandstats');
  return Number(text.match(/cmdstat_evalsha:calls=(\d+)/)?.[1] ?? 0);
}

/** Says what each lease took of V8's heap, then for `WATCHED_MS` what the threads did, and at the end which events came. */
const HOLDER = `
  import fs from 'node:fs';
  const client = load().createClient({ url: options.url, cache: false, defaults: { leaseMs: options.leaseMs } });
  const lost = [];
  client.on(({ type }) => { if (type === 'lease-lost') lost.push(type); });
  const cpuUs = (isMeant) => {
    const tasks = fs.readdirSync('/proc/self/task').map((task) => '/proc/self/task/' + task);
    const task = tasks.find((task) => isMeant(fs.readFileSync(task + '/comm', 'utf8').trim(), task));
    return Number(fs.readFileSync(task + '/schedstat', 'utf8').split(' ')[0]) / 1_000;
  };
  const threads = () => ({
    keeper: cpuUs((name) => name === 'actonce-keeper'),
    main: cpuUs((_, task) => task.endsWith('/' + process.pid)),
  });
  await client.withIdempotency('first', () => pause(options.leaseMs / 2));
  const heap = () => { gc(); return process.memoryUsage().heapUsed; };
  const before = heap();
  let running = 0;
  let end;
  const ended = new Promise((resolve) => { end = resolve; });
  const calls = [];
  for (let n = 0; n < options.leases; n += 1) {
    calls.push(client.withIdempotency('key-' + n, () => { running += 1; return ended; }));
    if (n % 500 === 499) await pause(0);
  }
  while (running < options.leases) await pause(5);
  const heapBytes = (heap() - before) / options.leases;
  const [from, at] = [threads(), performance.now()];
  say('watch');
  await pause(options.watchedMs);
  const to = threads();
  const ms = performance.now() - at;
  say('watched');
  say(JSON.stringify({ heapBytes, ms, keeperUs: to.keeper - from.keeper, mainUs: to.main - from.main, lost: lost.length }));
  end();
  await Promise.all(calls);
  await client.close();`;

it(`${LEASES} leases: a command each per third of the lease, microseconds of the keeper, nothing of Node's thread`, async (t) => {
  if (process.platform !== 'linux') return t.skip('the CPU of a thread is read from /proc');
  const options = { url: redis.url, leases: LEASES, leaseMs: LEASE_MS, watchedMs: WATCHED_MS };
  const holder = startScript(t, HOLDER, { options, args: ['--expose-gc'], limitMs: 60_000 });
  await holder.hears('watch');
  const commandsBefore = await renewals();
  await holder.hears('watched');
  const commands = (await renewals()) - commandsBefore;
  const { code, signal, said, errors } = await holder.ended;
  assert.deepEqual([code, signal], [0, null], errors);
  const { heapBytes, ms, keeperUs, mainUs, lost } = JSON.parse(said.at(-1));
  const each = keeperUs / commands;
  t.diagnostic(
    `${commands} renewals in ${ms.toFixed(0)} ms, ${each.toFixed(2)} µs each, ${heapBytes.toFixed(0)} bytes of heap`,
  );
  assert.equal(lost, 0);
  // Every one falls due once in each third; what was due when we looked may have come just after.
  const thirds = ms / (LEASE_MS / 3);
  assert.ok(commands <= LEASES * (Math.ceil(thirds) + 1), `${commands} commands in ${thirds.toFixed(1)} thirds`);
  assert.ok(commands >= LEASES, `${commands} commands: not all were renewed`);
  // At 10,000 a second, which are 100,000 leases of 30 s, 5 µs are 5 % of a core; twice that on a busy machine.
  assert.ok(each < 10, `${each} µs a renewal`);
  assert.ok(mainUs < 0.1 * 1_000 * ms, `${mainUs} µs of Node's thread in ${ms} ms`);
  assert.ok(heapBytes < 2_300, `${heapBytes} bytes of heap a lease: is something made that only some calls ask for?`);
});
