/** For event handlers: a Server Action that takes the key as its first argument, called without one. */
import * as React from 'react';
import type { IdempotentAction } from '../../next';
import type { BoundOption, IdempotentCallOptions } from '../../react';
import { fingerprintsOf } from './fingerprint';
import { address, followed } from './outcome';
import { chooseKey, INTENT_DEFAULTS, noteSent, randomKey } from './tab';

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
      const sent = fingerprintsOf({ id, bound, args, exclude, before: args });
      const key = chooseKey(id, sent, repeatAfterMs);
      const isRepeated = noteSent(id, key, sent.fingerprint);
      // Next follows a redirect even if the caller catches its error, so the server has to throw it.
      const submission = { id, key, asker: { token: randomKey(), throwsFlow: false }, isRepeated };
      for (const arg of args) if (arg instanceof FormData) address(arg, submission);
      // Behind bound arguments, a key alone would look like an argument with one too few in front.
      const given = bound.length > 0 && args.length === 0 ? [undefined] : args;
      return followed(submission, () => call(...bound, key, ...given));
    },
    [call, id, repeatAfterMs, exclude, bound],
  );
}
