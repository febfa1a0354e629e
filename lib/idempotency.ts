/**
 * One call from end to end: checked, claimed or joined, run or replayed, and answered. Nothing is sent before every
 * argument is known to be good.
 */
import type { IdempotencyContext, IdempotencyOptions, Outcome } from '../index';
import { announceOnce, reportHook } from './announce';
import { Call } from './call';
import type { Client } from './client';
import { isInside } from './context';
import { throwControlFlow } from './control-flow';
import { settleDuplicate, settleReplay } from './duplicate';
import { ActonceError, invalid } from './errors';
import { execute } from './execute';
import { canonicalText } from './fingerprint';
import { identityOf } from './identity';
import { type Settings, settingsOfCall } from './options';
import type { Settled } from './results';
import { endingOfThrown } from './thrown';
import { runUnprotected } from './unprotected';

export type UserFunction = (ctx: IdempotencyContext) => unknown;
type Options = IdempotencyOptions | undefined;

/** What a caller makes of how its call came out: its value, or its outcome. */
export type View = (settled: Settled) => unknown;

export async function runOnce(client: Client, key: unknown, fn: unknown, options: Options, view: View) {
  client.enter();
  try {
    const settings = settingsOfCall(client.settings, options);
    checkFunction(fn);
    const isOff = client.isDisabled || !settings.enabled || skips(options);
    if (isOff === true || (isOff !== false && (await isOff))) {
      return await respond(options, await runUnprotected(client, key, fn, options), view);
    }
    const call = prepare(client, key, fn, settings, options);
    let settled: Settled | undefined;
    while (settled === undefined) {
      const cached = client.cache?.get(call.identity, call.payload);
      if (cached !== undefined) {
        settled = settleReplay(call, cached.text, cached.attempt, true);
        break;
      }
      const entered = client.flights.enter(call);
      // The embedded store answers at once; awaiting its answer would cost every call a promise.
      const turn = entered instanceof Promise ? await entered : entered;
      if (turn.as === 'owner') settled = await execute(call, turn);
      else if (turn.as !== 'again') settled = settleDuplicate(call, turn);
    }
    return options?.onResponse === undefined ? view(settled) : await respond(options, settled, view);
  } finally {
    client.leave();
  }
}

function checkFunction(fn: unknown): asserts fn is UserFunction {
  if (typeof fn !== 'function') throw invalid(`fn must be a function, not ${fn === null ? 'null' : typeof fn}`);
  const kind = Object.prototype.toString.call(fn);
  if (kind === '[object GeneratorFunction]' || kind === '[object AsyncGeneratorFunction]') {
    throw invalid('fn is a generator function: calling it runs nothing; pass an async function');
  }
}

/** Whether this call asked to be let through; a predicate that fails has not. */
function skips(options: Options): boolean | Promise<boolean> {
  const skip = options?.skip;
  if (skip === undefined || typeof skip === 'boolean') return skip === true;
  return decideSkip(skip);
}

async function decideSkip(skip: () => boolean | PromiseLike<boolean>): Promise<boolean> {
  try {
    return (await skip()) === true;
  } catch (error) {
    reportHook('skip', error);
    return false;
  }
}

/** Everything that can be refused is refused here, and the payload is read now: it may change while `fn` runs. */
function prepare(client: Client, key: unknown, fn: UserFunction, settings: Settings, options: Options): Call {
  const identity = identityOf(key, options?.scope);
  const payload = options?.payload === undefined ? null : canonicalText(options.payload, options.fingerprint);
  if (options?.scope === undefined && client.isDevelopment) {
    announceOnce(
      'scope',
      "withIdempotency was called without a scope. Keys come from clients: without { scope: ['operation', userId] } " +
        "one user's key answers another user's call. (Said once, in development.)",
    );
  }
  if (options?.signal?.aborted === true) throw options.signal.reason;
  if (isInside(client.space, identity)) {
    throw new ActonceError('ERR_REENTRANT', { hash: client.binding.hash(identity) });
  }
  return new Call(client, key as string, identity, fn, settings, options, payload);
}

/** What belongs to the response happens for every caller, and cannot change what was recorded. */
async function respond(options: Options, settled: Settled, view: View): Promise<unknown> {
  try {
    await options?.onResponse?.(outcomeOf(settled));
  } catch (error) {
    if (endingOfThrown(error)?.kind !== 'error') throw error; // Next's redirect() and its like
    reportHook('onResponse', error);
  }
  return view(settled);
}

/** What `withIdempotency` gives: the value, or what `fn` threw. */
export function returnOrThrow({ ending }: Settled): unknown {
  switch (ending.kind) {
    case 'value':
      return ending.value;
    case 'error':
      throw ending.error;
    case 'flow':
      if (ending.thrown !== undefined) throw ending.thrown;
      return throwControlFlow(ending.flow);
  }
}

/** What `withIdempotency.outcome` gives. */
export function outcomeOf({ status, attempt, ending }: Settled): Outcome {
  switch (ending.kind) {
    case 'value':
      return { status, kind: 'value', attempt, value: ending.value };
    case 'error':
      return { status, kind: 'error', attempt, error: ending.error };
    case 'flow': {
      const { flow } = ending;
      if (flow.kind === 'http') return { status, kind: 'http', attempt, httpStatus: flow.status };
      return { status, kind: 'redirect', attempt, url: flow.url, type: flow.type, httpStatus: flow.status };
    }
  }
}
