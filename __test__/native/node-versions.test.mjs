// One addon for every version of Node: it is built on Node-API, and the loop executor on libuv's own functions, which the
// node program exports. Newer programs come from npm; where no registry answers, there is nothing to run them with.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { nodeProgram } from '../support/node-program.mjs';
import { startRedis } from '../support/redis.mjs';
import '../support/unhandled.mjs';

const runFile = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('../support/every-node.mjs', import.meta.url));

describe('the same addon and package run', () => {
  let redis;
  before(async () => {
    redis = await startRedis();
  });
  after(() => redis.stop());

  for (const major of [20, 22, 24, 26]) {
    it(`on Node ${major}: every store, both executors, worker threads, a clean exit`, async (t) => {
      const { file, reason } = await nodeProgram(major);
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
