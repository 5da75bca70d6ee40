-- Asks whoever holds a conversation to stop: the id of the lease's entry is left
-- for its renew.lua to find, so a later lease of the conversation does not care.
--
-- KEYS  1 ready   2 lane:K   3 waiting:K
-- ARGV  1 group   2 lease, ms   3 K   4 what the keys of lives start with
--       5 how long to keep a life, ms
--       6 the trace of the event that has to be in hand, '' for any
-- Returns 1 asked, 0 nobody holds it, or not with that event.
--
-- The leases are looked through for the conversation, as many as there are
-- workers: what is pending is all that is left of the stream between the first
-- and the last pending entry. An index would cost every message something.

local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1])
if pending.err or pending[1] == 0 then
  return 0 -- there is no group, or nobody holds anything
end
local event = redis.call('LINDEX', KEYS[3], 0)
if ARGV[6] ~= '' and (not event or string.sub(event, 1, 8) ~= ARGV[6]) then
  return 0
end
for _, found in ipairs(redis.call('XRANGE', KEYS[1], pending[2], pending[3])) do
  local entry, key = found[1], found[2][2]
  if key == ARGV[3] and alive(KEYS[1], ARGV[1], entry, ARGV[2]) then
    if redis.call('HGET', KEYS[2], 'interrupted') ~= entry then
      redis.call('HSET', KEYS[2], 'interrupted', entry)
      if event then
        mark(ARGV[4] .. string.sub(event, 1, 8), redis.call('TIME'), entry, 'interrupted', '', ARGV[5])
      end
    end
    return 1
  end
end
return 0
