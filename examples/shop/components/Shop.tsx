'use client';

import type { ReactNode } from 'react';
import type { Lane } from '@/lib/journal';
import type { Ledger } from '@/lib/ledger';
import { LedgerTable } from './LedgerTable';
import { Network } from './Network';
import { OrderForm, type PlaceOrder } from './OrderForm';
import { usePolled } from './usePolled';

const LANES: { lane: Lane; title: string; code: string }[] = [
  { lane: 'naive', title: 'A naive lock', code: 'GET · SET NX EX 60 · checkout() · SET COMPLETED · on error DEL' },
  { lane: 'actonce', title: 'actonce', code: 'withIdempotency(key, () => checkout(), { scope, payload })' },
];

type Props = Record<Lane, PlaceOrder> & { serverKey: string; children: ReactNode };

export function Shop({ serverKey, children, ...actions }: Props) {
  const ledger = usePolled<Ledger>('/ledger');
  return (
    <>
      <Network />
      <main className="lanes">
        {LANES.map(({ lane, title, code }) => (
          <section key={lane} className="lane" data-lane={lane} aria-labelledby={`${lane}-title`}>
            <h2 id={`${lane}-title`}>{title}</h2>
            <code className="pattern">{code}</code>
            <OrderForm lane={lane} action={actions[lane]} serverKey={serverKey} />
            <LedgerTable intents={ledger?.[lane] ?? []} />
          </section>
        ))}
        {children}
      </main>
    </>
  );
}
