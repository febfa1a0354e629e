-- Included where a decision needs the time, at most once on any path. The time is the server's, or a test's in `clock`.
-- Sets: now_us (a number).
local now_us = clock ~= '' and tonumber(string.match(clock, '^%d+'))
if not now_us then
  local time = redis.call('TIME')
  now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
