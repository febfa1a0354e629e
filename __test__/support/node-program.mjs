// Other versions of Node, from npm; where no registry answers, there is nothing to run them with.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

const runFile = promisify(execFile);
const DOWNLOAD_LIMIT_MS = 180_000;

/** The `file` of a Node of that major version, downloaded by npm once; or the `reason` why there is none. */
export async function nodeProgram(major) {
  if (Number(process.versions.node.split('.')[0]) === major) return { file: process.execPath };
  return programOf('node', `node@${major}`, `Node ${major}`);
}

/** The file that runs when a package of npm is asked for its program `name`. */
export async function programOf(name, packageName, title) {
  const args = ['-y', '-p', packageName, '--', name, '-p', 'process.execPath'];
  try {
    const { stdout } = await runFile('npx', args, { timeout: DOWNLOAD_LIMIT_MS, cwd: path.parse(process.cwd()).root });
    return { file: stdout.trim().split('\n').at(-1) };
  } catch (error) {
    return { reason: `npm could not bring ${title}: ${(error.stderr || error.message).trim().split('\n')[0]}` };
  }
}
