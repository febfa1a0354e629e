/**
 * Classes that the application has registered, whose instances are recorded. In a record an instance is tagged with the
 * name of its class behind a mark that no tag of devalue's or ours begins with.
 */
import type { ValueClass } from '../../../index';

const MARK = '$';

export const NO_CLASSES: readonly ValueClass[] = [];

export function tagOfClass({ name }: ValueClass): string {
  return MARK + name;
}

/** The class that a tag names; undefined for a tag of another kind. */
export function classNameOf(tag: string): string | undefined {
  return tag.startsWith(MARK) ? tag.slice(MARK.length) : undefined;
}
