/// <reference lib="esnext.disposable" />

/**
 * actonce: run a function once per idempotency key.
 *
 * A retry with the same key (a browser that sent the POST again, a second click, a proxy) gets the first run's outcome;
 * the work is not done again. actonce keeps the outcome in Redis or, with `memory:`, in this process.
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
 * docs/guarantees.md says what you can rely on, and docs/errors.md explains every error code. This file is the manual.
 * It is one file so that you can read it from top to bottom; only state machines have a file of their own,
 * machine.d.ts. `lib/contract.ts` makes the compiler check the implementation against both files.
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
 * Says which operation and which user a key belongs to. Keys come from clients: without a scope that names the user,
 * whoever sends another user's key gets that user's outcome. The parts are joined injectively (`['a', 'b:c']` is not
 * `['a:b', 'c']`), and numbers and strings differ (`1` is not `'1'`). Write the operation first and the user second:
 * `['placeOrder', userId]`. The first part of an array is the `operation` of every event.
 */
export type Scope = string | number | readonly (string | number)[];

/**
 * Names a record for `inspect`, `reset` and `resolve`: either by what the caller knows (`key` and `scope`) or by what
 * logs, events and errors show (`hash`).
 */
export type RecordTarget = { readonly key: string; readonly scope?: Scope } | { readonly hash: string };

// ---------------------------------------------------------------------------------------------- context

/** The context that `fn` receives. {@link currentIdempotency} returns it anywhere below `fn`. */
export interface IdempotencyContext {
  /** The idempotency key of this call, as the caller gave it. */
  readonly key: string;
  /**
   * A hash of scope and key. Logs may show it, and `inspect`, `reset` and `resolve` take it. It is undefined when a
   * call without a key was let through.
   */
  readonly hash: string | undefined;
  /** 1 for the first attempt of the key, and one more for each later attempt. */
  readonly attempt: number;
  /**
   * True when an earlier attempt started and nobody knows how it ended (its process died, or froze longer than its
   * lease). The effects of that attempt may have happened. `recovered` stays true over further attempts until an
   * outcome is recorded.
   */
  readonly recovered: boolean;
  /**
   * A number that grows with every acquisition of the key. A downstream store that refuses a fence smaller than one it
   * has seen is safe from a stale owner. It is undefined when `protected` is false.
   */
  readonly fence: number | undefined;
  /**
   * False when nothing protects this run: the store was down and `onStoreUnavailable: 'run'` let the call through, or
   * idempotency was switched off (`enabled: false`, `skip`, `ACTONCE_DISABLED=1`). Such a run has no fence, and nothing
   * is recorded.
   */
  readonly protected: boolean;
  /**
   * Aborts when the lease is lost while `fn` runs: the store refused to renew it, it was not renewed in time, or
   * `maxLeaseMs` is over. The signal aborts before another owner can start; if the thread is blocked or frozen at that
   * moment, the signal aborts on the thread's next turn. The reason is a {@link LeaseLostError}. The call's `signal`
   * option never aborts this signal.
   */
  readonly signal: AbortSignal;
  /**
   * Derives a key for a downstream call: a UUIDv5 of prefix, scope, key and `name`, the same in every attempt. Give it
   * to any service that takes an `Idempotency-Key` of its own. The derived key is what turns two runs into one charge.
   *
   * @param name Which downstream call, unique within this `fn`: `'charge'`.
   * @throws {ActonceError} `ERR_INVALID_ARGUMENT` when `name` is not a non-empty string.
   */
  deriveKey(name: string): string;
  /**
   * Looks at the clock now: it returns while the lease is held and throws once the lease is lost. It is cheap and does
   * no I/O. Call it on the line before something irreversible. It does nothing when `protected` is false.
   *
   * @throws {LeaseLostError} `ERR_LEASE_LOST`.
   */
  assertHeld(): void;
  /**
   * Moves an instance of a state machine once per key, however many attempts there are. The n-th transition of this run
   * with the same machine, id and event is the same step in every attempt. A repeat of the step returns the first
   * result with `replayed` true.
   *
   * A step is refused when the lease's deadline is over by this process's clock, or when the instance has seen a larger
   * fence of this key. The check of the fence is advisory: record and instance are two slots of Redis and cannot change
   * in one step. When `protected` is false, every call is a step of its own.
   *
   * @param machine A machine, or the id of one that is defined in this process.
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
 * Returns the context of the innermost running `fn`, through `AsyncLocalStorage`, or undefined outside any `fn`. It
 * works across several copies of this module in one process.
 */
export function currentIdempotency(): IdempotencyContext | undefined;

// ---------------------------------------------------------------------------------------------- outcomes

/**
 * `executed`: this call ran `fn`. `replayed`: the outcome came from the record (also when the call waited for another
 * process to finish the run). `joined`: another call in this process was running `fn`, and this call shares its
 * outcome.
 */
export type OutcomeStatus = 'executed' | 'replayed' | 'joined';

/** What every outcome carries. */
export interface OutcomeBase {
  /** How this call got the outcome. */
  readonly status: OutcomeStatus;
  /** Number of the attempt that produced the outcome, from 1. */
  readonly attempt: number;
}

/** `fn` returned. */
export interface ValueOutcome<T> extends OutcomeBase {
  readonly kind: 'value';
  /** What `fn` returned. A duplicate gets an equal value, a copy of its own. */
  readonly value: T;
}

/** `fn` called Next's `redirect()` or `permanentRedirect()`. */
export interface RedirectOutcome extends OutcomeBase {
  readonly kind: 'redirect';
  /** The target of the redirect. */
  readonly url: string;
  /** How the redirect changes the browser's history. */
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
  /**
   * What `fn` threw, untouched. A duplicate in another process, or one that is answered from the record, gets an equal
   * error.
   */
  readonly error: unknown;
  /**
   * Whether the error is the recorded outcome of the key (`onError: 'record'`), which every replay throws again. When it
   * is false, the error is that of one attempt, and a later call with the key is not answered with it.
   */
  readonly recorded: boolean;
}

/** How the run of a key ended. `kind` tells the variants apart. */
export type Outcome<T = unknown> = ValueOutcome<T> | RedirectOutcome | HttpOutcome | ErrorOutcome;

// ---------------------------------------------------------------------------------------------- options

/** What happens to the record when `fn` throws. See {@link IdempotencyDefaults.onError}. */
export type ErrorPolicy = 'release' | 'record' | 'hold';

/**
 * Which part of the payload is compared: a list of the paths that count (`['cart.items', 'total']`), the paths that do
 * not (`{ exclude: ['meta.sentAt', 'items.*.addedAt'] }`), or a function that returns what to compare.
 *
 * A path is names joined by dots; `*` stands for every element or field. A name in the payload may be spelled as form
 * libraries do: `items.0.price` finds `items[0].price` and `items[0][price]`, and `cart.total` also finds a field whose
 * name is `cart.total`. Where several places fit, all of them count.
 *
 * A path that selects nothing of a payload is refused with `ERR_INVALID_ARGUMENT`, since a selection of nothing would
 * let any payload have the first one's outcome. `'coupon?'` may be missing. A path of `exclude` that leaves nothing out
 * is named on stderr, in development only. A function must not return undefined; return null to compare nothing.
 */
export type Fingerprint<P = unknown> =
  | readonly string[]
  | { readonly exclude: readonly string[] }
  | ((payload: P) => unknown);

/**
 * The options that make sense for many calls. Give them once in `createClient({ defaults })`, or per call. Durations
 * are whole milliseconds, at least 1 and at most 2_147_483_647 (`retentionMs`: 315_360_000_000, ten years). A zero,
 * negative, fractional, `NaN` or infinite duration is refused with `ERR_INVALID_ARGUMENT` before any I/O.
 */
export interface IdempotencyDefaults {
  /**
   * What a duplicate does while the run is in flight. With `wait` it waits for the run's outcome, and takes over if the
   * owner dies. With `reject` it rejects at once with `ERR_IN_PROGRESS`.
   * @default 'wait'
   */
  onDuplicate?: 'wait' | 'reject' | undefined;
  /**
   * How long a duplicate waits before it rejects with `ERR_IN_PROGRESS`. Keep it below the platform's own limit.
   * @default 10_000
   */
  waitTimeoutMs?: number | undefined;
  /**
   * What happens after an attempt has vanished: its process died, or froze longer than its lease. `rerun` runs `fn`
   * again (at least once; `ctx.recovered` is then true). `hold` never starts `fn` a second time: callers get
   * `ERR_INDETERMINATE` until somebody calls `resolve()`, or until the vanished attempt completes after all. The policy
   * of the call that *started* the attempt decides.
   * @default 'rerun'
   */
  onCrash?: 'rerun' | 'hold' | undefined;
  /**
   * What happens to the record when `fn` throws. The caller always gets exactly what `fn` threw. `release`: a later
   * call runs `fn` again. The error is not stored, except while calls in other processes wait for the run: then it is
   * stored for `waitTimeoutMs`, and for 10 seconds at least. `record`: the error is kept, and a replay throws it again.
   * `hold`: the record becomes indeterminate, because a provider's timeout does not prove that the charge failed. The
   * option may also be a function of the error that returns one of these three words. The function must be synchronous;
   * when it throws or returns anything else, the default applies.
   * @default 'release', or 'hold' when `onCrash` is 'hold'
   */
  onError?: ErrorPolicy | ((error: unknown) => ErrorPolicy) | undefined;
  /**
   * What happens when the store cannot be reached before `fn`. `reject`: the call rejects with `ERR_STORE_UNAVAILABLE`
   * and runs nothing. `run`: `fn` runs without protection (`ctx.protected` is false, nothing is recorded). The option
   * also covers a full store and a protocol error, but not where the store, which takes no write, still shows a record
   * at the key: the record is somebody's run, or its outcome. It does not cover a refusal (`ERR_STORE_REFUSED`),
   * because waiting does not mend a refusal.
   * @default 'reject'
   */
  onStoreUnavailable?: 'reject' | 'run' | undefined;
  /**
   * How long a claim holds without renewal, at least 100. A native thread renews the lease after each third of this
   * time, for as long as the process lives. So `leaseMs` limits the wait after a crash, not the run time of `fn`. When
   * `leaseMs` is above `maxLeaseMs`, `maxLeaseMs` applies.
   * @default 30_000
   */
  leaseMs?: number | undefined;
  /**
   * After this time the lease is no longer renewed: `ctx.signal` aborts, and the caller gets `ERR_LEASE_LOST` even if
   * `fn` never settles. At least 100.
   * @default 900_000
   */
  maxLeaseMs?: number | undefined;
  /**
   * How long an outcome is kept and replayed.
   * @default 86_400_000
   */
  retentionMs?: number | undefined;
  /**
   * Largest encoded result, in bytes. If the result is larger, the caller still gets it, but the record keeps no value:
   * replays get `ERR_RESULT_UNAVAILABLE`, and `fn` does not run again. The same holds for a result that the server does
   * not take for its size. At most 33_554_432; the built-in codec stops at 8 Mi characters.
   * @default 1_048_576
   */
  maxResultBytes?: number | undefined;
  /**
   * How long recording is retried in the background when the store fails after `fn`. The caller already has its value
   * by then. `close()` waits for this recording.
   * @default 60_000
   */
  recordTimeoutMs?: number | undefined;
  /**
   * Limits how many keys a scope may have at a time. When the scope is full, a new key is refused with `ERR_QUOTA`, and
   * `fn` does not run. A key that has a record is answered as always; it was counted once, when it was new. A key
   * counts for `retentionMs`, and for up to a sixteenth of that time longer. When two processes begin the same new key
   * at once, it may count twice. Put whoever sends the keys into `scope`: a scope that everybody shares is full for
   * everybody. A new key costs two more commands, one after the other; a duplicate costs one more. 1 to 1_000_000_000.
   * @default none: not counted
   */
  maxKeysPerScope?: number | undefined;
  /**
   * When false, `fn` runs every time, without a claim and without the store, as if the wrapper were not there. The
   * environment variable `ACTONCE_DISABLED=1` does the same for every call and says so once on stderr; where the addon
   * cannot be loaded, such calls do without it.
   * @default true
   */
  enabled?: boolean | undefined;
}

/** Options of one call. The options of {@link IdempotencyDefaults} override the client's `defaults` here. */
export interface IdempotencyOptions<T = unknown, P = unknown> extends IdempotencyDefaults {
  /**
   * The operation and the user that the key belongs to: `['placeOrder', userId]`. Without a scope, equal keys under one
   * prefix are the same key, whoever sends them; in development, stderr says so once. Empty parts, an empty array and
   * non-finite numbers are refused.
   * @default none
   */
  scope?: Scope | undefined;
  /**
   * What the call is about. The same key with another payload is refused with `ERR_KEY_REUSED`. The order of object
   * keys and of `Map` and `Set` entries does not matter; the order of arrays and the difference between `1` and `'1'`
   * do. In `FormData`, React's `$ACTION_*` entries and the field `idempotency-key` are left out. Of a file, name, size,
   * type and the first 16 MiB of its bytes are compared. Only a hash of the payload is stored. `undefined` means that
   * nothing is compared.
   * @default not compared
   */
  payload?: P | undefined;
  /**
   * Which part of `payload` is compared.
   * @default all of it
   */
  fingerprint?: Fingerprint<P> | undefined;
  /**
   * Runs before `fn` when nobody knows how an earlier attempt ended (`ctx.recovered`). When it returns `{ value }` (it
   * found the order in the database), that value completes the record and `fn` does not run. When it returns
   * `undefined`, `fn` runs. When it throws, the key is released and the caller gets that error. A `redirect()` or
   * `notFound()` is no error but what it found: it completes the record. So do not redirect to a login page here.
   * @default none
   */
  recover?: ((ctx: IdempotencyContext) => Recovered<T> | PromiseLike<Recovered<T>>) | undefined;
  /**
   * Cancels the claim and the waiting, but never an `fn` that has started. The call rejects with `signal.reason`, and a
   * claim that is under way is withdrawn.
   * @default none
   */
  signal?: AbortSignal | undefined;
  /**
   * Called and awaited once per caller, after the outcome is known and recorded, on first runs and on replays: the
   * place for cookies, revalidation and `after()`. It is not called when there is no outcome (a refusal such as
   * `ERR_IN_PROGRESS`). An error that it throws does not alter the outcome and is reported as a process warning. Next's
   * control flow (`redirect()`) is the exception: it reaches this caller.
   * @default none
   */
  onResponse?: ((outcome: Outcome<T>) => unknown) | undefined;
  /**
   * When true, or a function that returns true, this one call runs `fn` without a claim, as with `enabled: false`. The
   * key is not looked at then. A function that throws counts as false, and the error is reported as a process warning.
   * @default false
   */
  skip?: boolean | (() => boolean | PromiseLike<boolean>) | undefined;
}

/** What `recover` found: the value of the earlier attempt, or nothing. */
// biome-ignore lint/suspicious/noConfusingVoidType: a recover function without a return statement is intended.
export type Recovered<T> = { readonly value: T } | undefined | void;

/** Runs `fn` once per key; see the overview at the top. */
export interface WithIdempotency {
  /**
   * Runs `fn` once per key and returns its value, or the recorded outcome of the run that already happened. A recorded
   * error, redirect, not-found, forbidden or unauthorized is thrown again.
   *
   * @param key The idempotency key, made by the client for one intent: 1 to 255 bytes of well-formed UTF-8.
   * @param fn Called with the context, in the caller's async context. May be async; not a generator function.
   * @param options See {@link IdempotencyOptions}.
   * @returns What `fn` returned, once the record says completed.
   * @throws What `fn` threw, untouched.
   * @throws {ActonceError} `ERR_INVALID_ARGUMENT` an argument or option cannot be used; nothing was sent.
   * @throws {ActonceError} `ERR_KEY_MISSING` the key is undefined, null or empty; nothing was sent.
   * @throws {KeyReusedError} `ERR_KEY_REUSED` the key was used with another payload.
   * @throws {InProgressError} `ERR_IN_PROGRESS` another call is running, and this call does not wait (any longer).
   * @throws {QuotaError} `ERR_QUOTA` the key is new, and its scope has `maxKeysPerScope` others.
   * @throws {IndeterminateError} `ERR_INDETERMINATE` nobody knows how an earlier attempt ended, and `onCrash` was
   *   `hold`.
   * @throws {LeaseLostError} `ERR_LEASE_LOST` the lease was lost and the completion refused, or `maxLeaseMs` is over.
   * @throws {ActonceError} `ERR_REENTRANT` the same key was used inside its own `fn`.
   * @throws {ResultUnavailableError} `ERR_RESULT_UNAVAILABLE` `fn` ran, but its value could not be kept.
   * @throws {ActonceError} `ERR_RECORD_UNREADABLE` something else or something newer is stored at the key.
   * @throws {ActonceError} `ERR_STORE_UNAVAILABLE`, `ERR_STORE_FULL`, `ERR_STORE_REFUSED`, `ERR_STORE_PROTOCOL`,
   *   `ERR_DURABILITY` the store failed before `fn`; `fn` did not run.
   * @throws {ActonceError} `ERR_CLOSED` the client was closed.
   */
  <T, P = unknown>(
    key: string,
    fn: (ctx: IdempotencyContext) => T | PromiseLike<T>,
    options?: IdempotencyOptions<T, P>,
  ): Promise<T>;

  /**
   * Does the same, but resolves to how the run ended instead of returning or throwing it: values, redirects, HTTP
   * endings and what `fn` threw are all outcomes. Refusals (`ERR_…`) are still thrown.
   */
  outcome<T, P = unknown>(
    key: string,
    fn: (ctx: IdempotencyContext) => T | PromiseLike<T>,
    options?: IdempotencyOptions<T, P>,
  ): Promise<Outcome<T>>;
}

/**
 * {@link WithIdempotency} of the default client. The client is made on first use from `ACTONCE_URL`, or else from
 * `REDIS_URL`. With neither, the client uses the embedded store outside production (stderr says so once); in production
 * the call rejects with `ERR_INVALID_ARGUMENT`, and the message names the two variables.
 */
export const withIdempotency: WithIdempotency;

// ---------------------------------------------------------------------------------------------- operating

/** What is stored about one key. */
export interface RecordView {
  /** The name of the record in logs, events and errors. The Redis key is `<prefix>:{<hash>}`. */
  readonly hash: string;
  /** `released`: an attempt ended without an outcome, or the record was reset; the next call runs `fn`. */
  readonly state: 'processing' | 'indeterminate' | 'released' | 'completed' | 'failed';
  /** Number of the newest attempt. */
  readonly attempt: number;
  /** Fence of the newest attempt. */
  readonly fence: number;
  /** True when nobody knows how an earlier attempt ended. */
  readonly recovered: boolean;
  /** What happens if the attempt vanishes. */
  readonly onCrash: 'rerun' | 'hold';
  /** Time left of the lease, in milliseconds; 0 when the lease is over. Only while `processing`. */
  readonly leaseRemainingMs?: number;
  /** When the record became indeterminate, by the store's clock; only while `indeterminate`. */
  readonly since?: Date;
  /**
   * Time until the record itself expires, in milliseconds; `Number.MAX_SAFE_INTEGER` when somebody made the record
   * permanent.
   */
  readonly expiresInMs: number;
  /**
   * Id of the key that the outcome is encrypted with; only when the outcome is encrypted. `outcome` is then absent:
   * looking at a record needs no right to read personal data.
   */
  readonly keyId?: string;
  /**
   * The recorded outcome, decoded; only when the state is `completed` or `failed`, and the outcome is not encrypted.
   */
  readonly outcome?: RecordedOutcome;
}

/** A recorded outcome as `inspect` shows it. */
export type RecordedOutcome =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'redirect'; readonly url: string; readonly type: 'push' | 'replace'; readonly httpStatus: number }
  | { readonly kind: 'http'; readonly httpStatus: number }
  | { readonly kind: 'error'; readonly error: unknown }
  /** The outcome was not kept: `unencodable`, `too-large` or `lost`. */
  | { readonly kind: 'unavailable'; readonly reason: string };

/** Options of `reset`. */
export interface ResetOptions {
  /**
   * Reset the record even while an attempt holds a live lease. The completion of that attempt will be refused.
   * @default false
   */
  force?: boolean | undefined;
}

/** How an operator settles an indeterminate record. */
export type Resolution = (
  | {
      /**
       * The outcome, found elsewhere (in the provider's ledger, in the database); it is replayed from now on. For a
       * route, a `Response`; replays of a route answer any other value as JSON with status 200.
       */
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
   * Resolve the record even while an attempt holds a live lease. The completion of that attempt will be refused.
   * @default false
   */
  readonly force?: boolean | undefined;
  /**
   * How long a `value` is kept, in milliseconds.
   * @default the client's default, else 86_400_000
   */
  readonly retentionMs?: number | undefined;
};

/**
 * Returns what is stored for a key, or undefined when nothing is. It changes nothing.
 *
 * @throws {ActonceError} `ERR_INVALID_ARGUMENT`, `ERR_KEY_MISSING`, `ERR_RECORD_UNREADABLE`, `ERR_STORE_…`,
 *   `ERR_CLOSED`.
 */
export function inspect(target: RecordTarget): Promise<RecordView | undefined>;

/**
 * Forgets the outcome of a key: the next call runs `fn`. A tombstone with a larger fence stays, so that a stale owner
 * is still refused. Other processes may replay the old outcome from their cache for up to 5 seconds.
 *
 * @returns `absent` when there was nothing to reset.
 * @throws {InProgressError} `ERR_IN_PROGRESS` an attempt holds a live lease and `force` was not given.
 * @throws {ActonceError} `ERR_INVALID_ARGUMENT`, `ERR_KEY_MISSING`, `ERR_RECORD_UNREADABLE`, `ERR_STORE_…`,
 *   `ERR_DURABILITY`, `ERR_CLOSED`.
 */
export function reset(target: RecordTarget, options?: ResetOptions): Promise<'reset' | 'absent'>;

/**
 * Settles an indeterminate record, either with the value found elsewhere or by letting `fn` run again. Other processes
 * may replay what they have cached of an earlier outcome for up to 5 seconds.
 *
 * @returns `settled` when the record already had an outcome (nothing changed), `absent` when there is no record.
 * @throws {InProgressError} `ERR_IN_PROGRESS` an attempt holds a live lease and `force` was not given.
 * @throws {ResultUnavailableError} `ERR_RESULT_UNAVAILABLE` the value cannot be encoded, or is larger than
 *   `maxResultBytes`; nothing changed.
 * @throws {ActonceError} `ERR_INVALID_ARGUMENT`, `ERR_KEY_MISSING`, `ERR_RECORD_UNREADABLE`, `ERR_STORE_…`,
 *   `ERR_DURABILITY`, `ERR_CLOSED`.
 */
export function resolve(target: RecordTarget, resolution: Resolution): Promise<'resolved' | 'settled' | 'absent'>;

/**
 * Listens to the default client's events; see {@link ActonceClient.on}. It opens no connection, and you may call it
 * before the client's first use.
 */
export const on: Subscribe;

/** Closes the default client; see {@link ActonceClient.close}. The next use makes a new client. */
export function close(options?: CloseOptions): Promise<void>;

/** Options of `close`. */
export interface CloseOptions {
  /**
   * How long to wait for runs and for outcomes that are not recorded yet, in milliseconds. 0 waits for nothing.
   * @default 5_000
   */
  graceMs?: number | undefined;
}

// ---------------------------------------------------------------------------------------------- events

/** What every event carries. No event carries the key, the payload or a result. */
export interface EventBase {
  /** Names the record; `inspect`, `reset` and `resolve` take it. */
  readonly hash: string;
  /** The first part of an array `scope`. */
  readonly operation: string | undefined;
  /** The attempt that the event is about; 0 when none is known. */
  readonly attempt: number;
  /** Time since the call was made, in milliseconds. */
  readonly durationMs: number;
}

/** This call holds the key; `fn` (or `recover`) runs next. */
export interface ClaimedEvent extends EventBase {
  readonly type: 'claimed';
  readonly fence: number;
}
/** Nobody knows how the attempt before this call's claim ended. The event comes after `claimed`. */
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
/** The call waited for a run of another process. The event of the call's own outcome follows. */
export interface WaitedEvent extends EventBase {
  readonly type: 'waited';
}
/** The call was refused with `ERR_IN_PROGRESS`. */
export interface InProgressEvent extends EventBase {
  readonly type: 'in-progress';
  readonly retryAfterMs: number;
}
/** The call was refused with `ERR_KEY_REUSED`. */
export interface MismatchEvent extends EventBase {
  readonly type: 'mismatch';
}
/** The call was refused with `ERR_QUOTA`. */
export interface QuotaEvent extends EventBase {
  readonly type: 'quota';
  readonly retryAfterMs: number;
}
/** The call was refused with `ERR_INDETERMINATE`. */
export interface IndeterminateEvent extends EventBase {
  readonly type: 'indeterminate';
  readonly fence: number;
}
/** The lease was lost while `fn` ran. */
export interface LeaseLostEvent extends EventBase {
  readonly type: 'lease-lost';
  readonly reason: LeaseLossReason;
}
/** The store refused to record how this run ended: a newer attempt owns the key, or the record is gone. */
export interface StaleWriteEvent extends EventBase {
  readonly type: 'stale-write';
}
/** The outcome is recorded: a value, a redirect, an HTTP ending, or (with `onError: 'record'`) an error. */
export interface CompletedEvent extends EventBase {
  readonly type: 'completed';
  readonly kind: 'value' | 'redirect' | 'http' | 'error';
}
/** `fn` threw, and the key was released. */
export interface ReleasedEvent extends EventBase {
  readonly type: 'released';
}
/** `fn` threw, and the record was left indeterminate (`onError: 'hold'`). */
export interface HeldEvent extends EventBase {
  readonly type: 'held';
}
/**
 * The caller has its outcome, but the record is not complete. `delayed`: the store fails, and recording goes on in the
 * background. `store-error`: recording was given up. `unencodable`, `too-large` or `lost`: the record is completed
 * without a value. `durability`: the outcome is recorded, but fewer replicas or disks than asked for had it in time.
 */
export interface ResultUnrecordedEvent extends EventBase {
  readonly type: 'result-unrecorded';
  readonly reason: 'delayed' | 'store-error' | 'unencodable' | 'too-large' | 'lost' | 'durability';
  /** For `unencodable`: the place in the value that cannot be encoded. */
  readonly path?: string;
}
/** The store failed for this call, before or after `fn`. */
export interface StoreErrorEvent extends EventBase {
  readonly type: 'store-error';
  readonly code: ErrorCode;
  readonly message: string;
}

/** Every event of a client. `type` tells the events apart; each type comes at most once per call. */
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

/** Listens to events. An error that a listener throws never alters an outcome and is reported as a process warning. */
export interface Subscribe {
  /**
   * Listens to every event.
   *
   * ```ts
   * client.on((event) => logger.info(event, 'actonce'))
   * ```
   * @returns A function that ends the subscription.
   */
  (listener: (event: IdempotencyEvent) => void): () => void;
  /** Listens to events of one type. */
  <K extends IdempotencyEvent['type']>(
    type: K,
    listener: (event: Extract<IdempotencyEvent, { type: K }>) => void,
  ): () => void;
}

// ---------------------------------------------------------------------------------------------- client

/** Turns results into text and back. The text that `encode` returns is stored as it is. */
export interface Codec {
  /** @throws Anything: the record is then completed without a value. */
  encode(value: unknown): string;
  /** @throws Anything: the caller then gets `ERR_RECORD_UNREADABLE`. */
  decode(text: string): unknown;
}

/** A class that recorded errors come back as, recognised by its `name`. */
// biome-ignore lint/suspicious/noExplicitAny: constructors of any signature are intended; none is called.
export type ErrorClass = abstract new (...args: any[]) => Error;

/**
 * A class whose instances are recorded and come back as instances. Without it an instance of a class is refused, since
 * a replay would get another value than the first caller. docs/recipes/decimal.md has ready ones for decimal.js and
 * Prisma.
 */
// biome-ignore lint/suspicious/noExplicitAny: classes of any type are meant, side by side in one array.
export interface ValueClass<T = any, Data = any> {
  /** Names the class in records: records made before a change of it cannot be read after it. */
  readonly name: string;
  /** Whether a value is an instance. It is asked about instances of classes only, never about plain data. */
  is(value: unknown): boolean;
  /** What is recorded of an instance: any value that can be recorded, without the instance itself in it. */
  encode(value: T): Data;
  /** Makes the instance again. What it throws makes the record `ERR_RECORD_UNREADABLE`, and `fn` does not run. */
  decode(data: Data): T;
}

/** Limits of the cache of recent outcomes. */
export interface CacheOptions {
  /**
   * Largest number of outcomes: 2 to 1_000_000. The cache always holds at least the latest half of this number, as far
   * as `maxBytes` and `maxAgeMs` allow.
   * @default 1_000
   */
  maxEntries?: number | undefined;
  /**
   * Largest size of all outcomes together, in bytes of encoded text: 2 to 33_554_432. An outcome larger than half of
   * this size is not kept. When an outcome of up to 8 Ki characters of JSON has been replayed from the cache twice, the
   * cache also keeps its value, which takes several times the bytes of the text.
   * @default 8_388_608
   */
  maxBytes?: number | undefined;
  /**
   * How long the cache answers with an outcome, in milliseconds: 1 to 5_000. After a suspend of the machine the cache is
   * empty. A replay does not say how long its record still lives. If the call's `retentionMs` is at least a minute, the
   * cache may answer with the replayed outcome for this long after the record has expired.
   * @default 5_000
   */
  maxAgeMs?: number | undefined;
}

/** TLS for `rediss://`. Certificates and keys are PEM texts. `docs/servers.md` says which server needs which option. */
export interface TlsOptions {
  /**
   * Certificate authority (or several). The client trusts no other.
   * @default those that Node trusts (its own list, `NODE_EXTRA_CA_CERTS`, `--use-system-ca`) and those of the system
   */
  ca?: string | undefined;
  /**
   * Client certificate. `cert` and `key` must be given together.
   * @default none
   */
  cert?: string | undefined;
  /**
   * Private key of `cert`.
   * @default none
   */
  key?: string | undefined;
  /**
   * The name that the client sends to the server and expects in its certificate. With Sentinels or a cluster, it is the
   * same name for all servers.
   * @default the host of the URL, or the host that Sentinels and nodes report
   */
  servername?: string | undefined;
  /**
   * SHA-256 of the server's certificate: 64 hexadecimal digits, with or without colons. Or several, one of which must
   * match. The client accepts a certificate with this fingerprint whatever its issuer, its name and its dates, and no
   * other certificate. Not together with `ca`.
   * @default none
   */
  fingerprint256?: string | readonly string[] | undefined;
}

/** A key of {@link EncryptionOptions}. */
export interface EncryptionKey {
  /** Names the key in records: 1 to 32 letters, digits, `.`, `_` or `-`. A new key needs a new id. */
  readonly id: string;
  /** 32 random bytes: as bytes, in hex (64 digits) or in base64 (`openssl rand -base64 32`). */
  readonly key: string | Uint8Array;
}

/** Encryption of recorded outcomes; see docs/encryption.md. */
export interface EncryptionOptions {
  /**
   * The first key writes; all keys read. Rotate in three steps, and finish each step on every instance before the next:
   * `[old, new]`, then `[new, old]`, and after a retention period `[new]`.
   */
  keys: readonly EncryptionKey[];
  /**
   * Also read outcomes that are not encrypted. Set it for the retention period in which you introduce encryption, and
   * no longer: while it is set, whoever can write to Redis can replace an outcome.
   * @default false
   */
  readsPlaintext?: boolean | undefined;
}

/** Compression of recorded outcomes. */
export interface CompressionOptions {
  /**
   * Outcomes of at least this many bytes are compressed where that makes them shorter; 64 to 33_554_432. An outcome
   * above 16 MiB is not compressed.
   * @default 1_024
   */
  minBytes?: number | undefined;
  /**
   * Must be true when `encryption` is set too. Encryption does not hide the length of an outcome. With compression the
   * length also tells how well the outcome compresses, and so reveals something of its content.
   * @default false
   */
  beforeEncryption?: boolean | undefined;
}

/** Options of {@link createClient}. */
export interface ClientOptions {
  /**
   * `memory:` (in this process, shared by its worker threads), `redis://[user:password@]host[:port][/database]`,
   * `rediss://…` (TLS), `unix:///path[?db=n]`, `redis+sentinel://[user:password@]host[:port],…/service[/database]` or
   * `redis+cluster://[user:password@]host[:port],…` (the last two also with `rediss`): Redis 6.2 or newer, Valkey, or a
   * compatible service. See `docs/servers.md`.
   * @default `ACTONCE_URL`, else `REDIS_URL`, else (outside production) `memory:`
   */
  url?: string | undefined;
  /**
   * First part of every Redis key: letters, digits, `.`, `_`, `-` and `:`, 1 to 64 characters.
   * @default 'actonce'
   */
  prefix?: string | undefined;
  /**
   * A secret for the hash that names records, at least 16 characters long. With a secret, no client can search for keys
   * that land in a chosen slot of a cluster. An array rotates secrets: records are looked for under all of them, and
   * `fn` runs under the first one only. Roll out in three steps: `[old, new]` on every instance, then `[new, old]`, and
   * `new` alone after a retention period, at least an hour, from the last run and the last `resolve` under the old order
   * (`docs/guarantees.md` says when exactly). An instance that knows only the old secret does not find records made
   * under the new one, and would run `fn` again.
   * @default `ACTONCE_SECRET`, else none
   */
  secret?: string | readonly string[] | undefined;
  /**
   * Options for every call of this client.
   * @default see {@link IdempotencyDefaults}
   */
  defaults?: IdempotencyDefaults | undefined;
  /**
   * How results are written. Recorded errors and redirects have a format of their own. Records made before a change of
   * codec stay readable.
   * @default JSON where it is exact, a long text as it is, a Buffer as base64, else devalue with Error, FormData, Blob,
   *   File, Headers, Buffer and Symbol.for
   */
  codec?: Codec | undefined;
  /**
   * The classes that recorded errors come back as.
   * @default JavaScript's own
   */
  errors?: readonly ErrorClass[] | undefined;
  /**
   * Classes whose instances may be in results and in recorded errors. With a `codec` of your own, only errors use them.
   * @default none: an instance of a class is refused (`ERR_RESULT_UNAVAILABLE`), also one with `toJSON`
   */
  values?: readonly ValueClass[] | undefined;
  /**
   * A small cache of recent outcomes in this process; `false` switches it off. It is never used with `memory:`.
   * @default { maxEntries: 1_000, maxBytes: 8_388_608, maxAgeMs: 5_000 }
   */
  cache?: CacheOptions | false | undefined;
  /**
   * Where the connection lives. `loop`: on Node's event loop; where the runtime does not lend its event loop (Bun),
   * `createClient` throws. `thread`: on a native thread. `auto`: on the event loop wherever that is possible, else on
   * the thread.
   * @default 'auto'
   */
  executor?: 'auto' | 'loop' | 'thread' | undefined;
  /**
   * Longest wait for a connection, TLS and authentication included, in milliseconds.
   * @default 2_000
   */
  connectTimeoutMs?: number | undefined;
  /**
   * Longest wait for one reply, in milliseconds. After this time the connection is given up and the command is sent
   * again. The wait is never longer than a third of the lease.
   * @default 1_000
   */
  commandTimeoutMs?: number | undefined;
  /**
   * Longest time, in milliseconds, that a call spends on the store before `fn`, repetitions included. The same limit
   * applies once more after `fn`: then the caller gets its value, and recording goes on in the background.
   * @default 5_000
   */
  totalTimeoutMs?: number | undefined;
  /**
   * TLS for `rediss://`.
   * @default the certificate authorities of Node and of the system, no client certificate
   */
  tls?: TlsOptions | undefined;
  /**
   * Which replicas and disks must have a write before it counts. Every write of this client then waits for them: a
   * claim before `fn` runs, each renewal before the lease counts as longer, an outcome before it counts as recorded.
   * See `docs/guarantees.md` for what durability gains and what it does not gain. Not with `memory:`.
   * @default none: the primary's memory
   */
  durability?: DurabilityOptions | undefined;
  /**
   * What happens to a client whose server may evict records: `maxmemory` is set, and `maxmemory-policy` is not
   * `noeviction`. When a record is evicted, the next call with its key runs `fn` again. `warn` emits a process warning
   * (`ActonceWarning`) once per client. `refuse` refuses every call with `ERR_STORE_REFUSED`. The client asks with
   * `INFO memory` whenever it makes a connection. If the server does not tell, or the user has no right to ask, the
   * client works as usual.
   * @default 'warn'
   */
  eviction?: 'warn' | 'refuse' | undefined;
  /**
   * Encrypts what is recorded: results, errors, redirects. It does not encrypt the data of state machines.
   * @default none: recorded outcomes are readable text
   */
  encryption?: EncryptionOptions | undefined;
  /**
   * Compresses what is recorded. A client reads compressed outcomes with or without this option.
   * @default none
   */
  compression?: CompressionOptions | undefined;
}

/** Replicas and disks that must have a write. */
export interface DurabilityOptions {
  /**
   * How many replicas must have the write (`WAIT`): 0 to 100, and with `fsync: false` at least 1. To survive every
   * single failover, name as many replicas as can be promoted; fewer only make a loss less likely.
   */
  replicas: number;
  /**
   * How long a write may wait for the replicas and disks, in milliseconds; at most a third of `leaseMs`. After this
   * time a claim is withdrawn, and the call rejects with `ERR_DURABILITY`. An outcome still goes to its caller, with
   * the events `store-error` and `result-unrecorded` (`durability`).
   * @default 1_000
   */
  timeoutMs?: number | undefined;
  /**
   * When true, the write must also be on the disk of the primary and of the replicas (`WAITAOF`). Needs Redis 7.2 or
   * newer with `appendonly yes`; Valkey only with `appendfsync always`. Any other server is refused with
   * `ERR_STORE_REFUSED`.
   * @default false
   */
  fsync?: boolean | undefined;
}

/** A client of one store. When it is printed, it shows its URL without the login, and its prefix. */
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
   * Accepts no new call (`ERR_CLOSED`), waits up to `graceMs` for running calls and for outcomes that are not recorded
   * yet, then closes the connection. If a run takes longer, its caller still gets its value, but nothing is recorded.
   * An unreachable store never makes `close` reject.
   *
   * @throws {ActonceError} `ERR_INVALID_ARGUMENT`.
   */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * Makes a client. Nothing connects before the first call. Make one client per process and keep it: each client has its
 * own connection until you close it. When ten clients of one store are open, a process warning (`ActonceWarning`) says
 * so once.
 *
 * @throws {ActonceError} `ERR_INVALID_ARGUMENT` an option cannot be used.
 * @throws {ActonceError} `ERR_UNSUPPORTED_PLATFORM` actonce cannot run here: the message says why and what helps.
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
  /** What happened in this case, in words. */
  detail?: string | undefined;
  /** Names the record. */
  hash?: string | undefined;
  /** When asking again makes sense, in milliseconds from now. */
  retryAfterMs?: number | undefined;
  /** What led to the error. */
  cause?: unknown;
}

/**
 * Every error of this package. Tell errors apart by `code` or with {@link isActonceError}: `instanceof` fails when an
 * app holds two copies of the module.
 */
export class ActonceError extends Error {
  constructor(code: ErrorCode, details?: ErrorDetails);
  /** Stable; never compare messages. */
  readonly code: ErrorCode;
  /** Whether the same call with the same key may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  /**
   * `ACTONCE;<code>;<retryAfterMs>`: what Next.js lets through to the browser in production. Empty once the refusal of
   * an inner call has left the function of an outer one: it says nothing about the outer key.
   */
  readonly digest: string;
  /** Names the record; undefined when no record is concerned. */
  readonly hash: string | undefined;
  /** When asking again makes sense, in milliseconds; 0 when there is no such hint. */
  readonly retryAfterMs: number;
}

/** One thing that a schema found wrong, in the form of Standard Schema. */
export interface InputIssue {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

/** `ERR_INVALID_INPUT`: the input of an action or a route does not fit its schema. Nothing was recorded. */
export class InvalidInputError extends ActonceError {
  constructor(issues: readonly InputIssue[], details?: ErrorDetails);
  readonly code: 'ERR_INVALID_INPUT';
  /** What the schema found, in the schema's order. */
  readonly issues: readonly InputIssue[];
}

/** `ERR_KEY_REUSED`: the key was used with another payload. The first payload's outcome is untouched. */
export class KeyReusedError extends ActonceError {
  constructor(details?: ErrorDetails);
  readonly code: 'ERR_KEY_REUSED';
}

/**
 * `ERR_IN_PROGRESS`: another call is running. `retryAfterMs` is the time left of that call's lease: by then the call
 * has ended, has renewed its lease, or may be taken over.
 */
export class InProgressError extends ActonceError {
  constructor(details?: ErrorDetails);
  readonly code: 'ERR_IN_PROGRESS';
}

/**
 * `ERR_QUOTA`: the key is new, and its scope has as many keys as `maxKeysPerScope` allows. After `retryAfterMs` the
 * first of those keys are forgotten.
 */
export class QuotaError extends ActonceError {
  constructor(details?: ErrorDetails);
  readonly code: 'ERR_QUOTA';
}

/** `ERR_INDETERMINATE`: an attempt started, nobody knows how it ended, and its policy forbids another attempt. */
export class IndeterminateError extends ActonceError {
  constructor(fence: number, since: Date, details?: ErrorDetails);
  readonly code: 'ERR_INDETERMINATE';
  /** The vanished attempt's fence. */
  readonly fence: number;
  /** When the record became indeterminate, by the store's clock. */
  readonly since: Date;
}

/**
 * `expired`: the lease was not renewed in time. `refused`: the store says that another attempt owns the key, or that
 * the record is gone. `max-lease`: `maxLeaseMs` is over.
 */
export type LeaseLossReason = 'expired' | 'refused' | 'max-lease';

/** `ERR_LEASE_LOST`: this attempt no longer owned the key when it ended, or has to assume so. */
export class LeaseLostError extends ActonceError {
  constructor(reason: LeaseLossReason, details?: ErrorDetails & { value?: unknown; hasValue?: boolean });
  readonly code: 'ERR_LEASE_LOST';
  /** How the lease was lost. */
  readonly reason: LeaseLossReason;
  /** Whether `fn` had returned. */
  readonly hasValue: boolean;
  /**
   * What `fn` had returned. Its effect happened, although the recorded outcome is that of another attempt. It is not an
   * own property of the error, so logging the error does not log the value.
   */
  readonly value: unknown;
}

/** `ERR_RESULT_UNAVAILABLE`: the run completed, but its value is not in the record. `fn` will not run again. */
export class ResultUnavailableError extends ActonceError {
  constructor(reason: 'unencodable' | 'too-large' | 'lost', path?: string, details?: ErrorDetails);
  readonly code: 'ERR_RESULT_UNAVAILABLE';
  /** Why the value is not in the record. `lost`: the process that had the value died before it could record it. */
  readonly reason: 'unencodable' | 'too-large' | 'lost';
  /** For `unencodable`: the place in the value that cannot be encoded. */
  readonly path: string | undefined;
}

/** The error class of each code that has one. */
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
 * Whether a caught value is an error of this package, from whichever copy of the module; with a code, whether the error
 * has that code.
 */
export function isActonceError(value: unknown): value is ActonceError;
export function isActonceError<C extends ErrorCode>(
  value: unknown,
  code: C,
): value is C extends keyof ErrorByCode ? ErrorByCode[C] : ActonceError & { readonly code: C };
