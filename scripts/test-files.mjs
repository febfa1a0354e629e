// Knows which files hold the Node tests: all of them, those of a room (a folder of __test__/), or those that say what
// every store does.
import fs from 'node:fs';
import path from 'node:path';
import { root } from './step.mjs';

const FOLDER = '__test__';
const ENDING = '.test.mjs';
const CONFORMANCE = /^import [^;]* from '[^']*\/support\/conformance\.mjs';$/m;

/** Paths relative to the repository. Fixtures are apps of their own, with tests that other runners run. */
function allTests() {
  const entries = fs.readdirSync(path.join(root, FOLDER), { recursive: true });
  const isTest = (entry) => entry.endsWith(ENDING) && !entry.startsWith(`fixtures${path.sep}`);
  return entries
    .filter(isTest)
    .sort()
    .map((entry) => path.join(FOLDER, entry));
}

const roomOf = (file) => path.basename(path.dirname(file));
const nameOf = (file) => path.basename(file, ENDING);

/**
 * The test files of the given rooms (`lease`) or files (`takeover`, `lease/lease`); all where none is given.
 * @throws Error that lists the rooms, when one word is neither
 */
export function testFiles(words = []) {
  const all = allTests();
  if (words.length === 0) return all;
  return words.flatMap((word) => {
    const found = all.filter((file) => [roomOf(file), nameOf(file), `${roomOf(file)}/${nameOf(file)}`].includes(word));
    if (found.length > 0) return found;
    const rooms = [...new Set(all.map(roomOf))].join(', ');
    throw new Error(`there is no room and no test file '${word}' in ${FOLDER}/; the rooms are ${rooms}`);
  });
}

/** The suites that run on every store: they import `conformance`. */
export function conformanceFiles() {
  return allTests().filter((file) => CONFORMANCE.test(fs.readFileSync(path.join(root, file), 'utf8')));
}
