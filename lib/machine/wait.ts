/** Waiting for an instance to come into a state: told by the store, and looking again now and then all the same. */
import type { Instance, WaitForOptions } from '../../index';
import { SIGNAL_RULE } from '../call/options';
import { onAbort } from '../call/signals';
import { type Answer, Tag } from '../native/answer';
import { stateOf, timeoutInMsOf } from '../native/instance-answer';
import { check, duration, rulesOf } from '../rules';
import { StateNotReachedError } from './errors';
import { canReach } from './graph';
import type { Instances } from './instances';
import type { Machine } from './machine';

/** News can be lost; this is how late they are then. */
const LONGEST_WAIT_MS = 1_000;
export const WAIT_DEFAULTS = { timeoutMs: 10_000 } as const;
const RULES = rulesOf<keyof WaitForOptions>({ timeoutMs: duration, signal: SIGNAL_RULE });

/** @throws ActonceError `ERR_INVALID_ARGUMENT` */
export function waitForState(
  machine: Machine,
  id: string,
  wanted: readonly number[],
  options: WaitForOptions,
): Promise<Instance<string>> {
  check(RULES, options);
  options.signal?.throwIfAborted();
  return new Promise((resolve, reject) => new Wait(machine, id, wanted, options, resolve, reject).start());
}

class Wait {
  readonly #machine: Machine;
  readonly #id: string;
  readonly #wanted: readonly number[];
  readonly #signal: AbortSignal | undefined;
  readonly #endsAt: number;
  readonly #instances: Instances;
  readonly #resolve: (instance: Instance<string>) => void;
  readonly #reject: (reason: unknown) => void;
  #op = 0;
  #stopListening: (() => void) | undefined;

  constructor(
    machine: Machine,
    id: string,
    wanted: readonly number[],
    { timeoutMs = WAIT_DEFAULTS.timeoutMs, signal }: WaitForOptions,
    resolve: (instance: Instance<string>) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#machine = machine;
    this.#id = id;
    this.#wanted = wanted;
    this.#signal = signal;
    this.#endsAt = performance.now() + timeoutMs;
    this.#instances = machine.instances();
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    const { host } = this.#instances;
    const number = this.#instances.numberOf(this.#machine);
    const purpose = this.#wanted.join(',');
    host.enter();
    this.#op = host.binding.open(this);
    if (this.#signal !== undefined) this.#stopListening = onAbort(this.#signal, this.#abort);
    host.binding.ask(this.#op, (native, op) => native.look(op, number, this.#id, purpose, host.totalTimeoutMs));
  }

  receive(answer: Answer): void {
    if (answer.tag === Tag.WOKEN) {
      this.#instances.host.binding.again(this.#op);
      return;
    }
    if (answer.tag === Tag.IN_PROGRESS) {
      this.#goOn(answer);
      return;
    }
    this.#end(() => {
      if (answer.tag !== Tag.INSTANCE) throw this.#instances.errorOf(this.#machine, answer, { id: this.#id });
      return this.#instances.instance(this.#machine, answer);
    });
  }

  /** It is in another state still. */
  #goOn(answer: Answer): void {
    const state = stateOf(answer);
    const { definition } = this.#machine;
    if (!canReach(definition, state, new Set(this.#wanted))) {
      this.#giveUp('unreachable', state);
      return;
    }
    const leftMs = this.#endsAt - performance.now();
    if (leftMs <= 0) {
      this.#giveUp('timeout', state);
      return;
    }
    // When its timer is due, somebody has to look: we, a moment after that.
    const timerMs = (timeoutInMsOf(answer) ?? LONGEST_WAIT_MS) + 1;
    this.#instances.host.binding.wait(this.#op, Math.ceil(Math.min(leftMs, timerMs, LONGEST_WAIT_MS)));
  }

  #giveUp(reason: 'timeout' | 'unreachable', state: number): void {
    const { id: machine, states } = this.#machine;
    const name = (index: number) => states[index] ?? '';
    this.#instances.host.binding.forget(this.#op);
    this.#end(() => {
      const wanted = this.#wanted.map(name);
      throw new StateNotReachedError({ machine, id: this.#id, reason, state: name(state), wanted });
    });
  }

  readonly #abort = (): void => {
    this.#instances.host.binding.forget(this.#op);
    this.#end(() => {
      throw this.#signal?.reason;
    });
  };

  #end(outcome: () => Instance<string>): void {
    this.#stopListening?.();
    this.#instances.host.leave();
    try {
      this.#resolve(outcome());
    } catch (error) {
      this.#reject(error);
    }
  }
}
