import { notFound } from 'next/navigation';
import { OutcomeSeen } from '@/components/OutcomeSeen';
import { euros } from '@/lib/euros';
import { noted } from '@/lib/journal';

/** Where `redirect()` inside the action leads. */
export default async function OrderPage({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  const order = (await noted('orders')).find((candidate) => candidate.id === id);
  if (!order) notFound();
  return (
    <section className="receipt" data-lane={order.lane} data-order={id} aria-live="polite">
      <OutcomeSeen idempotencyKey={order.key} />
      <h2>
        Thank you. Order <code>{id}</code> is placed.
      </h2>
      <p>
        {order.cart.bags} × espresso beans, {euros(order.amountCents)}, charge <code>{order.chargeId}</code>. This is
        all the customer sees.
      </p>
    </section>
  );
}
