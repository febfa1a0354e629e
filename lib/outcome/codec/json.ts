/**
 * Plain JSON, for values that JSON carries exactly. Most results are such values, and V8's own JSON is the cheapest way
 * to write and to read them. A single walk decides whether a value is one. Everything doubtful (another realm, a symbol
 * key, a hole, an object met twice) is left to the D form, which looks closely.
 *
 * The walk reads an accessor, and JSON.stringify reads it again, as every serialiser does. The accessor has to answer
 * with the same kind of value both times.
 */
import { MalformedPayloadError } from './faults';
import { admitCounts, admitLength, admitText, DEEPEST } from './limits';

/** The text, or undefined when JSON would not give the same value back. */
export function encodeExactJson(value: unknown): string | undefined {
  try {
    const met = new Met();
    if (!isExact(value, met, 0)) return undefined;
    // The walk has counted at least what a reader will count in the text.
    admitCounts(met);
    const text = JSON.stringify(value);
    admitLength(text);
    return text;
  } catch {
    return undefined; // An accessor or a proxy threw, or the value is too large; the D form says where and why.
  }
}

/** What the walk has met. A short list is faster than a Set, and most values hold only a few objects. */
class Met {
  /** Elements and fields. */
  parts = 0;
  readonly #few: object[] = [];
  #many: Set<object> | undefined;

  get containers(): number {
    return this.#many?.size ?? this.#few.length;
  }

  /** Whether the object is met for the first time. */
  add(object: object): boolean {
    if (this.#many !== undefined) return this.#many.size < this.#many.add(object).size;
    if (this.#few.includes(object)) return false;
    if (this.#few.push(object) === 16) this.#many = new Set(this.#few);
    return true;
  }
}

function isExact(value: unknown, met: Met, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value) && (value !== 0 || 1 / value > 0);
    case 'object':
      return value === null || (depth < DEEPEST && met.add(value) && isExactObject(value, met, depth + 1));
    default:
      return false;
  }
}

function isExactObject(object: object, met: Met, depth: number): boolean {
  if (typeof (object as { toJSON?: unknown }).toJSON === 'function') return false;
  const prototype: unknown = Object.getPrototypeOf(object);
  if (Array.isArray(object)) {
    if (prototype !== Array.prototype || Object.keys(object).length !== object.length) return false;
    met.parts += object.length;
    for (const element of object) if (!isExact(element, met, depth)) return false;
    return true;
  }
  if (prototype !== Object.prototype || Object.getOwnPropertySymbols(object).length !== 0) return false;
  for (const key in object) {
    met.parts += 1;
    if (key === '__proto__' || !isExact((object as Record<string, unknown>)[key], met, depth)) {
      // JSON leaves out what the object inherits, such as a method that a library has put on Object.prototype.
      if (Object.hasOwn(object, key)) return false;
    }
  }
  return true;
}

export function decodeJson(text: string): unknown {
  admitText(text);
  const value = parseJson(text);
  // Only a long text can be deep, and only a key spelt out or escaped can be `__proto__`.
  if (text.length > 2 * DEEPEST || text.includes('__proto__') || text.includes('\\u')) inspect(value, 0);
  return value;
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MalformedPayloadError('it is not JSON', cause);
  }
}

/** A key `__proto__` is harmless here, but becomes a prototype in the first `Object.assign` or loop that copies it. */
function inspect(value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth >= DEEPEST) throw new MalformedPayloadError(`it is nested deeper than ${DEEPEST}`);
  if (Array.isArray(value)) {
    for (const element of value) inspect(element, depth + 1);
    return;
  }
  for (const key in value) {
    if (key === '__proto__') throw new MalformedPayloadError('it has a key __proto__');
    inspect((value as Record<string, unknown>)[key], depth + 1);
  }
}
