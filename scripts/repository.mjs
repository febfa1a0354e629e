// The files of the repository as the checks of its texts see them: what git keeps or would keep, and nothing generated.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { root } from './step.mjs';

/** Paths relative to the repository, with `/` between folders. */
export function repositoryFiles(folder = root) {
  // In a container the folder may belong to another user, which git refuses unless it is told that this is safe.
  const safe = ['-c', 'safe.directory=*'];
  const args = [...safe, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const listed = execFileSync('git', args, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 26 }).split('\0');
  // What is deleted and not yet committed is listed, too.
  return listed.filter((file) => file !== '' && fs.existsSync(path.join(folder, file)));
}

/** Reports that a command made, with the date in their name: they say what was so on that day. */
const isReport = (file) => file.startsWith('bench/results/');

/** Markdown that people write. */
export function pages(folder = root) {
  return repositoryFiles(folder).filter((file) => file.endsWith('.md') && !isReport(file));
}
