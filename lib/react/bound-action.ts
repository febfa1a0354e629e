/**
 * An action with its arguments bound, the same function for the same arguments. React suspends a render on the server until
 * it can read what is bound, and then renders anew: with another bound function each time it would never end.
 */
import { textOf } from '../wire/canonical';
import { ALL } from '../wire/fields';
import { base64 } from './fingerprint';

type Action = (...args: readonly unknown[]) => unknown;

interface Kept {
  readonly action: Action;
  readonly at: number;
}

/** Far longer than a render takes. */
const KEPT_MS = 10_000;
const kept = new WeakMap<Action, Map<string, Kept>>();

const files = new WeakMap<Blob, number>();
let lastFile = 0;

/** No two files are one here, since their bytes are not compared. */
function nameOfFile(file: Blob): string {
  const name = files.get(file) ?? ++lastFile;
  files.set(file, name);
  return `File(${name})`;
}

function textOfBound(bound: readonly unknown[]): string | undefined {
  try {
    return textOf(bound, ALL, { base64, file: nameOfFile });
  } catch {
    return undefined; // an argument that cannot be sent: the submission will say so
  }
}

export function boundAction(bare: Action, bound: readonly unknown[]): Action {
  if (bound.length === 0) return bare;
  // React's own bind, so that the form works without JavaScript, too.
  const bind = () => bare.bind(null, ...bound);
  const text = textOfBound(bound);
  if (text === undefined) return bind();
  const actions = kept.get(bare) ?? new Map<string, Kept>();
  kept.set(bare, actions);
  const now = Date.now();
  const action = actions.get(text)?.action ?? bind();
  // The one used last comes last.
  actions.delete(text);
  actions.set(text, { action, at: now });
  for (const [other, { at }] of actions) {
    if (now - at < KEPT_MS) break;
    actions.delete(other);
  }
  return action;
}
