/**
 * The client behind the functions that are imported by name. It is made on first use, and a process has one, however
 * many copies of this module Next evaluates.
 */
import type { ActonceClient, CloseOptions, Subscribe, WithIdempotency } from '../../index';
import { Events } from '../call/events';
import { Client } from './client';

/** Kept on `globalThis`. The holder has the events, because listeners may come before the client, and outlive it. */
interface Holder {
  client: ActonceClient | undefined;
  /** The clients of tests. The last one put here counts. */
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

/**
 * Puts another client, with its events, behind these functions, until the returned function is called. Where there are
 * several, they may be taken away in any order.
 */
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

/** A refusal of the environment comes as a rejection, as every refusal does. */
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
