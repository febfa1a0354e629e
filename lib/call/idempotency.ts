/**
 * One call from end to end: checked, claimed or joined, run or replayed, and answered. Nothing is sent before every
 * argument is known to be good.
 */
import type { IdempotencyOptions, Outcome } from '../../index';
import { announceOnce, reportHook } from '../announce';
import { ActonceError, invalid } from '../errors';
import { endingOfThrown, shownFlow } from '../outcome/control-flow';
import { withBeside } from '../outcome/finished';
import { throwControlFlow } from '../outcome/next-signals';
import type { Settled } from '../outcome/results';
import { Call, type Turn, type View } from './call';
import { type Compared, comparedText } from './compared';
import { isInside } from './context';
import { settleDuplicate } from './duplicate';
import { execute } from './execute';
import type { Host } from './host';
import { identityOf } from './identity';
import { settingsOfCall } from './options';
import { runUnprotected } from './unprotected';

type Options = IdempotencyOptions | undefined;

export function runOnce(host: Host, key: unknown, fn: unknown, options: Options, view: View): Promise<unknown> {
  const hasHook = options?.onResponse !== undefined;
  const answered = new Promise<unknown>((resolve, reject) => {
    host.enter();
    const call = new Call(host, key, fn, options, hasHook ? asSettled : view, resolve, reject);
    try {
      open(call);
    } catch (error) {
      call.fail(error);
    }
  });
  // The hook runs in the caller's async context, which only a promise made here restores.
  return hasHook ? answered.then((settled) => respond(options, settled as Settled, view)) : answered;
}

const asSettled: View = (settled) => settled;

/** Refuses what can be refused at once, then claims the key, or bypasses it. */
function open(call: Call): void {
  const { host, options } = call;
  call.settings = settingsOfCall(host.settings, options);
  checkFunction(call.fn);
  const isOff = host.isDisabled || !call.settings.enabled || skips(options);
  if (isOff === false) claim(call);
  else if (isOff === true) bypass(call);
  else isOff.then((skipped) => (skipped ? bypass(call) : claim(call))).catch((error) => call.fail(error));
}

function bypass(call: Call): void {
  runUnprotected(call).then(
    (settled) => call.finish(settled),
    (error) => call.fail(error),
  );
}

function claim(call: Call): void {
  const reading = prepare(call);
  if (reading === undefined) advance(call);
  else claimLater(call, reading);
}

/** On its own: a function that is made in `claim` would cost every call. */
function claimLater(call: Call, reading: Promise<Compared>): void {
  reading
    .then((compared) => {
      call.compare(compared);
      advance(call);
    })
    .catch((error) => call.fail(error));
}

/**
 * Asks for a turn; from then on the call is answered through `finish` and `fail`.
 * @throws the reason of a signal that has aborted: before the call, or between two turns of it
 */
function advance(call: Call): void {
  const { host, options } = call;
  if (options?.signal?.aborted === true) throw options.signal.reason;
  const cached = host.cache?.get(call.identity, call.payload);
  if (cached !== undefined) {
    take(call, { as: 'cached', cached });
    return;
  }
  const turn = host.flights.enter(call);
  // The embedded store has answered already; a promise would cost each of its calls.
  if (turn instanceof Promise) turn.then((late) => take(call, late));
  else take(call, turn);
}

function take(call: Call, turn: Turn): void {
  try {
    if (turn.as === 'owner') execute(call, turn);
    else if (turn.as === 'again') advance(call);
    else {
      const settled = settleDuplicate(call, turn);
      if (settled === undefined) advance(call);
      else call.finish(settled);
    }
  } catch (error) {
    call.fail(error);
  }
}

function checkFunction(fn: unknown): void {
  if (typeof fn !== 'function') throw invalid(`fn must be a function, not ${fn === null ? 'null' : typeof fn}`);
  const kind: unknown = (fn as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
  if (kind === 'GeneratorFunction' || kind === 'AsyncGeneratorFunction') {
    throw invalid('fn is a generator function, and calling it runs nothing; pass an async function');
  }
}

/** Whether this call asked to be let through. A predicate that throws has not asked. */
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

/**
 * The payload is read now: it may change while `fn` runs.
 * @returns a promise where it has files, whose bytes take time
 */
function prepare(call: Call): Promise<Compared> | undefined {
  const { host, options } = call;
  const scope = options?.scope;
  const identity = identityOf(call.key, scope);
  call.identity = identity;
  if (scope === undefined && host.isDevelopment) {
    announceOnce(
      'scope',
      'withIdempotency was called without a scope. Clients choose keys, so one user can send the key of another user ' +
        "and get that user's outcome. Pass { scope: ['operation', userId] }. (Said once, in development.)",
    );
  }
  if (isInside(host.space, identity)) throw new ActonceError('ERR_REENTRANT', { hash: call.hash() });
  if (options?.payload === undefined) return undefined;
  const compared = comparedText(options.payload, options.fingerprint);
  if (compared instanceof Promise) return compared;
  call.compare(compared);
  return undefined;
}

/** Calls `onResponse`, for every caller. The hook acts on the response, and cannot change what was recorded. */
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
export function outcomeOf(settled: Settled): Outcome {
  const { ending } = settled;
  const outcome = shownOutcome(settled);
  return ending.kind === 'error' || ending.beside === undefined ? outcome : withBeside(outcome, ending.beside);
}

function shownOutcome({ status, attempt, ending }: Settled): Outcome {
  switch (ending.kind) {
    case 'value':
      return { status, kind: 'value', attempt, value: ending.value };
    case 'error':
      return { status, kind: 'error', attempt, error: ending.error, recorded: ending.recorded };
    case 'flow':
      return { status, attempt, ...shownFlow(ending.flow) };
  }
}
