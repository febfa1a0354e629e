// Reads Markdown as far as wrapping needs it: which lines are prose, and which of them belong together.

const FENCE = /^\s*(?:>\s?)*(`{3,}|~{3,})/;
const MARKER = /^(\s*)((?:>\s?)+|[-*+]\s+(?:\[[ x]\]\s+)?|\d+[.)]\s+)/;
const NOT_PROSE = /^\s*(?:\||#{1,6}\s|\[[^\]]+\]:\s|(?:[-*_]\s*){3,}$|={3,}$)/;
const indentOf = (line) => /^\s*/.exec(line)[0].length;

/**
 * @typedef {object} Block One paragraph, or the text of one item of a list.
 * @property {number} start - Index of its first line.
 * @property {string[]} lines - As they are in the file.
 * @property {string} first - What stands in front of its first line: indent and marker.
 * @property {string} next - What stands in front of its other lines.
 */

/** @returns {Block[]} prose only: no table, code, heading, HTML or definition of a link */
export function proseBlocks(text) {
  const blocks = [];
  let open;
  let fence;
  let inHtml = false;
  let listIndent = 0;
  const begin = (start, line, first, next) => {
    open = { start, lines: [line], first, next };
    blocks.push(open);
  };
  for (const [index, line] of text.split('\n').entries()) {
    const mark = FENCE.exec(line)?.[1];
    if (fence !== undefined) {
      if (mark?.startsWith(fence)) fence = undefined;
      continue;
    }
    const isBlank = line.trim() === '';
    if (isBlank) inHtml = false;
    if (mark !== undefined) fence = mark;
    if (isBlank || mark !== undefined || inHtml || NOT_PROSE.test(line)) {
      open = undefined;
      continue;
    }
    const marker = MARKER.exec(line);
    const indent = indentOf(line);
    if (open === undefined && marker === null) {
      if (indent < listIndent) listIndent = 0;
      if (indent >= listIndent + 4) continue; // code, by its indent
    }
    if (open === undefined && /^\s*<(?:!--|\/?[a-zA-Z])/.test(line)) {
      inHtml = !line.includes('-->');
      continue;
    }
    if (marker !== null && !(open && marker[2].startsWith('>'))) {
      const [whole, , sign] = marker;
      if (!sign.startsWith('>')) listIndent = whole.length;
      begin(index, line, whole, sign.startsWith('>') ? whole : ' '.repeat(whole.length));
    } else if (open === undefined) begin(index, line, ' '.repeat(indent), ' '.repeat(indent));
    else {
      if (open.lines.length === 1 && !open.next.includes('>')) open.next = ' '.repeat(indent);
      open.lines.push(line);
    }
  }
  return blocks;
}
