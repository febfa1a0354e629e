/**
 * Results and errors as text, and back. What comes back is what was recorded, or nothing was recorded: a value that
 * cannot be written exactly is refused with the place it is at. Most results are plain JSON, when that carries the value
 * exactly: the cheapest both ways. Everything else says by its first character, a capital, how it is written:
 *
 *   B  one Buffer, as base64
 *   T  one long text, as it is
 *   D  devalue with reducers of our own, for the other kinds that React's Flight accepts as finished values
 *   E  what was thrown (always D inside; an error is cut down to what can be written)
 *
 * `encode` answers at once, but for a value with a Blob or File inside: their bytes can only be had asynchronously,
 * so it answers a promise then, and only then. The rest of such a value is read before `encode` returns.
 */
import { decodeBuffer, decodeText, encodeBuffer, encodeText } from './bulk';
import { MalformedPayloadError } from './faults';
import { encodeGraph } from './graph';
import { decodeJson, encodeExactJson } from './json';
import { decodeGraph } from './revive';

export { MalformedPayloadError, UnencodableError } from './faults';
export { copyJson } from './json';
export { decodeError, encodeError } from './thrown';

export interface Codec {
  /** @throws UnencodableError, or rejects with it. */
  encode(value: unknown): string | Promise<string>;
  /** @throws MalformedPayloadError */
  decode(text: string): unknown;
}

/** No JSON begins with a capital. */
export function isJson(text: string): boolean {
  const first = text.charCodeAt(0);
  return !(first >= 65 && first <= 90);
}

export const defaultCodec: Codec = {
  encode(value) {
    const bulk = encodeText(value);
    if (bulk !== undefined) return `T${bulk}`;
    const json = encodeExactJson(value);
    if (json !== undefined) return json;
    const base64 = encodeBuffer(value);
    if (base64 !== undefined) return `B${base64}`;
    const graph = encodeGraph(value);
    return typeof graph === 'string' ? `D${graph}` : graph.then((text) => `D${text}`);
  },

  decode(text) {
    if (isJson(text)) return decodeJson(text);
    const rest = text.slice(1);
    switch (text[0]) {
      case 'B':
        return decodeBuffer(rest);
      case 'D':
        return decodeGraph(rest);
      case 'T':
        return decodeText(rest);
      default:
        throw new MalformedPayloadError('its format is not known');
    }
  },
};
