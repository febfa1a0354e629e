/**
 * Names and refuses a part of a config. The message begins with the path of the part, `states.paid.on.REFUND.guard`.
 */
import { type ActonceError, invalid } from '../errors';
import { show } from '../rules';

/** @param path empty for the config itself */
export function configError(path: string, reason: string): ActonceError {
  return invalid(`${path === '' ? 'config' : path}: ${reason}`);
}

export function within(path: string, name: string): string {
  if (!/^[\w$-]+$/.test(name)) return `${path}[${show(name)}]`;
  return path === '' ? name : `${path}.${name}`;
}

/**
 * What an object of the config may hold. A sentence says why a part is not supported. Such a part may be there when it
 * holds nothing, as XState's tools write it.
 */
export type Properties = ReadonlyMap<string, 'known' | { readonly unsupported: string }>;

export function properties(known: readonly string[], unsupported: Readonly<Record<string, string>>): Properties {
  return new Map<string, 'known' | { readonly unsupported: string }>([
    ...known.map((name) => [name, 'known'] as const),
    ...Object.entries(unsupported).map(([name, reason]) => [name, { unsupported: reason }] as const),
  ]);
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  // The prototype is not compared with Object.prototype: a config may come from another realm, or be an imported
  // module.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function isNothing(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === undefined || (isPlainObject(value) && Object.keys(value).length === 0);
}

/** @throws ActonceError `ERR_INVALID_ARGUMENT` */
export function plainObject(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (!isPlainObject(value)) throw configError(path, `must be a plain object, not ${show(value)}`);
  return value;
}

/** @throws ActonceError `ERR_INVALID_ARGUMENT` */
export function objectOf(allowed: Properties, value: unknown, path: string): Readonly<Record<string, unknown>> {
  const object = plainObject(value, path);
  for (const [name, part] of Object.entries(object)) {
    const rule = allowed.get(name);
    if (rule === undefined) {
      const known = [...allowed].flatMap(([other, about]) => (about === 'known' ? [other] : []));
      throw configError(within(path, name), `is not known; known here are: ${known.join(', ')}`);
    }
    if (rule !== 'known' && !isNothing(part)) throw configError(within(path, name), rule.unsupported);
  }
  return object;
}

const LONGEST_NAME = 64;
/** Line and paragraph separators break a line wherever a name is shown, as control characters do. */
const CONTROL = /[\p{Cc}\u2028\u2029]/u;

function checkText(text: unknown, path: string): asserts text is string {
  if (typeof text !== 'string') throw configError(path, `must be a string, not ${show(text)}`);
  if (text === '' || text.length > LONGEST_NAME) throw configError(path, `must have 1 to ${LONGEST_NAME} characters`);
  if (!text.isWellFormed()) throw configError(path, 'is not well-formed Unicode');
  if (CONTROL.test(text)) throw configError(path, 'must not have control characters');
}

/** @throws ActonceError `ERR_INVALID_ARGUMENT` */
export function machineId(id: unknown): string {
  checkText(id, 'id');
  if (id.includes(':')) throw configError('id', `must not have ':'`);
  return id;
}

/**
 * Checks the name of a state or an event.
 * @throws ActonceError `ERR_INVALID_ARGUMENT`
 */
export function checkName(name: string, path: string): void {
  checkText(name, path);
  // To XState, such a name is a path to another state.
  if (name.startsWith('.') || name.startsWith('#')) throw configError(path, `must not start with '${name[0]}'`);
}
