-- due: lists the instances of a machine whose timer should have fired, the oldest first.
-- KEYS[1]  the instances of one partition whose timer runs: a sorted set by when it fires, in ms
-- ARGV[1]  how many to list at most
-- ARGV[2]  how many of the oldest are left out
-- ARGV[3]  clock, tests only: '<now_us> '; empty in production
-- Replies  the members
local clock = ARGV[3]
-- @include now.lua
local now_ms = string.format('%.0f', math.floor(now_us / 1000))
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now_ms, 'LIMIT', ARGV[2], ARGV[1])
