/**
 * What an action does to its response. A replay does not run `fn`, so a cookie set inside is missing from every
 * response but the first: in development that is said, and by name a cookie can be recorded and set again. Once `fn`
 * has run, nothing here fails the run: it is reported instead.
 */
import type { Outcome } from '../../index';
import { announceOnce, isDevelopment, reportHook } from '../announce';
import { ActonceError } from '../errors';
import { defaultCodec } from '../outcome/codec';
import { besideOf, Finished, type Success } from '../outcome/finished';
import { isForeignControlFlow, recordableControlFlow } from '../outcome/next-signals';
import { requestCookies, type SetCookie } from './request';

/** Next's own: preview cookies must never reach another browser. */
const NEVER = new Set(['__prerender_bypass', '__next_preview_data']);

/**
 * Cookies set since, told by identity: setting the same value again is setting it. Gives none where they cannot be had.
 */
async function watchCookies(action: string): Promise<() => Promise<SetCookie[]>> {
  const before = new Set((await requestCookies())?.getAll());
  return async () => {
    try {
      return ((await requestCookies())?.getAll() ?? []).filter((cookie) => !before.has(cookie));
    } catch (error) {
      reportHook(`reading the cookies that the action '${action}' set`, error);
      return [];
    }
  };
}

/** In development: runs `fn` and names the cookies it set that no replay will set. */
export async function warnOfEffects<T>(action: string, replayed: readonly string[], fn: () => Promise<T>): Promise<T> {
  if (!isDevelopment()) return fn();
  const changed = await watchCookies(action);
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
export async function recordCookies(
  action: string,
  names: readonly string[],
  fn: () => Promise<unknown>,
): Promise<Finished> {
  const changed = await watchCookies(action);
  const ending = await fn().then<Success, Success>(
    (value) => ({ kind: 'value', value }),
    (thrown) => {
      const flow = recordableControlFlow(thrown);
      if (flow === undefined) throw thrown;
      return { kind: 'flow', flow, thrown };
    },
  );
  const cookies = (await changed()).filter(({ name }) => names.includes(name) && !NEVER.has(name));
  return new Finished({ ...ending, beside: cookies.map((cookie) => ({ ...cookie })).filter(canBeRecorded) });
}

/** The same for a value that was found elsewhere: no cookies belong to it. */
export function withoutCookies(value: unknown): Finished {
  return new Finished({ kind: 'value', value, beside: [] });
}

function canBeRecorded(cookie: SetCookie): boolean {
  try {
    defaultCodec.encode(cookie);
    return true;
  } catch (error) {
    reportHook(`recording the cookie '${cookie.name}' of replayCookies`, error);
    return false;
  }
}

/** Sets what was recorded under a name that is still to be replayed. The first response has them already. */
export async function replayCookies(outcome: Outcome, names: readonly string[]): Promise<void> {
  if (outcome.status === 'executed') return;
  const cookies = cookiesOf(outcome).filter(({ name }) => names.includes(name));
  if (cookies.length === 0) return;
  try {
    const jar = await requestCookies();
    for (const cookie of cookies) jar?.set(cookie);
  } catch (error) {
    if (isForeignControlFlow(error)) throw error;
    reportHook('setting the cookies of replayCookies', error);
  }
}

function cookiesOf(outcome: Outcome): readonly SetCookie[] {
  const beside = besideOf(outcome);
  return Array.isArray(beside) ? beside : [];
}

/** How versions before this one recorded cookies: in the value itself, where what a user returns can look the same. */
const FORMER = 'actonce:cookies';

/** A record of those versions is not told from user data, so it is taken for neither. */
export function refusalOf(outcome: Outcome): ActonceError | undefined {
  if (outcome.kind !== 'value' || besideOf(outcome) !== undefined) return undefined;
  const { value } = outcome;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, FORMER)) return undefined;
  return new ActonceError('ERR_RECORD_UNREADABLE', { detail: 'an older version recorded cookies in it' });
}
