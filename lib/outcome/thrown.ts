/**
 * What a thrown value is to us: Next's control flow that is an outcome, control flow that is Next's own business, or
 * an error. A value that cannot even be looked at (a revoked proxy, a throwing getter) is an error like any other.
 */
import { isForeignControlFlow, recordableControlFlow } from './control-flow';
import type { Ending } from './results';

/** How the run ended that threw this; undefined for control flow nobody but Next may see. */
export function endingOfThrown(thrown: unknown): Ending | undefined {
  try {
    if (isForeignControlFlow(thrown)) return undefined;
    const flow = recordableControlFlow(thrown);
    if (flow !== undefined) return { kind: 'flow', flow, thrown };
  } catch {
    // An error, then.
  }
  return { kind: 'error', error: thrown };
}
