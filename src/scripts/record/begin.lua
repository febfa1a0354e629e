-- begin: acquires the key for its caller, or tells what state the key is in and what came of it.
-- KEYS[1]  the record
-- ARGV[1]  owner, this begin's token
-- ARGV[2]  fingerprint, or 22 dashes
-- ARGV[3]  lease_ms
-- ARGV[4]  ttl_ms of an unfinished record
-- ARGV[5]  hold: '4' when the key is to be held if this attempt vanishes, else '0'. The rest says what to do when the
--          key has no record. Nothing: begin its first attempt. '-': do not begin. Otherwise the attempt was acquired
--          under another name of the key and goes on here: its fence, 16 digits, '2' if it is recovered, else '0', and
--          its attempt
-- ARGV[6]  mark_waited: '1' when an in-progress answer marks the record, else '0'
-- ARGV[7]  awaited_fence, 16 digits: the attempt the caller waited for, or empty
-- ARGV[8]  clock, tests only: '<now_us> <pttl_ms>'; empty in production
-- Replies  acquired fence attempt recovered | lost | in_progress fence remaining_ms | mismatch fence
--          | indeterminate fence since_ms | released fence attempt origin payload
--          | replay fence attempt origin payload | replay_error fence attempt origin payload | unreadable reason
local key, caller, clock = KEYS[1], ARGV[1], ARGV[8]
local stored = redis.call('GET', key)
if not stored and string.sub(ARGV[5], 2) == '-' then return 'lost' end
local its_fence, its_recovered, its_attempt =
  string.sub(ARGV[5], 2, 17), string.sub(ARGV[5], 18, 18), string.sub(ARGV[5], 19)
-- What a new attempt takes over. Of the flags it may inherit waited and recovered.
local old_fence, old_attempt, inherited = 0, 0, 0
if stored then
  -- @include record.lua
  local ours, origin = owner == caller, owner .. fingerprint
  if state ~= 'I' and state ~= 'R' and not ours and fingerprint ~= ARGV[2]
    and fingerprint ~= '----------------------' and ARGV[2] ~= '----------------------' then
    return {'mismatch', fence}
  end
  if state == 'C' then return {'replay', fence, attempt, origin, string.sub(stored, body)} end
  if state == 'F' then return {'replay_error', fence, attempt, origin, string.sub(stored, body)} end
  if state == 'I' then return {'indeterminate', fence, since_ms} end
  if state == 'R' then
    -- Earlier versions kept the error in the record.
    local told = string.sub(stored, body)
    if told == '' and fence == ARGV[7] and not ours then
      local beside = redis.pcall('GET', key .. ':e')
      if type(beside) == 'string' and string.sub(beside, 1, #stored) == stored then
        told = string.sub(beside, body)
      end
    end
    if ours or (fence == ARGV[7] and told ~= '') then return {'released', fence, attempt, origin, told} end
    inherited = bits % 4 >= 2 and 2 or 0
  else
    if ours then
      redis.call('PEXPIRE', key, string.format('%.0f', ttl_ms))
      return {'acquired', fence, attempt, bits % 4 >= 2 and '1' or '0'}
    end
    -- @include lease.lua
    if remaining_ms > 0 then
      if ARGV[6] == '1' and bits % 2 == 0 then
        -- If the mark fails (the server is out of memory), the waiter's slow poll still finds the end.
        redis.pcall('SETRANGE', key, '56', string.format('%.0f', bits + 1))
      end
      return {'in_progress', fence, string.format('%.0f', remaining_ms)}
    end
    if bits >= 4 then
      -- @include now.lua
      local since_ms = string.format('%.0f', math.floor(now_us / 1000))
      local header = '1I' .. string.sub(stored, 3, 56) .. string.format('%.0f', bits - bits % 2)
      local ttl = string.format('%.0f', ttl_ms)
      redis.call('SET', key, header .. string.sub(stored, 58) .. ' ' .. since_ms, 'PX', ttl)
      if bits % 2 == 1 then redis.pcall('PUBLISH', key, 'I') end
      return {'indeterminate', fence, since_ms}
    end
    -- The takeover: the lease is over. Those who waited for the vanished attempt now wait for this one.
    inherited = 2 + bits % 2
  end
  old_fence, old_attempt = tonumber(fence), tonumber(attempt)
end
if its_recovered == '2' and inherited < 2 then inherited = inherited + 2 end
old_fence = math.max(old_fence, tonumber(its_fence) or 0)
-- @include now.lua
local fence = string.format('%016.0f', math.max(now_us, old_fence + 1))
local attempt = string.format('%.0f', math.max(old_attempt + 1, tonumber(its_attempt) or 1))
local flags = string.format('%.0f', inherited + tonumber(string.sub(ARGV[5], 1, 1)))
local record = '1P' .. fence .. caller .. ARGV[2] .. flags .. attempt .. ' ' .. ARGV[3] .. ' ' .. ARGV[4]
redis.call('SET', key, record, 'PX', ARGV[4])
return {'acquired', fence, attempt, inherited >= 2 and '1' or '0'}
