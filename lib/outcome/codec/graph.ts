/**
 * Writes the D form: devalue's text, for everything that JSON would change. The form keeps shared and cyclic
 * references, and is text that an operator can read. An error names the place of what cannot be written.
 */
import { DevalueError } from 'devalue';
import type { ValueClass } from '../../../index';
import { describe, isUnreadable } from './describe';
import { readError } from './error-fields';
import { MalformedPayloadError, UnencodableError } from './faults';
import { admitGraph } from './flat';
import { parseJson } from './json';
import { admitText } from './limits';
import { decodeGraph } from './revive';
import { type ErrorReader, Walk } from './walk';

/** Gives a promise only when a Blob or File is inside, whose bytes cannot be had at once. @throws UnencodableError */
export function encodeGraph(value: unknown, classes: readonly ValueClass[]): string | Promise<string> {
  try {
    const walk = new Walk(readError, 'value', classes);
    const text = walk.write(value);
    if (walk.hasBlobs) return withBytes(walk, value, classes);
    return admitted(walk.sharesBytes ? walk.again().write(value) : text, walk, classes);
  } catch (error) {
    return refuse(error, value);
  }
}

/** Writes in one pass: refuses Blobs and Files, and gives every view its own bytes. @throws UnencodableError */
export function encodeGraphAtOnce(value: unknown, errorReader: ErrorReader, classes: readonly ValueClass[]): string {
  try {
    const walk = new Walk(errorReader, 'thrown', classes);
    return admitted(walk.write(value), walk, classes);
  } catch (error) {
    return refuse(error, value);
  }
}

async function withBytes(walk: Walk, value: unknown, classes: readonly ValueClass[]): Promise<string> {
  try {
    return admitted(await walk.again().writeWithBytes(value), walk, classes);
  } catch (error) {
    return refuse(error, value);
  }
}

/** A shorter text is within every limit. A longer one is checked, so that it can surely be read again. */
const SURELY_ADMITTED = 1_000;

function admitted(text: string, { hasRegistered }: Walk, classes: readonly ValueClass[]): string {
  if (text.length > SURELY_ADMITTED) {
    admitText(text);
    admitGraph(parseJson(text));
  }
  if (hasRegistered) assertReadable(text, classes);
  return text;
}

/** What a registered class writes may hold the instance itself, which then could not be made again. */
function assertReadable(text: string, classes: readonly ValueClass[]): void {
  try {
    const nothing = classes.map(({ name, is, encode }) => ({ name, is, encode, decode: () => undefined }));
    decodeGraph(text, [], nothing);
  } catch (cause) {
    throw new UnencodableError('an instance of a registered class that contains itself', '', cause);
  }
}

function refuse(error: unknown, root: unknown): never {
  if (error instanceof UnencodableError) throw error;
  if (error instanceof DevalueError) {
    const culprit: unknown = error.value;
    const cause = isUnreadable(culprit) ? culprit.cause : undefined;
    throw new UnencodableError(describe(culprit), readablePath(error.path), cause);
  }
  if (error instanceof MalformedPayloadError) throw new UnencodableError(`beyond a limit: ${error.reason}`, '', error);
  if (error instanceof RangeError) throw new UnencodableError('nested too deeply or too large', '', error);
  throw new UnencodableError(describe(root), '', error);
}

/**
 * The path without devalue's first dot and without what this codec has put around values, and with an error's fields
 * named as they are on the error (see error-fields.ts).
 */
function readablePath(path: string): string {
  return path
    .replace(/\["#(cause|errors)"\]/g, '.$1')
    .replaceAll('["#encoded"]', '')
    .replace(/^\./, '');
}
