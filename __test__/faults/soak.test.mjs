// A soak with a judge: several processes, thousands of keys, callers that ask again at random, faults at random. Half a
// minute in `npm test`, half an hour in `npm run test:long`. ACTONCE_SOAK_SEED repeats a run, ACTONCE_SOAK_SECONDS sets its time.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { judge } from '../support/judge.mjs';
import { soak } from '../support/soak.mjs';
import '../support/unhandled.mjs';

const seed = Number(process.env.ACTONCE_SOAK_SEED ?? randomInt(2 ** 31));
const seconds = Number(process.env.ACTONCE_SOAK_SECONDS ?? (process.env.ACTONCE_LONG === '1' ? 1_800 : 30));

const count = (history, what) => history.filter((entry) => entry.what === what).length;

test(`a soak of ${seconds} s with the seed ${seed} breaks no promise`, {
  timeout: seconds * 2_000 + 180_000,
}, async (t) => {
  const { history, struck, endings, keys } = await soak({ seed, seconds, processes: 4 });
  const faults = Object.values(struck).reduce((sum, times) => sum + times, 0);
  const [answered, started, killed] = ['answered', 'started', 'killed'].map((what) => count(history, what));
  const breaches = judge(history);
  const told = { seed, seconds, keys: keys.length, answered, started, faults, killed, breaches: breaches.length };
  t.diagnostic(JSON.stringify(told));
  t.diagnostic(JSON.stringify(struck));
  assert.deepEqual(breaches.slice(0, 20), []);
  assert.deepEqual(endings, [0, 0, 0, 0], 'every process ends by itself');
  // It would prove nothing if nothing went on in it.
  assert.ok(answered > 20 * seconds && keys.length > 10 * seconds && faults > seconds, JSON.stringify(told));
});
