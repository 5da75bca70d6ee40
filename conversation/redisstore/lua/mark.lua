-- Put before the scripts that mark the life of an event.
--
-- mark adds a mark: the time, as TIME gives it, in µs, the entry of the lease ('-'
-- for none), what happened, and a detail. A life begins with its first mark and expires remember
-- ms after that. Of a long one the first 8 marks are kept and the newest.
local function mark(life, time, entry, what, detail, remember)
  -- Joined and not formatted: %s ends at a zero byte, which a detail may have.
  local text = string.format('%s%06d', time[1], time[2]) .. ' ' .. entry .. ' ' .. what .. ' ' .. detail
  local marks = redis.call('RPUSH', life, text)
  if marks == 1 then
    redis.call('PEXPIRE', life, remember)
  elseif marks > 32 then
    redis.call('LSET', life, 8, '')
    redis.call('LREM', life, 1, '')
  end
end
