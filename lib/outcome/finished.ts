/**
 * How the function of an adapter (a route, an action) ends where more is to be said than a value: what is recorded
 * beside it, or why it cannot be recorded. That function has run, whatever our own work on its result comes to, so such
 * an end is never an error. Known by a private field: nothing that a user returns or a record holds is taken for one.
 */
import type { Outcome } from '../../index';
import type { Ending, Unkept } from './results';

export type Success = Exclude<Ending, { readonly kind: 'error' }>;

/** What such a function returns. */
export class Finished {
  readonly #ending: Success;
  /** Why nothing of it is recorded. */
  readonly unkept: Unkept | undefined;

  constructor(ending: Success, unkept?: Unkept) {
    this.#ending = ending;
    this.unkept = unkept;
  }

  get ending(): Success {
    return this.#ending;
  }

  static is(returned: unknown): returned is Finished {
    return typeof returned === 'object' && returned !== null && #ending in returned;
  }
}

/** How a run ended that returned this. */
export function endingOfReturned(value: unknown): Success {
  return Finished.is(value) ? value.ending : { kind: 'value', value };
}

/**
 * Thrown for a result that counts as a failure: `onError` decides what becomes of the record, which keeps the result.
 */
export class FailedResult extends Error {
  readonly #value: unknown;
  readonly #unkept: Unkept | undefined;

  constructor(message: string, value: unknown, unkept?: Unkept) {
    super(message);
    this.#value = value;
    this.#unkept = unkept;
  }

  /** Undefined for everything else that may be thrown, of which nothing is touched. */
  static in(thrown: unknown): { readonly value: unknown; readonly unkept: Unkept | undefined } | undefined {
    if (typeof thrown !== 'object' || thrown === null || !(#value in thrown)) return undefined;
    return { value: thrown.#value, unkept: thrown.#unkept };
  }
}

const besides = new WeakMap<Outcome, unknown>();

/** What was recorded beside this outcome; undefined where nothing was. */
export function besideOf(outcome: Outcome): unknown {
  return besides.get(outcome);
}

export function withBeside(outcome: Outcome, beside: unknown): Outcome {
  besides.set(outcome, beside);
  return outcome;
}
