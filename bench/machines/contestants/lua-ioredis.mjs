// One script a step with ioredis; `autoPipelining` decides whether commands of one turn of the loop share a write.
import { Redis } from 'ioredis';
import { look } from './look.mjs';
import { machineOf, scripts } from './scripts.mjs';

export async function open({ url, autoPipelining, bare }) {
  const redis = new Redis(url, { enableAutoPipelining: autoPipelining });
  const { send, create } = scripts(bare);
  redis.defineCommand('sendEvent', send);
  redis.defineCommand('createInstance', create);
  const call = { send: (...args) => redis.sendEvent(...args), create: (...args) => redis.createInstance(...args) };
  return { ...machineOf(call, bare), look: (id) => look(redis, id), close: () => redis.quit() };
}
