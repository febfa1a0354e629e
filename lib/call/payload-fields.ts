/**
 * Which fields of a payload count, by paths such as `cart.items.*.id`. The walk over the payload asks it, level by
 * level, what is below a name.
 */
import type { Fingerprint } from '../../index';

/** The choice at one level. */
export interface Fields {
  /** The choice below `name`, or undefined when that does not count. */
  below(name: string): Fields | undefined;
}

/** Everything below counts. */
export const ALL: Fields = { below: () => ALL };

class PathTree {
  readonly branches = new Map<string, PathTree>();
  isEnd = false;

  constructor(paths: readonly string[] = []) {
    for (const path of paths) this.#add(path.split('.'));
  }

  #add(names: readonly string[]): void {
    let tree: PathTree = this;
    for (const name of names) {
      let next = tree.branches.get(name);
      if (next === undefined) {
        next = new PathTree();
        tree.branches.set(name, next);
      }
      tree = next;
    }
    tree.isEnd = true;
  }

  /** The trees a name leads to: its own, and that of `*`. */
  static step(trees: readonly PathTree[], name: string): PathTree[] {
    return trees
      .flatMap((tree) => [tree.branches.get(name), tree.branches.get('*')])
      .filter((tree) => tree !== undefined);
  }
}

function only(trees: readonly PathTree[]): Fields {
  return {
    below(name) {
      const next = PathTree.step(trees, name);
      if (next.length === 0) return undefined;
      return next.some((tree) => tree.isEnd) ? ALL : only(next);
    },
  };
}

function except(trees: readonly PathTree[]): Fields {
  return {
    below(name) {
      const next = PathTree.step(trees, name);
      if (next.length === 0) return ALL;
      return next.some((tree) => tree.isEnd) ? undefined : except(next);
    },
  };
}

export function fieldsOf(fingerprint: Exclude<Fingerprint, (payload: never) => unknown> | undefined): Fields {
  if (fingerprint === undefined) return ALL;
  if ('exclude' in fingerprint) return except([new PathTree(fingerprint.exclude)]);
  return only([new PathTree(fingerprint)]);
}
