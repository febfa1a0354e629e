// actonce/testing, as a user's own tests use it: the same tests under node:test (here), Vitest and Jest, with the node
// and the jsdom environment, on the packed package.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { afterEach, beforeEach, describe, it, mock, test } from 'node:test';
import { prepareModules } from '../../scripts/prepare.mjs';
import { root } from '../../scripts/step.mjs';
import { installActonce } from '../support/install.mjs';
import '../support/unhandled.mjs';

const folder = path.join(root, '__test__/fixtures/testing');
await prepareModules(folder);
await installActonce(folder);
const { define } = await import('../fixtures/testing/place-order.shared.mjs');

let defined = 0;
describe('under node:test', () => {
  const counted = (name, body) => {
    defined += 1;
    test(name, body);
  };
  const fakeTimers = { start: () => mock.timers.enable(), stop: () => mock.timers.reset() };
  define({ test: counted, beforeEach, afterEach, assert, fakeTimers });
});

/** Runs another runner's program, and gives its JSON report. */
function report(program, ...args) {
  const { NODE_TEST_CONTEXT: _, ACTONCE_URL: __, REDIS_URL: ___, ...env } = process.env;
  const options = { cwd: folder, env, encoding: 'utf8', timeout: 240_000 };
  const { stdout, stderr, status } = spawnSync(process.execPath, [`node_modules/${program}`, ...args], options);
  assert.equal(status, 0, stderr + stdout);
  return JSON.parse(stdout.slice(stdout.indexOf('{')));
}

for (const [runner, ...command] of [
  ['Vitest', 'vitest/vitest.mjs', 'run', '--reporter=json'],
  ['Jest', 'jest/bin/jest.js', '--json', '--runInBand', '--silent'],
]) {
  it(`under ${runner}, in node and in jsdom: every test there is`, () => {
    const { numPassedTests, numTotalTests } = report(...command);
    assert.deepEqual([numPassedTests, numTotalTests], [2 * defined, 2 * defined]);
  });
}
