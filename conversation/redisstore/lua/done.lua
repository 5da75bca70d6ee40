-- Writes the outcome of a turn, removes its event, or keeps it as a dead letter,
-- and ends the lease.
--
-- KEYS  1 ready   2 lane:K   3 count   4 waiting:K   5 turns:K   6 life:T
--       7 letters   8 dead
-- ARGV  1 group   2 lease, ms   3 entry   4 K   5 the turn, '' for none
--       6 '1' to drop the turns so far   7 how many turns to keep
--       8 how long to keep them, ms, '0' for ever
--       9 what became of the event   10 the reason, for its life
--       11 how long to keep a life, ms   12 '1' if an earlier call may have succeeded
--       13 what is known of the dead letter, '' for none   14 T
--       15 how many dead letters to keep   16 what the keys of lives start with
-- Returns 1 done, 0 the lease is over.
--
-- The first change frees memory, so that a turn can end when Redis has run out of
-- it; Redis lets a script that has begun to write go on.

if not alive(KEYS[1], ARGV[1], ARGV[3], ARGV[2]) then
  -- If this lease has ended the event, that is the last of the event's life.
  local last = ARGV[12] == '1' and redis.call('LINDEX', KEYS[6], -1)
  if last and string.find(last, ' ' .. ARGV[3] .. ' ' .. ARGV[9] .. ' ', 1, true) then
    return 1
  end
  return 0
end
local event = redis.call('LPOP', KEYS[4])
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
redis.call('DEL', KEYS[2])
redis.call('DECR', KEYS[3])
if ARGV[6] == '1' then
  redis.call('DEL', KEYS[5])
end
if ARGV[5] ~= '' then
  redis.call('RPUSH', KEYS[5], ARGV[5])
  redis.call('LTRIM', KEYS[5], -tonumber(ARGV[7]), -1)
  if ARGV[8] == '0' then
    redis.call('PERSIST', KEYS[5])
  else
    redis.call('PEXPIRE', KEYS[5], ARGV[8])
  end
end
if redis.call('EXISTS', KEYS[4]) == 1 then
  redis.call('XADD', KEYS[1], '*', 'k', ARGV[4])
end
local time = redis.call('TIME')
mark(KEYS[6], time, ARGV[3], ARGV[9], ARGV[10], ARGV[11])

if ARGV[13] ~= '' and event then
  redis.call('HSET', KEYS[7], ARGV[14], ARGV[13] .. event)
  redis.call('ZADD', KEYS[8], string.format('%s%06d', time[1], time[2]), ARGV[14])
  for _ = 1, math.min(redis.call('ZCARD', KEYS[8]) - tonumber(ARGV[15]), 4) do
    local oldest = redis.call('ZRANGE', KEYS[8], 0, 0)[1]
    redis.call('ZREM', KEYS[8], oldest)
    redis.call('HDEL', KEYS[7], oldest)
    local life = ARGV[16] .. oldest
    if redis.call('EXISTS', life) == 1 then
      mark(life, time, '-', 'dropped', 'too many dead letters', ARGV[11])
    end
  end
end
return 1
