// A record as the server holds it, read past the library: by the documented layout (docs/redis-layout.md), in one step.
const READ = "return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}";

/** The lease's age is the TTL that was given minus what is left of it. */
function leaseLeft(terms, leftMs) {
  const [leaseMs, ttlMs] = terms.map(Number);
  return leaseMs - (ttlMs - leftMs);
}

function parse(text, leftMs) {
  const [attempt, ...terms] = text.slice(57).split(' ');
  return {
    text,
    state: text[1],
    fence: Number(text.slice(2, 18)),
    owner: text.slice(18, 34),
    flags: Number(text[56]),
    attempt: Number(attempt),
    leftMs,
    leaseLeftMs: text[1] === 'P' ? leaseLeft(terms, leftMs) : undefined,
  };
}

/**
 * The one record under a prefix that only one test uses; undefined when there is none.
 * @param server anything with `send`: a server of startRedis or a connection to it
 */
export async function recordUnder(server, prefix) {
  const all = await server.send('KEYS', `${prefix}:*`);
  // The error of a released record lies beside it for a while.
  const names = all.filter((name) => name.endsWith('}'));
  if (names.length > 1) throw new Error(`${names.length} records under ${prefix}`);
  if (names.length === 0) return undefined;
  const [text, leftMs] = await server.send('EVAL', READ, 1, names[0]);
  return text === null ? undefined : { name: names[0], ...parse(text, leftMs) };
}
