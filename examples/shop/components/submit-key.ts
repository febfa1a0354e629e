import type { Cart } from '@/lib/cart';
import type { Lane } from '@/lib/journal';

const PREFIX = 'order-key:';

/**
 * The idempotency key of an order, chosen at submit time. Until its outcome has been seen, the same cart keeps the same
 * key: over double clicks, lost answers and reloads. An edited cart gets another.
 */
export function keyAtSubmit(lane: Lane, cart: Cart): string {
  const name = `${PREFIX}${lane}:${JSON.stringify(cart)}`;
  const kept = sessionStorage.getItem(name);
  if (kept) return kept;
  const key = crypto.randomUUID();
  sessionStorage.setItem(name, key);
  return key;
}

/** The next submit of the same cart is a new order. */
export function outcomeSeen(key: string): void {
  for (const name of Object.keys(sessionStorage)) {
    if (name.startsWith(PREFIX) && sessionStorage.getItem(name) === key) sessionStorage.removeItem(name);
  }
}
