// How long an event loop is blocked: the longest time between two of its turns.
import { performance } from 'node:perf_hooks';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** @returns ms, while `work` was under way */
export async function longestTurn(work) {
  await nextTurn();
  let longest = 0;
  let isOver = false;
  const watching = (async () => {
    for (let last = performance.now(); !isOver; ) {
      await nextTurn();
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }
  })();
  await work();
  isOver = true;
  await watching;
  return longest;
}
