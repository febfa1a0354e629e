/**
 * Tells a hook of actonce/react that an answer is not on record. Otherwise the hook would take the redirect of an expired
 * session for the outcome of an order whose first answer was lost, and the order after the login would have a new key.
 */
import type { Outcome } from '../../index';
import { recordableControlFlow } from '../outcome/next-signals';
import { type Asker, marked } from '../wire/unrecorded';

export interface Answer {
  readonly asker: Asker | undefined;
  /** How the run of the key ended, once that is known. */
  outcome?: Outcome;
}

export function resultOffRecord(value: unknown, { asker }: Answer): unknown {
  return asker === undefined ? value : marked(asker, { value });
}

/**
 * The result to return in place of control flow that is no outcome of the key.
 * @returns undefined when the error has to be thrown
 */
export function thrownOffRecord(error: unknown, { asker, outcome }: Answer): unknown {
  const isOnRecord = outcome !== undefined && (outcome.kind !== 'error' || outcome.recorded);
  if (asker?.throwsFlow !== true || isOnRecord || recordableControlFlow(error) === undefined) return undefined;
  return marked(asker, { flow: (error as { readonly digest: string }).digest });
}
