/** Guesses which option is meant by one that does not exist: a slip of the keyboard, or another library's word. */

/** Other libraries' words, in lower case and without a unit, and what they may stand for, the likeliest first. */
const ELSEWHERE: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    ttl: ['retentionMs'],
    expiry: ['retentionMs'],
    expires: ['retentionMs'],
    expiresin: ['retentionMs'],
    lifetime: ['retentionMs'],
    maxage: ['retentionMs', 'maxAgeMs'],
    lock: ['leaseMs'],
    lockttl: ['leaseMs'],
    locktimeout: ['leaseMs'],
    lockduration: ['leaseMs'],
    timeout: ['waitTimeoutMs', 'totalTimeoutMs', 'timeoutMs'],
    wait: ['waitTimeoutMs'],
    onfailure: ['onError'],
    user: ['scope'],
    userid: ['scope'],
    namespace: ['prefix', 'scope'],
    body: ['payload'],
    input: ['payload'],
    hash: ['fingerprint'],
    limit: ['maxKeysPerScope'],
    maxkeys: ['maxKeysPerScope'],
    host: ['url'],
    port: ['url'],
    username: ['url'],
    password: ['url'],
    database: ['url'],
    db: ['url'],
    redis: ['url'],
    connectionstring: ['url'],
    keyprefix: ['prefix'],
    secrets: ['secret'],
    serializer: ['codec'],
    rejectunauthorized: ['fingerprint256'],
    checkserveridentity: ['servername'],
  }),
);
const UNIT = /(?:ms|millis|milliseconds|seconds|secs|minutes|hours)$/;
const MOST_SLIPS = 2;

/** @param names the options that exist */
export function suggestion(given: string, names: Iterable<string>): string | undefined {
  const known = [...names];
  const word = wordOf(given);
  const same = known.find((name) => wordOf(name) === word);
  if (same !== undefined) return same;
  const elsewhere = ELSEWHERE.get(word)?.find((name) => known.includes(name));
  if (elsewhere !== undefined) return elsewhere;
  // Too many other words are two letters away from a short one.
  const most = Math.min(MOST_SLIPS, Math.floor(word.length / 3));
  const slips = known.map((name) => [slipsBetween(word, wordOf(name)), name] as const);
  const [fewest] = slips.filter(([count]) => count <= most).sort(([one], [other]) => one - other);
  return fewest?.[1];
}

function wordOf(name: string): string {
  const lower = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return lower.replace(UNIT, '') || lower;
}

/** How many letters are left out, added or exchanged. */
function slipsBetween(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (const [at, letter] of [...one].entries()) {
    const next = [at + 1];
    for (const [column, its] of [...other].entries()) {
      const exchanged = (row[column] as number) + (letter === its ? 0 : 1);
      next.push(Math.min(exchanged, (row[column + 1] as number) + 1, (next[column] as number) + 1));
    }
    row = next;
  }
  return row.at(-1) as number;
}
