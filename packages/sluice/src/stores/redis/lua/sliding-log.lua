-- Sliding log (`algorithms/sliding-log.ts`). The entries are fields of the key's hash, numbered in
-- order of arrival. Each holds its time and the running sum of costs up to and including it.
-- Entries in [head, tail) count. Those in [first, head) have expired but are not deleted yet.
-- Entries are read on demand by binary search, so a decision reads O(log n) entries and writes one.

define.l = function()
  -- Maximum number of expired entries that a write deletes beyond the number that it adds. So logs
  -- shrink without blocking the server.
  local MAX_EXTRA_DELETIONS = 100
  -- Number of parts of a period into which the entries of another limit are merged.
  local MERGED_PARTS = 64
  -- A running sum above this restarts from 0, long before doubles lose whole units.
  local REBASE_FROM = 2 ^ 50

  local function field(index)
    return format('%.0f', index)
  end

  local function entryAt(state, index)
    local entry = state.own[index]
    if not entry then
      local time, sum = unpackFrom('>dd', call('HGET', state.key, field(index)))
      entry = { time, sum }
      state.own[index] = entry
    end
    return entry
  end

  local function timeAt(state, index)
    if index < state.head or index >= state.tail then return state.at end
    return entryAt(state, index)[1]
  end

  local function sumBefore(state, index)
    return index == state.head and state.base or entryAt(state, index - 1)[2]
  end

  local function usedOf(state)
    return sumBefore(state, state.tail) - state.base
  end

  local function change(state, index, time, sum)
    state.own[index] = { time, sum }
    state.changed[index] = true
  end

  -- Returns an empty log. The key is deleted before new entries are written.
  local function empty(key, keptFor)
    return {
      at = now, key = key, first = 0, head = 0, tail = 0, base = 0, own = {}, changed = {}, isNew = true,
      keptFor = keptFor, keptUntil = 0,
    }
  end

  local function append(state, cost, time)
    change(state, state.tail, time or state.at, sumBefore(state, state.tail) + min(cost, 2 ^ 53 - 1))
    state.tail = state.tail + 1
    return state
  end

  -- Returns the first index in [low, high] for which found(index) is true, or high if there is
  -- none.
  local function search(low, high, found)
    while low < high do
      local middle = floor((low + high) / 2)
      if found(middle) then high = middle else low = middle + 1 end
    end
    return low
  end

  -- An entry expires at the end of its retention, even if the limit would count it for longer.
  local function countedFor(limit, state)
    return min(limit.period, state.keptFor)
  end

  local function untilGone(limit, state, amount)
    local target = state.base + min(amount, usedOf(state)) * (1 - 1e-12)
    local index = search(state.head, state.tail - 1, function(each)
      return entryAt(state, each)[2] >= target
    end)
    return max(0, timeAt(state, index) + countedFor(limit, state) - state.at)
  end

  local function untilOneLess(limit, state)
    return untilGone(limit, state, 1 + max(0, usedOf(state) - limit.limit))
  end

  local function untilEmpty(state, period)
    if state.tail == state.head then return 0 end
    return max(0, timeAt(state, state.tail - 1) + period - state.at)
  end

  -- Returns a view of the state with only the entries within the limit's period.
  local function within(limit, state)
    if limit.period >= state.keptFor then return state end
    local head = search(state.head, state.tail, function(index)
      return now - entryAt(state, index)[1] < limit.period
    end)
    return {
      at = now, key = state.key, head = head, tail = state.tail, base = sumBefore(state, head), own = state.own,
      keptFor = state.keptFor,
    }
  end

  -- Removes entries without units from the end.
  local function withoutEmptyEnd(state)
    while state.tail > state.head and sumBefore(state, state.tail) == sumBefore(state, state.tail - 1) do
      state.tail = state.tail - 1
    end
    return state
  end

  -- Refunds up to `amount` units of the newest entries.
  local function withoutNewest(state, amount)
    local left = state.base + max(0, usedOf(state) - amount)
    local index = search(state.head, state.tail, function(each)
      return entryAt(state, each)[2] >= left
    end)
    if index < state.tail and left > state.base then
      change(state, index, timeAt(state, index), left)
      index = index + 1
    end
    state.tail = index
    return state
  end

  -- Returns the same entries, with running sums that restart from 0.
  local function rebased(state)
    local next = empty(state.key, state.keptFor)
    next.keptUntil = state.keptUntil
    for index = state.head, state.tail - 1 do
      local entry = entryAt(state, index)
      change(next, next.tail, entry[1], entry[2] - state.base)
      next.tail = next.tail + 1
    end
    return next
  end

  local function advance(limit, state)
    if now < state.at then
      local index = state.tail - 1
      while index >= state.head and entryAt(state, index)[1] > now do
        change(state, index, now, entryAt(state, index)[2])
        index = index - 1
      end
      state.keptUntil = min(state.keptUntil, now + state.keptFor)
    end
    local head = search(state.head, state.tail, function(index)
      return now - entryAt(state, index)[1] < state.keptFor
    end)
    state.base = sumBefore(state, head)
    state.head, state.at = head, now
    if head == state.tail then state.keptFor, state.keptUntil = limit.period, 0 end
    return state
  end

  local function withRetention(limit, state)
    if limit.period >= state.keptFor or (state.keptUntil > 0 and now >= state.keptUntil) then
      state.keptFor, state.keptUntil = limit.period, 0
    elseif state.keptUntil == 0 then
      -- All entries so far were taken under the longer period.
      state.keptUntil = timeAt(state, state.tail - 1) + state.keptFor
    end
    return state
  end

  -- Adds a cost that was charged under a limit of another kind. Once there are as many entries as
  -- this limit allows, entries close in time are merged.
  local function addDebt(limit, state, cost)
    local last = state.tail - 1
    local isShort = state.tail - state.head < max(2, limit.limit)
    if isShort or now - timeAt(state, last - 1) >= limit.period / MERGED_PARTS then return append(state, cost) end
    change(state, last, now, entryAt(state, last)[2] + min(cost, 2 ^ 53 - 1))
    return state
  end

  return {
    kind = 'hash',
    size = 40,

    fresh = function(limit, key)
      return empty(key, limit.period)
    end,

    advance = advance,

    fits = function(limit, state, cost)
      return cost == 0 or isWithin(usedOf(within(limit, state)) + cost, limit.limit)
    end,

    facts = function(limit, whole, cost, isFitting)
      local state = within(limit, whole)
      local used = usedOf(state)
      local wait = 0
      if not isFitting then wait = cost > limit.limit and INF or untilGone(limit, state, used + cost - limit.limit) end
      return packFacts(used, untilEmpty(state, countedFor(limit, state)), used > 0 and untilOneLess(limit, state) or 0, wait)
    end,

    take = function(limit, state, cost)
      return append(withRetention(limit, state), cost)
    end,

    addTaken = function(limit, state, cost)
      return addDebt(limit, withRetention(limit, state), cost)
    end,

    addDebt = addDebt,

    settle = function(limit, state, taken, cost)
      local difference = cost - taken.cost
      if difference > 0 then return append(state, difference) end
      if difference == 0 then return state end
      if taken.at >= NEWEST then return withoutNewest(state, -difference) end
      -- Entries with the same time expire together, so it does not matter which of them is
      -- refunded.
      local index = search(state.head, state.tail, function(each)
        return entryAt(state, each)[1] > taken.at
      end) - 1
      local left = -difference
      while left > 0 and index >= state.head and timeAt(state, index) == taken.at do
        local refunded = min(left, entryAt(state, index)[2] - sumBefore(state, index))
        for later = index, refunded > 0 and state.tail - 1 or index - 1 do
          local entry = entryAt(state, later)
          change(state, later, entry[1], entry[2] - refunded)
        end
        left = left - refunded
        index = index - 1
      end
      return withoutEmptyEnd(state)
    end,

    usage = function(limit, state)
      advance(limit, state)
      local units = usedOf(state)
      if not (units > 0) then return nil end
      return {
        units = units,
        sinceAge = now - timeAt(state, state.head),
        lastAge = now - timeAt(state, state.tail - 1),
      }
    end,

    fromUsage = function(limit, usage, key)
      local state = empty(key, limit.period)
      if usage.lastAge >= limit.period then return state end
      return append(state, usage.units, now - usage.lastAge)
    end,

    idleAfter = function(limit, state)
      return untilEmpty(state, state.keptFor)
    end,

    -- Returns the encoded limit, with the entries' retention period instead of the limit's own
    -- period.
    headOf = function(limit, state)
      return pack(HEAD, VERSION, 'l', limit.limit, state.keptFor, state.keptUntil, 0)
    end,

    -- Writes the changed entries; the caller writes the header.
    write = function(state)
      if state.base > REBASE_FROM then state = rebased(state) end
      if state.isNew then call('UNLINK', state.key) end
      local written = 0
      for index in pairs(state.changed) do
        written = written + 1
        if index >= state.head and index < state.tail then
          local entry = state.own[index]
          call('HSET', state.key, field(index), pack('>dd', entry[1], entry[2]))
        end
      end
      local last = min(state.head, state.first + MAX_EXTRA_DELETIONS + written) - 1
      local expired = {}
      for index = state.first, last do expired[#expired + 1] = field(index) end
      if #expired > 0 then call('HDEL', state.key, unpack(expired)) end
      state.first = last + 1
      return state
    end,

    pack = function(state)
      return pack('>ddddd', state.at, state.first, state.head, state.tail, state.base)
    end,

    unpack = function(header, from, key, limit, keptUntil)
      local state = { key = key, own = {}, changed = {}, keptFor = limit.period, keptUntil = keptUntil }
      state.at, state.first, state.head, state.tail, state.base = unpackFrom('>ddddd', header, from)
      return state
    end,
  }
end
