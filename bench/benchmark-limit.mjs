// What the server can do at most: `redis-benchmark`, pipelined, with values as long as the usual result.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findProgram } from '../scripts/prepare.mjs';
import { USUAL_BYTES } from './order.mjs';

const OPTIONS = `-P 64 -c 50 -n 200000 -r 100000 -d ${USUAL_BYTES} -t set,get --csv`;
export const LIMIT_COMMAND = `redis-benchmark ${OPTIONS}`;
export const LIMIT = 'redis-benchmark';

/** Commands/s; no figures where the program is not installed. */
export async function measureLimit({ port }) {
  const program = findProgram('redis-benchmark');
  if (!program) return {};
  const { stdout } = await promisify(execFile)(program, ['-h', '127.0.0.1', '-p', String(port), ...OPTIONS.split(' ')]);
  const of = (command) => Number(stdout.match(new RegExp(`^"${command}","([\\d.]+)"`, 'm'))[1]);
  return { set: of('SET'), get: of('GET') };
}
