// @node-idempotency/core as its README shows it, with its own Redis adapter. Its completion compares no owner.
import idempotency from '@node-idempotency/core';
import adapter from '@node-idempotency/storage-adapter-redis';

export async function open({ url }) {
  const storage = new adapter.RedisStorageAdapter({ url });
  await storage.connect();
  // All of it, because the constructor lets a partial object replace its own defaults; these are its documented ones.
  const inProgressStrategy = { wait: true, pollingIntervalMs: 100, maxWaitMs: 5_000 };
  const guard = new idempotency.Idempotency(storage, { inProgressStrategy });

  async function once(key, work) {
    const request = { headers: { 'idempotency-key': key }, path: '/orders', method: 'POST' };
    const recorded = await guard.onRequest(request);
    if (recorded) return recorded.body;
    const body = await work();
    await guard.onResponse(request, { body });
    return body;
  }

  return { once, close: () => storage.disconnect() };
}
