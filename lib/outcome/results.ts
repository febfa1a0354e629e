/**
 * How an outcome is written into a record and read back: by the built-in codec or the user's own, with a capital at its
 * start that says what it is (format).
 */
import type { Codec, ErrorClass, Outcome, OutcomeStatus } from '../../index';
import { ignoreRejection } from '../announce';
import { ActonceError, ResultUnavailableError } from '../errors';
import {
  decodeBulk,
  decodeError,
  defaultCodec,
  type Encoded,
  encodeBulk,
  encodeError,
  encodeStructure,
  isJson,
  type Template,
  templateOf,
  UnencodableError,
} from './codec';
import { decodeControlFlow, encodeControlFlow } from './control-flow';
import { Format } from './format';
import type { ControlFlow } from './next-signals';

/** An outcome, as it is recorded. */
export interface Recorded {
  readonly text: Encoded;
  readonly attempt: number;
}

/** One that is kept in memory, with what reading it again has brought. */
export interface Cached extends Recorded {
  /** Whether it has been replayed from here. */
  isRead: boolean;
  /** Of what the text stands for, once it has been read again. */
  template: Template | undefined;
}

/** How a run ended. */
export type Ending =
  | { readonly kind: 'value'; readonly value: unknown }
  /** thrown: what `fn` threw, where this call ran it. */
  | { readonly kind: 'flow'; readonly flow: ControlFlow; readonly thrown?: unknown }
  | { readonly kind: 'error'; readonly error: unknown };

/** It completed, and its value is not in the record. */
export interface Unavailable {
  readonly kind: 'unavailable';
  readonly reason: Unkept['reason'];
  readonly path: string | undefined;
}

/** Why a value is not in its record. */
export interface Unkept {
  readonly reason: 'unencodable' | 'too-large';
  readonly path: string | undefined;
  readonly cause: unknown;
}

/** How a call came out. */
export interface Settled {
  readonly status: OutcomeStatus;
  readonly attempt: number;
  readonly ending: Ending;
}

/** The word events have for an ending. */
export function eventKind(ending: Ending | Unavailable): Outcome['kind'] {
  if (ending.kind === 'flow') return ending.flow.kind;
  return ending.kind === 'error' ? 'error' : 'value';
}

/** Characters of a text whose value is kept as well, which may take several times the memory. */
const LONGEST_TEMPLATE = 8 * 1024;

export class Results {
  readonly #codec: Codec | undefined;
  readonly #errors: readonly ErrorClass[];

  constructor(codec: Codec | undefined, errors: readonly ErrorClass[]) {
    this.#codec = codec;
    this.#errors = errors;
  }

  /** The text to record, or why there is none. Only values with a Blob or File inside take time. */
  encode(value: unknown, maxBytes: number): Encoded | Unkept | Promise<string | Unkept> {
    try {
      const bulk = this.#codec === undefined ? encodeBulk(value) : undefined;
      if (bulk !== undefined) return 1 + bytesOf(bulk.text, maxBytes) <= maxBytes ? bulk : TOO_LARGE;
      const text = this.#codec === undefined ? encodeStructure(value) : Format.OWN_CODEC + this.#ownText(value);
      if (typeof text === 'string') return withinLimit(text, maxBytes);
      return text.then((late) => withinLimit(late, maxBytes), unencodable);
    } catch (cause) {
      return unencodable(cause);
    }
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

  encodeError(thrown: unknown): string {
    return encodeError(thrown, this.#errors);
  }

  /**
   * As `decode`, of what may be asked for again and again: JSON is parsed twice, and copied from then on at a tenth of that.
   * Most are asked for once.
   * @throws ActonceError `ERR_RECORD_UNREADABLE`
   */
  decodeCached(cached: Cached, record: { hash(): string | undefined }): Ending | Unavailable {
    const { text, template } = cached;
    if (template !== undefined) return { kind: 'value', value: template.copy() };
    const ending = this.decode(text, record);
    if (cached.isRead && ending.kind === 'value' && typeof text === 'string' && fitsTemplate(text)) {
      cached.template = templateOf(ending.value);
    }
    cached.isRead = true;
    return ending;
  }

  /** @throws ActonceError `ERR_RECORD_UNREADABLE` */
  decode(text: Encoded, record: { hash(): string | undefined }): Ending | Unavailable {
    try {
      if (typeof text !== 'string') return { kind: 'value', value: decodeBulk(text) };
      switch (text[0]) {
        case Format.FLOW:
          return { kind: 'flow', flow: decodeControlFlow(text) };
        case Format.ERROR:
          return { kind: 'error', error: decodeError(text, this.#errors) };
        case Format.UNKEPT:
          return decodeUnkept(text);
        case Format.OWN_CODEC:
          if (this.#codec === undefined) throw new Error('it was written by a codec this client was not given');
          return { kind: 'value', value: this.#codec.decode(text.slice(1)) };
        default:
          return { kind: 'value', value: defaultCodec.decode(text) };
      }
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw new ActonceError('ERR_RECORD_UNREADABLE', { detail, hash: record.hash(), cause });
    }
  }
}

function fitsTemplate(text: string): boolean {
  return text.length <= LONGEST_TEMPLATE && isJson(text);
}

export const TOO_LARGE: Unkept = { reason: 'too-large', path: undefined, cause: undefined };

function withinLimit(text: string, maxBytes: number): string | Unkept {
  return bytesOf(text, maxBytes) <= maxBytes ? text : TOO_LARGE;
}

/** Of UTF-8, or more where that is below the limit as well. */
function bytesOf(text: string, maxBytes: number): number {
  const most = text.length * 3;
  return most < maxBytes ? most : Buffer.byteLength(text);
}

export function isEncoded(encoded: Encoded | Unkept): encoded is Encoded {
  return typeof encoded === 'string' || 'mark' in encoded;
}

function unencodable(cause: unknown): Unkept {
  return { reason: 'unencodable', path: cause instanceof UnencodableError ? cause.path : undefined, cause };
}

function decodeUnkept(text: string): Unavailable {
  const end = text.indexOf(' ');
  const reason = text.slice(1, end);
  if (reason !== 'unencodable' && reason !== 'too-large') throw new Error(`the reason ${reason} is not known`);
  return { kind: 'unavailable', reason, path: text.slice(end + 1) || undefined };
}

/** The error of a value that was not kept. */
export function unavailable(
  { reason, path }: Pick<Unkept, 'reason' | 'path'>,
  hash: string | undefined,
  cause?: unknown,
): ResultUnavailableError {
  const where = path === undefined ? '' : ` at ${path}`;
  const detail =
    reason === 'too-large'
      ? 'it is larger than maxResultBytes, or than the store takes'
      : `it cannot be encoded${where}`;
  return new ResultUnavailableError(reason, path, cause === undefined ? { detail, hash } : { detail, hash, cause });
}
