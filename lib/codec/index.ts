/**
 * Results and errors as text, and back. What comes back is what was recorded, or nothing was recorded: a value that
 * cannot be written exactly is refused with the place it is at. The first character says how it is written:
 *
 *   J  JSON, when JSON carries the value exactly (most results; the cheapest both ways)
 *   D  devalue with reducers of our own, for the other kinds that React's Flight accepts as finished values
 *   E  what was thrown (always D inside; an error is cut down to what can be written)
 *
 * `encode` answers at once, but for a value with a Blob or File inside: their bytes can only be had asynchronously,
 * so it answers a promise then, and only then. The rest of such a value is read before `encode` returns.
 */
import { MalformedPayloadError } from './faults';
import { encodeGraph } from './graph';
import { decodeJson, encodeExactJson } from './json';
import { decodeGraph } from './revive';

export { MalformedPayloadError, UnencodableError } from './faults';
export { decodeError, encodeError } from './thrown';

export interface Codec {
  /** @throws UnencodableError, or rejects with it. */
  encode(value: unknown): string | Promise<string>;
  /** @throws MalformedPayloadError */
  decode(text: string): unknown;
}

export const defaultCodec: Codec = {
  encode(value) {
    const json = encodeExactJson(value);
    if (json !== undefined) return `J${json}`;
    const graph = encodeGraph(value);
    return typeof graph === 'string' ? `D${graph}` : graph.then((text) => `D${text}`);
  },

  decode(text) {
    switch (text[0]) {
      case 'J':
        return decodeJson(text.slice(1));
      case 'D':
        return decodeGraph(text.slice(1));
      default:
        throw new MalformedPayloadError('its format is not known');
    }
  },
};
