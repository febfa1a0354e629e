/**
 * State machines: an instance (the payment of an order) can move only along the transitions that its machine defines.
 *
 * ```ts
 * export const payment = defineStateMachine({
 *   id: 'payment',
 *   initial: 'requested',
 *   states: {
 *     requested: { on: { PROCESS: 'processing', CANCEL: 'cancelled' } },
 *     processing: { on: { COMPLETE: 'completed', FAIL: 'failed' }, after: { 900_000: 'failed' } },
 *     failed: { on: { RETRY: 'processing' } },
 *     completed: { type: 'final' },
 *     cancelled: { type: 'final' },
 *   },
 * })
 *
 * await payment.create(orderId)
 * await payment.send(orderId, 'PROCESS')  // a second one: ERR_INVALID_TRANSITION, whoever sends it
 * ```
 *
 * Part of `actonce`; `index.d.ts` exports all of this.
 *
 * @packageDocumentation
 */
import type { ActonceClient, ActonceError, ErrorDetails, IdempotencyContext } from './index';

// ---------------------------------------------------------------------------------------------- config

/** What XState's tools write for an empty part. */
type Nothing = readonly never[] | { readonly [name: string]: never } | undefined;

/** What XState's tools write beside a part; accepted and ignored. */
interface Described {
  readonly description?: string | undefined;
  readonly meta?: unknown;
}

/** Where an event or a delay leads. Guards and actions are refused: decide in your code, then send the event. */
export interface TransitionConfig extends Described {
  /** The name of a state, or `#<machine id>.<state>`. As in XState, a backslash may stand before a dot in a name. */
  readonly target: string;
  /**
   * Must be true for a transition from a state with an `after` to the same state: the transition restarts the `after`,
   * which XState does only on request.
   * @default false
   */
  readonly reenter?: boolean | undefined;
  readonly actions?: Nothing;
  readonly guard?: undefined;
  readonly cond?: undefined;
}

/** The short form, the long form, or a list that holds one of them. */
export type TransitionsConfig = string | TransitionConfig | readonly (string | TransitionConfig)[];

/** A state. Nested states (`states`) and parallel states are refused. */
export interface StateNodeConfig extends Described {
  readonly tags?: string | readonly string[] | undefined;
  /** `final`: nothing leads on, and the instance is kept for `retentionMs`. Only `final` and `atomic` are accepted. */
  readonly type?: 'final' | 'atomic' | (string & {}) | undefined;
  /** Events that lead on: 1 to 64 characters each, not starting with `.`, `#` or `xstate.`; no wildcards. */
  readonly on?: { readonly [event: string]: TransitionsConfig } | undefined;
  /**
   * Where the state leads after it has lasted this long: one delay in whole milliseconds, 1 to 315_360_000_000 (ten
   * years), by the store's clock. The transition is fired by whoever looks at the instance next, or by
   * {@link drainStateMachines}.
   * @default it lasts until an event
   */
  readonly after?: { readonly [delayMs: string]: TransitionsConfig } | undefined;
  readonly entry?: Nothing;
  readonly exit?: Nothing;
  readonly invoke?: Nothing;
  readonly always?: Nothing;
  readonly onDone?: Nothing;
  readonly states?: Nothing;
}

/**
 * A machine: the flat part of an XState config. You can give what Stately Studio exports and what `createMachine` takes
 * unchanged, as long as it has no nested or parallel states, guards, actions, invocations or context. Each of those is
 * refused with its path (`states.paid.on.REFUND.guard`), since leaving it out would make another machine.
 */
export interface StateMachineConfig extends Described {
  readonly tags?: string | readonly string[] | undefined;
  /** 1 to 64 characters without `:`. The id is part of every instance's name in the store, so it must not change. */
  readonly id: string;
  /** The state that a new instance is in. */
  readonly initial: string;
  /**
   * 1 to 256 states. Their names have 1 to 64 characters and do not start with `.` or `#`. Each state must be reachable
   * from `initial`.
   */
  readonly states: { readonly [state: string]: StateNodeConfig };
  readonly version?: string | undefined;
  /**
   * As in XState: `types: {} as { context: Payment }` gives an instance's `data` its type. It is never read at run
   * time.
   */
  readonly types?: unknown;
  /** Must be empty. Give an instance its data through `create` and `send`. */
  readonly context?: Nothing;
  readonly type?: 'compound' | (string & {}) | undefined;
  readonly on?: Nothing;
  readonly after?: Nothing;
  readonly always?: Nothing;
  readonly entry?: Nothing;
  readonly exit?: Nothing;
  readonly invoke?: Nothing;
  readonly onDone?: Nothing;
}

/** Options of {@link defineStateMachine}. */
export interface StateMachineOptions {
  /**
   * The client whose store holds the instances.
   * @default the client behind `withIdempotency`
   */
  client?: ActonceClient | undefined;
  /**
   * How long an instance in a final state is kept, in milliseconds: 1 to 315_360_000_000. All other instances are kept
   * forever.
   * @default 2_592_000_000 (30 days)
   */
  retentionMs?: number | undefined;
  /**
   * How many entries `history` returns: 1 to 1000, the newest ones. An instance remembers at least 16 entries, so that
   * it recognises a repeat.
   * @default 50
   */
  historyLimit?: number | undefined;
}

type NamesOf<T> = `${Extract<keyof T, string | number>}`;

/** The states of a config: the names in `states`, so also those of an imported JSON file. */
export type StateOf<C extends StateMachineConfig> = NamesOf<C['states']>;

/** The events of a config: every name in an `on`. */
export type EventOf<C extends StateMachineConfig> = {
  [S in keyof C['states']]: C['states'][S] extends { readonly on?: infer On } ? NamesOf<NonNullable<On>> : never;
}[keyof C['states']];

/** What the instances of a config hold: `types.context`, else `unknown`. */
export type DataOf<C extends StateMachineConfig> = C extends { readonly types: { readonly context: infer D } }
  ? D
  : unknown;

/** Replaces a part that does not fit in the type of a config, so that the compiler's message says why. */
interface Refused<Why extends string> {
  readonly refused: Why;
}

/** A name that TypeScript knows only as `string` (JSON) is checked when the machine is defined. */
type CheckedTarget<T, C extends StateMachineConfig> = T extends string
  ? string extends T
    ? T
    : T extends StateOf<C> | `#${C['id']}.${StateOf<C>}`
      ? T
      : Refused<`'${T}' is not in states`>
  : T;

type CheckedTransitions<T, C extends StateMachineConfig> = T extends string
  ? CheckedTarget<T, C>
  : T extends readonly unknown[]
    ? { readonly [I in keyof T]: CheckedTransitions<T[I], C> }
    : {
        readonly [K in keyof T]: K extends 'target'
          ? CheckedTarget<T[K], C>
          : K extends keyof TransitionConfig
            ? T[K]
            : Refused<`'${K & string}' is not known in a transition`>;
      };

type CheckedType<T> = T extends 'final' | 'atomic' | undefined
  ? T
  : string extends T
    ? T
    : Refused<`'${T & string}' states are not supported`>;

type CheckedState<N, C extends StateMachineConfig> = {
  readonly [K in keyof N]: K extends 'on'
    ? { readonly [E in keyof N[K]]: CheckedTransitions<N[K][E], C> }
    : K extends 'after'
      ? {
          readonly [Delay in keyof N[K]]: Delay extends number | `${number}`
            ? CheckedTransitions<N[K][Delay], C>
            : string extends Delay
              ? N[K][Delay]
              : Refused<'a delay is a number of milliseconds'>;
        }
      : K extends 'type'
        ? CheckedType<N[K]>
        : K extends keyof StateNodeConfig
          ? N[K]
          : Refused<`'${K & string}' is not known in a state`>;
};

/** The config again, with a sentence in place of each part that does not fit. */
export type Checked<C extends StateMachineConfig> = {
  readonly [K in keyof C]: K extends 'initial'
    ? string extends C[K]
      ? C[K]
      : C[K] extends StateOf<C>
        ? C[K]
        : Refused<`'${C[K] & string}' is not in states`>
    : K extends 'states'
      ? { readonly [S in keyof C[K]]: CheckedState<C[K][S], C> }
      : K extends keyof StateMachineConfig
        ? C[K]
        : Refused<`'${K & string}' is not known in a machine`>;
};

/**
 * Defines a machine. It connects nothing, so the call may stand at the top of a module, even of a module that Next
 * evaluates several times: an equal definition gives the same machine. In development a changed definition replaces the
 * old one.
 *
 * @param config See {@link StateMachineConfig}. States and events are inferred: an unknown target does not compile.
 * @throws {ActonceError} `ERR_INVALID_ARGUMENT` the config or an option cannot be used, and the message begins with the
 *   path of the part; or, in production, another machine has this `id`.
 */
export function defineStateMachine<const C extends StateMachineConfig>(
  config: C & Checked<C>,
  options?: StateMachineOptions,
): StateMachine<StateOf<C>, EventOf<C>, DataOf<C>>;

/**
 * Returns a machine that is defined in this process, by its id: the one without a `client` of its own, else the newest.
 *
 * @throws {ActonceError} `ERR_INVALID_ARGUMENT` there is no such machine; the message names those that exist.
 */
export function stateMachine(id: string): StateMachine<string, string>;

/** Options of {@link drainStateMachines}. */
export interface DrainOptions {
  /**
   * How long draining may take, in milliseconds: 1 to 2_147_483_647. Transitions that are still due after that wait for
   * the next call.
   * @default 5_000
   */
  limitMs?: number | undefined;
  /**
   * The client whose store is drained.
   * @default the client behind `withIdempotency`
   */
  client?: ActonceClient | undefined;
}

/**
 * Fires the due `after` transitions of every machine defined in this process. Without draining, such a transition fires
 * when somebody looks at the instance. Call it from a cron route. Several calls at once are harmless: each transition
 * fires once. Instances in a state that this config does not have are left to the version of the config that has it, and
 * instances that this version of actonce cannot read are left as they are.
 *
 * @returns How many transitions this call fired.
 * @throws {ActonceError} `ERR_INVALID_ARGUMENT`, `ERR_STORE_…`, `ERR_DURABILITY`, `ERR_CLOSED`.
 */
export function drainStateMachines(options?: DrainOptions): Promise<{ readonly fired: number }>;

// ---------------------------------------------------------------------------------------------- instances

/**
 * An event: its name, or an object whose other fields are kept in the history. Those fields may have at most 262_144
 * bytes of encoded text.
 */
export type MachineEvent<E extends string> = E | ({ readonly type: E } & { readonly [field: string]: unknown });

/** Where an instance is. */
export interface Instance<S extends string, D = unknown> {
  readonly state: S;
  /** 1 after creation, and one more per transition. */
  readonly version: number;
  /** The data of `create` or of the newest `send` that gave any, decoded; undefined when nobody gave any. */
  readonly data: D | undefined;
  /** When the instance entered the state, by the store's clock. */
  readonly since: Date;
  /** Time left until the state's `after`, in milliseconds; undefined when the state has none. */
  readonly timeoutInMs: number | undefined;
}

/** What a transition led to. */
export interface Transition<S extends string, D = unknown> extends Instance<S, D> {
  /** The state before the transition. */
  readonly from: S;
  /**
   * Whether this is the result of an earlier call with the same idempotency key. This call then changed nothing. If the
   * instance's entries take more than 64 KiB, the `data` of an old step may be forgotten and is undefined here.
   */
  readonly replayed: boolean;
}

/** What every entry of a history has. */
export interface HistoryEntryBase<S extends string> {
  /** The version that this step led to. */
  readonly version: number;
  /** When the step happened, by the store's clock; for `after`, when the transition was due. */
  readonly at: Date;
  /** The state that this step led to. */
  readonly state: S;
}

/** The instance was created. */
export interface CreatedEntry<S extends string> extends HistoryEntryBase<S> {
  readonly type: 'created';
}

/** An event moved the instance. */
export interface EventEntry<S extends string, E extends string> extends HistoryEntryBase<S> {
  readonly type: 'event';
  readonly event: E;
  /**
   * The fields of the event object besides `type`; undefined when it had none. In an instance whose entries take more
   * than 64 KiB, the payloads of the oldest steps are forgotten and undefined.
   */
  readonly payload: unknown;
  readonly from: S;
}

/** The state lasted as long as its `after` says. */
export interface AfterEntry<S extends string> extends HistoryEntryBase<S> {
  readonly type: 'after';
  /** The delay, as written in the config. */
  readonly afterMs: number;
  readonly from: S;
}

/** One step of an instance. `type` tells the variants apart. */
export type HistoryEntry<S extends string, E extends string> = CreatedEntry<S> | EventEntry<S, E> | AfterEntry<S>;

// ---------------------------------------------------------------------------------------------- machine

/** Options of {@link StateMachine.send}. */
export interface SendOptions<D = unknown> {
  /**
   * Makes a repeat harmless: a later `send` to the same instance with this key resolves to the first result, with
   * `replayed` true. 1 to 255 bytes of well-formed UTF-8. The instance remembers the key for at least the next 15
   * transitions, or `historyLimit - 1` if that is more.
   * @default every call is a step of its own
   */
  idempotencyKey?: string | undefined;
  /**
   * Moves the instance only if it has this version, that is, if it has not changed since you read it.
   * @default any version
   */
  expectedVersion?: number | undefined;
  /**
   * Replaces the instance's data in the same atomic step. At most 262_144 bytes of encoded text.
   * @default the data stays
   */
  data?: D | undefined;
  /**
   * Creates an absent instance in its initial state first, in the same atomic step.
   * @default false
   */
  create?: boolean | undefined;
}

/** The event that ends a {@link StateMachine.during}, and the data that goes with it. */
export interface Move<E extends string, D = unknown> {
  readonly event: MachineEvent<E>;
  readonly data?: D | undefined;
}

/** Options of {@link StateMachine.during}. */
export interface DuringOptions<T, E extends string, D = unknown> {
  /** Sent before `fn`. */
  event: MachineEvent<E>;
  /**
   * Sent after `fn` has returned or has called `redirect()`: an event, or a function of the value that returns an event
   * and the new data. Such a function must state the type of its parameter, since TypeScript reads it before `fn`:
   * `(charge: Charge) => …`. After a redirect there is no value, and the function gets undefined.
   */
  onDone: MachineEvent<E> | ((value: T) => Move<E, D>);
  /**
   * Sent after `fn` has thrown, or has called `notFound()`, `forbidden()` or `unauthorized()`: an event, or a function
   * of what `fn` threw. In any case the caller gets what `fn` threw.
   * @default the instance stays where `event` led
   */
  onError?: MachineEvent<E> | ((error: unknown) => Move<E, D>) | undefined;
  /**
   * Makes a repeat harmless: the repeat gets the outcome of the first call, and `fn` runs once. 1 to 255 bytes of
   * well-formed UTF-8. After a crash, a repeat runs `fn` again only if nothing but `fn` has moved the instance since.
   * @default every call is a run of its own
   */
  idempotencyKey?: string | undefined;
  /**
   * The data that goes with `event`, as in {@link SendOptions}.
   * @default the data stays
   */
  data?: D | undefined;
  /**
   * As in {@link SendOptions}.
   * @default false
   */
  create?: boolean | undefined;
}

/** Options of {@link StateMachine.waitFor}. */
export interface WaitForOptions {
  /**
   * How long to wait, in milliseconds: 1 to 2_147_483_647. Keep it below the platform's own limit.
   * @default 10_000
   */
  timeoutMs?: number | undefined;
  /**
   * Ends the waiting: the call rejects with `signal.reason`.
   * @default none
   */
  signal?: AbortSignal | undefined;
}

/**
 * A defined machine. Each instance has an `id` of its own (an order's number): 1 to 255 bytes of well-formed UTF-8.
 * Every method that returns a promise may also reject with `ERR_INVALID_ARGUMENT` (nothing was sent),
 * `ERR_UNKNOWN_STATE`, `ERR_RECORD_UNREADABLE`, `ERR_STORE_…`, `ERR_DURABILITY` and `ERR_CLOSED`.
 */
export interface StateMachine<S extends string, E extends string, D = unknown> {
  readonly id: string;
  /** In the order of the config. */
  readonly states: readonly S[];
  /** In the order in which the config first names them. */
  readonly events: readonly E[];
  readonly initial: S;

  /**
   * Returns the events that lead on from a state, in the order of `events`. No I/O.
   *
   * @throws {ActonceError} `ERR_INVALID_ARGUMENT` there is no such state.
   */
  allowed(state: S): E[];
  /**
   * Whether nothing leads on from a state because its type is `final`. No I/O.
   *
   * @throws {ActonceError} `ERR_INVALID_ARGUMENT` there is no such state.
   */
  isFinal(state: S): boolean;

  /**
   * Creates an instance in its initial state. `data` has at most 262_144 bytes of encoded text.
   *
   * @returns The instance. `created` is false when the instance existed before; then nothing was changed.
   */
  create(id: string, options?: { data?: D | undefined }): Promise<Instance<S, D> & { readonly created: boolean }>;

  /**
   * Moves an instance, in one atomic step and one round trip. A due `after` fires before the event is considered.
   *
   * @throws {InvalidTransitionError} `ERR_INVALID_TRANSITION` the event leads nowhere from the instance's state.
   * @throws {VersionConflictError} `ERR_VERSION_CONFLICT` the instance's version is not `expectedVersion`.
   * @throws {KeyReusedError} `ERR_KEY_REUSED` another event was sent to the instance with this `idempotencyKey`.
   * @throws {ActonceError} `ERR_NOT_FOUND` there is no such instance, and `create` was not given.
   */
  send(id: string, event: MachineEvent<E>, options?: SendOptions<D>): Promise<Transition<S, D>>;

  /** Returns where an instance is, or undefined when there is no such instance. A due `after` fires first. */
  get(id: string): Promise<Instance<S, D> | undefined>;

  /**
   * Returns what happened to an instance: the newest `historyLimit` steps, oldest first. There are fewer when the
   * entries take more than 64 KiB even without their payloads. The array is empty when there is no such instance.
   */
  history(id: string): Promise<HistoryEntry<S, E>[]>;

  /**
   * Waits until an instance is in a state, or in one of several, whoever moves the instance and in whichever process.
   * If the instance leaves the state again before this call looks, this call misses the state.
   *
   * @throws {StateNotReachedError} `ERR_STATE_NOT_REACHED` the instance did not reach the state within `timeoutMs`, or
   *   no way leads there any more.
   * @throws {ActonceError} `ERR_NOT_FOUND` there is no such instance.
   */
  waitFor(id: string, state: S | readonly S[], options?: WaitForOptions): Promise<Instance<S, D>>;

  /**
   * Moves an instance, runs `fn` once, and then moves the instance on, depending on how `fn` ended.
   *
   * A repeat with the same key rejects with `ERR_RESULT_UNAVAILABLE` (`lost`) if the process died after it had sent
   * `onDone` and before it could record the value, and with `ERR_INVALID_TRANSITION` if the process died and something
   * else has moved the instance on since.
   *
   * @param fn Called with the result of the first move and the context of `withIdempotency`.
   * @returns What `fn` returned, once the instance has moved on.
   * @throws What `fn` threw, untouched; and everything that `send` and `withIdempotency` reject with.
   */
  during<T>(
    id: string,
    options: DuringOptions<T, E, D>,
    fn: (instance: Transition<S, D>, ctx: IdempotencyContext) => T | PromiseLike<T>,
  ): Promise<T>;

  /**
   * Returns the machine as a [Mermaid](https://mermaid.js.org) state diagram (`stateDiagram-v2`).
   *
   * @param options `current`: the state to highlight, with the class `current`.
   * @throws {ActonceError} `ERR_INVALID_ARGUMENT` there is no such state.
   */
  toMermaid(options?: { current?: S | undefined }): string;
}

// ---------------------------------------------------------------------------------------------- errors

/** `ERR_INVALID_TRANSITION`: the event leads nowhere from the state that the instance is in. The event changed nothing. */
export class InvalidTransitionError extends ActonceError {
  constructor(
    facts: Pick<InvalidTransitionError, 'machine' | 'id' | 'from' | 'event' | 'allowed' | 'version'>,
    details?: ErrorDetails,
  );
  readonly code: 'ERR_INVALID_TRANSITION';
  /** The machine's id. */
  readonly machine: string;
  /** The instance's id. */
  readonly id: string;
  /** The state that the instance is in. */
  readonly from: string;
  readonly event: string;
  /** The events that lead on from that state. */
  readonly allowed: readonly string[];
  readonly version: number;
}

/** `ERR_VERSION_CONFLICT`: the instance has moved since it was read. Nothing was changed. */
export class VersionConflictError extends ActonceError {
  constructor(
    facts: Pick<VersionConflictError, 'machine' | 'id' | 'expected' | 'version' | 'state'>,
    details?: ErrorDetails,
  );
  readonly code: 'ERR_VERSION_CONFLICT';
  /** The machine's id. */
  readonly machine: string;
  /** The instance's id. */
  readonly id: string;
  /** The `expectedVersion` that was given. */
  readonly expected: number;
  /** The version that the instance has. */
  readonly version: number;
  /** The state that the instance is in. */
  readonly state: string;
}

/** `ERR_STATE_NOT_REACHED`: `waitFor` ended, and the instance is not in the state. */
export class StateNotReachedError extends ActonceError {
  constructor(
    facts: Pick<StateNotReachedError, 'machine' | 'id' | 'reason' | 'state' | 'wanted'>,
    details?: ErrorDetails,
  );
  readonly code: 'ERR_STATE_NOT_REACHED';
  /** True only when `reason` is `timeout`. */
  readonly retryable: boolean;
  /** The machine's id. */
  readonly machine: string;
  /** The instance's id. */
  readonly id: string;
  /** `timeout`: not within `timeoutMs`. `unreachable`: no way leads there from the state that the instance is in. */
  readonly reason: 'timeout' | 'unreachable';
  /** The state that the instance is in. */
  readonly state: string;
  /** The states that `waitFor` waited for. */
  readonly wanted: readonly string[];
}

/**
 * `ERR_UNKNOWN_STATE`: the instance is in a state that this config does not have, because another version of the config
 * wrote it. Nothing was changed.
 */
export class UnknownStateError extends ActonceError {
  constructor(facts: Pick<UnknownStateError, 'machine' | 'id' | 'state'>, details?: ErrorDetails);
  readonly code: 'ERR_UNKNOWN_STATE';
  /** The machine's id. */
  readonly machine: string;
  /** The instance's id. */
  readonly id: string;
  /** The state that the instance is in. */
  readonly state: string;
}
