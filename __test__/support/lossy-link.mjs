// Run in a network namespace of its own (matrix-store.test.mjs): a server, a loopback that loses packets in both
// directions, two clients that ask for the same keys. Prints what came of it as one line of JSON; `by` are the attempts that
// answered, of each client, `failures` the calls that failed, of each key.
import { execFileSync } from 'node:child_process';
import { Contenders } from './contenders.mjs';
import { eventually } from './eventually.mjs';
import { startRedis } from './redis.mjs';

const [LOST_PERCENT, KEYS, LOSSY_MS] = [30, 50, 10_000];
const nft = (...args) => execFileSync('nft', args, { encoding: 'utf8' });

execFileSync('ip', ['link', 'set', 'lo', 'up']);
const redis = await startRedis({ listen: 'tcp' });
const ends = [];
const c = new Contenders({ after: (end) => ends.push(end) }, redis);
const clients = [1, 2].map(() => c.client({ defaults: { leaseMs: 6_000 } }));
await Promise.all(clients.map((client) => client.inspect({ key: 'connects' })));

nft('add', 'table', 'inet', 'loss');
nft('add', 'chain', 'inet', 'loss', 'in', '{ type filter hook input priority 0 ; }');
for (const port of ['sport', 'dport']) {
  const rule = `tcp ${port} ${redis.target.port} numgen random mod 100 < ${LOST_PERCENT} counter drop`;
  nft('add', 'rule', 'inet', 'loss', 'in', ...rule.split(' '));
}
const dropped = () =>
  [...nft('list', 'table', 'inet', 'loss').matchAll(/packets (\d+)/g)].map(([, count]) => Number(count));
let counts;
setTimeout(() => {
  counts = dropped();
  nft('delete', 'table', 'inet', 'loss');
}, LOSSY_MS);

const failures = Array.from({ length: KEYS }, () => 0);
const startedAt = performance.now();
const one = async (client, at) => {
  // Spread over the time in which the link is bad.
  await new Promise((resolve) => setTimeout(resolve, (at * LOSSY_MS) / KEYS));
  const call = () =>
    client.withIdempotency(`order-${at}`, c.effect).catch((error) => {
      failures[at] += 1;
      throw error;
    });
  return await eventually(call, { withinMs: 60_000 });
};
const all = (client) => Promise.all(Array.from({ length: KEYS }, (_, at) => one(client, at)));
const values = await Promise.all(clients.map(all));
await eventually(() => counts, { withinMs: 15_000 });
const effects = Array.from({ length: KEYS }, (_, at) => c.ledger.count(`order-${at}`));
const lastMs = Math.round(performance.now() - startedAt);
const by = values.map((each) => each.map((value) => value.by));
console.log(JSON.stringify({ dropped: counts, effects, by, failures, lastMs }));
for (const end of ends.reverse()) await end();
await redis.stop();
process.exit();
