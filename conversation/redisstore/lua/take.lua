-- Leases the first ready conversation, after putting in line what has become
-- ready by itself: conversations released until now, and those whose lease has
-- run out.
--
-- KEYS  1 ready   2 later   3 hold
-- ARGV  1 group   2 consumer   3 lease, ms   4 turns to read
--       5 what the keys of the connection start with, for waiting:K, lane:K,
--       turns:K and life:T
--       6 where to go on looking for leases that have run out, '' for not now
--       7 how long to keep a life, ms
--       8 how many events may share a turn
-- Returns {where to go on, entry, K, attempt, event, {turns}, note or nil, {joined events}}
--      or {where to go on, id of the last entry read, ms until one is due or -1}
--      when nothing is ready, or {'', '', ms} while nobody is to take anything.
--
-- Reading the entry and leasing the conversation are one step, so there is no
-- moment in which a caller that goes away leaves an entry in nobody's hands.

local ready, later = KEYS[1], KEYS[2]
local group, consumer, lease = ARGV[1], ARGV[2], ARGV[3]
local cursor = ARGV[6]
local few = 16 -- bounds every loop

local held = redis.call('PTTL', KEYS[3])
if held > 0 then
  return {'', '', held}
end

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

-- join says which events share the turn of one that is taken the first time, and
-- notes how many, so that every later attempt has the same.
local function join(waiting, event, lane)
  local joined, most = {}, tonumber(ARGV[8])
  if most <= 1 or alone(event) or border(event) then
    return joined
  end
  for _, behind in ipairs(redis.call('LRANGE', waiting, 1, most - 1)) do
    if alone(behind) then
      break
    end
    table.insert(joined, behind)
    if border(behind) then
      break
    end
  end
  if #joined > 0 then
    redis.call('HSET', lane, 'joined', 1 + #joined)
  end
  return joined
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
  local waiting, lane = ARGV[5] .. 'waiting:' .. key, ARGV[5] .. 'lane:' .. key
  local event = redis.call('LINDEX', waiting, 0)
  if event then
    local attempt = redis.call('HINCRBY', lane, 'attempt', 1)
    local note, joined = false, {}
    if attempt == 1 then
      joined = join(waiting, event, lane)
    else
      local known = redis.call('HMGET', lane, 'note', 'joined')
      note = known[1]
      if known[2] then
        joined = redis.call('LRANGE', waiting, 1, tonumber(known[2]) - 1)
      end
    end
    local turns = redis.call('LRANGE', ARGV[5] .. 'turns:' .. key, -tonumber(ARGV[4]), -1)
    mark(ARGV[5] .. 'life:' .. string.sub(event, 1, 8), time, id, 'taken', attempt, ARGV[7])
    for _, behind in ipairs(joined) do
      mark(ARGV[5] .. 'life:' .. string.sub(behind, 1, 8), time, id, 'taken', attempt, ARGV[7])
    end
    return {cursor, id, key, attempt, event, turns, note, joined}
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
