// Results are Markdown: the same on the terminal and in bench/results/.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../scripts/step.mjs';

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), 'results');

/** @param align of all columns but the first */
export function table(titles, rows, align = '---:') {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(titles), line(titles.map((_, column) => (column === 0 ? '---' : align))), ...rows.map(line)];
}

export function keep({ topic, text }) {
  const date = new Date().toISOString().slice(0, 10);
  const file = path.join(folder, `${date}-${topic.replaceAll(/\W+/g, '-')}.md`);
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(file, text);
  console.log(`${text}\nwritten to ${path.relative(root, file)}`);
}
