/**
 * JSON whose numbers keep their digits where a double does not hold them: 175928847299117063 and …064 are one double,
 * and two payloads.
 */
import { randomUUID } from 'node:crypto';
import { Revised } from './compared';
import { ExactNumber } from './exact-number';

/** What a text must have for a number that is looked at closely: 16 digits, or an exponent. */
const SUSPECT = /[\d.]{16}|\d[eE]/;
/** Every decimal of so many digits is told from every other one by the nearest double. */
const SURELY_HELD = 15;

/** @throws SyntaxError */
export function parseExactJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  const found = SUSPECT.test(text) ? exactNumbersIn(text) : [];
  if (found.length === 0) return value;
  const exact = withNumbers(text, found);
  // Where a version before this one compared a double, its record has that double's text. A fraction's may be short,
  // and so that of another payload: only large numbers are looked for by it.
  return new Revised(exact, found.every(({ isLarge }) => isLarge) ? { value } : undefined);
}

interface Found {
  readonly from: number;
  readonly to: number;
  readonly number: ExactNumber;
  readonly isLarge: boolean;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;

/** Of a text that is JSON: a digit outside of a string belongs to a number. */
function exactNumbersIn(text: string): Found[] {
  const found: Found[] = [];
  for (let at = 0; at < text.length; ) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) at = behindString(text, at);
    else if (character === MINUS || isDigit(character)) {
      const to = behindNumber(text, at);
      const number = exactNumber(text.slice(at, to));
      if (number !== undefined) found.push({ from: at, to, ...number });
      at = to;
    } else at += 1;
  }
  return found;
}

function behindString(text: string, start: number): number {
  let quote = start;
  let slashes: number;
  do {
    quote = text.indexOf('"', quote + 1);
    for (slashes = 0; text.charCodeAt(quote - 1 - slashes) === BACKSLASH; ) slashes += 1;
  } while (slashes % 2 === 1);
  return quote + 1;
}

function behindNumber(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && /[\d.eE+-]/.test(text.charAt(at))) at += 1;
  return at;
}

function isDigit(character: number): boolean {
  return character >= 0x30 && character <= 0x39;
}

/** Undefined for a number that a double holds and that is not large: it stays a number. */
function exactNumber(text: string): Pick<Found, 'number' | 'isLarge'> | undefined {
  if (!/[eE]/.test(text) && text.replace(/[-.]/g, '').length <= SURELY_HELD) return undefined;
  const double = Number(text);
  const isHeld = Number.isFinite(double) && decimalOf(text) === decimalOf(String(double));
  const isLarge = Math.abs(double) > Number.MAX_SAFE_INTEGER;
  if (isHeld && !isLarge) return undefined;
  return { number: new ExactNumber(isHeld ? String(double) : text), isLarge };
}

/** One text for each decimal, however it is written. */
function decimalOf(text: string): string {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = withoutZerosBehind(digits);
  if (significant === '') return '0';
  const shift = Number(exponent) - fraction.length + digits.length - significant.length;
  return `${mantissa.startsWith('-') ? '-' : ''}${significant}e${shift}`;
}

/** Not by /0+$/, whose time grows with the square of the zeros in the middle. */
function withoutZerosBehind(digits: string): string {
  let end = digits.length;
  while (digits.endsWith('0', end)) end -= 1;
  return digits.slice(0, end);
}

/** The value of the text with these numbers. Nobody who wrote the text can know what stands for one of them. */
function withNumbers(text: string, found: readonly Found[]): unknown {
  const mark = randomUUID();
  let marked = '';
  let end = 0;
  found.forEach(({ from, to }, index) => {
    marked += `${text.slice(end, from)}"${mark}${index}"`;
    end = to;
  });
  const root = { value: JSON.parse(marked + text.slice(end)) as unknown };
  const numberOf = (part: unknown) =>
    typeof part === 'string' && part.startsWith(mark) ? found[Number(part.slice(mark.length))]?.number : undefined;
  // Not by recursion, as a reviver of JSON.parse is called: the text may be nested deeply.
  const objects: object[] = [root];
  for (let object = objects.pop(); object !== undefined; object = objects.pop()) {
    const fields = object as Record<string, unknown>;
    for (const name of Object.keys(fields)) {
      const part = fields[name];
      const number = numberOf(part);
      if (number !== undefined) fields[name] = number;
      else if (typeof part === 'object' && part !== null) objects.push(part);
    }
  }
  return root.value;
}
