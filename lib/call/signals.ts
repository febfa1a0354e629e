/**
 * Tells waiting calls that a signal has aborted. All calls of this process that wait under one signal share one listener,
 * because Node warns about more than ten listeners on a signal.
 */

const AUDIENCES = new WeakMap<AbortSignal, Audience>();

class Audience {
  readonly #signal: AbortSignal;
  readonly #listeners = new Set<() => void>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    AUDIENCES.set(signal, this);
    signal.addEventListener('abort', this.#tell, { once: true });
  }

  readonly #tell = (): void => {
    AUDIENCES.delete(this.#signal);
    for (const listener of [...this.#listeners]) listener();
  };

  join(listener: () => void): void {
    this.#listeners.add(listener);
  }

  leave(listener: () => void): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0 || AUDIENCES.get(this.#signal) !== this) return;
    AUDIENCES.delete(this.#signal);
    this.#signal.removeEventListener('abort', this.#tell);
  }
}

/**
 * @param listener must not throw
 * @returns a function that takes the listener back
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const audience = AUDIENCES.get(signal) ?? new Audience(signal);
  audience.join(listener);
  return () => audience.leave(listener);
}
