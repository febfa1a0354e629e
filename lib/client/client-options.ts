/**
 * The options of a client and of its operators' calls, with their defaults and rules. The addon decides what a URL may
 * name.
 */
import type { ClientOptions, CloseOptions, DurabilityOptions, ResetOptions, Resolution } from '../../index';
import type { CacheLimits } from '../call/cache';
import { LARGEST_RESULT_BYTES, RENEWALS_PER_LEASE, SETTINGS, settingsOfClient } from '../call/options';
import type { NativeConfig } from '../native/binding';
import {
  anything,
  check,
  duration,
  either,
  LONGEST_TIMER_MS,
  ofType,
  oneOf,
  optionError,
  type Rule,
  rulesOf,
  whole,
} from '../rules';

// Each `@default` in index.d.ts stands in the table of its interface, here and wherever options are read; a test
// compares the two.
export const CACHE_DEFAULTS = { maxEntries: 1_000, maxBytes: 8_388_608, maxAgeMs: 5_000 } as const;
const CACHE_RULES = rulesOf({
  maxEntries: whole(2, 1_000_000),
  maxBytes: whole(2, LARGEST_RESULT_BYTES),
  maxAgeMs: whole(1, CACHE_DEFAULTS.maxAgeMs),
});
const MOST_REPLICAS = 100;

function isCodec(value: unknown): string | undefined {
  const codec = value as { encode?: unknown; decode?: unknown } | null;
  const fits = typeof codec?.encode === 'function' && typeof codec.decode === 'function';
  return fits ? undefined : 'must be an object with encode() and decode()';
}

function areClasses(value: unknown): string | undefined {
  const fits =
    Array.isArray(value) && value.every((type) => typeof type === 'function' && typeof type.prototype === 'object');
  return fits ? undefined : 'must be an array of error classes';
}

const isClassName = (name: unknown) => typeof name === 'string' && name !== '' && name.isWellFormed();

function areValueClasses(value: unknown): string | undefined {
  if (!Array.isArray(value)) return 'must be an array of classes: { name, is, encode, decode }';
  const functions = ['is', 'encode', 'decode'];
  const fits = value.every(
    (type) => isClassName(type?.name) && functions.every((name) => typeof type[name] === 'function'),
  );
  if (!fits) return 'must be an array of classes, each with a name and the functions is, encode and decode';
  const names = value.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  return twice === undefined ? undefined : `has two classes of the name '${twice}'`;
}

const LEAST_SECRET = 16;
export function isSecret(value: unknown): string | undefined {
  const secrets: unknown = Array.isArray(value) ? value : [value];
  const fits =
    Array.isArray(secrets) &&
    secrets.length > 0 &&
    secrets.every((secret) => typeof secret === 'string' && secret.length >= LEAST_SECRET && secret.isWellFormed());
  return fits ? undefined : `must be a string of at least ${LEAST_SECRET} characters, or an array of such strings`;
}

const isPrefix: Rule = (value) =>
  typeof value === 'string' && /^[A-Za-z0-9._:-]{1,64}$/.test(value)
    ? undefined
    : "must be 1 to 64 letters, digits, '.', '_', '-' or ':'";

export const CLIENT_DEFAULTS = {
  prefix: 'actonce',
  executor: 'auto',
  connectTimeoutMs: 2_000,
  commandTimeoutMs: 1_000,
  totalTimeoutMs: 5_000,
  cache: CACHE_DEFAULTS,
  eviction: 'warn',
} as const;
export const DURABILITY_DEFAULTS = { timeoutMs: 1_000, fsync: false } as const;
export const CLOSE_DEFAULTS = { graceMs: 5_000 } as const;

const CLIENT_RULES = rulesOf<keyof ClientOptions>({
  url: ofType('string'),
  prefix: isPrefix,
  secret: isSecret,
  defaults: anything,
  codec: isCodec,
  errors: areClasses,
  values: areValueClasses,
  cache: either(ofType('object'), (value) => (value === false ? undefined : 'must be an object or false')),
  executor: oneOf('auto', 'loop', 'thread'),
  connectTimeoutMs: duration,
  commandTimeoutMs: duration,
  totalTimeoutMs: duration,
  tls: ofType('object'),
  durability: ofType('object'),
  eviction: oneOf('warn', 'refuse'),
  encryption: ofType('object'),
  compression: ofType('object'),
});
const DURABILITY_RULES = rulesOf<keyof DurabilityOptions>({
  replicas: whole(0, MOST_REPLICAS),
  timeoutMs: duration,
  fsync: ofType('boolean'),
});

/** @throws ActonceError `ERR_INVALID_ARGUMENT` */
export function checkClientOptions(options: ClientOptions): void {
  for (const name of Object.keys(options ?? {})) {
    if (Object.hasOwn(SETTINGS, name)) throw optionError(name, `belongs to calls; did you mean defaults: { ${name} }?`);
  }
  check(CLIENT_RULES, options);
}

/** @throws ActonceError `ERR_INVALID_ARGUMENT` */
export function durabilityOf({ durability, defaults }: ClientOptions): NativeConfig['durability'] {
  if (durability === undefined) return undefined;
  check(DURABILITY_RULES, durability, 'option durability');
  const { replicas, timeoutMs = DURABILITY_DEFAULTS.timeoutMs, fsync = DURABILITY_DEFAULTS.fsync } = durability;
  if (replicas === undefined || (replicas === 0 && !fsync)) {
    throw optionError('durability.replicas', 'must be given, and at least 1 without fsync');
  }
  const { leaseMs } = settingsOfClient(defaults);
  // The wait must end before the next renewal is due.
  if (timeoutMs > leaseMs / RENEWALS_PER_LEASE) {
    throw optionError('durability.timeoutMs', `must be at most a third of leaseMs (${leaseMs})`);
  }
  return { replicas, timeoutMs, fsync };
}

/** @throws ActonceError `ERR_INVALID_ARGUMENT` */
export function cacheLimits(cache: ClientOptions['cache']): CacheLimits | undefined {
  if (cache === false) return undefined;
  if (cache === undefined) return CLIENT_DEFAULTS.cache;
  check(CACHE_RULES, cache, 'option cache');
  return {
    maxEntries: cache.maxEntries ?? CACHE_DEFAULTS.maxEntries,
    maxBytes: cache.maxBytes ?? CACHE_DEFAULTS.maxBytes,
    maxAgeMs: cache.maxAgeMs ?? CACHE_DEFAULTS.maxAgeMs,
  };
}

const TARGET_RULES = rulesOf({
  key: anything,
  scope: anything,
  hash: (value) => (/^[\w-]{22}$/.test(String(value)) ? undefined : 'must be a hash of 22 characters'),
});
const RESET_RULES = rulesOf({ force: ofType('boolean') });
const RESOLUTION_RULES = rulesOf({
  value: anything,
  rerun: (value) => (value === true ? undefined : 'must be true'),
  force: ofType('boolean'),
  retentionMs: SETTINGS.retentionMs.rule,
});
const CLOSE_RULES = rulesOf({ graceMs: whole(0, LONGEST_TIMER_MS) });

/** @throws ActonceError `ERR_INVALID_ARGUMENT` */
export function checkTarget(target: unknown): void {
  check(TARGET_RULES, target, 'the target');
  const { hash, key } = target as { hash?: unknown; key?: unknown };
  if ('hash' in (target as object) && hash === undefined) throw optionError('hash', 'is undefined');
  if (hash !== undefined && key !== undefined) throw optionError('hash', 'and key name two records; give one of them');
}

/** @throws ActonceError `ERR_INVALID_ARGUMENT` */
export function checkReset(options: ResetOptions): void {
  check(RESET_RULES, options);
}

/** @throws ActonceError `ERR_INVALID_ARGUMENT` */
export function checkResolution(resolution: Resolution): void {
  check(RESOLUTION_RULES, resolution, 'the resolution');
  if (resolution.rerun === true && resolution.value !== undefined)
    throw optionError('value', 'and rerun exclude each other');
  if (resolution.rerun !== true && !('value' in resolution)) throw optionError('value', 'or rerun must be given');
}

/** @throws ActonceError `ERR_INVALID_ARGUMENT` */
export function checkClose(options: CloseOptions): void {
  check(CLOSE_RULES, options);
}
