// The two scripts that a careful team writes for the payment: what is necessary for one atomic, repeatable step with a
// history and a timer; no expected version, no typed data, no timer that fires when somebody looks (a poller of the due
// set does that), no change of the configuration.
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

/**
 * KEYS: the instance, its history, the token, the due set.
 * ARGV: from, to, event, data, id, timeout in ms or '', '1' when `from` has a timer, retention in ms or ''.
 * Answers {'moved' | 'replayed', version}, {'refused', state} or {'absent'}.
 */
export const SEND = `
local first = redis.call('GET', KEYS[3])
if first then return {'replayed', first} end
local found = redis.call('HMGET', KEYS[1], 'state', 'version')
if not found[1] then return {'absent'} end
if found[1] ~= ARGV[1] then return {'refused', found[1]} end
local version = string.format('%d', found[2] + 1)
local time = redis.call('TIME')
local now = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'version', version, 'data', ARGV[4], 'since', now)
redis.call('LPUSH', KEYS[2], version .. ' ' .. now .. ' ' .. ARGV[3] .. ' ' .. ARGV[1] .. ' ' .. ARGV[2])
redis.call('LTRIM', KEYS[2], 0, ${HISTORY_LIMIT - 1})
redis.call('SET', KEYS[3], version, 'PX', ${TOKEN_MS})
if ARGV[6] ~= '' then redis.call('ZADD', KEYS[4], now + ARGV[6], ARGV[5])
elseif ARGV[7] == '1' then redis.call('ZREM', KEYS[4], ARGV[5]) end
if ARGV[8] ~= '' then
  redis.call('PEXPIRE', KEYS[1], ARGV[8])
  redis.call('PEXPIRE', KEYS[2], ARGV[8])
end
return {'moved', version}`;

/** KEYS: the instance, its history. ARGV: state, data. Answers 1, or 0 when it was there. */
export const CREATE = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local time = redis.call('TIME')
local now = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', KEYS[1], 'state', ARGV[1], 'version', '1', 'data', ARGV[2], 'since', now)
redis.call('LPUSH', KEYS[2], '1 ' .. now .. ' created ' .. ARGV[1])
return 1`;

/** KEYS: the instance. ARGV: from, to, data. */
export const BARE_SEND = `
local found = redis.call('HMGET', KEYS[1], 'state', 'version')
if not found[1] then return {'absent'} end
if found[1] ~= ARGV[1] then return {'refused', found[1]} end
local version = string.format('%d', found[2] + 1)
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'version', version, 'data', ARGV[3])
return {'moved', version}`;

/** KEYS: the instance. ARGV: state, data. */
export const BARE_CREATE = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[1], 'version', '1', 'data', ARGV[2])
return 1`;

const KEYS_OF = { send: 4, create: 2 };
const KEYS_OF_BARE = { send: 1, create: 1 };

export const scripts = (bare) => ({
  send: { lua: bare ? BARE_SEND : SEND, numberOfKeys: (bare ? KEYS_OF_BARE : KEYS_OF).send },
  create: { lua: bare ? BARE_CREATE : CREATE, numberOfKeys: (bare ? KEYS_OF_BARE : KEYS_OF).create },
});

/** @param call.send, call.create the scripts, with their keys and arguments one after the other */
export function machineOf(call, bare) {
  return {
    async create(id, data) {
      const text = JSON.stringify(data);
      const keys = bare ? [instanceKey(id)] : [instanceKey(id), historyKey(id)];
      return { created: (await call.create(...keys, 'requested', text)) === 1 };
    },
    async send(id, event, data, token) {
      const { from, to } = TRANSITIONS[event];
      const text = JSON.stringify(data);
      const [what, answer] = bare
        ? await call.send(instanceKey(id), from, to, text)
        : await call.send(
            instanceKey(id),
            historyKey(id),
            tokenKey(id, token),
            DUE,
            from,
            to,
            event,
            text,
            id,
            to === TIMED ? String(TIMEOUT_MS) : '',
            from === TIMED ? '1' : '',
            isFinal(to) ? String(RETENTION_MS) : '',
          );
      if (what === 'refused') throw new Refused(event, answer);
      if (what === 'absent') throw new Error(`there is no payment ${id}`);
      return { from, state: to, version: Number(answer), replayed: what === 'replayed' };
    },
  };
}
