// A lock around a look, the work and the result, as it is written with redlock (its maintained fork). Who waits asks
// for the lock again every 200 ms, the library's own interval, and as often as it takes: its own 10 times are too few
// for 200 duplicates. The result is written without asking whether the lock is still ours.
import { Redlock } from '@sesamecare-oss/redlock';
import { Redis } from 'ioredis';

const LOCK_MS = 30_000;
const RETENTION_MS = 86_400_000;

export async function open({ url }) {
  const redis = new Redis(url, { enableAutoPipelining: true });
  const redlock = new Redlock([redis], { retryCount: -1 });

  async function once(key, work) {
    const result = `result:${key}`;
    const found = await redis.get(result);
    if (found !== null) return JSON.parse(found);
    const lock = await redlock.acquire([`lock:${key}`], LOCK_MS);
    try {
      // Somebody may have finished between the look and the lock.
      const finished = await redis.get(result);
      if (finished !== null) return JSON.parse(finished);
      const value = await work();
      await redis.set(result, JSON.stringify(value), 'PX', RETENTION_MS);
      return value;
    } finally {
      await lock.release();
    }
  }

  return { once, close: () => redis.quit() };
}
