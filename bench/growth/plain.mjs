// The least that stores anything: two plain SETs of a record's size, pipelined as our calls are. How their cost grows
// with what is stored is Redis' own, whoever calls it.
import { randomUUID } from 'node:crypto';

const IN_FLIGHT = 64;
/** Of a completed record with a result of 250 bytes, and of its key. */
const VALUE = 'x'.repeat(300);

export async function connectPlain(url) {
  // Late, because run.mjs may have to install it first.
  const { Redis } = await import('ioredis');
  const redis = new Redis(url);
  return {
    close: () => redis.disconnect(),
    async pairs(count, lifeMs) {
      for (let done = 0; done < count; done += IN_FLIGHT) {
        const pipeline = redis.pipeline();
        for (let n = 0; n < Math.min(IN_FLIGHT, count - done); n++) {
          const key = `actonce:{${randomUUID()}}`;
          pipeline.set(key, VALUE, 'PX', lifeMs, 'NX').set(key, VALUE, 'PX', lifeMs);
        }
        await pipeline.exec();
      }
    },
  };
}
