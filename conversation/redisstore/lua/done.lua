-- Writes the outcome of a turn, removes its event and ends the lease.
--
-- KEYS  1 ready   2 attempts   3 count   4 waiting:K   5 turns:K
-- ARGV  1 group   2 lease, ms   3 entry   4 K   5 the turn, '' for none
--       6 '1' to drop the turns so far   7 how many turns to keep
--       8 how long to keep them, ms, '0' for ever
-- Returns 1 done, 0 the lease is over.
--
-- The first change frees memory, so that a turn can end when Redis has run out of
-- it; Redis lets a script that has begun to write go on.

if not alive(KEYS[1], ARGV[1], ARGV[3], ARGV[2]) then
  return 0
end
redis.call('LPOP', KEYS[4])
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
redis.call('HDEL', KEYS[2], ARGV[4])
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
return 1
