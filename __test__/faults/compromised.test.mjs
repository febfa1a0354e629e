// A Redis in somebody else's hands: whatever it answers, a call gives a value or a typed error within its time, nothing
// is an unhandled rejection, and the process lives on in bounded memory. Not promised is that fn runs once: who answers
// may say "acquired" to everybody.
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'node:test';
import { createClient, defineStateMachine, drainStateMachines, isActonceError } from '../support/actonce.mjs';
import { EXECUTORS } from '../support/contenders.mjs';
import { temporaryFolder } from '../support/folder.mjs';
import { seeded, startHostileRedis } from '../support/hostile-redis.mjs';

const CALLS = process.env.ACTONCE_LONG === '1' ? 4_000 : 250;
const AT_ONCE = 10;
/** Within its budget, and what a busy machine takes. */
const LONGEST_MS = 10_000;
const MOST_RSS = 300 * 1024 * 1024;

/** A recorded error is thrown again as what it was, or as what a hostile payload makes of it: an Error in any case. */
const isReplayed = (error) => error instanceof Error && error.name !== 'TypeError';

function operations(client, { below, pick }) {
  const config = {
    id: 'order',
    initial: 'a',
    states: { a: { on: { GO: 'b' } }, b: { after: { 60000: 'c' } }, c: { type: 'final' } },
  };
  const machine = defineStateMachine(config, { client });
  const key = () => `key-${below(200)}`;
  const short = { scope: 'public', waitTimeoutMs: 200 };
  const call = (options) => () => client.withIdempotency(key(), () => 'value', { ...short, ...options });
  const throws = () => {
    throw new Error('declined');
  };
  const all = [
    call({}),
    call({ payload: { a: 1 } }),
    call({ onDuplicate: 'reject' }),
    call({ onCrash: 'hold' }),
    () => client.withIdempotency(key(), throws, { ...short, onError: pick(['release', 'record', 'hold']) }),
    () => client.inspect({ key: key() }),
    () => client.reset({ key: key() }),
    () => client.resolve({ key: key() }, { value: 1 }),
    () => machine.create(key()),
    () => machine.send(key(), 'GO'),
    () => machine.get(key()),
    () => machine.history(key()),
    () => machine.waitFor(key(), 'c', { timeoutMs: 100 }),
  ];
  // One of these asks 64 questions at once, and one strange answer ends the connection for all of them.
  const drain = () => drainStateMachines({ client, limitMs: 200 });
  return () => (below(60) === 0 ? drain() : pick(all)());
}

for (const executor of EXECUTORS) {
  for (const greets of [true, false]) {
    const title = greets ? 'what it answers to commands' : 'what it answers to a greeting, too';
    describe(`a compromised Redis · redis×${executor}`, { timeout: 600_000 }, () => {
      it(`${title}: only values and typed errors, in time and in bounded memory`, async (t) => {
        const socket = path.join(temporaryFolder('hostile'), 's');
        const server = await startHostileRedis({ path: socket, seed: 7, greets });
        t.after(() => server.close());
        const budgets = { connectTimeoutMs: 300, commandTimeoutMs: 150, totalTimeoutMs: 400 };
        const client = createClient({
          url: `unix://${socket}`,
          executor,
          cache: false,
          ...budgets,
          defaults: { leaseMs: 1_000, recordTimeoutMs: 400 },
        });
        t.after(() => client.close({ graceMs: 0 }));
        const operate = operations(client, seeded(11));
        const codes = {};
        const one = async () => {
          const startedAt = performance.now();
          const outcome = await operate().then(
            () => 'a value',
            (error) => (isActonceError(error) ? error.code : isReplayed(error) ? 'an error' : assert.fail(error)),
          );
          assert.ok(performance.now() - startedAt < LONGEST_MS, `${outcome} took too long`);
          codes[outcome] = (codes[outcome] ?? 0) + 1;
        };
        let left = CALLS;
        const worker = async () => {
          // Now and then one of these answers makes sense: so it goes on until one has, within reason.
          const isMissing = () => greets && codes['a value'] === undefined && left > -10 * CALLS;
          while (left-- > 0 || isMissing()) await one();
        };
        let highest = 0;
        const before = process.memoryUsage.rss();
        const look = setInterval(() => {
          highest = Math.max(highest, process.memoryUsage.rss() - before);
        }, 20);
        await Promise.all(Array.from({ length: AT_ONCE }, worker));
        clearInterval(look);
        t.diagnostic(`${server.answered} answers, ${JSON.stringify(codes)}, ${Math.round(highest / 2 ** 20)} MiB more`);
        assert.ok(highest < MOST_RSS, `${highest} bytes more`);
        assert.ok(!greets || codes['a value'] > 0);
        assert.ok(codes.ERR_STORE_PROTOCOL > 0);
        assert.equal({}.admin, undefined);
      });
    });
  }
}
