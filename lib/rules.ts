/**
 * The rules for options, and the one place that applies them. A rule says what is wrong with a value, or returns
 * undefined. `check` refuses unknown options too: a misspelt `leaseMS` would silently leave the default in force.
 */
import { type ActonceError, invalid } from './errors';
import { suggestion } from './suggestion';

/** Longest time a Node timer can be set to. */
export const LONGEST_TIMER_MS = 2_147_483_647;
export type Rule = (value: unknown) => string | undefined;

export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}

/** As `show`, but of a text only a plain word is shown: a longer text may be a secret in the wrong place. */
function showWord(value: unknown): string {
  return typeof value !== 'string' || /^[A-Za-z]{1,20}$/.test(value) ? show(value) : 'this text';
}

export function whole(least: number, most: number): Rule {
  return (value) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return undefined;
    const given = typeof value === 'string' ? 'a string' : show(value);
    return `must be a whole number from ${least} to ${most}, not ${given}`;
  };
}

export function oneOf(...choices: string[]): Rule {
  const list = choices.map((choice) => `'${choice}'`).join(' or ');
  return (value) => (choices.includes(value as string) ? undefined : `must be ${list}, not ${showWord(value)}`);
}

export function ofType(type: 'boolean' | 'function' | 'object' | 'string'): Rule {
  const article = type === 'object' ? 'an' : 'a';
  return (value) => (typeof value === type && value !== null ? undefined : `must be ${article} ${type}`);
}

export function either(first: Rule, second: Rule): Rule {
  return (value) => (first(value) === undefined || second(value) === undefined ? undefined : first(value));
}

export const anything: Rule = () => undefined;
export const duration = whole(1, LONGEST_TIMER_MS);

export type Rules = ReadonlyMap<string, Rule>;

export function rulesOf<Name extends string>(rules: Record<Name, Rule>): Rules {
  return new Map<string, Rule>(Object.entries(rules));
}

export function optionError(name: string, reason: string): ActonceError {
  return invalid(`option ${name} ${reason}`);
}

function unknownOption(rules: Rules, name: string, path: string): ActonceError {
  const meant = suggestion(name, rules.keys());
  return optionError(path + name, meant === undefined ? 'is not known' : `is not known; did you mean ${path}${meant}?`);
}

/**
 * @param what names the options in the message
 * @param path stands in front of an option's name in the message
 * @throws ActonceError `ERR_INVALID_ARGUMENT`
 */
export function check(rules: Rules, options: unknown, what = 'options', path = ''): void {
  if (typeof options !== 'object' || options === null) throw invalid(`${what} must be an object`);
  // An option may be inherited. An inherited property that is no option is ignored: a library may have put it on
  // Object.prototype.
  for (const name in options) {
    const value = (options as Record<string, unknown>)[name];
    const rule = rules.get(name);
    if (rule === undefined) {
      if (!Object.hasOwn(options, name)) continue;
      throw unknownOption(rules, name, path);
    }
    const reason = value === undefined ? undefined : rule(value);
    if (reason !== undefined) throw optionError(path + name, reason);
  }
}
