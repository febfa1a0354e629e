-- Included where `found` is the place of `token` in `tokens`: answers as that transition was answered. An entry that
-- somebody removed is forgotten.
local place = (found - 1) / 12
local later = redis.call('LRANGE', history, int(place), '-1')
local kind, its_version, its_at, its_event, its_from, its_to =
  string.match(later[1] or '', '^([CEA])(%d+) (%d+) [%w_-]+\n([^\n]*)\n([^\n]*)\n([^\n]*)\n')
if kind then
  if kind == 'E' and its_event ~= event then return done({'mismatch', its_event}) end
  local data_then = data
  for index = #later, 2, -1 do
    local length, start = string.match(later[index], '^[^\n]*\n[^\n]*\n[^\n]*\n[^\n]*\n(%d+) ()')
    if not length then return done({'unreadable', 'malformed'}) end
    if #later[index] >= start + length then data_then = string.sub(later[index], start + length + 1) end
  end
  if caller ~= '' and string.sub(callers, -40) ~= caller then
    meet(caller)
    patched = true
  end
  local left_ms = its_version == version_text and left() or ''
  return done({'replayed', its_from, its_to, its_version, its_at, left_ms, data_then})
end
