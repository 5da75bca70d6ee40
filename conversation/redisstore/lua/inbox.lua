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

local function read(state, key, first, last)
  local attempt = first == 0 and redis.call('HGET', ARGV[3] .. 'lane:' .. key, 'attempt') or '0'
  for _, event in ipairs(redis.call('LRANGE', ARGV[3] .. 'waiting:' .. key, first, last)) do
    table.insert(items, {state, key, attempt, event, since(event)})
    attempt = '0'
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
-- held, and of them only what comes after the first event waits.
local held = {}
local pending = redis.pcall('XPENDING', ready, ARGV[1], '-', '+', limit)
if not pending.err then
  for _, found in ipairs(pending) do
    if found[3] < tonumber(ARGV[2]) then
      held[found[1]] = true
    end
  end
end
local line = redis.call('XRANGE', ready, '-', '+', 'COUNT', limit)
for _, found in ipairs(line) do
  if #items < limit and held[found[1]] then
    read('held', found[2][2], 0, 0)
  end
end
for _, found in ipairs(line) do
  if #items < limit then
    read('waiting', found[2][2], held[found[1]] and 1 or 0, limit - #items - 1 + (held[found[1]] and 1 or 0))
  end
end
for _, key in ipairs(redis.call('ZRANGE', later, 0, limit - 1)) do
  if #items < limit then
    read('waiting', key, 0, limit - #items - 1)
  end
end
return items
