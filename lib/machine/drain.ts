/** Fires what is due although nobody looks: every machine of this process, partition by partition. */
import type { DrainOptions } from '../../index';
import { CLIENT_RULE } from '../call/options';
import { Tag } from '../native/answer';
import { check, duration, rulesOf } from '../rules';
import type { Machine } from './machine';
import { machinesOf } from './registry';

/** As many as there are in src/store/keys.rs. */
const PARTITIONS = 16;
/** Instances that are asked for, and looked at, at a time. */
const BATCH = 100;
export const DRAIN_DEFAULTS = { limitMs: 5_000 } as const;
const RULES = rulesOf<keyof DrainOptions>({ limitMs: duration, client: CLIENT_RULE });

export async function drainStateMachines(options: DrainOptions = {}): Promise<{ readonly fired: number }> {
  check(RULES, options);
  const endsAt = performance.now() + (options.limitMs ?? DRAIN_DEFAULTS.limitMs);
  const machines = machinesOf(options.client) as Machine[];
  const partitions = machines.flatMap((machine) => Array.from({ length: PARTITIONS }, (_, at) => ({ machine, at })));
  const fired = await Promise.all(partitions.map(({ machine, at }) => drain(machine, at, endsAt)));
  return { fired: fired.reduce((sum, count) => sum + count, 0) };
}

async function drain(machine: Machine, partition: number, endsAt: number): Promise<number> {
  const seen = new Set<string>();
  let fired = 0;
  let left = 0;
  let due: string[];
  do {
    due = await dueOf(machine, partition, left);
    const unseen = due.filter((id) => !seen.has(id));
    const counts = await Promise.all(unseen.map((id) => machine.fire(id)));
    fired += counts.reduce((sum, count) => sum + count, 0);
    for (const id of unseen) seen.add(id);
    // An instance that is still listed was left to another version of the config. Without this offset, such instances
    // would stand in front of all others forever.
    left += due.length - unseen.length;
  } while (due.length === BATCH && performance.now() < endsAt);
  return fired;
}

function dueOf(machine: Machine, partition: number, left: number): Promise<string[]> {
  const instances = machine.instances();
  const number = instances.numberOf(machine);
  const budgetMs = instances.host.totalTimeoutMs;
  return instances.ask(
    (native, op) => native.due(op, number, partition, left, BATCH, budgetMs),
    (answer) => {
      if (answer.tag !== Tag.DUE) throw instances.errorOf(machine, answer, { id: '' });
      return JSON.parse(answer.payload ?? '[]') as string[];
    },
  );
}
