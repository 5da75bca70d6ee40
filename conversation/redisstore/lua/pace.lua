-- Asks for a turn, as package pace has it.
--
-- KEYS  1 pace:N
-- ARGV  1 the period   2 how much before its time a turn may come   3 how much
--       later than now, all in µs
-- Returns {1, µs to wait} given, {0, µs too late} not.
--
-- A turn that is not given writes nothing. The key expires when the pace is at rest,
-- a millisecond later for the part of one that Redis cuts off.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local rest = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
local wait = rest - now - tonumber(ARGV[2])
local within = tonumber(ARGV[3])
if wait > within then
  return {0, wait - within}
end
rest = rest + tonumber(ARGV[1])
local left = math.ceil((rest - now) / 1000) + 1
redis.call('SET', KEYS[1], string.format('%.0f', rest), 'PX', string.format('%.0f', left))
return {1, math.max(0, wait)}
