-- Included after a transition that added `entry`: makes room. When the history is too large, the oldest entries lose
-- their payloads and their data; if that is not enough, they are forgotten. When it is too long, the oldest entries are
-- forgotten. Many go at once, because each command costs the server time. The newest entry always stays.
local kept, older_bytes = math.max(history_limit, 16), history_bytes - #entry
local is_long = version - first >= kept + 16
if is_long or older_bytes > 65536 then
  local last = older_bytes > 65536 and version - 1 or version - kept
  local entries, slim, forgotten = redis.call('HMGET', key, unpack(versions(first, last))), {}, {}
  if older_bytes > 65536 then
    for index = 1, #entries do
      if older_bytes <= 49152 then break end
      local whole = entries[index] or ''
      local lines, length, start = string.match(whole, '^([^\n]*\n[^\n]*\n[^\n]*\n[^\n]*\n)(%d+) ()')
      if length then
        entries[index] = lines .. '0 ' .. string.sub(whole, start + length, start + length)
        slim[index], older_bytes = #entries[index] < #whole, older_bytes - #whole + #entries[index]
      end
    end
  end
  local oldest, is_large = first, older_bytes > 65536
  while first < version and (is_long and version - first >= kept or is_large and older_bytes > 49152) do
    local index = first - oldest + 1
    local whole = entries[index] or ''
    forgotten[#forgotten + 1] = string.format('%.0f', first)
    forgotten[#forgotten + 1] = string.match(whole, '^%u%d+ %d+ ([%w_-]+)')
    first, older_bytes = first + 1, older_bytes - #whole
  end
  history_bytes = older_bytes + #entry
  local changed = {'head', header(version_text, entered_text, waited, expires, first, history_bytes, state)}
  for index = first - oldest + 1, #entries do
    if slim[index] then
      changed[#changed + 1], changed[#changed + 2] = string.format('%.0f', oldest + index - 1), entries[index]
    end
  end
  if #forgotten > 0 then redis.call('HDEL', key, unpack(forgotten)) end
  redis.call('HSET', key, unpack(changed))
end
