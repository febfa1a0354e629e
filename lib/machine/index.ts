/** Defining state machines; machine.d.ts describes it. */
import type * as described from '../../index';
import type { StateMachineOptions } from '../../index';
import { CLIENT_RULE, SETTINGS } from '../call/options';
import { check, rulesOf, whole } from '../rules';
import { defineStates } from './definition';
import { Machine } from './machine';
import { machineOf, register } from './registry';

export { drainStateMachines } from './drain';

const RETENTION_MS = 2_592_000_000;
const HISTORY_LIMIT = 50;
const RULES = rulesOf<keyof StateMachineOptions>({
  client: CLIENT_RULE,
  retentionMs: SETTINGS.retentionMs.rule,
  historyLimit: whole(1, 1_000),
});

export const defineStateMachine = ((config: unknown, options: StateMachineOptions = {}) => {
  check(RULES, options);
  const definition = defineStates(config);
  const { client, retentionMs = RETENTION_MS, historyLimit = HISTORY_LIMIT } = options;
  const text = JSON.stringify({ ...definition, historyLimit, retentionMs });
  return register(definition.id, text, client, () => new Machine(definition, text, client));
}) as unknown as typeof described.defineStateMachine;

export const stateMachine: typeof described.stateMachine = (id) => machineOf(id);
