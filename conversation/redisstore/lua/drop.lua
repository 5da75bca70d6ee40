-- Removes a dead letter.
--
-- KEYS  1 letters   2 dead   3 life:T
-- ARGV  1 T   2 how long to keep a life, ms
-- Returns 1 removed, 0 there is no such dead letter.

local removed = redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
if removed == 1 then
  mark(KEYS[3], redis.call('TIME'), '-', 'dropped', '', ARGV[2])
end
return removed
