import { type PaymentData, type PaymentEvent, type PaymentState, payment } from './payment';

/** A step of a payment; `by` is the event, or `after` when the time ran out. */
export type Step = { version: number; atMs: number; state: PaymentState } & (
  | { by: 'created' }
  | { by: PaymentEvent | 'after'; from: PaymentState }
);
/** Everything the page of a payment shows that only the store knows. */
export type PaymentNow = {
  state: PaymentState;
  version: number;
  data: PaymentData | undefined;
  timeoutInMs: number | undefined;
  steps: Step[];
};
/** Each state, and the events that lead on from it. */
export type Drawn = { state: PaymentState; allowed: PaymentEvent[] }[];

export const drawn: Drawn = payment.states.map((state) => ({ state, allowed: payment.allowed(state) }));

/** @returns undefined when there is no such payment */
export async function paymentOf(id: string): Promise<PaymentNow | undefined> {
  if (!/^[\w-]{1,64}$/.test(id)) return undefined;
  const [now, history] = await Promise.all([payment.get(id), payment.history(id)]);
  if (!now) return undefined;
  const { state, version, data, timeoutInMs } = now;
  const steps = history.map((entry): Step => {
    const step = { version: entry.version, atMs: entry.at.getTime(), state: entry.state };
    if (entry.type === 'created') return { ...step, by: 'created' };
    return { ...step, by: entry.type === 'after' ? 'after' : entry.event, from: entry.from };
  });
  return { state, version, data, timeoutInMs, steps };
}
