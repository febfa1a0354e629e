-- admit: counts one more key of a scope, unless the scope has as many keys as its limit; or tells how many it has.
-- KEYS[1]  the count: for each slice of time its end in ms and its number of keys, with spaces between
-- ARGV[1]  limit; empty when no key is to be counted
-- ARGV[2]  retention_ms
-- ARGV[3]  slice_ms
-- ARGV[4]  clock, tests only: '<now_us> '; empty in production
-- Replies  admitted | full free_in_ms | counted keys free_in_ms
local key, slice_ms, clock = KEYS[1], tonumber(ARGV[3]), ARGV[4]
-- @include now.lua
local now_ms = math.floor(now_us / 1000)
local ours_ms = (math.floor((now_ms + tonumber(ARGV[2])) / slice_ms) + 1) * slice_ms
local total, first_ms, last_ms, is_counted, slices = 0, math.huge, ours_ms, false, {}
for end_text, keys_text in string.gmatch(redis.call('GET', key) or '', '(%d+) (%d+)') do
  local ends_ms, keys = tonumber(end_text), tonumber(keys_text)
  if ends_ms > now_ms then
    total, first_ms, last_ms = total + keys, math.min(first_ms, ends_ms), math.max(last_ms, ends_ms)
    if ends_ms == ours_ms then keys, is_counted = keys + 1, true end
    slices[#slices + 1] = end_text .. ' ' .. string.format('%.0f', keys)
  end
end
local free_in_ms = string.format('%.0f', total > 0 and first_ms - now_ms or 0)
if ARGV[1] == '' then return {'counted', string.format('%.0f', total), free_in_ms} end
if total >= tonumber(ARGV[1]) then return {'full', free_in_ms} end
if not is_counted then slices[#slices + 1] = string.format('%.0f', ours_ms) .. ' 1' end
redis.call('SET', key, table.concat(slices, ' '), 'PX', string.format('%.0f', last_ms - now_ms))
return 'admitted'
