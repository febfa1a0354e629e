/**
 * What the package exports; index.d.ts describes it. Importing it connects nothing, reads no environment and throws
 * nothing: Next evaluates action modules while it builds.
 */

export { currentIdempotency } from './call/context';
export { createClient } from './client/client';
export { close, inspect, on, reset, resolve, withIdempotency } from './client/default-client';
export {
  ActonceError,
  IndeterminateError,
  InProgressError,
  InvalidInputError,
  isActonceError,
  KeyReusedError,
  LeaseLostError,
  QuotaError,
  ResultUnavailableError,
} from './errors';
export { defineStateMachine, drainStateMachines, stateMachine } from './machine';
export {
  InvalidTransitionError,
  StateNotReachedError,
  UnknownStateError,
  VersionConflictError,
} from './machine/errors';
