'use server';
import { withIdempotency } from 'actonce';
import { checkout, readForm } from '@/lib/checkout';
import { noteAttempt } from '@/lib/journal';

const customer = 'ada'; // a real shop takes it from the session

export async function placeOrder(_previous: unknown, form: FormData) {
  const { key, cart } = readForm(form);
  return withIdempotency(key, () => checkout('actonce', key, cart), {
    scope: ['placeOrder', customer],
    payload: cart,
    onResponse: ({ status }) => noteAttempt('actonce', key, status),
  });
}
