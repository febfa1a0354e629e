/** For event handlers: a Server Action that takes the key as its first argument, called without one. */
import * as React from 'react';
import type { IdempotentAction } from '../../next';
import type { BoundOption, IdempotentCallOptions } from '../../react';
import { fingerprintsOf } from './fingerprint';
import { address, followed } from './outcome';
import { chooseKey, INTENT_DEFAULTS, randomKey } from './tab';

const NONE: readonly never[] = [];

export function useIdempotentCall<Sent, Result, Bound extends readonly unknown[] = readonly []>(
  action: IdempotentAction<Sent, Result, Bound>,
  options: IdempotentCallOptions & BoundOption<Bound>,
): (input: Sent | FormData) => Promise<Result>;
export function useIdempotentCall<Args extends readonly unknown[], Result>(
  action: (key: string, ...args: Args) => Promise<Result>,
  options: IdempotentCallOptions,
): (...args: Args) => Promise<Result>;
export function useIdempotentCall(
  action: unknown,
  options: IdempotentCallOptions,
): (...args: unknown[]) => Promise<unknown> {
  const { id, repeatAfterMs = INTENT_DEFAULTS.repeatAfterMs, exclude = NONE } = options;
  const { bound = NONE } = options as { readonly bound?: readonly unknown[] };
  const call = action as (...given: unknown[]) => Promise<unknown>;
  return React.useCallback(
    async (...args) => {
      const key = chooseKey(id, fingerprintsOf({ id, bound, args, exclude, before: args }), repeatAfterMs);
      // Next follows a redirect even if the caller catches its error, so the server has to throw it.
      const submission = { id, key, asker: { token: randomKey(), throwsFlow: false } };
      for (const arg of args) if (arg instanceof FormData) address(arg, submission);
      return followed(submission, () => call(...bound, key, ...args));
    },
    [call, id, repeatAfterMs, exclude, bound],
  );
}
