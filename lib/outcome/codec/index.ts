/**
 * Results and errors as text, and back. What comes back is what was recorded, or nothing was recorded: a value that
 * cannot be written exactly is refused, with the place of the fault. Most results are plain JSON, if JSON carries the
 * value exactly: that form is the cheapest both ways. Every other text begins with a capital letter that says how it is
 * written (../format): one Buffer as base64, one long text as it is, and the other kinds that React Flight accepts as
 * finished values by devalue with reducers of our own. devalue always writes what was thrown, cut down to what can be
 * written.
 *
 * `encode` answers at once, except for a value with a Blob or File inside: it answers with a promise then, and only
 * then, since their bytes can only be had asynchronously. The rest of such a value is read before `encode` returns.
 */
import type { ValueClass } from '../../../index';
import { Format } from '../format';
import { type Bulk, decodeBulk, encodeBulk } from './bulk';
import { MalformedPayloadError } from './faults';
import { encodeGraph } from './graph';
import { decodeJson, encodeExactJson } from './json';
import { decodeGraph } from './revive';
import { NO_CLASSES } from './value-classes';

export { type Bulk, decodeBulk, encodeBulk } from './bulk';
export { MalformedPayloadError, UnencodableError } from './faults';
export { decodeJson, encodeExactJson as jsonOf } from './json';
export { type Template, templateOf } from './template';
export { decodeError, encodeError } from './thrown';

export interface Codec {
  /** @throws UnencodableError, or rejects with it. */
  encode(value: unknown): string | Promise<string>;
  /** @throws MalformedPayloadError */
  decode(text: string): unknown;
}

/** A value as it is written. */
export type Encoded = string | Bulk;

export function wholeText(encoded: Encoded): string {
  return typeof encoded === 'string' ? encoded : encoded.mark + encoded.text;
}

/** No JSON begins with a capital. */
export function isJson(text: string): boolean {
  const first = text.charCodeAt(0);
  return !(first >= 65 && first <= 90);
}

/** Encodes what `encodeBulk` does not take. @throws as `Codec.encode` */
export function encodeStructure(value: unknown, classes = NO_CLASSES): string | Promise<string> {
  const json = encodeExactJson(value);
  if (json !== undefined) return json;
  const graph = encodeGraph(value, classes);
  return typeof graph === 'string' ? Format.GRAPH + graph : graph.then((text) => Format.GRAPH + text);
}

/** @throws as `Codec.decode` */
export function decodeValue(text: string, classes: readonly ValueClass[]): unknown {
  if (isJson(text)) return decodeJson(text);
  const rest = text.slice(1);
  const mark = text[0];
  switch (mark) {
    case Format.BUFFER:
    case Format.TEXT:
      return decodeBulk({ mark, text: rest });
    case Format.GRAPH:
      return decodeGraph(rest, [], classes);
    default:
      throw new MalformedPayloadError('its format is not known');
  }
}

/** For what is plain data. */
export const defaultCodec: Codec = {
  encode(value) {
    const bulk = encodeBulk(value);
    return bulk === undefined ? encodeStructure(value) : wholeText(bulk);
  },

  decode: (text) => decodeValue(text, NO_CLASSES),
};
