// The stores that every behaviour is tested on: the embedded one, and Redis with each executor of the data path.
import { randomUUID } from 'node:crypto';
import { startRedis } from './redis.mjs';
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

export const isCluster = Boolean(process.env.ACTONCE_TEST_CLUSTER);

export const stores = (isCluster ? CLUSTER : SINGLE).map(({ name, open }) => ({
  name,
  /** `servers` are what it is made of, `redis` the one where there is one; `options` go to createClient as they are. */
  async open() {
    const { options, redis, servers = [] } = await open();
    return { options: { ...options, prefix: `t-${randomUUID()}` }, redis, servers };
  },
}));
