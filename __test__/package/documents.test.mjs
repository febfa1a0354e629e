// The checks of texts find what they are there for: pointers to what is not there, prose that is too wide, and a
// CONTRIBUTING.md that lacks a command.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { WIDTH, wideLines, wrapped } from '../../scripts/markdown-width.mjs';
import { faults } from '../../scripts/pointers.mjs';
import { root } from '../../scripts/step.mjs';
import { temporaryFolder } from '../support/folder.mjs';
import '../support/unhandled.mjs';

/** A repository of these files, by path. */
function repository(files) {
  const folder = temporaryFolder('documents');
  execFileSync('git', ['init', '--quiet'], { cwd: folder });
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }
  return folder;
}

test('a page that points to what is not there is named with its line', () => {
  const folder = repository({
    'docs/a.md': [
      '# One [thing](b.md) & `another`',
      '[b](b.md), [gone](gone.md), [code](../lib/a.ts "the code"), [elsewhere](https://example.test/gone.md)',
      '[here](#one-thing--another), [nowhere](#nothing), [there](b.md#2-two), [not there](b.md#two)',
      '`src/gone.rs`, `lib/a.ts`, `a.ts`, `gone.ts`, lib/gone/, and dist/made.cjs, which is made',
      'b.md section 2, and `b.md` section 3.1',
      '```ts',
      "import './in-an-app.ts';",
      '[link](in-code.md)',
      '```',
      '    node lib/gone.mjs',
      '<img src="gone.png">',
    ].join('\n'),
    'docs/b.md': '## 2. Two\n',
    'lib/a.ts': '',
  });
  assert.deepEqual(faults(folder), [
    'docs/a.md:2: there is no docs/gone.md',
    "docs/a.md:3: docs/a.md has no heading '#nothing'",
    "docs/a.md:3: docs/b.md has no heading '#two'",
    'docs/a.md:11: there is no docs/gone.png',
    'docs/a.md:4: there is no src/gone.rs',
    'docs/a.md:4: there is no gone.ts',
    'docs/a.md:4: there is no lib/gone/',
    'docs/a.md:5: b.md` section 3.1: docs/b.md has no section 3.1',
    'docs/a.md:10: there is no lib/gone.mjs',
  ]);
});

test('so is a comment, and only a comment', () => {
  const behind = '//';
  const folder = repository({
    'lib/a.ts': [
      '/** See design.md section 2. */',
      `const file = 'gone.ts'; ${behind} as src/b.rs:12 has it, and src/e.rs has not`,
      "fetch('http://gone.ts');",
    ].join('\n'),
    'src/b.rs': '//! Owns b.\n/// As `a.ts`, or c.rs.\nlet text = "gone.md";\n',
    'src/d.lua': '-- As src/b.rs does, not e.lua.\n',
    'index.d.ts': '/**\n * In docs/gone.md.\n */\n',
  });
  assert.deepEqual(faults(folder), [
    'index.d.ts:2: there is no docs/gone.md',
    'lib/a.ts:1: there is no design.md',
    'lib/a.ts:2: there is no src/e.rs',
    'src/b.rs:2: there is no c.rs',
    'src/d.lua:1: there is no e.lua',
  ]);
});

const WORDS = 'word '.repeat(30).trim();

test('prose is wrapped at its width; what cannot be or need not be is left', () => {
  const long = `https://example.test/${'a'.repeat(WIDTH)}`;
  const left = [
    `# ${WORDS}`,
    `| ${WORDS} |`,
    `<p>${WORDS}</p>`,
    '',
    '```text',
    WORDS,
    '```',
    '',
    `[text](${long})`,
    '',
    `![${WORDS}](picture.svg)`,
    '',
    `    ${WORDS}`,
    '',
    `- ${long}`,
  ].join('\n');
  assert.deepEqual(wideLines(left), []);
  assert.equal(wrapped(left), left);

  const wide = [WORDS, '', `- ${WORDS}`, `  1. ${WORDS}`, '', `> ${WORDS}`, '', `see [text](${long})`].join('\n');
  assert.deepEqual(wideLines(wide), [1, 3, 4, 6, 8]);
  const narrow = wrapped(wide);
  assert.deepEqual(wideLines(narrow), []);
  assert.equal(wrapped(narrow), narrow);
  assert.deepEqual(
    narrow.split('\n').map((line) => /^(?:[->]|\d\.|\s)*/.exec(line)[0]),
    ['', '', '', '- ', '  ', '  1. ', '     ', '', '> ', '> ', '', '', ''],
  );
});

test('what is wrapped says the same: code and targets stay whole, nothing becomes a list, a break stays a break', () => {
  const code = `\`${'a '.repeat(20)}\``;
  const text = `${'x '.repeat(45)}${code} ${'y '.repeat(25)}- 3 # and\\\n${WORDS}  \nend`;
  const narrow = wrapped(text);
  assert.ok(narrow.includes(code));
  assert.equal(narrow.replaceAll(/\s+/g, ' '), text.replaceAll(/\s+/g, ' '));
  assert.ok(narrow.split('\n').every((line) => !/^[-#]/.test(line)));
  assert.match(narrow, /and\\\nword/);
  assert.match(narrow, /word {2}\nend$/);
});

const contributing = fs.readFileSync(path.join(root, 'CONTRIBUTING.md'), 'utf8');

test('CONTRIBUTING.md names every command of package.json', () => {
  const { scripts } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  for (const name of Object.keys(scripts)) {
    const command = ['start', 'test'].includes(name) ? `npm ${name}` : `npm run ${name}`;
    // The two halves of a build are explained with it, by their names alone.
    const isNamed = new RegExp(`\`(?:${command}|${name})(?: [^\`]*)?\``).test(contributing);
    assert.ok(isNamed || contributing.includes(`\n${command} `), `CONTRIBUTING.md lacks \`${command}\``);
  }
});

test("CONTRIBUTING.md names every one of the tests' own tools", () => {
  const tools = fs.readdirSync(path.join(root, '__test__/support')).filter((file) => !file.endsWith('.test.mjs'));
  for (const tool of tools) assert.ok(contributing.includes(`\`${tool}\``), `CONTRIBUTING.md lacks \`${tool}\``);
});
