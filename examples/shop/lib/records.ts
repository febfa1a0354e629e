import { inspect, type RecordView } from 'actonce';
import { customer } from './customer';

/** What the store holds for an order's key right now; `leadsTo` is the page of a recorded redirect. */
export type RecordNow = Partial<Pick<RecordView, 'attempt' | 'fence' | 'leaseRemainingMs' | 'expiresInMs'>> & {
  state: RecordView['state'] | 'absent';
  leadsTo?: string;
};

export async function recordOf(key: string): Promise<RecordNow> {
  const record = await inspect({ key, scope: ['placeOrder', customer] });
  if (!record) return { state: 'absent' };
  const { state, attempt, fence, leaseRemainingMs, expiresInMs, outcome } = record;
  const leadsTo = outcome?.kind === 'redirect' ? outcome.url : undefined;
  return { state, attempt, fence, leaseRemainingMs, expiresInMs, leadsTo };
}
