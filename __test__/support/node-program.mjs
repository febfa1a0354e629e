// Other versions of Node and other runtimes, which npm brings. Without a registry there are none.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

const runFile = promisify(execFile);
const DOWNLOAD_LIMIT_MS = 180_000;

/** The `file` of a Node of that major version, downloaded by npm once; or the `reason` why there is none. */
export async function nodeProgram(major) {
  if (Number(process.versions.node.split('.')[0]) === major) return { file: process.execPath };
  return programOf('node', ['-p', 'process.execPath'], `node@${major}`);
}

/** The same for another runtime: the program `name` of a package, run with `ask`, prints where it is. */
export async function programOf(name, ask, packageName = name) {
  const args = ['-y', '-p', packageName, '--', name, ...ask];
  try {
    const { stdout } = await runFile('npx', args, { timeout: DOWNLOAD_LIMIT_MS, cwd: path.parse(process.cwd()).root });
    return { file: stdout.trim().split('\n').at(-1) };
  } catch (error) {
    return { reason: `npm could not bring ${packageName}: ${(error.stderr || error.message).trim().split('\n')[0]}` };
  }
}
