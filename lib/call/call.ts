/**
 * One caller: what it asked for, how it waits for its turn, and how it is answered. The flights decide what the turn
 * is.
 *
 * A fresh call is the measured path, so its steps are plain functions that end in `finish` or `fail`: every async
 * function in between would cost it two promises.
 */
import type { IdempotencyContext, IdempotencyEvent, IdempotencyOptions } from '../../index';
import type { Answer } from '../native/answer';
import type { Encoded } from '../outcome/codec';
import type { Cached, Settled } from '../outcome/results';
import { LONGEST_TIMER_MS } from '../rules';
import type { Compared } from './compared';
import type { ContextSource } from './context';
import type { Particulars } from './events';
import type { Flight } from './flights';
import type { Host } from './host';
import { operationOf } from './identity';
import type { Lease } from './lease';
import { type Settings, shareAClaim } from './options';
import { onAbort } from './signals';
import { Observation } from './telemetry';

export type UserFunction = (ctx: IdempotencyContext) => unknown;

/** Makes what the caller gets from how its call ended: the value, or the outcome. A view may throw. */
export type View = (settled: Settled) => unknown;

/** What a run in this process shares with those who joined it: the recorded text, or the thrown value itself. */
export type Shared =
  | { readonly text: Encoded; readonly attempt: number }
  | { readonly thrown: unknown; readonly recorded: boolean; readonly attempt: number };

export interface OwnerTurn {
  readonly as: 'owner';
  readonly flight: Flight;
  readonly lease: Lease | undefined;
  /** Why there is no lease. */
  readonly outage: Answer | undefined;
}

/** What becomes of a caller. */
export type Turn =
  /** The caller runs its `fn`, without a lease if the store is away and the caller accepts that. */
  | OwnerTurn
  /** The store has answered. */
  | { readonly as: 'answered'; readonly answer: Answer }
  /** This process saw the outcome a moment ago. */
  | { readonly as: 'cached'; readonly cached: Cached }
  /** Another call of this process ran. */
  | { readonly as: 'joined'; readonly shared: Shared }
  | { readonly as: 'in-progress'; readonly retryAfterMs: number }
  | { readonly as: 'mismatch' }
  | { readonly as: 'cancelled'; readonly reason: unknown }
  /** The run that the caller waited for is gone without an outcome to share, so the caller asks from the start. */
  | { readonly as: 'again' };

/**
 * What an older version would have compared, where that is another text: seldom, so that other calls have no field for
 * it.
 */
const formerPayloads = new WeakMap<Call, string>();

export class Call implements ContextSource {
  readonly host: Host;
  readonly key: string;
  readonly fn: UserFunction;
  readonly options: IdempotencyOptions | undefined;
  /** These three are known once the options are checked. */
  settings: Settings;
  identity = '';
  /** Canonical text; null when the call gave none. */
  payload: string | null = null;
  /** Whether the call waited for a run of another process. */
  hasWaited = false;
  readonly observation: Observation | undefined;
  readonly #startedAt: number;
  readonly #view: View;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: unknown) => void;
  #isOver = false;
  #turn: Turn | undefined;
  #take: ((turn: Turn) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waitUntil: number | undefined;
  #stopListening: (() => void) | undefined;

  constructor(
    host: Host,
    key: unknown,
    fn: unknown,
    options: IdempotencyOptions | undefined,
    view: View,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.host = host;
    this.key = key as string;
    this.fn = fn as UserFunction;
    this.options = options;
    this.settings = host.settings;
    this.#view = view;
    this.#resolve = resolve;
    this.#reject = reject;
    this.observation = Observation.start(options?.scope);
    this.#startedAt = host.events.heard ? performance.now() : 0;
  }

  compare(compared: string | Compared): void {
    if (typeof compared === 'string') this.payload = compared;
    else {
      this.payload = compared.text;
      if (compared.former !== undefined) formerPayloads.set(this, compared.former);
    }
  }

  /** After a mismatch: the record may be of an older version. False when there is nothing else to compare. */
  comparesAsBefore(): boolean {
    const former = formerPayloads.get(this);
    if (former === undefined) return false;
    this.payload = former;
    formerPayloads.delete(this);
    return true;
  }

  /** Gives the caller its view of how the call ended. */
  finish(settled: Settled): void {
    this.#leave();
    this.observation?.settled(settled, () => this.#hashIfNamed());
    try {
      this.#resolve(this.#view(settled));
    } catch (error) {
      this.#reject(error);
    }
  }

  fail(error: unknown): void {
    this.#leave();
    this.abandon(error);
  }

  /** Answers the caller while its run goes on. The run still ends in `finish` or `fail`. */
  abandon(error: unknown): void {
    this.observation?.failed(error, () => this.#hashIfNamed());
    this.#reject(error);
  }

  #leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.host.leave();
  }

  get waits(): boolean {
    return this.settings.onDuplicate === 'wait';
  }

  /** Whether one claim serves both calls: then the store's answer to one is true for the other. */
  claimsLike(other: Call): boolean {
    return this.payload === other.payload && shareAClaim(this.settings, other.settings);
  }

  give(turn: Turn): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#stopListening?.();
    this.#stopListening = undefined;
    const take = this.#take;
    this.#take = undefined;
    if (take === undefined) this.#turn = turn;
    else take(turn);
  }

  /**
   * Gives the call its turn: at once if it is already decided, otherwise as a promise, which also restores the caller's
   * async context. Until then, the caller's signal makes the call leave the flight.
   */
  nextTurn(flight: Flight): Turn | Promise<Turn> {
    const turn = this.#turn;
    this.#turn = undefined;
    if (turn !== undefined) return turn;
    const signal = this.options?.signal;
    if (signal !== undefined) {
      const leave = () => flight.leave(this, { as: 'cancelled', reason: signal.reason });
      this.#stopListening = onAbort(signal, leave);
    }
    return new Promise((resolve) => {
      this.#take = resolve;
    });
  }

  /** Starts the clock of `waitTimeoutMs`, which runs on over several rounds of waiting. */
  limitWait(onTimeout: () => void): void {
    if (this.#timer !== undefined) return;
    const now = performance.now();
    this.#waitUntil ??= now + this.settings.waitTimeoutMs;
    // A clock that counts fractions makes the longest wait a little longer than the longest timer, which Node then ends
    // at once.
    this.#timer = setTimeout(onTimeout, Math.min(Math.max(this.#waitUntil - now, 0), LONGEST_TIMER_MS));
  }

  get retentionMs(): number {
    return this.settings.retentionMs;
  }

  hash(): string {
    return this.host.binding.hash(this.identity);
  }

  /** A call that was refused for its arguments has no identity. */
  #hashIfNamed(): string | undefined {
    return this.identity === '' ? undefined : this.hash();
  }

  deriveKey(name: string): string {
    return this.host.binding.deriveKey(this.identity, name);
  }

  /** Whether anybody hears what the call tells. */
  get isHeard(): boolean {
    return this.host.events.heard || this.observation !== undefined;
  }

  tell<K extends IdempotencyEvent['type']>(type: K, attempt: number, particulars: Particulars<K>): void {
    this.observation?.tell(type, particulars);
    const { events } = this.host;
    if (!events.heard) return;
    const durationMs = this.#startedAt === 0 ? 0 : performance.now() - this.#startedAt;
    const operation = operationOf(this.options?.scope);
    events.emit({ type, hash: this.hash(), operation, attempt, durationMs, ...particulars } as IdempotencyEvent);
  }
}
