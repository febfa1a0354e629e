-- Included first: reads the instance at `key` by the grammar in src/model/machine/instance.rs, or returns the reason.
-- Sets: head (false without an instance), known (the version of `token`, or false), state, data, callers, version_text,
-- entered_text, waited, expires (texts), version, entered_ms, first, history_bytes (numbers).
local found = redis.call('HMGET', key, 'head', 'data', 'callers', token)
local head, data, callers, known = found[1], found[2], found[3] or '', found[4]
local version, entered_ms, first, history_bytes, state = 0, 0, 1, 0, initial
local version_text, entered_text, waited, expires = '0', '0', '0', '0'
if head then
  if string.sub(head, 1, 2) ~= 'm1' then return {'unreadable', #head < 2 and 'too_short' or 'version'} end
  version_text, entered_text, waited, expires, first, history_bytes, state =
    string.match(head, '^([1-9]%d*) ([1-9]%d*) ([01])([01]) ([1-9]%d*) (%d+) ([^\n]+)$', 3)
  if not version_text or #version_text > 10 or #entered_text > 15 or #history_bytes > 15
    or not data or #callers % 40 ~= 0 then
    return {'unreadable', 'malformed'}
  end
  version, entered_ms, first, history_bytes =
    tonumber(version_text), tonumber(entered_text), tonumber(first), tonumber(history_bytes)
  if first > version then return {'unreadable', 'malformed'} end
elseif redis.call('EXISTS', key) == 0 then
  data = ''
else
  return {'unreadable', 'version'}
end
