import type { Lane } from '@/lib/journal';
import type { Intent } from '@/lib/ledger';
import { verdictOn } from './verdict';

const MARKS = { good: '✓', bad: '✕', waiting: '' };

/** Both lanes in one line, for screens on which they are not side by side. Each lane says the same, and is read out. */
export function Score({ orders }: { orders: Record<Lane, Intent | undefined> }) {
  return (
    <div className="score" aria-hidden="true">
      <Half name="naive" order={orders.naive} />
      <Half name="actonce" order={orders.actonce} />
    </div>
  );
}

function Half({ name, order }: { name: string; order: Intent | undefined }) {
  const charges = order?.charges.length ?? 0;
  const { tone } = verdictOn(order);
  return (
    <div className={tone}>
      {MARKS[tone]} {name}: <b>{charges}</b> {charges === 1 ? 'charge' : 'charges'}
    </div>
  );
}
