// Prose in Markdown is wrapped at 120 columns, as code is. `node scripts/markdown-width.mjs` names the lines that are
// wider, and `--fix` wraps their paragraphs anew. Tables, code, headings and HTML stay as they are. So does a line that
// offers no place to break it: a link or a piece of code is never cut.
import fs from 'node:fs';
import path from 'node:path';
import { proseBlocks } from './markdown-blocks.mjs';
import { pages } from './repository.mjs';
import { isMain, main, root } from './step.mjs';

export const WIDTH = 120;
const widthOf = (line) => [...line].length;

/** What must stay together: an image, code, the target of a link, a piece of HTML, else a word. */
const ATOM =
  /(?:!\[[^\]]*\]\([^)\s]*\)|(`+)(?:(?!\1)[\s\S])*?\1(?!`)|\]\([^)\s]*(?:\s+"[^"]*")?\)|<[^<>\s][^<>]*>|\S)+/g;
/** At the beginning of a line, such a word would begin something else than prose. */
const BEGINS_A_BLOCK = /^(?:[-*+]|\d+[.)]|#{1,6}|>+|\||=+|-+)$/;

function atomsOf(text) {
  const atoms = [];
  for (const [atom] of text.matchAll(ATOM)) {
    if (atoms.length > 0 && BEGINS_A_BLOCK.test(atom)) atoms.push(`${atoms.pop()} ${atom}`);
    else atoms.push(atom);
  }
  return atoms;
}

function fill(text, first, next) {
  const lines = [];
  let line = first;
  let isEmpty = true;
  for (const atom of atomsOf(text)) {
    const longer = isEmpty ? line + atom : `${line} ${atom}`;
    if (!isEmpty && widthOf(longer) > WIDTH) {
      lines.push(line);
      line = next + atom;
    } else line = longer;
    isEmpty = false;
  }
  return [...lines, line];
}

const isWide = (line, { first, next }, at) => {
  const prefix = at === 0 ? first : next;
  return widthOf(line) > WIDTH && fill(line.slice(prefix.length), prefix, next).length > 1;
};

/** The lines, counted from 1, that are too wide and need not be. */
export function wideLines(text) {
  const found = [];
  for (const block of proseBlocks(text)) {
    for (const [at, line] of block.lines.entries()) if (isWide(line, block, at)) found.push(block.start + at + 1);
  }
  return found;
}

/** Two spaces or a backslash at the end of a line break it in the reader's view, too: what follows is filled apart. */
function filled({ lines, first, next }) {
  const parts = [[]];
  for (const [at, line] of lines.entries()) {
    parts.at(-1).push(line.slice((at === 0 ? first : next).length));
    if (/(?: {2}|\\)$/.test(line) && at < lines.length - 1) parts.push([]);
  }
  return parts.flatMap((part, at) => {
    const end = at < parts.length - 1 && part.at(-1).endsWith('  ') ? '  ' : '';
    const wrapped = fill(part.join('\n'), at === 0 ? first : next, next);
    wrapped.push(wrapped.pop() + end);
    return wrapped;
  });
}

/** The text, in which every paragraph with a line that is too wide is filled anew. */
export function wrapped(text) {
  const lines = text.split('\n');
  for (const block of proseBlocks(text).reverse()) {
    if (block.lines.some((line, at) => isWide(line, block, at))) {
      lines.splice(block.start, block.lines.length, ...filled(block));
    }
  }
  return lines.join('\n');
}

if (isMain(import.meta.url)) {
  await main(() => {
    const wide = [];
    for (const page of pages()) {
      const file = path.join(root, page);
      const text = fs.readFileSync(file, 'utf8');
      if (process.argv.includes('--fix')) fs.writeFileSync(file, wrapped(text));
      else for (const line of wideLines(text)) wide.push(`${page}:${line}`);
    }
    if (wide.length === 0) return;
    throw new Error(`prose wider than ${WIDTH} columns (\`npm run fix\` wraps it):\n  ${wide.join('\n  ')}`);
  });
}
