// Who takes part. `name` is what reports and targets call it.

/** The two that targets are set against: the better of both writes counts as "hand-written ioredis". */
export const HAND_WRITTEN = ['ioredis, autopipelining', 'ioredis'];
export const NAIVE = 'naive, ioredis';
export const NODE_IDEMPOTENCY = '@node-idempotency/core';
export const POWERTOOLS = 'AWS Powertools';
export const ACTONCE = 'actonce';
export const ACTONCE_THREAD = 'actonce, thread';
export const ACTONCE_MEMORY = 'actonce, memory:';

/**
 * file: under contestants/; options: what its `open` gets beside the url.
 * waits: a duplicate of a run in flight gets its value, too.
 * embedded: no Redis. Its records stay in its process, which is therefore a new one in every round.
 */
export const CONTESTANTS = [
  { name: NAIVE, file: 'naive' },
  { name: HAND_WRITTEN[0], file: 'ioredis', options: { autoPipelining: true } },
  { name: HAND_WRITTEN[1], file: 'ioredis', options: { autoPipelining: false } },
  { name: 'node-redis', file: 'node-redis' },
  { name: 'valkey-glide', file: 'valkey-glide' },
  { name: 'redlock, ioredis', file: 'redlock', waits: true },
  { name: NODE_IDEMPOTENCY, file: 'node-idempotency', waits: true },
  { name: POWERTOOLS, file: 'powertools' },
  { name: ACTONCE, file: 'actonce', waits: true },
  { name: ACTONCE_THREAD, file: 'actonce', options: { executor: 'thread' }, waits: true },
  { name: ACTONCE_MEMORY, file: 'actonce', waits: true, embedded: true },
];

export const PEERS = CONTESTANTS.filter(({ file }) => file !== 'actonce').map(({ name }) => name);
