/**
 * What an action and a route have in common: the options that define them, the rules of these options, and the scope.
 */
import type { ActonceClient, Fingerprint, IdempotencyDefaults, Scope } from '../../index';
import { CALL_RULES, CLIENT_RULE, SETTING_RULES } from '../call/options';
import { hideInner, invalid } from '../errors';
import { check, ofType, oneOf, type Rule, rulesOf } from '../rules';

const isText: Rule = (value) => (typeof value === 'string' && value !== '' ? undefined : 'must be a name');
export const isNames: Rule = (value) =>
  Array.isArray(value) && value.every((name) => isText(name) === undefined) ? undefined : 'must be an array of names';

/** The options that both have. Each says for itself what its scope and payload functions are given. */
export interface DefinitionOptions extends IdempotencyDefaults {
  readonly name: string;
  readonly scope: (...about: never[]) => unknown;
  readonly payload?: (...about: never[]) => unknown;
  readonly fingerprint?: Fingerprint;
  readonly missingKey?: 'reject' | 'run';
  readonly client?: ActonceClient;
}

export const DEFINITION_DEFAULTS = { missingKey: 'reject' } as const;

/** The rules of the options that only one of the two has. An option without a rule does not compile. */
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
 * Refuses an action or route where it is defined, not when it is called.
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

/** Asks a function of the options. What another call refuses in there is not told as a refusal of this one. */
export async function asked<T>(ask: () => T | PromiseLike<T>): Promise<T> {
  try {
    return await ask();
  } catch (thrown) {
    hideInner(thrown, () => undefined);
    throw thrown;
  }
}

/**
 * The scope, with the definition's name in front: two definitions with equal scopes and keys have two records. Only a
 * route gives a `place`.
 */
export function namedScope(name: string, scope: unknown, ...place: string[]): Scope {
  if (scope === undefined || scope === null || (Array.isArray(scope) && scope.length === 0)) {
    throw invalid(`the scope of '${name}' is empty; return the user, or 'public' for a scope that all users share`);
  }
  return [name, ...place, ...((Array.isArray(scope) ? scope : [scope]) as string[])];
}

/**
 * What the option `payload` returns, or the promise that it returns.
 * @throws ActonceError `ERR_INVALID_ARGUMENT` for undefined, with which any payload would get the first one's outcome
 */
export async function payloadBy<Given extends readonly unknown[]>(
  payload: (...given: Given) => unknown,
  ...given: Given
): Promise<unknown> {
  const chosen = await asked(() => payload(...given));
  if (chosen !== undefined) return chosen;
  throw invalid('the function payload returned undefined, which compares nothing; return null where that is meant');
}

/** Whether the scope names nobody. */
export function isPublic(scope: unknown): boolean {
  return [scope].flat().every((part) => part === 'public');
}
