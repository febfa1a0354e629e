/**
 * What a browser sees of our errors: in production, Next lets only the `digest` of an error through. This module
 * imports nothing, so that client components may use it.
 */
import type { ErrorCode } from '../../index';

export interface Problem {
  readonly code: ErrorCode;
  readonly retryAfterMs: number;
}

const DIGEST = /^ACTONCE;(ERR_[A-Z_]+);(\d{1,12})$/;

/** What a caught error says, when it is one of ours. */
export function readProblem(error: unknown): Problem | undefined {
  const digest = typeof error === 'object' && error !== null ? (error as { digest?: unknown }).digest : undefined;
  const match = typeof digest === 'string' ? DIGEST.exec(digest) : null;
  if (match === null) return undefined;
  return { code: match[1] as ErrorCode, retryAfterMs: Number(match[2]) };
}
