/**
 * What is said to the operator outside errors and events: hints, once per process however many copies of this module
 * it holds, faults in the hooks a user gave us, and answers that say less than is known.
 */

const SAID = Symbol.for('actonce.announced');

/** Says `text` on stderr, the first time only. */
export function announceOnce(topic: string, text: string): void {
  const state = globalThis as { [SAID]?: Set<string> };
  state[SAID] ??= new Set();
  if (state[SAID].has(topic)) return;
  state[SAID].add(topic);
  process.stderr.write(`actonce: ${text}\n`);
}

/** A hook's exception never alters an outcome, and is not swallowed either. */
export function reportHook(hook: string, error: unknown): void {
  const detail = error instanceof Error ? error.stack : undefined;
  process.emitWarning(`${hook} threw: ${String(error)}`, { type: 'ActonceWarning', ...(detail ? { detail } : {}) });
}

/** What a caller over HTTP is not told, since it may name hosts and settings: the operator is, each time. */
export function reportResponse(route: string, status: number, error: Error): void {
  process.emitWarning(`the route '${route}' answered ${status}: ${error.message}`, { type: 'ActonceWarning' });
}

/** A server that throws records away makes second runs. */
export function reportEviction(policy: string): void {
  const what = `Redis may evict records (maxmemory-policy ${policy}), and a key whose record is gone runs again`;
  const advice = "Set maxmemory-policy noeviction; eviction: 'refuse' makes this an error";
  process.emitWarning(`${what}. ${advice}.`, { type: 'ActonceWarning' });
}

/** For what a hook returned that had to answer at once: it was refused, and how a promise of it ends is nobody's matter. */
export function ignoreRejection(returned: unknown): void {
  Promise.resolve(returned).catch(() => {});
}

export function isDevelopment(): boolean {
  return process.env.NODE_ENV !== 'production';
}
