/**
 * What a form brought. React adds entries of its own, which differ between a post with and without JavaScript, and the
 * key is no part of the input. Neither reaches a schema.
 */
import { isInput, KEY_FIELD, THROWS_PROBLEMS } from '../wire/form-entries';

type Entry = string | File;

/** Told by its name, since a test runner's FormData may be of another realm. */
export function isForm(value: unknown): value is FormData {
  return Object.prototype.toString.call(value) === '[object FormData]';
}

export function keyOfForm(form: FormData): string | undefined {
  const key = form.get(KEY_FIELD);
  return typeof key === 'string' && key !== '' ? key : undefined;
}

/**
 * Whether a refusal is to be answered with a result. That is not so for a plain call, nor for what a hook of
 * actonce/react sent: they can catch, and to them a result would count as an outcome, after which the next try has a
 * new key.
 */
export function takesProblemAsResult(input: unknown): boolean {
  return isForm(input) && !input.has(THROWS_PROBLEMS);
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
