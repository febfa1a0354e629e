-- Included where a processing record's lease is judged: its age is its TTL minus what is left of it.
-- Sets: remaining_ms of the lease, a number; zero or less when the lease is over.
local left_ms = clock ~= '' and tonumber(string.match(clock, '%-?%d+$')) or redis.call('PTTL', key)
if left_ms == -1 then return {'unreadable', 'no_expiry'} end
local remaining_ms = lease_ms - math.max(ttl_ms - math.max(left_ms, 0), 0)
