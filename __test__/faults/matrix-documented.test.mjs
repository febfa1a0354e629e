// docs/reliability.md is true: every row of the fault matrix has tests that carry its number, and every number that a test
// carries is a row. Numbers of other forms, RG among them, are rows of docs/scenarios.md.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { root } from '../../scripts/step.mjs';
import { testFiles } from '../../scripts/test-files.mjs';
import '../support/unhandled.mjs';

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));
const page = fs.readFileSync(path.join(docs, 'reliability.md'), 'utf8');

/** By number: the links of its last cell, or none where it is open. */
const rows = new Map(
  [...page.matchAll(/^\| (R[A-H]\d+) \|.*\| ([^|]*) \|$/gm)].map(([, number, cell]) => [
    number,
    {
      isOpen: cell === 'open',
      links: [...cell.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)].map(([, title, file]) => ({ title, file })),
    },
  ]),
);

/** Numbers that tests carry, in whatever text of theirs. */
function carried() {
  const numbers = new Map();
  for (const name of testFiles()) {
    for (const [number] of fs.readFileSync(path.join(root, name), 'utf8').matchAll(/\bR[A-FH]\d+\b/g))
      numbers.set(number, name);
  }
  return numbers;
}

test('every row of the fault matrix has a test that carries its number', () => {
  assert.ok(rows.size > 70, `${rows.size} rows`);
  for (const [number, { isOpen, links }] of rows) {
    assert.ok(isOpen || links.length > 0, `${number} has no test and is not open`);
    for (const { title, file } of links) {
      assert.ok(title.toUpperCase().includes(number), `${number}: '${title}' does not carry it`);
      const text = fs.readFileSync(path.join(docs, file), 'utf8');
      assert.ok(text.includes(title), `${number}: there is no '${title}' in ${file}`);
    }
  }
});

test('every number that a test carries is a row, and no open one', () => {
  for (const [number, name] of carried()) {
    assert.ok(rows.has(number), `${number} of ${name} is no row of docs/reliability.md`);
    assert.ok(!rows.get(number).isOpen, `${number} has a test in ${name}: its row is not open any more`);
  }
});
