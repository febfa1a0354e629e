// What the check asks about an instance written by hand: with ioredis, whoever wrote it.
import { DUE, historyKey, instanceKey } from '../payment.mjs';

export async function look(redis, id) {
  const [state, version, data] = await redis.hmget(instanceKey(id), 'state', 'version', 'data');
  const newest = await redis.lindex(historyKey(id), 0);
  return {
    state,
    version: Number(version),
    data: JSON.parse(data),
    entries: await redis.llen(historyKey(id)),
    newest: newest === null ? undefined : Number(newest.split(' ')[0]),
    timed: (await redis.zscore(DUE, id)) !== null,
  };
}
