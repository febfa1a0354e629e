/**
 * The canonical text of a payload, in the browser as on the server: equal texts for payloads that mean the same. The order
 * of object keys, Map and Set entries and form fields does not matter; the order of arrays and the difference between 1
 * and '1' do. What shows nothing to compare is refused. An instance of a class counts by its own enumerable fields, and a
 * Map, a Set, a Date or an Error by what it is for: what it hides besides is not seen. Only a hash of the text is kept.
 * __test__/wire/vectors.mjs is the list of examples. Imports nothing from outside this room.
 */
import { ALL, type Container, type Fields } from './fields';
import { isInput } from './form-entries';

/** What the two sides write differently, because one has time and bytes that the other has not. */
export interface Dialect {
  base64(bytes: Uint8Array): string;
  file(value: Blob): string;
  /** The text of an object that only one side has; undefined for every other. */
  own?(value: object): string | undefined;
}

/** Deeper payloads are refused: the walk is recursive. */
const DEEPEST = 200;

interface Walk {
  readonly dialect: Dialect;
  /** Keys from the root to here, for messages. */
  readonly path: unknown[];
  readonly ancestors: Set<object>;
}

/** Characters of a path in a message. */
const LONGEST_SHOWN = 200;

/** The names are a client's: they may be long, and hold what a terminal takes for a command. */
export function shown(path: readonly string[]): string {
  const names = path.map((name) => JSON.stringify(name.slice(0, LONGEST_SHOWN)).slice(1, -1)).join('.');
  if (names.length <= LONGEST_SHOWN) return names;
  return `${names.slice(0, LONGEST_SHOWN / 2)}…${names.slice(-LONGEST_SHOWN / 2)}`;
}

/** A payload that holds something without a text. */
export class Incomparable extends TypeError {
  /** @param path names from the root to what cannot be compared */
  constructor(
    path: readonly string[],
    readonly why: string,
  ) {
    super(`${path.length === 0 ? 'payload' : `payload.${shown(path)}`} ${why}`);
  }
}

function refuse(walk: Walk, why: string): Incomparable {
  const names = walk.path.map((key) => (key === undefined || Object(key) === key ? '*' : String(key)));
  return new Incomparable(names, why);
}

function leaf(value: unknown, walk: Walk): string | undefined {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number': // -0 is 0 here
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'bigint':
      return `${value}n`;
    case 'symbol': {
      const name = Symbol.keyFor(value);
      if (name === undefined) throw refuse(walk, 'is a symbol of its own');
      return `symbol(${JSON.stringify(name)})`;
    }
    case 'function':
      throw refuse(walk, 'is a function, or an argument that could not be sent');
    default:
      return value === null ? 'null' : undefined;
  }
}

/** The text of a child, or undefined when the chosen fields leave it out. */
function child(key: unknown, of: Container, value: unknown, fields: Fields, walk: Walk): string | undefined {
  const inner = fields.below(key, of);
  if (inner === undefined) return undefined;
  walk.path.push(key);
  const text = write(value, inner, walk);
  walk.path.pop();
  return text;
}

function writeObject(value: object, fields: Fields, walk: Walk): string {
  const names = Object.keys(value).sort();
  if (names.length === 0) fields.none();
  let text = '{';
  for (const name of names) {
    const part = (value as Record<string, unknown>)[name];
    // An undefined field and an absent one are the same after any trip over a wire.
    if (part === undefined) continue;
    const written = child(name, 'object', part, fields, walk);
    if (written !== undefined) text += `${JSON.stringify(name)}:${written},`;
  }
  return `${text}}`;
}

function writeArray(value: readonly unknown[], fields: Fields, walk: Walk): string {
  if (value.length === 0) fields.none();
  let text = '[';
  for (let index = 0; index < value.length; index++) {
    text += `${child(index, 'array', value[index], fields, walk) ?? ''},`;
  }
  return `${text}]`;
}

function writeMap(value: ReadonlyMap<unknown, unknown>, fields: Fields, walk: Walk): string {
  if (value.size === 0) fields.none();
  const entries: string[] = [];
  for (const [key, part] of value) {
    const written = child(key, 'Map', part, fields, walk);
    if (written !== undefined) entries.push(`${write(key, ALL, walk)}:${written},`);
  }
  return `Map{${entries.sort().join('')}}`;
}

function writeSet(value: ReadonlySet<unknown>, fields: Fields, walk: Walk): string {
  if (value.size === 0) fields.none();
  const members: string[] = [];
  for (const member of value) {
    const written = child(undefined, 'Set', member, fields, walk);
    if (written !== undefined) members.push(`${written},`);
  }
  return `Set{${members.sort().join('')}}`;
}

/** Values of one name keep their order; the names have none. */
function writeForm(form: FormData, fields: Fields, walk: Walk): string {
  const names = [...new Set(form.keys())].filter(isInput).sort();
  let text = 'Form{';
  for (const name of names) {
    const written = child(name, 'form', form.getAll(name), fields, walk);
    if (written !== undefined) text += `${JSON.stringify(name)}:${written},`;
  }
  return `${text}}`;
}

function writePairs(pairs: Iterable<[string, string]>, fields: Fields, walk: Walk): string {
  const chosen = [...pairs].filter(([name]) => fields.below(name, 'pairs') !== undefined);
  return writeArray(chosen, ALL, walk);
}

function writeBytes(kind: string, value: ArrayBuffer | ArrayBufferView, { dialect }: Walk): string {
  const view = ArrayBuffer.isView(value) ? value : new Uint8Array(value);
  return `${kind}(${dialect.base64(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))})`;
}

/** @param more what one side knows besides */
export function fileText(value: Blob, more = ''): string {
  const name = 'name' in value ? JSON.stringify(value.name) : '';
  return `File(${name},${value.size},${JSON.stringify(value.type)}${more})`;
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  // The second holds for a plain object of another realm, as in test runners.
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

function writeComposite(value: object, fields: Fields, walk: Walk): string {
  if (Array.isArray(value)) return writeArray(value, fields, walk);
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  switch (kind) {
    case 'Date':
      return `Date(${(value as Date).getTime()})`;
    case 'Map':
      return writeMap(value as Map<unknown, unknown>, fields, walk);
    case 'Set':
      return writeSet(value as Set<unknown>, fields, walk);
    case 'FormData':
      return writeForm(value as FormData, fields, walk);
    case 'File':
    case 'Blob':
      return walk.dialect.file(value as Blob);
    case 'URL':
    case 'RegExp':
      return `${kind}(${JSON.stringify(String(value))})`;
    case 'URLSearchParams':
    case 'Headers':
      return kind + writePairs(value as URLSearchParams, fields, walk);
    case 'Error':
      return `Error(${JSON.stringify([(value as Error).name, (value as Error).message])})`;
  }
  const own = walk.dialect.own?.(value);
  if (own !== undefined) return own;
  if (ArrayBuffer.isView(value) || kind === 'ArrayBuffer') return writeBytes(kind, value as ArrayBuffer, walk);
  if (isPlain(value)) return writeObject(value, fields, walk);
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    return write((value as { toJSON(): unknown }).toJSON(), fields, walk);
  }
  // What such an object hides (private fields, a stream, a promise) would compare as equal.
  if (kind !== 'Object' || Object.keys(value).length === 0) throw refuse(walk, `is a ${kind} that cannot be compared`);
  return writeObject(value, fields, walk);
}

function write(value: unknown, fields: Fields, walk: Walk): string {
  const text = leaf(value, walk);
  if (text !== undefined) return text;
  const object = value as object;
  if (walk.ancestors.has(object)) throw refuse(walk, 'contains itself');
  if (walk.ancestors.size >= DEEPEST) throw refuse(walk, `is nested deeper than ${DEEPEST}`);
  walk.ancestors.add(object);
  const composite = writeComposite(object, fields, walk);
  walk.ancestors.delete(object);
  return composite;
}

/**
 * @throws Incomparable, naming the path of what cannot be compared; whatever a getter or a toJSON of the payload throws
 */
export function textOf(payload: unknown, fields: Fields, dialect: Dialect): string {
  return write(payload, fields, { dialect, path: [], ancestors: new Set() });
}
