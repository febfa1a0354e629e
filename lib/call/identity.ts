/**
 * The name of a record: scope and key, joined so that no two pairs make the same text. Keys are hostile input; their
 * rules are checked here and nowhere else.
 */
import type { Scope } from '../../index';
import { ActonceError, invalid } from '../errors';

const LONGEST_KEY_BYTES = 255;
/** UTF-8 needs at most three bytes for one UTF-16 unit, so a key this short is not measured. */
const SURELY_SHORT = Math.floor(LONGEST_KEY_BYTES / 3);

/** @throws ActonceError `ERR_KEY_MISSING`, `ERR_INVALID_ARGUMENT` */
export function checkKey(key: unknown, scope?: Scope): asserts key is string {
  if (key === undefined || key === null || key === '') throw missing(operationOf(scope));
  if (typeof key !== 'string') throw invalid(`the idempotency key must be a string, not ${typeof key}`);
  if (key.length > LONGEST_KEY_BYTES || (key.length > SURELY_SHORT && Buffer.byteLength(key) > LONGEST_KEY_BYTES)) {
    throw invalid(`the idempotency key is longer than ${LONGEST_KEY_BYTES} bytes`);
  }
  if (!key.isWellFormed()) throw invalid('the idempotency key holds half a surrogate pair');
}

function missing(operation: string | undefined): ActonceError {
  return new ActonceError(
    'ERR_KEY_MISSING',
    operation === undefined ? {} : { detail: `'${operation}' was called without one` },
  );
}

export function isKey(key: unknown): key is string {
  try {
    checkKey(key);
    return true;
  } catch {
    return false;
  }
}

/** A part with its kind and length in front, so that nothing that follows can be taken for a piece of the part. */
function scopePart(part: unknown): string {
  if (typeof part === 'number') {
    if (!Number.isFinite(part)) throw invalid(`scope holds the number ${part}`);
    const text = String(part);
    return `n${text.length}:${text}`;
  }
  if (typeof part !== 'string') {
    const type = part === null ? 'null' : typeof part;
    throw invalid(`scope must be a string, a number or an array of those; it holds ${type}`);
  }
  if (part === '') throw invalid("scope holds an empty string; write 'public' for a scope that all users share");
  if (!part.isWellFormed()) throw invalid('scope holds half a surrogate pair');
  return `s${part.length}:${part}`;
}

function keyPart(key: string): string {
  return `k${key.length}:${key}`;
}

/** An identity without its key: the same text for all keys of a scope. */
export function scopeOf(identity: string, key: string): string {
  return identity.slice(0, -keyPart(key).length);
}

/**
 * @returns the text that the record's hash is made from
 * @throws ActonceError `ERR_KEY_MISSING`, `ERR_INVALID_ARGUMENT`
 */
export function identityOf(key: unknown, scope: Scope | undefined): string {
  checkKey(key, scope);
  const end = keyPart(key);
  if (scope === undefined) return end;
  if (!Array.isArray(scope)) return scopePart(scope) + end;
  if (scope.length === 0) throw invalid('scope is an empty array');
  let start = '';
  for (const part of scope) start += scopePart(part);
  return start + end;
}

/** The operation's name, for events. A scope that is not an array may be a user's id, which no log should hold. */
export function operationOf(scope: Scope | undefined): string | undefined {
  const first: unknown = Array.isArray(scope) ? scope[0] : undefined;
  return typeof first === 'string' || typeof first === 'number' ? String(first) : undefined;
}
