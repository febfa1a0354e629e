'use server';
import { randomUUID } from 'node:crypto';
import { idempotentAction } from 'actonce/next';
import { redirect } from 'next/navigation';
import { BAG_CENTS } from '@/lib/cart';
import { customer } from '@/lib/customer';
import { payment } from '@/lib/payment';
import { type Answer, answerTo, readEvents } from '@/lib/payment-events';

export const newOrder = idempotentAction({ name: 'newOrder', scope: () => customer }, async (_form: FormData) => {
  const id = randomUUID().slice(0, 8);
  await payment.create(id, { data: { amountCents: BAG_CENTS } });
  redirect(`/orders/${id}/payment`);
});

/** Two events of one form are sent at once from here, since Next sends the actions of a tab one after the other. */
export async function sendEvents(id: string, _previous: Answer[], form: FormData): Promise<Answer[]> {
  const { key, events } = readEvents(form);
  return Promise.all(events.map((event, index) => answerTo(id, event, `${key}/${index}`)));
}
