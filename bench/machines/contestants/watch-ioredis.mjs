// WATCH, look, MULTI … EXEC with ioredis, in the two round trips that this takes at the least: everything that is read
// goes with the WATCH, everything that is written with the MULTI. A connection watches for one step at a time, so there
// is a pool of them.
import { Redis } from 'ioredis';
import {
  DUE,
  HISTORY_LIMIT,
  historyKey,
  instanceKey,
  isFinal,
  RETENTION_MS,
  Refused,
  TIMED,
  TIMEOUT_MS,
  TOKEN_MS,
  TRANSITIONS,
  tokenKey,
} from '../payment.mjs';
import { look } from './look.mjs';
import { Pool } from './pool.mjs';

/** From 8 to 128 no number was faster than the others by more than the spread; with 64, nobody waits at 64 in flight. */
const CONNECTIONS = 64;

export async function open({ url, bare, connections = CONNECTIONS }) {
  const pool = new Pool(Array.from({ length: connections }, () => new Redis(url)));
  const send = bare ? bareStep : step;
  const create = bare ? bareCreation : creation;
  return {
    create: (id, data) => pool.use((redis) => untilUndisturbed(() => create(redis, id, JSON.stringify(data)))),
    send(id, event, data, token) {
      return pool.use((redis) => untilUndisturbed(() => send(redis, id, event, JSON.stringify(data), token)));
    },
    look: (id) => pool.use((redis) => look(redis, id)),
    close: () => Promise.all(pool.all.map((redis) => redis.quit())),
  };
}

/** @param attempt undefined when somebody else has changed the instance meanwhile */
async function untilUndisturbed(attempt) {
  for (;;) {
    const done = await attempt();
    if (done !== undefined) return done;
  }
}

/** The answers of a pipeline or a transaction, or null when the latter was disturbed; throws the first error. */
async function answers(commands) {
  const pairs = await commands.exec();
  return pairs?.map(([error, answer]) => {
    if (error) throw error;
    return answer;
  });
}

const msOf = ([seconds, us]) => Number(seconds) * 1000 + Math.floor(Number(us) / 1000);

async function step(redis, id, event, data, token) {
  const { from, to } = TRANSITIONS[event];
  const instance = instanceKey(id);
  const remembered = tokenKey(id, token);
  // Whoever takes the same token changes the same instance: to watch that is enough.
  const reads = redis.pipeline().watch(instance).get(remembered).hmget(instance, 'state', 'version').time();
  const [, first, [state, before], time] = await answers(reads);
  if (first !== null) {
    await redis.unwatch();
    return { from, state: to, version: Number(first), replayed: true };
  }
  await refuseUnless(state === from, { redis, id, event, state });
  const now = msOf(time);
  const version = Number(before) + 1;
  const writes = redis
    .multi()
    .hset(instance, 'state', to, 'version', version, 'data', data, 'since', now)
    .lpush(historyKey(id), `${version} ${now} ${event} ${from} ${to}`)
    .ltrim(historyKey(id), 0, HISTORY_LIMIT - 1)
    .set(remembered, version, 'PX', TOKEN_MS);
  if (to === TIMED) writes.zadd(DUE, now + TIMEOUT_MS, id);
  else if (from === TIMED) writes.zrem(DUE, id);
  if (isFinal(to)) writes.pexpire(instance, RETENTION_MS).pexpire(historyKey(id), RETENTION_MS);
  return (await answers(writes)) ? { from, state: to, version, replayed: false } : undefined;
}

async function bareStep(redis, id, event, data) {
  const { from, to } = TRANSITIONS[event];
  const instance = instanceKey(id);
  const [, [state, before]] = await answers(redis.pipeline().watch(instance).hmget(instance, 'state', 'version'));
  await refuseUnless(state === from, { redis, id, event, state });
  const version = Number(before) + 1;
  const writes = redis.multi().hset(instance, 'state', to, 'version', version, 'data', data);
  return (await answers(writes)) ? { from, state: to, version, replayed: false } : undefined;
}

async function refuseUnless(allowed, { redis, id, event, state }) {
  if (allowed) return;
  await redis.unwatch();
  throw state === null ? new Error(`there is no payment ${id}`) : new Refused(event, state);
}

async function creation(redis, id, data) {
  const instance = instanceKey(id);
  const [, there, time] = await answers(redis.pipeline().watch(instance).exists(instance).time());
  if (there) return unchanged(redis);
  const now = msOf(time);
  const writes = redis
    .multi()
    .hset(instance, 'state', 'requested', 'version', 1, 'data', data, 'since', now)
    .lpush(historyKey(id), `1 ${now} created requested`);
  return (await answers(writes)) ? { created: true } : undefined;
}

async function bareCreation(redis, id, data) {
  const instance = instanceKey(id);
  const [, there] = await answers(redis.pipeline().watch(instance).exists(instance));
  if (there) return unchanged(redis);
  const writes = redis.multi().hset(instance, 'state', 'requested', 'version', 1, 'data', data);
  return (await answers(writes)) ? { created: true } : undefined;
}

async function unchanged(redis) {
  await redis.unwatch();
  return { created: false };
}
