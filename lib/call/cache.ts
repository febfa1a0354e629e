/**
 * The outcomes that this process has seen lately, so that a burst of replays costs no round trip. The cache holds
 * encoded text, so every replay gets a value of its own. It decides nothing about payloads: what it cannot answer, the
 * store does.
 *
 * The cache has two generations. Outcomes are put into the young one. When the young one reaches half of what is
 * allowed, it becomes the old one, and the previous old one is dropped. So `put` costs a single insertion: every fresh
 * call pays for it, and few calls are answered by the cache.
 */
import type { Cached, Recorded } from '../outcome/results';

export interface CacheLimits {
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

interface Entry extends Cached {
  /** The payload that the store compared when the outcome came from it; null when the call gave none. */
  readonly payload: string | null;
  readonly expiresAt: number;
}

/** Two clocks that part by more than this were not both running: the machine was suspended, or one was set. */
const SUSPEND_MS = 100;
/**
 * How often a replay looks at the second clock, which costs it one per cent. For this long after a suspend an older
 * outcome may still be answered.
 */
const LOOK_EVERY_MS = 50;

export class OutcomeCache {
  readonly #limits: CacheLimits;
  readonly #now: () => number;
  readonly #wallClock: () => number;
  /** How far the wall clock was ahead of the other. */
  #aheadMs: number;
  /** When to look at it again. */
  #lookAt = 0;
  #young = new Map<string, Entry>();
  #old = new Map<string, Entry>();
  /** The size of what was put into the young generation; an outcome that was put twice counts twice. */
  #bytes = 0;

  /**
   * @param now a clock that nobody sets, and that stands still while the machine is suspended
   * @param wallClock one that goes on meanwhile
   */
  constructor(limits: CacheLimits, now = () => performance.now(), wallClock = () => Date.now()) {
    this.#limits = limits;
    this.#now = now;
    this.#wallClock = wallClock;
    this.#aheadMs = wallClock() - now();
  }

  get(identity: string, payload: string | null): Cached | undefined {
    const entry = this.#young.get(identity) ?? this.#old.get(identity);
    if (entry === undefined) return undefined;
    const now = this.#now();
    if (now >= this.#lookAt && this.#wasSuspended(now)) {
      this.clear();
      return undefined;
    }
    if (now >= entry.expiresAt) {
      this.delete(identity);
      return undefined;
    }
    if (payload !== null && payload !== entry.payload) return undefined;
    return entry;
  }

  /** @param lifeMs how long the record itself is sure to live */
  put(identity: string, payload: string | null, { text, attempt, hasFailed }: Recorded, lifeMs: number): void {
    const { maxEntries, maxBytes, maxAgeMs } = this.#limits;
    const bytes = typeof text === 'string' ? Buffer.byteLength(text) : 1 + Buffer.byteLength(text.text);
    if (2 * bytes > maxBytes) {
      this.delete(identity);
      return;
    }
    const expiresAt = this.#now() + Math.min(maxAgeMs, lifeMs);
    if (2 * (this.#young.size + 1) > maxEntries || 2 * (this.#bytes + bytes) > maxBytes) this.#age();
    this.#young.set(identity, { payload, text, attempt, hasFailed, expiresAt, isRead: false, template: undefined });
    this.#bytes += bytes;
  }

  /** Since it was last asked. A wall clock that is set forward looks the same, and costs a few replays a round trip. */
  #wasSuspended(now: number): boolean {
    this.#lookAt = now + LOOK_EVERY_MS;
    let aheadMs = this.#wallClock() - now;
    // Once more: this process may have stood still between the two looks.
    if (aheadMs - this.#aheadMs > SUSPEND_MS) aheadMs = this.#wallClock() - this.#now();
    const gainedMs = aheadMs - this.#aheadMs;
    // What it gains slowly adds up.
    if (gainedMs < 0 || gainedMs > SUSPEND_MS) this.#aheadMs = aheadMs;
    return gainedMs > SUSPEND_MS;
  }

  #age(): void {
    if (this.#wasSuspended(this.#now())) this.clear();
    this.#old = this.#young;
    this.#young = new Map();
    this.#bytes = 0;
  }

  delete(identity: string): void {
    this.#young.delete(identity);
    this.#old.delete(identity);
  }

  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
    this.#bytes = 0;
  }
}
