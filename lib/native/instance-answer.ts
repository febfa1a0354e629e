/**
 * How the answer about an instance of a state machine is read. src/session/machines.rs packs two numbers into `code`,
 * and the fields that a claim has mean something else for an instance.
 */
import type { Instance, Transition } from '../../index';
import type { Answer } from './answer';

/** The states of its definition, which the addon knows by their numbers. */
type States = readonly { readonly name: string }[];

/** Of INSTANCE. */
export function readInstance(answer: Answer, states: States, data: never): Instance<string, never> {
  return {
    state: nameOf(states, stateOf(answer)),
    version: answer.attempt,
    data,
    since: new Date(answer.fence),
    timeoutInMs: timeoutInMsOf(answer),
  };
}

/** Of MOVED. */
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

/** By its number. */
export function stateOf({ code }: Answer): number {
  return code & 0xffff;
}

/** Of INSTANCE: how many timers fired while it was looked at. */
export function firedOf({ code }: Answer): number {
  return code >>> 16;
}

/** Of INSTANCE, after `create`: whether that made it. */
export function wasCreated({ recovered }: Answer): boolean {
  return recovered;
}

/** What is left until its timer is due; undefined where none runs. The addon adds one, so that 0 can stand for none. */
export function timeoutInMsOf({ ms }: Answer): number | undefined {
  return ms === 0 ? undefined : ms - 1;
}

export function nameOf(states: States, state: number): string {
  return states[state]?.name ?? '';
}
