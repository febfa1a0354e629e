// docs/scenarios.md is true: every number that a test carries has a row, and every row links exactly the files whose
// tests carry its number. The rows of the fault matrix (RA to RF, RH) are held by faults/matrix-documented.test.mjs.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../../scripts/step.mjs';
import '../support/unhandled.mjs';

const read = (file) => fs.readFileSync(path.join(root, file), 'utf8');
const page = read('docs/scenarios.md');

const NUMBER = /^(?:[A-FH-JS]|RG)\d+[a-z]?$/;
const ANY = '[A-Z]{1,2}\\d+[a-z]?';
const LIST = `${ANY}(?:, ${ANY})*`;
const STRINGS = /(['"`])((?:(?!\1)[^\\\n]|\\.)*)\1/g;
const IN_FRONT = new RegExp(`^(${LIST})[.:]? \\S`);
const IN_BRACKETS = new RegExp(`\\((${LIST})\\)`, 'g');

/** The numbers of a text: in front of it, and in brackets anywhere. */
function numbersOf(title) {
  const lists = [IN_FRONT.exec(title)?.[1], ...[...title.matchAll(IN_BRACKETS)].map(([, list]) => list)];
  return lists.flatMap((list) => list?.split(', ') ?? []).filter((number) => NUMBER.test(number));
}

function filesUnder(folder, ending) {
  const entries = fs.readdirSync(path.join(root, folder), { recursive: true });
  return entries.filter((entry) => entry.endsWith(ending)).map((entry) => `${folder}/${entry}`);
}

/** By number, the files whose tests carry it. Some titles come from tables, so every text of a file counts. */
function carried() {
  const files = new Map();
  const add = (number, file) => files.set(number, (files.get(number) ?? new Set()).add(file));
  const tests = filesUnder('__test__', '.mjs').filter((file) => !/^__test__\/(?:fixtures|support)\//.test(file));
  for (const file of tests) {
    for (const [, , text] of read(file).matchAll(STRINGS)) for (const number of numbersOf(text)) add(number, file);
  }
  for (const file of ['src', 'tests'].flatMap((folder) => filesUnder(folder, '.rs'))) {
    for (const [, start] of read(file).matchAll(/\bfn ([a-z]{1,2}\d+[a-z]?)_/g)) {
      const number = start.replace(/^[a-z]+/, (letters) => letters.toUpperCase());
      if (NUMBER.test(number)) add(number, file);
    }
  }
  return files;
}

/** By number, the files that its row links. */
function listed() {
  const rows = new Map();
  for (const [, number, sentence, cell] of page.matchAll(/^\| (\S+) \| (.+) \| (.*) \|$/gm)) {
    if (!NUMBER.test(number)) continue;
    assert.ok(!rows.has(number), `${number} has two rows`);
    assert.match(sentence, /^\S.*\.$/, `${number} has no sentence`);
    const links = [...cell.matchAll(/\]\(\.\.\/([^)]+)\)/g)].map(([, file]) => file);
    rows.set(number, new Set(links));
  }
  return rows;
}

test('every number that a test carries has a row, which links the files of its tests and no others', () => {
  const rows = listed();
  assert.ok(rows.size > 100, `${rows.size} rows`);
  for (const [number, files] of carried()) {
    assert.ok(rows.has(number), `${number} of ${[...files].join(', ')} has no row in docs/scenarios.md`);
    assert.deepEqual([...rows.get(number)].sort(), [...files].sort(), `the tests of ${number} in docs/scenarios.md`);
  }
});

test('every row has a test that carries its number', () => {
  const files = carried();
  for (const number of listed().keys()) assert.ok(files.has(number), `no test carries ${number}`);
});

test('every number that a page names is a row', () => {
  const rows = listed();
  for (const file of filesUnder('docs', '.md')) {
    for (const [, list] of read(file).matchAll(IN_BRACKETS)) {
      const unknown = list.split(', ').filter((number) => NUMBER.test(number) && !rows.has(number));
      assert.deepEqual(unknown, [], `${file} names what is no scenario`);
    }
  }
});
