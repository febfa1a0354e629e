/**
 * The `Idempotency-Key` header. The IETF draft makes its value a string of RFC 8941
 * (`"8e03978e-40d5-43dd-bc93-6894a57f9324"`); most clients send it bare. Both forms mean the same key.
 */

/** Printable ASCII except quotes, backslashes, and the characters that begin a list or parameters. */
const BARE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/;
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;

/** @returns the key, or undefined when the header holds anything other than one string */
export function parseKeyHeader(value: string): string | undefined {
  const text = value.trim();
  const quoted = QUOTED.exec(text);
  if (quoted !== null) return (quoted[1] as string).replaceAll(/\\(["\\])/g, '$1');
  return BARE.test(text) ? text : undefined;
}
