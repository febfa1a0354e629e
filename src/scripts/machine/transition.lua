-- transition: carries out one command on an instance of a state machine. Timers that are due fire before any command.
-- KEYS[1]  the instance: a hash
-- KEYS[2]  the instances of its machine whose timer runs, in its partition: a sorted set by when it fires, in ms
-- ARGV[1]  command: 'send', 'create', or a look: 'glance', 'history', 'trail', 'wait' or 'drain'
-- ARGV[2]  member of the sorted set
-- ARGV[3]  states: for every state that is final or has a timer, a line '<state>\t' 'F\t' or
--          '<state>\t' 'T<ms>\t<target>', and for 'drain' also '<state>\t\t' for every other state, with a line feed
--          before the first line and after each
-- ARGV[4]  history_limit
-- ARGV[5]  retention_ms of a finished instance
-- ARGV[6]  initial state of an instance that is created; empty when an absent instance is not created
-- ARGV[7]  token, 11 characters; empty for a look
-- ARGV[8]  data
-- ARGV[9]  event; this and the arguments that follow are for 'send' only
-- ARGV[10] edges: for every state that the event leads on from, a line '<state>\t<target>', with line feeds as above
-- ARGV[11] expected_version, or empty
-- ARGV[12] by, who sends: '<record>:<fence>;<until>' for an attempt, 56 characters, with '1' after it for the first
--          attempt of its record; 11 characters for one of the calls with a key; otherwise empty
-- ARGV[13] payload, kept in the history
-- ARGV[14] '=' when the data stays as it is, '<' when ARGV[8] replaces it
-- The last  clock, tests only: '<now_us> '; empty in production
-- Replies  moved from state version entered left data | replayed, the same fields
--          | instance state version entered left data fired created, and for 'history' and 'trail' then each entry
--          | illegal state version | conflict state version | stale fence | mismatch event | absent | unreadable reason
local key, due_set, command, member, states = KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3]
local history_limit, initial, token, clock = tonumber(ARGV[4]), ARGV[6], ARGV[7], ARGV[#ARGV]
-- @include instance.lua
if not head and initial == '' then
  if command == 'drain' then redis.call('ZREM', due_set, member) end
  return 'absent'
end
-- @include now.lua
local now_ms = math.floor(now_us / 1000)
local NO_TOKEN = '-----------'

-- Returns whether `state` is final, its timer in ms (a text), and the state that the timer leads to.
local function look_up(states, state)
  local _, found = string.find(states, '\n' .. state .. '\t', 1, true)
  if not found then return false end
  if string.byte(states, found + 1) == 70 then return true end
  local ms, target = string.match(states, '^(%d+)\t([^\n]*)', found + 2)
  return false, ms, target
end

local function left(after_ms, entered_ms, now_ms)
  return after_ms and string.format('%.0f', math.max(entered_ms + after_ms - now_ms, 0)) or ''
end

local function header(version, entered, waited, expires, first, history_bytes, state)
  return 'm1' .. version .. ' ' .. entered .. ' ' .. waited .. expires .. ' ' .. string.format('%.0f', first) .. ' '
    .. string.format('%.0f', history_bytes) .. ' ' .. state
end

-- An entry of the history. `by` begins with a space or is empty. `mark` and `before` are empty when the data stays as
-- it is.
local function entry_of(kind, version, at_ms, token, by, event, from, to, payload, mark, before)
  return kind .. version .. ' ' .. at_ms .. ' ' .. token .. by .. '\n' .. event .. '\n' .. from .. '\n' .. to .. '\n'
    .. #payload .. ' ' .. payload .. mark .. before
end

-- The names of the entries from one version to another.
local function versions(from, to)
  local names = {}
  for version = from, to do names[#names + 1] = string.format('%.0f', version) end
  return names
end

local function meet(callers, caller)
  local known = string.find(callers, string.sub(caller, 1, 23), 1, true)
  if known then callers = string.sub(callers, 1, known - 1) .. string.sub(callers, known + 40) end
  callers = callers .. caller
  return #callers > 640 and string.sub(callers, 41) or callers
end

-- Decides what becomes of the instance, which fields are written besides `head` and `data`, and what is answered.
local stored_version, was_waited, moved, patched, fields, reply = version, waited, false, false, {}, nil
local is_final, after_ms, timer_target = look_up(states, state)
local had_timer, entry, disowned = head and after_ms, '', nil
while head and after_ms and entered_ms + after_ms <= now_ms do
  version, entered_ms = version + 1, entered_ms + after_ms
  version_text, entered_text = string.format('%.0f', version), string.format('%.0f', entered_ms)
  entry = entry_of('A', version_text, entered_text, NO_TOKEN, '', after_ms, state, timer_target, '', '', '')
  fields[#fields + 1], fields[#fields + 2] = version_text, entry
  history_bytes, state, moved, waited = history_bytes + #entry, timer_target, true, '0'
  is_final, after_ms, timer_target = look_up(states, state)
end

local event, by = ARGV[9], string.sub(ARGV[12] or '', 1, 56)
if command ~= 'send' then
  local fired, created = string.format('%.0f', version - stored_version), '0'
  if command == 'create' and head then
    created = known and '1' or '0'
  elseif command == 'create' then
    version, version_text, entered_ms, entered_text = 1, '1', now_ms, string.format('%.0f', now_ms)
    entry = entry_of('C', '1', entered_text, token, '', '', '', state, '', '', '')
    fields = {'1', entry, token, '1'}
    history_bytes, data, moved, fired, created = #entry, ARGV[8], true, '0', '1'
  elseif command == 'wait' and waited == '0' then
    waited, patched = '1', true
  end
  reply = {'instance', state, version_text, entered_text, left(after_ms, entered_ms, now_ms), data, fired, created}
else
  local caller = #by > 11 and string.sub(by, 1, 40) or ''
  local met = caller ~= '' and string.find(callers, string.sub(caller, 1, 23), 1, true)
  local fence, own_fence = met and string.sub(callers, met + 23, met + 38), string.sub(caller, 24, 39)
  local _, edge = string.find(ARGV[10], '\n' .. state .. '\t', 1, true)
  if fence and fence > own_fence then
    reply = {'stale', fence}
  elseif known then
    -- @include repeat.lua
  end
  if reply then -- it is a repeat
  elseif ARGV[11] ~= '' and ARGV[11] ~= version_text then
    reply = {'conflict', state, version_text}
  elseif not edge then
    reply = {'illegal', state, version_text}
  else
    local from, mark, before = state, '', ''
    if not head then
      version, entered_text = 1, string.format('%.0f', now_ms)
      local created = entry_of('C', '1', entered_text, NO_TOKEN, '', '', '', state, '', '', '')
      fields, history_bytes = {'1', created}, #created
    end
    if ARGV[14] == '<' then mark, before, data = '<', data, ARGV[8] end
    version, entered_ms, state = version + 1, now_ms, string.match(ARGV[10], '^[^\n]*', edge + 1)
    version_text, entered_text = string.format('%.0f', version), string.format('%.0f', now_ms)
    local by_field = by ~= '' and ' ' .. by or ''
    entry = entry_of('E', version_text, entered_text, token, by_field, event, from, state, ARGV[13], mark, before)
    local n = #fields
    fields[n + 1], fields[n + 2], fields[n + 3], fields[n + 4] = version_text, entry, token, version_text
    if caller ~= '' then fields[n + 5], fields[n + 6] = 'callers', meet(callers, caller) end
    if disowned then fields[#fields + 1], fields[#fields + 2] = known, disowned end
    history_bytes, moved, waited = history_bytes + #entry, true, '0'
    is_final, after_ms = look_up(states, state)
    reply = {'moved', from, state, version_text, entered_text, after_ms or '', data}
  end
end

-- Writes all fields with one command.
if moved then
  local had_ttl = expires == '1'
  expires = is_final and '1' or '0'
  redis.call('HSET', key, 'head', header(version_text, entered_text, waited, expires, first, history_bytes, state),
    'data', data, unpack(fields))
  if is_final then redis.call('PEXPIRE', key, ARGV[5])
  elseif had_ttl then redis.call('PERSIST', key) end
  -- @include forget.lua
elseif patched then
  -- If the mark fails (the server is out of memory), those who wait still find out by looking again.
  local write = command == 'wait' and redis.pcall or redis.call
  local head = header(version_text, entered_text, waited, expires, first, history_bytes, state)
  write('HSET', key, 'head', head, unpack(fields))
end
if after_ms then
  if moved or command == 'drain' then
    redis.call('ZADD', due_set, string.format('%.0f', entered_ms + after_ms), member)
  end
elseif moved and had_timer then
  redis.call('ZREM', due_set, member)
elseif command == 'drain' and string.find(states, '\n' .. state .. '\t', 1, true) then
  -- Another version of the config may give this state a timer, so the instance stays listed for a day. ZADD with an
  -- increment of 0 tells the listed time, and needs no right that a client does not have already.
  local listed_ms = redis.call('ZADD', due_set, 'XX', 'INCR', '0', member)
  if listed_ms and tonumber(listed_ms) <= now_ms - 86400000 then redis.call('ZREM', due_set, member) end
end
if moved and was_waited == '1' then redis.pcall('PUBLISH', key, 'M') end

if command == 'history' or command == 'trail' then
  local oldest = command == 'trail' and first or math.max(first, version - history_limit + 1)
  local entries = redis.call('HMGET', key, unpack(versions(oldest, version)))
  for index = 1, #entries do reply[8 + index] = entries[index] or '' end
end
return reply
