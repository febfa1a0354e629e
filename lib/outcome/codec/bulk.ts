/**
 * Results without a structure: one Buffer, as base64, and one long text, as it is. To write a megabyte of them as JSON,
 * to parse it as a check that it can be read, and to look it over would block the event loop for many milliseconds.
 */
import { Format } from '../format';
import { MalformedPayloadError } from './faults';
import { kindOf } from './kinds';
import { LONGEST_TEXT } from './limits';

/** Shorter texts are JSON, which is what an operator expects. JSON takes 2 µs for a thousand characters. */
const LONG = 1_024;

/**
 * The first character of what is written, and the rest. They are kept apart, because joining them would copy a long
 * text for the sake of one character.
 */
export interface Bulk {
  readonly mark: typeof Format.BUFFER | typeof Format.TEXT;
  readonly text: string;
}

/** Undefined for a value that is neither one Buffer nor one whole, long text, and for a value that is too large. */
export function encodeBulk(value: unknown): Bulk | undefined {
  if (typeof value === 'string') {
    const isBulk = value.length >= LONG && value.length < LONGEST_TEXT && value.isWellFormed();
    return isBulk ? { mark: Format.TEXT, text: value } : undefined;
  }
  if (!ArrayBuffer.isView(value) || kindOf(value) !== 'Buffer') return undefined;
  const text = (value as Buffer).toString('base64');
  return text.length < LONGEST_TEXT ? { mark: Format.BUFFER, text } : undefined;
}

/** @throws MalformedPayloadError */
export function decodeBulk({ mark, text }: Bulk): string | Buffer {
  return mark === Format.TEXT ? decodeText(text) : decodeBuffer(text);
}

function decodeText(text: string): string {
  if (text.length > LONGEST_TEXT) throw new MalformedPayloadError(`it has ${text.length} characters`);
  return text;
}

function decodeBuffer(text: string): Buffer {
  const bytes = text.length <= LONGEST_TEXT ? decoded(text) : undefined;
  if (bytes === undefined) throw new MalformedPayloadError('it is not base64');
  return bytes;
}

export function isBase64(text: string): boolean {
  return decoded(text) !== undefined;
}

/**
 * Decodes into memory of its own. Node skips what is not base64, so the length tells whether all of the text was
 * base64; a regular expression takes ten times as long.
 */
function decoded(text: string): Buffer | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : Number(text.endsWith('='));
  const bytes = Buffer.alloc((text.length / 4) * 3 - padding);
  return bytes.write(text, 'base64') === bytes.length ? bytes : undefined;
}
