// The files that README.md shows, as it shows them.
import fs from 'node:fs';
import path from 'node:path';
import { root } from '../../scripts/step.mjs';

const BLOCK = /^```tsx?\n(?:\/\/ ([\w./-]+)[^\n]*\n)([\s\S]*?)^```$/gm;

/** Writes each block whose first line is the comment of a file's name into that file, below `folder`. */
export function writeReadmeFiles(folder) {
  const text = fs.readFileSync(path.join(root, 'README.md'), 'utf8');
  const files = [...text.matchAll(BLOCK)].map(([, name, code]) => [name.replace(/:$/, ''), code]);
  for (const [name, code] of files) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), code);
  }
  return files.map(([name]) => name);
}
