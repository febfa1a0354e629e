import type { Intent } from '@/lib/ledger';

export type Verdict = { tone: 'waiting' | 'good' | 'bad'; text: string };

/** What became of an order, as its customer would judge it. */
export function verdictOn(order: Intent | undefined): Verdict {
  if (!order) return { tone: 'waiting', text: 'No order yet.' };
  const charges = order.charges.length;
  if (charges > 1) return { tone: 'bad', text: `✕ Charged ${charges === 2 ? 'twice' : `${charges} times`}.` };
  const outcomes = order.attempts.map(({ outcome }) => outcome);
  if (outcomes.includes('already_processed')) {
    return { tone: 'bad', text: `✕ ${charges === 0 ? 'Refused' : 'Charged, but refused'}: already_processed.` };
  }
  if (charges === 0 || outcomes.length === 0) return { tone: 'waiting', text: '… The order is on its way.' };
  if (outcomes.length === 1) return { tone: 'good', text: '✓ Charged once.' };
  return { tone: 'good', text: '✓ Charged once. The repetition got the same result.' };
}
