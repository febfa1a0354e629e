/** Says in words why a value is not recorded; asked only after the value was refused. */
import { types } from 'node:util';
import { LONGEST_ARRAY, LONGEST_TEXT } from './limits';

/** Stands in a value's place when reading it threw. */
export class Unreadable {
  constructor(readonly cause: unknown) {
    unreadable.add(this);
  }
}

const unreadable = new WeakSet<object>();

/** Told by identity, since `instanceof` runs code of a proxy. */
export function isUnreadable(thing: unknown): thing is Unreadable {
  return unreadable.has(thing as object);
}

export function describe(thing: unknown): string {
  // React's temporary references are functions whose properties throw, so no property of a function is read.
  if (typeof thing === 'function') {
    return types.isProxy(thing) ? "a function (one of React's references to something in the client)" : 'a function';
  }
  if (typeof thing === 'symbol') return 'a symbol that Symbol.for() does not know';
  if (typeof thing !== 'object' || thing === null) return `a ${typeof thing}`;
  if (isUnreadable(thing)) return 'something that threw when it was read';
  try {
    return describeObject(thing as Record<PropertyKey, unknown>);
  } catch {
    return 'an object that threw when it was looked at';
  }
}

function describeObject(thing: Record<PropertyKey, unknown>): string {
  if (types.isPromise(thing) || typeof thing.then === 'function') return 'a promise';
  if (typeof thing.$$typeof === 'symbol') return describeReact(thing.$$typeof);
  const tag = Object.prototype.toString.call(thing).slice(8, -1);
  if (/^(Readable|Writable|Transform)Stream$/.test(tag) || typeof thing.pipe === 'function') return 'a stream';
  if (typeof thing[Symbol.asyncIterator] === 'function') return 'an async iterable';
  if (typeof thing.next === 'function' && typeof thing[Symbol.iterator] === 'function') return 'an iterator';
  return describeData(thing, tag);
}

function describeReact(type: symbol): string {
  const name = Symbol.keyFor(type) ?? '';
  return name === 'react.element' || name === 'react.transitional.element'
    ? 'a React element (JSX)'
    : `React's ${name}`;
}

function describeData(thing: object, tag: string): string {
  if (types.isArgumentsObject(thing)) return "a function's arguments object";
  if (types.isBoxedPrimitive(thing)) return `a boxed primitive (new ${tag}())`;
  if (types.isSharedArrayBuffer(thing)) return 'shared memory';
  if (ArrayBuffer.isView(thing) && types.isSharedArrayBuffer(thing.buffer)) return 'a view of shared memory';
  if (types.isRegExp(thing) && thing.lastIndex !== 0) return 'a RegExp with a lastIndex';
  if (Array.isArray(thing) && thing.length > LONGEST_ARRAY) return `an array longer than ${LONGEST_ARRAY}`;
  const name = className(thing);
  if (name === undefined || name === 'Object') return describePlain(thing);
  if (name !== tag)
    return `an instance of class ${name}: ${insteadOf(thing)}, or register the class with the option values`;
  if (Number((thing as { size?: unknown }).size) > LONGEST_TEXT) return `a ${name} larger than ${LONGEST_TEXT} bytes`;
  const extra = Object.keys(thing).find((key) => !/^\d+$/.test(key));
  return extra === undefined
    ? `an instance of ${name}`
    : `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name} with a property ${extra}`;
}

function insteadOf(thing: object): string {
  return hasToJson(thing) ? 'return what its toJSON() gives' : 'return its data as a plain object';
}

function hasToJson(thing: object): boolean {
  return typeof (thing as { toJSON?: unknown }).toJSON === 'function';
}

function className(thing: object): string | undefined {
  const maker: unknown = (Object.getPrototypeOf(thing) as { constructor?: unknown } | null)?.constructor;
  return typeof maker === 'function' ? maker.name || 'anonymous' : undefined;
}

function describePlain(thing: object): string {
  if (hasToJson(thing)) return 'an object with toJSON(): return what that gives';
  if (Object.hasOwn(thing, '__proto__')) return 'an object with a key __proto__';
  const symbols = Object.getOwnPropertySymbols(thing).filter((key) => Object.propertyIsEnumerable.call(thing, key));
  return symbols.length > 0 ? `an object with a symbol for a key (${String(symbols[0])})` : 'not a plain object';
}
