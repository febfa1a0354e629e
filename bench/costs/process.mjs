// The process of counted.mjs, as a server runs: development checks are no part of what a call costs.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { dieWithUs, hasEnded } from '../../__test__/support/reaper.mjs';
import { TOGETHER } from './calls.mjs';
import { startGathering } from './gathering.mjs';

const COUNTED = fileURLToPath(new URL('./counted.mjs', import.meta.url));
/** A machine with much else to do took half a minute. */
const LIMIT_MS = 300_000;

/**
 * @param command a program and its arguments, to which those of counted.mjs are added
 * @returns what it wrote: the counts as JSON
 */
export async function runProcess([program, ...flags], what, server, count) {
  const gathering = await startGathering({ to: server.target, count: TOGETHER });
  try {
    return await outputOf([program, ...flags, COUNTED, what, server.url, gathering.url, count]);
  } finally {
    await gathering.close();
  }
}

async function outputOf([program, ...args]) {
  const env = { ...process.env, NODE_ENV: 'production' };
  const running = promisify(execFile)(program, args, { env, timeout: LIMIT_MS });
  const { pid } = running.child;
  if (pid) dieWithUs(pid);
  const { stdout } = await running.finally(() => hasEnded(pid));
  return stdout;
}
