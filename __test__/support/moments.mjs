// The moments of a call at which trouble can strike, and a call that stands still at each of them: a worker behind a
// proxy of its own, whose claim or completion the server has applied while the reply is on its way, or whose fn waits.
import { setTimeout as pause } from 'node:timers/promises';
import { isClaim, isCompletion } from './contenders.mjs';

/** How long a reply is on its way, so that trouble finds it there. */
const ON_ITS_WAY_MS = 150;
export const KEY = 'order-1';

/** In the order of a call: how many effects have happened by then, whether the server has the outcome, and the caller. */
export const MOMENTS = [
  { name: 'the claim is applied, its reply on the way', ran: 0, recorded: false },
  { name: 'fn has begun, before the effect', ran: 0, recorded: false },
  { name: 'after the effect, before the completion', ran: 1, recorded: false },
  { name: 'the completion is applied, its reply on the way', ran: 1, recorded: true },
  { name: 'the caller has its value', ran: 1, recorded: true, isOver: true },
];

const STEPS = [
  { say: 'before' },
  { wait: 'effect' },
  { effect: true },
  { say: 'after' },
  { wait: 'return' },
  { return: 'A' },
];

/** One call of a worker, A. */
export class StagedCall {
  constructor({ worker, proxy }) {
    this.worker = worker;
    this.proxy = proxy;
  }

  /** Starts the call and resolves when it has come to the moment. */
  async reach(moment) {
    const at = MOMENTS.indexOf(moment);
    const struck = this.#delayReply(at);
    // Connected beforehand: the claim is the first thing that this call sends.
    await this.worker.client('inspect', { key: KEY });
    this.#call = this.worker.call({ key: KEY, steps: STEPS });
    this.#call.result.catch(() => {});
    if (at === 0) return await struck;
    await this.#call.said('before');
    if (at === 1) return;
    this.#call.tell('effect');
    await this.#call.said('after');
    if (at === 2) return;
    this.#call.tell('return');
    if (at === 3) return await struck;
    await this.#call.result;
  }

  /** Lets it go on to its end, as far as it has not been told yet. */
  goOn() {
    this.#call.tell('effect');
    this.#call.tell('return');
  }

  /** `{ value }` or `{ error }`; `gone` when its process is. */
  async end() {
    return await this.#call.result.catch(() => ({ gone: true }));
  }

  #call;

  #delayReply(at) {
    if (at !== 0 && at !== 3) return undefined;
    const on = at === 0 ? isClaim : isCompletion;
    return this.proxy.fault('delay', { on, ms: ON_ITS_WAY_MS }).struck;
  }
}

/** What a promise has come to, at most `ms` from now; undefined while it is open. */
export const within = (promise, ms) => Promise.race([promise, pause(ms)]);
