/**
 * Results without a structure: one Buffer, as base64, and one long text, as it is. Written as JSON, parsed to see that it
 * can be read, and looked over, a megabyte of them would block the event loop for many milliseconds.
 */
import { MalformedPayloadError } from './faults';
import { kindOf } from './kinds';
import { LONGEST_TEXT } from './limits';

/** Shorter texts are JSON: that takes no time, and is what an operator expects. */
const LONG = 16 * 1024;

/** Undefined for what is not one whole, long text, and for what is too large. */
export function encodeText(value: unknown): string | undefined {
  const isBulk = typeof value === 'string' && value.length >= LONG && value.length < LONGEST_TEXT;
  return isBulk && value.isWellFormed() ? value : undefined;
}

/** Undefined for what is no Buffer, and for what is too large. */
export function encodeBuffer(value: unknown): string | undefined {
  if (!ArrayBuffer.isView(value) || kindOf(value) !== 'Buffer') return undefined;
  const base64 = (value as Buffer).toString('base64');
  return base64.length < LONGEST_TEXT ? base64 : undefined;
}

/** @throws MalformedPayloadError */
export function decodeText(text: string): string {
  if (text.length > LONGEST_TEXT) throw new MalformedPayloadError(`it has ${text.length} characters`);
  return text;
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
