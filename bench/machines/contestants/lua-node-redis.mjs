// One script a step with node-redis, which pipelines by itself.
import { Redis } from 'ioredis';
import { createClient, defineScript } from 'redis';
import { look } from './look.mjs';
import { machineOf, scripts } from './scripts.mjs';

const script = ({ lua, numberOfKeys }) =>
  defineScript({
    SCRIPT: lua,
    NUMBER_OF_KEYS: numberOfKeys,
    FIRST_KEY_INDEX: 1,
    parseCommand(parser, ...args) {
      for (const key of args.slice(0, numberOfKeys)) parser.pushKey(key);
      parser.push(...args.slice(numberOfKeys));
    },
    transformReply: (reply) => reply,
  });

export async function open({ url, bare }) {
  const { send, create } = scripts(bare);
  const redis = await createClient({ url, scripts: { send: script(send), create: script(create) } }).connect();
  const call = { send: (...args) => redis.send(...args), create: (...args) => redis.create(...args) };
  return {
    ...machineOf(call, bare),
    async look(id) {
      const own = new Redis(url);
      try {
        return await look(own, id);
      } finally {
        await own.quit();
      }
    },
    close: () => redis.close(),
  };
}
