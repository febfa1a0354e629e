import { randomUUID } from 'node:crypto';
import { redirect } from 'next/navigation';
import { BAG_CENTS, type Cart } from './cart';
import { type Lane, note } from './journal';
import { charge } from './provider';

/** What "Place order" does, the same in both lanes: take the money, save the order, show its page. */
export async function checkout(lane: Lane, key: string, cart: Cart): Promise<never> {
  const amountCents = cart.bags * BAG_CENTS;
  const payment = await charge(`${lane}/${key}`, amountCents);
  const id = randomUUID().slice(0, 8);
  await note('orders', { id, lane, key, cart, amountCents, chargeId: payment.id });
  redirect(`/orders/${id}`);
}

export function readForm(form: FormData): { key: string; cart: Cart } {
  const bags = Number(form.get('bags'));
  if (!Number.isInteger(bags) || bags < 1 || bags > 9) throw new Error('bags must be a whole number from 1 to 9');
  return { key: String(form.get('idempotency-key') ?? ''), cart: { bags } };
}
