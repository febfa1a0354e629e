import { randomUUID } from 'node:crypto';
import { notFound } from 'next/navigation';
import { sendEvents } from '@/app/actions/payment';
import { Payment } from '@/components/Payment';
import { payment } from '@/lib/payment';
import { drawn, paymentOf } from '@/lib/payment-now';

export default async function PaymentPage({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  const initially = await paymentOf(id);
  if (!initially) notFound();
  const sending = { action: sendEvents.bind(null, id), events: payment.events, serverKey: randomUUID() };
  return <Payment key={id} id={id} drawn={drawn} sending={sending} initially={initially} />;
}
