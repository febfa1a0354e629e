// The machine that every contestant runs, and what is written by hand where there is no library for it.

export const HISTORY_LIMIT = 50;
export const TIMEOUT_MS = 900_000;

/** As actonce and XState take it. */
export const PAYMENT = {
  id: 'payment',
  initial: 'requested',
  states: {
    requested: { on: { PROCESS: 'processing', CANCEL: 'cancelled' } },
    processing: { on: { COMPLETE: 'completed', FAIL: 'failed' }, after: { [TIMEOUT_MS]: 'failed' } },
    completed: { type: 'final' },
    cancelled: { type: 'final' },
    failed: { on: { RETRY: 'processing' } },
  },
};

/** The same by hand: each event leads on from one state. */
export const TRANSITIONS = {
  PROCESS: { from: 'requested', to: 'processing' },
  CANCEL: { from: 'requested', to: 'cancelled' },
  COMPLETE: { from: 'processing', to: 'completed' },
  FAIL: { from: 'processing', to: 'failed' },
  RETRY: { from: 'failed', to: 'processing' },
};
export const TIMED = 'processing';
export const isFinal = (state) => state === 'completed' || state === 'cancelled';

/** How long a token is remembered, and a finished payment kept. */
export const TOKEN_MS = 86_400_000;
export const RETENTION_MS = 2_592_000_000;

export const DUE = 'payment:due';
export const instanceKey = (id) => `payment:${id}`;
export const historyKey = (id) => `payment:${id}:history`;
export const tokenKey = (id, token) => `payment:${id}:token:${token}`;

/** The event is not allowed in this state. */
export class Refused extends Error {
  constructor(event, from) {
    super(`${event} is not allowed in ${from}`);
    this.from = from;
  }
}
