-- complete: stores the completed record for the attempt that owns the key.
-- KEYS[1]  the record
-- ARGV[1]  the whole completed record, as its owner knows it
-- ARGV[2]  retention_ms
-- Replies  done | stale fence | lost | unreadable reason
local key, record = KEYS[1], ARGV[1]
-- The common case reads only the fixed header: the record is processing, and fence, owner and fingerprint are ours.
local header = redis.call('GETRANGE', key, '0', '56')
local version, letter = string.byte(header, 1, 2)
if version == 49 and letter == 80 and string.sub(header, 3, 56) == string.sub(record, 3, 56) then
  redis.call('SET', key, record, 'PX', ARGV[2])
  if string.byte(header, 57) % 2 == 1 then redis.pcall('PUBLISH', key, 'C') end
  return 'done'
end
local stored = redis.call('GET', key)
if not stored then return 'lost' end
-- @include record.lua
if fence .. owner ~= string.sub(record, 3, 34) or state == 'R' or state == 'F' then return {'stale', fence} end
if state ~= 'C' then
  redis.call('SET', key, record, 'PX', ARGV[2])
  if bits % 2 == 1 then redis.pcall('PUBLISH', key, 'C') end
end
return 'done'
