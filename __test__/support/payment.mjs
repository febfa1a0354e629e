// The payment of docs/state-machines.md, as the tests of state machines use it.
export const paymentConfig = {
  id: 'payment',
  initial: 'requested',
  states: {
    requested: { on: { PROCESS: 'processing', CANCEL: 'cancelled' } },
    processing: { on: { COMPLETE: 'completed', FAIL: 'failed' }, after: { 900000: 'failed' } },
    completed: { type: 'final' },
    cancelled: { type: 'final' },
    failed: { on: { RETRY: 'processing' } },
  },
};

/** The same with another delay, as a machine of its own: two configs of one id exclude each other in production. */
export function paymentThatTimesOut(ms) {
  const { states } = paymentConfig;
  const processing = { ...states.processing, after: { [ms]: 'failed' } };
  return { ...paymentConfig, id: `payment-${ms}`, states: { ...states, processing } };
}
