/** What an action and a route have in common: options they are defined with, the rules of those, and their scope. */
import type { ActonceClient, Fingerprint, IdempotencyDefaults, Scope } from '../../index';
import { CALL_RULES, CLIENT_RULE, SETTING_RULES } from '../call/options';
import { invalid } from '../errors';
import { check, ofType, oneOf, type Rule, rulesOf } from '../rules';

const isText: Rule = (value) => (typeof value === 'string' && value !== '' ? undefined : 'must be a name');
export const isNames: Rule = (value) =>
  Array.isArray(value) && value.every((name) => isText(name) === undefined) ? undefined : 'must be an array of names';

/** The options that both have; what scope and payload are given is for each to say. */
export interface DefinitionOptions extends IdempotencyDefaults {
  readonly name: string;
  readonly scope: (...about: never[]) => unknown;
  readonly payload?: (...about: never[]) => unknown;
  readonly fingerprint?: Fingerprint;
  readonly missingKey?: 'reject' | 'run';
  readonly client?: ActonceClient;
}

export const DEFINITION_DEFAULTS = { missingKey: 'reject' } as const;

/** Those of one of the two besides: each option has a rule, or it does not compile. */
export type OwnRules<Options extends DefinitionOptions> = Record<Exclude<keyof Options, keyof DefinitionOptions>, Rule>;

const SHARED: Record<keyof DefinitionOptions, Rule> = {
  ...SETTING_RULES,
  name: isText,
  scope: ofType('function'),
  payload: ofType('function'),
  fingerprint: CALL_RULES.fingerprint,
  missingKey: oneOf('reject', 'run'),
  client: CLIENT_RULE,
};

/**
 * Refused where it is defined, not when it is called.
 * @throws ActonceError `ERR_INVALID_ARGUMENT`
 */
export function checkDefinition<Options extends DefinitionOptions>(
  of: string,
  rules: OwnRules<Options>,
  options: Options,
  fn: unknown,
): void {
  check(rulesOf({ ...SHARED, ...rules }), options, `the options of ${of}`);
  for (const name of ['name', 'scope'] as const) {
    if (options[name] === undefined) throw invalid(`option ${name} is missing`);
  }
  if (typeof fn !== 'function') throw invalid(`${of} needs a function`);
}

/** The name in front: two definitions with equal scopes and keys are two records. `place` is a route's. */
export function namedScope(name: string, scope: unknown, ...place: string[]): Scope {
  if (scope === undefined || scope === null || (Array.isArray(scope) && scope.length === 0)) {
    throw invalid(`the scope of '${name}' is empty; return the user, or 'public' for a scope that all users share`);
  }
  return [name, ...place, ...((Array.isArray(scope) ? scope : [scope]) as string[])];
}

/** Whether it names nobody. */
export function isPublic(scope: unknown): boolean {
  return [scope].flat().every((part) => part === 'public');
}
