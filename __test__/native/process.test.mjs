// Whole processes: threads that come and go, several clients, several copies of the package, every way to end. The addon
// must neither crash a process, nor keep one alive for nothing, nor let one go that waits for an answer.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { Contenders, EXECUTORS, isClaim, isCompletion, LEASE_MS } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { gate } from '../support/gate.mjs';
import { startRedis } from '../support/redis.mjs';
import { it } from '../support/steady.mjs';
import '../support/unhandled.mjs';
import { runScript, startScript } from '../support/script.mjs';

const key = 'order-1';

let redis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

const contenders = (t, options) => new Contenders(t, redis, options);

/** How many connections this package has to the server. */
const connections = async () => (await redis.send('CLIENT', 'LIST')).match(/ name=actonce /g)?.length ?? 0;

/** The process ended by itself with this code, and not by a crash; what it said. */
function endedWell({ code, signal, said, errors }, expected = 0) {
  assert.deepEqual([code, signal], [expected, null], errors);
  return said;
}

for (const executor of EXECUTORS) {
  describe(`threads · redis×${executor}`, { timeout: 120_000 }, () => {
    const inThread = `
      const { workerData: { file, options, at }, parentPort } = require('node:worker_threads');
      const { createClient } = require(file);
      const clients = [createClient(options), createClient({ ...options, prefix: options.prefix + '-b' })];
      const nothing = new Promise(() => setInterval(() => {}, 1_000));
      clients[0].withIdempotency('fresh-' + at, () => at).then((value) => {
        parentPort.postMessage(value);
        clients[0].withIdempotency('held-' + at, () => nothing);
        clients[1].withIdempotency('joined', () => nothing).catch(() => {});
        // One is in the middle of its commands when the thread ends.
        (async () => { for (let n = 0; ; n += 1) await clients[1].withIdempotency(at + '-' + n, () => n); })();
      });`;
    for (const [where, inMain] of [
      ['the main thread has none', ''],
      [
        'the main thread has a client, too',
        `const own = load().createClient(options); await own.withIdempotency('own', () => 1);`,
      ],
    ]) {
      it(`RA15 a hundred threads with clients are started and terminated in the middle of calls; ${where}`, async (t) => {
        const c = contenders(t, { executor });
        const text = `import { once } from 'node:events';
          import { Worker } from 'node:worker_threads';
          ${inMain}
          const one = async (at) => {
            const thread = new Worker(${JSON.stringify(inThread)}, { eval: true, workerData: { file: PACKAGE, options, at } });
            const [value] = await once(thread, 'message');
            await pause(at % 7);
            await thread.terminate();
            return value;
          };
          let done = 0;
          const next = async () => { while (done < 100) await one(done++); };
          await Promise.all([next(), next(), next(), next()]);
          ${inMain ? `say(await own.withIdempotency('after', () => 'alive'));` : `say('alive');`}`;
        assert.deepEqual(endedWell(await runScript(t, text, { options: c.options(), limitMs: 60_000 })), ['alive']);
        if (!inMain) await eventually(async () => (await connections()) === 0, { what: 'the end of every connection' });
      });
    }

    it('a thread that ends by itself, or by process.exit, takes its client with it', async (t) => {
      const c = contenders(t, { executor });
      const text = `import { once } from 'node:events';
        import { Worker } from 'node:worker_threads';
        const body = (end) => \`
          const { workerData: { file, options } } = require('node:worker_threads');
          const client = require(file).createClient(options);
          client.withIdempotency('k', () => 1).then(async () => {
            client.withIdempotency('held', () => new Promise(() => {})).catch(() => {});
            await client.inspect({ key: 'k' });
            \${end}
          });\`;
        for (const end of ['', 'process.exit(5);', 'client.close({ graceMs: 0 });']) {
          const thread = new Worker(body(end), { eval: true, workerData: { file: PACKAGE, options } });
          const [code] = await once(thread, 'exit');
          say(String(code));
        }`;
      assert.deepEqual(endedWell(await runScript(t, text, { options: c.options() })), ['0', '5', '0']);
    });
  });

  describe(`clients · redis×${executor}`, { timeout: 60_000 }, () => {
    it('thirty clients work side by side, and closed ones leave nothing behind', async (t) => {
      const c = contenders(t, { executor });
      const text = `
        const { createClient } = load();
        const finished = new Set();
        const registry = new FinalizationRegistry((at) => finished.add(at));
        await (async () => {
          const clients = Array.from({ length: 30 }, (_, at) => createClient({ ...options, prefix: options.prefix + at }));
          clients.forEach((client, at) => registry.register(client, at));
          const values = await Promise.all(clients.map((client, at) => client.withIdempotency('k', () => at)));
          say(values.join());
          await Promise.all(clients.map((client) => client.close()));
        })();
        for (let turn = 0; turn < 50 && finished.size < 30; turn += 1) {
          await pause(10);
          gc();
        }
        say(finished.size >= 29 ? 'collected' : 'only ' + finished.size + ' were collected');`;
      const said = endedWell(await runScript(t, text, { options: c.options(), args: ['--expose-gc'] }));
      assert.deepEqual(said, [Array.from({ length: 30 }, (_, at) => at).join(), 'collected']);
      await eventually(async () => (await connections()) === 0, { what: 'the end of every connection' });
    });

    for (const graceMs of [0, 150]) {
      it(`close({ graceMs: ${graceMs} }) in the middle of calls: each has its result or ERR_CLOSED, and nothing hangs`, async (t) => {
        const c = contenders(t, { executor });
        const proxy = await c.proxy();
        const [client, other] = [c.client({ url: proxy.url }), c.client()];
        const hold = gate();
        const elsewhere = other.withIdempotency('elsewhere', () => hold.promise);
        await other.inspect({ key: 'elsewhere' });
        const running = client.withIdempotency('running', () => hold.promise);
        const joined = client.withIdempotency('running', () => 'never');
        const waiting = client.withIdempotency('elsewhere', () => 'never');
        await eventually(async () => (await other.inspect({ key: 'running' }))?.state === 'processing');
        await client.inspect({ key: 'running' });
        proxy.mode('stall');
        const claiming = client.withIdempotency('claiming', () => 'never');
        const inspecting = client.inspect({ key });
        const calls = [running, joined, waiting, claiming, inspecting].map((call) => call.catch((error) => error.code));
        const closing = client.close({ graceMs });
        const refused = await client.withIdempotency('late', () => 'never').catch((error) => error.code);
        await closing;
        hold.resolve('ran');
        assert.deepEqual(
          [refused, ...(await Promise.all(calls))],
          [
            'ERR_CLOSED',
            'ran', // a run that outlives its client keeps its value for its caller
            'ERR_CLOSED',
            'ERR_CLOSED',
            'ERR_CLOSED',
            'ERR_CLOSED',
          ],
        );
        assert.equal(await elsewhere, 'ran');
        await assert.rejects(client.inspect({ key }), { code: 'ERR_CLOSED' });
        await client.close();
      });
    }

    for (const when of ['right after a call', 'when the store has applied a claim whose answer is still to come']) {
      it(`close ${when}: the claim is withdrawn, so that what never ran does not block the key`, async (t) => {
        const c = contenders(t, { executor, defaults: { leaseMs: 30_000, onCrash: 'hold' } });
        const proxy = await c.proxy();
        const client = c.client({ url: proxy.url });
        await client.inspect({ key });
        const fault = proxy.fault('delay', { on: isClaim, ms: 1_000 });
        const call = client.withIdempotency(key, c.effect).catch((error) => error.code);
        if (when !== 'right after a call') await fault.struck;
        await client.close({ graceMs: 0 });
        assert.equal(await call, 'ERR_CLOSED');
        const isFree = async () => ((await c.record()) ? (await c.record()).state === 'R' : !proxy.requests.SET);
        await eventually(isFree, { what: 'the withdrawal' });
        assert.equal(c.ledger.count(), 0);
      });
    }
  });

  describe(`copies · redis×${executor}`, { timeout: 60_000 }, () => {
    it('RA17 five copies of the package in one process: one default client, and a key runs once', async (t) => {
      const c = contenders(t);
      const text = `
        let runs = 0;
        const values = [];
        for (let copy = 0; copy < 5; copy += 1) {
          delete require.cache[PACKAGE];
          const { withIdempotency, currentIdempotency } = load();
          values.push(withIdempotency(options.prefix, async (ctx) => {
            runs += 1;
            if (currentIdempotency() !== ctx) say('another context');
            await pause(100);
            return copy;
          }));
        }
        say((await Promise.all(values)).join() + ' ' + runs);
        const { createClient, close } = load();
        const separate = [];
        for (let copy = 0; copy < 2; copy += 1) {
          delete require.cache[PACKAGE];
          separate.push(load().createClient({ ...options, executor: '${executor}' }));
        }
        runs = 0;
        const fn = async () => { runs += 1; await pause(100); return runs; };
        say((await Promise.all(separate.map((client) => client.withIdempotency('order-2', fn)))).join() + ' ' + runs);
        say('ready');
        await pause(200);
        await close();
        for (const client of separate) await client.close();`;
      const script = startScript(t, text, { options: c.options(), env: { ACTONCE_URL: redis.url } });
      await script.hears('ready');
      await eventually(async () => (await connections()) === 1 + 2, { what: 'one connection for each client' });
      assert.deepEqual(endedWell(await script.ended), ['0,0,0,0,0 1', '1,1 1', 'ready']);
    });
  });

  describe(`how a process ends · redis×${executor}`, { concurrency: 3, timeout: 60_000 }, () => {
    it('by itself when nothing is under way, although no client was closed', async (t) => {
      const c = contenders(t, { executor });
      const text = `
        const client = load().createClient(options);
        say(String(await client.withIdempotency('a', async () => { await pause(${LEASE_MS}); return 1; })));
        client.withIdempotency('never', () => new Promise(() => {}));
        await client.inspect({ key: 'a' });
        say('idle ' + Date.now());
        process.on('exit', () => say('exit ' + Date.now()));`;
      const said = endedWell(await runScript(t, text, { options: c.options() }));
      const [idle, exit] = said.slice(1).map((line) => Number(line.split(' ')[1]));
      assert.ok(exit - idle < 1_000, `${exit - idle} ms after its last answer`);
    });

    for (const [what, on] of [
      ['a claim', isClaim],
      ['a completion', isCompletion],
    ]) {
      it(`not while the answer to ${what} is awaited`, async (t) => {
        const c = contenders(t, { executor, defaults: { leaseMs: 30_000 } });
        const proxy = await c.proxy();
        proxy.fault('delay', { on, ms: 700 });
        const text = `load().createClient(options).withIdempotency('a', () => 'value').then(say);`;
        assert.deepEqual(endedWell(await runScript(t, text, { options: c.options({ url: proxy.url }) })), ['value']);
      });
    }

    it('not while another process is waited for', async (t) => {
      const c = contenders(t, { executor });
      const owner = c.client();
      const [inside, resume] = [gate(), gate()];
      const running = owner.withIdempotency(key, async () => {
        inside.resolve();
        await resume.promise;
        return 'theirs';
      });
      await inside.promise;
      const text = `load().createClient(options).withIdempotency('order-1', () => 'mine').then(say);`;
      const script = startScript(t, text, { options: c.options() });
      await eventually(async () => (await c.record()).flags % 2 === 1, { withinMs: 10_000, what: 'somebody waiting' });
      setTimeout(resume.resolve, 2 * LEASE_MS);
      assert.deepEqual(endedWell(await script.ended), ['theirs']);
      assert.equal(await running, 'theirs');
    });

    it('not before an outcome that the store did not take at once is recorded', async (t) => {
      const c = contenders(t, { executor, totalTimeoutMs: 1_500, defaults: { leaseMs: 30_000 } });
      const proxy = await c.proxy();
      const text = `
        const client = load().createClient(options);
        say(await client.withIdempotency('order-1', async () => {
          say('in');
          await new Promise((resolve) => process.stdin.once('data', resolve));
          process.stdin.destroy();
          return 'value';
        }));`;
      const script = startScript(t, text, { options: c.options({ url: proxy.url }) });
      await script.hears('in');
      proxy.mode('black-hole');
      script.write('go\n');
      await script.hears('value');
      proxy.mode('pass');
      assert.deepEqual(endedWell(await script.ended), ['in', 'value']);
      assert.equal((await c.record()).state, 'C');
    });

    const endings = {
      'process.exit with a claim under way': [`client.withIdempotency('b', () => 1); process.exit(3);`, 3],
      'process.exit inside fn': [`client.withIdempotency('b', () => process.exit(3));`, 3],
      'process.exit inside fn, later': [
        `client.withIdempotency('b', async () => { await pause(250); process.exit(3); });`,
        3,
      ],
      'process.exit while others wait and a lease is renewed': [
        `client.withIdempotency('b', () => new Promise(() => {}));
         second.withIdempotency('b', () => 1);
         client.withIdempotency('c', () => 1).then(() => setTimeout(() => process.exit(3), 250));`,
        3,
      ],
      'an uncaught exception in fn': [
        `client.withIdempotency('b', () => new Promise(() => { setImmediate(() => { throw new Error('boom'); }); }));`,
        1,
      ],
      'an uncaught exception where an answer was awaited': [
        `process.removeAllListeners('unhandledRejection');
         client.withIdempotency('b', () => 1).then(() => { throw new Error('boom'); });`,
        1,
      ],
      'an uncaught exception in a listener of ctx.signal': [
        `client.withIdempotency('b', (ctx) => {
           ctx.signal.addEventListener('abort', () => { throw new Error('boom'); });
           return new Promise(() => setInterval(() => {}, 1_000));
         }, { leaseMs: 100, maxLeaseMs: 100 }).catch(() => {});`,
        1,
      ],
      'an exception in a listener of events, which is only reported': [
        `client.on(() => { throw new Error('boom'); });
         client.withIdempotency('b', () => 1).then(say);`,
        0,
      ],
    };
    for (const [what, [text, expected]] of Object.entries(endings)) {
      it(`RA14 by ${what}: with its code, never by a crash`, async (t) => {
        const c = contenders(t, { executor });
        const setUp = `const { createClient } = load();
          const client = createClient(options);
          const second = createClient(options);
          await client.withIdempotency('a', () => 1);
          await second.inspect({ key: 'a' });`;
        const runs = Array.from({ length: 5 }, () => runScript(t, setUp + text, { options: c.options() }));
        for (const ended of await Promise.all(runs)) endedWell(ended, expected);
      });
    }

    it('RA14 (RA5) by process.exit inside fn: the key can be taken over when the lease is over', async (t) => {
      const c = contenders(t, { executor });
      const text = `load().createClient(options).withIdempotency('order-1', () => { process.exit(1); });`;
      endedWell(await runScript(t, text, { options: c.options() }), 1);
      assert.equal((await c.record()).state, 'P');
      const startedAt = performance.now();
      assert.deepEqual(await c.client().withIdempotency(key, c.effect), { by: 2 });
      assert.ok(performance.now() - startedAt < LEASE_MS + 400);
    });
  });
}
