-- The usage of a key under a limit: at present, and after a take or a settlement. The functions
-- mirror those of `algorithms/usage-counts.ts`.
--
-- A key has one count for each kind of limit in use. The first is in `storedLimits` and `states`.
-- Further counts, which few keys have, are in `others`.

-- The key being processed; errors are attributed to it.
local currentKey

-- Marks a key to be written.
local function markChanged(index)
  if areChanged[index] then return end
  areChanged[index] = true
  changes = changes + 1
  changedKeys[changes] = index
end

-- Marks a key that was changed by a settlement, or because the clock was set back. It may be idle
-- now.
local function markAdjusted(index)
  markChanged(index)
  maybeIdle[#maybeIdle + 1] = index
end

-- Reports whether both limits can use the same state.
local function hasCompatibleState(a, b)
  if a == b then return true end
  if a.letter ~= b.letter then return false end
  if a.letter == 'f' then return a.period == b.period and a.zone == b.zone end
  return a.letter ~= 'w' or a.period == b.period
end

local function advance(limit, state, storedLimit)
  -- The windows of a calendar limit that is not part of this call are unknown, so its state does
  -- not change.
  if limit.zone ~= '' and not limit.windows and now < state.finish then return A.f.unchanged(state) end
  return A[limit.letter].advance(limit, state, storedLimit or limit)
end

-- Returns the milliseconds until a count equals a new one.
local function idleAfter(limit, state)
  return A[limit.letter].idleAfter(limit, state) + (state.at - now)
end

local function countsOf(index)
  local counts = {}
  if states[index] then counts[1] = { limit = storedLimits[index], state = states[index] } end
  for _, count in ipairs(others[index] or {}) do counts[#counts + 1] = count end
  return counts
end

-- Stores counts in the arrays. The count whose algorithm determines the type of the key comes
-- first.
local function arrange(index, counts)
  local first = 1
  for position, count in ipairs(counts) do
    if A[count.limit.letter].kind ~= 'string' then first = position end
  end
  local count = table.remove(counts, first)
  storedLimits[index], states[index] = count and count.limit, count and count.state
  others[index] = counts[1] and counts or nil
  expiries[index] = nil
end

-- Adjusts a key to a clock that was set back. Called before its state is computed.
local function setBack(index, limit)
  local storedLimit, state = storedLimits[index], states[index]
  if not state then return end
  if storedLimit.zone ~= '' and hasCompatibleState(storedLimit, limit) then storedLimit.windows = limit.windows end
  local isSetBack = now < state.at
  for _, count in ipairs(others[index] or {}) do
    if count.limit.zone ~= '' and hasCompatibleState(count.limit, limit) then count.limit.windows = limit.windows end
    isSetBack = isSetBack or now < count.state.at
  end
  if not isSetBack then return end
  local isAdjusted = false
  for _, count in ipairs(countsOf(index)) do
    if now < count.state.at and (count.limit.zone == '' or count.limit.windows) then
      local state = advance(count.limit, count.state)
      if count.limit == storedLimit then states[index] = state end
      for _, other in ipairs(others[index] or {}) do
        if other.limit == count.limit then other.state = state end
      end
      isAdjusted = true
    end
  end
  if isAdjusted then markAdjusted(index) end
end

local function isLarger(a, b)
  if a.units ~= b.units then return a.units > b.units end
  if a.lastAge == b.lastAge then return a.sinceAge > b.sinceAge end
  return a.lastAge < b.lastAge
end

-- Returns the current state of a key under a limit, without storing it.
local function stateNow(index, limit)
  currentKey = index
  local algorithm = A[limit.letter]
  setBack(index, limit)
  local storedLimit, state = storedLimits[index], states[index]
  if not state then return algorithm.fresh(limit, KEYS[index]) end
  if hasCompatibleState(storedLimit, limit) then return advance(limit, state, storedLimit) end
  local counts = countsOf(index)
  local largest
  for _, count in ipairs(counts) do
    if hasCompatibleState(count.limit, limit) then return advance(limit, count.state, count.limit) end
    local usage = A[count.limit.letter].usage(count.limit, count.state)
    if usage and (not largest or isLarger(usage, largest)) then largest = usage end
  end
  if not largest or limit.letter == 'n' then return algorithm.fresh(limit, KEYS[index]) end
  return algorithm.fromUsage(limit, largest, KEYS[index])
end

local function spanOf(limit)
  return limit.letter == 't' and (limit.burst * limit.period) / limit.limit or limit.period
end

local function isPending(limit, other)
  return limit.letter ~= 'n' and limit.zone == '' and spanOf(limit) < spanOf(other)
end

-- Converts a count so that a count under another limit can be stored with it: a key is either a
-- hash or a sorted set. Returns nil if the count must be dropped.
local function convertedFor(count, limit)
  local letter = count.limit.letter
  if letter == 'n' and limit.letter == 'l' then return nil end
  if letter ~= 'l' or limit.letter ~= 'n' then return count end
  local usage = A.l.usage(count.limit, count.state)
  if not usage then return nil end
  local window = { letter = 'f', limit = count.limit.limit, period = count.state.keptFor, burst = 0, zone = '' }
  return { limit = window, state = A.f.fromUsage(window, usage) }
end

local function withoutSoonestExpired(counts)
  local soonest, dropped = INF, 2
  for position = 2, #counts do
    local left = idleAfter(counts[position].limit, counts[position].state)
    if left < soonest then soonest, dropped = left, position end
  end
  table.remove(counts, dropped)
end

-- Returns the state after a take under a limit of another kind. A level above the burst would
-- refuse for longer than this limit alone ever does.
local function takenUnderOther(limit, state, cost)
  if cost == 0 then return state end
  if limit.letter == 'l' then return A.l.addTaken(limit, state, cost) end
  if limit.letter ~= 't' then return A[limit.letter].take(limit, state, cost, '') end
  return { at = state.at, level = max(state.level, min(state.level + cost, limit.burst)) }
end

-- Takes a cost that was judged to fit.
local function take(index, limit, cost, lease)
  local storedLimit = storedLimits[index]
  local state = stateNow(index, limit)
  if not states[index] or (not others[index] and hasCompatibleState(storedLimit, limit)) then
    states[index], storedLimits[index] = A[limit.letter].take(limit, state, cost, lease), limit
    if storedLimit and storedLimit ~= limit then expiries[index] = nil end
    markChanged(index)
    return
  end
  local rest, isOver = {}, true
  for _, each in ipairs(countsOf(index)) do
    if idleAfter(each.limit, each.state) > 0 then isOver = false end
  end
  -- An idle key may or may not have expired yet, so its counts are dropped.
  for _, each in ipairs(isOver and {} or countsOf(index)) do
    local count = not hasCompatibleState(each.limit, limit) and convertedFor(each, limit)
    if count then
      local current = advance(count.limit, count.state)
      if idleAfter(count.limit, current) > 0 or isPending(count.limit, limit) then
        if limit.letter ~= 'n' and count.limit.letter ~= 'n' then
          current = takenUnderOther(count.limit, current, cost)
        end
        rest[#rest + 1] = { limit = count.limit, state = current }
      end
    end
  end
  local counts = { { limit = limit, state = A[limit.letter].take(limit, state, cost, lease) } }
  for _, count in ipairs(rest) do counts[#counts + 1] = count end
  if #counts > MAX_COUNTS then withoutSoonestExpired(counts) end
  arrange(index, counts)
  markChanged(index)
end

-- Drops keys that are idle after a job, because the next job would not find them if it were a
-- separate call.
local function dropIdle()
  for position, index in ipairs(maybeIdle) do
    maybeIdle[position] = nil
    local state = states[index]
    local isIdle = state ~= nil
    for _, count in ipairs(countsOf(index)) do
      if idleAfter(count.limit, count.state) > 0 then isIdle = false end
    end
    if isIdle then
      if state.written then call('UNLINK', KEYS[index]) end
      forget(index)
    end
  end
end

-- Converts a charge for a count whose limit may differ from the charged one.
local function chargeIn(count, limit, taken)
  if count.letter ~= 't' then return taken end
  local rate = count.limit / count.period
  local resetAfter
  if limit.letter ~= 't' then
    -- The bucket does not record whether the charge has drained.
    resetAfter = 0
  else
    local chargedRate = limit.limit / limit.period
    if chargedRate == rate then return taken end
    local level = taken.resetAfter * chargedRate - max(0, chargedRate - rate) * (now - taken.at)
    resetAfter = level / rate
  end
  return { cost = taken.cost, at = taken.at, resetAfter = resetAfter }
end

-- Settles a charge that was taken under this limit. A lease is renewed for the period of its own
-- charge. A bucket drains at the rate of its last take.
local function settle(index, limit, taken, cost, lease)
  setBack(index, limit)
  local settled, rest = {}, {}
  for _, count in ipairs(countsOf(index)) do
    if (count.limit.letter == 'n') ~= (limit.letter == 'n') then
      rest[#rest + 1] = count
    else
      local isAlike = hasCompatibleState(count.limit, limit)
      local by = isAlike and limit.letter ~= 't' and limit or count.limit
      local current = advance(by, count.state)
      if isAlike or idleAfter(by, current) > 0 then
        settled[#settled + 1] = { limit = count.limit, by = by, state = current }
      end
    end
  end
  if not settled[1] then
    -- A log and leases cannot coexist (see `convertedFor`), and the debt of a log must not end a
    -- lease.
    if limit.letter == 'l' and rest[1] then return end
    for position, count in ipairs(rest) do rest[position] = convertedFor(count, limit) or count end
    settled[1] = { limit = limit, by = limit, state = A[limit.letter].fresh(limit, KEYS[index]) }
  end
  local first = settled[1]
  for _, count in ipairs(settled) do
    local by, state, converted = count.by, count.state, chargeIn(count.limit, limit, taken)
    if by.letter == 'l' and limit.letter ~= 'l' and cost > converted.cost then
      count.state = A.l.addDebt(by, state, cost - converted.cost)
    else
      count.state = A[by.letter].settle(by, state, converted, cost, lease)
    end
  end
  local counts = {}
  for _, group in ipairs({ settled, rest }) do
    for _, count in ipairs(group) do
      if idleAfter(count.limit, advance(count.limit, count.state)) > 0 then counts[#counts + 1] = count end
    end
  end
  -- If no count is left, one is retained to record whether the key was written.
  if not counts[1] then counts[1] = first end
  local expiry = expiries[index]
  local isOne = not others[index] and not counts[2] and counts[1].limit == storedLimits[index]
  arrange(index, counts)
  if isOne then expiries[index] = expiry end
  markAdjusted(index)
end
