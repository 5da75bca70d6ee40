-- Put before the scripts that have to know the flags of an event, as package record
-- keeps them: behind the trace, of 8 characters, and the time, of 15 digits where there
-- is one.

-- flags is where they begin.
local function flags(kept)
  if #kept >= 23 and string.find(kept, '^%d', 9) then
    return 24
  end
  return 9
end

-- alone says whether the event has a turn of its own.
local function alone(kept)
  return string.find(kept, '^[a-z]*a', flags(kept)) ~= nil
end

-- border says whether nothing behind the event is joined with it.
local function border(kept)
  return string.find(kept, '^[a-z]*e', flags(kept)) ~= nil
end
