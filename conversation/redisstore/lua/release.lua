-- Gives a conversation back and ends the lease.
--
-- KEYS  1 ready   2 later   3 lane:K
-- ARGV  1 group   2 lease, ms   3 entry   4 K   5 in how many ms it may be taken again, 0 at once
--       6 how long to keep a life, ms   7 '1' if the attempt does not count
--       8 what the keys of lives start with   9 … the traces of the events
-- Returns 1 given back, 0 the lease is over.

if not alive(KEYS[1], ARGV[1], ARGV[3], ARGV[2]) then
  return 0
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
local time = redis.call('TIME')
if ARGV[5] == '0' then
  redis.call('XADD', KEYS[1], '*', 'k', ARGV[4])
else
  -- One more millisecond, for the part of one that is cut off here.
  local due = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[5]) + 1
  redis.call('ZADD', KEYS[2], string.format('%.0f', due), ARGV[4])
end
if ARGV[7] == '1' and redis.call('HINCRBY', KEYS[3], 'attempt', -1) <= 0 then
  redis.call('DEL', KEYS[3]) -- with it, what was joined
end
for i = 9, #ARGV do
  mark(ARGV[8] .. ARGV[i], time, ARGV[3], 'released', '', ARGV[6])
end
return 1
