/**
 * What of a payload is compared, and its text: the canonical form of wire/, with what a server knows besides. Only a
 * hash of the text leaves the process.
 */
import type { Fingerprint } from '../../index';
import { announceOnce, ignoreRejection, isDevelopment } from '../announce';
import { ActonceError, invalid } from '../errors';
import { type Dialect, fileText, Incomparable, shown, textOf } from '../wire/canonical';
import { ALL, type Fields, type Path, type Paths, Selection } from '../wire/fields';
import { ExactNumber } from './exact-number';
import { formerFieldsOf } from './former-fields';

/** Digests of the bytes of files; undefined for one that is not to be had at once, or not at all. */
export interface FileDigests {
  digestOf(file: Blob): string | undefined;
}

/** How a server writes what the browser writes otherwise, or does not have. */
export function dialectOf(files: FileDigests): Dialect {
  return {
    base64: ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength).toString('base64'),
    file(value) {
      const digest = files.digestOf(value);
      return fileText(value, digest === undefined ? '' : `,${digest}`);
    },
    own: (value) => (ExactNumber.is(value) ? `#${value}` : undefined),
  };
}

/** Files are compared by name, size and type. */
const WITHOUT_BYTES = dialectOf({ digestOf: () => undefined });

/** Why a payload cannot be compared, by the error that says so. */
const reasons = new WeakMap<object, string>();

/** Undefined for every error that is not about a payload. */
export function reasonOf(error: ActonceError): string | undefined {
  return reasons.get(error);
}

function payloadError(message: string, reason: string): ActonceError {
  const error = invalid(message);
  reasons.set(error, reason);
  return error;
}

/**
 * @param revised called when version 0.1 may have made another text
 * @throws ActonceError `ERR_INVALID_ARGUMENT`, naming the path of what cannot be compared, or that selects nothing
 */
export function canonicalText(
  payload: unknown,
  fingerprint: Fingerprint | undefined,
  dialect = WITHOUT_BYTES,
  revised?: () => void,
): string {
  if (fingerprint === undefined) return written(payload, ALL, dialect);
  if (typeof fingerprint === 'function') return written(chosenOf(payload, fingerprint), ALL, dialect);
  const selection = new Selection(fingerprint);
  const text = written(payload, selection.fields, dialect);
  checkMissing(selection.missing, 'exclude' in fingerprint);
  if (selection.isRevised) revised?.();
  return text;
}

/** The text that version 0.1 made of a payload: what records are compared with that were made before a deployment. */
export function formerText(payload: unknown, fingerprint: Fingerprint | undefined): string {
  if (fingerprint === undefined || typeof fingerprint === 'function' || hasOptional(fingerprint)) {
    return canonicalText(payload, fingerprint);
  }
  return written(payload, formerFieldsOf(fingerprint), WITHOUT_BYTES);
}

/** That version had no such paths. It would leave the field out, and an order with a coupon would equal one without. */
function hasOptional(fingerprint: Paths): boolean {
  return ('exclude' in fingerprint ? fingerprint.exclude : fingerprint).some((path) => path.endsWith('?'));
}

function written(payload: unknown, fields: Fields, dialect: Dialect): string {
  return readable(() => textOf(payload, fields, dialect));
}

/**
 * What a function chooses of a payload.
 * @throws ActonceError `ERR_INVALID_ARGUMENT`
 */
export function chosenOf(payload: unknown, choose: (payload: never) => unknown): unknown {
  const chosen = readable(() => choose(payload as never));
  if (chosen instanceof Promise) ignoreRejection(chosen);
  if (chosen !== undefined) return chosen;
  throw invalid('the function fingerprint returned undefined, which compares nothing; return null where that is meant');
}

/** @throws ActonceError `ERR_INVALID_ARGUMENT` for whatever a getter, a proxy, a toJSON() or the function throws */
function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof ActonceError) throw cause;
    if (cause instanceof Incomparable) {
      throw payloadError(`${cause.message}; choose what to compare with the option fingerprint`, cause.why);
    }
    throw new ActonceError('ERR_INVALID_ARGUMENT', { detail: 'the payload could not be read', cause });
  }
}

/** A selector that selects nothing would let another payload have the first one's outcome. */
function checkMissing(missing: readonly Path[], isExcluded: boolean): void {
  for (const path of missing) {
    if (!isExcluded) throw selectsNothing(path);
    if (!isDevelopment()) return;
    announceOnce(
      `exclude ${path.text}`,
      `fingerprint: { exclude: ['${path.text}'] } leaves nothing out. ${thereIs(path)} (Said once, in development.)`,
    );
  }
}

function selectsNothing(path: Path): ActonceError {
  const what = `the path '${path.text}' of the option fingerprint selects nothing of the payload`;
  return payloadError(
    `${what}. ${thereIs(path)} A path that may be missing ends with a question mark`,
    `has nothing at '${path.text}', which is compared. ${thereIs(path)}`,
  );
}

/** Characters of one of many names in a message. */
const LONGEST_NAME = 60;

function thereIs({ namesThere }: Path): string {
  const names = [...namesThere].sort().map((name) => `'${shown([name.slice(0, LONGEST_NAME)])}'`);
  return names.length === 0 ? 'Nothing there has a name.' : `The names there are ${names.join(', ')}.`;
}
