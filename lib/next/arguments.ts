/**
 * What reached an action. React and Next call it in three ways, in front of each of which arguments may be bound. Nothing
 * is guessed: how many are bound is declared, and what does not fit that is refused where it can be seen.
 */
import { type ActonceError, invalid } from '../errors';
import { isForm, keyOfForm, statesBefore } from './form';

export interface Submission {
  readonly key: unknown;
  /** The argument, or the form as it is. */
  readonly input: unknown;
  readonly bound: readonly unknown[];
}

/**
 * Reads `(key, input)`, `(formData)` and `(previousState, formData)`, after the bound arguments.
 * @throws ActonceError `ERR_INVALID_ARGUMENT` when more or fewer are bound than `declared`
 */
export function readArguments(action: string, declared: number, given: readonly unknown[]): Submission {
  const form = given.at(-1);
  const bound = given.slice(0, declared);
  if (!isForm(form)) {
    if (given.length > declared + 2) throw tooMany(action, given.length - 2, declared);
    if (declared > 0 && given.length < declared + 2) throw tooFew(action, given.length, declared);
    return { key: given[declared], input: given[declared + 1], bound };
  }
  const before = given.length - 1;
  // One in front may be the previous state, which is not looked at. An argument in its place must not be dropped.
  const { least, most } = statesBefore(form);
  if (before > declared + most) throw tooMany(action, before - most, declared);
  if (before < declared + least) throw tooFew(action, given.length, declared);
  return { key: keyOfForm(form), input: form, bound };
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function tooMany(action: string, count: number, declared: number): ActonceError {
  return invalid(
    `the action '${action}' was called with ${plural(count, 'bound argument')} and declares ${declared}; declare them ` +
      `with the option bound: ${count}, and the function gets them after its context`,
  );
}

function tooFew(action: string, count: number, declared: number): ActonceError {
  return invalid(
    `the action '${action}' was called with ${plural(count, 'argument')} in all, and declares bound: ${declared}; bind ` +
      'them to the action, or give them to the hook as its option bound',
  );
}
