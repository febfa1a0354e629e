// Runs commands as named sections: a headline, the command's own output, the time it took.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** Says what is being done and, at its end, how long it took. Throws what `work` throws. */
export async function section(title, work) {
  console.log(`\n── ${title}`);
  const started = performance.now();
  let ended = 'failed';
  try {
    const value = await work();
    ended = 'done';
    return value;
  } finally {
    console.log(`── ${title}: ${ended} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }
}

/** A section whose failure must not stop the later ones: one run shows everything that is broken. */
export async function attempt(title, work) {
  try {
    await section(title, work);
    return true;
  } catch (error) {
    console.error(error.message);
    return false;
  }
}

/**
 * Runs one command with our output streams and no standard input (nothing here may wait for a person).
 * Resolves to its exit code, or 128 when a signal ended it; rejects only when the command cannot be started.
 */
export function exitCode(command, args, { cwd = root, env = process.env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', (error) => {
      const missing = error.code === 'ENOENT' ? `${command} is not installed, or not on the PATH` : error.message;
      reject(new Error(missing, { cause: error }));
    });
    child.once('close', (code) => resolve(code ?? 128));
  });
}

/** Like exitCode, but anything other than success is an error that names the command. */
export async function run(command, args, options) {
  const code = await exitCode(command, args, options);
  if (code !== 0) throw new Error(`\`${[command, ...args].join(' ')}\` ended with ${code}`);
}

/** The main of a script: an expected failure is one line on stderr and exit code 1, not a stack. */
export async function main(work) {
  try {
    await work();
  } catch (error) {
    console.error(`\nactonce: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}

/** Whether this file was started by hand, and not imported by another. */
export function isMain(moduleUrl) {
  return process.argv[1] !== undefined && fs.realpathSync(process.argv[1]) === fileURLToPath(moduleUrl);
}
