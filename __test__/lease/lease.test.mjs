// Who holds a key, for how long, and what becomes of it when the holder is slow, busy, frozen, killed or cut off.
// Real processes and signals, a real server; leases are looked at from outside of the library (support/record.mjs).
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Contenders, EXECUTORS, isRenewal, LEASE_MS, POLICIES } from '../support/contenders.mjs';
import { eventually } from '../support/eventually.mjs';
import { startMonitor } from '../support/monitor.mjs';
import { startRedis } from '../support/redis.mjs';
import { it } from '../support/steady.mjs';
import '../support/unhandled.mjs';
import { startScript } from '../support/script.mjs';

const key = 'order-1';

let redis;
let monitor;
before(async () => {
  redis = await startRedis();
  monitor = await startMonitor(redis);
});
after(() => redis.stop());

const contenders = (t, options) => new Contenders(t, redis, options);

/** Samples the lease until `promise` settles; the least that was left of it. */
async function leastLeftDuring(promise, c) {
  let over = false;
  const end = () => {
    over = true;
  };
  promise.then(end, end);
  let least = Number.POSITIVE_INFINITY;
  while (!over) {
    const record = await c.record();
    if (record?.state === 'P') least = Math.min(least, record.leaseLeftMs);
    await pause(10);
  }
  return least;
}

/** The renewals of the test's record so far, as the server saw them. */
async function renewals(c) {
  const commands = await monitor.commands();
  return commands.filter(({ name, args }) => name === 'PEXPIRE' && args[1].startsWith(c.prefix));
}

for (const executor of EXECUTORS) {
  describe(`D. a live holder keeps its lease · redis×${executor}`, { concurrency: 3, timeout: 60_000 }, () => {
    const cases = [
      ['D1 (RA3) fn that runs five leases long keeps its lease and runs once', { sleepMs: 5 * LEASE_MS }, 12],
      [
        'D2 (RA4) an event loop that is busy for five leases keeps its lease and fn runs once',
        { busyMs: 5 * LEASE_MS },
        12,
      ],
    ];
    for (const [[title, step, enough], onCrash] of cases.flatMap((each) =>
      POLICIES.map((onCrash) => [each, onCrash]),
    )) {
      it(`${title} (${onCrash})`, async (t) => {
        const c = contenders(t, { executor, defaults: { onCrash } });
        const owner = await c.worker();
        const rival = c.client({ defaults: { onDuplicate: 'reject' } });
        const call = owner.call({ key, steps: [{ effect: true }, { say: 'in' }, step, { return: 'once' }] });
        await call.said('in');
        const sampled = leastLeftDuring(call.result, c);
        let refusals = 0;
        while ((await Promise.race([call.result, pause(100)])) === undefined) {
          const refusal = await rival.withIdempotency(key, c.effect).catch((error) => error);
          if (refusal.code !== 'ERR_IN_PROGRESS') break;
          assert.ok(refusal.retryAfterMs > 0 && refusal.retryAfterMs <= LEASE_MS, `${refusal.retryAfterMs}`);
          refusals += 1;
        }
        const { value, runs } = await call.result;
        assert.equal(value, 'once');
        assert.equal(runs[0].aborted, false);
        assert.ok(refusals > 5, `refused ${refusals} times`);
        const least = await sampled;
        assert.ok(least > 0, `the lease was down to ${least} ms`);
        const renewed = (await renewals(c)).length;
        assert.ok(renewed >= enough, `${renewed} renewals`);
        assert.equal(await rival.withIdempotency(key, c.effect), 'once');
        assert.equal(c.ledger.count(key), 1);
      });
    }

    it('D8 (RB5) renewals whose replies are lost, two in a row, do not lose the lease', async (t) => {
      const c = contenders(t, { executor, defaults: { leaseMs: 1_000 } });
      const proxy = await c.proxy();
      const owner = c.client({ url: proxy.url });
      const fault = proxy.fault('swallow-reply-and-close', { on: isRenewal, times: 2 });
      const call = owner.withIdempotency(key, async (ctx) => {
        await eventually(() => fault.hits === 2);
        await pause(1_200);
        ctx.assertHeld();
        return ctx.signal.aborted;
      });
      assert.ok((await leastLeftDuring(call, c)) > 0);
      assert.equal(await call, false);
      assert.deepEqual(owner.told, ['claimed', 'completed']);
    });

    it('D8 renewals that vanish without a trace, two in a row, do not lose a lease that leaves the time', async (t) => {
      const c = contenders(t, { executor, commandTimeoutMs: 100, defaults: { leaseMs: 1_500 } });
      const proxy = await c.proxy();
      const owner = c.client({ url: proxy.url });
      const fault = proxy.fault('drop-request', { on: isRenewal, times: 2 });
      const call = owner.withIdempotency(key, async (ctx) => {
        await eventually(() => fault.hits === 2);
        await pause(1_500);
        ctx.assertHeld();
        return ctx.signal.aborted;
      });
      assert.ok((await leastLeftDuring(call, c)) > 0);
      assert.equal(await call, false);
    });

    it('D8 (RB6, D6) when no renewal comes through, the signal aborts shortly before the server ends the lease', async (t) => {
      const c = contenders(t, { executor });
      const proxy = await c.proxy();
      const owner = c.client({ url: proxy.url });
      let abortedAt;
      let reason;
      const call = owner.withIdempotency(key, async (ctx) => {
        ctx.signal.addEventListener('abort', () => {
          abortedAt = Date.now();
        });
        await eventually(async () => (await renewals(c)).length > 0);
        proxy.mode('black-hole');
        await eventually(() => ctx.signal.aborted);
        reason = ctx.signal.reason;
        assert.throws(() => ctx.assertHeld(), { code: 'ERR_LEASE_LOST' });
        proxy.mode('pass');
        return 'late';
      });
      // Nobody took over: the completion is accepted, and the value is the caller's.
      assert.equal(await call, 'late');
      const endsMs = (await renewals(c)).map(({ atMs }) => atMs + LEASE_MS);
      assert.deepEqual([reason.code, reason.reason], ['ERR_LEASE_LOST', 'expired']);
      const early = endsMs.map((endMs) => endMs - abortedAt);
      assert.ok(early.at(-1) > 0, `aborted ${early} ms before the ends`);
      // It counts from when the last renewal it heard of was sent, which a busy machine delays on its way to the server;
      // and one more may have passed as the link went dark. An interval between renewals, and some, is room for both.
      assert.ok(
        early.slice(-2).some((ms) => ms > 0 && ms < 100 + LEASE_MS / 3),
        `aborted ${early} ms before the ends`,
      );
      assert.deepEqual(owner.told, ['claimed', 'lease-lost', 'completed']);
    });
  });
}

for (const executor of EXECUTORS) {
  describe(`D. the end of a lease · redis×${executor}`, { concurrency: 4, timeout: 60_000 }, () => {
    it('D5 the fence grows over releases, expired outcomes and errors, resets and the loss of everything', async (t) => {
      const c = contenders(t, { executor, defaults: { retentionMs: 60 } });
      const client = c.client();
      const gone = () => eventually(async () => (await c.record()) === undefined, { what: 'the end of the record' });
      const fences = [];
      const run = (ending, options) =>
        client.withIdempotency(
          key,
          (ctx) => {
            fences.push(ctx.fence);
            return ending();
          },
          options,
        );
      const fails = () => {
        throw new Error('no');
      };
      await assert.rejects(run(fails), /no/); // released
      await run(() => 1); // completed, then expired
      await gone();
      await assert.rejects(run(fails, { onError: 'record' }), /no/); // failed, then expired
      await gone();
      await run(() => 2, { retentionMs: 60_000 });
      assert.equal(await client.reset({ key }), 'reset');
      await run(() => 3, { retentionMs: 60_000 });
      await redis.send('DEL', (await c.record()).name); // lost
      // The fence of a new record is an estimate, off by half a round trip at most.
      await pause(10);
      await run(() => 4);
      assert.equal(fences.length, 6);
      for (const [at, fence] of fences.entries()) assert.ok(at === 0 || fence > fences[at - 1], fences.join());
    });

    for (const hours of [-1, 1]) {
      // By construction: every clock that the lease could look at is either the server's or the boot clock, which nobody
      // can set. What can jump in a process is Date, and the system's wall clock that it shows.
      it(`D11 (RE1) the wall clock of the holder jumps by ${hours} h: nothing changes`, async (t) => {
        const c = contenders(t, { executor });
        const jump = `const now = Date.now; let by = 0; Date.now = () => now() + by;
          process.on('SIGUSR2', () => { by = ${hours} * 3_600_000; })`;
        const owner = await c.worker({ execArgv: ['--import', `data:text/javascript,${encodeURIComponent(jump)}`] });
        const rival = c.client();
        const call = owner.call({
          key,
          steps: [{ say: 'in' }, { wait: 'jumped' }, { sleepMs: 2 * LEASE_MS }, { assertHeld: true }, { return: 'A' }],
        });
        await call.said('in');
        owner.signal('SIGUSR2');
        call.tell('jumped');
        const waited = rival.withIdempotency(key, c.effect);
        assert.ok((await leastLeftDuring(call.result, c)) > 0);
        assert.equal((await call.result).value, 'A');
        assert.equal(await waited, 'A');
        assert.equal(c.ledger.count(key), 0);
        assert.equal((await owner.call({ key: 'order-2', steps: [{ return: 'B' }] }).result).value, 'B');
      });
    }

    const closing = `
      const client = load().createClient(options);
      process.on('SIGTERM', async () => {
        const refused = await client.withIdempotency('another', () => 1).catch((error) => error.code);
        const closing = client.close({ graceMs: Number(process.env.GRACE_MS) });
        const late = await client.withIdempotency('late', () => 1).catch((error) => error.code);
        say('late ' + late);
        await closing;
        say('closed');
      });
      const alive = setInterval(() => {}, 1_000); // a signal handler keeps nothing alive
      client.withIdempotency('order-1', async () => {
        say('in');
        await pause(500);
        return 'A';
      }).then((value) => say('value ' + value), (error) => say('error ' + error.code)).finally(() => clearInterval(alive));
    `;

    it('D12 (RA13) SIGTERM and close: what runs is recorded, nothing new begins, and the process ends by itself', async (t) => {
      const c = contenders(t, { executor });
      const script = startScript(t, closing, { options: c.options(), env: { GRACE_MS: '3000' } });
      await script.hears('in');
      script.signal('SIGTERM');
      const { code, signal, said, errors } = await script.ended;
      assert.deepEqual([code, signal], [0, null], errors);
      assert.deepEqual(said, ['in', 'late ERR_CLOSED', 'value A', 'closed']);
      assert.equal(await c.client().withIdempotency(key, c.effect), 'A');
    });

    it('D12 SIGTERM and a short grace: the caller keeps its value, the lease runs out, and the process ends by itself', async (t) => {
      const c = contenders(t, { executor });
      const script = startScript(t, closing, { options: c.options(), env: { GRACE_MS: '50' } });
      await script.hears('in');
      script.signal('SIGTERM');
      const { code, signal, said, errors } = await script.ended;
      assert.deepEqual([code, signal], [0, null], errors);
      assert.deepEqual(said, ['in', 'late ERR_CLOSED', 'closed', 'value A']);
      assert.deepEqual(await c.client().withIdempotency(key, c.effect), { by: 2 });
    });

    it('RA15 a worker thread that is terminated during fn: its lease is not renewed, that of the main thread is', async (t) => {
      const c = contenders(t, { executor });
      const script = startScript(
        t,
        `import { Worker } from 'node:worker_threads';
        const inThread = \`
          const { workerData: { file, options } , parentPort } = require('node:worker_threads');
          require(file).createClient(options).withIdempotency('order-1', () => {
            parentPort.postMessage('in');
            return new Promise(() => setInterval(() => {}, 1_000));
          });\`;
        const client = load().createClient({ ...options, prefix: options.prefix + '-main' });
        const thread = new Worker(inThread, { eval: true, workerData: { file: PACKAGE, options } });
        thread.once('message', async () => {
          const own = client.withIdempotency('own', async (ctx) => {
            await thread.terminate();
            say('terminated');
            await pause(${2 * LEASE_MS});
            ctx.assertHeld();
            return 'kept';
          });
          say(await own);
        });`,
        { options: c.options() },
      );
      await script.hears('terminated');
      const renewed = (await renewals({ prefix: `${c.prefix}:` })).length;
      const client = c.client();
      const [by, waitedMs] = await elapsed(() => client.withIdempotency(key, (ctx) => ctx.attempt));
      assert.equal(by, 2);
      assert.ok(waitedMs < LEASE_MS + 400, `${waitedMs} ms`);
      assert.equal((await renewals({ prefix: `${c.prefix}:` })).length, renewed);
      const { code, signal, said, errors } = await script.ended;
      assert.deepEqual([code, signal], [0, null], errors);
      assert.deepEqual(said, ['terminated', 'kept']);
    });

    for (const onCrash of POLICIES) {
      it(`RA16 fn that never ends loses its lease at maxLeaseMs, its caller is told, others go on (${onCrash})`, async (t) => {
        const c = contenders(t, { executor, defaults: { onCrash, leaseMs: 300, maxLeaseMs: 1_000 } });
        const owner = c.client();
        const rival = c.client();
        let reason;
        const endless = (ctx) => {
          ctx.signal.addEventListener('abort', () => {
            reason = ctx.signal.reason.reason;
          });
          return new Promise(() => {});
        };
        const [error, tookMs] = await elapsed(() => owner.withIdempotency(key, endless).catch((caught) => caught));
        assert.deepEqual([error.code, error.reason, error.hasValue], ['ERR_LEASE_LOST', 'max-lease', false]);
        assert.equal(reason, 'max-lease');
        assert.ok(tookMs > 990 && tookMs < 1_400, `${tookMs} ms`);
        const [next, waitedMs] = await elapsed(() =>
          rival.withIdempotency(key, c.effect).catch((caught) => caught.code),
        );
        assert.deepEqual(next, onCrash === 'hold' ? 'ERR_INDETERMINATE' : { by: 2 });
        assert.ok(waitedMs < 300 + 300, `${waitedMs} ms`);
        assert.deepEqual(owner.told, ['claimed', 'lease-lost']);
      });
    }
  });
}

/** What `work` resolves to, and how long that took. */
async function elapsed(work) {
  const startedAt = performance.now();
  return [await work(), performance.now() - startedAt];
}
