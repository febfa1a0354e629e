/**
 * The seam to the native addon: a binding turns calls into the addon's numbers, and what the addon delivers into
 * answers for whoever asked. It decides nothing. The names of tags leave this room, and so does the id of an operation,
 * as a token. The numbers of tags, the bits of an answer and the outcome buffer do not: only `testing/stage.ts`, which
 * plays the addon, has them as well.
 */

import type { ErrorPolicy } from '../../index';
import { reportEviction } from '../announce';
import { type ActonceError, invalid } from '../errors';
import type { Encoded } from '../outcome/codec';
import { loadAddon, type NativeClient, type NativeModule } from './addon';
import { type Answer, endsOperation, failedStore, Tag } from './answer';
import { namesOnly } from './names-only';
import { OpenOperations } from './open-operations';
import { checkRuntime, unsupported } from './runtime';
import { beginOn, type Terms } from './terms';

export type { NativeModule } from './addon';

/** Whoever waits for the answers of an operation. `receive` is called on the addon's stack, so it must not throw. */
export interface Receiver {
  receive(answer: Answer): void;
}

/** How `fail` ends an attempt, as the addon numbers the ways. */
const FAIL_MODES = { release: 0, record: 1, hold: 2 } as const;

/**
 * How long to try to tell the store how an attempt ended. The caller waits for `patienceMs`; after that, the addon goes
 * on trying in the background, until `budgetMs`.
 */
export interface Patience {
  readonly patienceMs: number;
  readonly budgetMs: number;
}

/** What the addon is configured with; durations in milliseconds, certificates as PEM text. */
export interface NativeConfig {
  readonly url: string;
  readonly prefix: string;
  readonly secrets: readonly string[];
  readonly executor: 'auto' | 'loop' | 'thread';
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly encryption?: { readonly keys: readonly { id: string; key: string }[]; readonly readsPlaintext: boolean };
  readonly compression?: { readonly minBytes: number };
  readonly tls?: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly servername?: string;
    readonly fingerprint256?: readonly string[];
    /** The authorities that Node trusts, where the option names none. */
    readonly roots?: string;
  };
  /** Whether the client refuses to work with a server that may evict records. */
  readonly refusesEviction?: boolean;
  readonly durability?: { readonly replicas: number; readonly timeoutMs: number; readonly fsync: boolean };
}

const FIELDS = 8;
const BATCH = 256;

const CLOSED = failedStore('ERR_CLOSED');

/** A call of the addon about a state machine's instances, once the operation has its id. */
export type InstanceCall = (native: NativeClient, op: number) => number;

/** The addon has a code of its own for an option that it refuses. Any other error means that it cannot run here. */
function refusalOf(error: unknown): ActonceError {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return code === 'InvalidArg' ? invalid(String(message)) : unsupported(`the addon cannot run here: ${message}`, error);
}

/**
 * @param isDisabled `ACTONCE_DISABLED=1`: the client also works where the addon does not
 * @throws ActonceError `ERR_UNSUPPORTED_PLATFORM`
 */
export function addonFor(isDisabled: boolean): NativeModule {
  try {
    checkRuntime();
    return loadAddon();
  } catch (error) {
    if (isDisabled) return namesOnly(error as ActonceError);
    throw error;
  }
}

export class Binding {
  readonly #native: NativeClient;
  readonly #outcomes = new Float64Array(FIELDS * BATCH);
  readonly #open = new OpenOperations<Receiver>();
  #isClosed = false;

  /** @throws ActonceError `ERR_INVALID_ARGUMENT` with the addon's reason, `ERR_UNSUPPORTED_PLATFORM`. */
  constructor(config: NativeConfig, addon: NativeModule) {
    const text = JSON.stringify(config);
    const reason = addon.validateConfig(text);
    if (reason !== null) throw invalid(reason);
    try {
      this.#native = addon.open(text, this.#outcomes, (count, payloads) => this.#deliver(count, payloads));
    } catch (error) {
      throw refusalOf(error);
    }
  }

  /**
   * Takes the answers that the addon gave before its call returned. For an answer with a text, the addon calls
   * `deliver` instead.
   */
  #take(count: number): void {
    if (count > 0) this.#deliver(count, null);
  }

  #deliver(count: number, payloads: (string | null)[] | null): void {
    // A receiver may start another operation whose answer is delivered before that call returns, into the same
    // buffer. So everything is read before anyone is told.
    if (count === 1) {
      this.#tell(this.#outcomes[0] as number, this.#read(0, payloads === null ? null : (payloads[0] ?? null)));
      return;
    }
    const ops: number[] = [];
    const answers: Answer[] = [];
    for (let index = 0; index < count; index++) {
      ops.push(this.#outcomes[index * FIELDS] as number);
      answers.push(this.#read(index * FIELDS, payloads === null ? null : (payloads[index] ?? null)));
    }
    for (let index = 0; index < count; index++) this.#tell(ops[index] as number, answers[index] as Answer);
  }

  #read(at: number, payload: string | null): Answer {
    const outcomes = this.#outcomes;
    return {
      // Cut to 32 bits where that is enough: a double in an object is an allocation of its own.
      tag: ((outcomes[at + 1] as number) | 0) as Tag,
      fence: outcomes[at + 2] as number,
      attempt: (outcomes[at + 3] as number) | 0,
      recovered: outcomes[at + 4] === 1,
      ms: outcomes[at + 5] as number,
      code: (outcomes[at + 6] as number) | 0,
      payload,
    };
  }

  #tell(op: number, answer: Answer): void {
    const receiver = this.#open.get(op);
    if (receiver === undefined) {
      if (answer.tag === Tag.EVICTS) reportEviction(answer.payload ?? '');
      return; // otherwise the operation was given up meanwhile
    }
    if (endsOperation(answer.tag)) this.#open.end(op);
    receiver.receive(answer);
  }

  /** Opens an operation before it is begun, so that its receiver knows its id when the answer comes at once. */
  open(receiver: Receiver): number {
    return this.#open.start(receiver);
  }

  /**
   * @param payload canonical text of the payload; only its hash is stored
   * @param willWait marks the record when it is in progress, so that its owner wakes us
   * @param scope the scope whose keys are counted for `maxKeysPerScope`; null without that option
   */
  begin(
    op: number,
    identity: string,
    payload: string | null,
    terms: Terms,
    willWait: boolean,
    budgetMs: number,
    scope: string | null,
  ): void {
    if (this.#isClosedTo(op)) return;
    try {
      this.#take(beginOn(this.#native, op, identity, payload, terms, willWait, budgetMs, scope));
    } catch (error) {
      this.#fault(op, error);
    }
  }

  /** Asks once more after IN_PROGRESS, with the same owner token. */
  again(op: number): void {
    if (this.#isClosedTo(op)) return;
    try {
      this.#take(this.#native.again(op));
    } catch (error) {
      this.#fault(op, error);
    }
  }

  /** Waits after IN_PROGRESS; the answer is WOKEN when the record may have changed, or after `ms`. */
  wait(op: number, ms: number): void {
    if (this.#isClosedTo(op)) return;
    try {
      this.#take(this.#native.wait(op, ms));
    } catch (error) {
      this.#fault(op, error);
    }
  }

  complete(op: number, payload: Encoded, retentionMs: number, { patienceMs, budgetMs }: Patience): void {
    if (this.#isClosedTo(op)) return;
    const text = typeof payload === 'string' ? payload : payload.text;
    const mark = typeof payload === 'string' ? 0 : payload.mark.charCodeAt(0);
    try {
      this.#take(this.#native.complete(op, text, retentionMs, patienceMs, budgetMs, mark));
    } catch (error) {
      this.#fault(op, error);
    }
  }

  /** @param keptForMs how long the error is kept; a released one only for those who wait */
  fail(op: number, policy: ErrorPolicy, payload: string | null, keptForMs: number, patience: Patience): void {
    if (this.#isClosedTo(op)) return;
    try {
      this.#take(this.#native.fail(op, FAIL_MODES[policy], payload, keptForMs, patience.patienceMs, patience.budgetMs));
    } catch (error) {
      this.#fault(op, error);
    }
  }

  /** Gives up an operation; its receiver hears nothing more. */
  forget(op: number): void {
    this.#open.end(op);
    this.#native.forget(op);
  }

  held(op: number): boolean {
    return !this.#isClosed && this.#native.held(op);
  }

  /** @returns why the addon does not accept the definition */
  define(machine: number, definition: string): string | undefined {
    return this.#native.define(machine, definition);
  }

  /** The receiver of `op` gets the answer, as for every call. */
  ask(op: number, call: InstanceCall): void {
    if (this.#isClosedTo(op)) return;
    try {
      this.#take(call(this.#native, op));
    } catch (error) {
      this.#fault(op, error);
    }
  }

  /** One operator's command and its one answer. */
  admin(command: object): Promise<Answer> {
    return new Promise((resolve) => {
      const op = this.open({ receive: resolve });
      if (!this.#isClosedTo(op)) this.#take(this.#native.admin(op, JSON.stringify(command)));
    });
  }

  hash(identity: string): string {
    return this.#native.hash(identity);
  }

  deriveKey(identity: string, name: string): string {
    return this.#native.deriveKey(identity, name);
  }

  /** Answers ERR_CLOSED to every open operation, and to every later one: the addon itself falls silent. */
  close(): void {
    this.#isClosed = true;
    this.#native.close();
    for (const op of this.#open.ids()) this.#tell(op, CLOSED);
  }

  /** The addon throws only for a fault of its own or of ours. Whoever waits must hear of that, too. */
  #fault(op: number, error: unknown): void {
    this.#tell(op, failedStore('ERR_STORE_PROTOCOL', String(error)));
  }

  #isClosedTo(op: number): boolean {
    if (this.#isClosed) this.#tell(op, CLOSED);
    return this.#isClosed;
  }
}
