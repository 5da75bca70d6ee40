-- Stores an event behind what waits in its conversation.
--
-- KEYS  1 seen:ID   2 waiting:K   3 count   4 ready   5 life:T
-- ARGV  1 the event   2 K   3 how long to remember the id, ms
--       4 how many events may wait   5 and how many of them in one conversation
-- Returns 1 stored, 0 the id was accepted before, -1 too many events wait.
--
-- The first change is a command that Redis refuses when it is out of memory, so
-- that nothing is stored by half.

if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
if tonumber(redis.call('GET', KEYS[3]) or '0') >= tonumber(ARGV[4]) or
    redis.call('LLEN', KEYS[2]) >= tonumber(ARGV[5]) then
  return -1
end
redis.call('SET', KEYS[1], '', 'PX', ARGV[3])
redis.call('INCR', KEYS[3])
if redis.call('RPUSH', KEYS[2], ARGV[1]) == 1 then
  redis.call('XADD', KEYS[4], '*', 'k', ARGV[2])
end
mark(KEYS[5], redis.call('TIME'), '-', 'accepted', '', ARGV[3])
return 1
