// What a library must do, one check a row. Each gets a Redis of its own and answers what it saw and whether that is right;
// `right` is undefined where the library never came to the point.

import { setTimeout as pause } from 'node:timers/promises';
import { inspect, isDeepStrictEqual } from 'node:util';
import { counted, runs, told } from '../judge.mjs';
import { LEASE_MS } from '../judged-libraries.mjs';

const KEY = 'order-1';

const isMismatch = ({ error }) => /REUSED|MISSMATCH|Validation/.test(`${error?.code} ${error?.name}`);

async function replayed(library, value) {
  const fn = counted(() => value());
  const first = await told(library.once(KEY, fn));
  const again = await told(library.once(KEY, fn));
  return { fn, first, again };
}

export const CHECKS = {
  async 'a duplicate in flight gets the result'({ library, second }) {
    const fn = counted(() => pause(300, 'A'));
    const first = told(library.once(KEY, fn));
    await pause(50);
    const duplicate = await told(second.once(KEY, fn));
    await first;
    return { right: fn.count === 1 && duplicate.value === 'A', saw: `${runs(fn)}, it ${duplicate.text}` };
  },

  async '`fn` takes three leases, a duplicate comes after one and a half'({ library, second }) {
    const fn = counted(() => pause(3 * LEASE_MS, 'A'));
    const first = told(library.once(KEY, fn));
    await pause(1.5 * LEASE_MS);
    const duplicate = await told(second.once(KEY, fn));
    await first;
    return { right: fn.count === 1, saw: `${runs(fn)}, it ${duplicate.text}` };
  },

  async 'the owner is killed; a retry comes after one and a half leases'({ library, startOwner }) {
    const owner = await startOwner(KEY);
    await owner.kill();
    await pause(1.5 * LEASE_MS);
    const retry = await told(library.once(KEY, async () => 'B'));
    return { right: retry.value === 'B', saw: `it ${retry.text}` };
  },

  async 'a frozen owner ends after its successor: what is replayed then'({ library, startOwner }) {
    const owner = await startOwner(KEY);
    owner.freeze();
    await pause(1.5 * LEASE_MS);
    const successor = await told(library.once(KEY, async () => 'B'));
    owner.thaw();
    owner.tell('go');
    await owner.ended;
    if (successor.value !== 'B') return { saw: `the successor ${successor.text}` };
    const { value, text } = await told(library.once(KEY, async () => 'C'));
    return { right: value === 'B', saw: `the successor's B, a retry ${text}` };
  },

  async 'the result is still there two leases later'({ library }) {
    const fn = counted(() => 'A');
    await library.once(KEY, fn);
    await pause(2 * LEASE_MS);
    const { value, text } = await told(library.once(KEY, fn));
    return { right: fn.count === 1 && value === 'A', saw: `${runs(fn)}, a retry ${text}` };
  },

  async '`fn` ends with `redirect()`'({ library }) {
    const digest = 'NEXT_REDIRECT;push;/orders/7;307;';
    const { fn, again } = await replayed(library, () => {
      throw Object.assign(new Error('NEXT_REDIRECT'), { digest });
    });
    const same = again.error?.digest === digest;
    return {
      right: fn.count === 1 && same,
      saw: `${runs(fn)}${same ? ', redirected again' : `, a retry ${again.text}`}`,
    };
  },

  async 'results `0`, `""`, `false`, `null`, `undefined`'({ library }) {
    const wrong = [];
    for (const value of [0, '', false, null, undefined]) {
      const fn = counted(() => value);
      const key = `falsy-${value}`;
      await told(library.once(key, fn));
      const again = await told(library.once(key, fn));
      if (fn.count !== 1 || again.error || !Object.is(again.value, value))
        wrong.push(`${inspect(value)} (${runs(fn)})`);
    }
    return { right: wrong.length === 0, saw: wrong.length === 0 ? 'all replayed' : `not: ${wrong.join(', ')}` };
  },

  async 'a result with `Date`, `Map`, `undefined`'({ library }) {
    const value = { at: new Date(0), lines: new Map([['tea', 1]]), note: undefined };
    const { fn, again } = await replayed(library, () => value);
    const same = isDeepStrictEqual(again.value, value);
    return { right: fn.count === 1 && same, saw: `${runs(fn)}, ${same ? 'equal' : `a retry ${again.text}`}` };
  },

  async 'a result with `BigInt`'({ library }) {
    const { fn, first, again } = await replayed(library, () => 5n);
    const right = fn.count === 1 && first.value === 5n && again.value === 5n;
    const say = (end) => (end.value === 5n ? 'gets it' : end.text);
    return { right, saw: `${runs(fn)}; the first ${say(first)}, a retry ${say(again)}` };
  },

  async 'a result that cannot be recorded (a function)'({ library }) {
    const { fn, first, again } = await replayed(library, () => ({ order: 7, undo() {} }));
    const firstHasIt = first.value?.order === 7;
    // A retry that silently gets less than the first caller is no better than a second run.
    const right = fn.count === 1 && firstHasIt && again.error !== undefined && !isMismatch(again);
    return { right, saw: `${runs(fn)}; the first ${firstHasIt ? 'gets it' : first.text}, a retry ${again.text}` };
  },

  async 'another payload while the first is in flight'({ library, second }) {
    let isOver = false;
    const first = told(library.once(KEY, () => pause(600, 'A'), { item: 'tea' })).then(() => {
      isOver = true;
    });
    await pause(50);
    const other = await told(second.once(KEY, async () => 'B', { item: 'milk' }));
    const when = isOver ? ', when the first has ended' : ' at once';
    await first;
    return { right: isMismatch(other), saw: `it ${other.text}${when}` };
  },

  async 'another payload afterwards'({ library }) {
    await library.once(KEY, async () => 'A', { item: 'tea' });
    const other = await told(library.once(KEY, async () => 'B', { item: 'milk' }));
    // Refusing everybody is no check: who sends the first payload again must be answered.
    const same = await told(library.once(KEY, async () => 'B', { item: 'tea' }));
    return { right: isMismatch(other) && same.value === 'A', saw: `it ${other.text}, the first payload ${same.text}` };
  },

  async 'the same payload, its fields in another order'({ library }) {
    await library.once(KEY, async () => 'A', { item: 'tea', count: 1 });
    const same = await told(library.once(KEY, async () => 'B', { count: 1, item: 'tea' }));
    return { right: same.value === 'A', saw: `it ${same.text}` };
  },

  async 'Redis is down before `fn`'({ library, redis }) {
    await redis.stop();
    const fn = counted(() => 'A');
    const call = await told(library.once(KEY, fn));
    return { right: fn.count === 0 && call.error !== undefined, saw: `${runs(fn)}, the caller: ${call.text}` };
  },

  async 'Redis goes down during `fn`: what its caller gets'({ library, redis }) {
    const call = await told(
      library.once(KEY, async () => {
        await redis.stop();
        return 'A';
      }),
    );
    return { right: call.value === 'A', saw: call.text };
  },
};
