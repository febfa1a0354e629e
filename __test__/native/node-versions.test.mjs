// One addon for every version of Node: it is built on Node-API, and the loop executor on libuv's own functions, which the
// node program exports. Newer programs come from npm; where no registry answers, there is nothing to run them with.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startRedis } from '../support/redis.mjs';
import '../support/unhandled.mjs';

const runFile = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('../support/every-node.mjs', import.meta.url));
const DOWNLOAD_LIMIT_MS = 180_000;

/** The file of a Node of that major version, downloaded by npm once; or why there is none. */
async function nodeProgram(major) {
  const args = ['-y', '-p', `node@${major}`, '--', 'node', '-p', 'process.execPath'];
  try {
    const { stdout } = await runFile('npx', args, { timeout: DOWNLOAD_LIMIT_MS, cwd: path.parse(PROGRAM).root });
    return { file: stdout.trim().split('\n').at(-1) };
  } catch (error) {
    return { reason: `npm could not bring Node ${major}: ${(error.stderr || error.message).trim().split('\n')[0]}` };
  }
}

describe('the same addon and package run', () => {
  let redis;
  before(async () => {
    redis = await startRedis();
  });
  after(() => redis.stop());

  for (const major of [20, 22, 24, 26]) {
    it(`on Node ${major}: every store, both executors, worker threads, a clean exit`, async (t) => {
      const own = Number(process.versions.node.split('.')[0]) === major;
      const { file, reason } = own ? { file: process.execPath } : await nodeProgram(major);
      if (!file) return t.skip(reason);
      const { NODE_TEST_CONTEXT: _, ...env } = process.env;
      const { stdout } = await runFile(file, [PROGRAM, redis.url], { env, timeout: 60_000 });
      const report = JSON.parse(stdout.trim().split('\n').at(-1));
      assert.equal(Number(report.node.split('.')[0]), major);
      const expected = { executed: 1, replayed: true, concurrent: 1, inThread: 'replayed' };
      assert.deepEqual(report.stores, { memory: expected, loop: expected, thread: expected });
    });
  }
});
