/**
 * Bytes as base64. A result that is one Buffer is nothing else: as a graph it would be written, parsed and looked over as
 * text, which blocks the event loop for many milliseconds a megabyte.
 */
import { MalformedPayloadError } from './faults';
import { kindOf } from './kinds';
import { LONGEST_TEXT } from './limits';

/** Undefined for what is no Buffer, or too large. */
export function encodeBuffer(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || kindOf(value) !== 'Buffer') return undefined;
  const text = (value as Buffer).toString('base64');
  return text.length < LONGEST_TEXT ? text : undefined;
}

/** @throws MalformedPayloadError */
export function decodeBuffer(text: string): Buffer {
  const bytes = text.length <= LONGEST_TEXT ? decoded(text) : undefined;
  if (bytes === undefined) throw new MalformedPayloadError('it is not base64');
  return bytes;
}

export function isBase64(text: string): boolean {
  return decoded(text) !== undefined;
}

/** In memory of its own. Node passes over what is not base64, so the length tells; a regular expression takes ten times as long. */
function decoded(text: string): Buffer | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : Number(text.endsWith('='));
  const bytes = Buffer.alloc((text.length / 4) * 3 - padding);
  return bytes.write(text, 'base64') === bytes.length ? bytes : undefined;
}
