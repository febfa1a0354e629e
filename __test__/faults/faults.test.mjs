// The store answers, but its answers are lost, late, cut short, or no answers at all; and what sits at a key is not ours.
// A real server behind a proxy that lets trouble happen to chosen commands (support/proxy.mjs).
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { Contenders, EXECUTORS, isClaim, isClaimScript, isCompletion, POLICIES } from '../support/contenders.mjs';
import { startMonitor } from '../support/monitor.mjs';
import { startRedis } from '../support/redis.mjs';
import { it } from '../support/steady.mjs';
import { unhandled } from '../support/unhandled.mjs';

const key = 'order-1';
const HOUR_MS = 3_600_000;

let redis;
before(async () => {
  redis = await startRedis();
});
after(async () => {
  await redis.stop();
  assert.deepEqual(unhandled, [], 'E14 nothing here left a rejection unhandled');
});

/** A client behind a proxy of its own, and what the other tests have. */
async function behindProxy(t, options) {
  const c = new Contenders(t, redis, options);
  const proxy = await c.proxy();
  return { c, proxy, client: c.client({ url: proxy.url }) };
}

/** What `work` resolves to, and how long that took. */
async function elapsed(work) {
  const startedAt = performance.now();
  return [await work(), performance.now() - startedAt];
}

const LOSSES = ['swallow-reply-and-close', 'swallow-reply', 'drop-request', 'black-hole'];

for (const executor of EXECUTORS) {
  describe(`E. lost commands and replies · redis×${executor}`, { concurrency: 4, timeout: 60_000 }, () => {
    for (const [loss, onCrash] of LOSSES.flatMap((loss) => POLICIES.map((onCrash) => [loss, onCrash]))) {
      it(`E1 (RB1, RB2, RB4) a claim and ${loss}: it is sent again and recognised, fn runs once (${onCrash})`, async (t) => {
        const { c, proxy, client } = await behindProxy(t, { executor, defaults: { onCrash } });
        const fault = proxy.fault(loss, { on: isClaim });
        const [seen, tookMs] = await elapsed(() =>
          client.withIdempotency(key, async (ctx) => {
            c.effect(ctx);
            const { fence, attempt } = await c.record();
            assert.deepEqual([fence, attempt], [ctx.fence, 1]);
            return [ctx.attempt, ctx.recovered];
          }),
        );
        assert.equal(fault.hits, 1);
        assert.deepEqual(seen, [1, false]);
        assert.ok(tookMs < 1_000, `${tookMs} ms`);
        assert.equal(c.ledger.count(key), 1);
        assert.ok(proxy.accepted <= 3, 'one for the call, one in its place, one of the keeper');
        assert.deepEqual(client.told, ['claimed', 'completed']);
      });

      it(`E2 (RB7) a completion and ${loss}: the caller gets its value, recorded once (${onCrash})`, async (t) => {
        const defaults = { onCrash };
        const { c, proxy, client } = await behindProxy(t, { executor, commandTimeoutMs: 200, defaults });
        const fault = proxy.fault(loss, { on: isCompletion });
        assert.deepEqual(await client.withIdempotency(key, c.effect), { by: 1 });
        assert.equal(fault.hits, 1);
        assert.deepEqual(await c.client().withIdempotency(key, c.effect), { by: 1 });
        assert.equal(c.ledger.count(key), 1);
        assert.deepEqual(client.told, ['claimed', 'completed']);
      });
    }

    it('E1 the reply to a claim of a released key is lost: the attempt is counted once', async (t) => {
      const { c, proxy, client } = await behindProxy(t, { executor });
      const failing = () => Promise.reject(new Error('no'));
      await assert.rejects(client.withIdempotency(key, failing), /no/);
      // On a released key the plain SET only reads; the script after it claims.
      const fault = proxy.fault('swallow-reply-and-close', {
        on: isClaimScript,
      });
      assert.deepEqual(await client.withIdempotency(key, c.effect), { by: 2 });
      assert.equal(fault.hits, 1);
      assert.equal((await c.record()).attempt, 2);
    });

    for (const onError of ['release', 'record', 'hold']) {
      it(`E2 the reply to an ending by ${onError} is lost: it is recognised when it comes again`, async (t) => {
        const { c, proxy, client } = await behindProxy(t, { executor });
        const state = { release: 'R', record: 'F', hold: 'I' }[onError];
        const fault = proxy.fault('swallow-reply-and-close', {
          on: (args) => args[0] === 'EVALSHA' && args[5] === state,
        });
        const failing = () => Promise.reject(new Error('declined'));
        await assert.rejects(client.withIdempotency(key, failing, { onError }), /declined/);
        assert.equal(fault.hits, 1);
        assert.equal((await c.record()).state, state);
        assert.deepEqual(client.told, ['claimed', { release: 'released', record: 'completed', hold: 'held' }[onError]]);
      });
    }

    it('E1 several calls on one connection: each gets its own answer when the first reply is lost', async (t) => {
      const { c, proxy, client } = await behindProxy(t, { executor });
      await client.withIdempotency('warm', () => 1);
      proxy.fault('cut', { on: isClaim, bytes: 1 });
      const keys = Array.from({ length: 50 }, (_, at) => `order-${at}`);
      const values = await Promise.all(
        keys.map((each) => client.withIdempotency(each, (ctx) => c.effect(ctx) && each)),
      );
      assert.deepEqual(values, keys);
      for (const each of keys) assert.equal(c.ledger.count(each), 1);
    });

    for (const [what, on, prepare] of [
      ['a claim', isClaim, () => {}],
      ['a claim of a completed key', isClaim, (client) => client.withIdempotency(key, () => 'earlier')],
      ['a completion', isCompletion, () => {}],
    ]) {
      it(`RB11 the reply to ${what}, cut after each of its bytes, or with a byte too many, is never taken for another`, async (t) => {
        const measure = await behindProxy(t, { executor });
        await prepare(measure.c.client());
        const expected = await measure.client.withIdempotency(key, () => 'now');
        // Longer than any of these replies: once the whole reply is through, the connection's end harms nothing.
        const lengths = Array.from({ length: what === 'a claim of a completed key' ? 90 : 12 }, (_, bytes) => bytes);
        const one = async (kind, bytes) => {
          const { c, proxy, client } = await behindProxy(t, { executor });
          await prepare(c.client());
          const fault = proxy.fault(kind, { on, bytes });
          const calls = [client.withIdempotency(key, () => 'now'), client.withIdempotency('other', () => 'other')];
          assert.deepEqual(await Promise.all(calls), [expected, 'other'], `${kind} ${bytes}`);
          assert.equal(fault.hits, 1);
          await client.close();
          await proxy.close();
        };
        const work = [...lengths.map((bytes) => ['cut', bytes]), ['garbage', 0]];
        const next = async () => {
          for (let step = work.pop(); step; step = work.pop()) await one(...step);
        };
        await Promise.all([next(), next(), next(), next()]);
      });
    }
  });

  describe(`E. scripts, foreign values, results that cannot be kept · redis×${executor}`, { timeout: 60_000 }, () => {
    it('E13 with a latency of 200 ms: two round trips for a fresh call, one for a replay', async (t) => {
      const { proxy, client, c } = await behindProxy(t, { executor, defaults: { leaseMs: 30_000 } });
      await client.withIdempotency('warm', () => 1);
      const monitor = await startMonitor(redis);
      t.after(() => monitor.stop());
      const sent = async () => {
        const commands = await monitor.commands();
        return commands.filter(({ from, args }) => from !== 'lua' && args.join().includes(c.prefix)).length;
      };
      proxy.mode('delay', { ms: 200 });
      const [, freshMs] = await elapsed(() => client.withIdempotency(key, c.effect));
      assert.equal(await sent(), 2);
      assert.ok(freshMs >= 395 && freshMs < 600, `fresh: ${freshMs} ms`);
      const [, replayMs] = await elapsed(() => client.withIdempotency(key, c.effect));
      assert.equal(await sent(), 3);
      assert.ok(replayMs >= 195 && replayMs < 400, `replay: ${replayMs} ms`);
      assert.equal(c.ledger.count(key), 1);
    });

    it('a thread that is busy right after a call does not take its own lateness for a silent server', async (t) => {
      const c = new Contenders(t, redis, { executor, commandTimeoutMs: 50 });
      const client = c.client();
      await client.withIdempotency('warm', () => 1);
      const connections = async () => (await redis.send('CLIENT', 'LIST')).match(/^id=\d+(?=.* name=actonce )/gm);
      const before = await connections();
      const busy = (ms) => {
        const end = performance.now() + ms;
        while (performance.now() < end);
      };
      const call = client.withIdempotency(key, async (ctx) => {
        setImmediate(busy, 200); // before the completion is written
        return c.effect(ctx);
      });
      busy(200); // before the claim is written
      assert.deepEqual(await call, { by: 1 });
      const after = await connections();
      // The keeper may have made its own.
      for (const connection of before) assert.ok(after.includes(connection), `${connection} is not among ${after}`);
    });

    for (const onCrash of POLICIES) {
      it(`E11 (RC7) SCRIPT FLUSH before a claim, a renewal, an ending: nobody notices (${onCrash})`, async (t) => {
        const c = new Contenders(t, redis, { executor, defaults: { onCrash } });
        const client = c.client();
        const flushed = async () => {
          assert.equal(await redis.send('SCRIPT', 'FLUSH'), 'OK');
        };
        const failing = () => Promise.reject(new Error('no'));
        await assert.rejects(client.withIdempotency(key, failing, { onError: 'release' }), /no/);
        await flushed();
        const renewed = await client.withIdempotency(key, async (ctx) => {
          await flushed();
          await c.renewed();
          ctx.assertHeld();
          await flushed();
          return ctx.attempt;
        });
        assert.equal(renewed, 2);
        await flushed();
        assert.equal(await client.reset({ key }), 'reset');
        assert.deepEqual(client.told, ['claimed', 'released', 'claimed', 'completed']);
      });
    }

    const plantings = {
      'E12 a list': (name) => ['RPUSH', name, 'theirs'],
      'RC9 a foreign text': (name) => ['SET', name, 'theirs'],
      'RC9 a foreign text that goes away': (name) => ['SET', name, '{"status":"COMPLETED"}', 'PX', HOUR_MS],
      'RC10 a record of a later version': (name, text) => ['SET', name, `2${text.slice(1)}`, 'PX', HOUR_MS],
      'RC10 a truncated record': (name, text) => ['SET', name, text.slice(0, 50), 'PX', HOUR_MS],
      'RC10 an empty text': (name) => ['SET', name, '', 'PX', HOUR_MS],
      'RC10 a record in progress that never ends': (name, text) => ['SET', name, text],
    };
    for (const [what, plant] of Object.entries(plantings)) {
      it(`${what} at the key: a typed error that names the key, fn does not run, and it stays as it was`, async (t) => {
        const c = new Contenders(t, redis, { executor });
        const client = c.client();
        let planted;
        // In fn, so that there is a record in progress to spoil; its own ending is refused like everything else.
        const first = await client
          .withIdempotency(key, async () => {
            const { name, text } = await c.record();
            await redis.send('DEL', name);
            await redis.send(...plant(name, text.replace(/.{16}(?=-{22})/, '0123456789abcdef')));
            planted = { name, dump: await redis.send('DUMP', name) };
            return 'first';
          })
          .catch((error) => error);
        const hash = planted.name.split(/[{}]/)[1];
        if (!what.includes('never ends')) assert.equal(first, 'first');
        const error = await client.withIdempotency(key, c.effect).catch((caught) => caught);
        assert.deepEqual([error.code, error.hash, error.retryable], ['ERR_RECORD_UNREADABLE', hash, false]);
        const unreadable = { code: 'ERR_RECORD_UNREADABLE', hash };
        await assert.rejects(client.reset({ key }), unreadable);
        await assert.rejects(client.resolve({ key }, { rerun: true }), unreadable);
        await assert.rejects(client.inspect({ key }), unreadable);
        assert.equal(c.ledger.count(key), 0);
        assert.deepEqual(await redis.send('DUMP', planted.name), planted.dump);
      });
    }

    for (const [what, make, reason] of [
      ['a function', () => ({ total: 5, later: () => 1 }), 'unencodable'],
      ['a stream (RF12)', () => ({ total: 5, later: new ReadableStream() }), 'unencodable'],
      ['a value above maxResultBytes', () => 'x'.repeat(1_001), 'too-large'],
    ]) {
      it(`E5 a result that is ${what}: the caller gets it, replays are refused, and fn does not run again`, async (t) => {
        const c = new Contenders(t, redis, { executor, defaults: { maxResultBytes: 1_000 } });
        const client = c.client();
        const value = make();
        const first = await client.withIdempotency(key, (ctx) => c.effect(ctx) && value).catch((error) => error);
        // In development an unencodable result is an error after recording; in production the value.
        if (reason === 'too-large') assert.equal(first, value);
        else assert.deepEqual([first.code, first.path], ['ERR_RESULT_UNAVAILABLE', 'later']);
        for (const again of [client, c.client()]) {
          const error = await again.withIdempotency(key, c.effect).catch((caught) => caught);
          assert.deepEqual([error.code, error.reason], ['ERR_RESULT_UNAVAILABLE', reason]);
        }
        assert.equal(c.ledger.count(key), 1);
        assert.equal((await c.record()).state, 'C');
        assert.equal(client.told.filter((type) => type === 'result-unrecorded').length, 1);
      });
    }
  });
}
