// The stores that every behaviour is tested on: the embedded one, and Redis with each executor of the data path.
import { randomUUID } from 'node:crypto';
import { startRedis } from './redis.mjs';

let server;

/** One server per test process is enough: every test has a prefix of its own. */
async function sharedServer() {
  server ??= startRedis();
  return await server;
}

const onRedis = (executor) => async () => {
  const redis = await sharedServer();
  return { options: { url: redis.url, executor }, redis };
};

export const stores = [
  { name: 'memory', open: async () => ({ options: { url: 'memory:' } }) },
  { name: 'redis×loop', open: onRedis('loop') },
  { name: 'redis×thread', open: onRedis('thread') },
].map(({ name, open }) => ({
  name,
  /** `redis` is the server (undefined for the embedded store); `options` go to createClient as they are. */
  async open() {
    const { options, redis } = await open();
    return { options: { ...options, prefix: `t-${randomUUID()}` }, redis };
  },
}));

/**
 * Runs `define` once per store, inside a describe block named after it:
 *   eachStore('C. state machine', (store) => { it('C1 …', async (t) => { const client = await store.client(t); … }) })
 * `store.client(t, more)` is a client that closes with its test; `store.open()` gives the options only.
 */
export function eachStore(title, { describe, createClient }, define) {
  for (const store of stores) {
    const client = async (t, more = {}) => {
      const { options } = await store.open();
      const made = createClient({ ...options, ...more });
      t.after(() => made.close());
      return made;
    };
    describe(`${title} · ${store.name}`, () => define({ ...store, client }));
  }
}
