-- Keeps a value.
--
-- KEYS  1 value:N
-- ARGV  1 the value   2 how long to keep it, ms
-- Returns 1.

redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
