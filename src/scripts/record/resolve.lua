-- resolve: writes an operator's answer into a record whose attempt vanished.
-- KEYS[1]  the record
-- ARGV[1]  a fresh owner, which shuts the vanished owner out
-- ARGV[2]  the state it is resolved to: 'C' the payload is the result, 'R' the next begin runs again
-- ARGV[3]  payload for 'C', else empty
-- ARGV[4]  ttl_ms of the new record
-- ARGV[5]  force: '1' to act even while the lease is live, else '0'
-- ARGV[6]  clock, tests only: '<now_us> <pttl_ms>'; empty in production
-- Replies  done | settled | in_progress fence remaining_ms | lost | unreadable reason
local key, clock = KEYS[1], ARGV[6]
local stored = redis.call('GET', key)
if not stored then return 'lost' end
-- @include record.lua
if state == 'C' and ARGV[2] == 'C' and owner == ARGV[1] then return 'done' end
if state == 'C' or state == 'F' then return 'settled' end
if state == 'R' and ARGV[2] == 'R' then return 'done' end
if state == 'P' then
  -- @include lease.lua
  if remaining_ms > 0 and ARGV[5] ~= '1' then
    return {'in_progress', fence, string.format('%.0f', remaining_ms)}
  end
end
-- @include now.lua
local new_fence = string.format('%016.0f', math.max(now_us, tonumber(fence) + 1))
-- A rerun is a recovery: an earlier attempt started, and its end is unknown.
local new_flags = ARGV[2] == 'R' and '2' or '0'
local header = '1' .. ARGV[2] .. new_fence .. ARGV[1] .. fingerprint .. new_flags
redis.call('SET', key, header .. attempt .. ' ' .. ARGV[3], 'PX', ARGV[4])
if bits % 2 == 1 then redis.pcall('PUBLISH', key, ARGV[2]) end
return 'done'
