// How answers reach JavaScript: those of one read in one call, and only then what was waiting for them goes on. This is
// what a call costs on Node's own loop (docs/decisions/0001-data-path.md); the semantics do not depend on it.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { addonFile } from '../../scripts/platform.mjs';
import { bundle } from '../support/bundle.mjs';
import { startRedis } from '../support/redis.mjs';
import '../support/unhandled.mjs';

const addon = createRequire(import.meta.url)(`../../${addonFile()}`);
const { Binding } = await bundle('lib/native/binding.ts');
const SETTINGS = { leaseMs: 30_000, maxLeaseMs: 30_000, retentionMs: 60_000, onCrash: 'rerun' };
const ACQUIRED = 0;
/** Few enough for Redis to read them at once. */
const CALLS = 50;
const ROUNDS = 20;

test('the answers to the calls of one turn come together, before any caller goes on', async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const config = { url: redis.url, prefix: 'batches', secrets: [], executor: 'loop' };
  const deliveries = [];
  const order = [];
  const binding = new Binding(
    { ...config, connectTimeoutMs: 2_000, commandTimeoutMs: 1_000 },
    {
      validateConfig: addon.validateConfig,
      open: (text, outcomes, deliver) =>
        addon.open(text, outcomes, (count, payloads) => {
          deliveries.push(count);
          deliver(count, payloads);
        }),
    },
  );
  t.after(() => binding.close());
  const claim = async (identity) => {
    const answer = await new Promise((resolve) => {
      const op = binding.open({
        receive(received) {
          order.push('told');
          resolve(received);
        },
      });
      binding.begin(op, identity, null, SETTINGS, true, 5_000);
    });
    order.push('goes on');
    assert.equal(answer.tag, ACQUIRED);
  };
  await claim('connects');
  deliveries.length = 0;
  // On a busy machine Redis may answer in two parts, which come in two deliveries.
  for (let round = 0; deliveries.length !== 1; round += 1) {
    assert.ok(round < ROUNDS, `the last answers came in ${deliveries.length} deliveries`);
    deliveries.length = 0;
    order.length = 0;
    await Promise.all(Array.from({ length: CALLS }, (_, at) => claim(`${round}:${at}`)));
  }
  assert.deepEqual(deliveries, [CALLS]);
  assert.deepEqual(order, [...Array(CALLS).fill('told'), ...Array(CALLS).fill('goes on')]);
});
