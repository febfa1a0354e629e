import { randomUUID } from 'node:crypto';
import { connection } from 'next/server';
import type { ReactNode } from 'react';
import * as actonce from '@/app/actions/actonce';
import * as naive from '@/app/actions/naive';
import { Shop } from '@/components/Shop';
import { readLive } from '@/lib/live';
import { usesRedis } from '@/lib/naive-store';

/** A layout, so that it stays on screen when an action redirects from `/` to the order's page. */
export default async function ShopLayout({ children }: { children: ReactNode }) {
  await connection(); // the store is chosen when the shop starts, not when it is built
  const lanes = {
    naive: { action: naive.placeOrder, serverKey: randomUUID() },
    actonce: { action: actonce.placeOrder, serverKey: randomUUID() },
  };
  return (
    <div className="page">
      <Shop lanes={lanes} initially={await readLive()}>
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
