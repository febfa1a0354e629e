/**
 * What a form brought. React adds entries of its own, which differ between a post with and without JavaScript, and the
 * key is no part of the input. Neither reaches a schema.
 */
import { isInput, KEY_FIELD, THROWS_PROBLEMS } from '../wire/form-entries';
import { type Asker, askerIn } from '../wire/unrecorded';

type Entry = string | File;

/** What React writes for an action with arguments, be they bound or the previous state; and only for the latter. */
const REFERENCE = /^(?:_\d+_)?\$ACTION_REF_/;
const STATE = /^(?:_\d+_)?\$ACTION_KEY$/;

/** Told by its name, since a test runner's FormData may be of another realm. */
export function isForm(value: unknown): value is FormData {
  return Object.prototype.toString.call(value) === '[object FormData]';
}

export function keyOfForm(form: FormData): string | undefined {
  const key = form.get(KEY_FIELD);
  return typeof key === 'string' && key !== '' ? key : undefined;
}

/**
 * How many previous states are in front of the form. React says so only where the form was rendered on the server and sent
 * with JavaScript.
 */
export function statesBefore(form: FormData): { readonly least: 0 | 1; readonly most: 0 | 1 } {
  const names = [...form.keys()];
  if (!names.some((name) => REFERENCE.test(name))) return { least: 0, most: 1 };
  return names.some((name) => STATE.test(name)) ? { least: 1, most: 1 } : { least: 0, most: 0 };
}

/**
 * Whether a refusal is to be answered with a result. That is not so for a plain call, nor for what a hook of
 * actonce/react sent: they can catch, and to them a result would count as an outcome, after which the next try has a
 * new key.
 */
export function takesProblemAsResult(input: unknown): input is FormData {
  return isForm(input) && !input.has(THROWS_PROBLEMS);
}

/** The hook that sent a form and asks to be told what is not on record. */
export function askerOf(input: unknown): Asker | undefined {
  return isForm(input) ? askerIn(input.get(THROWS_PROBLEMS)) : undefined;
}

/** A name that occurs once gives its value; a name that occurs again gives all its values, in order. */
export function objectOfForm(form: FormData): Record<string, Entry | Entry[]> {
  const object: Record<string, Entry | Entry[]> = Object.create(null);
  for (const name of new Set(form.keys())) {
    if (!isInput(name)) continue;
    const values = form.getAll(name);
    object[name] = values.length === 1 ? (values[0] as Entry) : values;
  }
  return { ...object };
}
