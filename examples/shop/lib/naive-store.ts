import { createClient } from 'redis';

/** The four commands of the naive lock. */
interface NaiveStore {
  get(name: string): Promise<string | null>;
  setIfAbsent(name: string, value: string, seconds: number): Promise<boolean>;
  set(name: string, value: string): Promise<unknown>;
  delete(name: string): Promise<unknown>;
}

const url = process.env.ACTONCE_URL ?? process.env.REDIS_URL ?? 'memory:';
export const usesRedis = url !== 'memory:';

// Next may evaluate this module more than once in a process: the store must be the same one.
const shared = globalThis as { naiveStore?: Promise<NaiveStore> };

export function naiveStore(): Promise<NaiveStore> {
  shared.naiveStore ??= usesRedis ? redisStore() : Promise.resolve(mapStore());
  return shared.naiveStore;
}

async function redisStore(): Promise<NaiveStore> {
  const redis = await createClient({ url }).on('error', console.error).connect();
  return {
    get: (name) => redis.get(name),
    setIfAbsent: async (name, value, seconds) => (await redis.set(name, value, { NX: true, EX: seconds })) === 'OK',
    set: (name, value) => redis.set(name, value),
    delete: (name) => redis.del(name),
  };
}

/** The same in a Map, for a start without Redis. */
function mapStore(): NaiveStore {
  const entries = new Map<string, { value: string; expiresAtMs: number }>();
  const live = (name: string) => {
    const entry = entries.get(name);
    return entry && entry.expiresAtMs > Date.now() ? entry.value : null;
  };
  return {
    get: async (name) => live(name),
    setIfAbsent: async (name, value, seconds) => {
      if (live(name) !== null) return false;
      entries.set(name, { value, expiresAtMs: Date.now() + seconds * 1000 });
      return true;
    },
    set: async (name, value) => entries.set(name, { value, expiresAtMs: Number.POSITIVE_INFINITY }),
    delete: async (name) => entries.delete(name),
  };
}
