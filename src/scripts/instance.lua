-- Included once `stored` holds the whole instance: reads it by the grammar of src/model/machine/instance.rs, as far as
-- every command needs it, or returns why not. The history is only read where it is looked into.
-- Sets: version, entered_ms (numbers), waited, callers, state, data, entries (texts).
if string.sub(stored, 1, 2) ~= 'm1' then return {'unreadable', #stored < 2 and 'too_short' or 'version'} end
local length, start
version, entered_ms, waited, callers, state, length, start =
  string.match(stored, '^([1-9]%d*) ([1-9]%d*) ([01]) ([%w_:;-]*)\n([^%c]+)\n(%d+) ()', 3)
if not version or #version > 15 or #entered_ms > 15 or #length > 15 or #callers % 40 ~= 0
  or string.byte(stored, start + length) ~= 10 or not string.find(stored, '^[1-9]%d* [CEA][1-9]', start + length + 1) then
  return {'unreadable', 'malformed'}
end
version, entered_ms = tonumber(version), tonumber(entered_ms)
data, entries = string.sub(stored, start, start + length - 1), string.sub(stored, start + length + 1)
