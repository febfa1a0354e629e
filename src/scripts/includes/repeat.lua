-- Included where `known` is the version that this token led to: gives the answer that the transition got then. If the
-- transition was made under a record that no longer exists, the command is not a repeat, and its entry takes the token.
local at = tonumber(string.match(known, '^%d+$'))
if not at or at < first or at > stored_version then return {'unreadable', 'malformed'} end
local later = redis.call('HMGET', key, unpack(versions(at, stored_version)))
local before_token, kind, its_version, its_at, its_by, its_event, its_from, its_to =
  string.match(later[1] or '', '^(([CEA])(%d+) (%d+) )[%w_-]+ ?([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n')
if its_version ~= known then return {'unreadable', 'malformed'} end
local its_fence, its_until = string.match(its_by, '^.+:(%d+);(%d+)$')
local is_same = its_by == by or (its_fence and its_fence == own_fence)
local is_older = own_fence == '' or not its_fence or its_fence < own_fence
if is_older and (#ARGV[12] == 57 or (its_until and own_fence > its_until)) then
  disowned = before_token .. NO_TOKEN .. string.sub(later[1], #before_token + 12)
elseif not is_same and not is_older then
  reply = {'stale', its_fence}
elseif kind == 'E' and its_event ~= event then
  reply = {'mismatch', its_event}
else
  local data_then = data
  for index = #later, 2, -1 do
    local length, start = string.match(later[index] or '', '^[^\n]*\n[^\n]*\n[^\n]*\n[^\n]*\n(%d+) ()')
    if not length then return {'unreadable', 'malformed'} end
    if #later[index] >= start + length then data_then = string.sub(later[index], start + length + 1) end
  end
  if caller ~= '' and string.sub(callers, -40) ~= caller then
    fields[#fields + 1], fields[#fields + 2] = 'callers', meet(callers, caller)
    patched = true
  end
  local left_ms = its_version == version_text and left(after_ms, entered_ms, now_ms) or ''
  reply = {is_same and 'moved' or 'replayed', its_from, its_to, its_version, its_at, left_ms, data_then}
end
