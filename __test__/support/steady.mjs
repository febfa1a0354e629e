// `it` for tests in which real time passes: leases of 600 ms run out when a busy machine stands still for that long, and
// no library can help it. A test that failed while this process was kept from running, or while the machine had more to do
// than it can (then it is another process that stood still), is tried again; one that fails in peace fails.
import os from 'node:os';
import { it as plain } from 'node:test';

/** Every wait in these tests leaves more than this. */
const STANDSTILL_MS = 100;
const TRIES = 4;

function watchStandstill() {
  let longestMs = 0;
  let last = performance.now();
  const look = () => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - last - 10);
    last = now;
  };
  // A test that was given up must not keep its process.
  const timer = setInterval(look, 10).unref();
  return () => {
    look();
    clearInterval(timer);
    return longestMs;
  };
}

function isOverloaded() {
  return os.loadavg()[0] > 1.5 * os.availableParallelism();
}

/** What `body` opens ends with the test, also that of an earlier try: contenders have a prefix of their own each time. */
export function it(title, ...rest) {
  const body = rest.pop();
  plain(title, ...rest, async (t) => {
    for (let attempt = 1; ; attempt += 1) {
      const stop = watchStandstill();
      try {
        await body(t);
        return stop();
      } catch (error) {
        const stoodMs = Math.round(stop());
        if (attempt === TRIES || (stoodMs < STANDSTILL_MS && !isOverloaded())) throw error;
        const load = os.loadavg()[0].toFixed(1);
        const [why] = String(error.message).split('\n', 1);
        t.diagnostic(`tried again: the machine stood still for ${stoodMs} ms, its load is ${load} (${why})`);
      }
    }
  });
}
