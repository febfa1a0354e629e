'use client';

import { euros } from '@/lib/euros';
import type { Drawn, PaymentNow } from '@/lib/payment-now';
import { EventForm, type Sending } from './EventForm';
import { Facts } from './Facts';
import { PaymentDiagram } from './PaymentDiagram';
import { Steps } from './Steps';
import { usePolled } from './usePolled';

type Props = { id: string; drawn: Drawn; sending: Sending; initially: PaymentNow };

/** The payment of an order, as it is in the store. */
export function Payment({ id, drawn, sending, initially }: Props) {
  const now = usePolled<PaymentNow>(`/orders/${id}/payment/live`, '', initially) ?? initially;
  const { state, version, data, timeoutInMs, steps } = now;
  return (
    <main className="payment">
      <section className="card" aria-labelledby="payment-title">
        <h2 id="payment-title">
          The payment of order <code>{id}</code>
        </h2>
        <PaymentDiagram drawn={drawn} now={now} />
        <Facts
          facts={{
            State: state,
            Version: version,
            'Time left': timeoutInMs !== undefined && `${Math.ceil(timeoutInMs / 1000)} s`,
            Amount: data && euros(data.amountCents),
            Charge: data?.chargeId && <code>{data.chargeId}</code>,
          }}
        />
      </section>
      <section className="card" aria-labelledby="events-title">
        <h2 id="events-title">Send an event</h2>
        <EventForm {...sending} />
      </section>
      <section className="card" aria-labelledby="history-title">
        <h2 id="history-title">History</h2>
        <Steps steps={steps} />
      </section>
    </main>
  );
}
