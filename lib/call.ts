/**
 * One caller: what it asked for, and how it waits for its turn. What the turn is, flights decide.
 */
import type { IdempotencyContext, IdempotencyEvent, IdempotencyOptions } from '../index';
import type { Answer, Claim } from './binding';
import type { Client } from './client';
import type { ContextSource } from './context';
import type { Particulars } from './events';
import type { Flight } from './flights';
import { operationOf } from './identity';
import type { Lease } from './lease';
import type { Settings } from './options';

/** What a run in this process shares with those who joined it: the recorded text, or the thrown value itself. */
export type Shared =
  | { readonly text: string; readonly attempt: number }
  | { readonly thrown: unknown; readonly attempt: number };

export interface OwnerTurn {
  readonly as: 'owner';
  readonly flight: Flight;
  readonly lease: Lease | undefined;
  /** Why there is no lease. */
  readonly outage: Answer | undefined;
}

/** What becomes of a caller. */
export type Turn =
  /** It runs its `fn`; without a lease when the store is away and the caller accepts that. */
  | OwnerTurn
  /** The store has answered. */
  | { readonly as: 'answered'; readonly answer: Answer }
  /** Another call of this process ran. */
  | { readonly as: 'joined'; readonly shared: Shared }
  | { readonly as: 'in-progress'; readonly retryAfterMs: number }
  | { readonly as: 'mismatch' }
  | { readonly as: 'cancelled'; readonly reason: unknown }
  /** What it waited for is gone without an outcome to share: it asks from the start. */
  | { readonly as: 'again' };

export class Call implements ContextSource {
  readonly client: Client;
  readonly key: string;
  readonly identity: string;
  readonly fn: (ctx: IdempotencyContext) => unknown;
  readonly settings: Settings;
  readonly options: IdempotencyOptions | undefined;
  /** Canonical text; null when the call gave none. */
  readonly payload: string | null;
  /** Whether it waited for a run of another process. */
  hasWaited = false;
  readonly #startedAt: number;
  #turn: Turn | undefined;
  #resolve: ((turn: Turn) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waitUntil: number | undefined;
  #stopListening: (() => void) | undefined;

  constructor(
    client: Client,
    key: string,
    identity: string,
    fn: (ctx: IdempotencyContext) => unknown,
    settings: Settings,
    options: IdempotencyOptions | undefined,
    payload: string | null,
  ) {
    this.client = client;
    this.key = key;
    this.identity = identity;
    this.fn = fn;
    this.settings = settings;
    this.options = options;
    this.payload = payload;
    this.#startedAt = client.events.heard ? performance.now() : 0;
  }

  get waits(): boolean {
    return this.settings.onDuplicate === 'wait';
  }

  claim(): Claim {
    const { leaseMs, maxLeaseMs, retentionMs, onCrash } = this.settings;
    const { identity, payload, waits } = this;
    return { identity, payload, leaseMs, maxLeaseMs, retentionMs, hold: onCrash === 'hold', willWait: waits };
  }

  /** Whether one claim serves both: what the store answers to one is then true for the other. */
  claimsLike(other: Call): boolean {
    const mine = this.settings;
    const theirs = other.settings;
    return (
      this.payload === other.payload &&
      (mine === theirs ||
        (mine.leaseMs === theirs.leaseMs &&
          mine.maxLeaseMs === theirs.maxLeaseMs &&
          mine.retentionMs === theirs.retentionMs &&
          mine.onCrash === theirs.onCrash))
    );
  }

  give(turn: Turn): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#stopListening?.();
    this.#stopListening = undefined;
    const resolve = this.#resolve;
    this.#resolve = undefined;
    if (resolve === undefined) this.#turn = turn;
    else resolve(turn);
  }

  /** Its turn, at once where it is already decided. Until then the caller's signal makes it leave the flight. */
  nextTurn(flight: Flight): Turn | Promise<Turn> {
    const turn = this.#turn;
    this.#turn = undefined;
    if (turn !== undefined) return turn;
    const signal = this.options?.signal;
    if (signal !== undefined) {
      const leave = () => flight.leave(this, { as: 'cancelled', reason: signal.reason });
      signal.addEventListener('abort', leave, { once: true });
      this.#stopListening = () => signal.removeEventListener('abort', leave);
    }
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Starts the clock of `waitTimeoutMs`; it goes on over several rounds. */
  limitWait(onTimeout: () => void): void {
    if (this.#timer !== undefined) return;
    const now = performance.now();
    this.#waitUntil ??= now + this.settings.waitTimeoutMs;
    this.#timer = setTimeout(onTimeout, Math.max(this.#waitUntil - now, 0));
  }

  hash(): string {
    return this.client.binding.hash(this.identity);
  }

  deriveKey(name: string): string {
    return this.client.binding.deriveKey(this.identity, name);
  }

  tell<K extends IdempotencyEvent['type']>(type: K, attempt: number, particulars: Particulars<K>): void {
    const { events } = this.client;
    if (!events.heard) return;
    const durationMs = this.#startedAt === 0 ? 0 : performance.now() - this.#startedAt;
    const operation = operationOf(this.options?.scope);
    events.emit({ type, hash: this.hash(), operation, attempt, durationMs, ...particulars } as IdempotencyEvent);
  }
}
