/**
 * What actonce tells the operator outside errors and events: hints, each once per process however many copies of this
 * module it holds; faults in a user's hooks; and what an HTTP caller is not told.
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

/** A hook's exception never alters an outcome, and is not swallowed either. Never throws, whatever was thrown. */
export function reportHook(hook: string, error: unknown): void {
  process.emitWarning(`${hook} threw: ${textOf(error)}`, { type: 'ActonceWarning', ...detailOf(error) });
}

/** Of anything: an object without a prototype and a revoked proxy have no text. */
export function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return 'something that cannot be printed';
  }
}

function detailOf(thrown: unknown): { readonly detail?: string } {
  try {
    const stack: unknown = thrown instanceof Error ? thrown.stack : undefined;
    return typeof stack === 'string' ? { detail: stack } : {};
  } catch {
    return {};
  }
}

/** Tells the operator, each time, what the HTTP caller is not told: the message may name hosts and settings. */
export function reportResponse(route: string, status: number, error: Error): void {
  process.emitWarning(`the route '${route}' answered ${status}: ${error.message}`, { type: 'ActonceWarning' });
}

/** What a route answered, and no replay can. */
export function reportUnkept(route: string, fault: Error): void {
  const text = `the response of the route '${route}' cannot be kept: ${fault.message}; replays are refused`;
  process.emitWarning(text, { type: 'ActonceWarning', ...detailOf(fault.cause ?? fault) });
}

/** A server that throws records away makes second runs. */
export function reportEviction(policy: string): void {
  const what = `Redis may evict records (maxmemory-policy ${policy}), and a key whose record is gone runs again`;
  const advice = "Set maxmemory-policy noeviction; eviction: 'refuse' makes this an error";
  process.emitWarning(`${what}. ${advice}.`, { type: 'ActonceWarning' });
}

const TOLD_OF_CLIENTS = Symbol.for('actonce.told-of-clients');

/** Warns once, since code that makes a client per request makes many more of them. */
export function reportManyClients(count: number, url: string): void {
  const state = globalThis as { [TOLD_OF_CLIENTS]?: boolean };
  if (state[TOLD_OF_CLIENTS] === true) return;
  state[TOLD_OF_CLIENTS] = true;
  const what = `${count} clients of ${url} are open, each with a connection of its own`;
  const advice = 'Make one for the process and keep it, or close() those that are done';
  process.emitWarning(`${what}. ${advice}.`, { type: 'ActonceWarning' });
}

/**
 * A hook that has to answer at once may return a promise. Its answer has been refused by then, so nobody needs to know
 * how the promise ends.
 */
export function ignoreRejection(returned: unknown): void {
  Promise.resolve(returned).catch(() => {});
}

export function isDevelopment(): boolean {
  return process.env.NODE_ENV !== 'production';
}
