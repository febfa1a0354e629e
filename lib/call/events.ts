/**
 * What a client tells its listeners. While nobody listens, an event costs one comparison: neither a hash nor the clock
 * is asked for. A listener can fail in any way without altering an outcome.
 */
import type { EventBase, IdempotencyEvent, Subscribe } from '../../index';
import { reportHook } from '../announce';
import { invalid } from '../errors';

type Listener = (event: IdempotencyEvent) => unknown;

/** The fields of one type of event beyond those that every event has. */
export type Particulars<K extends IdempotencyEvent['type']> = Omit<
  Extract<IdempotencyEvent, { type: K }>,
  keyof EventBase | 'type'
>;

export class Events {
  readonly #listeners = new Map<object, Listener>();

  /** Whether anybody listens. */
  get heard(): boolean {
    return this.#listeners.size > 0;
  }

  readonly on: Subscribe = (first: string | Listener, second?: Listener) => {
    const listener = typeof first === 'function' ? first : second;
    if (typeof listener !== 'function') throw invalid('a listener must be a function');
    const subscription = {};
    this.#listeners.set(
      subscription,
      typeof first === 'function' ? listener : (event) => (event.type === first ? listener(event) : undefined),
    );
    return () => {
      this.#listeners.delete(subscription);
    };
  };

  emit(event: IdempotencyEvent): void {
    for (const listener of [...this.#listeners.values()]) {
      try {
        const returned = listener(event);
        if (returned instanceof Promise) returned.catch((error) => reportHook('an event listener', error));
      } catch (error) {
        reportHook('an event listener', error);
      }
    }
  }
}
