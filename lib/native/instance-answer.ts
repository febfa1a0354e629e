/**
 * Reads the answers about an instance of a state machine. src/session/machines.rs packs two numbers into `code`, and
 * for an instance the fields that a claim has mean something else.
 */
import type { Instance, Transition } from '../../index';
import type { Answer } from './answer';

/** The states of a machine's definition, which the addon knows by their numbers. */
type States = readonly { readonly name: string }[];

/** Reads an INSTANCE answer. */
export function readInstance(answer: Answer, states: States, data: never): Instance<string, never> {
  return {
    state: nameOf(states, stateOf(answer)),
    version: answer.attempt,
    data,
    since: new Date(answer.fence),
    timeoutInMs: timeoutInMsOf(answer),
  };
}

/** Reads a MOVED answer. */
export function readTransition(answer: Answer, states: States, data: never): Transition<string, never> {
  return {
    from: nameOf(states, answer.code >>> 16),
    state: nameOf(states, stateOf(answer)),
    version: answer.attempt,
    data,
    since: new Date(answer.fence),
    timeoutInMs: timeoutInMsOf(answer),
    replayed: answer.recovered,
  };
}

/** The number of the instance's state. */
export function stateOf({ code }: Answer): number {
  return code & 0xffff;
}

/** From an INSTANCE answer: how many timers fired while the store looked at the instance. */
export function firedOf({ code }: Answer): number {
  return code >>> 16;
}

/** From an INSTANCE answer to `create`: whether `create` made the instance. */
export function wasCreated({ recovered }: Answer): boolean {
  return recovered;
}

/**
 * The time until the instance's timer is due; undefined when no timer runs. The addon adds one, so that 0 can stand for
 * none.
 */
export function timeoutInMsOf({ ms }: Answer): number | undefined {
  return ms === 0 ? undefined : ms - 1;
}

export function nameOf(states: States, state: number): string {
  return states[state]?.name ?? '';
}
