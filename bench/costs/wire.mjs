// Commands and bytes between the clients and Redis, counted by the proxy between them.
import { setTimeout as pause } from 'node:timers/promises';
import { heldRun } from '../../__test__/support/held-run.mjs';
import { startProxy } from '../../__test__/support/proxy.mjs';
import { keyOf } from '../order.mjs';
import { CALLS, once, open, RESULT, runCounted } from './calls.mjs';

const COUNT = 5;
/** After so long without a word on the wire everybody waits for somebody else. */
const STILL_MS = 30;

export async function countWire(redis) {
  const proxy = await startProxy({ to: redis.target });
  const counted = {};
  try {
    for (const [name, kind] of Object.entries({ ...CALLS, ...AWAITED })) {
      if (kind.together) continue; // the same commands
      const seen = {};
      await runCounted(kind, proxy, COUNT, (word) => {
        seen[word] = { commands: { ...proxy.requests }, bytes: proxy.bytes };
      });
      counted[name] = perCall(seen);
    }
  } finally {
    await proxy.close();
  }
  return counted;
}

/** One operation is a run and a duplicate that waits for it. */
const AWAITED = {
  'run and duplicate in one process': {
    open(proxy) {
      const client = open(proxy.url);
      return { call: awaited(proxy, client, client), clients: [client] };
    },
  },
  'run and duplicate in two processes': {
    open(proxy) {
      const [runner, asker] = [open(proxy.url), open(proxy.url)];
      return { call: awaited(proxy, runner, asker), clients: [runner, asker] };
    },
  },
};

function awaited(proxy, runner, asker) {
  return async (n) => {
    const key = keyOf(runner === asker ? 'awaited-here' : 'awaited-there', n);
    const held = heldRun();
    const run = once(runner, key, held.fn);
    await held.started;
    const duplicate = once(asker, key);
    await silence(proxy);
    held.returns(RESULT);
    await Promise.all([run, duplicate]);
    await silence(proxy);
  };
}

/** Everything is answered, and nobody asks on. */
async function silence(proxy) {
  const sum = (counts) => Object.values(counts).reduce((all, count) => all + count, 0);
  for (let before = -1, now = 0; before !== now || now !== sum(proxy.replies); ) {
    await pause(STILL_MS);
    [before, now] = [now, sum(proxy.requests)];
  }
}

function perCall({ begins, ends }) {
  const grown = Object.entries(ends.commands).map(([name, count]) => [name, count - (begins.commands[name] ?? 0)]);
  const commands = grown.filter(([, count]) => count > 0).map(([name, count]) => `${count / COUNT} ${name}`);
  return {
    commands: commands.sort().join(', ') || 'none',
    'bytes to Redis': (ends.bytes.requests - begins.bytes.requests) / COUNT,
    'bytes from Redis': (ends.bytes.replies - begins.bytes.replies) / COUNT,
  };
}
