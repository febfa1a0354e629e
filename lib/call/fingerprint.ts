/**
 * The canonical text of a payload: equal texts exactly for payloads that mean the same. The order of object keys, Map
 * and Set entries does not matter; the order of arrays and the difference between 1 and '1' do. What cannot be
 * compared is refused, never taken for equal. Only a hash of the text leaves the process.
 */
import type { Fingerprint } from '../../index';
import { ignoreRejection } from '../announce';
import { ActonceError, invalid } from '../errors';
import { isInput } from '../wire/form-entries';
import { ExactNumber } from './exact-number';
import { ALL, type Fields, fieldsOf } from './payload-fields';

/** Deeper payloads are refused: the walk is recursive. */
const DEEPEST = 200;
/** Characters of a path in a message. */
const LONGEST_SHOWN = 200;

/** Digests of the bytes of files; undefined for one that is not to be had at once, or not at all. */
export interface FileDigests {
  digestOf(file: Blob): string | undefined;
}

const NO_BYTES: FileDigests = { digestOf: () => undefined };

interface Walk {
  /** Names from the root to here, for messages. */
  readonly path: string[];
  readonly ancestors: Set<object>;
  readonly files: FileDigests;
}

/** Why a payload cannot be compared, by the error that says so. */
const reasons = new WeakMap<object, string>();

/** Undefined for every error that is not about a payload. */
export function reasonOf(error: ActonceError): string | undefined {
  return reasons.get(error);
}

function payloadError({ path }: Walk, why: string): ActonceError {
  const where = path.length === 0 ? 'payload' : `payload.${shown(path)}`;
  const error = invalid(`${where} ${why}; choose what to compare with the option fingerprint`);
  reasons.set(error, why);
  return error;
}

/** The names are a client's: they may be long, and hold what a terminal takes for a command. */
function shown(path: readonly string[]): string {
  const names = path.map((name) => JSON.stringify(name.slice(0, LONGEST_SHOWN)).slice(1, -1)).join('.');
  if (names.length <= LONGEST_SHOWN) return names;
  return `${names.slice(0, LONGEST_SHOWN / 2)}…${names.slice(-LONGEST_SHOWN / 2)}`;
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
      if (name === undefined) throw payloadError(walk, 'is a symbol of its own');
      return `symbol(${JSON.stringify(name)})`;
    }
    case 'function':
      throw payloadError(walk, 'is a function, or an argument that could not be sent');
    default:
      return value === null ? 'null' : undefined;
  }
}

/** The text of a child, or undefined when the chosen fields leave it out. */
function child(name: string, value: unknown, fields: Fields, walk: Walk): string | undefined {
  const inner = fields.below(name);
  if (inner === undefined) return undefined;
  walk.path.push(name);
  const text = write(value, inner, walk);
  walk.path.pop();
  return text;
}

function writeObject(value: object, fields: Fields, walk: Walk): string {
  let text = '{';
  for (const name of Object.keys(value).sort()) {
    const part = (value as Record<string, unknown>)[name];
    // An undefined field and an absent one are the same after any trip over a wire.
    if (part === undefined) continue;
    const written = child(name, part, fields, walk);
    if (written !== undefined) text += `${JSON.stringify(name)}:${written},`;
  }
  return `${text}}`;
}

function writeArray(value: readonly unknown[], fields: Fields, walk: Walk): string {
  let text = '[';
  for (let index = 0; index < value.length; index++) {
    text += `${child(String(index), value[index], fields, walk) ?? ''},`;
  }
  return `${text}]`;
}

function writeMap(value: ReadonlyMap<unknown, unknown>, fields: Fields, walk: Walk): string {
  const entries: string[] = [];
  for (const [key, part] of value) {
    const name = typeof key === 'string' ? key : '*';
    const written = child(name, part, fields, walk);
    if (written !== undefined) entries.push(`${write(key, ALL, walk)}:${written},`);
  }
  return `Map{${entries.sort().join('')}}`;
}

function writeSet(value: ReadonlySet<unknown>, walk: Walk): string {
  const members: string[] = [];
  for (const member of value) members.push(`${write(member, ALL, walk)},`);
  return `Set{${members.sort().join('')}}`;
}

/** Values of one name keep their order; the names have none. */
function writeForm(form: FormData, fields: Fields, walk: Walk): string {
  const names = [...new Set(form.keys())].filter(isInput).sort();
  let text = 'Form{';
  for (const name of names) {
    const written = child(name, form.getAll(name), fields, walk);
    if (written !== undefined) text += `${JSON.stringify(name)}:${written},`;
  }
  return `${text}}`;
}

function writeBytes(value: ArrayBuffer | ArrayBufferView): string {
  const view = ArrayBuffer.isView(value) ? value : new Uint8Array(value);
  // A Buffer is the Uint8Array it holds: which of the two arrives depends on who decoded the request.
  const kind = Buffer.isBuffer(value) ? 'Uint8Array' : Object.prototype.toString.call(value).slice(8, -1);
  return `${kind}(${Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('base64')})`;
}

function writeFile(value: Blob, walk: Walk): string {
  const name = 'name' in value ? JSON.stringify(value.name) : '';
  const digest = walk.files.digestOf(value);
  const bytes = digest === undefined ? '' : `,${digest}`;
  return `File(${name},${value.size},${JSON.stringify(value.type)}${bytes})`;
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
      return writeSet(value as Set<unknown>, walk);
    case 'FormData':
      return writeForm(value as FormData, fields, walk);
    case 'File':
    case 'Blob':
      return writeFile(value as Blob, walk);
    case 'URL':
    case 'RegExp':
      return `${kind}(${JSON.stringify(String(value))})`;
    case 'URLSearchParams':
    case 'Headers':
      return `${kind}${writeArray([...(value as URLSearchParams)], ALL, walk)}`;
    case 'Error':
      return `Error(${JSON.stringify([(value as Error).name, (value as Error).message])})`;
  }
  if (ExactNumber.is(value)) return `#${value}`;
  if (ArrayBuffer.isView(value) || kind === 'ArrayBuffer') return writeBytes(value as ArrayBuffer);
  if (isPlain(value)) return writeObject(value, fields, walk);
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    return write((value as { toJSON(): unknown }).toJSON(), fields, walk);
  }
  // What such an object hides (private fields, a stream, a promise) would compare as equal.
  if (kind !== 'Object' || Object.keys(value).length === 0)
    throw payloadError(walk, `is a ${kind} that cannot be compared`);
  return writeObject(value, fields, walk);
}

function write(value: unknown, fields: Fields, walk: Walk): string {
  const text = leaf(value, walk);
  if (text !== undefined) return text;
  const object = value as object;
  if (walk.ancestors.has(object)) throw payloadError(walk, 'contains itself');
  if (walk.ancestors.size >= DEEPEST) throw payloadError(walk, `is nested deeper than ${DEEPEST}`);
  walk.ancestors.add(object);
  const composite = writeComposite(object, fields, walk);
  walk.ancestors.delete(object);
  return composite;
}

/**
 * @param files the bytes of its files; without them files are compared by name, size and type
 * @throws ActonceError `ERR_INVALID_ARGUMENT`, naming the path of what cannot be compared
 */
export function canonicalText(payload: unknown, fingerprint: Fingerprint | undefined, files = NO_BYTES): string {
  const walk = { path: [], ancestors: new Set<object>(), files };
  if (typeof fingerprint === 'function') {
    const chosen = chosenOf(payload, fingerprint);
    return readable(() => write(chosen, ALL, walk));
  }
  return readable(() => write(payload, fieldsOf(fingerprint), walk));
}

/** What a function chooses of a payload. @throws ActonceError `ERR_INVALID_ARGUMENT` */
export function chosenOf(payload: unknown, choose: (payload: never) => unknown): unknown {
  const chosen = readable(() => choose(payload as never));
  if (chosen instanceof Promise) ignoreRejection(chosen);
  return chosen;
}

/** @throws ActonceError `ERR_INVALID_ARGUMENT` for whatever a getter, a proxy, a toJSON() or the function throws */
function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof ActonceError) throw cause;
    throw new ActonceError('ERR_INVALID_ARGUMENT', { detail: 'the payload could not be read', cause });
  }
}
