// Results are Markdown: the same on the terminal and in bench/results/.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../scripts/step.mjs';

export const thousands = (value) => (value < 1000 ? whole(value) : `${(value / 1000).toFixed(1)} k`);
export const tenths = (value) => value.toFixed(1);
export const whole = (value) => value.toFixed(0);
export const hundredths = (value) => value.toFixed(2);

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), 'results');

/** @param align of all columns but the first */
export function table(titles, rows, align = '---:') {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(titles), line(titles.map((_, column) => (column === 0 ? '---' : align))), ...rows.map(line)];
}

const today = () => new Date().toISOString().slice(0, 10);

/** What the files of a run are called, without the ending. */
export const fileName = (topic) => `${today()}-${topic.replaceAll(/\W+/g, '-')}`;

/** @param chart SVG, when there is one */
export function keep({ topic, text, chart }) {
  fs.mkdirSync(folder, { recursive: true });
  const write = (ending, content) => {
    const file = path.join(folder, `${fileName(topic)}.${ending}`);
    fs.writeFileSync(file, content);
    return path.relative(root, file);
  };
  const files = [write('md', text), ...(chart ? [write('svg', chart)] : [])];
  console.log(`${text}\nwritten to ${files.join(' and ')}`);
}
