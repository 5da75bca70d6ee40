-- Keeps a lease: from now on, its entry is idle again.
--
-- KEYS  1 ready   2 lane:K
-- ARGV  1 group   2 consumer   3 lease, ms   4 entry
-- Returns 2 kept and asked to stop, 1 kept, 0 the lease is over.

if not alive(KEYS[1], ARGV[1], ARGV[4], ARGV[3]) then
  return 0
end
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[4], 'JUSTID')
if redis.call('HGET', KEYS[2], 'interrupted') == ARGV[4] then
  return 2
end
return 1
