-- Put before the scripts that need a lease.
--
-- alive says whether the lease is not over: its entry is in the pending list, and
-- was delivered or renewed less than lease ms ago. Without the group, no lease is
-- left either.
local function alive(ready, group, entry, lease)
  local pending = redis.pcall('XPENDING', ready, group, entry, entry, 1)
  if pending.err then
    if string.find(pending.err, 'NOGROUP', 1, true) then
      return false
    end
    error(pending.err)
  end
  return #pending == 1 and pending[1][3] < tonumber(lease)
end
