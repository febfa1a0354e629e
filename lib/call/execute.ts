/**
 * The owner's path: run `fn`, encode how it ended, tell the store, and share the outcome with the callers that waited.
 * Whatever the store does after `fn`, the caller gets what `fn` gave: an error at that point would invite a second
 * charge.
 */
import type { ErrorPolicy } from '../../index';
import { ignoreRejection, reportHook } from '../announce';
import { hideInner, LeaseLostError } from '../errors';
import { type Answer, lacksDurability, storeError, Tag } from '../native/answer';
import type { Encoded } from '../outcome/codec';
import { endingOfThrown } from '../outcome/control-flow';
import { Finished } from '../outcome/finished';
import {
  type Ending,
  eventKind,
  isEncoded,
  type Results,
  TOO_LARGE,
  type Unkept,
  unavailable,
} from '../outcome/results';
import type { Call, OwnerTurn, Shared } from './call';
import { SETTINGS, type Settings } from './options';
import { isThenable, Run } from './run';

/** How an attempt ends in the store, and what its callers get. */
interface Report {
  readonly how: 'complete' | ErrorPolicy;
  /** What is recorded; null records nothing. */
  readonly text: Encoded | null;
  readonly ending: Ending;
  readonly unkept?: Unkept;
  /** How the store has refused another text for its size, and that text: those who joined get it all the same. */
  readonly refused?: { readonly answer: Answer; readonly text: Encoded | null };
}

/** Runs the call's `fn`, and ends in the call's `finish` or `fail`. */
export function execute(call: Call, turn: OwnerTurn): void {
  const run = new Run(call, turn);
  let result: unknown;
  let pending: Promise<unknown> | undefined;
  try {
    result = run.start();
  } catch (thrown) {
    threw(run, thrown);
    return;
  }
  try {
    if (isThenable(result)) pending = Promise.resolve(result);
  } catch {
    // What cannot even be asked whether it is a promise is a value that was returned.
  }
  if (pending === undefined) returned(run, result);
  else {
    pending.then(
      (value) => returned(run, value),
      (thrown) => threw(run, thrown),
    );
  }
}

function returned(run: Run, value: unknown): void {
  run.isActive = false;
  const finished = Finished.is(value) ? value : undefined;
  const ending = finished?.ending ?? { kind: 'value', value };
  const text = encode(run, value, finished);
  if (text instanceof Promise) text.then((late) => record(run, reportOfValue(run, ending, late)));
  else record(run, reportOfValue(run, ending, text));
}

function threw(run: Run, thrown: unknown): void {
  run.isActive = false;
  hideInner(thrown, () => run.call.hash());
  const ending = endingOfThrown(thrown);
  if (ending !== undefined) {
    record(run, reportOfThrown(run, ending, thrown));
    return;
  }
  // Next has given up this rendering. That says nothing about the work, so the callers that waited ask anew.
  tellStore(run, { how: 'release', text: null }, () => {
    run.flight.dissolve();
    run.call.fail(thrown);
  });
}

/** Tells the store, then everyone who waits. `isServed`: the callers have their outcome already. */
function record(run: Run, report: Report, isServed = false, budgetMs?: number): void {
  const hear = (answer: Answer | undefined): void => {
    if (answer?.tag === Tag.TOO_LARGE) record(run, withoutText(run, report, answer), isServed, answer.ms);
    else if (!isServed) {
      isServed = true;
      conclude(run, report, answer);
    } else if (answer?.tag !== Tag.DELAYED) concludeLater(run, report, answer);
  };
  tellStore(run, report, hear, budgetMs);
}

/** How an attempt ends whose text is too large for the store: as before, but for the text. */
function withoutText(run: Run, report: Report, answer: Answer): Report {
  const refused = { answer, text: report.text };
  if (report.how === 'release') return { ...report, refused, text: null };
  return { ...report, refused, text: run.call.host.results.encodeUnkept(TOO_LARGE), unkept: TOO_LARGE };
}

/** Without a lease nothing is recorded, and only the callers that joined need the text. */
function encode(run: Run, value: unknown, finished: Finished | undefined): ReturnType<Results['encode']> | null {
  if (run.lease === undefined && !run.flight.hasMembers) return null;
  const { results } = run.call.host;
  const { maxResultBytes } = run.call.settings;
  return finished === undefined
    ? results.encode(value, maxResultBytes)
    : results.encodeFinished(finished, maxResultBytes);
}

function reportOfValue(run: Run, ending: Ending, text: Encoded | Unkept | null): Report {
  if (text === null || isEncoded(text)) return { how: 'complete', text, ending };
  return { how: 'complete', text: run.call.host.results.encodeUnkept(text), ending, unkept: text };
}

function reportOfThrown(run: Run, ending: Ending, thrown: unknown): Report {
  const { results } = run.call.host;
  if (ending.kind === 'flow') return { how: 'complete', text: results.encodeFlow(ending.flow), ending };
  // A failed `recover` says nothing about the attempt that it looked for, so the next call looks again.
  const how = run.isRecovering ? 'release' : policyFor(run.call, thrown);
  if (how === 'hold' || run.lease === undefined) return { how, text: null, ending };
  const text = results.encodeThrown(thrown, run.call.settings.maxResultBytes);
  if (isEncoded(text)) return { how, text, ending };
  // Whoever waited for a release has nothing to share, and runs.
  if (how === 'release') return { how, text: null, ending };
  return { how, text: results.encodeUnkept(text), ending, unkept: text };
}

function policyFor(call: Call, thrown: unknown): ErrorPolicy {
  const { onError, onCrash } = call.settings;
  const usual = onCrash === 'hold' ? 'hold' : 'release';
  if (typeof onError !== 'function') return onError ?? usual;
  try {
    const chosen: unknown = onError(thrown);
    if (chosen === 'release' || chosen === 'record' || chosen === 'hold') return chosen;
    ignoreRejection(chosen);
    reportHook('onError', new TypeError(`it must return 'release', 'record' or 'hold', not ${String(chosen)}`));
  } catch (error) {
    reportHook('onError', error);
  }
  return usual;
}

/**
 * @param onAnswer gets the store's answer, perhaps several times (see Lease), or undefined when there is no claim to
 *   end
 */
function tellStore(
  run: Run,
  { how, text }: Pick<Report, 'how' | 'text'>,
  onAnswer: (answer: Answer | undefined) => void,
  budgetMs = run.call.settings.recordTimeoutMs,
): void {
  const { lease, call } = run;
  if (lease === undefined) {
    onAnswer(undefined);
    return;
  }
  const patience = { patienceMs: call.host.totalTimeoutMs, budgetMs };
  if (how === 'complete') lease.complete(text as Encoded, patience, onAnswer);
  else lease.fail(how, text as string | null, toldForMs(call.settings), patience, onAnswer);
}

/** Other callers' `waitTimeoutMs` is not known here; most have that of this call, or the default. */
function toldForMs({ waitTimeoutMs }: Settings): number {
  return Math.max(waitTimeoutMs, SETTINGS.waitTimeoutMs.default);
}

function conclude(run: Run, report: Report, answer: Answer | undefined): void {
  const { call, flight, attempt } = run;
  if (answer?.tag === Tag.STALE || answer?.tag === Tag.LOST) {
    call.tell('stale-write', attempt, {});
    flight.dissolve();
    if (report.how === 'complete') {
      call.fail(lost(run, report.ending));
      return;
    }
  } else if (answer?.tag === Tag.DELAYED) {
    tellUnrecorded(call, attempt, report, 'delayed');
    // Until the outcome is recorded, only this process knows it, so the flight goes on answering.
    flight.share(sharedOf(report, attempt));
    call.host.stay();
  } else {
    if (answer !== undefined) concludeRecorded(run, report, answer);
    if (flight.hasMembers) flight.share(sharedOf(report, attempt));
    flight.land();
  }
  if (tellsOwner(call, report)) call.fail(unavailable(report.unkept, call.hash(), report.unkept.cause));
  else call.finish({ status: 'executed', attempt, ending: report.ending });
}

/** Whether the caller that ran `fn` is also told that the value is not in the record. */
function tellsOwner(call: Call, report: Report): report is Report & { readonly unkept: Unkept } {
  // There is no value to give.
  if (report.unkept?.reason === 'lost') return true;
  return report.unkept?.reason === 'unencodable' && report.how === 'complete' && call.host.isDevelopment;
}

/** Takes the store's last word on a run whose caller has already been answered. */
function concludeLater(run: Run, report: Report, answer: Answer | undefined): void {
  run.flight.land();
  if (answer?.tag === Tag.DONE) remember(run, report);
  else if (answer?.tag === Tag.STALE || answer?.tag === Tag.LOST) run.call.tell('stale-write', run.attempt, {});
  else if (answer !== undefined) tellStoreError(run, answer);
  run.call.host.leave();
}

function concludeRecorded(run: Run, report: Report, answer: Answer): void {
  if (answer.tag === Tag.DONE) {
    remember(run, report);
    if (report.unkept !== undefined) tellUnrecorded(run.call, run.attempt, report, report.unkept.reason);
    return;
  }
  tellStoreError(run, answer);
  tellUnrecorded(run.call, run.attempt, report, lacksDurability(answer) ? 'durability' : 'store-error');
}

/** The store has recorded the ending: tells the listeners, and caches the ending if it is an outcome. */
function remember(run: Run, { how, text, ending, refused }: Report): void {
  const { call, attempt } = run;
  if (refused !== undefined) tellStoreError(run, refused.answer);
  if (how === 'release' || how === 'hold') {
    call.tell(how === 'hold' ? 'held' : 'released', attempt, {});
    return;
  }
  if (ending.kind === 'error') ending.recorded = true;
  // The store may have taken the text that it refused, if its answer was lost. So the store is asked, not the cache.
  if (refused === undefined) {
    const recorded = { text: text as Encoded, attempt, hasFailed: how === 'record' };
    call.host.cache?.put(call.identity, call.payload, recorded, call.settings.retentionMs);
  }
  if (call.isHeard) call.tell('completed', attempt, { kind: eventKind(ending) });
}

function sharedOf({ ending, text, refused }: Report, attempt: number): Shared {
  if (ending.kind === 'error') return { thrown: ending.error, recorded: ending.recorded, attempt };
  return { text: (refused ?? { text }).text ?? '', attempt };
}

function lost(run: Run, ending: Ending): LeaseLostError {
  const details = ending.kind === 'value' ? { value: ending.value, hasValue: true } : {};
  return new LeaseLostError(run.lease?.lossReason ?? 'refused', { ...details, hash: run.call.hash() });
}

function tellStoreError(run: Run, answer: Answer): void {
  if (!run.call.isHeard) return;
  const { code, message } = storeError(answer, undefined);
  run.call.tell('store-error', run.attempt, { code, message });
}

function tellUnrecorded(
  call: Call,
  attempt: number,
  { how, unkept }: Report,
  reason: 'delayed' | 'store-error' | 'durability' | Unkept['reason'],
): void {
  if (how === 'release') return; // nothing was meant to be kept
  const path = unkept?.path;
  call.tell('result-unrecorded', attempt, path === undefined ? { reason } : { reason, path });
}
