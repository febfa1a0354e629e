/**
 * What a tab remembers: in sessionStorage, which survives a reload and an error boundary and is not shared with other
 * tabs; where that is not to be had (blocked, full, another environment), in memory.
 */
import { forgotten, type Intents, keyFor, NOTHING_SENT, seen } from './intents';

const PREFIX = 'actonce:';
const LIFETIME_MS = 23 * 3_600_000;
const memory = new Map<string, Intents>();

function load(id: string): Intents {
  try {
    const text = sessionStorage.getItem(PREFIX + id);
    const stored = text === null ? undefined : (JSON.parse(text) as Intents);
    if (Array.isArray(stored?.attempts) && Array.isArray(stored.used)) return stored;
  } catch {
    // Blocked, or not ours.
  }
  return memory.get(id) ?? NOTHING_SENT;
}

function save(id: string, intents: Intents): void {
  memory.set(id, intents);
  try {
    // Away with the old first: where there is no room for the new, the memory has to count.
    sessionStorage.removeItem(PREFIX + id);
    sessionStorage.setItem(PREFIX + id, JSON.stringify(intents));
  } catch {
    // The memory has it.
  }
}

/** `crypto.randomUUID` is missing where the page did not come over HTTPS. */
function randomKey(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** repeatAfterMs: within this time after its outcome was seen, the same thing sent again is a double click. */
export const INTENT_DEFAULTS = { repeatAfterMs: 2_000 } as const;

export function chooseKey(id: string, fingerprint: string, repeatAfterMs: number, suggested?: string): string {
  const rules = { repeatAfterMs, lifetimeMs: LIFETIME_MS, suggested, makeKey: randomKey };
  const { key, intents } = keyFor(load(id), fingerprint, Date.now(), rules);
  save(id, intents);
  return key;
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
