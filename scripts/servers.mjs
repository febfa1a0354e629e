// Runs the fault matrix on other servers than that of `npm test`: on every `*-server` in a folder, one after the other.
// Prints the table of docs/reliability.md. `node scripts/servers.mjs [folder] [name…]`; without a folder,
// ACTONCE_SERVERS names it.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { root } from './step.mjs';
import { testFiles } from './test-files.mjs';

/** The tests that depend on the server. The rows of part F are about values, and one server is enough for them. */
const FILES = [
  'matrix-moments',
  'matrix-store',
  'faults',
  'outages',
  'takeover',
  'refusals',
  'lease/lease',
  'waiting',
  'quota',
  'eviction',
];

const [folder = process.env.ACTONCE_SERVERS, ...wanted] = process.argv.slice(2);
if (!folder) throw new Error('give a folder with programs named like valkey-9.1.2-server, or set ACTONCE_SERVERS');
const files = testFiles(FILES);
const programs = fs.readdirSync(folder).filter((name) => name.endsWith('-server'));

function versionOf(program) {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  const [, name, version] = /(Redis|Valkey) server v=(\S+)/.exec(stdout) ?? [];
  return name ? `${name} ${version}` : stdout.trim();
}

let failed = false;
console.log('| server | tests | passed | failed | skipped | date |\n| --- | ---: | ---: | ---: | ---: | --- |');
for (const name of programs.filter((each) => wanted.length === 0 || wanted.includes(each))) {
  const program = path.resolve(folder, name);
  const options = ['--test', '--test-concurrency=2', '--test-reporter=tap', ...files];
  // In a pipe of a parent that is itself a test, Node would report in another format.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { stdout } = spawnSync(process.execPath, options, {
    cwd: root,
    env: { ...env, REDIS_BIN: program, ACTONCE_SERVERS: path.resolve(folder) },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const count = (word) => Number(new RegExp(`^# ${word} (\\d+)`, 'm').exec(stdout)?.[1] ?? Number.NaN);
  const cells = ['tests', 'pass', 'fail', 'skipped'].map(count);
  console.log(`| ${[versionOf(program), ...cells, new Date().toISOString().slice(0, 10)].join(' | ')} |`);
  for (const [line] of stdout.matchAll(/^ *not ok .*$/gm)) console.error(`${name}: ${line.trim()}`);
  failed ||= cells[2] !== 0;
}
process.exitCode = failed ? 1 : 0;
