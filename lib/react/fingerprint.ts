/**
 * Whether two submissions send the same, by the form that the server compares, too. Only a hash is remembered: forms hold
 * what no storage should.
 */
import { type Dialect, fileText, textOf } from '../wire/canonical';
import { ALL, type Fields, Selection } from '../wire/fields';
import { hashOf } from '../wire/hash';
import { formerFingerprintOf } from './former-fingerprint';

/** Tells these hashes from those of version 0.1, which a tab may still hold. */
const FORM = '2:';
const CHUNK = 0x8000;

export function base64(bytes: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < bytes.length; at += CHUNK) binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(binary);
}

const BROWSER: Dialect = {
  base64,
  // The bytes take time that a submission has not. For a field without a file the browser makes an empty one, dated now,
  // each time the form is read.
  file(value) {
    const { name, lastModified = 0 } = value as File;
    const isNoFile = name === '' && value.size === 0;
    return fileText(value, `,${isNoFile ? 0 : lastModified}`);
  },
};

/** @throws Incomparable */
export function fingerprintOf(value: unknown, fields: Fields = ALL): string {
  return FORM + hashOf(textOf(value, fields, BROWSER));
}

export function isOfThisForm(fingerprint: string): boolean {
  return fingerprint.startsWith(FORM);
}

/** Of one submission; `former` is what version 0.1 would have made of it. */
export interface Fingerprints {
  readonly fingerprint: string;
  readonly former: () => string;
}

/** What is sent: the arguments that are bound to the action count as they are, the others by their fields. */
export interface Sent {
  readonly id: string;
  readonly bound: readonly unknown[];
  readonly args: readonly unknown[];
  /** Paths in each argument that do not count. */
  readonly exclude: readonly string[];
  /** What version 0.1 made its fingerprint of. */
  readonly before: unknown;
}

/** @throws Incomparable */
export function fingerprintsOf({ id, bound, args, exclude, before }: Sent): Fingerprints {
  const last = args.findLastIndex((arg) => arg !== undefined);
  // Nothing and undefined are the same to whoever is called.
  const given = args.slice(0, last + 1);
  const selection = new Selection({ exclude });
  const fields: Fields = { below: (index) => ((index as number) < bound.length ? ALL : selection.fields), none() {} };
  const fingerprint = fingerprintOf([...bound, ...given], fields);
  for (const { text } of selection.missing) warnOnce(id, text);
  return { fingerprint, former: () => formerFingerprintOf(before) };
}

/** Bundlers put the mode in its place. */
declare const process: { readonly env: { readonly NODE_ENV?: string } } | undefined;

const said = new Set<string>();

/** In development. */
function warnOnce(id: string, path: string): void {
  if (typeof process === 'undefined' || process.env.NODE_ENV === 'production' || said.has(`${id} ${path}`)) return;
  said.add(`${id} ${path}`);
  console.warn(`actonce: exclude: '${path}' of '${id}' leaves nothing out: nothing of that name was sent.`);
}
