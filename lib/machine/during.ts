/**
 * `during`: an event, a function, another event. It is an idempotent run whose first and last acts are transitions of that
 * run, so that a crash, a retry and a stale owner are what they are everywhere.
 */
import { randomUUID } from 'node:crypto';
import type { DuringOptions, IdempotencyContext, MachineEvent, Move, Transition } from '../../index';
import { invalid, isActonceError } from '../errors';
import { endingOfThrown } from '../outcome/control-flow';
import { Finished } from '../outcome/finished';
import { LOST } from '../outcome/results';
import { anything, check, ofType, rulesOf } from '../rules';
import { InvalidTransitionError } from './errors';
import { nameOfEvent } from './event';
import type { Machine } from './machine';
import type { Footprint } from './movable';
import { STEPS, type Steps } from './steps';

type Following<A> = MachineEvent<string> | ((argument: A) => Move<string>);

/** How `fn` ended. The name of the step that follows says this. */
const DONE = 'done';
const FAILED = 'failed';
const ENDS = [DONE, FAILED] as const;
type End = (typeof ENDS)[number];

const RULES = rulesOf<keyof DuringOptions<unknown, string>>({
  event: anything,
  onDone: anything,
  onError: anything,
  idempotencyKey: ofType('string'),
  data: anything,
  create: ofType('boolean'),
});

/** @throws ActonceError `ERR_INVALID_ARGUMENT` */
export function runDuring<T>(
  machine: Machine,
  id: string,
  options: DuringOptions<T, string>,
  fn: (instance: Transition<string>, ctx: IdempotencyContext) => T | PromiseLike<T>,
): Promise<T> {
  check(RULES, options);
  if (typeof fn !== 'function') throw invalid('fn must be a function');
  const { event, onDone, onError, data, create } = options;
  checkEvent(machine, event);
  checkFollowing(machine, 'onDone', onDone);
  if (onError !== undefined) checkFollowing(machine, 'onError', onError);
  const progress: Progress = { fnEnded: false };

  async function run(ctx: IdempotencyContext): Promise<T | Finished> {
    const steps = (ctx as unknown as { readonly [STEPS]: Steps })[STEPS];
    const follow = <A>(end: End, following: Following<A>, argument: A) => {
      const move = typeof following === 'function' ? following(argument) : { event: following };
      return steps.takeLast(machine, id, end, move.event, { data: move.data });
    };
    /** A webhook that sends the event itself may have been faster. Then the instance is where it belongs. */
    const finish = async (value: T) => {
      try {
        await follow(DONE, onDone, value);
      } catch (error) {
        if (!isThereAlready(machine, id, error)) throw error;
      }
    };
    const instance = await ctx.transition(machine, id, event, { data, create });
    if (instance.replayed) {
      const since = (await steps.trail(machine, id, ENDS)).filter(({ version }) => version > instance.version);
      if (since.some(({ end }) => end === ENDS.indexOf(DONE))) {
        return new Finished({ kind: 'value', value: undefined }, LOST);
      }
      if (!isWhereItWasLeft(instance, since)) throw movedOn(machine, id, event, since);
    }
    let value: T;
    try {
      value = await fn(instance, ctx);
    } catch (thrown) {
      const end = endOf(thrown);
      progress.fnEnded = end !== undefined;
      // A redirect has no value.
      if (end === DONE) await finish(undefined as T);
      else if (end === FAILED && onError !== undefined) await follow(FAILED, onError, thrown);
      throw thrown;
    }
    progress.fnEnded = true;
    await finish(value);
    return value;
  }

  return machine.client.withIdempotency(options.idempotencyKey ?? randomUUID(), run, {
    scope: ['actonce.during', machine.id, id],
    payload: nameOfEvent(event),
    onError: (error) => recordOf(error, progress),
  }) as Promise<T>;
}

interface Progress {
  fnEnded: boolean;
}

/**
 * How an `fn` ended that threw this. An action that has done its work ends with `redirect()`; `notFound()`,
 * `forbidden()` and `unauthorized()` turn the caller away. Undefined for what Next throws for its own use, which says
 * nothing about `fn`.
 */
function endOf(thrown: unknown): End | undefined {
  const ending = endingOfThrown(thrown);
  if (ending === undefined) return undefined;
  return ending.kind === 'flow' && ending.flow.kind === 'redirect' ? DONE : FAILED;
}

/** What becomes of the key: `fn` runs once, so that once it ended its end is kept, whatever it was. */
function recordOf(error: unknown, { fnEnded }: Progress): 'release' | 'record' | 'hold' {
  if (!fnEnded) return 'release';
  // It ended, and the instance could not be moved on: nobody may run it again before somebody has looked.
  return isActonceError(error) && error.retryable ? 'hold' : 'record';
}

/**
 * Whether `fn` may run again after an attempt that vanished in its `fn`. It may if only steps of that `fn` came after
 * the first step. Entries that are forgotten may have been anybody's.
 */
function isWhereItWasLeft(first: Transition<string>, since: readonly Footprint[]): boolean {
  const isWhole = since.every(({ version }, index) => version === first.version + 1 + index);
  return isWhole && since.every(({ isOwn, end }) => isOwn && end === null);
}

/** Whether the event is refused because the instance is already in the state to which the event leads. */
function isThereAlready(machine: Machine, id: string, error: unknown): boolean {
  if (!isActonceError(error, 'ERR_INVALID_TRANSITION')) return false;
  const refusal = error as InvalidTransitionError;
  if (refusal.machine !== machine.id || refusal.id !== id) return false;
  const { events, states } = machine.definition;
  const edges = events.find(({ name }) => name === refusal.event)?.edges ?? [];
  return edges.some(({ to }) => states[to]?.name === refusal.from);
}

function movedOn(
  machine: Machine,
  id: string,
  event: MachineEvent<string>,
  since: readonly Footprint[],
): InvalidTransitionError {
  const { state: from = '', version = 0 } = since.at(-1) ?? {};
  const allowed = machine.states.includes(from) ? machine.allowed(from) : [];
  return new InvalidTransitionError({ machine: machine.id, id, from, event: nameOfEvent(event), allowed, version });
}

function checkEvent(machine: Machine, event: MachineEvent<string>): void {
  const name: unknown = nameOfEvent(event);
  if (!machine.events.includes(name as string)) {
    throw invalid(`the event '${String(name)}' is not one of '${machine.id}': ${machine.events.join(', ')}`);
  }
}

function checkFollowing(machine: Machine, option: string, following: Following<never>): void {
  if (following === undefined) throw invalid(`option ${option} is missing`);
  if (typeof following !== 'function') checkEvent(machine, following);
}
