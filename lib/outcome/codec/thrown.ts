/**
 * Thrown values, for callers that get the outcome of another attempt. Unlike a result, an error is always recorded: the
 * parts that cannot be written, or are too large, are left out. Name and message come first, then what says which error
 * it is, then the causes, then the fields in their order.
 */
import type { ErrorClass, ValueClass } from '../../../index';
import { Format } from '../format';
import { readError } from './error-fields';
import { MalformedPayloadError, UnencodableError } from './faults';
import { encodeGraphAtOnce } from './graph';
import { kindOf } from './kinds';
import { decodeGraph } from './revive';
import { NO_CLASSES } from './value-classes';
import type { ErrorReader } from './walk';

/** Characters for everything but the first error's name and message. */
const ROOM = 16_384;
const LONGEST_MESSAGE = 4_096;
const MOST_ERRORS = 32;

/** Encodes whatever was thrown, an Error or not. The stack is never written. */
export function encodeError(thrown: unknown, registered: readonly ErrorClass[], classes = NO_CLASSES): string {
  try {
    const text = encodeGraphAtOnce(thrown, errorCutter(registered, classes), classes);
    if (isError(thrown) || text.length <= ROOM) return Format.ERROR + text;
    return encodeStandIn(`larger than ${ROOM} characters`);
  } catch (error) {
    return encodeStandIn(error instanceof UnencodableError ? error.kind : 'not readable');
  }
}

function encodeStandIn(kind: string): string {
  const standIn = new Error(`The thrown value cannot be recorded: it is ${kind}.`);
  return Format.ERROR + encodeGraphAtOnce(standIn, readError, NO_CLASSES);
}

function errorCutter(registered: readonly ErrorClass[], classes: readonly ValueClass[]): ErrorReader {
  const met = new Set<Error>();
  let room = ROOM;

  const fits = (value: unknown): boolean => {
    if (isError(value)) return met.has(value) || (met.size < MOST_ERRORS && room > 0 && met.add(value).size > 0);
    const length = lengthOf(value, classes);
    if (length > room) return false;
    room -= length;
    return true;
  };

  return (error) => {
    const isFirst = met.size === 0;
    met.add(error);
    const longest = isFirst ? LONGEST_MESSAGE : Math.max(0, Math.min(LONGEST_MESSAGE, room));
    const kept: Record<string, unknown> = {};
    const fields = Object.entries(readError(error, registered));
    for (const [key, value] of fields.filter(isHeadline)) {
      kept[key] = typeof value === 'string' ? value.slice(0, longest) : value;
      if (!isFirst) room -= lengthOf(kept[key], classes);
    }
    for (const [key, value] of fields) {
      if (Object.hasOwn(kept, key) || key === '__proto__') continue;
      if (key === '#errors' && Array.isArray(value)) kept[key] = value.filter(fits);
      else if (key.length < room && fits(value)) {
        kept[key] = value;
        room -= key.length;
      }
    }
    return kept;
  };
}

function isError(value: unknown): value is Error {
  return typeof value === 'object' && value !== null && kindOf(value) === 'Error';
}

/** A class may make name and message enumerable. */
function isHeadline([key, value]: [string, unknown]): boolean {
  return key === '#class' || (/^#?(name|message)$/.test(key) && typeof value === 'string');
}

function lengthOf(value: unknown, classes: readonly ValueClass[]): number {
  try {
    return encodeGraphAtOnce(value, readError, classes).length;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/**
 * Gives what was thrown: an instance of the registered class of that name, otherwise of the built-in one. Its stack
 * names the place of the replay.
 * @throws MalformedPayloadError
 */
export function decodeError(text: string, registered: readonly ErrorClass[], classes = NO_CLASSES): unknown {
  if (text[0] !== Format.ERROR) throw new MalformedPayloadError('it is not an error');
  const thrown = decodeGraph(text.slice(1), registered, classes);
  if (thrown instanceof Error) Error.captureStackTrace(thrown, decodeError);
  return thrown;
}
