/**
 * The entries of a form that are not input, as the server and the browser both know them. This module imports nothing.
 */

/** Carries the key. */
export const KEY_FIELD = 'idempotency-key';
/** What React adds to forms, with and without the prefix it uses when JavaScript sends them. */
export const REACT_ENTRY = /^(?:_\d+_)?\$ACTION_/;
/**
 * Says that the sender takes refusals as errors, and how it wants to be told what is not on record (see unrecorded.ts).
 * React's prefix keeps it out of every payload.
 */
export const THROWS_PROBLEMS = '$ACTION_ACTONCE';

/** Whether an entry of this name is input. */
export function isInput(name: string): boolean {
  return name !== KEY_FIELD && !REACT_ENTRY.test(name);
}
