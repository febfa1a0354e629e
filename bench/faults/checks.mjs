// Rows of the fault matrix, as far as they can be asked of any library: what happens to a key when something breaks at a
// given moment. Each check gets a Redis and a proxy before it of its own.
import { setTimeout as pause } from 'node:timers/promises';
import { counted, runs, told } from '../judge.mjs';
import { LEASE_MS } from '../judged-libraries.mjs';

const KEY = 'order-1';
const isClaim = (args) => args.includes('NX');
const WRITES = new Set(['SET', 'SETEX', 'PSETEX', 'HSET', 'EVAL', 'EVALSHA']);
const isCompletion = (args) => WRITES.has(args[0].toUpperCase()) && !isClaim(args);

/** What the library keeps for the key, found by what is new since `before`. */
async function recordsSince(redis, before) {
  const names = await redis.send('KEYS', '*');
  return names.filter((name) => !before.includes(name));
}

/** One finished run; then what was recorded is changed by `damage`, and a retry comes. */
async function damaged({ library, second, redis }, damage) {
  const before = await redis.send('KEYS', '*');
  const fn = counted(async () => ({ order: 7 }));
  await told(library.once(KEY, fn));
  for (const name of await recordsSince(redis, before)) {
    const type = await redis.send('TYPE', name);
    if (type === 'string') await damage(name, await redis.send('GET', name));
  }
  const retry = await told(second.once(KEY, fn));
  const saw = `${runs(fn)}, a retry ${retry.text}`;
  return { right: fn.count === 1 && retry.error !== undefined, saw };
}

async function withFault({ library, second, proxy }, kind, on) {
  const fault = proxy.fault(kind, { on });
  const fn = counted(async () => 'A');
  const startedAt = performance.now();
  const first = await told(library.once(KEY, fn));
  const tookMs = Math.round(performance.now() - startedAt);
  if (fault.hits === 0) return { saw: 'it never sends that command' };
  const retry = await told(second.once(KEY, fn));
  const saw = `${runs(fn)}, the caller ${first.text} after ${tookMs} ms, a retry ${retry.text}`;
  return { right: fn.count === 1 && first.value === 'A' && retry.value === 'A', saw };
}

export const CHECKS = {
  async 'RA2: four clients, 50 calls each at once'({ open }) {
    const clients = await Promise.all([3, 4, 5, 6].map((index) => open(index)));
    const fn = counted(() => pause(300, 'A'));
    const calls = clients.flatMap(({ once }) => Array.from({ length: 50 }, () => told(once(KEY, fn))));
    const values = await Promise.all(calls);
    const got = values.filter(({ value }) => value === 'A').length;
    const others = [...new Set(values.filter(({ value }) => value !== 'A').map(({ text }) => text))];
    await Promise.allSettled(clients.map((client) => client.close()));
    const rest = others.length === 0 ? '' : `, others: ${others.join(', ')}`;
    return { right: fn.count === 1 && got === 200, saw: `${runs(fn)}, ${got} of 200 get A${rest}` };
  },

  async 'RA4: the thread of the owner is busy for three leases'({ library, startOwner }) {
    const owner = await startOwner(KEY);
    owner.tell(3 * LEASE_MS);
    await pause(1.5 * LEASE_MS);
    const fn = counted(async () => 'B');
    const rival = await told(library.once(KEY, fn));
    return {
      right: fn.count === 0,
      saw: `${fn.count === 0 ? 'no second run' : 'a second run beside it'}, a rival ${rival.text}`,
    };
  },

  async 'RA18: a frozen owner thaws and fails while its successor runs; a third call comes'({
    library,
    second,
    startOwner,
  }) {
    const owner = await startOwner(KEY);
    owner.freeze();
    await pause(1.5 * LEASE_MS);
    let finish;
    const successor = counted(() => new Promise((resolve) => (finish = () => resolve('B'))));
    const second1 = told(library.once(KEY, successor));
    await pause(200);
    if (successor.count === 0)
      return {
        saw: `the successor does not run: it ${(await Promise.race([second1, pause(50, { text: 'waits' })])).text}`,
      };
    owner.thaw();
    owner.tell('throw');
    await Promise.race([owner.ended, pause(1_000)]);
    const third = counted(async () => 'C');
    const call = told(second.once(KEY, third));
    await pause(300);
    const beside = third.count;
    finish();
    await Promise.all([second1, Promise.race([call, pause(3_000)])]);
    return {
      right: beside === 0,
      saw: beside === 0 ? 'the third does not run beside the successor' : 'the third runs beside the successor',
    };
  },

  'RB2: the reply to the claim is lost with the connection': (place) =>
    withFault(place, 'swallow-reply-and-close', isClaim),

  'RB4: the claim is applied, then the link is silent': (place) => withFault(place, 'black-hole', isClaim),

  'RB7: the reply to the completion is lost with the connection': (place) =>
    withFault(place, 'swallow-reply-and-close', isCompletion),

  async 'RB12: the server stalls for 400 ms in the middle of `fn`'({ library, second, redis }) {
    const fn = counted(async () => {
      await redis.send('CLIENT', 'PAUSE', 400, 'ALL');
      return 'A';
    });
    const first = await told(library.once(KEY, fn));
    const retry = await told(second.once(KEY, fn));
    return {
      right: fn.count === 1 && first.value === 'A' && retry.value === 'A',
      saw: `${runs(fn)}, the caller ${first.text}, a retry ${retry.text}`,
    };
  },

  async 'RC2: the server forgets everything during `fn`; another runs; the first ends'({ library, startOwner, redis }) {
    const owner = await startOwner(KEY);
    await redis.send('FLUSHALL');
    const successor = await told(library.once(KEY, async () => 'B'));
    owner.tell('go');
    await Promise.race([owner.ended, pause(2_000)]);
    const retry = await told(library.once(KEY, async () => 'C'));
    return {
      right: successor.value === 'B' && retry.value === 'B',
      saw: `the successor ${successor.text}, a retry ${retry.text}`,
    };
  },

  async 'RC6: the server is full when `fn` ends; a retry comes while it is'({ library, second, redis }) {
    const fn = counted(async () => {
      await redis.send('CONFIG', 'SET', 'maxmemory', 1);
      return 'A';
    });
    const first = await told(library.once(KEY, fn));
    const retry = told(second.once(KEY, fn));
    await pause(300);
    await redis.send('CONFIG', 'SET', 'maxmemory', 0);
    await pause(2 * LEASE_MS);
    const later = await told(second.once(KEY, fn));
    await Promise.race([retry, pause(1_000)]);
    return {
      right: fn.count === 1 && first.value === 'A' && later.value === 'A',
      saw: `${runs(fn)}, the caller ${first.text}, later a retry ${later.text}`,
    };
  },

  'RC9: what is recorded was overwritten by somebody else': (place) =>
    damaged(place, (name) => place.redis.send('SET', name, 'not ours', 'KEEPTTL')),

  'RC10: what is recorded was cut in half': (place) =>
    damaged(place, (name, value) => place.redis.send('SET', name, value.slice(0, value.length / 2), 'KEEPTTL')),
};
