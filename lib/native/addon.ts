/**
 * Finds and loads the native addon: what src/node exports, and where the file may be. The requires are written out so
 * that Next's tracer and bundlers see them. A package that is not installed is skipped.
 */
import type { ErrorCode } from '../../index';
import { whyNotLoaded } from './load-error';
import { unsupported } from './runtime';
import type { NativeBegin } from './terms';

/**
 * The functions of one client. Every call is answered through `deliver`, with one exception: outcomes without a text
 * that are known at once (the embedded store's) are left in the buffer, and the call's result counts them.
 */
export interface NativeClient {
  begin(...claim: Parameters<NativeBegin>): number;
  again(op: number): number;
  wait(op: number, ms: number): number;
  /**
   * Answers DELAYED once after patienceMs, keeps trying until budgetMs, then gives a final answer. mark: the code of an
   * ASCII character to write in front of the payload; 0 for none.
   */
  complete(
    op: number,
    payload: string,
    retentionMs: number,
    patienceMs: number,
    budgetMs: number,
    mark: number,
  ): number;
  /** mode: 0 release, 1 record, 2 hold. keptForMs: how long the error is kept; when released, for those who wait. */
  fail(
    op: number,
    mode: 0 | 1 | 2,
    payload: string | null,
    keptForMs: number,
    patienceMs: number,
    budgetMs: number,
  ): number;
  /** Gives up an op; a begin that is still under way is withdrawn in the background. */
  forget(op: number): void;
  /**
   * command: JSON `{do: 'inspect' | 'reset' | 'resolve', hash or identity, force?, value?, rerun?, retentionMs?,
   * budgetMs?}`.
   */
  admin(op: number, command: string): number;
  /**
   * From now on `machine` stands for this state machine: a Definition with historyLimit and retentionMs, as JSON.
   * @returns why the definition cannot be used
   */
  define(machine: number, definition: string): string | undefined;
  create(op: number, machine: number, id: string, data: string | null, budgetMs: number): number;
  /**
   * expectedVersion: -1 for any; create: 0 or 1; record, fence, attempt and retentionMs describe the attempt of an
   * idempotency key that takes this step.
   */
  send(
    op: number,
    machine: number,
    id: string,
    event: number,
    data: string | null,
    payload: string | null,
    key: string | null,
    expectedVersion: number,
    create: 0 | 1,
    record: string | null,
    fence: number,
    attempt: number,
    retentionMs: number,
    budgetMs: number,
  ): number;
  /**
   * purpose: `glance`, `history`, `drain`, or the numbers of the states that are waited for, with commas between. For
   * the trail of a run, JSON `{record, ends}` with the keys of the steps that may end the run; the answer is RECORD
   * with a JSON array of `{version, state, isOwn, end}`.
   */
  look(op: number, machine: number, id: string, purpose: string, budgetMs: number): number;
  /** The instances of one of 16 partitions whose `after` is due, after the first `skipped`: DUE with a JSON array. */
  due(op: number, machine: number, partition: number, skipped: number, limit: number, budgetMs: number): number;
  /** Whether the lease's local deadline is still ahead; looks at the clock. */
  held(op: number): boolean;
  hash(identity: string): string;
  /** UUIDv5. */
  deriveKey(identity: string, name: string): string;
  /** `loop` or `thread`. */
  executor(): string;
  /** How many leases the keeper looks after. */
  leases(): number;
  /** Pending calls answer STORE_ERROR with ERR_CLOSED. */
  close(): void;
  /** For users' tests, with the embedded store: lets time pass, as if every held lease were renewed in time. */
  advance(ms: number): number;
  /**
   * For users' tests: as if the process that runs this operation had died. What the operation says from then on is
   * LOST.
   */
  crash(op: number): void;
}

export interface NativeModule {
  open(
    config: string,
    /**
     * 8 doubles per outcome: op, tag, fence, attempt, flags (1 recovered; of a STORE_ERROR: there is a record), ms,
     * code, unused.
     */
    outcomes: Float64Array,
    deliver: (count: number, payloads: (string | null)[] | null) => void,
  ): NativeClient;
  /** Why the configuration cannot be used, or null. */
  validateConfig(config: string): string | null;
}

/** Codes by the index that crosses from Rust, in the order of `CODES` in src/error.rs. */
export const STORE_CODES: readonly ErrorCode[] = [
  'ERR_STORE_UNAVAILABLE',
  'ERR_STORE_FULL',
  'ERR_STORE_REFUSED',
  'ERR_STORE_PROTOCOL',
  'ERR_CLOSED',
  'ERR_INVALID_ARGUMENT',
  'ERR_DURABILITY',
];

/** Why a lease is lost, as the addon numbers the reasons. */
export const Loss = { expired: 0, refused: 1, maxLease: 2 } as const;

/**
 * The places of the addon on this platform. The local build comes first, so that a checkout never runs an older addon
 * that is installed. When a build cannot follow a require, Turbopack prints the lines around it: hence the comments.
 */
function candidates(): (() => unknown)[] {
  switch (`${process.platform}-${process.arch}`) {
    case 'linux-x64':
      return [
        // Do you see this in a build? Wrap next.config in withActonce() of 'actonce/next'.
        () => require('../actonce.linux-x64-gnu.node'),
        () => require('actonce-linux-x64-gnu'),
        // Do you see this in a build? Wrap next.config in withActonce() of 'actonce/next'.
        () => require('../actonce.linux-x64-musl.node'),
        () => require('actonce-linux-x64-musl'),
      ];
    case 'linux-arm64':
      return [
        // Do you see this in a build? Wrap next.config in withActonce() of 'actonce/next'.
        () => require('../actonce.linux-arm64-gnu.node'),
        () => require('actonce-linux-arm64-gnu'),
        // Do you see this in a build? Wrap next.config in withActonce() of 'actonce/next'.
        () => require('../actonce.linux-arm64-musl.node'),
        () => require('actonce-linux-arm64-musl'),
      ];
    case 'darwin-x64':
      return [
        // Do you see this in a build? Wrap next.config in withActonce() of 'actonce/next'.
        () => require('../actonce.darwin-x64.node'),
        () => require('actonce-darwin-x64'),
      ];
    case 'darwin-arm64':
      return [
        // Do you see this in a build? Wrap next.config in withActonce() of 'actonce/next'.
        () => require('../actonce.darwin-arm64.node'),
        () => require('actonce-darwin-arm64'),
      ];
    default:
      return [];
  }
}

let loaded: NativeModule | undefined;

/** @throws ActonceError `ERR_UNSUPPORTED_PLATFORM`, which says why no addon was loaded and what helps. */
export function loadAddon(): NativeModule {
  if (loaded !== undefined) return loaded;
  const errors: unknown[] = [];
  for (const load of candidates()) {
    try {
      loaded = load() as NativeModule;
      return loaded;
    } catch (error) {
      errors.push(error);
    }
  }
  throw unsupported(whyNotLoaded(errors), errors.length > 1 ? new AggregateError(errors) : errors[0]);
}
