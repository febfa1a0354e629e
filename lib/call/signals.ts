/**
 * Who is told when a signal aborts: one listener on it, however many calls of this process wait under it. Node warns of
 * more than ten, and a request's signal may well have them.
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
 * @returns what takes it back
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const audience = AUDIENCES.get(signal) ?? new Audience(signal);
  audience.join(listener);
  return () => audience.leave(listener);
}
