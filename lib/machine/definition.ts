/**
 * A machine's config, checked and compiled: states and events by index. The definition is plain JSON. Its text is what
 * the native side is given, and what tells two machines apart.
 */
import { configError, machineId, objectOf, plainObject, properties, within } from './config-error';
import { circleOfTimers, reachable } from './graph';
import { readState, type StateNode, UNSUPPORTED, type Way } from './node-config';

export interface Definition {
  readonly id: string;
  readonly initial: number;
  readonly states: readonly {
    readonly name: string;
    readonly final: boolean;
    readonly after: { readonly ms: number; readonly to: number } | null;
  }[];
  /** In the order in which the config first names them. */
  readonly events: readonly { readonly name: string; readonly edges: readonly Edge[] }[];
}

/** At most one per event and state. */
export interface Edge {
  readonly from: number;
  readonly to: number;
}

const MOST_NAMES = 256;
const STARTS_ANEW = 'the `after` of this state starts anew with every transition to it; say so with reenter: true';
const ELSEWHERE = 'transitions belong to a state; a machine has none of its own';
const MACHINE = properties(['id', 'initial', 'states', 'type', 'description', 'version', 'meta', 'tags', 'types'], {
  ...UNSUPPORTED,
  on: ELSEWHERE,
  after: ELSEWHERE,
  context: 'must be empty; an instance is given its data by create() and send()',
});

/**
 * Checks and compiles a config.
 * @throws ActonceError `ERR_INVALID_ARGUMENT`; the message begins with the path of the part
 */
export function defineStates(config: unknown): Definition {
  const machine = objectOf(MACHINE, config, '');
  const id = machineId(machine.id);
  if (machine.type !== undefined && machine.type !== 'compound') {
    throw configError('type', 'only a machine that is in one state at a time is supported');
  }
  const nodes = Object.entries(plainObject(machine.states, 'states')).map(([name, node]) =>
    readState(name, node, within('states', name)),
  );
  const definition = compile(id, nodes, machine.initial);
  checkWays(definition, nodes);
  return definition;
}

function compile(id: string, nodes: readonly StateNode[], initial: unknown): Definition {
  checkCount('states', nodes.length);
  const indexes = new Map(nodes.map(({ name }, index) => [name, index]));
  const start = indexes.get(initial as string);
  if (start === undefined) throw configError('initial', `must be the name of a state: ${listed(indexes.keys())}`);

  function resolve({ target, path }: Way): number {
    const index = indexes.get(stateNamed(unescaped(target), id)) ?? indexes.get(stateNamed(target, id));
    if (index !== undefined) return index;
    throw configError(path, `there is no state '${target}'; there are ${listed(indexes.keys())}`);
  }

  const edges = new Map<string, Edge[]>();
  for (const [from, { on, after }] of nodes.entries()) {
    for (const { event, way } of on) {
      const to = resolve(way);
      const known = edges.get(event);
      const edge = { from, to };
      if (from === to && after !== null && !way.reenter) throw configError(way.path, STARTS_ANEW);
      if (known === undefined) edges.set(event, [edge]);
      else known.push(edge);
    }
  }
  checkCount('events', edges.size);
  const states = nodes.map(({ name, final, after }) => ({
    name,
    final,
    after: after && { ms: after.ms, to: resolve(after.way) },
  }));
  return { id, initial: start, states, events: [...edges].map(([name, of]) => ({ name, edges: of })) };
}

/** XState's tools write the target by the machine's id where a state is not a sibling. */
function stateNamed(target: string, id: string): string {
  const own = `#${id}.`;
  return target.startsWith(own) ? target.slice(own.length) : target;
}

/** To XState, a dot in a target leads to a nested state, unless a backslash stands before the dot. */
function unescaped(target: string): string {
  return target.replace(/\\(.)/gsu, '$1');
}

/** Refuses states that no way leads to, and timers that would fire forever. */
function checkWays(definition: Definition, nodes: readonly StateNode[]): void {
  const { states, initial } = definition;
  const name = (index: number) => states[index]?.name ?? '';
  for (const [index, { after }] of states.entries()) {
    if (after?.to === index) throw configError(nodes[index]?.after?.way.path ?? '', 'leads to the same state');
  }
  const circle = circleOfTimers(definition);
  if (circle !== undefined) {
    const [first = 0] = circle;
    const way = circle.map(name).join(' → ');
    throw configError(within(nodes[first]?.path ?? '', 'after'), `the states time out into each other forever: ${way}`);
  }
  const found = reachable(definition, initial);
  for (const [index, { path }] of nodes.entries()) {
    if (!found.has(index)) throw configError(path, `no way leads here from the initial state '${name(initial)}'`);
  }
}

function checkCount(what: 'states' | 'events', count: number): void {
  if (count > MOST_NAMES) throw configError('states', `has ${count} ${what}, at most ${MOST_NAMES} are supported`);
}

function listed(names: Iterable<string>): string {
  return [...names].slice(0, 10).join(', ') || 'none';
}

/** The events that lead on from a state, in the definition's order. */
export function allowed({ events }: Definition, state: number): string[] {
  return events.flatMap(({ name, edges }) => (edges.some(({ from }) => from === state) ? [name] : []));
}
