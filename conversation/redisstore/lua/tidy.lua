-- Removes consumers that hold nothing: one by name, and those that have not been
-- heard of for long. Removing one that holds something would lose its entries;
-- one that comes back is simply there again.
--
-- KEYS  1 ready
-- ARGV  1 group   2 the consumer that leaves, '' for none   3 for how long not heard of, ms
-- Returns how many were removed.

local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
if consumers.err then
  return 0 -- there is no group, and so nobody in it
end
local removed = 0
for _, found in ipairs(consumers) do
  local fields = {}
  for i = 1, #found, 2 do
    fields[found[i]] = found[i + 1]
  end
  local gone = fields['name'] == ARGV[2] or fields['idle'] >= tonumber(ARGV[3])
  if gone and fields['pending'] == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], fields['name'])
    removed = removed + 1
  end
end
return removed
