/**
 * What a tab remembers: in sessionStorage, which survives a reload and an error boundary and is not shared with other
 * tabs; where that is not to be had (blocked, full, another environment), in memory, until the page is left.
 */

import { type Fingerprints, isOfThisForm } from './fingerprint';
import { type Attempt, forgotten, type Intents, isSent, keyFor, MOST, NOTHING_SENT, seen, sent } from './intents';
import { tabIsFull } from './problem';

const PREFIX = 'actonce:';
const LIFETIME_MS = 23 * 3_600_000;
/** What could not be stored. What was stored before stays there, and is what a reload finds. */
const memory = new Map<string, Intents>();

function load(id: string): Intents {
  const unstored = memory.get(id);
  if (unstored !== undefined) return unstored;
  try {
    const text = sessionStorage.getItem(PREFIX + id);
    const stored = text === null ? undefined : (JSON.parse(text) as Intents);
    if (Array.isArray(stored?.attempts) && Array.isArray(stored.used)) return stored;
  } catch {
    // Blocked, or not ours.
  }
  return NOTHING_SENT;
}

function save(id: string, intents: Intents): void {
  try {
    sessionStorage.setItem(PREFIX + id, JSON.stringify(intents));
    memory.delete(id);
  } catch {
    memory.set(id, intents);
  }
}

/** `crypto.randomUUID` is missing where the page did not come over HTTPS. */
export function randomKey(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** repeatAfterMs: within this time after its outcome was seen, the same thing sent again is a double click. */
export const INTENT_DEFAULTS = { repeatAfterMs: 2_000 } as const;

/** @throws Error `ERR_TAB_FULL` */
export function chooseKey(id: string, given: Fingerprints, repeatAfterMs: number, suggested?: string): string {
  const rules = { repeatAfterMs, lifetimeMs: LIFETIME_MS, suggested, makeKey: randomKey };
  const isSame = ({ fingerprint }: Attempt) =>
    fingerprint === given.fingerprint || (!isOfThisForm(fingerprint) && fingerprint === given.former());
  const { key, intents, fullForMs } = keyFor(load(id), given.fingerprint, Date.now(), rules, isSame);
  if (fullForMs !== undefined) throw tabIsFull(id, MOST, fullForMs);
  save(id, intents);
  return key;
}

/** @returns whether it was sent before */
export function noteSent(id: string, key: string, fingerprint: string): boolean {
  const intents = load(id);
  save(id, sent(intents, key, fingerprint, Date.now()));
  return isSent(intents, key);
}

export function outcomeSeen(id: string, key: string): void {
  save(id, seen(load(id), key, Date.now()));
}

export function forget(id: string, key: string): void {
  save(id, forgotten(load(id), key));
}

/** Whatever is sent next is a new intent. */
export function forgetAll(id: string): void {
  save(id, { ...load(id), attempts: [] });
}
