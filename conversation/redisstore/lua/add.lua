-- Adds to a count.
--
-- KEYS  1 tally:N
-- ARGV  1 what to add   2 how long to keep the count if it begins here, ms
-- Returns the total, as text: a number of Lua has 53 bits.

redis.call('SET', KEYS[1], '0', 'PX', ARGV[2], 'NX')
redis.call('INCRBY', KEYS[1], ARGV[1])
return redis.call('GET', KEYS[1])
