-- reset: forgets the outcome of a key, so that the next begin runs again. Leaves a tombstone with a larger fence.
-- KEYS[1]  the record
-- ARGV[1]  a fresh owner, which shuts earlier owners out
-- ARGV[2]  ttl_ms of the tombstone
-- ARGV[3]  force: '1' to act even while the lease is live, else '0'
-- ARGV[4]  clock, tests only: '<now_us> <pttl_ms>'; empty in production
-- Replies  done | in_progress fence remaining_ms | lost | unreadable reason
local key, clock = KEYS[1], ARGV[4]
local stored = redis.call('GET', key)
if not stored then return 'lost' end
-- @include record.lua
if state == 'R' and owner == ARGV[1] then return 'done' end
if state == 'P' then
  -- @include lease.lua
  if remaining_ms > 0 and ARGV[3] ~= '1' then
    return {'in_progress', fence, string.format('%.0f', remaining_ms)}
  end
end
-- @include now.lua
local new_fence = string.format('%016.0f', math.max(now_us, tonumber(fence) + 1))
local new_flags = (state == 'P' or state == 'I') and '2' or '0'
redis.call('SET', key, '1R' .. new_fence .. ARGV[1] .. fingerprint .. new_flags .. attempt .. ' ', 'PX', ARGV[2])
if bits % 2 == 1 then redis.pcall('PUBLISH', key, 'R') end
return 'done'
