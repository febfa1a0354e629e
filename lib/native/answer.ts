/**
 * What the addon answers: the tags, numbered as in src/session/delivery.rs, and what the other numbers mean. Other
 * modules compare tags by name. An answer's `code`, and the reason of a loss in its `ms`, are read only here and in
 * instance-answer.ts.
 */
import type { ErrorCode, LeaseLossReason } from '../../index';
import { ActonceError } from '../errors';
import { Loss, STORE_CODES } from './addon';

/** What an outcome says. The numbers are the wire format between Rust and JavaScript. */
export const Tag = {
  ACQUIRED: 0,
  REPLAY: 1,
  REPLAY_ERROR: 2,
  IN_PROGRESS: 3,
  MISMATCH: 4,
  INDETERMINATE: 5,
  RELEASED: 6,
  DONE: 7,
  STALE: 8,
  LOST: 9,
  WOKEN: 10,
  DELAYED: 11,
  STORE_ERROR: 12,
  LEASE_LOST: 13,
  RECORD: 14,
  SETTLED: 15,
  UNREADABLE: 16,
  INSTANCE: 17,
  MOVED: 18,
  ILLEGAL: 19,
  CONFLICT: 20,
  ABSENT: 21,
  UNKNOWN_STATE: 22,
  DUE: 23,
  QUOTA: 24,
  EVICTS: 25,
  TOO_LARGE: 26,
} as const;
export type Tag = (typeof Tag)[keyof typeof Tag];

/** One outcome of one operation. */
export interface Answer {
  readonly tag: Tag;
  readonly fence: number;
  readonly attempt: number;
  /** Of a STORE_ERROR: there is a record at the key. */
  readonly recovered: boolean;
  /**
   * Meaning by tag: remaining lease, since when, why the lease was lost, or how long an outcome may still be recorded.
   */
  readonly ms: number;
  readonly code: number;
  readonly payload: string | null;
}

const LOSS_REASONS: Readonly<Record<number, LeaseLossReason>> = {
  [Loss.expired]: 'expired',
  [Loss.refused]: 'refused',
  [Loss.maxLease]: 'max-lease',
};

/** The reason that LEASE_LOST carries. */
export function lossReasonOf({ ms }: Answer): LeaseLossReason {
  return LOSS_REASONS[ms] ?? 'refused';
}

/** The answer that the addon would give for a failed store. */
export function failedStore(code: ErrorCode, payload: string | null = null): Answer {
  return {
    tag: Tag.STORE_ERROR,
    fence: 0,
    attempt: 0,
    recovered: false,
    ms: 0,
    code: STORE_CODES.indexOf(code),
    payload,
  };
}

/** Whether an answer with this tag ends its operation. The tags named here leave the operation open in the addon. */
export function endsOperation(tag: Tag): boolean {
  switch (tag) {
    case Tag.ACQUIRED:
    case Tag.IN_PROGRESS:
    case Tag.WOKEN:
    case Tag.DELAYED:
    case Tag.LEASE_LOST:
    case Tag.TOO_LARGE:
      return false;
    default:
      return true;
  }
}

/**
 * Whether the store is away, as against refusing us: what `onStoreUnavailable` speaks of. A store that still tells of a
 * record at the key is not away: the record is somebody's run, or its outcome.
 */
export function isOutage(answer: Answer): boolean {
  if (answer.tag !== Tag.STORE_ERROR || answer.recovered) return false;
  const code = STORE_CODES[answer.code];
  return code === 'ERR_STORE_UNAVAILABLE' || code === 'ERR_STORE_FULL' || code === 'ERR_STORE_PROTOCOL';
}

/** Whether the primary has the write, but fewer others than were asked for. */
export function lacksDurability(answer: Answer): boolean {
  return answer.tag === Tag.STORE_ERROR && STORE_CODES[answer.code] === 'ERR_DURABILITY';
}

/** The error for the answer of a failed store. */
export function storeError(answer: Answer, hash: string | undefined): ActonceError {
  const detail = answer.payload ?? undefined;
  if (answer.tag === Tag.UNREADABLE) return new ActonceError('ERR_RECORD_UNREADABLE', { detail, hash });
  return new ActonceError(STORE_CODES[answer.code] ?? 'ERR_STORE_PROTOCOL', { detail, hash });
}
