// Each library as its documentation shows it, behind one shape: `open(url)` → `once(key, fn, payload)`, `close()`.
// Where a library lets the lease be chosen it is LEASE_MS; results are kept for a day where that is another setting.
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { CachePersistenceLayer } from '@aws-lambda-powertools/idempotency/cache';
import core from '@node-idempotency/core';
import adapter from '@node-idempotency/storage-adapter-redis';
import { createClient as createRedis } from 'redis';
import { createClient } from '../dist/index.cjs';
import * as ioredis from './contestants/ioredis.mjs';

export const LEASE_MS = 1_000;
const DAY_S = 86_400;

async function actonce(url) {
  const client = createClient({ url, defaults: { leaseMs: LEASE_MS } });
  const once = (key, fn, payload) => client.withIdempotency(key, fn, { scope: 'compare', payload });
  return { once, close: () => client.close({ graceMs: 0 }) };
}

/** Core as its plug-ins for frameworks use it: what fn throws is recorded, too. */
const nodeIdempotency = (cacheTTLMS) => async (url) => {
  const storage = new adapter.RedisStorageAdapter({ url });
  await storage.connect();
  const inProgressStrategy = { wait: true, pollingIntervalMs: 100, maxWaitMs: 5_000 };
  const guard = new core.Idempotency(storage, { inProgressStrategy, cacheTTLMS });
  async function once(key, fn, payload) {
    const request = { headers: { 'idempotency-key': key }, path: '/orders', method: 'POST', body: payload };
    const recorded = await guard.onRequest(request);
    if (recorded?.error) throw recorded.error;
    if (recorded) return recorded.body;
    let body;
    try {
      body = await fn();
    } catch (error) {
      await guard.onResponse(request, { error });
      throw error;
    }
    await guard.onResponse(request, { body });
    return body;
  }
  return { once, close: () => storage.disconnect() };
};

/** The lease is what Lambda says is left of its time. */
const powertools = (validation) => async (url) => {
  const redis = await createRedis({ url })
    .on('error', () => {})
    .connect();
  const config = new IdempotencyConfig({
    eventKeyJmesPath: 'key',
    ...validation,
    expiresAfterSeconds: DAY_S,
  });
  config.registerLambdaContext({ getRemainingTimeInMillis: () => LEASE_MS });
  const persistenceStore = new CachePersistenceLayer({ client: redis });
  const guarded = makeIdempotent((_event, fn) => fn(), { persistenceStore, config });
  return { once: (key, fn, payload = null) => guarded({ key, payload }, fn), close: () => redis.close() };
};

const DAY_MS = DAY_S * 1000;

export const LIBRARIES = {
  actonce: { open: actonce },
  'node-idempotency': { open: nodeIdempotency(DAY_MS), package: '@node-idempotency/core' },
  'node-idempotency, TTL 1 s': { open: nodeIdempotency(LEASE_MS) },
  Powertools: { open: powertools(), package: '@aws-lambda-powertools/idempotency' },
  'Powertools, payload validation': { open: powertools({ payloadValidationJmesPath: 'payload' }) },
  'by hand, ioredis': { open: (url) => ioredis.open({ url, autoPipelining: true }), package: 'ioredis' },
};
