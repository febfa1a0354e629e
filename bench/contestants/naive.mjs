// The lock of docs/why.md, as it is found in the wild: three commands, no owner, no retention. It keeps the result where
// the original keeps the word COMPLETED, so that every contestant stores the same 250 bytes.
import { Redis } from 'ioredis';

export async function open({ url }) {
  const redis = new Redis(url, { enableAutoPipelining: true });

  async function once(key, work) {
    const lock = `lock:${key}`;
    const found = await redis.get(lock);
    if (found === 'PROCESSING') throw new Error('in progress');
    if (found !== null) return JSON.parse(found);
    if ((await redis.set(lock, 'PROCESSING', 'EX', 60, 'NX')) === null) throw new Error('in progress');
    const value = await work();
    await redis.set(lock, JSON.stringify(value));
    return value;
  }

  return { once, close: () => redis.quit() };
}
