/**
 * The table of error codes, and the error classes. A message says what happened, then what to do. Compare only the
 * `code`: `instanceof` fails across two copies of this module.
 */
import type { ErrorByCode, ErrorCode, ErrorDetails, InputIssue, LeaseLossReason } from '../index';

interface CodeEntry {
  /** Whether the same call with the same key may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  readonly what: string;
  readonly advice: string;
}

export const CODES: Readonly<Record<ErrorCode, CodeEntry>> = {
  ERR_INVALID_ARGUMENT: {
    retryable: false,
    what: 'An argument cannot be used',
    advice: 'Nothing was sent and nothing ran; correct the call.',
  },
  ERR_KEY_MISSING: {
    retryable: false,
    what: 'There is no idempotency key',
    advice:
      'Make one in the client, once per intent, and send it with every retry of the intent: in the field ' +
      'idempotency-key of the form (IdempotentForm does), as the first argument (useIdempotentCall does) or in the ' +
      "header Idempotency-Key. To run without a key, give an action or route missingKey: 'run', or a call skip: true.",
  },
  ERR_INVALID_INPUT: {
    retryable: false,
    what: 'The input does not fit the schema',
    advice: "Nothing was recorded and nothing ran; the error's issues say what does not fit.",
  },
  ERR_KEY_REUSED: {
    retryable: false,
    what: 'This idempotency key was already used with another payload',
    advice: 'Make a new key for a changed request. The first outcome is untouched.',
  },
  ERR_IN_PROGRESS: {
    retryable: true,
    what: 'Another call with this idempotency key is running',
    advice: 'Call again with the same key after retryAfterMs.',
  },
  ERR_INDETERMINATE: {
    retryable: false,
    what: 'An earlier attempt started, and nobody knows how it ended',
    advice: 'Find out how it ended, then call resolve() with the value or with { rerun: true }.',
  },
  ERR_LEASE_LOST: {
    retryable: true,
    what: 'This attempt no longer holds the key',
    advice: 'Call again with the same key to get the outcome that was recorded.',
  },
  ERR_REENTRANT: {
    retryable: false,
    what: 'The same idempotency key was used inside its own function',
    advice: 'The inner call would wait for itself; give it a key or a scope of its own.',
  },
  ERR_RESULT_UNAVAILABLE: {
    retryable: false,
    what: 'The run completed, but its value is not in the record',
    advice: 'The function is not run again. Return plain data that fits in maxResultBytes.',
  },
  ERR_RECORD_UNREADABLE: {
    retryable: false,
    what: 'The value stored at this key is not a record that this version can read',
    advice: 'Nothing was changed and nothing ran. Look at the value, then delete it or use another prefix.',
  },
  ERR_STORE_UNAVAILABLE: {
    retryable: true,
    what: 'The store did not answer in time',
    advice: 'Call again with the same key.',
  },
  ERR_STORE_FULL: {
    retryable: true,
    what: 'The store is out of memory',
    advice: 'Give it more memory (its eviction policy must stay noeviction), then call again with the same key.',
  },
  ERR_STORE_REFUSED: {
    retryable: false,
    what: 'The store refuses to serve this client',
    advice: 'Check the URL, the credentials, the ACL and the version of the server.',
  },
  ERR_STORE_PROTOCOL: {
    retryable: false,
    what: 'The store sent an answer that its protocol does not allow',
    advice: 'Check that the URL names a Redis server, and check what stands between it and this process.',
  },
  ERR_DURABILITY: {
    retryable: true,
    what: 'Fewer replicas or disks had the write in time than durability asks for',
    advice: 'The primary has the write, and may lose it. Call again with the same key.',
  },
  ERR_QUOTA: {
    retryable: true,
    what: 'This scope has as many keys as maxKeysPerScope allows',
    advice:
      'A new key may be accepted after retryAfterMs. Calls with keys that the scope already has are still answered.',
  },
  ERR_CLOSED: {
    retryable: false,
    what: 'The client is closed',
    advice: 'Create a new client.',
  },
  ERR_UNSUPPORTED_PLATFORM: {
    retryable: false,
    what: 'actonce cannot run here',
    advice: 'Nothing was sent and nothing ran.',
  },
  ERR_INVALID_TRANSITION: {
    retryable: false,
    what: 'The event leads nowhere from the state the instance is in',
    advice: "The event changed nothing; the error's allowed lists the events that lead on.",
  },
  ERR_VERSION_CONFLICT: {
    retryable: false,
    what: 'The instance has moved since it was read',
    advice: 'Nothing was changed; read the instance again and decide anew.',
  },
  ERR_NOT_FOUND: {
    retryable: false,
    what: 'There is no such instance',
    advice: 'Nothing was changed; create() it first, or send with { create: true }.',
  },
  ERR_STATE_NOT_REACHED: {
    retryable: true,
    what: 'The instance is not in the state that was waited for',
    advice: "See reason: after 'timeout' you can wait again; after 'unreachable' waiting does not help.",
  },
  ERR_UNKNOWN_STATE: {
    retryable: false,
    what: 'The instance is in a state that this config does not have',
    advice: 'Nothing was changed; keep a state in the config for as long as an instance may be in it.',
  },
};

/** Marks our errors for other copies of this module. */
const BRAND = Symbol.for('actonce.error');

function messageOf(code: ErrorCode, detail: string | undefined): string {
  const { what, advice } = CODES[code];
  const happened = detail === undefined ? what : `${what}: ${detail}`;
  return `${happened}${/[.?!]$/.test(happened) ? '' : '.'} ${advice} [${code}]`;
}

/** The one field that Next.js lets through to a browser in production; lib/wire/problem.ts reads it there. */
function digestOf(code: ErrorCode, retryAfterMs: number, hash: string | undefined): string {
  return `ACTONCE;${code};${retryAfterMs}${hash === undefined ? '' : `;${hash}`}`;
}

export class ActonceError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly digest: string;
  readonly hash: string | undefined;
  readonly retryAfterMs: number;

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    super(messageOf(code, details.detail), 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.retryable = CODES[code].retryable;
    this.hash = details.hash;
    this.retryAfterMs = details.retryAfterMs ?? 0;
    this.digest = digestOf(code, this.retryAfterMs, this.hash);
  }
}

export class KeyReusedError extends ActonceError {
  declare readonly code: 'ERR_KEY_REUSED';

  constructor(details?: ErrorDetails) {
    super('ERR_KEY_REUSED', details);
  }
}

export class InvalidInputError extends ActonceError {
  declare readonly code: 'ERR_INVALID_INPUT';
  readonly issues: readonly InputIssue[];

  constructor(issues: readonly InputIssue[], details?: ErrorDetails) {
    super('ERR_INVALID_INPUT', { detail: issues.map(({ message }) => message).join('; ') || undefined, ...details });
    this.issues = issues;
  }
}

export class InProgressError extends ActonceError {
  declare readonly code: 'ERR_IN_PROGRESS';

  constructor(details?: ErrorDetails) {
    super('ERR_IN_PROGRESS', details);
  }
}

export class QuotaError extends ActonceError {
  declare readonly code: 'ERR_QUOTA';

  constructor(details?: ErrorDetails) {
    super('ERR_QUOTA', details);
  }
}

export class IndeterminateError extends ActonceError {
  declare readonly code: 'ERR_INDETERMINATE';
  readonly fence: number;
  readonly since: Date;

  constructor(fence: number, since: Date, details?: ErrorDetails) {
    super('ERR_INDETERMINATE', details);
    this.fence = fence;
    this.since = since;
  }
}

/** What `fn` had returned. It is not a field of the error, so that logging the error does not log the value. */
const RETURNED = new WeakMap<ActonceError, unknown>();

export class LeaseLostError extends ActonceError {
  declare readonly code: 'ERR_LEASE_LOST';
  readonly reason: LeaseLossReason;
  readonly hasValue: boolean;
  constructor(reason: LeaseLossReason, details: ErrorDetails & { value?: unknown; hasValue?: boolean } = {}) {
    super('ERR_LEASE_LOST', details);
    this.reason = reason;
    this.hasValue = details.hasValue ?? 'value' in details;
    RETURNED.set(this, details.value);
  }

  get value(): unknown {
    return RETURNED.get(this);
  }
}

export class ResultUnavailableError extends ActonceError {
  declare readonly code: 'ERR_RESULT_UNAVAILABLE';
  readonly reason: 'unencodable' | 'too-large' | 'lost';
  readonly path: string | undefined;

  constructor(reason: 'unencodable' | 'too-large' | 'lost', path?: string, details?: ErrorDetails) {
    super('ERR_RESULT_UNAVAILABLE', details);
    this.reason = reason;
    this.path = path;
  }
}

/** The prototype of every class of ours, by the name that records have for it. */
const PROTOTYPES = new Map<string, Error>();

/** On the prototypes, so that an error shows its name once, in the first line of its stack, and not as a field. */
export function nameErrors(types: Readonly<Record<string, { readonly prototype: Error }>>): void {
  for (const [name, type] of Object.entries(types)) {
    Object.defineProperty(type.prototype, 'name', { value: name, configurable: true, writable: true });
    PROTOTYPES.set(name, type.prototype);
  }
}

/**
 * What an error of ours is made on when it is read from a record.
 * @param names its class and those it extends; without `ActonceError` it is another error that is named alike
 */
export function prototypeOfOwn(name: string, names: readonly string[]): Error | undefined {
  return names.includes('ActonceError') ? PROTOTYPES.get(name) : undefined;
}
nameErrors({
  ActonceError,
  KeyReusedError,
  InvalidInputError,
  InProgressError,
  QuotaError,
  IndeterminateError,
  LeaseLostError,
  ResultUnavailableError,
});
Object.defineProperty(ActonceError.prototype, BRAND, { value: true });

export function isActonceError(value: unknown): value is ActonceError;
export function isActonceError<C extends ErrorCode>(
  value: unknown,
  code: C,
): value is C extends keyof ErrorByCode ? ErrorByCode[C] : ActonceError & { readonly code: C };
export function isActonceError(value: unknown, code?: ErrorCode): boolean {
  if (typeof value !== 'object' || value === null || (value as { [BRAND]?: unknown })[BRAND] !== true) return false;
  return code === undefined || (value as ActonceError).code === code;
}

/** What an instance of a state machine answers: about that instance, whichever call has asked. */
const ABOUT_INSTANCES: ReadonlySet<ErrorCode> = new Set([
  'ERR_INVALID_TRANSITION',
  'ERR_VERSION_CONFLICT',
  'ERR_NOT_FOUND',
  'ERR_STATE_NOT_REACHED',
  'ERR_UNKNOWN_STATE',
]);

/**
 * Takes its digest from a refusal that leaves the function of another call: a browser would read it as that call's, and
 * forget a key that is still needed. Of its own call a function can only throw that its lease is lost; everything else
 * was refused to what the function called. Errors that are not ours stay as they are.
 * @param hash names the record of the call whose function threw it
 */
export function hideInner(thrown: unknown, hash: () => string | undefined): void {
  try {
    if (!isActonceError(thrown) || ABOUT_INSTANCES.has(thrown.code)) return;
    const isOwn = thrown.code === 'ERR_LEASE_LOST' && thrown.hash !== undefined && thrown.hash === hash();
    if (!isOwn) Reflect.set(thrown, 'digest', '');
  } catch {
    // It cannot even be looked at, so nothing can be read from it.
  }
}

/** Whether a caller is to be told of it as a refusal of its own call. */
export function isOwnRefusal(error: unknown): error is ActonceError {
  return isActonceError(error) && error.digest !== '';
}

export function invalid(detail: string): ActonceError {
  return new ActonceError('ERR_INVALID_ARGUMENT', { detail });
}
