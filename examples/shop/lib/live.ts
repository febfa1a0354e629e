import type { Lane } from './journal';
import { type Ledger, readLedger } from './ledger';
import { type LockState, lockOf } from './naive-lock';
import { type RecordNow, recordOf } from './records';

/** The key of the order that each lane shows. */
export type Keys = Partial<Record<Lane, string>>;
/** Everything the page shows that only the server knows. */
export type Live = { ledger: Ledger; lock: LockState; record: RecordNow };

/** @param keys of the orders to look at; the newest ones where they are not given */
export async function readLive(keys: Keys = {}): Promise<Live> {
  const ledger = await readLedger();
  const naive = keys.naive ?? ledger.naive[0]?.key;
  const actonce = keys.actonce ?? ledger.actonce[0]?.key;
  const [lock, record] = await Promise.all([
    naive ? lockOf(naive) : ('absent' as const),
    actonce ? recordOf(actonce) : { state: 'absent' as const },
  ]);
  return { ledger, lock, record };
}
