/**
 * What an action does to its response. A replay does not run `fn`, so a cookie set inside is missing from every
 * response but the first: in development that is said, and by name a cookie can be recorded and set again.
 */
import { announceOnce, isDevelopment } from '../announce';
import { type ControlFlow, recordableControlFlow, throwControlFlow } from '../control-flow';
import { requestCookies, type SetCookie } from './request';

/** What is recorded instead of the value when cookies are replayed. */
export interface WithCookies {
  readonly cookies: readonly SetCookie[];
  readonly value?: unknown;
  readonly flow?: ControlFlow;
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
  return { ...ended, cookies: cookies.map((cookie) => ({ ...cookie })) };
}

/** Sets what was recorded, which on the first response only sets it once more. */
export async function replayCookies({ cookies }: WithCookies): Promise<void> {
  if (cookies.length === 0) return;
  const jar = await requestCookies();
  for (const cookie of cookies) jar?.set(cookie);
}

export function valueWithin({ value, flow }: WithCookies): unknown {
  return flow === undefined ? value : throwControlFlow(flow);
}
