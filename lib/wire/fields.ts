/**
 * Which fields of a payload count, by paths such as `cart.items.*.id`. The walk over the payload asks, level by level,
 * what is below a name. A name is also read as form libraries spell it: `items[0].price` and `items[0][price]` are the
 * place that `items.0.price` is. Imports nothing.
 */

/** What a name belongs to. */
export type Container = 'object' | 'array' | 'Map' | 'Set' | 'form' | 'pairs';

/** The choice at one level. */
export interface Fields {
  /**
   * The choice below `name`, or undefined when that does not count.
   * @param name a key; a member of a Set has none
   */
  below(name: unknown, of: Container): Fields | undefined;
  /** There is nothing at this level, although there could be. */
  none(): void;
}

/** Everything below counts. */
export const ALL: Fields = { below: () => ALL, none() {} };

/** The paths that count, or those that do not. */
export type Paths = readonly string[] | { readonly exclude: readonly string[] };

const ANY = '*';
const MAY_BE_MISSING = /\?$/;
const IS_SPELLED = /[.[]/;
/** As form libraries write a place: `a.b`, `a[0].b`, `a[0][b]`, `a[]`. */
const SPELLED = /^[^.[\]]+(?:\.[^.[\]]+|\[[^[\]]*\])*$/;
const NAME = /[^.[\]]+|\[([^[\]]*)\]/g;
const MOST_NAMES = 20;

function namesIn(text: string): string[] | undefined {
  if (!IS_SPELLED.test(text)) return [text];
  if (!SPELLED.test(text)) return undefined;
  return [...text.matchAll(NAME)].map(([name, index]) => (index ?? name).replace(/^(['"])(.*)\1$/, '$2'));
}

/** One path, and what came of it in one walk. */
export class Path {
  /** Without the mark of a path that may be missing. */
  readonly place: string;
  readonly mayBeMissing: boolean;
  hasMatched = false;
  /** The names where it went no further, for whoever misspelt one. */
  readonly namesThere = new Set<string>();
  #deepest = 0;

  constructor(readonly text: string) {
    this.mayBeMissing = MAY_BE_MISSING.test(text);
    this.place = text.replace(MAY_BE_MISSING, '');
  }

  /** The lists of names it stands for: a literal name may hold what a path is written with. */
  ways(): string[][] {
    return [this.place, ...(this.mayBeMissing ? [this.text] : [])].flatMap((text) => {
      const names = namesIn(text);
      return names === undefined ? [text.split('.'), [text]] : [names];
    });
  }

  sees(name: string, depth: number): void {
    if (depth > this.#deepest) this.namesThere.clear();
    this.#deepest = Math.max(this.#deepest, depth);
    if (depth === this.#deepest && this.namesThere.size <= MOST_NAMES) this.namesThere.add(name);
  }
}

/** How far a path has come. */
interface Position {
  readonly path: Path;
  readonly names: readonly string[];
  readonly at: number;
}

function fits(wanted: string | undefined, name: string): boolean {
  return wanted === ANY || wanted === name;
}

/** Where a name leads to: as it is, and as form libraries spell it. */
function step({ path, names, at }: Position, name: string): Position[] {
  const next: Position[] = [];
  if (fits(names[at], name)) next.push({ path, names, at: at + 1 });
  const spelled = namesIn(name);
  if (spelled === undefined || spelled.length === 1) return next;
  let end = at;
  for (const part of spelled) {
    if (end === names.length) break;
    if (!fits(names[end], part)) return next;
    end++;
  }
  next.push({ path, names, at: end });
  return next;
}

/** What a walk has met that version 0.1 took otherwise: see lib/call/former-fields.ts. */
interface Notes {
  isRevised: boolean;
}

class Choice implements Fields {
  /**
   * @param counts whether what no path leads to counts here
   * @param excludes whether what a path leads to is left out
   */
  constructor(
    readonly positions: readonly Position[],
    readonly counts: boolean,
    readonly excludes: boolean,
    readonly notes: Notes,
  ) {}

  below(key: unknown, of: Container): Fields | undefined {
    const isNew = of === 'Set' || of === 'pairs' || (of === 'Map' && typeof key !== 'string');
    if (isNew || (typeof key === 'string' && IS_SPELLED.test(key))) this.notes.isRevised = true;
    const next = this.#step(key);
    const open = next.filter(({ names, at }) => at < names.length);
    const isReached = open.length < next.length;
    if (isReached) for (const { path, names, at } of next) if (at === names.length) path.hasMatched = true;
    if (isReached && this.excludes) return undefined;
    const counts = this.counts || isReached;
    if (open.length === 0) return counts ? ALL : undefined;
    return new Choice(open, counts, this.excludes, this.notes);
  }

  #step(key: unknown): Position[] {
    // What has no name, or one that is no text, only the path of any name leads to.
    if (key === undefined || key === null || typeof key === 'object') {
      return this.positions
        .filter(({ names, at }) => names[at] === ANY)
        .map((position) => ({ ...position, at: position.at + 1 }));
    }
    const name = String(key);
    for (const { path, at } of this.positions) path.sees(name, at);
    return this.positions.flatMap((position) => step(position, name));
  }

  /** `items.*.id` of no items has found all there is. */
  none(): void {
    for (const { path, names, at } of this.positions) if (names[at] === ANY) path.hasMatched = true;
  }
}

/** The choice of one walk, which knows afterwards what each path found. */
export class Selection {
  readonly fields: Fields;
  readonly #paths: readonly Path[];
  readonly #notes: Notes;

  constructor(chosen: Paths) {
    const excludes = 'exclude' in chosen;
    this.#paths = (excludes ? chosen.exclude : chosen).map((text) => new Path(text));
    this.#notes = { isRevised: this.#paths.some(({ text }) => text.includes('[')) };
    const positions = this.#paths.flatMap((path) => path.ways().map((names) => ({ path, names, at: 0 })));
    this.fields = new Choice(positions, excludes, excludes, this.#notes);
  }

  /** Whether version 0.1 may have chosen otherwise. */
  get isRevised(): boolean {
    return this.#notes.isRevised;
  }

  /** What had to lead somewhere, and did not. */
  get missing(): readonly Path[] {
    return this.#paths.filter(({ hasMatched, mayBeMissing }) => !hasMatched && !mayBeMissing);
  }
}
