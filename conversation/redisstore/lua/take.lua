-- Leases the first ready conversation, after putting in line what has become
-- ready by itself: conversations released until now, and those whose lease has
-- run out.
--
-- KEYS  1 ready   2 later
-- ARGV  1 group   2 consumer   3 lease, ms   4 turns to read
--       5 what the keys of the connection start with, for waiting:K, lane:K,
--       turns:K and life:T
--       6 where to go on looking for leases that have run out, '' for not now
--       7 how long to keep a life, ms
-- Returns {where to go on, entry, K, attempt, event, {turns}, note or nil}
--      or {where to go on, id of the last entry read, ms until one is due or -1}
--      when nothing is ready.
--
-- Reading the entry and leasing the conversation are one step, so there is no
-- moment in which a caller that goes away leaves an entry in nobody's hands.

local ready, later = KEYS[1], KEYS[2]
local group, consumer, lease = ARGV[1], ARGV[2], ARGV[3]
local cursor = ARGV[6]
local few = 16 -- bounds every loop

local function enqueue(key)
  redis.call('XADD', ready, '*', 'k', key)
end

local function drop(entry)
  redis.call('XACK', ready, group, entry)
  redis.call('XDEL', ready, entry)
end

-- The time is Redis' own, the same for all replicas.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

for _, key in ipairs(redis.call('ZRANGEBYSCORE', later, '-inf', string.format('%.0f', now), 'LIMIT', 0, few)) do
  redis.call('ZREM', later, key)
  enqueue(key)
end

-- The group is missing before the first take, and after the stream was lost.
local function read()
  local got = redis.pcall('XREADGROUP', 'GROUP', group, consumer, 'COUNT', 1, 'STREAMS', ready, '>')
  if got and got.err and string.find(got.err, 'NOGROUP', 1, true) then
    redis.call('XGROUP', 'CREATE', ready, group, '0', 'MKSTREAM')
    got = redis.pcall('XREADGROUP', 'GROUP', group, consumer, 'COUNT', 1, 'STREAMS', ready, '>')
  end
  return got
end

if cursor ~= '' then
  local got = redis.pcall('XAUTOCLAIM', ready, group, consumer, lease, cursor, 'COUNT', few)
  if not got.err then
    cursor = got[1]
    for _, entry in ipairs(got[2]) do
      drop(entry[1])
      enqueue(entry[2][2])
    end
  end
end

for _ = 1, few do
  local got = read()
  if got and got.err then
    return got
  end
  if not got or #got == 0 then
    break
  end
  local entry = got[1][2][1]
  local id, key = entry[1], entry[2][2]
  local event = redis.call('LINDEX', ARGV[5] .. 'waiting:' .. key, 0)
  if event then
    local lane = ARGV[5] .. 'lane:' .. key
    local attempt = redis.call('HINCRBY', lane, 'attempt', 1)
    local turns = redis.call('LRANGE', ARGV[5] .. 'turns:' .. key, -tonumber(ARGV[4]), -1)
    local note = redis.call('HGET', lane, 'note')
    mark(ARGV[5] .. 'life:' .. string.sub(event, 1, 8), time, id, 'taken', attempt, ARGV[7])
    return {cursor, id, key, attempt, event, turns, note}
  end
  drop(id) -- its list was deleted by somebody else's hand
end

local last = '0-0'
for _, found in ipairs(redis.call('XINFO', 'GROUPS', ready)) do
  local fields = {}
  for i = 1, #found, 2 do
    fields[found[i]] = found[i + 1]
  end
  if fields['name'] == group then
    last = fields['last-delivered-id']
  end
end
local due = redis.call('ZRANGE', later, 0, 0, 'WITHSCORES')
if #due == 0 then
  return {cursor, last, -1}
end
return {cursor, last, math.max(0, tonumber(due[2]) - now)}
