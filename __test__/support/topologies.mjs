// Several real servers that belong together: a cluster of three primaries with a replica each, or a primary with two
// replicas and three Sentinels. All on loopback, each in a folder of its own, ended with the test.
import { makeCertificates } from './certificates.mjs';
import { eventually } from './eventually.mjs';
import { startRedis } from './redis.mjs';

const SLOTS = 16_384;

const address = ({ target }) => `${target.host}:${target.port}`;

/** `INFO replication` as an object. */
export async function replication(server) {
  const text = await server.send('INFO', 'replication');
  return Object.fromEntries(
    text
      .split('\r\n')
      .filter((line) => line.includes(':'))
      .map((line) => line.split(/:(.*)/).slice(0, 2)),
  );
}

/** A replica is worth something once it has caught up. */
const isInSync = async (server) => (await replication(server)).master_link_status === 'up';

/** Ends replication, as if the wire between them had been cut; both sides go on serving. `mend` is the reverse. */
export async function cutReplication(primary, replicas) {
  for (const replica of replicas) await replica.send('CONFIG', 'SET', 'masteruser', 'nobody', 'masterauth', 'wrong');
  await primary.send('CLIENT', 'KILL', 'TYPE', 'REPLICA');
  // The others come back at once, so their number says nothing.
  const isCut = async () => {
    const known = Object.values(await replication(primary));
    return replicas.every(({ target }) => !known.some((value) => value.includes(`port=${target.port},`)));
  };
  await eventually(isCut, { what: 'the replicas being cut off' });
}

export async function mendReplication(replicas) {
  for (const replica of replicas) await replica.send('CONFIG', 'SET', 'masteruser', '', 'masterauth', '');
  await eventually(async () => (await Promise.all(replicas.map(isInSync))).every(Boolean), { withinMs: 20_000 });
}

class Cluster {
  constructor(nodes) {
    /** Three primaries, then their replicas, as they were at the start. */
    this.nodes = nodes;
  }

  url({ scheme = this.nodes[0].scheme, login = '', nodes = this.nodes } = {}) {
    return `${scheme}+cluster://${login}${nodes.map(address).join(',')}`;
  }

  /** Every node that answers, with its role and what it knows of the slots. */
  async primaryOf(key) {
    const slot = await this.send(0, 'CLUSTER', 'KEYSLOT', key);
    for (const [first, last, primary] of await this.send(0, 'CLUSTER', 'SLOTS')) {
      if (slot >= first && slot <= last)
        return { slot, node: this.nodes.find((node) => node.target.port === primary[1]) };
    }
    throw new Error(`nobody has slot ${slot}`);
  }

  /** The replica of a primary of the start. */
  replicaOf(primary) {
    return this.nodes[this.nodes.indexOf(primary) + this.nodes.length / 2];
  }

  send(index, ...command) {
    return this.nodes[index].send(...command);
  }

  async isOk(nodes = this.nodes) {
    const states = await Promise.all(nodes.map((node) => node.send('CLUSTER', 'INFO').catch(String)));
    return states.every((state) => state.includes('cluster_state:ok') && state.includes(`cluster_slots_ok:${SLOTS}`));
  }

  /** Moves a slot with all its keys, between `during` moments of its own: before keys move, and behind each. */
  async migrate(slot, from, to, during = async () => {}) {
    const [fromId, toId] = await Promise.all([from, to].map((node) => node.send('CLUSTER', 'MYID')));
    await to.send('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
    await from.send('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
    await during('begun');
    for (;;) {
      const [key] = await from.send('CLUSTER', 'GETKEYSINSLOT', slot, 1);
      if (key === undefined) break;
      await from.send('MIGRATE', to.target.host, to.target.port, key, 0, 5_000);
      await during('moved');
    }
    const owns = async (node) => {
      const ranges = await node.send('CLUSTER', 'SLOTS');
      return ranges.find(([first, last]) => slot >= first && slot <= last)?.[2][1] === to.target.port;
    };
    // Who still takes an older owner for a newer one tells the new one so, which then gives the slot up, even while the
    // next move has begun: until all say the same and nobody is newer.
    const agree = async () => {
      for (const node of [to, from]) await node.send('CLUSTER', 'SETSLOT', slot, 'NODE', toId);
      await to.send('CLUSTER', 'BUMPEPOCH');
      return (await Promise.all(this.nodes.map(owns))).every(Boolean);
    };
    await eventually(agree, { withinMs: 10_000, what: 'all nodes naming the new one' });
  }

  stop() {
    return Promise.all(this.nodes.map((node) => node.stop()));
  }
}

/** @param options of every node as startRedis takes them */
export async function startCluster({ replicas = 1, nodeTimeoutMs = 1_500, config = [], ...options } = {}) {
  const lines = [
    'cluster-enabled yes',
    'cluster-config-file nodes.conf',
    `cluster-node-timeout ${nodeTimeoutMs}`,
    'cluster-replica-validity-factor 0',
    'cluster-require-full-coverage no',
    'repl-diskless-sync-delay 0',
    ...(options.listen === 'tls' ? ['tls-cluster yes', 'tls-replication yes'] : []),
    ...config,
  ];
  const count = 3 * (1 + replicas);
  const certificates = options.listen === 'tls' ? makeCertificates() : undefined;
  const start = () => startRedis({ listen: 'tcp', certificates, ...options, config: lines });
  const nodes = await Promise.all(Array.from({ length: count }, start));
  const cluster = new Cluster(nodes);
  const share = Math.ceil(SLOTS / 3);
  for (const [index, node] of nodes.entries()) {
    await node.send('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    await node.send('CLUSTER', 'MEET', nodes[0].target.host, nodes[0].target.port);
  }
  for (const [index, node] of nodes.slice(0, 3).entries()) {
    const slots = Array.from({ length: share }, (_, slot) => index * share + slot).filter((slot) => slot < SLOTS);
    await node.send('CLUSTER', 'ADDSLOTS', ...slots);
  }
  const ids = await Promise.all(nodes.slice(0, 3).map((node) => node.send('CLUSTER', 'MYID')));
  for (const [index, node] of nodes.slice(3).entries()) {
    await eventually(async () => (await node.send('CLUSTER', 'NODES')).includes(ids[index % 3]), { withinMs: 10_000 });
    await node.send('CLUSTER', 'REPLICATE', ids[index % 3]);
  }
  await eventually(() => cluster.isOk(), { withinMs: 20_000, what: 'the cluster forming' });
  const inSync = async () => (await Promise.all(nodes.slice(3).map(isInSync))).every(Boolean);
  await eventually(inSync, { withinMs: 20_000, what: 'the replicas catching up' });
  return cluster;
}

class Group {
  constructor({ primary, replicas, sentinels, service }) {
    Object.assign(this, { primary, replicas, sentinels, service });
  }

  get servers() {
    return [this.primary, ...this.replicas];
  }

  url({ scheme = this.primary.scheme, login = '', query = '', sentinels = this.sentinels } = {}) {
    return `${scheme}+sentinel://${login}${sentinels.map(address).join(',')}/${this.service}${query}`;
  }

  /** The server that the Sentinels call the primary. */
  async current() {
    const [, port] = await this.sentinels[0].send('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.service);
    return this.servers.find(({ target }) => target.port === Number(port));
  }

  /** An orderly switch to a replica. */
  async failover() {
    const before = await this.current();
    await this.sentinels[0].send('SENTINEL', 'FAILOVER', this.service);
    await this.switched(before);
  }

  /** @param before what `current()` said, which is undefined for a primary that the Sentinels know by another address */
  async switched(before) {
    const isOther = async () => (await this.current()) !== before;
    await eventually(isOther, { withinMs: 30_000, what: 'the Sentinels naming another primary' });
  }

  async stop() {
    await Promise.all([...this.sentinels, ...this.servers].map((server) => server.stop()));
  }
}

/**
 * A primary with replicas, without anybody who watches them.
 * @param replicaEnv the environment of the replicas: their clock
 * @param way where the others reach the primary: itself, or a proxy before it
 */
export async function startReplicas({ replicas = 1, config = [], replicaEnv, way, ...options } = {}) {
  const start = (more, env) =>
    startRedis({ listen: 'tcp', ...options, env, config: ['repl-diskless-sync-delay 0', ...config, ...more] });
  const primary = await start([]);
  const seen = (await way?.(primary)) ?? primary.target;
  const follow = `replicaof ${seen.host} ${seen.port}`;
  const followers = await Promise.all(Array.from({ length: replicas }, () => start([follow], replicaEnv)));
  const inSync = async () => (await Promise.all(followers.map(isInSync))).every(Boolean);
  await eventually(inSync, { withinMs: 20_000, what: 'the replicas catching up' });
  // In the first moments they take what is written and acknowledge nothing.
  const client = await primary.connect();
  const acknowledge = async () => {
    await client.send('SET', 'first', 1);
    return (await client.send('WAIT', replicas, 1_000)) === replicas;
  };
  await eventually(acknowledge, { withinMs: 20_000, what: 'the replicas acknowledging' });
  await client.send('DEL', 'first');
  return { primary, seen, replicas: followers };
}

/**
 * @param sentinelUsers ACL rules for the Sentinels
 * @param options of the servers as startRedis takes them
 */
export async function startSentinels({ service = 'mymaster', sentinelUsers = [], downAfterMs = 800, ...more } = {}) {
  const certificates = more.listen === 'tls' ? makeCertificates() : undefined;
  const tlsLinks = certificates ? ['tls-replication yes'] : [];
  const options = { ...more, certificates, config: [...tlsLinks, ...(more.config ?? [])] };
  const { primary, seen, replicas } = await startReplicas({ replicas: 2, ...options });
  const lines = [
    `sentinel monitor ${service} ${seen.host} ${seen.port} 2`,
    `sentinel down-after-milliseconds ${service} ${downAfterMs}`,
    `sentinel failover-timeout ${service} 3000`,
    ...tlsLinks,
  ];
  const listen = options.listen ?? 'tcp';
  const start = () => startRedis({ listen, certificates, config: lines, users: sentinelUsers, sentinel: true });
  const sentinels = await Promise.all(Array.from({ length: 3 }, start));
  const group = new Group({ primary, replicas, sentinels, service });
  const knowsAll = async (sentinel) => {
    const [found] = await sentinel.send('SENTINEL', 'MASTERS').catch(() => [[]]);
    const text = JSON.stringify(found);
    return /"num-slaves","2"/.test(text) && /"num-other-sentinels","2"/.test(text);
  };
  const ready = async () => (await Promise.all(sentinels.map(knowsAll))).every(Boolean);
  await eventually(ready, { withinMs: 30_000, what: 'the Sentinels finding each other' });
  return group;
}
