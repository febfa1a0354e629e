-- Included where a script judges a processing record's lease: its age is its TTL minus the time left of the key.
-- Sets: remaining_ms of the lease (a number), zero or less when the lease is over.
local left_ms = clock ~= '' and tonumber(string.match(clock, '%-?%d+$')) or redis.call('PTTL', key)
if left_ms == -1 then return {'unreadable', 'no_expiry'} end
local remaining_ms = lease_ms - math.max(ttl_ms - math.max(left_ms, 0), 0)
