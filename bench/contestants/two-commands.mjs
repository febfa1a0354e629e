// What a careful team writes by hand: claim with one SET, complete with a script that compares the owner. The least
// that gives one owner and keeps the result; no lease, fence, payload check, waiting or typed errors.
import { randomUUID } from 'node:crypto';

const RETENTION_MS = '86400000';

/** KEYS[1] the record; ARGV: the claim, the completed record, retention in ms. Answers 1, or 0 when another owns it. */
export const COMPLETE_LUA = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`;

/**
 * @param claim `(record, text, retentionMs)` → what was there, or null
 * @param complete `(record, claimed, completed, retentionMs)` → 1 or 0
 */
export function twoCommands({ claim, complete }) {
  return async function once(key, work) {
    const record = `once:${key}`;
    const claimed = `P${randomUUID()}`;
    const found = await claim(record, claimed, RETENTION_MS);
    if (found?.[0] === 'C') return JSON.parse(found.slice(1));
    if (found) throw new Error('in progress');
    const value = await work();
    if ((await complete(record, claimed, `C${JSON.stringify(value)}`, RETENTION_MS)) !== 1) throw new Error('lost');
    return value;
  };
}
