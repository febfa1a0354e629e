/**
 * The path of every call that does not run `fn`. Such a call gets the recorded outcome, another caller's outcome, or
 * the refusal that the store's answer stands for. Waiting for a run in flight, and taking it over, is in flights.ts.
 */

import { ActonceError, IndeterminateError, InProgressError, KeyReusedError, QuotaError } from '../errors';
import { type Answer, storeError, Tag } from '../native/answer';
import type { Encoded } from '../outcome/codec';
import { type Cached, type Ending, eventKind, type Settled, type Unavailable, unavailable } from '../outcome/results';
import type { Call, OwnerTurn, Shared, Turn } from './call';

type DuplicateTurn = Exclude<Turn, OwnerTurn | { as: 'again' }>;

/**
 * @returns undefined when the call asks anew, for a record of an older version
 * @throws ActonceError the refusal; or the reason of the caller's signal
 */
export function settleDuplicate(call: Call, turn: DuplicateTurn): Settled | undefined {
  if (call.hasWaited) call.tell('waited', turn.as === 'answered' ? turn.answer.attempt : 0, {});
  switch (turn.as) {
    case 'answered':
      return settleAnswer(call, turn.answer);
    case 'cached':
      return settleCached(call, turn.cached);
    case 'joined':
      return settleJoined(call, turn.shared);
    case 'in-progress': {
      const { retryAfterMs } = turn;
      call.tell('in-progress', 0, { retryAfterMs });
      throw new InProgressError({ hash: call.hash(), retryAfterMs });
    }
    case 'mismatch':
      return mismatch(call);
    case 'cancelled':
      throw turn.reason;
  }
}

function mismatch(call: Call): undefined {
  if (call.comparesAsBefore()) return undefined;
  call.tell('mismatch', 0, {});
  throw new KeyReusedError({ hash: call.hash() });
}

function settleJoined(call: Call, shared: Shared): Settled {
  const { attempt } = shared;
  const ending: Ending | Unavailable =
    'thrown' in shared ? { kind: 'error', error: shared.thrown, recorded: shared.recorded } : decode(call, shared.text);
  call.tell('joined', attempt, { kind: eventKind(ending) });
  return { status: 'joined', attempt, ending: available(call, ending) };
}

function settleCached(call: Call, cached: Cached): Settled {
  return settleReplay(call, call.host.results.decodeCached(cached, call), cached.attempt, true);
}

function settleReplay(call: Call, ending: Ending | Unavailable, attempt: number, cached: boolean): Settled {
  call.tell('replayed', attempt, { kind: eventKind(ending), cached });
  return { status: 'replayed', attempt, ending: available(call, ending) };
}

function decode(call: Call, text: Encoded, hasFailed = false): Ending | Unavailable {
  return call.host.results.decode(text, call, hasFailed);
}

function available(call: Call, ending: Ending | Unavailable): Ending {
  if (ending.kind === 'unavailable') throw unavailable(ending, call.hash());
  return ending;
}

/** The error of one attempt is not the outcome of the key. */
function released(ending: Ending | Unavailable): Ending | Unavailable {
  return ending.kind === 'error' ? { ...ending, recorded: false } : ending;
}

/**
 * How long a replayed record still lives is unknown. With a retention of at least this, its few seconds in the cache do
 * not matter.
 */
const SURELY_FRESH_MS = 60_000;

function settleAnswer(call: Call, answer: Answer): Settled | undefined {
  const { attempt, payload } = answer;
  switch (answer.tag) {
    case Tag.REPLAY:
    case Tag.REPLAY_ERROR: {
      const text = payload ?? '';
      const hasFailed = answer.tag === Tag.REPLAY_ERROR;
      const { cache } = call.host;
      const { retentionMs } = call.settings;
      if (retentionMs >= SURELY_FRESH_MS) {
        cache?.put(call.identity, call.payload, { text, attempt, hasFailed }, retentionMs);
      }
      return settleReplay(call, decode(call, text, hasFailed), attempt, false);
    }
    case Tag.RELEASED:
      // The attempt that this call waited for has failed. The callers that waited share its error; only a later call
      // runs again.
      return settleReplay(call, released(decode(call, payload ?? '', true)), attempt, false);
    case Tag.MISMATCH:
      return mismatch(call);
    case Tag.QUOTA: {
      const retryAfterMs = answer.ms;
      call.tell('quota', 0, { retryAfterMs });
      throw new QuotaError({ hash: call.hash(), retryAfterMs });
    }
    case Tag.INDETERMINATE:
      call.tell('indeterminate', attempt, { fence: answer.fence });
      throw new IndeterminateError(answer.fence, new Date(answer.ms), { hash: call.hash() });
    case Tag.STORE_ERROR:
    case Tag.UNREADABLE: {
      const error = storeError(answer, call.hash());
      call.tell('store-error', attempt, { code: error.code, message: error.message });
      throw error;
    }
    default:
      throw new ActonceError('ERR_STORE_PROTOCOL', {
        detail: `the answer to a claim has the unexpected tag ${answer.tag}`,
      });
  }
}
