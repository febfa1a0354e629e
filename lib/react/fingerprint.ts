/**
 * Whether two submissions send the same, by the form that the server compares, too. Only a hash is remembered: forms hold
 * what no storage should.
 */
import { type Dialect, fileText, textOf } from '../wire/canonical';
import { ALL } from '../wire/fields';
import { hashOf } from '../wire/hash';
import { formerFingerprintOf } from './former-fingerprint';

/** Tells these hashes from those of version 0.1, which a tab may still hold. */
const FORM = '2:';
const CHUNK = 0x8000;

function base64(bytes: Uint8Array): string {
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
export function fingerprintOf(value: unknown): string {
  return FORM + hashOf(textOf(value, ALL, BROWSER));
}

export function isOfThisForm(fingerprint: string): boolean {
  return fingerprint.startsWith(FORM);
}

/** Of one submission; `former` is what version 0.1 would have made of it. */
export interface Fingerprints {
  readonly fingerprint: string;
  readonly former: () => string;
}

export interface Sent {
  readonly args: readonly unknown[];
  /** What version 0.1 made its fingerprint of. */
  readonly before: unknown;
}

/** @throws Incomparable */
export function fingerprintsOf({ args, before }: Sent): Fingerprints {
  const last = args.findLastIndex((arg) => arg !== undefined);
  // Nothing and undefined are the same to whoever is called.
  return { fingerprint: fingerprintOf(args.slice(0, last + 1)), former: () => formerFingerprintOf(before) };
}
