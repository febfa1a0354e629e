'use server';
import { checkout, readForm } from '@/lib/checkout';
import { withNaiveLock } from '@/lib/naive-lock';

export async function placeOrder(_previous: unknown, form: FormData) {
  const { key, cart } = readForm(form);
  return { problem: await withNaiveLock(key, () => checkout('naive', key, cart)) };
}
