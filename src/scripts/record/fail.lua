-- fail: ends an attempt without a result.
-- KEYS[1]  the record
-- ARGV[1]  owner
-- ARGV[2]  the state the record ends in: 'R' released, 'F' failed (the error is the outcome), 'I' indeterminate (held);
--          or '-': the record is removed, because the attempt goes on under another name of the key
-- ARGV[3]  the error's payload; empty for 'I', and for 'R' when there is none to tell
-- ARGV[4]  retention_ms for 'F'; for 'R' how long those who waited are told, in ms; else empty
-- ARGV[5]  clock, tests only: '<now_us> <pttl_ms>'; empty in production
-- Replies  done | stale fence | lost | unreadable reason
local key, clock = KEYS[1], ARGV[5]
local stored = redis.call('GET', key)
if not stored and ARGV[2] == '-' then return 'done' end
if not stored then return 'lost' end
-- @include record.lua
if owner ~= ARGV[1] then return {'stale', fence} end
if state == ARGV[2] then return 'done' end
if state ~= 'P' and (state ~= 'I' or ARGV[2] == '-') then return {'stale', fence} end
local header, ttl = '1' .. ARGV[2] .. fence .. owner .. fingerprint, string.format('%.0f', ttl_ms)
if ARGV[2] == '-' then
  redis.call('PEXPIRE', key, '0')
elseif ARGV[2] == 'F' then
  redis.call('SET', key, header .. '0' .. attempt .. ' ' .. ARGV[3], 'PX', ARGV[4])
elseif ARGV[2] == 'R' then
  local released = header .. (bits % 4 >= 2 and '2' or '0') .. attempt .. ' '
  redis.call('SET', key, released, 'PX', ttl)
  if bits % 2 == 1 and ARGV[3] ~= '' then
    local told_for_ms = string.format('%.0f', math.min(tonumber(ARGV[4]), ttl_ms))
    -- The error lies beside the record, and only for those who wait. KEYS does not name this key: while a slot moves to
    -- another node, a cluster refuses a script with two keys until the slot has moved. If this write fails, nobody gets
    -- the error, and whoever waited runs.
    redis.pcall('SET', key .. ':e', released .. ARGV[3], 'PX', told_for_ms)
  end
else
  -- @include now.lua
  local since_ms = string.format('%.0f', math.floor(now_us / 1000))
  header = header .. string.format('%.0f', bits - bits % 2)
  redis.call('SET', key, header .. string.sub(stored, 58) .. ' ' .. since_ms, 'PX', ttl)
end
if bits % 2 == 1 then redis.pcall('PUBLISH', key, ARGV[2]) end
return 'done'
