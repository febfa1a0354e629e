// Waits for a condition with a deadline, instead of sleeping for a guessed time.
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Asks `condition` again and again until it answers something truthy, and resolves to that.
 * An error thrown by it counts as "not yet" and is the `cause` when the time is over.
 */
export async function eventually(condition, { withinMs = 5_000, everyMs = 10, what = 'the condition' } = {}) {
  const deadline = performance.now() + withinMs;
  for (;;) {
    let cause;
    try {
      const value = await condition();
      if (value) return value;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) throw new Error(`${what} did not come true within ${withinMs} ms`, { cause });
    await pause(everyMs);
  }
}
