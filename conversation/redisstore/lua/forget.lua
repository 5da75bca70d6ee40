-- Drops the turns of a conversation, once for each trace. The turn of an event that is
-- taken and not done, which is what a lane is there for, is not remembered either. What
-- waits is not joined with what comes from here on.
--
-- KEYS  1 turns:K   2 lane:K   3 forgot:T   4 waiting:K
-- ARGV  1 how long to keep that this was carried out, ms
-- Returns 1 forgotten, 0 an earlier call has.

if not redis.call('SET', KEYS[3], '', 'NX', 'PX', ARGV[1]) then
  return 0
end
redis.call('DEL', KEYS[1])
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HSET', KEYS[2], 'forgotten', 1)
end
local last = redis.call('LINDEX', KEYS[4], -1)
if last and not border(last) then
  local at = flags(last)
  redis.call('LSET', KEYS[4], -1, string.sub(last, 1, at - 1) .. 'e' .. string.sub(last, at))
end
return 1
