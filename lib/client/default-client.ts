/**
 * The client behind the functions that are imported by name. Made on first use, one per process however many copies
 * of this module Next evaluates.
 */
import type { ActonceClient, CloseOptions, Subscribe, WithIdempotency } from '../../index';
import { Events } from '../call/events';
import { Client } from './client';

/** Kept on `globalThis`; the events are here because listeners may come before the client, and outlive it. */
interface Holder {
  client: ActonceClient | undefined;
  /** Those of tests, the last one put there last. */
  readonly substitutes: ActonceClient[];
  readonly events: Events;
}

const HOLDER = Symbol.for('actonce.default-client');

function holder(): Holder {
  const shared = globalThis as { [HOLDER]?: Holder };
  shared[HOLDER] ??= { client: undefined, substitutes: [], events: new Events() };
  return shared[HOLDER];
}

/** The client behind the functions that are imported by name. */
export function defaultClient(): ActonceClient {
  const held = holder();
  const substitute = held.substitutes.at(-1);
  if (substitute !== undefined) return substitute;
  held.client ??= new Client({}, held.events);
  return held.client;
}

/** Puts another client behind them, with its events, until what is returned is called: in any order, where several are. */
export function useClient(other: ActonceClient): () => void {
  const { substitutes, events } = holder();
  substitutes.push(other);
  const stopListening = other.on((event) => events.emit(event));
  return () => {
    stopListening();
    const place = substitutes.lastIndexOf(other);
    if (place >= 0) substitutes.splice(place, 1);
  };
}

/** As every refusal, that of the environment comes as a rejection. */
const once = ((key, fn, options) => {
  try {
    return defaultClient().withIdempotency(key, fn, options);
  } catch (error) {
    return Promise.reject(error);
  }
}) as WithIdempotency;

const outcome: WithIdempotency['outcome'] = async (key, fn, options) =>
  defaultClient().withIdempotency.outcome(key, fn, options);

export const withIdempotency: WithIdempotency = Object.assign(once, { outcome });

export const inspect: ActonceClient['inspect'] = async (target) => defaultClient().inspect(target);

export const reset: ActonceClient['reset'] = async (target, options) => defaultClient().reset(target, options);

export const resolve: ActonceClient['resolve'] = async (target, resolution) =>
  defaultClient().resolve(target, resolution);

export const on = ((first: never, second: never) => holder().events.on(first, second)) as Subscribe;

export async function close(options?: CloseOptions): Promise<void> {
  const held = holder();
  const substitute = held.substitutes.at(-1);
  const closing = substitute ?? held.client;
  if (substitute === undefined) held.client = undefined;
  await closing?.close(options);
}
