/**
 * What a browser sees of our errors: in production, Next lets only the `digest` of an error through. This module
 * imports nothing, so that client components may use it.
 */
import type { ErrorCode } from '../../index';

export interface Problem {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly retryAfterMs: number;
  readonly reference: string | undefined;
}

/** The codes whose errors are `retryable`; lib/errors.ts says so on the server. */
const RETRYABLE: readonly ErrorCode[] = [
  'ERR_IN_PROGRESS',
  'ERR_LEASE_LOST',
  'ERR_STORE_UNAVAILABLE',
  'ERR_STORE_FULL',
  'ERR_DURABILITY',
  'ERR_QUOTA',
  'ERR_STATE_NOT_REACHED',
];

const DIGEST = /^ACTONCE;(ERR_[A-Z_]+);(\d{1,12})(?:;([\w-]{22}))?$/;

/** What a caught error says, when it is one of ours. */
export function readProblem(error: unknown): Problem | undefined {
  const digest = typeof error === 'object' && error !== null ? (error as { digest?: unknown }).digest : undefined;
  const match = typeof digest === 'string' ? DIGEST.exec(digest) : null;
  if (match === null) return undefined;
  const code = match[1] as ErrorCode;
  return { code, retryable: RETRYABLE.includes(code), retryAfterMs: Number(match[2]), reference: match[3] };
}
