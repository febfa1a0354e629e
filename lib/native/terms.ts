/**
 * The terms of a claim, and how they cross to the addon: one by one, since an object would cost every call an
 * allocation. The other side is `Terms` in src/session.
 */

/** The settings of a call that the store must know. */
export interface Terms {
  readonly leaseMs: number;
  readonly maxLeaseMs: number;
  readonly retentionMs: number;
  readonly onCrash: 'rerun' | 'hold';
  /** Undefined counts no keys. */
  readonly maxKeysPerScope: number | undefined;
}

/**
 * flags: 1 hold, 2 the caller will wait (marks the record when it is in progress), 4 `maxKeys` and `scope` count: a
 * new key gets QUOTA when its scope already has that many.
 */
export type NativeBegin = (
  op: number,
  identity: string,
  payload: string | null,
  leaseMs: number,
  maxLeaseMs: number,
  retentionMs: number,
  flags: number,
  budgetMs: number,
  maxKeys: number,
  scope: string | null,
) => number;

const HOLD = 1;
const WILL_WAIT = 2;
const HAS_QUOTA = 4;

export function beginOn(
  native: { readonly begin: NativeBegin },
  op: number,
  identity: string,
  payload: string | null,
  { leaseMs, maxLeaseMs, retentionMs, onCrash, maxKeysPerScope }: Terms,
  willWait: boolean,
  budgetMs: number,
  scope: string | null,
): number {
  const maxKeys = maxKeysPerScope ?? 0;
  const flags = (onCrash === 'hold' ? HOLD : 0) | (willWait ? WILL_WAIT : 0) | (maxKeys === 0 ? 0 : HAS_QUOTA);
  return native.begin(op, identity, payload, leaseMs, maxLeaseMs, retentionMs, flags, budgetMs, maxKeys, scope);
}
