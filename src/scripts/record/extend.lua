-- extend: renews the lease of the attempt that owns the key. The record stays as it is, and its TTL starts anew.
-- KEYS[1]  the record
-- ARGV[1]  owner
-- Replies  done | stale fence | lost | unreadable reason
local key = KEYS[1]
local stored = redis.call('GET', key)
if not stored then return 'lost' end
-- @include record.lua
if state ~= 'P' or owner ~= ARGV[1] then return {'stale', fence} end
-- PEXPIRE does not write the value, so a server that is out of memory still allows it.
redis.call('PEXPIRE', key, string.format('%.0f', ttl_ms))
return 'done'
