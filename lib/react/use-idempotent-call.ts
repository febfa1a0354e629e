/** For event handlers: a Server Action that takes the key as its first argument, called without one. */
import * as React from 'react';
import type { IdempotentCallOptions } from '../../react';
import { KEY_FIELD, THROWS_PROBLEMS } from '../wire/form-entries';
import { fingerprintsOf } from './fingerprint';
import { followed } from './outcome';
import { chooseKey, INTENT_DEFAULTS } from './tab';

export function useIdempotentCall<Args extends readonly unknown[], Result>(
  action: (key: string, ...args: Args) => Promise<Result>,
  { id, repeatAfterMs = INTENT_DEFAULTS.repeatAfterMs }: IdempotentCallOptions,
): (...args: Args) => Promise<Result> {
  return React.useCallback(
    async (...args) => {
      const key = chooseKey(id, fingerprintsOf({ args, before: args }), repeatAfterMs);
      // Where an action is given a form, it looks for the key in there.
      for (const arg of args) {
        if (!(arg instanceof FormData)) continue;
        arg.set(KEY_FIELD, key);
        arg.set(THROWS_PROBLEMS, '1');
      }
      return followed(id, key, () => action(key, ...args));
    },
    [action, id, repeatAfterMs],
  );
}
