/**
 * What an action does to its response. A replay does not run `fn`, so a cookie set inside is missing from every
 * response but the first: in development that is said, and by name a cookie can be recorded and set again.
 */
import { announceOnce, isDevelopment } from '../announce';
import { type ControlFlow, recordableControlFlow, throwControlFlow } from '../outcome/next-signals';
import { requestCookies, type SetCookie } from './request';

const COOKIES = 'actonce:cookies';

/** What is recorded instead of the value when cookies are replayed. */
export interface WithCookies {
  readonly [COOKIES]: readonly SetCookie[];
  readonly value?: unknown;
  readonly flow?: ControlFlow;
}

/** A record outlives a deployment, which may have brought `replayCookies` or taken it away. */
export function isWithCookies(value: unknown): value is WithCookies {
  return typeof value === 'object' && value !== null && Array.isArray((value as WithCookies)[COOKIES]);
}

/** Next's own: preview cookies must never reach another browser. */
const NEVER = new Set(['__prerender_bypass', '__next_preview_data']);

/** Cookies set since, told by identity: setting the same value again is setting it. */
async function watchCookies(): Promise<() => Promise<SetCookie[]>> {
  const before = new Set((await requestCookies())?.getAll());
  return async () => ((await requestCookies())?.getAll() ?? []).filter((cookie) => !before.has(cookie));
}

/** In development: runs `fn` and names the cookies it set that no replay will set. */
export async function warnOfEffects<T>(action: string, replayed: readonly string[], fn: () => Promise<T>): Promise<T> {
  if (!isDevelopment()) return fn();
  const changed = await watchCookies();
  try {
    return await fn();
  } finally {
    for (const { name } of await changed()) {
      if (replayed.includes(name)) continue;
      announceOnce(
        `cookie ${action} ${name}`,
        `the action '${action}' sets the cookie '${name}' inside its function, which a replay does not run: the ` +
          "replay's response will not have it. Set it in onResponse, or list it in replayCookies. (Said once, in " +
          'development.)',
      );
    }
  }
}

/** Runs `fn` and keeps the named cookies it set beside its value or its redirect. */
export async function recordCookies(names: readonly string[], fn: () => Promise<unknown>): Promise<WithCookies> {
  const changed = await watchCookies();
  const ended = await fn().then(
    (value) => ({ value }),
    (thrown) => {
      const flow = recordableControlFlow(thrown);
      if (flow === undefined) throw thrown;
      return { flow };
    },
  );
  const cookies = (await changed()).filter(({ name }) => names.includes(name) && !NEVER.has(name));
  return { ...ended, [COOKIES]: cookies.map((cookie) => ({ ...cookie })) };
}

/** Sets what was recorded under a name that is still to be replayed. */
export async function replayCookies(value: unknown, names: readonly string[]): Promise<void> {
  const cookies = isWithCookies(value) ? value[COOKIES].filter(({ name }) => names.includes(name)) : [];
  if (cookies.length === 0) return;
  const jar = await requestCookies();
  for (const cookie of cookies) jar?.set(cookie);
}

/** @throws the redirect or page that was recorded with cookies */
export function valueWithin(value: unknown): unknown {
  if (!isWithCookies(value)) return value;
  return value.flow === undefined ? value.value : throwControlFlow(value.flow);
}
