/**
 * Checks devalue's flat form before anything is built from it: every entry has a shape that devalue writes, every
 * reference leads somewhere, and the unfolded value stays within the limits.
 */
import { isBase64 } from './bulk';
import { MalformedPayloadError } from './faults';
import { DEEPEST, LONGEST_ARRAY, LONGEST_BIGINT } from './limits';
import { classNameOf } from './value-classes';

/** devalue's constants: values that have no entry. */
const HOLE = -2;
const LOWEST_CONSTANT = -6;
const SPARSE = -7;

const NOTHING: readonly number[] = [];

/** @throws MalformedPayloadError */
export function admitGraph(parsed: unknown): asserts parsed is number | unknown[] {
  if (typeof parsed === 'number') return admitReference(parsed, 0);
  if (!Array.isArray(parsed) || parsed.length === 0) throw new MalformedPayloadError('it is not a flat list');
  const entries: unknown[] = parsed;
  for (const entry of entries) {
    const references = referencesOf(entry);
    for (const reference of references) {
      if (reference !== HOLE || references !== entry) admitReference(reference, entries.length);
    }
  }
  // A chain of references is at most as long as the list.
  if (entries.length > DEEPEST) admitDepth(entries);
}

function admitReference(reference: unknown, length: number): void {
  const admitted =
    Number.isInteger(reference) &&
    (reference as number) < length &&
    (reference as number) >= LOWEST_CONSTANT &&
    reference !== HOLE;
  if (!admitted) {
    const shown = typeof reference === 'number' ? ` ${reference}` : '';
    throw new MalformedPayloadError(`a reference${shown} leads nowhere`);
  }
}

/** Follows the references in devalue's order, so that the depth found here is the depth of devalue's recursion. */
function admitDepth(entries: unknown[]): void {
  const visited = new Uint8Array(entries.length);
  const path: { references: readonly number[]; next: number }[] = [{ references: [0], next: 0 }];
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const reference = top.references[top.next++];
    if (reference === undefined) path.pop();
    else if (reference >= 0 && visited[reference] === 0) {
      visited[reference] = 1;
      const references = referencesOf(entries[reference]);
      if (references.length > 0 && path.push({ references, next: 0 }) > DEEPEST + 1) {
        throw new MalformedPayloadError(`it is nested deeper than ${DEEPEST}`);
      }
    }
  }
}

/** The entries that an entry refers to. Its shape is checked on the way. */
function referencesOf(entry: unknown): readonly number[] {
  if (typeof entry !== 'object' || entry === null) return NOTHING;
  if (!Array.isArray(entry)) {
    if (Object.hasOwn(entry, '__proto__')) throw new MalformedPayloadError('it has a key __proto__');
    return Object.values(entry);
  }
  if (typeof entry[0] === 'string') return referencesOfTagged(entry[0], entry);
  return entry[0] === SPARSE ? referencesOfSparse(entry) : entry;
}

function referencesOfSparse([, length, ...pairs]: number[]): number[] {
  if (!Number.isInteger(length) || (length as number) < 0 || (length as number) > LONGEST_ARRAY) {
    throw new MalformedPayloadError('it has an array of an impossible length');
  }
  return everySecond(pairs, (index) => Number.isInteger(index) && index >= 0 && index < (length as number));
}

function everySecond<T>(pairs: readonly T[], isKey: (key: T) => boolean): number[] {
  const references: number[] = [];
  for (let at = 0; at < pairs.length; at += 2) {
    if (at + 1 === pairs.length || !isKey(pairs[at] as T)) throw new MalformedPayloadError('an entry is half written');
    references.push(pairs[at + 1] as number);
  }
  return references;
}

function referencesOfTagged(tag: string, entry: readonly unknown[]): readonly number[] {
  const rest = entry.slice(1);
  switch (tag) {
    case 'Set':
      return rest as number[];
    case 'Map':
      if (rest.length % 2 !== 0) throw new MalformedPayloadError('a Map is half written');
      return rest as number[];
    case 'null':
      return everySecond(rest, (key) => typeof key === 'string' && key !== '__proto__');
    case 'Error':
    case 'Buffer':
    case 'FormData':
    case 'Headers':
    case 'File':
    case 'Blob':
    case 'Symbol':
      return rest as number[]; // The content is checked when the object is made.
  }
  const className = classNameOf(tag);
  if (className !== undefined) {
    if (rest.length !== 1) throw new MalformedPayloadError(`a ${className.slice(0, 40)} in it is half written`);
    return rest as number[]; // Whether the class is known is found out when it is made.
  }
  const isOfShape = Object.hasOwn(SHAPES, tag) ? SHAPES[tag] : isView(tag) ? isViewEntry : undefined;
  if (isOfShape?.(rest) !== true) throw new MalformedPayloadError(`a ${tag.slice(0, 40)} in it is impossible`);
  return isOfShape === isViewEntry ? [rest[0] as number] : NOTHING;
}

const isText = (value: unknown): value is string => typeof value === 'string';

/** The entries that hold text, which devalue gives to the constructor of the same name. */
const SHAPES: Readonly<Record<string, (rest: readonly unknown[]) => boolean>> = {
  Date: ([text, ...more]) => more.length === 0 && isText(text) && /^$|^[-+\d]\d{3,6}-\d\d-\d\dT[\d:.]+Z$/.test(text),
  URL: ([text, ...more]) => more.length === 0 && isText(text),
  URLSearchParams: ([text, ...more]) => more.length === 0 && isText(text),
  RegExp: ([source, flags = '', ...more]) => more.length === 0 && isText(source) && isText(flags),
  BigInt: ([digits, ...more]) => {
    return more.length === 0 && isText(digits) && digits.length <= LONGEST_BIGINT && /^-?\d+$/.test(digits);
  },
  ArrayBuffer: ([text, ...more]) => more.length === 0 && isText(text) && isBase64(text),
};

function isView(tag: string): boolean {
  return /^(Uint8Clamped|Big(Ui|I)nt64|(Ui|I)nt(8|16|32)|Float(16|32|64))Array$|^DataView$/.test(tag);
}

function isViewEntry(rest: readonly unknown[]): boolean {
  return (
    (rest.length === 1 || rest.length === 3) && rest.every((number) => Number.isInteger(number) && Number(number) >= 0)
  );
}
