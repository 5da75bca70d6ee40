-- Stores an event that was accepted elsewhere where it belongs by the time it was
-- sent, and keeps everybody from taking anything for a while, since more such may
-- come.
--
-- KEYS  1 seen:ID   2 waiting:K   3 count   4 ready   5 life:T   6 lane:K   7 hold
-- ARGV  1 the event   2 K   3 how long to remember the id, ms
--       4 for how long nobody takes anything, ms
-- Returns 1 stored, 0 the id was accepted before; it is put in order all the same:
-- Accepts that Redis has read late, after a stall, are in any order.

local waiting, event = KEYS[2], ARGV[1]

-- sent is when an event was sent, in ms, as package record keeps it behind the
-- trace; 0 for one that was kept before there was a time.
local function sent(kept)
  return tonumber(string.match(string.sub(kept, 9, 23), '^%d+$') or '0')
end

-- What was taken keeps its place: its attempts count, and events that share a turn
-- stay together.
local first = 0
if redis.call('EXISTS', KEYS[6]) == 1 then
  first = tonumber(redis.call('HGET', KEYS[6], 'joined') or '1')
end

-- follower is the first of the events up to the index last that were sent after
-- this one, nil where there is none.
local function follower(last)
  local found
  local mine = sent(event)
  for i = last, first, -1 do
    local other = redis.call('LINDEX', waiting, i)
    if sent(other) <= mine then
      break
    end
    found = other
  end
  return found
end

redis.call('SET', KEYS[7], '', 'PX', ARGV[4])
if redis.call('EXISTS', KEYS[1]) == 1 then
  for i = redis.call('LLEN', waiting) - 1, first + 1, -1 do
    local known = redis.call('LINDEX', waiting, i)
    if string.sub(known, 1, 8) == string.sub(event, 1, 8) then
      local before = follower(i - 1)
      if before then
        redis.call('LREM', waiting, -1, known)
        redis.call('LINSERT', waiting, 'BEFORE', before, known)
      end
      break
    end
  end
  return 0
end

redis.call('SET', KEYS[1], '', 'PX', ARGV[3])
redis.call('INCR', KEYS[3])
local before = follower(redis.call('LLEN', waiting) - 1)
if before then
  redis.call('LINSERT', waiting, 'BEFORE', before, event)
elseif redis.call('RPUSH', waiting, event) == 1 then
  redis.call('XADD', KEYS[4], '*', 'k', ARGV[2])
end
mark(KEYS[5], redis.call('TIME'), '-', 'accepted', '', ARGV[3])
return 1
