/**
 * The outcomes this process has seen lately, so that a burst of replays costs no round trip. Holds encoded text, never
 * a value: every replay decodes its own copy. Decides nothing about payloads: what it cannot answer, the store does.
 */
import { ChurnMap } from './churn-map';
import type { CacheLimits } from './client-options';

interface Entry {
  /** The payload the store compared when this came from it; null when the call gave none. */
  readonly payload: string | null;
  readonly text: string;
  readonly attempt: number;
  readonly bytes: number;
  readonly expiresAt: number;
}

/** A cached outcome, as it is recorded. */
export interface Cached {
  readonly text: string;
  readonly attempt: number;
}

export class OutcomeCache {
  readonly #limits: CacheLimits;
  readonly #now: () => number;
  /** In order of use: the order of insertion is kept, and every hit inserts anew. */
  readonly #entries = new ChurnMap<string, Entry>();
  #bytes = 0;

  constructor(limits: CacheLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  get(identity: string, payload: string | null): Cached | undefined {
    const entry = this.#entries.get(identity);
    if (entry === undefined) return undefined;
    if (this.#now() >= entry.expiresAt) {
      this.delete(identity);
      return undefined;
    }
    if (payload !== null && payload !== entry.payload) return undefined;
    this.#entries.delete(identity);
    this.#entries.set(identity, entry);
    return entry;
  }

  /** @param lifeMs how long the record itself is sure to live */
  put(identity: string, payload: string | null, outcome: Cached, lifeMs: number): void {
    const bytes = Buffer.byteLength(outcome.text);
    this.delete(identity);
    if (bytes > this.#limits.maxBytes) return;
    const expiresAt = this.#now() + Math.min(this.#limits.maxAgeMs, lifeMs);
    this.#entries.set(identity, { payload, text: outcome.text, attempt: outcome.attempt, bytes, expiresAt });
    this.#bytes += bytes;
    while (this.#entries.size > this.#limits.maxEntries || this.#bytes > this.#limits.maxBytes) {
      this.#bytes -= this.#entries.shift()?.bytes ?? 0;
    }
  }

  delete(identity: string): void {
    const entry = this.#entries.get(identity);
    if (entry === undefined) return;
    this.#entries.delete(identity);
    this.#bytes -= entry.bytes;
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }
}
