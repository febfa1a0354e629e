import { isActonceError } from 'actonce';
import { BAG_CENTS } from './cart';
import { type PaymentEvent, payment } from './payment';

/** What the store made of one event; `key` is the idempotency key it was sent with. */
export type Answer = { key: string; event: PaymentEvent } & (
  | { type: 'moved'; from: string; state: string; version: number; replayed: boolean }
  | { type: 'refused'; code: 'ERR_INVALID_TRANSITION'; from: string; allowed: readonly string[] }
  | { type: 'refused'; code: 'ERR_NOT_FOUND' }
);

/** Whether the event is legal is for the store to say. Nothing is looked up before, and nothing is locked. */
export async function answerTo(id: string, event: PaymentEvent, key: string): Promise<Answer> {
  const data = event === 'COMPLETE' ? { amountCents: BAG_CENTS, chargeId: `ch_${key.slice(0, 8)}` } : undefined;
  try {
    const { from, state, version, replayed } = await payment.send(id, event, { idempotencyKey: key, data });
    return { type: 'moved', key, event, from, state, version, replayed };
  } catch (error) {
    if (isActonceError(error, 'ERR_INVALID_TRANSITION')) {
      return { type: 'refused', key, event, code: error.code, from: error.from, allowed: error.allowed };
    }
    if (isActonceError(error, 'ERR_NOT_FOUND')) return { type: 'refused', key, event, code: error.code };
    throw error;
  }
}

/** `twice` names the event to send two times at once. */
export function readEvents(form: FormData): { key: string; events: PaymentEvent[] } {
  const twice = form.get('twice');
  const name = twice ?? form.get('event');
  const event = payment.events.find((known) => known === name);
  if (!event) throw new Error(`event must be one of ${payment.events.join(', ')}`);
  return { key: String(form.get('key') ?? ''), events: twice === null ? [event] : [event, event] };
}
