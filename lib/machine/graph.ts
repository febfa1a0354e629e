/** What can be said of a definition by following its transitions. */
import type { Definition } from './definition';

/** For each state the states that an event or its `after` leads to. */
function successors({ states, events }: Definition): readonly number[][] {
  const next = states.map(({ after }): number[] => (after === null ? [] : [after.to]));
  for (const { edges } of events) {
    for (const { from, to } of edges) next[from]?.push(to);
  }
  return next;
}

/** The state itself and every state that some way leads to. */
export function reachable(definition: Definition, from: number): ReadonlySet<number> {
  const next = successors(definition);
  const found = new Set([from]);
  // The walk goes in the order of insertion, and includes the states that are added on the way.
  for (const state of found) {
    for (const to of next[state] ?? []) found.add(to);
  }
  return found;
}

/** Whether an instance in `from` is in a wanted state, or may still come to one. */
export function canReach(definition: Definition, from: number, wanted: ReadonlySet<number>): boolean {
  return [...reachable(definition, from)].some((state) => wanted.has(state));
}

/** States that time out into each other forever, with the first one again at the end; undefined when there are none. */
export function circleOfTimers({ states }: Definition): number[] | undefined {
  for (const start of states.keys()) {
    const passed = [start];
    let to = states[start]?.after?.to;
    while (to !== undefined && !passed.includes(to)) {
      passed.push(to);
      to = states[to]?.after?.to;
    }
    if (to !== undefined) return [...passed.slice(passed.indexOf(to)), to];
  }
  return undefined;
}
