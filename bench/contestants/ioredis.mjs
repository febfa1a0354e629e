// The two commands with ioredis; `autoPipelining` decides whether commands of one turn of the loop share a write.
import { Redis } from 'ioredis';
import { COMPLETE_LUA, twoCommands } from './two-commands.mjs';

export async function open({ url, autoPipelining }) {
  const redis = new Redis(url, { enableAutoPipelining: autoPipelining });
  redis.defineCommand('complete', { numberOfKeys: 1, lua: COMPLETE_LUA });
  const once = twoCommands({
    claim: (record, text, retentionMs) => redis.set(record, text, 'PX', retentionMs, 'NX', 'GET'),
    complete: (...args) => redis.complete(...args),
  });
  return { once, close: () => redis.quit() };
}
