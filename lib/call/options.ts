/**
 * The options of a call. One table says everything about each option that a client has defaults for. Options are
 * refused where they are given, before any I/O.
 */
import type { ActonceClient, IdempotencyDefaults, IdempotencyOptions } from '../../index';
import type { Terms } from '../native/terms';
import {
  anything,
  check,
  duration,
  either,
  LONGEST_TIMER_MS,
  ofType,
  oneOf,
  type Rule,
  rulesOf,
  whole,
} from '../rules';

export const TEN_YEARS_MS = 315_360_000_000;
const SHORTEST_LEASE_MS = 100;
const MOST_KEYS = 1_000_000_000;
/**
 * The limit for an encoded result. A reply of Redis may be twice as long before the client gives up the connection; see
 * src/store/redis/inbox.rs.
 */
export const LARGEST_RESULT_BYTES = 32 * 1024 * 1024;
/** A held lease is renewed when a third of it has passed; src/lease/table.rs has the same number. */
export const RENEWALS_PER_LEASE = 3;

export const SIGNAL_RULE: Rule = (value) => {
  const signal = value as { aborted?: unknown; addEventListener?: unknown } | null;
  const fits = typeof signal?.aborted === 'boolean' && typeof signal.addEventListener === 'function';
  return fits ? undefined : 'must be an AbortSignal';
};

export const CLIENT_RULE: Rule = (value) =>
  typeof (value as ActonceClient | null)?.withIdempotency === 'function' ? undefined : 'must be a client';

const isPath: Rule = (value) => (typeof value === 'string' && value !== '' ? undefined : 'must be paths such as a.b.*');

function isFingerprint(value: unknown): string | undefined {
  if (typeof value === 'function') return undefined;
  const paths = Array.isArray(value) ? value : (value as { exclude?: unknown } | null)?.exclude;
  const fits = Array.isArray(paths) && paths.length > 0 && paths.every((path) => isPath(path) === undefined);
  return fits ? undefined : 'must be an array of paths, { exclude: [paths] } or a function';
}

/**
 * The options without a default: `onCrash` decides what stands for `onError`, and without `maxKeysPerScope` no keys are
 * counted.
 */
type Unset = 'onError' | 'maxKeysPerScope';

/** The options of a call that a client has defaults for, as they hold for one call. */
export type Settings = Readonly<
  Required<Omit<IdempotencyDefaults, Unset>> & { [Name in Unset]: IdempotencyDefaults[Name] }
>;

interface Setting<Name extends keyof Settings> {
  readonly rule: Rule;
  readonly default: Settings[Name];
  /**
   * Whether callers that differ in this option share one claim: then the store's answer to one is true for the other.
   * Always false for a term of the claim itself.
   */
  readonly sharesAClaim: Name extends keyof Terms ? false : boolean;
}

/** Everything about each option. An option that index.d.ts has and this table lacks does not compile. */
export const SETTINGS: { readonly [Name in keyof Settings]: Setting<Name> } = {
  onDuplicate: { rule: oneOf('wait', 'reject'), default: 'wait', sharesAClaim: true },
  waitTimeoutMs: { rule: duration, default: 10_000, sharesAClaim: true },
  onCrash: { rule: oneOf('rerun', 'hold'), default: 'rerun', sharesAClaim: false },
  onError: {
    rule: either(oneOf('release', 'record', 'hold'), ofType('function')),
    default: undefined,
    sharesAClaim: true,
  },
  onStoreUnavailable: { rule: oneOf('reject', 'run'), default: 'reject', sharesAClaim: true },
  leaseMs: { rule: whole(SHORTEST_LEASE_MS, LONGEST_TIMER_MS), default: 30_000, sharesAClaim: false },
  maxLeaseMs: { rule: whole(SHORTEST_LEASE_MS, LONGEST_TIMER_MS), default: 900_000, sharesAClaim: false },
  retentionMs: { rule: whole(1, TEN_YEARS_MS), default: 86_400_000, sharesAClaim: false },
  maxResultBytes: { rule: whole(1, LARGEST_RESULT_BYTES), default: 1_048_576, sharesAClaim: true },
  recordTimeoutMs: { rule: duration, default: 60_000, sharesAClaim: true },
  maxKeysPerScope: { rule: whole(1, MOST_KEYS), default: undefined, sharesAClaim: false },
  enabled: { rule: ofType('boolean'), default: true, sharesAClaim: true },
};

const NAMES = Object.keys(SETTINGS) as (keyof Settings)[];
const TERMS_OF_CLAIM = NAMES.filter((name) => !SETTINGS[name].sharesAClaim);

export const DEFAULTS = Object.fromEntries(NAMES.map((name) => [name, SETTINGS[name].default])) as unknown as Settings;
export const SETTING_RULES = Object.fromEntries(NAMES.map((name) => [name, SETTINGS[name].rule])) as Record<
  keyof Settings,
  Rule
>;

/** Whether one claim serves calls with either of these settings. */
export function shareAClaim(one: Settings, other: Settings): boolean {
  return one === other || TERMS_OF_CLAIM.every((name) => one[name] === other[name]);
}

/** The options that only a call has. `scope` and `payload` have rules of their own, in identity and fingerprint. */
export const CALL_RULES: Record<Exclude<keyof IdempotencyOptions, keyof IdempotencyDefaults>, Rule> = {
  scope: anything,
  payload: anything,
  fingerprint: isFingerprint,
  recover: ofType('function'),
  signal: SIGNAL_RULE,
  onResponse: ofType('function'),
  skip: either(ofType('boolean'), ofType('function')),
};

const DEFAULT_OPTIONS = rulesOf(SETTING_RULES);
const CALL_OPTIONS = rulesOf({ ...SETTING_RULES, ...CALL_RULES });

function changesSettings(options: object): boolean {
  for (const name in options) {
    if (DEFAULT_OPTIONS.has(name) && (options as Record<string, unknown>)[name] !== undefined) return true;
  }
  return false;
}

function withSettings(base: Settings, options: IdempotencyDefaults): Settings {
  const settings: Record<string, unknown> = { ...base };
  for (const name of NAMES) {
    const value = options[name];
    if (value !== undefined) settings[name] = value;
  }
  // A lease longer than the longest run would only lengthen the wait after a crash.
  settings.leaseMs = Math.min(settings.leaseMs as number, settings.maxLeaseMs as number);
  return settings as unknown as Settings;
}

/** @throws ActonceError `ERR_INVALID_ARGUMENT` */
export function settingsOfClient(defaults: IdempotencyDefaults | undefined): Settings {
  if (defaults === undefined) return DEFAULTS;
  check(DEFAULT_OPTIONS, defaults, 'option defaults');
  return withSettings(DEFAULTS, defaults);
}

/**
 * The settings of one call. The client's own object comes back when the call changes none, so that the usual call
 * allocates nothing here.
 * @throws ActonceError `ERR_INVALID_ARGUMENT`
 */
export function settingsOfCall(base: Settings, options: IdempotencyOptions | undefined): Settings {
  if (options === undefined) return base;
  check(CALL_OPTIONS, options);
  return changesSettings(options) ? withSettings(base, options) : base;
}
