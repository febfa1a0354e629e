-- transition: one command on an instance of a state machine. Whatever it is, timers that are due fire first.
-- KEYS[1]  the instance
-- KEYS[2]  the instances of its machine whose timer runs, in its partition: a sorted set by when it fires, in ms
-- KEYS[3]  the instance's history: a list
-- ARGV[1]  command: 'send', 'create', or a look: 'glance', 'history', 'wait' or 'drain'
-- ARGV[2]  member of the sorted set
-- ARGV[3]  states: of every state that is final, or has a timer, a line '<state>\t' 'F\t', or '<state>\t' 'T<ms>\t<target>',
--          a line feed before the first and behind each
-- ARGV[4]  history_limit
-- ARGV[5]  retention_ms of a finished instance
-- ARGV[6]  initial state of an instance that is created; empty when an absent one is not
-- ARGV[7]  token, 11 characters; empty for a look
-- ARGV[8]  data: for 'send' empty when it stays as it is, else '=' and the data; for 'create' the data
-- ARGV[9]  event, for 'send' as all that follow
-- ARGV[10] edges: of every state the event leads on from a line '<state>\t<target>', with line feeds as above
-- ARGV[11] expected_version, or empty
-- ARGV[12] caller: '<record>:<fence>;', 40 characters, or empty
-- ARGV[13] payload, kept in the history
-- The last  clock, tests only: '<now_us> '; empty in production
-- Replies  moved from state version entered left data | replayed, the same fields
--          | instance state version entered left data fired created, for 'history' and then each entry
--          | illegal state version | conflict state version | stale fence | mismatch event | absent | unreadable reason
local key, due_set, history, command, member, states = KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3]
local history_limit, clock = tonumber(ARGV[4]), ARGV[#ARGV]
local stored = redis.call('GET', key)
local version, entered_ms, waited, history_bytes, callers, tokens, state, data = 0, 0, '0', 0, '', '', '', ''
local version_text, entered_text = '0', '0'
if stored then
  -- @include instance.lua
elseif ARGV[6] == '' then
  if command == 'drain' then redis.call('ZREM', due_set, member) end
  return 'absent'
end
-- @include now.lua
local now_ms = math.floor(now_us / 1000)
local was_waited, moved, patched, fired = waited == '1', false, false, 0

-- A number takes longer to write than a command to the server: these two are written once.
local function int(number) return string.format('%.0f', number) end

-- What is known of `state`.
local is_final, after_ms, timer_target
local function look_up()
  local _, found = string.find(states, '\n' .. state .. '\t', 1, true)
  is_final, after_ms, timer_target = false, nil, nil
  if not found then return end
  if string.byte(states, found + 1) == 70 then is_final = true return end
  local ms, target = string.match(states, '^(%d+)\t([^\n]*)', found + 2)
  after_ms, timer_target = tonumber(ms), target
end

local function go(kind, event, target, at_ms, token, payload, before)
  version = version + 1
  version_text, entered_text = int(version), int(at_ms)
  local entry = kind .. version_text .. ' ' .. entered_text .. ' ' .. token .. '\n' .. event .. '\n' .. state .. '\n'
    .. target .. '\n' .. #payload .. ' ' .. payload .. before
  redis.call('RPUSH', history, entry)
  history_bytes = history_bytes + #entry
  local size, first = #tokens + 12, 1
  while size > 12 and (size > 12 * history_limit or history_bytes > 65536) do
    history_bytes = history_bytes - #(redis.call('LPOP', history) or '')
    size, first = size - 12, first + 12
  end
  -- One copy of the tokens, not two.
  tokens = string.sub(tokens, first) .. token .. ' '
  state, entered_ms, moved, waited = target, at_ms, true, '0'
  look_up()
end

local function meet(caller)
  local known = string.find(callers, string.sub(caller, 1, 23), 1, true)
  if known then callers = string.sub(callers, 1, known - 1) .. string.sub(callers, known + 40) end
  callers = callers .. caller
  if #callers > 640 then callers = string.sub(callers, 41) end
end

look_up()
local had_timer = after_ms ~= nil

-- Keeps what changed, then answers.
local function done(reply)
  if moved or patched then
    local text = 'm1' .. version_text .. ' ' .. entered_text .. ' ' .. waited .. ' ' .. int(history_bytes) .. ' '
      .. callers .. '\n' .. tokens .. '\n' .. state .. '\n' .. data
    -- Without the mark (the server is out of memory) who waits still finds out by looking again.
    if not moved and command == 'wait' then redis.pcall('SET', key, text, 'KEEPTTL')
    elseif not moved then redis.call('SET', key, text, 'KEEPTTL')
    elseif is_final then
      redis.call('SET', key, text, 'PX', ARGV[5])
      redis.call('PEXPIRE', history, ARGV[5])
    else redis.call('SET', key, text) end
  end
  if after_ms then
    if moved or command == 'drain' then redis.call('ZADD', due_set, int(entered_ms + after_ms), member) end
  elseif command == 'drain' or (moved and had_timer) then
    redis.call('ZREM', due_set, member)
  end
  if moved and was_waited then redis.pcall('PUBLISH', key, 'M') end
  return reply
end

local function left()
  return after_ms and int(math.max(entered_ms + after_ms - now_ms, 0)) or ''
end

-- The instance as it is now.
local function shown(created)
  local reply = {'instance', state, version_text, entered_text, left(), data, int(fired), created}
  if command == 'history' then
    for index, entry in ipairs(redis.call('LRANGE', history, '0', '-1')) do reply[8 + index] = entry end
  end
  return reply
end

local NO_TOKEN = '-----------'

if stored then
  while after_ms and entered_ms + after_ms <= now_ms do
    go('A', int(after_ms), timer_target, entered_ms + after_ms, NO_TOKEN, '', '')
    fired = fired + 1
  end
end

if command == 'create' then
  local created = '1'
  if stored then
    created = string.find(tokens, ARGV[7], 1, true) and '1' or '0'
  else
    redis.call('DEL', history)
    go('C', '', ARGV[6], now_ms, ARGV[7], '', '')
    data = ARGV[8]
  end
  return done(shown(created))
end

if command ~= 'send' then
  if command == 'wait' and waited == '0' then waited, patched = '1', true end
  return done(shown('0'))
end

local token, event, caller = ARGV[7], ARGV[9], ARGV[12]
if stored then
  if caller ~= '' then
    local known = string.find(callers, string.sub(caller, 1, 23), 1, true)
    local fence = known and string.sub(callers, known + 23, known + 38)
    if fence and fence > string.sub(caller, 24, 39) then return done({'stale', fence}) end
  end
  local found = string.find(tokens, token, 1, true)
  if found then
    -- @include repeat.lua
  end
end
local from = stored and state or ARGV[6]
if ARGV[11] ~= '' and ARGV[11] ~= version_text then return done({'conflict', from, version_text}) end
local _, found = string.find(ARGV[10], '\n' .. from .. '\t', 1, true)
if not found then return done({'illegal', from, version_text}) end
if not stored then
  -- What an earlier instance of this id left behind.
  redis.call('DEL', history)
  go('C', '', from, now_ms, NO_TOKEN, '', '')
end
local before = ''
if ARGV[8] ~= '' then before, data = '<' .. data, string.sub(ARGV[8], 2) end
go('E', event, string.match(ARGV[10], '^[^\n]*', found + 1), now_ms, token, ARGV[13], before)
if caller ~= '' then meet(caller) end
return done({'moved', from, state, version_text, entered_text, left(), data})
