-- Puts a dead letter back to the end of its conversation.
--
-- KEYS  1 letters   2 dead   3 waiting:K   4 count   5 ready   6 life:T
-- ARGV  1 T   2 K   3 how long to keep a life, ms   4 the event of the letter
-- Returns 1 put back, 0 there is no such dead letter.

if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then
  return 0
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('INCR', KEYS[4])
if redis.call('RPUSH', KEYS[3], ARGV[4]) == 1 then
  redis.call('XADD', KEYS[5], '*', 'k', ARGV[2])
end
mark(KEYS[6], redis.call('TIME'), '-', 'retried', '', ARGV[3])
return 1
