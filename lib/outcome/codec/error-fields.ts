/**
 * Errors as fields and back. What belongs to every error is written under a name with `#` (`#class`, `#message`), own
 * enumerable fields under their own names. A field whose name starts with `#` gets a second one. The stack is never
 * written: it tells about the machine that ran the function, and nothing about the machine that reads the record.
 */
import type { ErrorClass } from '../../../index';
import { prototypeOfOwn } from '../../errors';
import { Unreadable } from './describe';

const NATIVE: readonly ErrorClass[] = [
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError,
  Error,
];

type Fields = Record<string, unknown>;

/** Fields that are seldom enumerable and always worth keeping, the last two only as text or a number. */
const HIDDEN = ['message', 'cause', 'errors', 'code', 'digest'] as const;

export function readError(error: Error, registered: readonly ErrorClass[] = []): Fields {
  const names = classNames(error, registered);
  const fields: Fields = { '#class': names };
  const name = read(error, 'name');
  if (typeof name === 'string' && name !== names[0] && !isEnumerable(error, 'name')) fields['#name'] = name;
  for (const key of HIDDEN) {
    if (!isEnumerable(error, key) && isWorthKeeping(error, key)) fields[`#${key}`] = read(error, key);
  }
  for (const key of Object.keys(error)) {
    if (key !== 'stack') define(fields, key.startsWith('#') ? `#${key}` : key, read(error, key), true);
  }
  return fields;
}

function isWorthKeeping(error: Error, key: (typeof HIDDEN)[number]): boolean {
  if (key === 'cause' || key === 'errors') return Object.hasOwn(error, key);
  const value = read(error, key);
  if (key === 'message') return typeof value === 'string' && (value !== '' || Object.hasOwn(error, key));
  return typeof value === 'string' || (typeof value === 'number' && !(error instanceof DOMException));
}

/**
 * The names from the class of the error up to a class that every process has. The reader takes the first name that it
 * knows.
 */
function classNames(error: Error, registered: readonly ErrorClass[]): string[] {
  const names: string[] = [];
  let prototype: unknown = Object.getPrototypeOf(error);
  for (; typeof prototype === 'object' && prototype !== null && names.length < 8; ) {
    const name = className(prototype, registered);
    if (name !== undefined) names.push(name.slice(0, 100));
    if (name === 'DOMException' || NATIVE.some((native) => native.name === name)) break;
    prototype = Object.getPrototypeOf(prototype);
  }
  return names;
}

function className(prototype: object, registered: readonly ErrorClass[]): string | undefined {
  const known = registered.find((candidate) => candidate.prototype === prototype);
  if (known !== undefined) return known.name;
  const maker = Object.hasOwn(prototype, 'constructor') ? read(prototype, 'constructor') : undefined;
  return typeof maker === 'function' && maker.name !== '' ? maker.name : undefined;
}

function read(object: object, key: string): unknown {
  try {
    return (object as Fields)[key];
  } catch (cause) {
    return new Unreadable(cause);
  }
}

function isEnumerable(object: object, key: string): boolean {
  return Object.prototype.propertyIsEnumerable.call(object, key);
}

/**
 * Makes the error that the fields describe: of the registered class of that name, otherwise of JavaScript's own. No
 * constructor of a registered class is called, since nobody knows its arguments.
 */
export function shellOf(fields: Fields, registered: readonly ErrorClass[]): Error {
  const names = fields['#class'];
  if (!Array.isArray(names) || names.some((name) => typeof name !== 'string')) throw new Error('an error has no class');
  for (const name of names as string[]) {
    const known = prototypeOfOwn(name, names) ?? registered.find((candidate) => candidate.name === name)?.prototype;
    if (known !== undefined) return Object.setPrototypeOf(bareError(), known) as Error;
    if (name === 'DOMException') return new DOMException(text(fields['#message']), text(fields['#name'] ?? 'Error'));
    const native = NATIVE.find((candidate) => candidate.name === name);
    if (native !== undefined) return Object.setPrototypeOf(bareError(), native.prototype) as Error;
  }
  return bareError();
}

/** May be called again with more fields: an error that refers to itself is needed before it is complete. */
export function fillError(error: Error, fields: Fields): void {
  for (const key of Object.keys(fields)) {
    // The guard over the whole graph knows this name as it is, not behind the # that is taken away here.
    if (key === '#__proto__') throw new Error('an error has a field __proto__');
    if (key === '#class' || key === '#name') continue;
    const hidden = HIDDEN.find((name) => key === `#${name}`);
    if (hidden === undefined) define(error, key.replace(/^#/, ''), fields[key], true);
    else if (!hasAlready(error, hidden, fields[key])) define(error, hidden, fields[key], false);
  }
  const [className] = fields['#class'] as string[];
  const name = fields['#name'] ?? className;
  if (!isEnumerable(error, 'name') && read(error, 'name') !== name) define(error, 'name', name, false);
  define(error, 'stack', headline(error), false);
}

/**
 * Whether the error has this value already. An accessor of the class may answer for `code`, and a DOMException's for
 * its message; an Error's message is its own.
 */
function hasAlready(error: Error, key: string, value: unknown): boolean {
  return read(error, key) === value && (key !== 'message' || error instanceof DOMException);
}

function headline(error: Error): string {
  return [text(read(error, 'name')), text(read(error, 'message'))].filter((part) => part !== '').join(': ');
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Capturing the frames of a stack is most of what an error costs, and these frames would say nothing. */
function bareError(): Error {
  const limit = Error.stackTraceLimit;
  try {
    Reflect.set(Error, 'stackTraceLimit', 0); // Not an assignment, which throws under --frozen-intrinsics.
    return new Error();
  } finally {
    Reflect.set(Error, 'stackTraceLimit', limit);
  }
}

function define(object: object, key: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(object, key, { value, enumerable, writable: true, configurable: true });
}
