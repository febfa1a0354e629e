/**
 * What `fn` and everything below it see while `fn` runs. There is one storage per process, not per copy of this module:
 * Next evaluates a bundled module several times.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { IdempotencyContext } from '../../index';
import { invalid, LeaseLostError } from '../errors';
import { STEPS, Steps } from '../machine/steps';
import type { Lease } from './lease';

/** One run of an `fn`, as the async context carries it. */
export interface Running {
  readonly context: IdempotencyContext;
  /** The store and prefix the identity belongs to. */
  readonly space: string;
  readonly identity: string;
  /** The run this one was started in. */
  readonly outer: Running | undefined;
  /** False once `fn` has ended: work that `fn` left behind may use the key again. */
  isActive: boolean;
}

const STORAGE = Symbol.for('actonce.running');
const shared = globalThis as { [STORAGE]?: AsyncLocalStorage<Running> };
shared[STORAGE] ??= new AsyncLocalStorage<Running>();
export const running: AsyncLocalStorage<Running> = shared[STORAGE];

export function currentIdempotency(): IdempotencyContext | undefined {
  return running.getStore()?.context;
}

/** Whether a run around the caller has claimed the record: the caller would wait for itself. */
export function isInside(space: string, identity: string): boolean {
  for (let run = running.getStore(); run !== undefined; run = run.outer) {
    if (run.isActive && run.identity === identity && run.space === space) return true;
  }
  return false;
}

/** The parts of a call that a context needs. */
export interface ContextSource {
  readonly key: string;
  /** How long the record of this attempt is kept. */
  readonly retentionMs: number;
  deriveKey(name: string): string;
  /** Undefined when a call without a key was let through. */
  hash(): string | undefined;
}

export class Context implements IdempotencyContext {
  readonly key: string;
  readonly attempt: number;
  readonly recovered: boolean;
  readonly fence: number | undefined;
  readonly protected: boolean;
  readonly #source: ContextSource;
  readonly #lease: Lease | undefined;
  #steps: Steps | undefined;
  #controller: AbortController | undefined;
  /** Abort listeners run in the async context that asked for the signal, not in the addon's. */
  #inContext: ((abort: () => void) => void) | undefined;

  constructor(source: ContextSource, lease: Lease | undefined) {
    this.key = source.key;
    this.attempt = lease?.attempt ?? 1;
    this.recovered = lease?.recovered ?? false;
    this.fence = lease?.fence;
    this.protected = lease !== undefined;
    this.#source = source;
    this.#lease = lease;
  }

  get hash(): string | undefined {
    return this.#source.hash();
  }

  /** Made when first asked for: most runs never ask, and a controller is expensive. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      this.#inContext = AsyncLocalStorage.snapshot();
      if (this.#lease?.lossReason !== undefined) this.abort();
    }
    return this.#controller.signal;
  }

  /** Aborts the signal, because the lease is lost. */
  abort(): void {
    const controller = this.#controller;
    if (controller === undefined || controller.signal.aborted) return;
    this.#inContext?.(() => controller.abort(this.#lost()));
  }

  // The functions are getters so that `({ deriveKey }) => …` works.

  get deriveKey(): (name: string) => string {
    return (name) => {
      if (typeof name !== 'string' || name === '') throw invalid('deriveKey needs a name: a string that is not empty');
      if (!name.isWellFormed()) throw invalid('the name given to deriveKey holds half a surrogate pair');
      return this.#source.deriveKey(name);
    };
  }

  get assertHeld(): () => void {
    return () => {
      if (this.#lease !== undefined && !this.#lease.held()) throw this.#lost();
    };
  }

  get transition(): IdempotencyContext['transition'] {
    return this[STEPS].take;
  }

  get [STEPS](): Steps {
    this.#steps ??= new Steps(this, this.#source.retentionMs);
    return this.#steps;
  }

  #lost(): LeaseLostError {
    return new LeaseLostError(this.#lease?.lossReason ?? 'expired', { hash: this.#source.hash() });
  }
}
