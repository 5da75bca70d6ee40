-- Put before the scripts that have to know whether an event has a turn of its own.
--
-- alone says whether the event has the flag a, as package record keeps it: behind the
-- trace, of 8 characters, and the time, of 15 digits where there is one.
local function alone(kept)
  local flags = 9
  if #kept >= 23 and string.find(kept, '^%d', 9) then
    flags = 24
  end
  return string.find(kept, '^[a-z]*a', flags) ~= nil
end
