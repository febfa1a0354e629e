/** Reads the D form. What arrives here has the right shape; what it says may still be impossible. */
import { unflatten } from 'devalue';
import type { ErrorClass, ValueClass } from '../../../index';
import { textOf } from '../../announce';
import { fillError, shellOf } from './error-fields';
import { MalformedPayloadError } from './faults';
import { admitGraph } from './flat';
import { parseJson } from './json';
import { admitText, LONGEST_TEXT } from './limits';
import { classNameOf, tagOfClass } from './value-classes';

/** @throws MalformedPayloadError */
export function decodeGraph(text: string, errors: readonly ErrorClass[], classes: readonly ValueClass[]): unknown {
  admitText(text);
  const parsed = parseJson(text);
  admitGraph(parsed);
  try {
    return unflatten(parsed as number | unknown[], new Revival(errors, classes).revivers);
  } catch (cause) {
    throw new MalformedPayloadError(reasonOf(cause), cause);
  }
}

function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : textOf(cause);
  const className = classNameOf(/^Unknown type (.*)$/.exec(message)?.[1] ?? '');
  if (className === undefined) return message;
  const name = className.slice(0, 40);
  return `it holds a value of class '${name}', which this client was not given with the option values`;
}

type Payload = Record<string, unknown>;

class Revival {
  readonly #registered: readonly ErrorClass[];
  readonly #errors = new Map<object, Error>();
  readonly #used = new Set<unknown>();
  #length = 0;

  constructor(errors: readonly ErrorClass[], classes: readonly ValueClass[]) {
    this.#registered = errors;
    for (const type of classes) this.revivers[tagOfClass(type)] = (payload) => type.decode(encodedIn(payload));
  }

  readonly revivers: Record<string, (payload: unknown) => unknown> = {
    Error: (payload) => this.#error(fields(payload)),
    Buffer: (payload) => Buffer.from(bytes(payload)),
    FormData: (payload) => this.#append(new FormData(), payload),
    Headers: (payload) => this.#append(new Headers(), payload),
    File: (payload) => this.#file(fields(payload)),
    Blob: (payload) => this.#blob(fields(payload)),
    Symbol: (payload) => Symbol.for(text(Array.isArray(payload) ? payload[0] : undefined)),
  };

  /** devalue asks twice for an error that refers to itself: inside, with the fields so far, and at the end. */
  #error(payload: Payload): Error {
    const error = this.#errors.get(payload) ?? shellOf(payload, this.#registered);
    this.#errors.set(payload, error);
    fillError(error, payload);
    return error;
  }

  #append<T extends FormData | Headers>(collection: T, payload: unknown): T {
    if (!Array.isArray(payload)) throw new Error('entries are not a list');
    for (const entry of payload as unknown[]) {
      if (!Array.isArray(entry) || entry.length !== 2) throw new Error('an entry is not a pair');
      const [name, value] = entry as [unknown, unknown];
      if (value instanceof Blob && collection instanceof FormData) collection.append(this.#counted(name), value);
      else collection.append(this.#counted(name), this.#counted(value));
    }
    return collection;
  }

  /** Every appended value is copied, even where the text holds it only once. */
  #counted(value: unknown): string {
    this.#length += text(value).length;
    if (this.#length > LONGEST_TEXT) throw new Error('its entries are too long');
    return value as string;
  }

  #file({ name, type, lastModified, bytes: content }: Payload): File {
    if (typeof lastModified !== 'number') throw new Error('a File has no date');
    return new File([this.#content(content)], text(name), { type: text(type), lastModified });
  }

  #blob({ type, bytes: content }: Payload): Blob {
    return new Blob([this.#content(content)], { type: text(type) });
  }

  /** A Blob copies its bytes, so a second one of the same bytes would double what the text asks for. */
  #content(value: unknown): Uint8Array<ArrayBuffer> {
    if (this.#used.has(value)) throw new Error('two Blobs share their bytes');
    this.#used.add(value);
    return new Uint8Array(bytes(value));
  }
}

function encodedIn(payload: unknown): unknown {
  const encoded = fields(payload);
  if (!Object.hasOwn(encoded, '#encoded')) throw new Error('an instance of a registered class is half written');
  return encoded['#encoded'];
}

function fields(payload: unknown): Payload {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) throw new Error('it has no fields');
  return payload as Payload;
}

function bytes(value: unknown): ArrayBuffer {
  if (!(value instanceof ArrayBuffer)) throw new Error('it has no bytes');
  return value;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new Error('there is no text where one belongs');
  return value;
}
