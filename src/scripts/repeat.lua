-- Included where `token` occurs somewhere in `entries`: when it is an entry's, answers as that transition was answered.
local at, first_from, first_state, first_version, first_at = 1, nil, nil, nil, nil
local data_then
while at <= #entries and not data_then do
  local length, start = string.match(entries, '^([1-9]%d*) ()', at)
  local kind, its_version, its_at, its_token, its_event, its_from, its_to, payload_length, payload_start = string.match(
    entries, '^([CEA])(%d+) (%d+) ([%w_-]+)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n(%d+) ()', start or 0)
  if not length or not kind then return {'unreadable', 'malformed'} end
  if its_token == token then
    if kind == 'E' and its_event ~= event then return done({'mismatch', its_event}) end
    first_from, first_state, first_version, first_at = its_from, its_to, its_version, its_at
  elseif first_state and payload_start + payload_length < start + length then
    data_then = string.sub(entries, payload_start + payload_length + 1, start + length - 1)
  end
  at = start + length + 1
end
if first_state then
  if caller ~= '' and string.sub(callers, -40) ~= caller then
    meet(caller)
    patched = true
  end
  local left_ms = first_version == int(version) and left() or ''
  return done({'replayed', first_from, first_state, first_version, first_at, left_ms, data_then or data})
end
