-- Included once `stored` holds the whole record: reads it by the grammar in src/model/record.rs, or returns the reason.
-- Sets: state, fence, owner, fingerprint, flags, attempt (texts), body (where lease or payload starts), bits,
-- and as numbers lease_ms, ttl_ms (processing and indeterminate), since_ms (text, indeterminate).
if string.sub(stored, 1, 1) ~= '1' then return {'unreadable', stored == '' and 'too_short' or 'version'} end
if #stored < 59 then return {'unreadable', 'too_short'} end
local state, fence, owner = string.sub(stored, 2, 2), string.sub(stored, 3, 18), string.sub(stored, 19, 34)
local fingerprint, flags = string.sub(stored, 35, 56), string.sub(stored, 57, 57)
local attempt, body = string.match(stored, '^([1-9]%d*) ()', 58)
local lease_ms, ttl_ms, since_ms = '1', '1', '1'
if attempt and state == 'P' then
  lease_ms, ttl_ms = string.match(stored, '^([1-9]%d*) ([1-9]%d*)$', body)
elseif attempt and state == 'I' then
  lease_ms, ttl_ms, since_ms = string.match(stored, '^([1-9]%d*) ([1-9]%d*) ([1-9]%d*)$', body)
end
-- A double would not be exact for a fence above 9e15, nor for another number of more than 15 digits.
if not (attempt and lease_ms and #attempt <= 15 and #lease_ms <= 15 and #ttl_ms <= 15 and #since_ms <= 15)
  or not string.find(state, '^[PIRCF]$') or not string.find(fence, '^[0-8]%d+$') or not string.find(flags, '^[0-7]$')
  or string.find(owner, '[^%w_-]') or string.find(fingerprint, '[^%w_-]') then
  return {'unreadable', 'malformed'}
end
local bits = tonumber(flags)
lease_ms, ttl_ms = tonumber(lease_ms), tonumber(ttl_ms)
