// What a file says to its reader, line by line: the prose and the links of a Markdown page, the comments of code.

const FENCE = /^\s*(`{3,}|~{3,})\s*(\w*)/;
/** In blocks of these the code is an app's, whose files are not ours. */
const OF_AN_APP = /^(?:[cm]?[jt]sx?|diff|json|html|css|prisma|sql)$/;

/** Numbered from 1, without the blocks of code for which `isLeftOut` answers true. */
function* linesOutside(text, isLeftOut) {
  let fence;
  for (const [index, line] of text.split('\n').entries()) {
    const [, mark, language] = FENCE.exec(line) ?? [];
    if (fence !== undefined) {
      if (mark?.startsWith(fence.mark)) fence = undefined;
      else if (!isLeftOut(fence.language)) yield [index + 1, line];
    } else if (mark !== undefined) fence = { mark, language };
    else yield [index + 1, line];
  }
}

/** A page's text without the targets of links, which {@link linksOf} gives, and without the code of apps. */
export function* proseOf(text) {
  for (const [number, line] of linesOutside(text, (language) => OF_AN_APP.test(language))) {
    yield [number, line.replaceAll(/\]\([^)\s]+\)/g, ']').replaceAll(/\b(?:src|srcset|href)="[^"]*"/g, '')];
  }
}

const LINKS = [/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g, /^\s*\[[^\]]+\]:\s+(\S+)/g, /\b(?:src|srcset|href)="([^"]+)"/g];

/** The targets within the repository. */
export function* linksOf(text) {
  for (const [number, line] of linesOutside(text, () => true)) {
    const outsideCode = line.replaceAll(/(`+)(?:(?!\1).)*\1/g, (code) => ' '.repeat(code.length));
    for (const pattern of LINKS) {
      for (const [, target] of outsideCode.matchAll(pattern)) {
        if (!/^(?:[a-z]+:|\/\/)/i.test(target)) yield [number, target];
      }
    }
  }
}

/** The anchors of a page, as GitHub makes them of its headings, and those it sets itself. */
export function slugsOf(text) {
  const slugs = new Set();
  for (const [, line] of linesOutside(text, () => true)) {
    for (const [, id] of line.matchAll(/\b(?:id|name)="([^"]+)"/g)) slugs.add(id);
    const heading = /^#{1,6}\s+(.*?)(?:\s+#+)?\s*$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const words = heading.replaceAll(/\]\([^)]*\)/g, ']').toLowerCase();
    const slug = words.replaceAll(/[^\p{L}\p{N}\p{M}\p{Pc} -]/gu, '').replaceAll(' ', '-');
    let name = slug;
    for (let count = 1; slugs.has(name); count++) name = `${slug}-${count}`;
    slugs.add(name);
  }
  return slugs;
}

const COMMENT = /^\s*(?:\/\/[/!]?|\/\*\*?|\*)(?=\s|$)(.*)$|\s\/\/[/!]?\s(.*)$/;
const LUA_COMMENT = /^\s*--+\s(.*)$|\s--\s(.*)$/;

/** Comments that have a line or the end of one; one in the middle of a line is not found. */
export function* commentsOf(text, ending) {
  const pattern = ending === '.lua' ? LUA_COMMENT : COMMENT;
  for (const [index, line] of text.split('\n').entries()) {
    const [, whole, behind] = pattern.exec(line) ?? [];
    if (whole !== undefined || behind !== undefined) yield [index + 1, whole ?? behind];
  }
}
