// Part 5 of the fault matrix as a matrix: each fault at each moment of a call, under both policies. What must hold is
// derived from what the fault is, not written down cell by cell: does the store keep what it acknowledged, does the
// holder live, is its lease over before it can go on. Effects are counted outside of the store.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Contenders, LEASE_MS, POLICIES } from '../support/contenders.mjs';
import { KEY, MOMENTS, StagedCall, within } from '../support/moments.mjs';
import { startRedis } from '../support/redis.mjs';
import { it } from '../support/steady.mjs';
import '../support/unhandled.mjs';

const executor = process.env.ACTONCE_EXECUTOR ?? 'loop';
const PERSISTENT = ['appendonly yes', 'appendfsync always'];

/**
 * `brief`   over before the lease is: nobody may notice
 * `deadly`  the holder is gone
 * `lasting` the holder is away for longer than its lease, and comes back
 * `losing`  the store forgets what it acknowledged
 */
const FAULTS = {
  'RA5, RA6, RA7, RA8 kill -9': { kind: 'deadly', strike: ({ staged }) => staged.worker.kill() },
  'RA9, RA10, RA11, RA12 SIGSTOP for longer than the lease': {
    kind: 'lasting',
    strike: ({ staged }) => staged.worker.freeze(),
    heal: ({ staged }) => staged.worker.thaw(),
  },
  'RB6, RB8 a black hole for longer than the lease': {
    kind: 'lasting',
    strike: ({ staged }) => staged.proxy.mode('black-hole'),
    heal: ({ staged }) => staged.proxy.mode('pass'),
  },
  'RB6, RB8 a link that carries requests and no replies, for longer than the lease': {
    // Renewals go through: the holder keeps the key although it cannot know, and nobody runs beside it.
    kind: 'deaf',
    strike: ({ staged }) => staged.proxy.mode('drop-replies'),
    heal: ({ staged }) => staged.proxy.mode('pass'),
  },
  'RB2, RB4, RB7 every connection is cut': { kind: 'brief', strike: ({ staged }) => staged.proxy.cut() },
  'RB2, RB7 CLIENT KILL': {
    kind: 'brief',
    strike: ({ redis }) => redis.send('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'),
  },
  'RB12 CLIENT PAUSE for 400 ms': { kind: 'brief', strike: ({ redis }) => redis.send('CLIENT', 'PAUSE', 400, 'ALL') },
  'RC1 the server is killed and starts again with its AOF': {
    kind: 'brief',
    leaseMs: 3_000,
    config: PERSISTENT,
    strike: ({ redis }) => redis.restart('SIGKILL'),
  },
  'RC2, RC3 the server is killed and starts again with nothing': {
    kind: 'losing',
    strike: ({ redis }) => redis.restart('SIGKILL'),
  },
  'RC2, RC3 FLUSHALL': { kind: 'losing', strike: ({ redis }) => redis.send('FLUSHALL') },
  'RC7 SCRIPT FLUSH': { kind: 'brief', strike: ({ redis }) => redis.send('SCRIPT', 'FLUSH') },
  'RC6 the server is full': {
    kind: 'brief',
    strike: ({ redis }) => redis.send('CONFIG', 'SET', 'maxmemory', 1),
    heal: ({ redis }) => redis.send('CONFIG', 'SET', 'maxmemory', 0),
  },
};

/** How often the effect may happen, at least and at most, and what every later caller is told: `A`, `B`, or nobody knows. */
function expected({ kind }, { ran, recorded }, at, onCrash) {
  const hold = onCrash === 'hold';
  if (kind === 'losing') {
    // A claim that was lost with its reply may be made again, in time to keep the other waiting.
    return at === 0 ? { effects: [1, 2], told: ['A', 'B'] } : { effects: [2, 2], told: ['B'] };
  }
  if (kind === 'brief' || recorded) return { effects: [1, 1], told: ['A'] };
  if (kind === 'deadly')
    return hold ? { effects: [ran, ran], told: ['?'] } : { effects: [ran + 1, ran + 1], told: ['B'] };
  if (kind === 'deaf' && at > 0) return hold ? { effects: [1, 1], told: ['A'] } : { effects: [1, 2], told: ['A', 'B'] };
  if (at > 0) return hold ? { effects: [1, 1], told: ['A'] } : { effects: [2, 2], told: ['B'] };
  // Its fn had not begun: it hears what became of the key, or that it came too late, and withdraws.
  return hold ? { effects: [0, 1], told: ['?', 'A', 'C'] } : { effects: [1, 1], told: ['A', 'B', 'C'] };
}

/** A call of another process, as far as it matters: its value, or `?`, or the code. */
const ask = (c, client, value) =>
  client
    .withIdempotency(KEY, (ctx) => c.effect(ctx) && value)
    .catch(({ code, message }) => (code === 'ERR_INDETERMINATE' ? '?' : (code ?? message)));

/** The fault strikes A at the moment; B comes; A goes on if it lives; two more ask in the end. */
async function play(t, fault, moment, onCrash) {
  const redis = await startRedis({ config: fault.config });
  t.after(() => redis.stop());
  const defaults = { onCrash, leaseMs: fault.leaseMs ?? LEASE_MS };
  const c = new Contenders(t, redis, { executor, defaults });
  const proxy = await c.proxy();
  const worker = await c.worker({ url: proxy.url });
  const staged = new StagedCall({ worker, proxy });
  await staged.reach(moment);
  await fault.strike({ redis, staged });
  const rival = ask(c, c.client(), 'B');
  // Who is away goes on when the other has run; who is not, while the other waits for it.
  if (fault.kind === 'lasting') await rival;
  else if (fault.kind === 'losing') await within(rival, LEASE_MS / 2);
  else if (fault.kind === 'deaf') await within(rival, 2 * LEASE_MS);
  if (fault.kind === 'lasting' || fault.kind === 'deaf') await fault.heal({ redis, staged });
  if (fault.kind !== 'deadly') staged.goOn();
  const own = await staged.end();
  if (fault.kind === 'brief') await fault.heal?.({ redis, staged });
  const answers = [await rival];
  await pause(1);
  for (const _ of [1, 2]) answers.push(await ask(c, c.client(), 'C'));
  const events = fault.kind === 'deadly' ? [] : (await worker.events()).map(({ type }) => type);
  return { own, events, answers, effects: c.ledger.entries(KEY) };
}

for (const [what, fault] of Object.entries(FAULTS)) {
  describe(`${what} · redis×${executor}`, { concurrency: 4, timeout: 120_000 }, () => {
    for (const [at, moment] of MOMENTS.entries()) {
      for (const onCrash of POLICIES) {
        it(`${what.replace(/^(R\w+,? )+/, '')} when ${moment.name} (${onCrash})`, async (t) => {
          const { own, events, answers, effects } = await play(t, fault, moment, onCrash);
          const told = JSON.stringify({ own, events, answers, effects });
          const {
            effects: [least, most],
            told: right,
          } = expected(fault, moment, at, onCrash);
          assert.equal(own.gone === true, fault.kind === 'deadly' && !moment.isOver, `A is answered: ${told}`);
          assert.ok(effects.length >= least && effects.length <= most, `${least} to ${most} effects: ${told}`);
          const [, ...later] = answers;
          assert.ok(right.includes(later[0]), `${right} is the end of it: ${told}`);
          assert.equal(later[1], later[0], `the end of it does not change: ${told}`);
          assert.match(
            answers[0],
            fault.kind === 'brief' ? /^(A|ERR_STORE_FULL)$/ : /^([ABC?]|ERR_IN_PROGRESS)$/,
            told,
          );
          // What A was told and the store has confirmed is what all are told, unless the store forgot it.
          if (own.value && events.includes('completed') && fault.kind !== 'losing')
            assert.equal(later[0], own.value, told);
          const fences = effects.toSorted((a, b) => a.attempt - b.attempt).map(({ fence }) => fence);
          assert.equal(new Set(fences).size, fences.length, `one effect in a fence: ${told}`);
          if (fault.kind !== 'losing')
            assert.deepEqual(
              fences,
              fences.toSorted((a, b) => a - b),
              told,
            );
        });
      }
    }
  });
}
