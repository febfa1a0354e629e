/**
 * The capital letter that begins a recorded text and says how the rest is written. No JSON begins with a capital, so a
 * text without one is JSON. These letters are in the records of every deployment, so none may ever change its meaning.
 * (What src/seal stores around the text has letters of its own: Z, S and O.)
 */
export const Format = {
  /** A value: one Buffer, as base64. */
  BUFFER: 'B',
  /** A value: one long text, as it is. */
  TEXT: 'T',
  /** A value: devalue's text, for what JSON would change. */
  GRAPH: 'D',
  /** A value, by the user's own codec. */
  OWN_CODEC: 'X',
  /** Control flow of Next.js, as JSON. */
  FLOW: 'N',
  /** What was thrown, as GRAPH. */
  ERROR: 'E',
  /** What an adapter keeps beside an outcome, a line feed, and a value or FLOW. */
  BESIDE: 'W',
  /** The run completed without a value that can be kept: the reason, and where in the value. */
  UNKEPT: 'U',
} as const;
