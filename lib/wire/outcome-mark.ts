/**
 * How a page learns that the error it was thrown is the outcome of its key: `idempotentAction` writes this into the error's
 * `digest`, which is all of an error that Next lets through in production. It names the key, since one error object may be
 * thrown for several; by a hash, since the page may show a digest and a log keep it.
 */
import { hashOf } from './hash';

const MARK = 'ACTONCE_OUTCOME;';

export function outcomeMark(key: string): string {
  return MARK + hashOf(key);
}

export function isOutcomeMark(digest: unknown): boolean {
  return typeof digest === 'string' && digest.startsWith(MARK);
}
