/**
 * Reads one state of a config as XState's tools write it. A part that is not supported is refused, never left out:
 * without its guard, a transition would be another one.
 */
import { TEN_YEARS_MS } from '../call/options';
import { show } from '../rules';
import { checkName, configError, objectOf, plainObject, properties, within } from './config-error';

/** A transition whose target is not looked up yet. */
export interface Way {
  readonly target: string;
  readonly reenter: boolean;
  /** Where the target is written. */
  readonly path: string;
}

export interface StateNode {
  readonly name: string;
  readonly path: string;
  readonly final: boolean;
  readonly on: readonly { readonly event: string; readonly way: Way }[];
  readonly after: { readonly ms: number; readonly way: Way } | null;
}

const ACTIONS = 'actions are not supported; act in your code after send() has resolved';
const GUARDS = 'guards are not supported; decide in your code, then send the event';
const ALWAYS = 'transitions without an event are not supported';
const NESTED = 'nested states are not supported';
const INVOKE = 'invocations are not supported; see during()';

/** What is unsupported in a machine and in a state alike. */
export const UNSUPPORTED = {
  entry: ACTIONS,
  exit: ACTIONS,
  invoke: INVOKE,
  always: ALWAYS,
  onDone: NESTED,
} as const;

const STATE = properties(['on', 'after', 'type', 'description', 'meta', 'tags'], {
  ...UNSUPPORTED,
  states: NESTED,
  initial: NESTED,
  history: 'history states are not supported',
});

const TRANSITION = properties(['target', 'reenter', 'description', 'meta'], {
  actions: ACTIONS,
  guard: GUARDS,
  cond: GUARDS,
});

function readWays(value: unknown, path: string): Way {
  if (!Array.isArray(value)) return readWay(value, path);
  if (value.length === 1) return readWay(value[0], `${path}[0]`);
  if (value.length === 0) throw configError(path, 'has no target');
  throw configError(path, 'several transitions are not supported; use an event of its own for each');
}

function readWay(value: unknown, path: string): Way {
  if (typeof value === 'string') return { target: value, reenter: false, path };
  const { target, reenter } = objectOf(TRANSITION, value, path);
  if (target === undefined) throw configError(path, 'has no target');
  if (typeof target !== 'string') {
    throw configError(within(path, 'target'), `must be the name of a state, not ${show(target)}`);
  }
  if (reenter !== undefined && typeof reenter !== 'boolean') {
    throw configError(within(path, 'reenter'), 'must be a boolean');
  }
  return { target, reenter: reenter === true, path: within(path, 'target') };
}

function readEvents(value: unknown, path: string): StateNode['on'] {
  if (value === undefined) return [];
  return Object.entries(plainObject(value, path)).map(([event, transitions]) => {
    const at = within(path, event);
    if (event === '') throw configError(at, ALWAYS);
    if (event === '*' || event.endsWith('.*')) throw configError(at, 'wildcards are not supported; name each event');
    if (event.startsWith('xstate.')) throw configError(at, "XState's own events are not supported; nobody sends them");
    checkName(event, at);
    return { event, way: readWays(transitions, at) };
  });
}

function readAfter(value: unknown, path: string): StateNode['after'] {
  if (value === undefined) return null;
  const delays = Object.entries(plainObject(value, path)).map(([delay, transitions]) => {
    const at = within(path, delay);
    const ms = Number(delay);
    if (String(ms) !== delay || !Number.isInteger(ms) || ms < 1 || ms > TEN_YEARS_MS) {
      throw configError(at, `a delay must be whole milliseconds, 1 to ${TEN_YEARS_MS}; named delays are not supported`);
    }
    return { ms, at, way: readWays(transitions, at) };
  });
  const [first, second] = delays.sort((one, other) => one.ms - other.ms);
  if (first === undefined) return null;
  if (second !== undefined) throw configError(second.at, `never fires: the state is left after ${first.ms} ms`);
  return { ms: first.ms, way: first.way };
}

/** @throws ActonceError `ERR_INVALID_ARGUMENT` */
export function readState(name: string, value: unknown, path: string): StateNode {
  checkName(name, path);
  const node = objectOf(STATE, value, path);
  const { type } = node;
  if (type !== undefined && type !== 'atomic' && type !== 'final') {
    throw configError(within(path, 'type'), `${show(type)} states are not supported, only 'final' and 'atomic' ones`);
  }
  const on = readEvents(node.on, within(path, 'on'));
  const after = readAfter(node.after, within(path, 'after'));
  const final = type === 'final';
  if (final && on.length > 0) throw configError(within(path, 'on'), 'nothing can lead on from a final state');
  if (final && after !== null) throw configError(within(path, 'after'), 'nothing can lead on from a final state');
  return { name, path, final, on, after };
}
