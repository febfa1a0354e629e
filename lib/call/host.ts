/**
 * The parts of a client that a call needs. `Client` implements `Host`, so that nothing in this room imports a client.
 */
import type { Binding } from '../native/binding';
import type { Results } from '../outcome/results';
import type { OutcomeCache } from './cache';
import type { Events } from './events';
import type { Flights } from './flights';
import type { Settings } from './options';

/**
 * A client holds itself as a host under this symbol, so that other objects can be kept per client. All copies of this
 * module share the symbol.
 */
export const HOST: unique symbol = Symbol.for('actonce.host') as never;

export interface Host {
  readonly binding: Binding;
  readonly settings: Settings;
  readonly results: Results;
  readonly events: Events;
  readonly flights: Flights;
  /** None with the embedded store, which is just as near. */
  readonly cache: OutcomeCache | undefined;
  /** The store and prefix that identities belong to. */
  readonly space: string;
  readonly totalTimeoutMs: number;
  readonly isDevelopment: boolean;
  /** Whether every function runs every time, unprotected. */
  readonly isDisabled: boolean;
  /**
   * Counts a piece of work as under way, until `leave` is called.
   * @throws ActonceError `ERR_CLOSED`
   */
  enter(): void;
  leave(): void;
  /** Counts work that goes on after its caller has been answered, until `leave` is called. */
  stay(): void;
}
