/// <reference lib="esnext.disposable" />

/**
 * actonce: run a function once per idempotency key.
 *
 * A retry with the same key (a browser that sent the POST again, a second click, a proxy) gets the first run's
 * outcome; the work is not done again. The outcome is kept in Redis (or, with `memory:`, in this process).
 *
 * ```ts
 * 'use server'
 * import { withIdempotency } from 'actonce'
 *
 * export async function placeOrder(order: Order, idempotencyKey: string) {
 *   return withIdempotency(idempotencyKey, async (ctx) => {
 *     const charge = await stripe.charges.create(toCharge(order), { idempotencyKey: ctx.deriveKey('charge') })
 *     redirect(`/orders/${charge.id}`)
 *   }, { scope: ['placeOrder', (await session()).userId], payload: order })
 * }
 * ```
 *
 * What can be relied on is written in docs/guarantees.md, every error code in docs/errors.md. This file is the manual,
 * and one file so that it can be read from top to bottom (state machines are in machine.d.ts); `lib/contract.ts` holds
 * the implementation to both.
 *
 * @packageDocumentation
 */
import type {
  InvalidTransitionError,
  MachineEvent,
  StateMachine,
  StateNotReachedError,
  Transition,
  UnknownStateError,
  VersionConflictError,
} from './machine';

/** State machines have a file of their own. */
export * from './machine';

// ---------------------------------------------------------------------------------------------- keys

/**
 * Who and what a key belongs to. Keys come from clients: without a scope that names the user, one user's key
 * answers another user's call. The parts are joined injectively (`['a', 'b:c']` is not `['a:b', 'c']`), numbers
 * and strings differ (`1` is not `'1'`). Write the operation first and the user second: `['placeOrder', userId]`;
 * the first part of an array is the `operation` of every event.
 */
export type Scope = string | number | readonly (string | number)[];

/**
 * Names a record for `inspect`, `reset` and `resolve`: by what the caller knows (`key` and `scope`) or by what
 * logs, events and errors show (`hash`).
 */
export type RecordTarget = { readonly key: string; readonly scope?: Scope } | { readonly hash: string };

// ---------------------------------------------------------------------------------------------- context

/**
 * What `fn` is given, and what {@link currentIdempotency} finds anywhere below it.
 */
export interface IdempotencyContext {
  /** The idempotency key of this call, as it was given. */
  readonly key: string;
  /**
   * What logs may show of it, and what `inspect`, `reset` and `resolve` take: a hash of scope and key. Undefined when a
   * call without a key was let through.
   */
  readonly hash: string | undefined;
  /** 1 for the first attempt of the key, one more for each later one. */
  readonly attempt: number;
  /**
   * True when an earlier attempt started and nobody knows how it ended (its process died, or froze longer than its
   * lease). Its effects may have happened. Stays true over further attempts until an outcome is recorded.
   */
  readonly recovered: boolean;
  /**
   * A number that grows with every acquisition of the key. A downstream store that refuses a fence smaller than one
   * it has seen is safe from a stale owner. Undefined when `protected` is false.
   */
  readonly fence: number | undefined;
  /**
   * False when nothing stands behind this run: the store was down and `onStoreUnavailable: 'run'` let it through, or
   * idempotency was switched off (`enabled: false`, `skip`, `ACTONCE_DISABLED=1`). No fence, nothing recorded.
   */
  readonly protected: boolean;
  /**
   * Aborts when the lease is lost while `fn` runs: refused by the store, not renewed in time, or `maxLeaseMs` is over.
   * It aborts before another owner can start; if the thread was blocked or frozen then, on its next turn. The reason
   * is a {@link LeaseLostError}. The caller's own `signal` never aborts it.
   */
  readonly signal: AbortSignal;
  /**
   * A key for a downstream call: a UUIDv5 of prefix, scope, key and `name`, the same in every attempt. Give it to
   * whatever takes an `Idempotency-Key` of its own; it is what turns two runs into one charge.
   *
   * @param name Which downstream call, unique within this `fn`: `'charge'`.
   * @throws {ActonceError} `ERR_INVALID_ARGUMENT` when `name` is not a non-empty string.
   */
  deriveKey(name: string): string;
  /**
   * Looks at the clock now: returns while the lease is held, throws once it is not. Cheap, no I/O. For the line
   * before something irreversible. Does nothing when `protected` is false.
   *
   * @throws {LeaseLostError} `ERR_LEASE_LOST`.
   */
  assertHeld(): void;
  /**
   * Moves an instance of a state machine once per key, however many attempts: the n-th transition of this run with the
   * same machine, id and event is the same step in every attempt, and a repeat returns the first result with
   * `replayed` true.
   *
   * It is refused once the lease's deadline, as this process knows it, is over, and by an instance that has seen a
   * larger fence of this key. That check is advisory: record and instance are two slots of Redis and cannot change in
   * one step. When `protected` is false every call is a step of its own.
   *
   * @param machine A machine, or the id of one defined in this process.
   * @param id Which instance.
   * @param options As in {@link SendOptions}.
   * @throws {LeaseLostError} `ERR_LEASE_LOST`.
   * @throws Everything {@link StateMachine.send} rejects with.
   */
  transition<S extends string, E extends string, D>(
    machine: StateMachine<S, E, D> | string,
    id: string,
    event: MachineEvent<NoInfer<E>>,
    options?: { data?: NoInfer<D> | undefined; expectedVersion?: number | undefined; create?: boolean | undefined },
  ): Promise<Transition<S, D>>;
}

/**
 * The context of the innermost running `fn`, through `AsyncLocalStorage`; undefined outside. Works across several
 * copies of this module in one process.
 */
export function currentIdempotency(): IdempotencyContext | undefined;

// ---------------------------------------------------------------------------------------------- outcomes

/**
 * `executed`: this call ran `fn`. `replayed`: the outcome came from the record (also after waiting for another
 * process to finish it). `joined`: another call in this process was running `fn`, and this one shares its outcome.
 */
export type OutcomeStatus = 'executed' | 'replayed' | 'joined';

/** What every outcome carries. */
export interface OutcomeBase {
  /** How this call came by the outcome. */
  readonly status: OutcomeStatus;
  /** The attempt that made the outcome, from 1. */
  readonly attempt: number;
}

/** `fn` returned. */
export interface ValueOutcome<T> extends OutcomeBase {
  readonly kind: 'value';
  /** What `fn` returned; for a duplicate an equal value and its own copy. */
  readonly value: T;
}

/** `fn` called Next's `redirect()` or `permanentRedirect()`. */
export interface RedirectOutcome extends OutcomeBase {
  readonly kind: 'redirect';
  /** Where to. */
  readonly url: string;
  /** How the browser's history changes. */
  readonly type: 'push' | 'replace';
  /** 303, 307 or 308. */
  readonly httpStatus: number;
}

/** `fn` called Next's `notFound()`, `forbidden()` or `unauthorized()`. */
export interface HttpOutcome extends OutcomeBase {
  readonly kind: 'http';
  /** 404, 403 or 401. */
  readonly httpStatus: number;
}

/** `fn` threw. */
export interface ErrorOutcome extends OutcomeBase {
  readonly kind: 'error';
  /** What it threw, untouched; for a duplicate from another process or a record, an equal error. */
  readonly error: unknown;
}

/** How a key's run ended, told by `kind`. */
export type Outcome<T = unknown> = ValueOutcome<T> | RedirectOutcome | HttpOutcome | ErrorOutcome;

// ---------------------------------------------------------------------------------------------- options

/** What becomes of the record when `fn` throws. See {@link IdempotencyDefaults.onError}. */
export type ErrorPolicy = 'release' | 'record' | 'hold';

/**
 * Which part of the payload is compared: a list of the paths that count (`['cart.items', 'total']`), the paths that
 * do not (`{ exclude: ['meta.sentAt', 'items.*.addedAt'] }`), or a function that returns what to compare. A path is
 * names joined by dots; `*` stands for every element or field.
 */
export type Fingerprint<P = unknown> =
  | readonly string[]
  | { readonly exclude: readonly string[] }
  | ((payload: P) => unknown);

/**
 * The options that make sense for many calls: give them once in `createClient({ defaults })`, or per call.
 * Durations are whole milliseconds; zero, negative, fractional, `NaN` and infinite ones are refused with
 * `ERR_INVALID_ARGUMENT` before any I/O.
 */
export interface IdempotencyDefaults {
  /**
   * What a duplicate of a run in flight does: wait for its outcome (and take over if its owner dies), or reject at
   * once with `ERR_IN_PROGRESS`.
   * @default 'wait'
   */
  onDuplicate?: 'wait' | 'reject' | undefined;
  /**
   * How long a duplicate waits before it rejects with `ERR_IN_PROGRESS`. Keep it below the platform's own limit.
   * @default 10_000
   */
  waitTimeoutMs?: number | undefined;
  /**
   * What happens when an attempt vanished: its process died, or froze longer than its lease. `rerun` runs `fn` again
   * (at least once; `ctx.recovered` says so). `hold` never starts it a second time: callers get `ERR_INDETERMINATE`
   * until `resolve()`, or until the vanished attempt completes after all. The policy of the call that *started* the
   * attempt decides.
   * @default 'rerun'
   */
  onCrash?: 'rerun' | 'hold' | undefined;
  /**
   * What becomes of the record when `fn` throws; the caller always gets the same thrown value.
   * `release`: a later call runs again. `record`: the error is kept and thrown again on replay. `hold`: the record
   * becomes indeterminate, because a provider's timeout is not a failure of the charge. Or a function of the error
   * that returns one of them; it must be synchronous, and when it throws or returns anything else the default holds.
   * @default 'release', or 'hold' when `onCrash` is 'hold'
   */
  onError?: ErrorPolicy | ((error: unknown) => ErrorPolicy) | undefined;
  /**
   * When the store cannot be reached before `fn`: reject with `ERR_STORE_UNAVAILABLE` and run nothing, or `run` it
   * without protection (`ctx.protected` is false, nothing is recorded). Also covers a full store and a protocol
   * error, not a refusal (`ERR_STORE_REFUSED`), which no waiting mends.
   * @default 'reject'
   */
  onStoreUnavailable?: 'reject' | 'run' | undefined;
  /**
   * How long a claim holds without renewal, at least 100. Renewed at a third, from a thread of its own, as long as
   * the process lives: it bounds the wait after a crash, not the run time of `fn`. When above `maxLeaseMs`, that
   * counts.
   * @default 30_000
   */
  leaseMs?: number | undefined;
  /**
   * After this long renewal stops: `ctx.signal` aborts and the caller gets `ERR_LEASE_LOST` even if `fn` never
   * settles. At least 100.
   * @default 900_000
   */
  maxLeaseMs?: number | undefined;
  /**
   * How long an outcome is kept and replayed.
   * @default 86_400_000
   */
  retentionMs?: number | undefined;
  /**
   * Largest encoded result, in bytes. Of a larger one the caller gets the value, the record none: replays get
   * `ERR_RESULT_UNAVAILABLE`, and `fn` is not run again. At most 33_554_432; the built-in codec stops at 8 Mi characters.
   * @default 1_048_576
   */
  maxResultBytes?: number | undefined;
  /**
   * When the store fails after `fn`: how long recording is retried in the background, while the caller already has
   * its value. `close()` waits for it.
   * @default 60_000
   */
  recordTimeoutMs?: number | undefined;
  /**
   * How many keys a scope may have begun within their retention; one more is refused with `ERR_QUOTA`, and `fn` does not
   * run. Keys that have a record are answered as ever and counted once, when they are new. A key is counted for
   * `retentionMs`, and up to a sixteenth of it longer. Two processes that begin the same new key at once may count it twice.
   * Put whoever sends the keys into `scope`: a scope that all share is full for all of them. Costs a new key two more
   * commands, one after the other, and a duplicate one. 1 to 1_000_000_000.
   * @default none: not counted
   */
  maxKeysPerScope?: number | undefined;
  /**
   * False runs `fn` every time, without a claim and without the store, as if the wrapper were not there. The
   * environment variable `ACTONCE_DISABLED=1` does the same everywhere and says so once on stderr.
   * @default true
   */
  enabled?: boolean | undefined;
}

/** Options of one call; those of {@link IdempotencyDefaults} win over the client's `defaults`. */
export interface IdempotencyOptions<T = unknown, P = unknown> extends IdempotencyDefaults {
  /**
   * Operation and user the key belongs to: `['placeOrder', userId]`. Without it the key stands for itself in the
   * whole prefix, which is said once in development. Empty parts, an empty array and non-finite numbers are refused.
   * @default none
   */
  scope?: Scope | undefined;
  /**
   * What the call is about. The same key with another payload is refused with `ERR_KEY_REUSED`. The order of
   * object keys, `Map` and `Set` entries does not matter; the order of arrays and the difference between `1` and
   * `'1'` do. In `FormData`, React's `$ACTION_*` entries and the field `idempotency-key` are left out; of a file
   * name, size and type count. Only a hash is stored. `undefined` means not compared.
   * @default not compared
   */
  payload?: P | undefined;
  /**
   * Which part of `payload` is compared.
   * @default all of it
   */
  fingerprint?: Fingerprint<P> | undefined;
  /**
   * Runs before `fn` when an earlier attempt's end is unknown (`ctx.recovered`). What it returns as `{ value }`
   * completes the record (the order was found in the database); `undefined` lets `fn` run. When it throws, the key
   * is released and the caller gets that error.
   * @default none
   */
  recover?: ((ctx: IdempotencyContext) => Recovered<T> | PromiseLike<Recovered<T>>) | undefined;
  /**
   * Cancels the claim and the waiting, never a started `fn`: the call rejects with `signal.reason`, and a claim
   * under way is withdrawn.
   * @default none
   */
  signal?: AbortSignal | undefined;
  /**
   * Awaited once per caller, after the outcome is known and recorded, on first runs and replays alike: the place for
   * cookies, revalidation and `after()`. Not called when there is no outcome (a refusal such as `ERR_IN_PROGRESS`).
   * What it throws does not alter the outcome and is reported as a process warning, except Next's control flow
   * (`redirect()`), which reaches this caller.
   * @default none
   */
  onResponse?: ((outcome: Outcome<T>) => unknown) | undefined;
  /**
   * True, or a function that returns true: this one call runs `fn` without a claim, like `enabled: false`. The key
   * is not looked at then. A predicate that throws counts as false and is reported as a process warning.
   * @default false
   */
  skip?: boolean | (() => boolean | PromiseLike<boolean>) | undefined;
}

/** What `recover` found: the value of the earlier attempt, or nothing. */
// biome-ignore lint/suspicious/noConfusingVoidType: a recover function without a return statement is meant.
export type Recovered<T> = { readonly value: T } | undefined | void;

/**
 * Runs `fn` once per key; see the overview at the top.
 */
export interface WithIdempotency {
  /**
   * Runs `fn` once per key and returns its value, or the recorded outcome of the run that already happened. A
   * recorded error, redirect, not-found, forbidden or unauthorized is thrown again.
   *
   * @param key The idempotency key, made by the client for one intent: 1 to 255 bytes of well-formed UTF-8.
   * @param fn Called with the context, in the caller's async context. May be async; not a generator function.
   * @param options See {@link IdempotencyOptions}.
   * @returns What `fn` returned, once the record says completed.
   * @throws What `fn` threw, untouched.
   * @throws {ActonceError} `ERR_INVALID_ARGUMENT` an argument or option cannot be used; nothing was sent.
   * @throws {ActonceError} `ERR_KEY_MISSING` the key is undefined, null or empty; nothing was sent.
   * @throws {KeyReusedError} `ERR_KEY_REUSED` the key was used with another payload.
   * @throws {InProgressError} `ERR_IN_PROGRESS` another call is running, and this one does not wait (any longer).
   * @throws {QuotaError} `ERR_QUOTA` the key is new, and its scope has `maxKeysPerScope` others.
   * @throws {IndeterminateError} `ERR_INDETERMINATE` an earlier attempt's end is unknown and `onCrash` was `hold`.
   * @throws {LeaseLostError} `ERR_LEASE_LOST` the lease was lost and the completion refused, or `maxLeaseMs` is over.
   * @throws {ActonceError} `ERR_REENTRANT` the same key inside its own `fn`.
   * @throws {ResultUnavailableError} `ERR_RESULT_UNAVAILABLE` it ran, but its value could not be kept.
   * @throws {ActonceError} `ERR_RECORD_UNREADABLE` something else or something newer is stored at the key.
   * @throws {ActonceError} `ERR_STORE_UNAVAILABLE`, `ERR_STORE_FULL`, `ERR_STORE_REFUSED`, `ERR_STORE_PROTOCOL`
   *   before `fn`; `fn` did not run.
   * @throws {ActonceError} `ERR_CLOSED` the client was closed.
   */
  <T, P = unknown>(
    key: string,
    fn: (ctx: IdempotencyContext) => T | PromiseLike<T>,
    options?: IdempotencyOptions<T, P>,
  ): Promise<T>;

  /**
   * The same, but resolves to how it ended instead of returning or throwing it: values, redirects, HTTP endings and
   * what `fn` threw are all outcomes. Refusals (`ERR_…`) are still thrown.
   */
  outcome<T, P = unknown>(
    key: string,
    fn: (ctx: IdempotencyContext) => T | PromiseLike<T>,
    options?: IdempotencyOptions<T, P>,
  ): Promise<Outcome<T>>;
}

/**
 * {@link WithIdempotency} of the default client, which is made on first use from `ACTONCE_URL`, else `REDIS_URL`.
 * With neither: outside production the embedded store (said once on stderr), in production a clear error.
 */
export const withIdempotency: WithIdempotency;

// ---------------------------------------------------------------------------------------------- operating

/** What is stored about one key. */
export interface RecordView {
  /** The name of the record in logs, events and errors; the Redis key is `<prefix>:{<hash>}`. */
  readonly hash: string;
  /** `released`: an attempt ended without an outcome (or the record was reset), the next call runs. */
  readonly state: 'processing' | 'indeterminate' | 'released' | 'completed' | 'failed';
  /** Number of the newest attempt. */
  readonly attempt: number;
  /** Fence of the newest attempt. */
  readonly fence: number;
  /** Whether an earlier attempt's end is unknown. */
  readonly recovered: boolean;
  /** What happens should the attempt vanish. */
  readonly onCrash: 'rerun' | 'hold';
  /** Time left of the lease, 0 when it is over; only while `processing`. */
  readonly leaseRemainingMs?: number;
  /** Since when, by the store's clock; only while `indeterminate`. */
  readonly since?: Date;
  /** When the record itself goes away; `Number.MAX_SAFE_INTEGER` when somebody made it permanent. */
  readonly expiresInMs: number;
  /**
   * Id of the key that the outcome is encrypted with; only when it is. The outcome itself is then not shown: looking at
   * a record needs no right to read personal data.
   */
  readonly keyId?: string;
  /** The recorded outcome, decoded; only when `completed` or `failed`, and not encrypted. */
  readonly outcome?: RecordedOutcome;
}

/** A recorded outcome as `inspect` shows it. */
export type RecordedOutcome =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'redirect'; readonly url: string; readonly type: 'push' | 'replace'; readonly httpStatus: number }
  | { readonly kind: 'http'; readonly httpStatus: number }
  | { readonly kind: 'error'; readonly error: unknown }
  /** It was not kept: `unencodable` or `too-large`. */
  | { readonly kind: 'unavailable'; readonly reason: string };

/** Options of `reset`. */
export interface ResetOptions {
  /**
   * Reset even while an attempt holds a live lease. Its completion will be refused.
   * @default false
   */
  force?: boolean | undefined;
}

/** How an operator settles an indeterminate record. */
export type Resolution = (
  | {
      /** The outcome, found elsewhere (the provider's ledger, the database): replayed from now on. */
      readonly value: unknown;
      readonly rerun?: undefined;
    }
  | {
      /** The attempt did nothing: the next call runs `fn`, with `ctx.recovered` true. */
      readonly rerun: true;
      readonly value?: undefined;
    }
) & {
  /**
   * Also while an attempt holds a live lease. Its completion will be refused.
   * @default false
   */
  readonly force?: boolean | undefined;
  /**
   * How long a `value` is kept.
   * @default the client's default, else 86_400_000
   */
  readonly retentionMs?: number | undefined;
};

/**
 * What is stored for a key, or undefined. Changes nothing.
 *
 * @throws {ActonceError} `ERR_INVALID_ARGUMENT`, `ERR_RECORD_UNREADABLE`, `ERR_STORE_…`, `ERR_CLOSED`.
 */
export function inspect(target: RecordTarget): Promise<RecordView | undefined>;

/**
 * Forgets the outcome of a key: the next call runs `fn`. A tombstone with a larger fence stays, so that a stale
 * owner is still refused. Other processes may replay the old outcome from their cache for up to 5 seconds.
 *
 * @returns `absent` when there was nothing to reset.
 * @throws {InProgressError} `ERR_IN_PROGRESS` an attempt holds a live lease and `force` was not given.
 * @throws {ActonceError} `ERR_INVALID_ARGUMENT`, `ERR_RECORD_UNREADABLE`, `ERR_STORE_…`, `ERR_CLOSED`.
 */
export function reset(target: RecordTarget, options?: ResetOptions): Promise<'reset' | 'absent'>;

/**
 * Settles an indeterminate record, with the value found elsewhere or by letting it run again.
 *
 * @returns `settled` when the record already had an outcome (nothing changed), `absent` when there is none.
 * @throws {InProgressError} `ERR_IN_PROGRESS` an attempt holds a live lease and `force` was not given.
 * @throws {ActonceError} `ERR_INVALID_ARGUMENT`, `ERR_RECORD_UNREADABLE`, `ERR_STORE_…`, `ERR_CLOSED`.
 */
export function resolve(target: RecordTarget, resolution: Resolution): Promise<'resolved' | 'settled' | 'absent'>;

/**
 * Listens to the default client's events; see {@link ActonceClient.on}. Connects nothing and may be called before
 * the first use.
 */
export const on: Subscribe;

/**
 * Closes the default client; see {@link ActonceClient.close}. The next use makes a new one.
 */
export function close(options?: CloseOptions): Promise<void>;

/** Options of `close`. */
export interface CloseOptions {
  /**
   * How long to wait for runs and for outcomes not yet recorded. 0 waits for nothing.
   * @default 5_000
   */
  graceMs?: number | undefined;
}

// ---------------------------------------------------------------------------------------------- events

/** What every event carries. No event carries the key, the payload or a result. */
export interface EventBase {
  /** Names the record; what `inspect`, `reset` and `resolve` take. */
  readonly hash: string;
  /** The first part of an array `scope`. */
  readonly operation: string | undefined;
  /** The attempt the event is about; 0 when none is known. */
  readonly attempt: number;
  /** Since the call was made. */
  readonly durationMs: number;
}

/** This call holds the key; `fn` (or `recover`) runs next. */
export interface ClaimedEvent extends EventBase {
  readonly type: 'claimed';
  readonly fence: number;
}
/** This call's claim followed an attempt of which nobody knows the end. Comes after `claimed`. */
export interface TakeoverEvent extends EventBase {
  readonly type: 'takeover';
  readonly fence: number;
}
/** The outcome came from the record, or from this process's cache of recent outcomes. */
export interface ReplayedEvent extends EventBase {
  readonly type: 'replayed';
  readonly kind: 'value' | 'redirect' | 'http' | 'error';
  readonly cached: boolean;
}
/** The outcome came from another call in this process. */
export interface JoinedEvent extends EventBase {
  readonly type: 'joined';
  readonly kind: 'value' | 'redirect' | 'http' | 'error';
}
/** The call waited for a run of another process; its own outcome's event follows. */
export interface WaitedEvent extends EventBase {
  readonly type: 'waited';
}
/** Refused with `ERR_IN_PROGRESS`. */
export interface InProgressEvent extends EventBase {
  readonly type: 'in-progress';
  readonly retryAfterMs: number;
}
/** Refused with `ERR_KEY_REUSED`. */
export interface MismatchEvent extends EventBase {
  readonly type: 'mismatch';
}
/** Refused with `ERR_QUOTA`. */
export interface QuotaEvent extends EventBase {
  readonly type: 'quota';
  readonly retryAfterMs: number;
}
/** Refused with `ERR_INDETERMINATE`. */
export interface IndeterminateEvent extends EventBase {
  readonly type: 'indeterminate';
  readonly fence: number;
}
/** The lease was lost while `fn` ran. */
export interface LeaseLostEvent extends EventBase {
  readonly type: 'lease-lost';
  readonly reason: LeaseLossReason;
}
/** The store refused to record this run's ending: a newer attempt owns the key, or the record is gone. */
export interface StaleWriteEvent extends EventBase {
  readonly type: 'stale-write';
}
/** The outcome is recorded: a value, a redirect, an HTTP ending, or (with `onError: 'record'`) an error. */
export interface CompletedEvent extends EventBase {
  readonly type: 'completed';
  readonly kind: 'value' | 'redirect' | 'http' | 'error';
}
/** `fn` threw and the key was released. */
export interface ReleasedEvent extends EventBase {
  readonly type: 'released';
}
/** `fn` threw and the record was left indeterminate (`onError: 'hold'`). */
export interface HeldEvent extends EventBase {
  readonly type: 'held';
}
/**
 * The caller has its outcome, the record does not have it all: `delayed` (the store fails; recording goes on in the
 * background), `store-error` (given up), `unencodable` or `too-large` (completed without a value), `durability` (recorded,
 * but fewer replicas or disks than asked for had it in time).
 */
export interface ResultUnrecordedEvent extends EventBase {
  readonly type: 'result-unrecorded';
  readonly reason: 'delayed' | 'store-error' | 'unencodable' | 'too-large' | 'durability';
  /** For `unencodable`: where in the value. */
  readonly path?: string;
}
/** The store failed for this call, before or after `fn`. */
export interface StoreErrorEvent extends EventBase {
  readonly type: 'store-error';
  readonly code: ErrorCode;
  readonly message: string;
}

/** Everything a client tells, told by `type`; each at most once per call. */
export type IdempotencyEvent =
  | ClaimedEvent
  | TakeoverEvent
  | ReplayedEvent
  | JoinedEvent
  | WaitedEvent
  | InProgressEvent
  | MismatchEvent
  | QuotaEvent
  | IndeterminateEvent
  | LeaseLostEvent
  | StaleWriteEvent
  | CompletedEvent
  | ReleasedEvent
  | HeldEvent
  | ResultUnrecordedEvent
  | StoreErrorEvent;

/** Listens to events. What a listener throws never alters an outcome; it is reported as a process warning. */
export interface Subscribe {
  /**
   * Every event.
   *
   * ```ts
   * client.on((event) => logger.info(event, 'actonce'))
   * ```
   * @returns Ends the subscription.
   */
  (listener: (event: IdempotencyEvent) => void): () => void;
  /** Events of one type. */
  <K extends IdempotencyEvent['type']>(
    type: K,
    listener: (event: Extract<IdempotencyEvent, { type: K }>) => void,
  ): () => void;
}

// ---------------------------------------------------------------------------------------------- client

/** Turns results into text and back. What it returns is stored as it is. */
export interface Codec {
  /** @throws Anything: the record then becomes completed without a value. */
  encode(value: unknown): string;
  /** @throws Anything: the caller then gets `ERR_RECORD_UNREADABLE`. */
  decode(text: string): unknown;
}

/** A class that recorded errors come back as; told by its `name`. */
// biome-ignore lint/suspicious/noExplicitAny: constructors of any signature are meant; none is called.
export type ErrorClass = abstract new (...args: any[]) => Error;

/** Limits of the cache of recent outcomes. */
export interface CacheOptions {
  /**
   * Largest number of outcomes, at least 2; of the latest, half as many are surely there.
   * @default 1_000
   */
  maxEntries?: number | undefined;
  /**
   * Largest size of all outcomes together, in bytes of encoded text; one larger than half of it is not kept. What has been
   * replayed once is kept as a value as well, up to 16 KiB of text: several times its bytes.
   * @default 8_388_608
   */
  maxBytes?: number | undefined;
  /**
   * How long an outcome is answered from here, at most 5_000.
   * @default 5_000
   */
  maxAgeMs?: number | undefined;
}

/** TLS for `rediss://`, as PEM text. */
export interface TlsOptions {
  /**
   * Certificate authority (or several) to trust instead of the system's.
   * @default the system's
   */
  ca?: string | undefined;
  /**
   * Client certificate.
   * @default none
   */
  cert?: string | undefined;
  /**
   * Private key of `cert`.
   * @default none
   */
  key?: string | undefined;
}

/** A key of {@link EncryptionOptions}. */
export interface EncryptionKey {
  /** Names it in records: 1 to 32 letters, digits, `.`, `_` or `-`. A new key needs a new id. */
  readonly id: string;
  /** 32 random bytes, as they are, in hex (64 digits) or in base64: `openssl rand -base64 32`. */
  readonly key: string | Uint8Array;
}

/** Encryption of recorded outcomes; see docs/encryption.md. */
export interface EncryptionOptions {
  /**
   * The first one writes, all read. Rotate in three steps, each on every instance before the next: `[old, new]`,
   * `[new, old]`, and after a retention period `[new]`.
   */
  keys: readonly EncryptionKey[];
  /**
   * Also read outcomes that are not encrypted: for the retention period in which encryption is introduced, and no longer,
   * since until then whoever can write to Redis can replace an outcome.
   * @default false
   */
  readsPlaintext?: boolean | undefined;
}

/** Compression of recorded outcomes. */
export interface CompressionOptions {
  /**
   * An outcome of so many bytes is compressed, where that makes it shorter; at least 64. One above 16 MiB is not.
   * @default 1_024
   */
  minBytes?: number | undefined;
  /**
   * Must be true beside `encryption`: the length of an outcome, which encryption does not hide, then also tells how well
   * it compresses, and so something of its content.
   * @default false
   */
  beforeEncryption?: boolean | undefined;
}

/** Options of {@link createClient}. */
export interface ClientOptions {
  /**
   * `memory:` (in this process, shared by its worker threads), `redis://[user:password@]host[:port][/database]`,
   * `rediss://…` (TLS), `unix:///path[?db=n]`, `redis+sentinel://[user:password@]host[:port],…/service[/database]` or
   * `redis+cluster://[user:password@]host[:port],…` (both also with `rediss`). Redis 6.2 or newer, Valkey, or a compatible
   * service. See `docs/servers.md`.
   * @default `ACTONCE_URL`, else `REDIS_URL`, else (outside production) `memory:`
   */
  url?: string | undefined;
  /**
   * First part of every Redis key: letters, digits, `.`, `_`, `-` and `:`, at most 64.
   * @default 'actonce'
   */
  prefix?: string | undefined;
  /**
   * Keys the hash that names records, so that no client can search for a slot. An array rotates: the first one makes
   * records, all are looked for; keep an old one for a retention period. At least 16 characters each. Roll out in two
   * steps, `[old, new]` on every instance first and `[new, old]` after that: an instance that knows only the old one
   * does not find what was made under the new one, and would run again.
   * @default `ACTONCE_SECRET`, else none
   */
  secret?: string | readonly string[] | undefined;
  /**
   * Options for every call of this client.
   * @default see {@link IdempotencyDefaults}
   */
  defaults?: IdempotencyDefaults | undefined;
  /**
   * How results are written. Recorded errors and redirects have a format of their own. Records made before a change
   * of codec stay readable.
   * @default JSON where it is exact, a long text as it is, a Buffer as base64, else devalue with Error, FormData, Blob, File, Headers, Buffer and Symbol.for
   */
  codec?: Codec | undefined;
  /**
   * Classes recorded errors come back as.
   * @default JavaScript's own
   */
  errors?: readonly ErrorClass[] | undefined;
  /**
   * A small cache of recent outcomes in this process; `false` switches it off. Never used with `memory:`.
   * @default { maxEntries: 1_000, maxBytes: 8_388_608, maxAgeMs: 5_000 }
   */
  cache?: CacheOptions | false | undefined;
  /**
   * Where the connection lives: on Node's event loop, on a thread, or the loop wherever it can be had.
   * @default 'auto'
   */
  executor?: 'auto' | 'loop' | 'thread' | undefined;
  /**
   * Longest wait for a connection, TLS and authentication included.
   * @default 2_000
   */
  connectTimeoutMs?: number | undefined;
  /**
   * Longest wait for one reply before the connection is given up and the command sent again; never above a third of
   * the lease.
   * @default 1_000
   */
  commandTimeoutMs?: number | undefined;
  /**
   * Longest time a call spends on the store before `fn`, repetitions included, and again after `fn` before the caller
   * gets its value while recording goes on in the background.
   * @default 5_000
   */
  totalTimeoutMs?: number | undefined;
  /**
   * TLS for `rediss://`.
   * @default the system's certificate authorities, no client certificate
   */
  tls?: TlsOptions | undefined;
  /**
   * What must have a write before it counts. Every write of this client then waits for it: a claim before `fn` runs, each
   * renewal before the lease is longer, an outcome before it is recorded for certain. See `docs/guarantees.md` for what
   * that buys and what not. Not with `memory:`.
   * @default none: the primary's memory
   */
  durability?: DurabilityOptions | undefined;
  /**
   * What becomes of a client whose server may evict records: `maxmemory` is set, and `maxmemory-policy` is not `noeviction`.
   * A record that is evicted is a function that runs again. `warn` says so in a process warning (`ActonceWarning`), once per
   * client; `refuse` refuses every call with `ERR_STORE_REFUSED`. Looked at with `INFO memory` whenever a connection is made;
   * a server that does not tell, or a user without the right to ask, passes either way.
   * @default 'warn'
   */
  eviction?: 'warn' | 'refuse' | undefined;
  /**
   * Encrypts what is recorded: results, errors, redirects. Not the data of state machines.
   * @default none: recorded outcomes are readable text
   */
  encryption?: EncryptionOptions | undefined;
  /**
   * Compresses what is recorded; whether it is on or off, what is compressed is read.
   * @default none
   */
  compression?: CompressionOptions | undefined;
}

/** Replicas and disks that must have a write. */
export interface DurabilityOptions {
  /**
   * So many replicas must have it (`WAIT`): 0 to 100, and with `fsync: false` at least 1. To survive every single failover
   * it takes all replicas that can be promoted; fewer only make a loss less likely.
   */
  replicas: number;
  /**
   * How long a write may wait for them, in milliseconds; at most a third of `leaseMs`. Over it: a claim is withdrawn and
   * the call is `ERR_DURABILITY`; an outcome is handed to its caller, with the events `store-error` and
   * `result-unrecorded` (`durability`).
   * @default 1_000
   */
  timeoutMs?: number | undefined;
  /**
   * On the disk, the primary's and that of the replicas (`WAITAOF`): Redis 7.2 or newer with `appendonly yes`, Valkey with
   * `appendfsync always` only. Anything else is `ERR_STORE_REFUSED`.
   * @default false
   */
  fsync?: boolean | undefined;
}

/** A client of one store. */
export interface ActonceClient extends AsyncDisposable {
  /** As the function of the same name, with this client's store and defaults. */
  readonly withIdempotency: WithIdempotency;
  /** As the function of the same name. */
  inspect(target: RecordTarget): Promise<RecordView | undefined>;
  /** As the function of the same name. */
  reset(target: RecordTarget, options?: ResetOptions): Promise<'reset' | 'absent'>;
  /** As the function of the same name. */
  resolve(target: RecordTarget, resolution: Resolution): Promise<'resolved' | 'settled' | 'absent'>;
  /** Listens to this client's events. */
  readonly on: Subscribe;
  /**
   * Accepts no new call (`ERR_CLOSED`), waits up to `graceMs` for running ones and for outcomes not yet recorded,
   * then closes the connection. A run that outlives it keeps its value for its caller and records nothing. Never
   * rejects for a store that is away.
   *
   * @throws {ActonceError} `ERR_INVALID_ARGUMENT`.
   */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * Makes a client. Nothing connects before the first call.
 *
 * @throws {ActonceError} `ERR_INVALID_ARGUMENT` an option cannot be used.
 */
export function createClient(options?: ClientOptions): ActonceClient;

// ---------------------------------------------------------------------------------------------- errors

/** Every code; docs/errors.md has a section for each. */
export type ErrorCode =
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_KEY_MISSING'
  | 'ERR_INVALID_INPUT'
  | 'ERR_KEY_REUSED'
  | 'ERR_IN_PROGRESS'
  | 'ERR_INDETERMINATE'
  | 'ERR_LEASE_LOST'
  | 'ERR_REENTRANT'
  | 'ERR_RESULT_UNAVAILABLE'
  | 'ERR_RECORD_UNREADABLE'
  | 'ERR_STORE_UNAVAILABLE'
  | 'ERR_STORE_FULL'
  | 'ERR_STORE_REFUSED'
  | 'ERR_STORE_PROTOCOL'
  | 'ERR_DURABILITY'
  | 'ERR_QUOTA'
  | 'ERR_CLOSED'
  | 'ERR_UNSUPPORTED_PLATFORM'
  | 'ERR_INVALID_TRANSITION'
  | 'ERR_VERSION_CONFLICT'
  | 'ERR_NOT_FOUND'
  | 'ERR_STATE_NOT_REACHED'
  | 'ERR_UNKNOWN_STATE';

/** What an error of this package may carry besides its code. */
export interface ErrorDetails {
  /** What happened here, in words. */
  detail?: string | undefined;
  /** Names the record. */
  hash?: string | undefined;
  /** When asking again makes sense. */
  retryAfterMs?: number | undefined;
  /** What led to it. */
  cause?: unknown;
}

/**
 * Every error of this package. Tell errors apart by `code`, or by {@link isActonceError}: `instanceof` fails when an
 * app holds two copies of the module.
 */
export class ActonceError extends Error {
  constructor(code: ErrorCode, details?: ErrorDetails);
  /** Stable; never compare messages. */
  readonly code: ErrorCode;
  /** Whether the same call with the same key may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  /** `ACTONCE;<code>;<retryAfterMs>`: what Next.js lets through to the browser in production. */
  readonly digest: string;
  /** Names the record; undefined when no record is concerned. */
  readonly hash: string | undefined;
  /** When asking again makes sense; 0 when there is no such hint. */
  readonly retryAfterMs: number;
}

/** One thing a schema found wrong, as Standard Schema has it. */
export interface InputIssue {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

/** `ERR_INVALID_INPUT`: what an action or a route was sent does not fit its schema. Nothing was recorded. */
export class InvalidInputError extends ActonceError {
  constructor(issues: readonly InputIssue[], details?: ErrorDetails);
  readonly code: 'ERR_INVALID_INPUT';
  /** What the schema found, in its order. */
  readonly issues: readonly InputIssue[];
}

/** `ERR_KEY_REUSED`: the key was used with another payload. The first payload's outcome is untouched. */
export class KeyReusedError extends ActonceError {
  constructor(details?: ErrorDetails);
  readonly code: 'ERR_KEY_REUSED';
}

/**
 * `ERR_IN_PROGRESS`: another call is running. `retryAfterMs` is what is left of its lease: by then it has ended,
 * renewed its lease, or may be taken over.
 */
export class InProgressError extends ActonceError {
  constructor(details?: ErrorDetails);
  readonly code: 'ERR_IN_PROGRESS';
}

/**
 * `ERR_QUOTA`: the key is new, and its scope has as many as `maxKeysPerScope` allows. `retryAfterMs` is when the first of
 * those are forgotten.
 */
export class QuotaError extends ActonceError {
  constructor(details?: ErrorDetails);
  readonly code: 'ERR_QUOTA';
}

/** `ERR_INDETERMINATE`: an attempt started, nobody knows how it ended, and its policy forbids another. */
export class IndeterminateError extends ActonceError {
  constructor(fence: number, since: Date, details?: ErrorDetails);
  readonly code: 'ERR_INDETERMINATE';
  /** The vanished attempt's fence. */
  readonly fence: number;
  /** Since when, by the store's clock. */
  readonly since: Date;
}

/**
 * `expired`: not renewed in time. `refused`: the store says another attempt owns the key. `max-lease`: `maxLeaseMs`
 * is over.
 */
export type LeaseLossReason = 'expired' | 'refused' | 'max-lease';

/** `ERR_LEASE_LOST`: this attempt no longer owned the key when it ended, or has to assume so. */
export class LeaseLostError extends ActonceError {
  constructor(reason: LeaseLossReason, details?: ErrorDetails & { value?: unknown; hasValue?: boolean });
  readonly code: 'ERR_LEASE_LOST';
  /** How it was lost. */
  readonly reason: LeaseLossReason;
  /** Whether `fn` had returned. */
  readonly hasValue: boolean;
  /** What `fn` had returned: its effect happened, though another attempt's outcome is the recorded one. */
  readonly value: unknown;
}

/** `ERR_RESULT_UNAVAILABLE`: the run completed, its value is not in the record. It will not run again. */
export class ResultUnavailableError extends ActonceError {
  constructor(reason: 'unencodable' | 'too-large', path?: string, details?: ErrorDetails);
  readonly code: 'ERR_RESULT_UNAVAILABLE';
  /** Why it is not there. */
  readonly reason: 'unencodable' | 'too-large';
  /** For `unencodable`: where in the value. */
  readonly path: string | undefined;
}

/** The error each code comes as. */
export interface ErrorByCode {
  ERR_INVALID_INPUT: InvalidInputError;
  ERR_KEY_REUSED: KeyReusedError;
  ERR_IN_PROGRESS: InProgressError;
  ERR_QUOTA: QuotaError;
  ERR_INDETERMINATE: IndeterminateError;
  ERR_LEASE_LOST: LeaseLostError;
  ERR_RESULT_UNAVAILABLE: ResultUnavailableError;
  ERR_INVALID_TRANSITION: InvalidTransitionError;
  ERR_VERSION_CONFLICT: VersionConflictError;
  ERR_STATE_NOT_REACHED: StateNotReachedError;
  ERR_UNKNOWN_STATE: UnknownStateError;
}

/**
 * Whether a caught value is an error of this package, from whichever copy of the module; with a code, whether it is
 * that one.
 */
export function isActonceError(value: unknown): value is ActonceError;
export function isActonceError<C extends ErrorCode>(
  value: unknown,
  code: C,
): value is C extends keyof ErrorByCode ? ErrorByCode[C] : ActonceError & { readonly code: C };
