-- Adds a record behind the others and lets the oldest go.
--
-- KEYS  1 records:N
-- ARGV  1 the record   2 how many to keep
-- Returns 1.

redis.call('RPUSH', KEYS[1], ARGV[1])
if tonumber(ARGV[2]) > 0 then
  redis.call('LTRIM', KEYS[1], '-' .. ARGV[2], -1)
else
  redis.call('DEL', KEYS[1])
end
return 1
