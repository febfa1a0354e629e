// What encryption and compression add to a call: fresh and replayed, by size of the result, one call after the other on
// a Redis of its own. The forms take turns in every round. `npm run bench:sealed`
import os from 'node:os';
import { startRedis } from '../__test__/support/redis.mjs';
import { createClient } from '../dist/index.mjs';
import { commit, load, machine } from './provenance.mjs';
import { table } from './results.mjs';
import { median } from './samples.mjs';

const SIZES = [1_000, 100_000, 1_000_000];
const ROUNDS = 15;
const encryption = { keys: [{ id: 'k1', key: '07'.repeat(32) }] };
const FORMS = {
  plain: {},
  encrypted: { encryption },
  compressed: { compression: {} },
  both: { encryption, compression: { beforeEncryption: true } },
};

/** Orders: names repeat, numbers do not. */
function resultOf(bytes) {
  const order = () => ({
    id: `o_${Math.random().toString(36).slice(2, 12)}`,
    price: Math.floor(Math.random() * 65_536),
  });
  return Array.from({ length: Math.round(bytes / 36) }, order);
}

/** Microseconds a call, one after the other. */
async function perCall(calls, call) {
  const start = performance.now();
  for (let number = 0; number < calls; number += 1) await call(number);
  return ((performance.now() - start) * 1_000) / calls;
}

const before = os.loadavg();
const redis = await startRedis();
const clients = Object.entries(FORMS).map(([form, options]) => {
  const client = createClient({
    url: redis.url,
    prefix: form,
    cache: false,
    defaults: { maxResultBytes: 2 ** 23 },
    ...options,
  });
  return { form, client };
});
const rows = [];
for (const bytes of SIZES) {
  const result = resultOf(bytes);
  const calls = Math.min(300, Math.max(4, Math.floor(4_000_000 / bytes)));
  const times = Object.fromEntries(clients.map(({ form }) => [form, { fresh: [], replayed: [] }]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { form, client } of clients) {
      const call = (number) =>
        client.withIdempotency(`${bytes}-${round}-${number}`, async () => result, {
          scope: 'public',
          retentionMs: 60_000,
        });
      times[form].fresh.push(await perCall(calls, call));
      times[form].replayed.push(await perCall(calls, call));
    }
    await redis.send('FLUSHALL');
  }
  for (const what of ['fresh', 'replayed']) {
    rows.push([`${bytes}, ${what}`, ...clients.map(({ form }) => median(times[form][what]).toFixed(0))]);
  }
}
await Promise.all(clients.map(({ client }) => client.close()));
await redis.stop();
console.log(`µs a call, median of ${ROUNDS} rounds, one call at a time\n`);
console.log(table(['bytes of the result', ...Object.keys(FORMS)], rows).join('\n'));
console.log(`\n${machine()}, Node ${process.version}. ${commit('src', 'lib', 'bench')}. ${load(before)}`);
