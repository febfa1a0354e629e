-- Included after a transition: forgets the oldest entries, many at once, because each command costs the server time.
-- The newest entry is never forgotten.
if version - first >= history_limit + 16 or history_bytes > 65536 then
  local forgotten = {}
  while first < version and (version - first >= history_limit or history_bytes > 49152) do
    local oldest = string.format('%.0f', first)
    local entry = redis.call('HMGET', key, oldest)[1] or ''
    forgotten[#forgotten + 1] = oldest
    forgotten[#forgotten + 1] = string.match(entry, '^%u%d+ %d+ ([%w_-]+)\n')
    first, history_bytes = first + 1, history_bytes - #entry
  end
  redis.call('HDEL', key, unpack(forgotten))
  redis.call('HSET', key, 'head', header(version_text, entered_text, waited, expires, first, history_bytes, state))
end
