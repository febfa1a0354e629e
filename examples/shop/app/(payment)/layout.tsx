import { randomUUID } from 'node:crypto';
import { IdempotentForm } from 'actonce/react';
import type { Metadata } from 'next';
import Link from 'next/link';
import { connection } from 'next/server';
import type { ReactNode } from 'react';
import { newOrder } from '@/app/actions/payment';

export const metadata: Metadata = {
  title: 'A payment that can only move forward',
  description: 'A state machine whose illegal events are refused by the store.',
};

export default async function PaymentLayout({ children }: { children: ReactNode }) {
  await connection(); // the key below is for one visitor
  return (
    <div className="page">
      <header>
        <div>
          <h1>A payment that can only move forward</h1>
          <p className="lede">
            Every event can be sent at any time, from any tab. <strong>The store moves the payment, or refuses</strong>:
            one atomic step, without a lock.
          </p>
        </div>
        <IdempotentForm id="new-order" action={newOrder} initialKey={randomUUID()} repeatAfterMs={500}>
          <button type="submit" className="new-order">
            New order
          </button>
        </IdempotentForm>
      </header>
      {children}
      <footer>
        <Link href="/" prefetch={false}>
          One click, how many charges?
        </Link>{' '}
        The network that is chosen there is also between this page and the server.
      </footer>
    </div>
  );
}
