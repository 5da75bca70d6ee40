-- Keeps a note with the event in hand.
--
-- KEYS  1 ready   2 lane:K   3 life:T
-- ARGV  1 group   2 lease, ms   3 entry   4 the note   5 how long to keep a life, ms
-- Returns 1 kept, 0 the lease is over.

if not alive(KEYS[1], ARGV[1], ARGV[3], ARGV[2]) then
  return 0
end
redis.call('HSET', KEYS[2], 'note', ARGV[4])
mark(KEYS[3], redis.call('TIME'), ARGV[3], 'noted', '', ARGV[5])
return 1
