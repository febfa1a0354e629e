/**
 * Decides what an object is by its internal slots and its prototype, never by what it says of itself: a class may call
 * itself a Map. An object of any kind that does not come back exactly is Refused.
 */
import { types } from 'node:util';
import { LONGEST_ARRAY, LONGEST_TEXT } from './limits';

const REFUSED = 'Refused';

/** Kinds the encoder writes by itself; every other kind but Refused bears the name of devalue's own tag. */
export type OwnKind = 'Plain' | 'NullPrototype' | 'Error' | 'Buffer' | 'FormData' | 'File' | 'Blob' | 'Headers';
type DevalueKind = 'Array' | 'Date' | 'RegExp' | 'Map' | 'Set' | 'ArrayBuffer' | 'DataView' | 'URL' | 'URLSearchParams';
/** A typed array's kind is its class name. */
export type Kind = OwnKind | DevalueKind | typeof REFUSED | (string & {});

export function kindOf(thing: object): Kind {
  try {
    return inspectedKind(thing);
  } catch {
    return REFUSED; // A proxy that throws, for example a revoked one.
  }
}

function inspectedKind(thing: object): Kind {
  const prototype = Object.getPrototypeOf(thing) as object | null;
  if (Array.isArray(thing)) return isExactArray(thing, prototype) ? 'Array' : REFUSED;
  if (isObjectPrototype(prototype)) return isPlain(thing) ? 'Plain' : REFUSED;
  if (prototype === null || isEmptyRoot(prototype)) return isPlain(thing) ? 'NullPrototype' : REFUSED;
  if (types.isNativeError(thing) || thing instanceof Error) return 'Error';
  if (ArrayBuffer.isView(thing)) return viewKind(thing, prototype);
  const kind = slotKind(thing) ?? platformKind(thing, prototype);
  return kind !== undefined && isDirect(prototype, kind) && Object.keys(thing).length === 0 ? kind : REFUSED;
}

/** Object.prototype of this realm or another one. */
function isObjectPrototype(prototype: object | null): boolean {
  if (prototype === Object.prototype) return true;
  return (
    prototype !== null && Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'propertyIsEnumerable')
  );
}

/** The prototype that `querystring.parse` gives its results: an object that adds nothing to null. */
function isEmptyRoot(prototype: object): boolean {
  return Object.getPrototypeOf(prototype) === null && Reflect.ownKeys(prototype).length === 0;
}

/** `arguments`, `Math` and a module's namespace have plain prototypes, too; so have React's elements. */
function isPlain(thing: object): boolean {
  return (
    Object.prototype.toString.call(thing) === '[object Object]' &&
    typeof (thing as { $$typeof?: unknown }).$$typeof !== 'symbol'
  );
}

/**
 * An array with a named property beside its elements (a match's `index`, a driver's `rowCount`) would lose that
 * property.
 */
function isExactArray(array: unknown[], prototype: object | null): boolean {
  const isArrayPrototype = prototype === Array.prototype || (Array.isArray(prototype) && isRooted(prototype, 1));
  if (!isArrayPrototype || array.length > LONGEST_ARRAY) return false;
  const last = Object.keys(array).at(-1);
  return last === undefined || (String(Number(last) >>> 0) === last && Number(last) < array.length);
}

/** Whether a prototype is a built-in one: this many steps below Object.prototype. A subclass's is one step further. */
function isRooted(prototype: object, steps: number): boolean {
  let at: object | null = prototype;
  for (let step = 0; step < steps && at !== null; step += 1) at = Object.getPrototypeOf(at) as object | null;
  return isObjectPrototype(at);
}

/**
 * File extends Blob; the others extend nothing. The fake timers of test runners put a subclass in the place of Date.
 */
function isDirect(prototype: object, kind: Kind): boolean {
  if (kind === 'Date' && prototype === Date.prototype) return true;
  return isRooted(prototype, kind === 'File' ? 2 : 1);
}

const viewTag = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)?.get;

function viewKind(view: ArrayBufferView, prototype: object): Kind {
  if (!isFixedBuffer(view.buffer)) return REFUSED;
  if (prototype === Buffer.prototype) return 'Buffer';
  if (types.isDataView(view)) return isRooted(prototype, 1) && Object.keys(view).length === 0 ? 'DataView' : REFUSED;
  return isRooted(prototype, 2) ? (viewTag?.call(view) as string) : REFUSED;
}

/** A copy of shared memory would not be shared; a resizable buffer would come back fixed. */
function isFixedBuffer(buffer: object): boolean {
  return types.isArrayBuffer(buffer) && (buffer as { resizable?: boolean }).resizable !== true;
}

function slotKind(thing: object): Kind | undefined {
  if (types.isDate(thing)) return 'Date';
  if (types.isMap(thing)) return 'Map';
  if (types.isSet(thing)) return 'Set';
  if (types.isRegExp(thing)) return thing.lastIndex === 0 ? 'RegExp' : undefined;
  return isFixedBuffer(thing) ? 'ArrayBuffer' : undefined;
}

/** The name is looked at first: touching FormData or Headers makes Node load its whole fetch. */
function platformKind(thing: object, prototype: object): Kind | undefined {
  const name = Object.prototype.toString.call(thing).slice(8, -1);
  switch (name) {
    case 'URL':
    case 'URLSearchParams':
    case 'FormData':
    case 'Headers':
      return prototype === globalThis[name].prototype ? name : undefined;
    case 'Blob':
    case 'File':
      return prototype === globalThis[name].prototype && (thing as Blob).size <= LONGEST_TEXT ? name : undefined;
    default:
      return undefined;
  }
}
