'use client';

import type { ReactNode } from 'react';
import type { Lane } from '@/lib/journal';
import type { Ledger } from '@/lib/ledger';
import { LedgerTable } from './LedgerTable';
import { Network } from './Network';
import { OrderForm, type PlaceOrder } from './OrderForm';
import { usePolled } from './usePolled';

const LANES: { lane: Lane; title: string; code: string; why: string }[] = [
  {
    lane: 'naive',
    title: 'A naive lock',
    code: 'GET · SET NX EX 60 · checkout() · SET COMPLETED · on error DEL',
    why: 'checkout() ends with redirect(), which throws: the lock takes the paid order for a failure and is deleted.',
  },
  {
    lane: 'actonce',
    title: 'actonce',
    code: 'withIdempotency(key, () => checkout(), { scope, payload })',
    why: 'The redirect is recorded as the outcome. Every repetition with the same key gets it again.',
  },
];

type Props = Record<Lane, PlaceOrder> & { serverKey: string; children: ReactNode };

export function Shop({ serverKey, children, ...actions }: Props) {
  const ledger = usePolled<Ledger>('/ledger');
  return (
    <>
      <Network />
      <main className="lanes">
        {LANES.map(({ lane, title, code, why }) => (
          <section key={lane} className="lane" data-lane={lane} aria-labelledby={`${lane}-title`}>
            <h2 id={`${lane}-title`}>{title}</h2>
            <code className="pattern">{code}</code>
            <p className="why">{why}</p>
            <OrderForm lane={lane} action={actions[lane]} serverKey={serverKey} />
            <LedgerTable intents={ledger?.[lane] ?? []} />
          </section>
        ))}
        {children}
      </main>
    </>
  );
}
