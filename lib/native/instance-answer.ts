/**
 * How the answer about an instance of a state machine is read. src/session/machines.rs packs two numbers into `code`,
 * and the fields that a claim has mean something else for an instance.
 */
import type { Answer } from './answer';

/** By its number in the definition. */
export function stateOf({ code }: Answer): number {
  return code & 0xffff;
}

/** Of MOVED: the state that was left, by its number. */
export function fromOf({ code }: Answer): number {
  return code >>> 16;
}

/** Of INSTANCE: how many timers fired while it was looked at. */
export function firedOf({ code }: Answer): number {
  return code >>> 16;
}

export function versionOf({ attempt }: Answer): number {
  return attempt;
}

/** Since when it is in its state. */
export function sinceOf({ fence }: Answer): Date {
  return new Date(fence);
}

/** What is left until its timer is due; undefined where none runs. The addon adds one, so that 0 can stand for none. */
export function timeoutInMsOf({ ms }: Answer): number | undefined {
  return ms === 0 ? undefined : ms - 1;
}

/** Of INSTANCE, after `create`: whether that made it. */
export function wasCreated({ recovered }: Answer): boolean {
  return recovered;
}

/** Of MOVED: whether the same step was taken before. */
export function wasReplayed({ recovered }: Answer): boolean {
  return recovered;
}
