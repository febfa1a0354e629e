import { randomUUID } from 'node:crypto';
import { connection } from 'next/server';
import type { ReactNode } from 'react';
import * as actonce from '@/app/actions/actonce';
import * as naive from '@/app/actions/naive';
import { Shop } from '@/components/Shop';
import { usesRedis } from '@/lib/naive-store';

/** A layout, so that it stays on screen when an action redirects from `/` to the order's page. */
export default async function ShopLayout({ children }: { children: ReactNode }) {
  await connection(); // the store is chosen when the shop starts, not when it is built
  return (
    <div className="page">
      <header>
        <h1>One click, how many charges?</h1>
        <p>
          The network between this page and the server is faulty, the way real ones are. Choose a fault, then place the
          same order on both sides. Form, network and payment provider are shared;{' '}
          <strong>only the action differs</strong>.
        </p>
      </header>
      <Shop naive={naive.placeOrder} actonce={actonce.placeOrder} serverKey={randomUUID()}>
        {children}
      </Shop>
      <footer>
        {usesRedis
          ? 'Both sides keep their state in the same Redis.'
          : 'Running without Redis: actonce uses its embedded store, the naive side a Map with the same four commands. With REDIS_URL both use Redis.'}
      </footer>
    </div>
  );
}
