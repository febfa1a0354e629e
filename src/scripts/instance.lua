-- Included once `stored` holds the whole instance: reads it by the grammar of src/model/machine/instance.rs, or returns why
-- not. Its lines are found by their ends: matching the tokens would cost more than all the rest.
-- Sets: version, entered_ms (both also as texts), history_bytes (numbers), waited, callers, tokens, state, data (texts).
if string.sub(stored, 1, 2) ~= 'm1' then return {'unreadable', #stored < 2 and 'too_short' or 'version'} end
local header_end = string.find(stored, '\n', 1, true)
local tokens_end = header_end and string.find(stored, '\n', header_end + 1, true)
local state_end = tokens_end and string.find(stored, '\n', tokens_end + 1, true)
local start
version_text, entered_text, waited, history_bytes, start = string.match(stored, '^([1-9]%d*) ([1-9]%d*) ([01]) (%d+) ()', 3)
if not state_end or not version_text or #version_text > 15 or #entered_text > 15 or #history_bytes > 15
  or (header_end - start) % 40 ~= 0 or (tokens_end - header_end - 1) % 12 ~= 0 or tokens_end == header_end + 1
  or state_end == tokens_end + 1 then
  return {'unreadable', 'malformed'}
end
version, entered_ms, history_bytes = tonumber(version_text), tonumber(entered_text), tonumber(history_bytes)
callers, tokens = string.sub(stored, start, header_end - 1), string.sub(stored, header_end + 1, tokens_end - 1)
state, data = string.sub(stored, tokens_end + 1, state_end - 1), string.sub(stored, state_end + 1)
