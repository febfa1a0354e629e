/**
 * The machines of this process by their id. There is one of each, however often Next evaluates the module that defines
 * it. They are kept on `globalThis`, as the default client is.
 */
import type { StateMachine } from '../../index';
import { isDevelopment } from '../announce';
import { invalid } from '../errors';

type Machine = StateMachine<string, string>;

interface Entry {
  readonly definition: string;
  /** The newest one, whichever client it has. */
  machine: Machine;
  /** One for each client, and one for the client behind `withIdempotency`. */
  readonly of: WeakMap<object, Machine>;
}

const MACHINES = Symbol.for('actonce.state-machines');

function entries(): Map<string, Entry> {
  const shared = globalThis as { [MACHINES]?: Map<string, Entry> };
  shared[MACHINES] ??= new Map();
  return shared[MACHINES];
}

/** Stands for the client behind `withIdempotency`, whichever that is at the time. */
const DEFAULT = Symbol.for('actonce.state-machines.default');
function keyOf(client: object | undefined): object {
  const shared = globalThis as { [DEFAULT]?: object };
  shared[DEFAULT] ??= {};
  return client ?? shared[DEFAULT];
}

/**
 * The machine of this definition and client: the existing one, or a new one. In development a changed definition takes
 * the place of the old one, since a module that was edited is evaluated again.
 *
 * @param definition as JSON
 * @throws ActonceError `ERR_INVALID_ARGUMENT` in production, when another definition has the id
 */
export function register<M extends Machine>(
  id: string,
  definition: string,
  client: object | undefined,
  make: () => M,
): M {
  const known = entries().get(id);
  const key = keyOf(client);
  if (known?.definition === definition) {
    // An equal definition comes from an earlier evaluation of the same module, so the type is the same as well.
    const there = known.of.get(key) as M | undefined;
    if (there !== undefined) return there;
    const machine = make();
    known.of.set(key, machine);
    known.machine = machine;
    return machine;
  }
  if (known !== undefined && !isDevelopment()) {
    throw invalid(`id: the state machine '${id}' is defined twice, differently; give one of them another id`);
  }
  const machine = make();
  entries().set(id, { definition, machine, of: new WeakMap([[key, machine]]) });
  return machine;
}

/** @throws ActonceError `ERR_INVALID_ARGUMENT` */
export function machineOf(id: string): Machine {
  const known = entries().get(id);
  if (known !== undefined) return known.of.get(keyOf(undefined)) ?? known.machine;
  const ids = [...entries().keys()].map((name) => `'${name}'`).join(', ');
  const there = ids === '' ? 'none is' : `these are: ${ids}`;
  throw invalid(
    `the state machine '${id}' is not defined in this process (${there}); import the module that defines it`,
  );
}

/** The machines whose instances are in the store of this client, or of the client behind `withIdempotency`. */
export function machinesOf(client: object | undefined): Machine[] {
  return [...entries().values()].flatMap(({ of }) => of.get(keyOf(client)) ?? []);
}
