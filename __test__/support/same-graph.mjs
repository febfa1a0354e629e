// Whether two values are the same as graphs: equal parts, and the same object met again wherever the other one has
// the same object again. `assert.deepStrictEqual` does not tell a shared object from two equal ones.
import { isDeepStrictEqual } from 'node:util';

/** The path of the first difference, or undefined when there is none. */
export function difference(left, right) {
  const rights = new Map();
  const lefts = new Map();
  const pending = [['value', left, right]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [path, a, b] = next;
    if (!isObject(a) || !isObject(b)) {
      if (!Object.is(a, b)) return path;
      continue;
    }
    if (rights.has(a) || lefts.has(b)) {
      if (rights.get(a) !== b || lefts.get(b) !== a) return `${path} (identity)`;
      continue;
    }
    rights.set(a, b);
    lefts.set(b, a);
    if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return `${path} (prototype)`;
    const [mine, yours] = [partsOf(a), partsOf(b)];
    if (mine === undefined ? !isSameLeaf(a, b) : mine.length !== yours.length) return path;
    for (const [at, [name, part]] of (mine ?? []).entries()) {
      if (name !== yours[at][0]) return `${path}.${String(name)}`;
      pending.push([`${path}.${String(name)}`, part, yours[at][1]]);
    }
  }
  return undefined;
}

function isObject(value) {
  return typeof value === 'object' && value !== null;
}

/** What an object consists of; undefined for one that is compared as a whole. */
function partsOf(object) {
  if (object instanceof Map)
    return [...object].flatMap(([key, value], at) => [
      [`key${at}`, key],
      [`value${at}`, value],
    ]);
  if (object instanceof Set) return [...object].map((value, at) => [at, value]);
  if (ArrayBuffer.isView(object)) {
    if (Buffer.isBuffer(object)) return undefined; // Whose memory a Buffer is cut from is Node's business.
    return [
      ['buffer', object.buffer],
      ['length', object.byteLength],
    ];
  }
  if (object instanceof Error) {
    const names = Object.getOwnPropertyNames(object).filter((name) => name !== 'stack');
    return ['name', ...names.sort()].map((name) => [name, object[name]]);
  }
  if (Array.isArray(object)) return [['length', object.length], ...Object.entries(object)];
  return [null, Object.prototype].includes(Object.getPrototypeOf(object)) ? Object.entries(object) : undefined;
}

function isSameLeaf(a, b) {
  if (a instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (a instanceof URL || a instanceof URLSearchParams) return String(a) === String(b);
  if (a instanceof FormData || a instanceof Headers) return isDeepStrictEqual([...a], [...b]);
  return isDeepStrictEqual(a, b);
}
