// `node scripts/pointers.mjs` finds pointers to what is not there. It looks at the links of every Markdown page, and at
// the files that pages and comments mention, with and without a folder in front.
import fs from 'node:fs';
import path from 'node:path';
import { commentsOf, linksOf, proseOf, slugsOf } from './pointer-texts.mjs';
import { repositoryFiles } from './repository.mjs';
import { isMain, main, root } from './step.mjs';

/** The places of files that are made and not kept. */
const GENERATED = /^(?:\.\/)?(?:\.\.\/)*(?:dist|server|target|node_modules|\.build|\.next)(?:\/|$)|^actonce\..*\.node$/;
/** Folders whose name in front of a path says that it is one of this repository. */
const FOLDERS = 'lib|src|__test__|scripts|bench|docs|tests|fuzz|examples|npm';
const KINDS = 'd\\.ts|[cm]?tsx?|[cm]?jsx?|rs|lua|md|jsonc?|toml|prisma|sql';
const SEGMENT = '(?:[\\w@.-]+|\\[[\\w.]+\\]|\\([\\w-]+\\))';
const MENTION = new RegExp(
  `(?<![\\w@./*<>{}$~-])(?:(?:${SEGMENT}/)*[\\w-][\\w.-]*\\.(?:${KINDS})(?![\\w*/-])` +
    `|(?:${FOLDERS})/[\\w./-]*[\\w/](?![\\w*{<$-]))`,
  'g',
);
const SECTION = /([\w./-]+\.md)`?(?:,? sections? |,? § ?| )(\d+(?:\.\d+)*)\b/g;
const CODE =
  /^(?:(?:lib|src|__test__|scripts|bench|tests|fuzz|examples)\/.*\.(?:m?[jt]sx?|rs|lua)|[^/]+\.(?:d\.ts|rs))$/;

/** Names that look like files, and files of other projects. */
const OF_OTHERS = new Set(['Next.js', 'Node.js', 'decimal.js', 'server-action-reducer.js']);

export class Repository {
  #folder;
  #places = new Set();
  #slugs = new Map();

  constructor(folder = root) {
    this.#folder = folder;
    this.files = repositoryFiles(folder);
    for (const file of this.files) {
      const parts = file.split('/');
      for (let from = 0; from < parts.length; from++) {
        for (let to = from + 1; to <= parts.length; to++) this.#places.add(parts.slice(from, to).join('/'));
        const tail = parts.slice(from).join('/');
        this.#places.add(tail.replace(/\.[^./]+$/, '')); // `lib/native/binding` is said, too
      }
    }
  }

  read(file) {
    return fs.readFileSync(path.join(this.#folder, file), 'utf8');
  }

  /** A path from the repository's root, from the page's folder, or the last parts of one. */
  mentions(name, from) {
    const plain = name.replace(/\/$/, '');
    if (GENERATED.test(plain) || OF_OTHERS.has(plain)) return true;
    const near = path.posix.join(path.posix.dirname(from), plain);
    return this.#places.has(near) || this.#places.has(path.posix.normalize(plain));
  }

  /** @returns what is wrong with the target of a link, or undefined */
  faultOfLink(target, from) {
    const [place, anchor] = decodeURI(target).split('#');
    const file = place === '' ? from : path.posix.join(path.posix.dirname(from), place);
    if (!fs.existsSync(path.join(this.#folder, file))) return `there is no ${file}`;
    if (anchor === undefined || !file.endsWith('.md')) return undefined;
    return this.slugs(file).has(anchor) ? undefined : `${file} has no heading '#${anchor}'`;
  }

  slugs(file) {
    if (!this.#slugs.has(file)) this.#slugs.set(file, slugsOf(this.read(file)));
    return this.#slugs.get(file);
  }

  /** The page that a text means by `name`, when it is one of ours. */
  page(name) {
    return this.files.find((file) => file === name || file.endsWith(`/${name}`));
  }
}

function* faultsOfLine(repository, file, line) {
  const text = line.replaceAll(/\bhttps?:\/\/\S+/g, '');
  for (const [name] of text.matchAll(MENTION)) {
    if (!repository.mentions(name, file)) yield `there is no ${name}`;
  }
  for (const [whole, name, section] of text.matchAll(SECTION)) {
    const page = repository.page(name);
    const heading = new RegExp(`^#{1,6} ${section.replaceAll('.', '\\.')}\\b`, 'm');
    if (page !== undefined && !heading.test(repository.read(page))) yield `${whole}: ${page} has no section ${section}`;
  }
}

/** @returns {string[]} `file:line: what is wrong` */
export function faults(folder = root) {
  const repository = new Repository(folder);
  const found = [];
  for (const file of repository.files) {
    const isPage = file.endsWith('.md');
    if (!isPage && !CODE.test(file)) continue;
    const text = repository.read(file);
    const lines = isPage ? proseOf(text) : commentsOf(text, path.extname(file));
    for (const [number, link] of isPage ? linksOf(text) : []) {
      const fault = repository.faultOfLink(link, file);
      if (fault !== undefined) found.push(`${file}:${number}: ${fault}`);
    }
    // A report is about the day it was made on.
    if (file.startsWith('bench/results/')) continue;
    for (const [number, line] of lines) {
      for (const fault of faultsOfLine(repository, file, line)) found.push(`${file}:${number}: ${fault}`);
    }
  }
  return found;
}

if (isMain(import.meta.url)) {
  await main(() => {
    const found = faults();
    if (found.length > 0) throw new Error(`${found.length} pointers to what is not there:\n  ${found.join('\n  ')}`);
  });
}
