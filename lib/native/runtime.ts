/**
 * Where the addon can run at all, and on which of its executors: what can be told before it is loaded. Elsewhere it would
 * end the process, or fail at some later line that says nothing.
 */
import type { ClientOptions } from '../../index';
import { ActonceError } from '../errors';
import { optionError } from '../rules';

type Executor = NonNullable<ClientOptions['executor']>;

const OLDEST_NODE = [20, 9] as const;

/** @throws ActonceError `ERR_UNSUPPORTED_PLATFORM` */
export function checkRuntime(): void {
  const { deno, node } = process.versions;
  if (deno !== undefined) throw unsupported('Deno cannot run the native addon. Use Node 20.9 or newer, or Bun');
  const [major = 0, minor = 0] = node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    throw unsupported(`Node ${node} is too old. Use Node ${OLDEST_NODE.join('.')} or newer`);
  }
}

/**
 * Bun says that it lends its event loop, and ends the process when it is used.
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
