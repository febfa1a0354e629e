/**
 * What version 0.1 took for the fields of a payload. Records outlive a deployment: what was made before it is compared
 * as it was made. A path was one list of names there: a name with a dot in it was found by no path, and neither were
 * the members of a Set or the names of a query.
 */
import { ALL, type Container, type Fields, type Paths } from '../wire/fields';

/** What is left of the paths at one level. */
type Trails = readonly (readonly string[])[];

class FormerFields implements Fields {
  constructor(
    readonly trails: Trails,
    readonly excludes: boolean,
  ) {}

  below(key: unknown, of: Container): Fields | undefined {
    if (of === 'Set' || of === 'pairs') return ALL;
    const name = of === 'Map' && typeof key !== 'string' ? '*' : String(key);
    const next = this.trails.filter(([first]) => first === name || first === '*').map(([, ...rest]) => rest);
    const isReached = next.some((rest) => rest.length === 0);
    if (isReached || next.length === 0) return isReached === this.excludes ? undefined : ALL;
    return new FormerFields(next, this.excludes);
  }

  none(): void {}
}

export function formerFieldsOf(paths: Paths): Fields {
  const excludes = 'exclude' in paths;
  return new FormerFields(
    (excludes ? paths.exclude : paths).map((path) => path.split('.')),
    excludes,
  );
}
