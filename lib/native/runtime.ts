/**
 * Checks before the addon is loaded whether it can run in this runtime, and on which executor. Without these checks the
 * addon would end the process, or a later line would fail without saying why.
 */
import type { ClientOptions } from '../../index';
import { announceOnce } from '../announce';
import { ActonceError } from '../errors';
import { optionError } from '../rules';

type Executor = NonNullable<ClientOptions['executor']>;

const OLDEST_NODE = [20, 9] as const;

/** @throws ActonceError `ERR_UNSUPPORTED_PLATFORM` */
export function checkRuntime(): void {
  const why = whyUnsupported();
  if (why !== undefined) throw unsupported(why);
}

/** Says at import what the first call will throw: a build imports the package, and calls nothing. */
export function warnOfRuntime(): void {
  const why = whyUnsupported();
  if (why !== undefined) announceOnce('runtime', why);
}

function whyUnsupported(): string | undefined {
  const { deno, node } = process.versions;
  if (deno !== undefined) return 'Deno cannot run the native addon. Use Node 20.9 or newer, or Bun';
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const isOld = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
  return isOld ? `Node ${node} is too old. Use Node ${OLDEST_NODE.join('.')} or newer` : undefined;
}

/**
 * Bun claims to lend its event loop, but it ends the process when the addon uses the loop.
 * @throws ActonceError `ERR_INVALID_ARGUMENT`
 */
export function executorFor(chosen: Executor): Executor {
  if (process.versions.bun === undefined) return chosen;
  if (chosen === 'loop')
    throw optionError('executor', "cannot be 'loop' on Bun, which has no libuv; use 'thread' or 'auto'");
  return 'thread';
}

export function unsupported(detail: string, cause?: unknown): ActonceError {
  return new ActonceError('ERR_UNSUPPORTED_PLATFORM', cause === undefined ? { detail } : { detail, cause });
}
