// What somebody with a connection to Redis may do to a record, byte by byte and inside of the server: a record is no text.
// The payload of an outcome begins after its header, `attempt ' '`.

const HELPERS = `
local function parts(name)
  local record = redis.call('GET', name)
  local _, finish = string.find(record, '^%d+ ', 58)
  return string.sub(record, 1, finish), string.sub(record, finish + 1)
end
local function put(name, record) redis.call('SET', name, record, 'KEEPTTL') end
local function flipped(byte) return string.char(bit.bxor(string.byte(byte), 1)) end
`;

const EDITS = {
  digest: [1, 'return redis.sha1hex(redis.call("GET", KEYS[1]))'],
  copy: [2, 'redis.call("SET", KEYS[2], redis.call("GET", KEYS[1]), "PX", redis.call("PTTL", KEYS[1]))'],
  swap: [
    2,
    'local one, two = redis.call("GET", KEYS[1]), redis.call("GET", KEYS[2]) put(KEYS[1], two) put(KEYS[2], one)',
  ],
  swapPayloads: [
    2,
    'local h1, p1 = parts(KEYS[1]) local h2, p2 = parts(KEYS[2]) put(KEYS[1], h1 .. p2) put(KEYS[2], h2 .. p1)',
  ],
  /** From the first to the second. */
  copyPayload: [2, 'local _, payload = parts(KEYS[1]) local header = parts(KEYS[2]) put(KEYS[2], header .. payload)'],
  replacePayload: [1, 'put(KEYS[1], parts(KEYS[1]) .. ARGV[1])'],
  keepOfPayload: [1, 'local header, payload = parts(KEYS[1]) put(KEYS[1], header .. string.sub(payload, 1, ARGV[1]))'],
  /** The first byte is that of the nonce, or the last of all. */
  flip: [
    1,
    `local header, payload = parts(KEYS[1])
     local at = ARGV[1] == '-1' and #payload or string.find(payload, ' ', 1, true) + 1 + ARGV[1]
     put(KEYS[1], header .. string.sub(payload, 1, at - 1) .. flipped(string.sub(payload, at, at)) .. string.sub(payload, at + 1))`,
  ],
  cut: [1, 'local record = redis.call("GET", KEYS[1]) put(KEYS[1], string.sub(record, 1, #record - ARGV[1]))'],
  overwrite: [1, 'redis.call("SETRANGE", KEYS[1], ARGV[1], ARGV[2])'],
};

/** The edits, by name: functions of the keys' names and what else the edit takes. */
export async function tamper(redis) {
  const edit = ([keys, lua]) => {
    return (...args) => redis.send('EVAL', HELPERS + lua, keys, ...args);
  };
  return Object.fromEntries(Object.entries(EDITS).map(([name, how]) => [name, edit(how)]));
}
