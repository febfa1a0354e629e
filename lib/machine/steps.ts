/**
 * The transitions that one run of an `fn` makes. Each is a step. Its name is the same in every attempt of the key, so
 * that a successor's repeat is recognised. It carries the attempt's fence, so that a predecessor's step is refused.
 */
import type { IdempotencyContext } from '../../index';
import { invalid } from '../errors';
import { check, rulesOf } from '../rules';
import { nameOfEvent } from './event';
import { Movable, STEP } from './movable';
import { machineOf } from './registry';

const STEP_RULES = rulesOf(STEP);

/** The parts of a context that a step needs. */
type Origin = Pick<IdempotencyContext, 'protected' | 'fence' | 'deriveKey' | 'assertHeld'>;

export class Steps {
  readonly #origin: Origin;
  /** How often each transition was asked for. */
  readonly #counts = new Map<string, number>();

  constructor(origin: Origin) {
    this.#origin = origin;
  }

  readonly take = (async (given, id, event, options = {}) => {
    const { protected: isProtected, fence = 0, deriveKey, assertHeld } = this.#origin;
    check(STEP_RULES, options);
    const machine: unknown = typeof given === 'string' ? machineOf(given) : given;
    if (!(machine instanceof Movable)) throw invalid('transition() needs a state machine, or the id of one');
    if (!isProtected) return machine.move(id, event, options, undefined, undefined);
    assertHeld();
    const step = JSON.stringify([machine.id, id, nameOfEvent(event)]);
    const count = (this.#counts.get(step) ?? 0) + 1;
    this.#counts.set(step, count);
    const key = deriveKey(`actonce.transition ${count} ${step.toWellFormed()}`);
    return machine.move(id, event, options, key, { record: deriveKey('actonce.transition'), fence });
  }) as IdempotencyContext['transition'];
}
