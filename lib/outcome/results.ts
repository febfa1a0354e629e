/**
 * How an outcome is written into a record and read back: by the built-in codec or the user's own, with a capital at its
 * start that says what it is (format).
 */
import type { Codec, ErrorClass, Outcome, OutcomeStatus, ValueClass } from '../../index';
import { ignoreRejection, reportHook, textOf } from '../announce';
import { ActonceError, ResultUnavailableError } from '../errors';
import {
  decodeBulk,
  decodeError,
  decodeJson,
  decodeValue,
  defaultCodec,
  type Encoded,
  encodeBulk,
  encodeError,
  encodeStructure,
  isJson,
  MalformedPayloadError,
  type Template,
  templateOf,
  UnencodableError,
  wholeText,
} from './codec';
import { decodeControlFlow, encodeControlFlow } from './control-flow';
import { FailedResult, type Finished } from './finished';
import { Format } from './format';
import type { ControlFlow } from './next-signals';

/** An outcome, as it is recorded. */
export interface Recorded {
  readonly text: Encoded;
  readonly attempt: number;
  /** Whether it is that of a failure. */
  readonly hasFailed: boolean;
}

/** A recorded outcome that is kept in memory, with what reading it again has brought. */
export interface Cached extends Recorded {
  /** Whether it has been replayed from here. */
  isRead: boolean;
  /** A template of the decoded value, once the text has been read again. */
  template: Template | undefined;
}

/** How a run ended. */
export type Ending =
  /** beside: what an adapter keeps with it, for itself. */
  | { readonly kind: 'value'; readonly value: unknown; readonly beside?: unknown }
  /** thrown: what `fn` threw, where this call ran it. */
  | { readonly kind: 'flow'; readonly flow: ControlFlow; readonly thrown?: unknown; readonly beside?: unknown }
  /** recorded: whether it is the outcome of its key, and not only of one attempt. Said once the store has it. */
  | { readonly kind: 'error'; readonly error: unknown; recorded: boolean };

/** The run completed, but its value is not in the record. */
export interface Unavailable {
  readonly kind: 'unavailable';
  readonly reason: Unkept['reason'];
  readonly path: string | undefined;
}

/** Why a value is not in its record. */
export interface Unkept {
  readonly reason: 'unencodable' | 'too-large' | 'lost';
  readonly path: string | undefined;
  readonly cause: unknown;
}

/** How a call ended. */
export interface Settled {
  readonly status: OutcomeStatus;
  readonly attempt: number;
  readonly ending: Ending;
}

/** The name that events have for an ending. */
export function eventKind(ending: Ending | Unavailable): Outcome['kind'] {
  if (ending.kind === 'flow') return ending.flow.kind;
  return ending.kind === 'error' ? 'error' : 'value';
}

/** The longest text whose value is kept as well: the value may take several times the memory. */
const LONGEST_TEMPLATE = 8 * 1024;

export class Results {
  readonly #codec: Codec | undefined;
  readonly #errors: readonly ErrorClass[];
  readonly #classes: readonly ValueClass[];

  constructor(codec: Codec | undefined, errors: readonly ErrorClass[], classes: readonly ValueClass[]) {
    this.#codec = codec;
    this.#errors = errors;
    this.#classes = classes;
  }

  /** The text to record, or why there is none. Only values with a Blob or File inside take time. */
  encode(value: unknown, maxBytes: number): Encoded | Unkept | Promise<string | Unkept> {
    try {
      const bulk = this.#codec === undefined ? encodeBulk(value) : undefined;
      if (bulk !== undefined) return 1 + bytesOf(bulk.text, maxBytes) <= maxBytes ? bulk : TOO_LARGE;
      const text =
        this.#codec === undefined ? encodeStructure(value, this.#classes) : Format.OWN_CODEC + this.#ownText(value);
      if (typeof text === 'string') return withinLimit(text, maxBytes);
      return text.then((late) => withinLimit(late, maxBytes), unencodable);
    } catch (cause) {
      return unencodable(cause);
    }
  }

  /** As `encode`, of what the function of an adapter ended with. */
  encodeFinished({ ending, unkept }: Finished, maxBytes: number): ReturnType<Results['encode']> {
    if (unkept !== undefined) return unkept;
    const text = ending.kind === 'flow' ? this.encodeFlow(ending.flow) : this.encode(ending.value, maxBytes);
    if (ending.beside === undefined) return text;
    const whole = (inner: Encoded | Unkept) => (isEncoded(inner) ? withBeside(inner, ending.beside, maxBytes) : inner);
    return text instanceof Promise ? text.then(whole) : whole(text);
  }

  #ownText(value: unknown): string {
    const text: unknown = this.#codec?.encode(value);
    if (typeof text !== 'string') {
      ignoreRejection(text);
      throw new TypeError('codec.encode() must return a string');
    }
    if (!text.isWellFormed()) throw new TypeError('codec.encode() returned half a surrogate pair');
    return text;
  }

  encodeUnkept(unkept: Unkept): string {
    return `${Format.UNKEPT}${unkept.reason} ${unkept.path?.toWellFormed() ?? ''}`;
  }

  encodeFlow(flow: ControlFlow): string {
    return encodeControlFlow(flow);
  }

  /** The text of what was thrown; or, of a result that counts as a failure, why there is none. */
  encodeThrown(thrown: unknown, maxBytes: number): string | Unkept {
    const failed = FailedResult.in(thrown);
    if (failed === undefined) return encodeError(thrown, this.#errors, this.#classes);
    const encoded = failed.unkept ?? this.encode(failed.value, maxBytes);
    if (encoded instanceof Promise) return unencodable(new TypeError('its bytes can only be had later'));
    return isEncoded(encoded) ? wholeText(encoded) : encoded;
  }

  /**
   * Like `decode`, for an outcome that may be asked for again and again. JSON is parsed twice, and after that copied at
   * a tenth of the cost. Most outcomes are asked for once.
   * @throws ActonceError `ERR_RECORD_UNREADABLE`
   */
  decodeCached(cached: Cached, record: { hash(): string | undefined }): Ending | Unavailable {
    const { text, template } = cached;
    if (template !== undefined) return { kind: 'value', value: template.copy() };
    const ending = this.decode(text, record, cached.hasFailed);
    if (cached.isRead && ending.kind === 'value' && typeof text === 'string' && fitsTemplate(text)) {
      cached.template = templateOf(ending.value);
    }
    cached.isRead = true;
    return ending;
  }

  /** @throws ActonceError `ERR_RECORD_UNREADABLE` */
  decode(text: Encoded, record: { hash(): string | undefined }, hasFailed = false): Ending | Unavailable {
    try {
      if (typeof text !== 'string') return { kind: 'value', value: decodeBulk(text) };
      // Most texts are JSON, and no JSON has a capital to look at.
      if (isJson(text)) {
        const value = decodeJson(text);
        return hasFailed ? failure(value) : { kind: 'value', value };
      }
      switch (text[0]) {
        case Format.FLOW:
          return { kind: 'flow', flow: decodeControlFlow(text) };
        case Format.ERROR:
          return { kind: 'error', error: decodeError(text, this.#errors, this.#classes), recorded: true };
        case Format.UNKEPT:
          return decodeUnkept(text);
        case Format.BESIDE:
          return this.#decodeWithBeside(text, record);
        case Format.OWN_CODEC:
          if (this.#codec === undefined) throw new Error('it was written by a codec this client was not given');
          return returned(this.#codec.decode(text.slice(1)), hasFailed);
        default:
          return returned(decodeValue(text, this.#classes), hasFailed);
      }
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : textOf(cause);
      throw new ActonceError('ERR_RECORD_UNREADABLE', { detail, hash: record.hash(), cause });
    }
  }

  #decodeWithBeside(text: string, record: { hash(): string | undefined }): Ending {
    const end = text.indexOf('\n');
    const inner = text.slice(end + 1);
    if (end < 0 || inner[0] === Format.BESIDE) throw new MalformedPayloadError('what is beside its outcome has no end');
    const beside = defaultCodec.decode(text.slice(1, end));
    const ending = this.decode(inner, record);
    if (ending.kind === 'value' || ending.kind === 'flow') return { ...ending, beside };
    throw new MalformedPayloadError('there is something beside what is no outcome');
  }
}

function returned(value: unknown, hasFailed: boolean): Ending {
  return hasFailed ? failure(value) : { kind: 'value', value };
}

function failure(value: unknown): Ending {
  const error = new FailedResult('the run ended with a result that counts as a failure', value);
  return { kind: 'error', error, recorded: true };
}

/** The outcome counts: what would be beside it and cannot be written is left out. */
function withBeside(inner: Encoded, beside: unknown, maxBytes: number): string | Unkept {
  try {
    return withinLimit(`${Format.BESIDE}${defaultCodec.encode(beside)}\n${wholeText(inner)}`, maxBytes);
  } catch (error) {
    reportHook('recording what is kept beside an outcome', error);
    return wholeText(inner);
  }
}

function fitsTemplate(text: string): boolean {
  return text.length <= LONGEST_TEMPLATE && isJson(text);
}

export const TOO_LARGE: Unkept = { reason: 'too-large', path: undefined, cause: undefined };
/** The attempt that computed the value vanished before it could record the value. */
export const LOST: Unkept = { reason: 'lost', path: undefined, cause: undefined };

function withinLimit(text: string, maxBytes: number): string | Unkept {
  return bytesOf(text, maxBytes) <= maxBytes ? text : TOO_LARGE;
}

/** The length in UTF-8, or more if that is below the limit as well. */
function bytesOf(text: string, maxBytes: number): number {
  const most = text.length * 3;
  return most < maxBytes ? most : Buffer.byteLength(text);
}

export function isEncoded(encoded: Encoded | Unkept): encoded is Encoded {
  return typeof encoded === 'string' || 'mark' in encoded;
}

function unencodable(cause: unknown): Unkept {
  return { reason: 'unencodable', path: (cause instanceof UnencodableError && cause.path) || undefined, cause };
}

/** Why what is at this place cannot be recorded, as far as it is known. */
export function whyUnencodable(place: string, cause: unknown): string {
  if (cause instanceof UnencodableError) return `${place} is ${cause.kind}`;
  return cause instanceof Error ? cause.message : `${place} cannot be recorded`;
}

function decodeUnkept(text: string): Unavailable {
  const end = text.indexOf(' ');
  const reason = text.slice(1, end);
  if (reason !== 'unencodable' && reason !== 'too-large' && reason !== 'lost') {
    throw new Error(`the reason ${reason} is not known`);
  }
  return { kind: 'unavailable', reason, path: text.slice(end + 1) || undefined };
}

/** The error of a value that was not kept. */
export function unavailable(
  { reason, path }: Pick<Unkept, 'reason' | 'path'>,
  hash: string | undefined,
  cause?: unknown,
): ResultUnavailableError {
  const detail = {
    'too-large': 'it is larger than maxResultBytes, or than the store takes',
    lost: 'the attempt that did the work vanished before it could record the value',
    unencodable: whyUnencodable(path ?? 'the value', cause),
  }[reason];
  return new ResultUnavailableError(reason, path, cause === undefined ? { detail, hash } : { detail, hash, cause });
}
