// What every store does alike: the tests of a file once per store. A file that imports this module is a conformance suite,
// which `npm run test:long` also runs on a cluster.
import { openLedger } from './ledger.mjs';
import { it } from './steady.mjs';
import { isCluster, stores } from './stores.mjs';

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
 *
 * A test that names `redis` is skipped on a cluster. `looksAtOneServer` says so for a whole file, whose own helpers look.
 */
export function conformance(createClient, { looksAtOneServer = false } = {}) {
  const define = (over, overPolicies) => (title, test) => {
    for (const store of over) {
      for (const onCrash of overPolicies) {
        const name = onCrash === undefined ? store.name : `${store.name}, ${onCrash}`;
        // A cluster has several servers to look at.
        const looksAtOne = looksAtOneServer || /\bredis\b/.test(String(test));
        const skip = isCluster && looksAtOne && 'looks at the one server';
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
