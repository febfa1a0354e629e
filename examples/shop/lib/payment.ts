import { defineStateMachine } from 'actonce';

/** How long a payment may be processing: short enough to watch. The test makes it shorter. */
const PROCESSING_MS = Number(process.env.PAYMENT_PROCESSING_MS ?? 60_000);

/** `chargeId` comes with COMPLETE. */
export type PaymentData = { amountCents: number; chargeId?: string };

export const payment = defineStateMachine({
  id: 'payment',
  initial: 'requested',
  types: {} as { context: PaymentData },
  states: {
    requested: { on: { PROCESS: 'processing', CANCEL: 'cancelled' } },
    processing: { on: { COMPLETE: 'completed', FAIL: 'failed' }, after: { [PROCESSING_MS]: 'failed' } },
    completed: { type: 'final' },
    cancelled: { type: 'final' },
    failed: { on: { RETRY: 'processing' } },
  },
});

export type PaymentState = (typeof payment.states)[number];
export type PaymentEvent = (typeof payment.events)[number];
