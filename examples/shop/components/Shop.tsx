'use client';

import Link from 'next/link';
import type { ReactNode } from 'react';
import type { Lane } from '@/lib/journal';
import type { Intent } from '@/lib/ledger';
import type { Live } from '@/lib/live';
import { Journey } from './Journey';
import { LaneHead } from './LaneHead';
import { LedgerTable } from './LedgerTable';
import { LockView } from './LockView';
import { Network, type NetworkState } from './Network';
import { OrderForm, type Ordering } from './OrderForm';
import { RecordView } from './RecordView';
import { Score } from './Score';
import { useClicks } from './useClicks';
import { usePolled } from './usePolled';
import { WatchIt } from './WatchIt';

const LANES = ['naive', 'actonce'] as const;

type Props = { lanes: Record<Lane, Ordering>; initially: Live; children: ReactNode };

export function Shop({ lanes, initially, children }: Props) {
  const clicks = useClicks();
  const query = new URLSearchParams(clicks.latest as Record<string, string>);
  const { ledger, lock, record } = usePolled<Live>('/live', `?${query}`, initially) ?? initially;
  const network = usePolled<NetworkState>('/network');
  const orders = {
    naive: shownOrder(ledger.naive, clicks.latest.naive),
    actonce: shownOrder(ledger.actonce, clicks.latest.actonce),
  };
  return (
    <>
      <header>
        <div>
          <h1>One click, how many charges?</h1>
          <p className="lede">
            The same order form twice, behind a network that fails the way real ones do. Form, key, network and payment
            provider are shared; <strong>only the Server Action differs</strong>. Next:{' '}
            <Link href="/orders" prefetch={false}>
              a state machine
            </Link>
            .
          </p>
        </div>
        <WatchIt />
      </header>
      <Network state={network} />
      <Score orders={orders} />
      <main className="lanes">
        {LANES.map((lane) => {
          const order = orders[lane];
          const isRunning = lane === 'naive' ? lock === 'PROCESSING' : record.state === 'processing';
          const posts = network?.posts.filter(({ key }) => key === order?.key) ?? [];
          return (
            <section key={lane} className="lane" data-lane={lane} aria-labelledby={`${lane}-title`}>
              <LaneHead lane={lane} />
              <OrderForm lane={lane} {...lanes[lane]} />
              <Journey order={order} isRunning={isRunning} clicks={clicks.counts[order?.key ?? '']} posts={posts} />
              {lane === 'naive' ? <LockView lock={lock} order={order} /> : <RecordView record={record} order={order} />}
              <LedgerTable intents={ledger[lane]} />
            </section>
          );
        })}
        {children}
      </main>
    </>
  );
}

/** The order this tab sent last, also before the server's ledgers know of it; else the newest one. */
function shownOrder(intents: Intent[], sent: string | undefined): Intent | undefined {
  if (!sent) return intents[0];
  return intents.find(({ key }) => key === sent) ?? { key: sent, atMs: 0, attempts: [], charges: [] };
}
