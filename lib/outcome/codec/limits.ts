/**
 * How much a payload may ask of the process that reads it. The same limits hold while writing, so that nothing is
 * written that could not be read back. They bound what a planted payload costs. JSON.parse takes its memory before
 * anything here can look at the value, so the text itself is counted first.
 */
import { MalformedPayloadError } from './faults';

/** Characters of text, above any sensible `maxResultBytes`. Parsing that many takes about 50 ms. */
export const LONGEST_TEXT = 8 * 1024 * 1024;
/**
 * How deep objects may nest. React Flight recurses, as does most code that walks a value; a thousand frames fit every
 * stack.
 */
export const DEEPEST = 500;
/** Arrays and objects: the expensive part of a text, up to 60 bytes for two characters. */
const MOST_CONTAINERS = 200_000;
/** Elements, fields and references, each of them a step of reading. */
const MOST_PARTS = 1_000_000;
/** Longest array: a length costs nothing to write down, and everything to whoever loops over it. */
export const LONGEST_ARRAY = 1_000_000;
/** Digits of a bigint: reading one takes time that grows with their square. */
export const LONGEST_BIGINT = 10_000;

interface Counts {
  readonly containers: number;
  readonly parts: number;
}

/** Refuses a text before it is parsed. */
export function admitText(text: string): void {
  admitLength(text);
  // A shorter text cannot hold too many.
  if (text.length > MOST_CONTAINERS && !isFewAtMost(text)) admitCounts(count(text));
}

export function admitLength(text: string): void {
  if (text.length > LONGEST_TEXT) throw new MalformedPayloadError(`it has ${text.length} characters`);
}

export function admitCounts({ containers, parts }: Counts): void {
  if (containers > MOST_CONTAINERS) throw new MalformedPayloadError(`it holds more than ${MOST_CONTAINERS} objects`);
  if (parts > MOST_PARTS) throw new MalformedPayloadError(`it has more than ${MOST_PARTS} parts`);
}

/**
 * Counts the marks inside strings as well: that seldom makes too many, and is many times faster than looking closely.
 */
function isFewAtMost(text: string): boolean {
  const few = (mark: string, most: number) => {
    for (let at = text.indexOf(mark); at >= 0 && most >= 0; at = text.indexOf(mark, at + 1)) most -= 1;
    return most >= 0;
  };
  return few('[', MOST_CONTAINERS / 2) && few('{', MOST_CONTAINERS / 2) && few(',', MOST_PARTS);
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const BRACKET = 0x5b;
const BRACE = 0x7b;

function count(text: string): Counts {
  let containers = 0;
  let parts = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    if (character === COMMA) parts += 1;
    else if (character === BRACKET || character === BRACE) containers += 1;
    else if (character === QUOTE) at = endOfString(text, at);
  }
  return { containers, parts };
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) break;
    if (character === BACKSLASH) at += 1;
  }
  return at;
}
