// The two commands with node-redis, which pipelines by itself.
import { createClient, defineScript } from 'redis';
import { COMPLETE_LUA, twoCommands } from './two-commands.mjs';

const complete = defineScript({
  SCRIPT: COMPLETE_LUA,
  NUMBER_OF_KEYS: 1,
  FIRST_KEY_INDEX: 1,
  parseCommand(parser, record, claimed, completed, retentionMs) {
    parser.pushKey(record);
    parser.push(claimed, completed, retentionMs);
  },
  transformReply: (reply) => reply,
});

export async function open({ url }) {
  const redis = await createClient({ url, scripts: { complete } }).connect();
  const once = twoCommands({
    claim: (record, text, value) =>
      redis.set(record, text, { condition: 'NX', GET: true, expiration: { type: 'PX', value } }),
    complete: (...args) => redis.complete(...args),
  });
  return { once, close: () => redis.close() };
}
