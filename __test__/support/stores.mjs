// The stores that every behaviour is tested on: the embedded one, and Redis with each executor of the data path.
import { randomUUID } from 'node:crypto';
import { openLedger } from './ledger.mjs';
import { startRedis } from './redis.mjs';
import { it } from './steady.mjs';
import { startCluster } from './topologies.mjs';

let server;

/** One server per test process is enough: every test has a prefix of its own. */
async function sharedServer() {
  server ??= startRedis();
  return await server;
}

const onRedis = (executor) => async () => {
  const redis = await sharedServer();
  return { options: { url: redis.url, executor }, redis, servers: [redis] };
};

/** All behaviour on a cluster, where ACTONCE_TEST_CLUSTER asks for it. */
const onCluster = (executor) => async () => {
  server ??= startCluster({ replicas: 0 });
  const cluster = await server;
  return { options: { url: cluster.url(), executor }, servers: cluster.nodes };
};

const SINGLE = [
  { name: 'memory', open: async () => ({ options: { url: 'memory:' } }) },
  { name: 'redis, loop', open: onRedis('loop') },
  { name: 'redis, thread', open: onRedis('thread') },
];
const CLUSTER = [
  { name: 'cluster, loop', open: onCluster('loop') },
  { name: 'cluster, thread', open: onCluster('thread') },
];

const isCluster = Boolean(process.env.ACTONCE_TEST_CLUSTER);

export const stores = (isCluster ? CLUSTER : SINGLE).map(({ name, open }) => ({
  name,
  /** `servers` are what it is made of, `redis` the one where there is one; `options` go to createClient as they are. */
  async open() {
    const { options, redis, servers = [] } = await open();
    return { options: { ...options, prefix: `t-${randomUUID()}` }, redis, servers };
  },
}));

/** The stores that several processes can share. */
const shared = stores.filter(({ name }) => name !== 'memory');
const policies = ['rerun', 'hold'];

async function openWorld(t, store, { createClient, onCrash }) {
  const { options: address, redis, servers } = await store.open();
  const options = onCrash === undefined ? address : { ...address, defaults: { onCrash } };
  const client = (more = {}) => {
    const defaults = { ...options.defaults, ...more.defaults };
    const made = createClient({ ...options, ...more, defaults });
    t.after(() => made.close({ graceMs: 0 }));
    return made;
  };
  // A lease keeps no process alive, and an fn that only waits for its test has nothing else that does.
  const alive = setInterval(() => {}, 10_000);
  t.after(() => clearInterval(alive));
  const ledger = openLedger();
  const effect = (key, value) => (ctx) => {
    ledger.record(key, { attempt: ctx.attempt, fence: ctx.fence, recovered: ctx.recovered });
    return value;
  };
  return { t, options, redis, servers, client, onCrash, ledger, effect };
}

/**
 * Tests of one file, once per store, with the store in the name: `A5 every falsy value … [redis, loop]`.
 *
 *   const { onEachStore } = conformance(createClient);
 *   onEachStore('A1 …', async ({ client, effect, ledger }) => {
 *     await client().withIdempotency('k', effect('k', value));
 *     assert.equal(ledger.count('k'), 1);
 *   });
 *
 * A test gets `client(more)`, which makes a client of the test's own prefix that closes with the test. Two of them are
 * to each other what two processes are: they share nothing but the store. `effect(key, value)` is an fn that leaves one
 * line in the `ledger` and returns `value`. Further `options` for another process's createClient, `redis` (the one server,
 * undefined for the embedded store and a cluster), `servers` (all of them) and `t`.
 * The forms with `AndPolicy` run once per `onCrash`, too, which is then the default of every client.
 */
export function conformance(createClient) {
  const define = (over, overPolicies) => (title, test) => {
    for (const store of over) {
      for (const onCrash of overPolicies) {
        const name = onCrash === undefined ? store.name : `${store.name}, ${onCrash}`;
        // There are several servers to look at, so a test that looks at the one is for a single one.
        const skip = isCluster && /\bredis\b/.test(String(test)) && 'looks at the one server';
        it(`${title} [${name}]`, { skip }, async (t) => test(await openWorld(t, store, { createClient, onCrash })));
      }
    }
  };
  return {
    onEachStore: define(stores, [undefined]),
    onEachStoreAndPolicy: define(stores, policies),
    onEachSharedStore: define(shared, [undefined]),
    onEachSharedStoreAndPolicy: define(shared, policies),
  };
}
