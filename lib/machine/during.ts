/**
 * `during`: an event, a function, another event. It is an idempotent run whose first and last acts are transitions of that
 * run, so that a crash, a retry and a stale owner are what they are everywhere.
 */
import { randomUUID } from 'node:crypto';
import type { DuringOptions, IdempotencyContext, MachineEvent, Move, Transition } from '../../index';
import { invalid, isActonceError } from '../errors';
import { anything, check, ofType, rulesOf } from '../rules';
import { InvalidTransitionError } from './errors';
import { nameOfEvent } from './event';
import type { Machine } from './machine';

type Following<A> = MachineEvent<string> | ((argument: A) => Move<string>);

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

  async function run(ctx: IdempotencyContext): Promise<T> {
    const instance = await ctx.transition(machine, id, event, { data, create });
    if (instance.replayed) await refuseIfMovedOn(machine, id, instance, [event, onDone, onError]);
    let value: T;
    try {
      value = await fn(instance, ctx);
    } catch (error) {
      progress.fnEnded = true;
      if (onError !== undefined) await follow(ctx, machine, id, onError, error);
      throw error;
    }
    progress.fnEnded = true;
    await follow(ctx, machine, id, onDone, value);
    return value;
  }

  return machine.client.withIdempotency(options.idempotencyKey ?? randomUUID(), run, {
    scope: ['actonce.during', machine.id, id],
    payload: nameOfEvent(event),
    onError: (error) => recordOf(error, progress),
  });
}

interface Progress {
  fnEnded: boolean;
}

/** What becomes of the key: `fn` runs once, so that once it ended its end is kept, whatever it was. */
function recordOf(error: unknown, { fnEnded }: Progress): 'release' | 'record' | 'hold' {
  if (!fnEnded) return 'release';
  // It ended, and the instance could not be moved on: nobody may run it again before somebody has looked.
  return isActonceError(error) && error.retryable ? 'hold' : 'record';
}

function follow<A>(
  ctx: IdempotencyContext,
  machine: Machine,
  id: string,
  following: Following<A>,
  argument: A,
): Promise<unknown> {
  const move = typeof following === 'function' ? following(argument) : { event: following };
  return ctx.transition(machine, id, move.event, { data: move.data });
}

/**
 * An attempt that vanished had begun: the instance may have gone on since, by its timer for one. Then `fn` must not run
 * again, except when the instance was moved on by this very key.
 */
async function refuseIfMovedOn(
  machine: Machine,
  id: string,
  first: Transition<string>,
  [event, onDone, onError]: [MachineEvent<string>, Following<never>, Following<never> | undefined],
): Promise<void> {
  const next = (await machine.history(id)).find(({ version }) => version === first.version + 1);
  if (next === undefined) return;
  const own = [onDone, onError].flatMap((following) =>
    following === undefined || typeof following === 'function' ? [] : [nameOfEvent(following)],
  );
  if (next.type === 'event' && own.includes(next.event)) return;
  const now = await machine.get(id);
  const from = now?.state ?? next.state;
  throw new InvalidTransitionError({
    machine: machine.id,
    id,
    from,
    event: nameOfEvent(event),
    allowed: machine.allowed(from),
    version: now?.version ?? next.version,
  });
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
