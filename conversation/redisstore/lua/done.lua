-- Writes the outcome of a turn, removes its events, or keeps them as dead letters,
-- and ends the lease.
--
-- KEYS  1 ready   2 lane:K   3 count   4 waiting:K   5 turns:K   6 life:T
--       7 letters   8 dead
-- ARGV  1 group   2 lease, ms   3 entry   4 K   5 the turn, '' for none
--       6 how many turns to keep   7 how long to keep them, ms, '0' for ever
--       8 what became of the events   9 the reason, for their lives
--       10 how long to keep a life, ms   11 '1' if an earlier call may have succeeded
--       12 what is known of the dead letters, '' for none
--       13 how many dead letters to keep   14 what the keys of lives start with
--       15 … the traces of the events: T, and of those joined with it, in their order
-- Returns 1 done, 0 the lease is over.
--
-- The first change frees memory, so that a turn can end when Redis has run out of
-- it; Redis lets a script that has begun to write go on.

if not alive(KEYS[1], ARGV[1], ARGV[3], ARGV[2]) then
  -- If this lease has ended the event, the event's life says so: at its end, or before
  -- what has become of the dead letter since.
  if ARGV[11] == '1' then
    for _, told in ipairs(redis.call('LRANGE', KEYS[6], 0, -1)) do
      if string.find(told, ' ' .. ARGV[3] .. ' ' .. ARGV[8] .. ' ', 1, true) then
        return 1
      end
    end
  end
  return 0
end
local events = {} -- by the index of the trace
for i = 15, #ARGV do
  events[i] = redis.call('LPOP', KEYS[4])
end
local forgotten = redis.call('HEXISTS', KEYS[2], 'forgotten') == 1
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
redis.call('DEL', KEYS[2])
redis.call('DECRBY', KEYS[3], #ARGV - 14)
if ARGV[5] ~= '' and not forgotten then
  redis.call('RPUSH', KEYS[5], ARGV[5])
  redis.call('LTRIM', KEYS[5], -tonumber(ARGV[6]), -1)
  if ARGV[7] == '0' then
    redis.call('PERSIST', KEYS[5])
  else
    redis.call('PEXPIRE', KEYS[5], ARGV[7])
  end
end
if redis.call('EXISTS', KEYS[4]) == 1 then
  redis.call('XADD', KEYS[1], '*', 'k', ARGV[4])
end
local time = redis.call('TIME')
for i = 15, #ARGV do
  mark(ARGV[14] .. ARGV[i], time, ARGV[3], ARGV[8], ARGV[9], ARGV[10])
  if ARGV[12] ~= '' and events[i] then
    redis.call('HSET', KEYS[7], ARGV[i], ARGV[12] .. events[i])
    -- Letters are kept by their time, and those of one turn in the order of their events.
    redis.call('ZADD', KEYS[8], string.format('%.0f', time[1] * 1000000 + time[2] + i - 15), ARGV[i])
    for _ = 1, math.min(redis.call('ZCARD', KEYS[8]) - tonumber(ARGV[13]), 4) do
      local oldest = redis.call('ZRANGE', KEYS[8], 0, 0)[1]
      redis.call('ZREM', KEYS[8], oldest)
      redis.call('HDEL', KEYS[7], oldest)
      local life = ARGV[14] .. oldest
      if redis.call('EXISTS', life) == 1 then
        mark(life, time, '-', 'dropped', 'too many dead letters', ARGV[10])
      end
    end
  end
end
return 1
