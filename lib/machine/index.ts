/** Defining state machines; machine.d.ts describes it. */

import type * as described from '../../index';
import type { StateMachineOptions } from '../../index';
import { CLIENT_RULE, SETTINGS } from '../call/options';
import { checkRuntime } from '../native/runtime';
import { check, rulesOf, whole } from '../rules';
import { defineStates } from './definition';
import { Machine } from './machine';
import { machineOf, register } from './registry';

export { drainStateMachines } from './drain';

export const MACHINE_DEFAULTS = { retentionMs: 2_592_000_000, historyLimit: 50 } as const;
const RULES = rulesOf<keyof StateMachineOptions>({
  client: CLIENT_RULE,
  retentionMs: SETTINGS.retentionMs.rule,
  historyLimit: whole(1, 1_000),
});

export const defineStateMachine = ((config: unknown, options: StateMachineOptions = {}) => {
  checkRuntime();
  check(RULES, options);
  const definition = defineStates(config);
  const { client, retentionMs = MACHINE_DEFAULTS.retentionMs, historyLimit = MACHINE_DEFAULTS.historyLimit } = options;
  const text = JSON.stringify({ ...definition, historyLimit, retentionMs });
  return register(definition.id, text, client, () => new Machine(definition, text, client));
}) as unknown as typeof described.defineStateMachine;

export const stateMachine: typeof described.stateMachine = (id) => machineOf(id);
