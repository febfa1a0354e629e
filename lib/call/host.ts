/** The parts of a client that a call needs. `Client` implements it, so that nothing in this room imports a client. */
import type { Binding } from '../native/binding';
import type { Results } from '../outcome/results';
import type { OutcomeCache } from './cache';
import type { Events } from './events';
import type { Flights } from './flights';
import type { Settings } from './options';

/** Under this symbol a client has itself as a host, for what hangs on it; one symbol for all copies of this module. */
export const HOST: unique symbol = Symbol.for('actonce.host') as never;

export interface Host {
  readonly binding: Binding;
  readonly settings: Settings;
  readonly results: Results;
  readonly events: Events;
  readonly flights: Flights;
  /** None with the embedded store, which is as near. */
  readonly cache: OutcomeCache | undefined;
  /** Which store and prefix identities belong to. */
  readonly space: string;
  readonly totalTimeoutMs: number;
  readonly isDevelopment: boolean;
  /** Whether every function runs every time, unprotected. */
  readonly isDisabled: boolean;
  /**
   * Counts what is under way, until it calls `leave`.
   * @throws ActonceError `ERR_CLOSED`
   */
  enter(): void;
  leave(): void;
  /** Counts what goes on after its caller is served, until it calls `leave`. */
  stay(): void;
}
