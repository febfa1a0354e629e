/**
 * The options of a call: every default and every rule, in one table each. Refused where they are given, before any
 * I/O.
 */
import type { ActonceClient, ErrorPolicy, IdempotencyDefaults, IdempotencyOptions } from '../../index';
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

/** The options of a call that have a default. */
export interface Settings {
  readonly onDuplicate: 'wait' | 'reject';
  readonly waitTimeoutMs: number;
  readonly onCrash: 'rerun' | 'hold';
  /** Undefined stands for the default, which depends on `onCrash`. */
  readonly onError: ErrorPolicy | ((error: unknown) => ErrorPolicy) | undefined;
  readonly onStoreUnavailable: 'reject' | 'run';
  readonly leaseMs: number;
  readonly maxLeaseMs: number;
  readonly retentionMs: number;
  readonly maxResultBytes: number;
  readonly recordTimeoutMs: number;
  readonly maxKeysPerScope: number | undefined;
  readonly enabled: boolean;
}

export const DEFAULTS: Settings = {
  onDuplicate: 'wait',
  waitTimeoutMs: 10_000,
  onCrash: 'rerun',
  onError: undefined,
  onStoreUnavailable: 'reject',
  leaseMs: 30_000,
  maxLeaseMs: 900_000,
  retentionMs: 86_400_000,
  maxResultBytes: 1_048_576,
  recordTimeoutMs: 60_000,
  maxKeysPerScope: undefined,
  enabled: true,
};

export const TEN_YEARS_MS = 315_360_000_000;
const SHORTEST_LEASE_MS = 100;
const MOST_KEYS = 1_000_000_000;
/** A reply of Redis may be twice as long before the connection is given up; see src/store/redis/inbox.rs. */
export const LARGEST_VALUE = 32 * 1024 * 1024;

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

export const SETTING_RULES: Record<keyof IdempotencyDefaults, Rule> = {
  onDuplicate: oneOf('wait', 'reject'),
  waitTimeoutMs: duration,
  onCrash: oneOf('rerun', 'hold'),
  onError: either(oneOf('release', 'record', 'hold'), ofType('function')),
  onStoreUnavailable: oneOf('reject', 'run'),
  leaseMs: whole(SHORTEST_LEASE_MS, LONGEST_TIMER_MS),
  maxLeaseMs: whole(SHORTEST_LEASE_MS, LONGEST_TIMER_MS),
  retentionMs: whole(1, TEN_YEARS_MS),
  maxResultBytes: whole(1, LARGEST_VALUE),
  recordTimeoutMs: duration,
  maxKeysPerScope: whole(1, MOST_KEYS),
  enabled: ofType('boolean'),
};

/** The options only a call has. `scope` and `payload` have rules of their own, in identity and fingerprint. */
export const CALL_RULES: Record<Exclude<keyof IdempotencyOptions, keyof IdempotencyDefaults>, Rule> = {
  scope: anything,
  payload: anything,
  fingerprint: isFingerprint,
  recover: ofType('function'),
  signal: SIGNAL_RULE,
  onResponse: ofType('function'),
  skip: either(ofType('boolean'), ofType('function')),
};

const SETTINGS = rulesOf(SETTING_RULES);
const CALL_OPTIONS = rulesOf({ ...SETTING_RULES, ...CALL_RULES });

function changesSettings(options: object): boolean {
  for (const name in options) {
    if (SETTINGS.has(name) && (options as Record<string, unknown>)[name] !== undefined) return true;
  }
  return false;
}

function withSettings(base: Settings, options: IdempotencyDefaults): Settings {
  const settings: Record<string, unknown> = { ...base };
  for (const name of SETTINGS.keys()) {
    const value = (options as Record<string, unknown>)[name];
    if (value !== undefined) settings[name] = value;
  }
  // A lease longer than the longest run would only lengthen the wait after a crash.
  settings.leaseMs = Math.min(settings.leaseMs as number, settings.maxLeaseMs as number);
  return settings as unknown as Settings;
}

/** @throws ActonceError `ERR_INVALID_ARGUMENT` */
export function settingsOfClient(defaults: IdempotencyDefaults | undefined): Settings {
  if (defaults === undefined) return DEFAULTS;
  check(SETTINGS, defaults, 'option defaults');
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
