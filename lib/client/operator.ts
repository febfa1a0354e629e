/** What an operator does with a record: inspect it, reset it, resolve it. */
import type { RecordedOutcome, RecordTarget, RecordView, ResetOptions, Resolution } from '../../index';
import { identityOf } from '../call/identity';
import { ActonceError, InProgressError } from '../errors';
import { type Answer, storeError, Tag } from '../native/answer';
import type { Binding } from '../native/binding';
import { wholeText } from '../outcome/codec';
import { shownFlow } from '../outcome/control-flow';
import { isResponse, type RecordedResponse, readResponse } from '../outcome/response-record';
import { isEncoded, unavailable } from '../outcome/results';
import type { Client } from './client';
import { checkReset, checkResolution, checkTarget } from './client-options';

/** The addon's answer to `inspect`, as JSON. */
interface NativeRecord {
  readonly state: RecordView['state'];
  readonly attempt: number;
  readonly fence: number;
  readonly recovered: boolean;
  readonly onCrash: RecordView['onCrash'];
  readonly expiresInMs: number;
  readonly leaseRemainingMs: number | null;
  readonly sinceMs: number | null;
  /** The id of the key that the record is encrypted with. Such a record comes without its payload. */
  readonly keyId: string | null;
  readonly payload: string | null;
}

/** The names of a record. The addon takes one of the two. */
interface Named {
  readonly hash: string;
  readonly identity: string | undefined;
}

/** @throws ActonceError `ERR_INVALID_ARGUMENT`, `ERR_KEY_MISSING` */
export function nameOf(target: RecordTarget, binding: Binding): Named {
  checkTarget(target);
  if ('hash' in target) return { hash: target.hash, identity: undefined };
  const { key, scope } = target;
  const identity = identityOf(key, scope);
  return { hash: binding.hash(identity), identity };
}

export class Operator {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  async inspect(target: RecordTarget): Promise<RecordView | undefined> {
    const named = nameOf(target, this.#client.binding);
    const answer = await this.#ask(named, { do: 'inspect' });
    if (answer.tag === Tag.LOST) return undefined;
    if (answer.tag !== Tag.RECORD) throw this.#errorOf(answer, named);
    return this.#view(JSON.parse(answer.payload ?? '') as NativeRecord, named.hash);
  }

  async reset(target: RecordTarget, options: ResetOptions): Promise<'reset' | 'absent'> {
    checkReset(options);
    const named = nameOf(target, this.#client.binding);
    const answer = await this.#change(named, { do: 'reset', force: options.force === true });
    if (answer.tag === Tag.LOST) return 'absent';
    if (answer.tag === Tag.DONE) return 'reset';
    throw this.#errorOf(answer, named);
  }

  async resolve(target: RecordTarget, resolution: Resolution): Promise<'resolved' | 'settled' | 'absent'> {
    checkResolution(resolution);
    const named = nameOf(target, this.#client.binding);
    const { force, rerun } = resolution;
    const retentionMs = resolution.retentionMs ?? this.#client.settings.retentionMs;
    const decision = rerun === true ? { rerun } : { value: await this.#encode(resolution.value) };
    const answer = await this.#change(named, { do: 'resolve', ...decision, retentionMs, force: force === true });
    if (answer.tag === Tag.LOST) return 'absent';
    if (answer.tag === Tag.SETTLED) return 'settled';
    if (answer.tag === Tag.DONE) return 'resolved';
    throw this.#errorOf(answer, named);
  }

  /** An operator's value that cannot be kept is refused, not recorded as missing. */
  async #encode(given: unknown): Promise<string> {
    const { results, settings } = this.#client;
    const value = isResponse(given) ? await recordOfResponse(given) : given;
    const encoded = await results.encode(value, settings.maxResultBytes);
    if (isEncoded(encoded)) return wholeText(encoded);
    throw unavailable(encoded, undefined, encoded.cause);
  }

  /** What this process has seen of the record is forgotten. */
  async #change(named: Named, command: object): Promise<Answer> {
    this.#forget(named);
    const answer = await this.#ask(named, command);
    // Once more: a replay may have come in while the store was asked.
    this.#forget(named);
    return answer;
  }

  #ask({ hash, identity }: Named, command: object): Promise<Answer> {
    const name = identity === undefined ? { hash } : { identity };
    return this.#client.binding.admin({ ...command, ...name, budgetMs: this.#client.totalTimeoutMs });
  }

  #forget({ identity }: Named): void {
    if (identity === undefined) this.#client.cache?.clear();
    else this.#client.cache?.delete(identity);
  }

  #errorOf(answer: Answer, { hash }: Named): ActonceError {
    if (answer.tag === Tag.IN_PROGRESS) return new InProgressError({ hash, retryAfterMs: Math.max(answer.ms, 1) });
    if (answer.tag === Tag.STORE_ERROR || answer.tag === Tag.UNREADABLE) return storeError(answer, hash);
    return new ActonceError('ERR_STORE_PROTOCOL', { detail: `the answer has the unexpected tag ${answer.tag}`, hash });
  }

  #view(record: NativeRecord, hash: string): RecordView {
    const { state, attempt, fence, recovered, onCrash, expiresInMs, keyId } = record;
    const showsOutcome = keyId === null && (state === 'completed' || state === 'failed');
    return {
      hash,
      state,
      attempt,
      fence,
      recovered,
      onCrash,
      ...(state === 'processing' ? { leaseRemainingMs: record.leaseRemainingMs ?? 0 } : {}),
      ...(state === 'indeterminate' ? { since: new Date(record.sinceMs ?? 0) } : {}),
      expiresInMs,
      ...(keyId === null ? {} : { keyId }),
      ...(showsOutcome ? { outcome: this.#outcome(record.payload ?? '', hash) } : {}),
    };
  }

  #outcome(text: string, hash: string): RecordedOutcome {
    const ending = this.#client.results.decode(text, { hash: () => hash });
    if (ending.kind === 'unavailable') return { kind: 'unavailable', reason: ending.reason };
    if (ending.kind === 'flow') return shownFlow(ending.flow);
    return ending.kind === 'error' ? ending : { kind: 'value', value: ending.value };
  }
}

/** What a route would have recorded of it. */
async function recordOfResponse(response: Response): Promise<RecordedResponse> {
  const { record, fault } = await readResponse(response);
  if (fault === undefined) return record;
  throw unavailable({ reason: 'unencodable', path: undefined }, undefined, fault);
}
