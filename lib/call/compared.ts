/**
 * The text of a payload that is compared, with what takes time: the bytes of files. Where a version before this one
 * compared another text, that one too: a record outlives a deployment, and who was refused as another payload would be
 * charged again under a new key.
 */
import { createHash } from 'node:crypto';
import type { Fingerprint } from '../../index';
import { ignoreRejection } from '../announce';
import { ActonceError, invalid } from '../errors';
import { canonicalText, chosenOf, dialectOf, type FileDigests, formerText } from './fingerprint';

/** A payload that is compared in another way than by versions before this one. */
export class Revised {
  readonly #value: unknown;
  /** How they had it; undefined where two payloads had one text. */
  readonly #former: { readonly value: unknown } | undefined;

  constructor(value: unknown, former: { readonly value: unknown } | undefined) {
    this.#value = value;
    this.#former = former;
  }

  /** Undefined for every other payload, of which nothing is touched. */
  static in(
    payload: unknown,
  ): { readonly value: unknown; readonly former: { value: unknown } | undefined } | undefined {
    if (typeof payload !== 'object' || payload === null || !(#value in payload)) return undefined;
    return { value: payload.#value, former: payload.#former };
  }
}

/** A payload, and beside it what counts as it is, whatever is chosen of the payload. Older versions knew of no such thing. */
export class Accompanied {
  constructor(
    readonly payload: unknown,
    readonly beside: readonly unknown[],
  ) {}
}

/** Both texts of a payload that has two. */
export interface Compared {
  readonly text: string;
  readonly former: string | undefined;
}

/**
 * A string in most cases; a promise only where there are files to be read.
 * @throws ActonceError `ERR_INVALID_ARGUMENT`, or rejects with it
 */
export function comparedText(
  payload: unknown,
  fingerprint: Fingerprint | undefined,
): string | Compared | Promise<Compared> {
  if (payload instanceof Accompanied) {
    const beside = textOf(payload.beside, undefined);
    // The payload may be refused at once, and then nobody waits for these files.
    if (beside instanceof Promise) ignoreRejection(beside);
    return joined(comparedText(payload.payload, fingerprint), beside);
  }
  const revised = Revised.in(payload);
  if (revised === undefined) return textOf(payload, fingerprint);
  const { value } = revised;
  const former = revised.former === undefined ? undefined : formerText(revised.former.value, fingerprint);
  const compared = textOf(value, fingerprint);
  if (compared instanceof Promise) return compared.then(({ text }) => ({ text, former }));
  return { text: typeof compared === 'string' ? compared : compared.text, former };
}

type Texts = string | Compared;

function joined(payload: Texts | Promise<Compared>, beside: Texts | Promise<Compared>): Compared | Promise<Compared> {
  if (payload instanceof Promise || beside instanceof Promise) {
    return Promise.all([payload, beside]).then(([one, other]) => joinedTexts(one, other));
  }
  return joinedTexts(payload, beside);
}

function joinedTexts(payload: Texts, beside: Texts): Compared {
  const { text, former } = typeof payload === 'string' ? { text: payload, former: payload } : payload;
  return { text: `Beside${typeof beside === 'string' ? beside : beside.text}${text}`, former };
}

/**
 * How many files were met by walks that did not read them. A walk may start another one: what a payload computes may.
 */
let met = 0;
const MEETING = dialectOf({
  digestOf() {
    met += 1;
    return undefined;
  },
});

function textOf(payload: unknown, fingerprint: Fingerprint | undefined): string | Compared | Promise<Compared> {
  const before = met;
  if (typeof fingerprint === 'function') {
    const chosen = chosenOf(payload, fingerprint);
    const text = canonicalText(chosen, undefined, MEETING);
    return met === before ? text : withBytes(chosen, undefined, text);
  }
  let isRevised = false;
  const note = () => {
    isRevised = true;
  };
  const text = canonicalText(payload, fingerprint, MEETING, fingerprint && note);
  const former = isRevised ? formerText(payload, fingerprint) : text;
  if (met !== before) return withBytes(payload, fingerprint, former);
  return former === text ? text : { text, former };
}

/** Of a file so many bytes are compared, in the order they have; its size is compared whatever it is. */
const MOST_BYTES = 16 * 1024 * 1024;
/** A payload that has other files each time it is read is not read forever. */
const MOST_READINGS = 3;

/** The bytes of a payload's files, as far as they were asked for. */
class Files implements FileDigests {
  readonly dialect = dialectOf(this);
  readonly #digests = new Map<Blob, string>();
  readonly #unread = new Set<Blob>();

  digestOf(file: Blob): string | undefined {
    const digest = this.#digests.get(file);
    if (digest === undefined) this.#unread.add(file);
    return digest;
  }

  get areRead(): boolean {
    return this.#unread.size === 0;
  }

  async read(): Promise<void> {
    for (const file of this.#unread) this.#digests.set(file, await digestOf(file));
    this.#unread.clear();
  }
}

/** In chunks, between which the event loop goes on. */
async function digestOf(file: Blob): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of file.slice(0, MOST_BYTES).stream()) hash.update(chunk);
  return hash.digest('base64url');
}

/** @param former the text of older versions, which is without them */
async function withBytes(payload: unknown, fingerprint: Fingerprint | undefined, former: string): Promise<Compared> {
  const files = new Files();
  for (let reading = 0; reading < MOST_READINGS; reading++) {
    const text = canonicalText(payload, fingerprint, files.dialect);
    if (files.areRead) return { text, former };
    try {
      await files.read();
    } catch (cause) {
      throw new ActonceError('ERR_INVALID_ARGUMENT', { detail: 'a file of the payload could not be read', cause });
    }
  }
  throw invalid('the payload has other files each time it is read');
}
