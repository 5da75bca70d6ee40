-- Lists what is not done: dead letters, then what is in somebody's hands, then
-- what waits.
--
-- KEYS  1 ready   2 later   3 letters   4 dead
-- ARGV  1 group   2 lease, ms   3 what the keys of the connection start with, for
--       waiting:K, lane:K and life:T   4 how many to list
-- Returns {{state, K, attempt, event or letter, since when, µs, '' if not known}, …}.
--
-- At most as many conversations and events are read as are listed. The ones next
-- in line come first, so where everything fits, everything is there.

local ready, later, letters, dead = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local limit = tonumber(ARGV[4])
local items = {}

-- since is the time of the newest mark that begins a state.
local begins = {accepted = true, taken = true, released = true, retried = true}
local function since(event)
  local marks = redis.call('LRANGE', ARGV[3] .. 'life:' .. string.sub(event, 1, 8), 0, -1)
  for i = #marks, 1, -1 do
    local at, what = string.match(marks[i], '^(%d+) %S+ (%S+)')
    if begins[what] then
      return at
    end
  end
  return ''
end

-- taken says how often the oldest event of a conversation was taken, and together
-- with how many, itself included.
local function taken(key)
  local lane = redis.call('HMGET', ARGV[3] .. 'lane:' .. key, 'attempt', 'joined')
  return lane[1] or '0', tonumber(lane[2] or '1')
end

-- read lists the events of a conversation from index first on, at most so many.
local function read(state, key, first, most)
  local attempt, together = taken(key)
  for i, event in ipairs(redis.call('LRANGE', ARGV[3] .. 'waiting:' .. key, first, first + most - 1)) do
    table.insert(items, {state, key, first + i <= together and attempt or '0', event, since(event)})
  end
end

local gone = redis.call('ZRANGE', dead, 0, limit - 1, 'WITHSCORES')
for i = 1, #gone, 2 do
  local letter = redis.call('HGET', letters, gone[i])
  if letter then
    table.insert(items, {'dead', '', '0', letter, gone[i + 1]})
  end
end

-- The conversations, in the order of the line: those delivered and not over are
-- held, and of them only what comes after the events that were taken waits.
local held = {} -- by entry, how many of the events
local pending = redis.pcall('XPENDING', ready, ARGV[1], '-', '+', limit)
if not pending.err then
  for _, found in ipairs(pending) do
    if found[3] < tonumber(ARGV[2]) then
      held[found[1]] = 1
    end
  end
end
local line = redis.call('XRANGE', ready, '-', '+', 'COUNT', limit)
for _, found in ipairs(line) do
  if #items < limit and held[found[1]] then
    local _, together = taken(found[2][2])
    held[found[1]] = together
    read('held', found[2][2], 0, math.min(together, limit - #items))
  end
end
for _, found in ipairs(line) do
  if #items < limit then
    read('waiting', found[2][2], held[found[1]] or 0, limit - #items)
  end
end
for _, key in ipairs(redis.call('ZRANGE', later, 0, limit - 1)) do
  if #items < limit then
    read('waiting', key, 0, limit - #items)
  end
end
return items
