/**
 * The transitions that one run of an `fn` makes. Each is a step. Its name is the same in every attempt of the key, so
 * that a successor's repeat is recognised. It carries the attempt's fence, so that a predecessor's step is refused.
 */
import type { IdempotencyContext, MachineEvent, Transition } from '../../index';
import { invalid } from '../errors';
import { check, rulesOf } from '../rules';
import { nameOfEvent } from './event';
import { type Footprint, Movable, STEP, type StepOptions } from './movable';
import { machineOf } from './registry';

const STEP_RULES = rulesOf(STEP);

/** Where a context keeps its {@link Steps}; one symbol for all copies of this module. */
export const STEPS: unique symbol = Symbol.for('actonce.steps') as never;

/** The parts of a context that a step needs. */
type Origin = Pick<IdempotencyContext, 'protected' | 'attempt' | 'fence' | 'hash' | 'deriveKey' | 'assertHeld'>;

export class Steps {
  readonly #origin: Origin;
  /** How long the record of the run is kept. */
  readonly #retentionMs: number;
  /** How often each transition was asked for. */
  readonly #counts = new Map<string, number>();

  constructor(origin: Origin, retentionMs: number) {
    this.#origin = origin;
    this.#retentionMs = retentionMs;
  }

  /** Takes a step. The n-th transition of a kind is a step of its own. */
  readonly take = (async (given, id, event, options = {}) => {
    check(STEP_RULES, options);
    const machine: unknown = typeof given === 'string' ? machineOf(given) : given;
    if (!(machine instanceof Movable)) throw invalid('transition() needs a state machine, or the id of one');
    const step = JSON.stringify([machine.id, id, nameOfEvent(event)]);
    const count = (this.#counts.get(step) ?? 0) + 1;
    this.#counts.set(step, count);
    return this.#move(machine, id, event, options, `actonce.transition ${count} ${step.toWellFormed()}`);
  }) as IdempotencyContext['transition'];

  /** Takes the step that ends a `during`. A run takes one at most. Its name says which end it is, not which event. */
  async takeLast(machine: Movable, id: string, end: string, event: MachineEvent<string>, options: StepOptions) {
    return this.#move(machine, id, event, options, nameOfEnd(end));
  }

  /** What an instance remembers, and which of it this key did in any attempt. `ends`: as given to `takeLast`. */
  trail(machine: Movable, id: string, ends: readonly string[]): Promise<Footprint[]> {
    const { deriveKey } = this.#origin;
    return machine.trail(id, { record: this.#record(), ends: ends.map((end) => deriveKey(nameOfEnd(end))) });
  }

  #record(): string {
    return this.#origin.deriveKey('actonce.transition');
  }

  #move(
    machine: Movable,
    id: string,
    event: MachineEvent<string>,
    options: StepOptions,
    name: string,
  ): Promise<Transition<string>> {
    const { protected: isProtected, attempt, fence = 0, deriveKey, assertHeld } = this.#origin;
    if (!isProtected) return machine.move(id, event, options, undefined, undefined);
    assertHeld();
    const hash = () => this.#origin.hash;
    const caller = { record: this.#record(), fence, attempt, retentionMs: this.#retentionMs, hash };
    return machine.move(id, event, options, deriveKey(name), caller);
  }
}

function nameOfEnd(end: string): string {
  return `actonce.during ${end}`;
}
