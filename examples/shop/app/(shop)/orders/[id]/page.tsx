import { notFound } from 'next/navigation';
import { euros } from '@/lib/euros';
import { noted } from '@/lib/journal';

/** Where `redirect()` inside the action leads. */
export default async function OrderPage({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  const order = (await noted('orders')).find((candidate) => candidate.id === id);
  if (!order) notFound();
  return (
    <section className="receipt" data-lane={order.lane} data-order={id} aria-label="Your order">
      <p role="status">
        <strong>
          <span aria-hidden="true">✓</span> Thank you, order <code>{id}</code> is placed.
        </strong>{' '}
        {order.cart.bags} kg for {euros(order.amountCents)}, paid with <code>{order.chargeId}</code>.
      </p>
    </section>
  );
}
