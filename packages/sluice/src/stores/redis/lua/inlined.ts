// Generated from the .lua files by scripts/inline-lua.js. Edit those.

export const SCRIPT = `-- Definitions shared by all parts: the time, the arithmetic of verdicts, and the algorithms by
-- letter.
--
-- The part of each algorithm registers a constructor in \`define\`. The functions of an algorithm are
-- named as in \`algorithms/algorithm.ts\`. Algorithms that a call does not need are never
-- constructed. Times are in milliseconds, and \`now\` is the same throughout a call. The arithmetic
-- repeats that of the TypeScript code operation by operation. Both use IEEE doubles, so the results
-- are identical. States are changed in place.
--
-- The script only decides: \`fits\` reports whether a cost may be taken, and \`facts\` returns the
-- numbers from which the client computes the rest of a verdict (\`script-result.ts\`). Computing
-- verdicts here would take a third longer.

local KEYS, ARGV = KEYS, ARGV
local testTime = ARGV[1]
local call, pack, unpackFrom, format, sub = redis.call, struct.pack, struct.unpack, string.format, string.sub
local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min
local INF = math.huge
-- The time of a refund that belongs to no particular charge (\`algorithms/verdict.ts\`).
local NEWEST = 1e300

-- Encoding of a limit: format version, letter, limit, period, burst, and the length of the zone
-- that follows.
local VERSION = 2
local HEAD = '>Bc1dddB'

local define = {}
local A = setmetatable({}, { __index = function(made, letter)
  made[letter] = define[letter]()
  return made[letter]
end })

-- Tests pass a time in ARGV. Keys written in a test live longer, because that time may not advance.
local now, slack
if testTime == '' then
  local time = call('TIME')
  now, slack = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000, 1000
else
  now, slack = tonumber(testTime), 3000
end

-- Formats a number exactly, though not in its shortest form.
local function formatNumber(number)
  return format('%.17g', number)
end

-- Returns a capacity plus the rounding error that sums of fractions may have.
local function withTolerance(capacity)
  return capacity + min(capacity * 1e-12, 0.25)
end

local function isWithin(used, capacity)
  return used <= withTolerance(capacity)
end

-- Returns the age of the window that contains usage converted from another algorithm
-- (\`algorithms/fixed-window.ts\`).
local function ageOfWindow(period, usage)
  return usage.sinceAge - usage.lastAge < period and usage.sinceAge or usage.lastAge
end

-- Packs the facts of a log or of leases: the units in use, and the times until none is in use,
-- until one fewer is in use, and until a refused cost fits.
local function packFacts(used, idleAfter, untilOneLess, wait)
  return pack('>dddd', used, idleAfter, untilOneLess, wait)
end

-- Token bucket (\`algorithms/token-bucket.ts\`): the state is the level of the bucket at a given
-- time.

define.t = function()
  local function timeFor(limit, units)
    return (units * limit.period) / limit.limit
  end

  local function levelNow(limit, state)
    local drained = ((now - state.at) * limit.limit) / limit.period
    local level = state.level - drained
    if drained < 0 then level = max(state.level, min(limit.burst, level)) end
    return level > 0 and level or 0
  end

  local function fresh(limit)
    if not limit.initial then return { at = now, level = 0 } end
    return { at = now, level = limit.burst - limit.initial, isNew = true }
  end

  -- Returns how long a state is kept.
  local function keptFor(limit, level)
    return timeFor(limit, limit.initial and level + limit.burst or level)
  end

  return {
    kind = 'string',
    size = 16,

    fresh = fresh,

    -- Returns a new table, so that a peek changes nothing.
    advance = function(limit, state, storedLimit)
      local rate, storedRate = limit.limit / limit.period, storedLimit.limit / storedLimit.period
      local isNew = state.isNew or now - state.at >= keptFor(storedLimit, state.level)
      if limit.initial and isNew then return fresh(limit) end
      local draining = rate > storedRate and now >= state.at and limit or storedLimit
      return {
        at = now,
        level = levelNow(draining, state),
        fasterRate = storedRate > rate and storedRate or nil,
      }
    end,

    fits = function(limit, state, cost)
      local after = state.level + cost
      return after <= limit.burst or cost == 0 or isWithin(after, limit.burst)
    end,

    -- The time of the state is that of the call, so only the level is returned.
    facts = function(limit, state)
      return pack('>d', state.level)
    end,

    take = function(limit, state, cost)
      return { at = state.at, level = state.level + cost }
    end,

    settle = function(limit, state, taken, cost)
      local unitsLeft = max(0, ((taken.at + taken.resetAfter - state.at) * limit.limit) / limit.period)
      local difference = max(cost - taken.cost, -unitsLeft)
      if state.isNew and difference <= 0 then return state end
      return { at = state.at, level = max(0, state.level + difference) }
    end,

    usage = function(limit, state)
      local level = levelNow(limit, state)
      local age = max(0, now - state.at)
      return level > 0 and { units = level, sinceAge = age, lastAge = age } or nil
    end,

    fromUsage = function(limit, usage)
      local level = min(usage.units, limit.burst)
      return { at = now, level = levelNow(limit, { at = now - usage.lastAge, level = level }) }
    end,

    idleAfter = function(limit, state)
      return state.isNew and 0 or keptFor(limit, state.level)
    end,

    pack = function(state)
      return pack('>dd', state.at, state.level)
    end,

    unpack = function(header, from)
      local at, level = unpackFrom('>dd', header, from)
      return { at = at, level = level }
    end,
  }
end

-- Fixed window (\`algorithms/fixed-window.ts\`). Lua has no time zones, so the client sends two
-- windows with a calendar limit: the one that contains its current time and the next one. The
-- script decides only if its own time is in one of them.

define.f = function()
  local MAX_JITTER_MS = 60000

  -- A stored calendar limit that is only read to be replaced has no windows. Its bounds are not
  -- used.
  local function windowAt(limit)
    if limit.zone == '' then return now, now + limit.period end
    local windows = limit.windows
    if not windows then return now, now end
    if now < windows[2] then return windows[1], windows[2] end
    return windows[2], windows[3]
  end

  local function newWindow(limit, count)
    local start, finish = windowAt(limit)
    return { at = now, start = start, finish = finish, count = count }
  end

  return {
    kind = 'string',
    size = 32,

    -- Returns the state of a calendar limit without windows. It does not change, even if the clock
    -- was set back.
    unchanged = function(state)
      return { at = max(now, state.at), start = state.start, finish = state.finish, count = state.count }
    end,

    fresh = function(limit)
      return newWindow(limit, 0)
    end,

    advance = function(limit, state)
      local calendar = limit.zone ~= ''
      if now >= state.finish or (state.count == 0 and not calendar) then return newWindow(limit, 0) end
      if now >= state.start or (calendar and state.start - now <= MAX_JITTER_MS) then
        return { at = now, start = state.start, finish = state.finish, count = state.count }
      end
      return newWindow(limit, state.count)
    end,

    fits = function(limit, state, cost)
      return cost == 0 or isWithin(state.count + cost, limit.limit)
    end,

    take = function(limit, state, cost)
      state.count = state.count + cost
      return state
    end,

    settle = function(limit, state, taken, cost)
      local difference = cost - taken.cost
      if difference >= 0 or taken.at >= state.start then state.count = max(0, state.count + difference) end
      return state
    end,

    usage = function(limit, state)
      local count, moment = state.count, max(now, state.at)
      if count == 0 or now >= state.finish then return nil end
      return { units = count, sinceAge = max(0, moment - state.start), lastAge = moment - state.at }
    end,

    fromUsage = function(limit, usage)
      if limit.zone ~= '' then
        local state = newWindow(limit, usage.units)
        if now - usage.lastAge < state.start then state.count = 0 end
        return state
      end
      local start = now - ageOfWindow(limit.period, usage)
      if now - start >= limit.period then return newWindow(limit, 0) end
      return { at = now, start = start, finish = start + limit.period, count = usage.units }
    end,

    idleAfter = function(limit, state)
      return state.count == 0 and 0 or max(0, state.finish - state.at)
    end,

    pack = function(state)
      return pack('>dddd', state.at, state.start, state.finish, state.count)
    end,

    unpack = function(header, from)
      local at, start, finish, count = unpackFrom('>dddd', header, from)
      return { at = at, start = start, finish = finish, count = count }
    end,
  }
end

-- Sliding window (\`algorithms/sliding-window.ts\`): the state is the counters of two windows.

define.w = function()
  local function estimate(limit, state, cost)
    return state.previous * (1 - (state.at - state.start) / limit.period) + (state.current + cost)
  end

  local function idleAfter(limit, state)
    if state.current > 0 then return state.start + 2 * limit.period - state.at end
    return state.previous > 0 and state.start + limit.period - state.at or 0
  end

  local function newState(start, previous, current)
    return { at = now, start = start, previous = previous, current = current }
  end

  local function advance(limit, state)
    local start, previous, current = state.start, state.previous, state.current
    if previous == 0 and current == 0 then return newState(now, previous, current) end
    if now < start then return newState(now, previous, current) end
    local windows = floor((now - start) / limit.period)
    if windows == 0 then return newState(start, previous, current) end
    if windows == 1 and current > 0 then return newState(start + limit.period, current, 0) end
    return newState(now, 0, 0)
  end

  return {
    kind = 'string',
    size = 32,

    fresh = function()
      return newState(now, 0, 0)
    end,

    advance = advance,

    fits = function(limit, state, cost)
      return cost == 0 or isWithin(estimate(limit, state, cost), limit.limit)
    end,

    take = function(limit, state, cost)
      state.current = state.current + cost
      return state
    end,

    settle = function(limit, state, taken, cost)
      local difference = cost - taken.cost
      local start, previous, current = state.start, state.previous, state.current
      if difference >= 0 or taken.at >= start then
        local fromPrevious = taken.at >= NEWEST and max(0, -(current + difference)) or 0
        return newState(start, max(0, previous - fromPrevious), max(0, current + difference))
      end
      if taken.at < start - limit.period then return state end
      return newState(start, max(0, previous + difference), current)
    end,

    usage = function(limit, state)
      local current = advance(limit, state)
      local units = estimate(limit, current, 0)
      if not (units > 0) then return nil end
      local since = current.previous > 0 and current.start - limit.period or current.start
      return { units = units, sinceAge = now - since, lastAge = max(0, now - state.at) }
    end,

    fromUsage = function(limit, usage)
      return advance(limit, newState(now - ageOfWindow(limit.period, usage), 0, usage.units))
    end,

    idleAfter = idleAfter,

    pack = function(state)
      return pack('>dddd', state.at, state.start, state.previous, state.current)
    end,

    unpack = function(header, from)
      local at, start, previous, current = unpackFrom('>dddd', header, from)
      return { at = at, start = start, previous = previous, current = current }
    end,
  }
end

-- Sliding log (\`algorithms/sliding-log.ts\`). The entries are fields of the key's hash, numbered in
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

  -- Refunds up to \`amount\` units of the newest entries.
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

-- Concurrency (\`algorithms/concurrency.ts\`). Each lease is a member '=name' of a sorted set, scored
-- by the time at which it ends. A lease with a number of slots other than one has a second member
-- '#name', scored by the negated number of slots, so that these members sort before all leases. The
-- header is the member with an infinite score.

define.n = function()
  local function slotsOf(state, member)
    if not state.uneven then return 1 end
    local slots = call('ZSCORE', state.key, '#' .. sub(member, 2))
    return slots and -tonumber(slots) or 1
  end

  local function empty(key)
    return { at = now, key = key, held = 0, uneven = false, isNew = true }
  end

  -- Calls each(until, slots) for the active leases in order of expiry, until it returns true.
  local function eachLease(state, each)
    if state.isNew then return end
    local offset, count = 0, 1
    repeat
      local found = call('ZRANGEBYSCORE', state.key, '(' .. formatNumber(now), '(+inf',
        'WITHSCORES', 'LIMIT', offset, count)
      for index = 1, #found, 2 do
        if each(tonumber(found[index + 1]), slotsOf(state, found[index])) then return end
      end
      offset, count = offset + count, 100
    until #found == 0
  end

  local function untilFree(state, slots)
    local freed, wait = 0, 0
    eachLease(state, function(ends, held)
      freed = freed + held
      if freed < slots then return false end
      wait = ends - state.at
      return true
    end)
    return wait
  end

  local function idleAfter(limit, state)
    if state.isNew then return 0 end
    local last = call('ZREVRANGEBYSCORE', state.key, '(+inf', '(' .. formatNumber(now), 'WITHSCORES', 'LIMIT', 0, 1)
    return last[2] and tonumber(last[2]) - state.at or 0
  end

  local function drop(state, member)
    call('ZREM', state.key, member, '#' .. sub(member, 2))
  end

  local function ended(state)
    return call('ZRANGEBYSCORE', state.key, '(0', formatNumber(now))
  end

  -- Expired leases are removed only when the key is written.
  local function clear(state)
    if state.isNew then call('UNLINK', state.key) end
    if state.anyEnded then
      for _, member in ipairs(ended(state)) do drop(state, member) end
    end
    state.isNew, state.anyEnded, state.written = false, false, true
  end

  local function heldBy(state, member)
    return call('ZSCORE', state.key, member) and slotsOf(state, member) or 0
  end

  local function hold(limit, state, member, before, slots)
    if before > 0 and slots ~= before then drop(state, member) end
    if slots > 0 then call('ZADD', state.key, formatNumber(state.at + limit.period), member) end
    if slots > 0 and slots ~= 1 and slots ~= before then
      call('ZADD', state.key, formatNumber(-slots), '#' .. sub(member, 2))
      state.uneven = true
    end
    state.held = state.held - before + slots
    return state
  end

  return {
    kind = 'zset',
    size = 16,

    fresh = function(limit, key)
      return empty(key)
    end,

    advance = function(limit, state)
      if state.advanced or state.isNew then return state end
      if now < state.at then
        local latest = formatNumber(now + limit.period)
        local late = call('ZRANGEBYSCORE', state.key, '(' .. latest, '(+inf')
        for _, member in ipairs(late) do call('ZADD', state.key, latest, member) end
      end
      for _, member in ipairs(ended(state)) do
        state.held = state.held - slotsOf(state, member)
        state.anyEnded = true
      end
      state.at, state.advanced = now, true
      return state
    end,

    fits = function(limit, state, cost)
      return cost == 0 or state.held + cost <= limit.limit
    end,

    facts = function(limit, state, cost, isFitting)
      local held = state.held
      local wait = 0
      if not isFitting then wait = cost > limit.limit and INF or untilFree(state, held + cost - limit.limit) end
      local oneLess = untilFree(state, max(1, held - limit.limit + 1))
      return packFacts(held, idleAfter(limit, state), oneLess, wait)
    end,

    take = function(limit, state, cost, member)
      clear(state)
      local before = heldBy(state, member)
      return hold(limit, state, member, before, before + cost)
    end,

    settle = function(limit, state, taken, cost, member)
      if member == '' then return state end
      clear(state)
      return hold(limit, state, member, heldBy(state, member), cost)
    end,

    usage = function()
      return nil
    end,

    fromUsage = function(limit, usage, key)
      return empty(key)
    end,

    idleAfter = idleAfter,

    write = function(state)
      clear(state)
      return state
    end,

    pack = function(state)
      return pack('>dd', state.at, state.held)
    end,

    unpack = function(header, from, key)
      local at, held = unpackFrom('>dd', header, from)
      return { key = key, at = at, held = held, uneven = call('ZCOUNT', key, '-inf', '(0') > 0 }
    end,
  }
end

-- The stored form of a key's state.
--
-- A header consists of a version, the limit of the last take, the key's expiry, and the numbers of
-- the state. For each further count (buckets and windows only), the same fields follow without an
-- expiry. The algorithm determines the type of the key:
--
-- - buckets and windows: a string that contains only the header
-- - logs: a hash with the header in the field 'h'
-- - leases: a sorted set whose header is the member with an infinite score
--
-- A log may keep its entries for longer than the limit's own period. Its header then contains the
-- longer period, and instead of the burst the time until which that period applies.

local HEAD_SIZE = 27
local EXPIRY_SIZE = 8
-- Maximum number of counts per key.
local MAX_COUNTS = 4

-- Minimum and maximum time from a key becoming idle to its expiry, in milliseconds.
local MIN_EXPIRY_DELAY, MAX_EXPIRY_DELAY = 100, 1900

-- Keys are identified by their position in KEYS, and their data is in arrays by position. With a
-- table per key, a batch would take 50 % longer.
local headers, kinds = {}, {}
-- For each key: the state of its first count, the limit of that count's last take, its further
-- counts, and the error if it is unreadable.
local states, storedLimits, others, faults = {}, {}, {}, {}
-- The stored expiry, if only the state has changed.
local expiries = {}
-- Limit and current level of a token bucket that only the fast path has accessed
-- (\`bucket-fast-path.lua\`).
local bucketLimits, levels = {}, {}
-- The keys to write, in order.
local areChanged, changedKeys, changes = {}, {}, 0
-- Keys that this job changed without a take. They may be idle now.
local maybeIdle = {}

local READ = {
  string = function(key) return call('GET', key) end,
  hash = function(key) return call('HGET', key, 'h') end,
  zset = function(key) return call('ZRANGE', key, -1, -1)[1] end,
}

-- Values of the string keys, which are read together when the first one is needed.
local strings
local function readStrings()
  -- The Lua stack holds about 8000 values.
  strings = call('MGET', unpack(KEYS, 1, min(4000, #KEYS)))
  for from = 4001, #KEYS, 4000 do
    local found = call('MGET', unpack(KEYS, from, min(from + 3999, #KEYS)))
    for position = 1, #found do strings[from + position - 1] = found[position] end
  end
end

-- Returns the header of a key that is not a string, and the type of its value.
local function headerOf(key)
  local kind = call('TYPE', key).ok
  if kind == 'none' then return false, nil end
  local read = READ[kind]
  return read and read(key) or '', kind
end

local function headOf(limit)
  if not limit.head then
    -- A bucket has no zone, so the units that a new key starts with are stored in its place.
    local zone = limit.initial and formatNumber(limit.initial) or limit.zone
    limit.head = pack(HEAD, VERSION, limit.letter, limit.limit, limit.period, limit.burst, #zone) .. zone
    limit.headSize = #limit.head
    limit.stateFrom = limit.headSize + EXPIRY_SIZE + 1
    limit.stateOffset = format('%d', limit.stateFrom - 1)
    limit.size = limit.stateFrom - 1 + A[limit.letter].size
  end
  return limit.head
end

local function unreadable(index)
  return 'the key ' .. KEYS[index] .. ' holds a value that this version of sluice did not write; delete it or choose another prefix'
end

-- Reports whether a state contains no NaN. A debt may be infinite.
local function isValid(state)
  for _, value in pairs(state) do
    if value ~= value then return false end
  end
  return true
end

-- Decodes a limit from a header, and returns the position after it.
local function readLimit(header, from)
  if #header < from - 1 + HEAD_SIZE or string.byte(header, from) ~= VERSION then return end
  local _, letter, capacity, period, burst, zoneSize, zoneFrom = unpackFrom(HEAD, header, from)
  if not define[letter] then return end
  local zone = sub(header, zoneFrom, zoneFrom + zoneSize - 1)
  if letter == 't' then
    local bucket = { letter = letter, limit = capacity, period = period, burst = burst, initial = tonumber(zone), zone = '' }
    return bucket, zoneFrom + zoneSize
  end
  if letter ~= 'l' then return { letter = letter, limit = capacity, period = period, burst = burst, zone = zone }, zoneFrom + zoneSize end
  return { letter = letter, limit = capacity, period = period, burst = 0, zone = zone }, zoneFrom + zoneSize, burst
end

-- Returns the counts of a header, or nil if it is unreadable.
local function countsIn(index, header)
  local limit, from, keptUntil = readLimit(header, 1)
  if not limit then return end
  from = from + EXPIRY_SIZE
  local counts = {}
  repeat
    local size = A[limit.letter].size
    if from + size - 1 > #header or #counts == MAX_COUNTS then return end
    local state = A[limit.letter].unpack(header, from, KEYS[index], limit, keptUntil)
    if not isValid(state) then return end
    counts[#counts + 1] = { limit = limit, state = state }
    from = from + size
    if from > #header then return counts end
    limit, from, keptUntil = readLimit(header, from)
  until not limit or A[limit.letter].kind ~= 'string'
end

-- Reads a header of another limit or with several counts.
local function readHeader(index, header)
  local counts = countsIn(index, header)
  if counts and A[counts[1].limit.letter].kind == kinds[index] then
    local first = table.remove(counts, 1)
    storedLimits[index], states[index] = first.limit, first.state
    others[index] = counts[1] and counts or nil
    return
  end
  faults[index] = unreadable(index)
end

-- Reports whether the server is out of memory. Redis rejects a write for lack of memory only if it
-- is the first write of a script; later writes may exceed the limit. So this function attempts a
-- write that changes nothing before any other.
local isFull
local function isServerFull()
  if isFull == nil then
    local reply = redis.pcall('SETRANGE', KEYS[1], 0, '')
    isFull = type(reply) == 'table' and reply.err ~= nil and string.find(reply.err, 'OOM', 1, true) ~= nil
  end
  return isFull
end
local FULL = 'OOM the Redis server is out of memory'

-- Converts a current level to the full representation of a key.
local function widen(index)
  local limit, level = bucketLimits[index], levels[index]
  bucketLimits[index], levels[index] = nil, nil
  local header = strings[index] or false
  headers[index] = header
  if areChanged[index] then
    storedLimits[index], states[index] = limit, { at = now, level = level }
  elseif header then
    -- Another limit may drain the bucket faster, so the stored state is used instead of the level
    -- computed from it.
    storedLimits[index], states[index] = limit, A.t.unpack(header, limit.stateFrom)
  end
end

-- Reads a key. Called at most once per key.
local function load(index, limit)
  if levels[index] then return widen(index) end
  local algorithm = A[limit.letter]
  local isString = algorithm.kind == 'string'
  if isString and not strings then readStrings() end
  local header = isString and strings[index]
  if not header then
    header, kinds[index] = headerOf(KEYS[index])
    headers[index] = header
    if header then readHeader(index, header) end
    return
  end
  headers[index] = header
  -- Almost every state was stored under the requested limit.
  if #header ~= limit.size or sub(header, 1, limit.headSize) ~= limit.head then
    kinds[index] = 'string'
    readHeader(index, header)
    return
  end
  local state = algorithm.unpack(header, limit.stateFrom)
  if not isValid(state) then
    faults[index] = unreadable(index)
    return
  end
  storedLimits[index], states[index] = limit, state
  expiries[index] = unpackFrom('>d', header, limit.headSize + 1)
end

local function forget(index)
  states[index], storedLimits[index], others[index], expiries[index] = nil, nil, nil, nil
end

local function reset(index)
  call('UNLINK', KEYS[index])
  bucketLimits[index], levels[index] = nil, nil
  forget(index)
  headers[index], faults[index] = false, nil
end

-- Bounded so that '%d' can format it, which takes a third of the time of '%.0f'.
local function lifetimeOf(idleAfter)
  return min(ceil(idleAfter) + slack, 2 ^ 53)
end

-- If the old expiry is close enough, only the state is written, which saves 0.5 µs.
local function isNearEnough(expiry, idleAfter)
  if not expiry or testTime ~= '' then return false end
  local left = expiry - now - idleAfter
  return left >= MIN_EXPIRY_DELAY and left <= MAX_EXPIRY_DELAY
end

-- Writes the current level of a bucket, as \`writeState\` writes a state.
local function writeLevel(index, level)
  local limit = bucketLimits[index]
  local idleAfter = (level * limit.period) / limit.limit
  if isNearEnough(expiries[index], idleAfter) then
    call('SETRANGE', KEYS[index], limit.stateOffset, pack('>dd', now, level))
  else
    local lifetime = lifetimeOf(idleAfter)
    call('PSETEX', KEYS[index], format('%d', lifetime), limit.head .. pack('>ddd', now + lifetime, now, level))
  end
end

local function leftOf(limit, state)
  return A[limit.letter].idleAfter(limit, state) + (state.at - now)
end

-- Writes the state of a key. The key expires when its state equals that of a missing key.
local function writeState(index)
  local key, limit, state, stored = KEYS[index], storedLimits[index], states[index], headers[index]
  if faults[index] then return end
  local algorithm = state and A[limit.letter]
  local idleAfter = state and leftOf(limit, state) or 0
  for _, count in ipairs(others[index] or {}) do idleAfter = max(idleAfter, leftOf(count.limit, count.state)) end
  if idleAfter <= 0 then
    -- The key may have expired. In a slot that is migrating, a missing key belongs to another node
    -- and must not be accessed here.
    if stored or (state and state.written) then redis.pcall('UNLINK', key) end
    return
  end
  if isNearEnough(expiries[index], idleAfter) then
    call('SETRANGE', key, limit.stateOffset, algorithm.pack(state))
    return
  end
  if algorithm.write then state = algorithm.write(state) end
  local lifetime = lifetimeOf(idleAfter)
  local head = algorithm.headOf and algorithm.headOf(limit, state) or headOf(limit)
  local header = head .. pack('>d', now + lifetime) .. algorithm.pack(state)
  for _, count in ipairs(others[index] or {}) do
    header = header .. headOf(count.limit) .. A[count.limit.letter].pack(count.state)
  end
  if algorithm.kind == 'string' then
    call('PSETEX', key, format('%d', lifetime), header)
    return
  end
  if algorithm.kind == 'zset' then
    -- Add the new header first: a set that is temporarily empty is deleted, and cannot be created
    -- again while its slot is migrating.
    call('ZADD', key, '+inf', header)
    if stored and kinds[index] == 'zset' and stored ~= header then call('ZREM', key, stored) end
  else
    call('HSET', key, 'h', header)
  end
  call('PEXPIRE', key, format('%d', lifetime))
end

-- The usage of a key under a limit: at present, and after a take or a settlement. The functions
-- mirror those of \`algorithms/usage-counts.ts\`.
--
-- A key has one count for each kind of limit in use. The first is in \`storedLimits\` and \`states\`.
-- Further counts, which few keys have, are in \`others\`.

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
    -- A log and leases cannot coexist (see \`convertedFor\`), and the debt of a log must not end a
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

-- The jobs of a call, and its reply.
--
-- A call consists of jobs: requests to decide, settlements and resets. They run one after another,
-- as if each were a separate call at the same time, but each key is read and written only once.
--
-- ARGV[1] is '', or the time in a test. ARGV[2] is what \`batch.ts\` encodes: the limits, the
-- templates of jobs (for each charge the position of its limit, its cost, and whether it is
-- enforced), and the jobs as one array of numbers. The leases of the charges to concurrency limits
-- follow, in order.
--
-- A job consists of its operation, the position of its template, and the position of its first key
-- if the keys of its charges are adjacent. If they are not, 0 and the position of each key follow
-- instead. A settlement ends with the cost, time and \`resetAfter\` of each original take. A decision
-- with penalties ends with four numbers for each charge: the position of the key of its penalty, or
-- 0, and the length, growth and maximum of the penalty. A reset consists of its operation and the
-- position of a key.
--
-- The reply begins with a string of bytes: the time, and the result of each job. The result of a
-- decision contains, for each charge, the cost that was judged (including what earlier charges of
-- the job take from the same key), and the state that was found or the facts. The errors of the
-- failed jobs follow the string.

local limits, templates, jobs = unpack(cjson.decode(ARGV[2]))
local cursor, leases = 0, 2
local parts, partCount = { pack('>d', now) }, 1
local errors = {}

for _, limit in ipairs(limits) do
  local windows = limit.windows
  headOf(limit)
  limit.outside = windows and (now < windows[1] or now >= windows[3])
  if limit.letter == 't' then limit.maxLevel = withTolerance(limit.burst) end
end

local function emit(part)
  partCount = partCount + 1
  parts[partCount] = part
end

-- Reports the failure of a job, and its error.
local function emitFailure(fault)
  emit('\\3')
  errors[#errors + 1] = fault
end

-- The current job: its template, the number of its charges, and the position before its first key
-- if its keys are adjacent.
local templatePosition, template, count, firstKey
-- Number of the current job, and of the last job that charged each key. Counts only jobs whose keys
-- are not adjacent.
local jobNumber, jobOf = 0, {}

local function nextJob()
  templatePosition = jobs[cursor + 1]
  template = templates[templatePosition]
  count = #template / 3
  firstKey = jobs[cursor + 2] > 0 and jobs[cursor + 2] - 1
  cursor = cursor + 2
end

-- Reports whether two charges of the job have the same key.
local function hasDuplicateKeys()
  if firstKey then return false end
  jobNumber = jobNumber + 1
  for each = 1, count do
    local index = jobs[cursor + each]
    if jobOf[index] == jobNumber then return true end
    jobOf[index] = jobNumber
  end
  return false
end

-- The fast path for most requests: charges to token buckets whose state was stored under the
-- requested limit. Only the current level of such a bucket is kept in memory. Results and writes
-- equal those of the general path in \`main.lua\`, but a request of five charges takes 13 µs instead
-- of 20 µs. Everything else (another algorithm or limit, a bucket with initial units, a shadow charge, a key charged twice, a
-- clock that was set back) takes the general path.

-- Maximum number of charges. The results of more might not fit on the Lua stack.
local MAX_CHARGES = 100
-- Format of the result, by the number of charges.
local FORMATS = setmetatable({}, { __index = function(made, count)
  made[count] = '>B' .. string.rep('dd', count)
  return made[count]
end })
-- The result of the current job: a cost and a level for each charge.
local found = {}
-- By the position of a template: true if all of its charges are enforced charges to token buckets.
local areBuckets = {}

local function isBucketTemplate(template)
  if #template > 3 * MAX_CHARGES then return false end
  for each = 1, #template, 3 do
    local limit = limits[template[each]]
    if limit.letter ~= 't' or limit.initial or template[each + 2] == 0 then return false end
  end
  return true
end

-- Returns the current level of a key, or nil if it holds something else or the general path has
-- loaded it.
local function levelOf(index, limit)
  local known = bucketLimits[index]
  if known then return known.head == limit.head and levels[index] end
  if headers[index] ~= nil then return end
  if not strings then readStrings() end
  local header, level = strings[index], 0
  if header then
    if #header ~= limit.size or sub(header, 1, limit.headSize) ~= limit.head then return end
    local expiry, at, before = unpackFrom('>ddd', header, limit.headSize + 1)
    -- Both comparisons are false for NaN.
    if not (now >= at and before >= 0) then return end
    expiries[index] = expiry
    level = before - ((now - at) * limit.limit) / limit.period
    if not (level > 0) then level = 0 end
  elseif call('TYPE', KEYS[index]).ok ~= 'none' then
    return
  end
  bucketLimits[index], levels[index] = limit, level
  return level
end

-- Decides a job, or returns false if the fast path does not apply.
local function decideBuckets(takes)
  local hasOnlyBuckets = areBuckets[templatePosition]
  if hasOnlyBuckets == nil then
    hasOnlyBuckets = isBucketTemplate(template)
    areBuckets[templatePosition] = hasOnlyBuckets
  end
  if not hasOnlyBuckets or hasDuplicateKeys() then return false end
  local allFit = true
  for each = 1, count do
    local limit, cost = limits[template[3 * each - 2]], template[3 * each - 1]
    local level = levelOf(firstKey and firstKey + each or jobs[cursor + each], limit)
    if not level then return false end
    if cost > 0 and level + cost > limit.maxLevel then allFit = false end
    found[2 * each - 1], found[2 * each] = cost, level
  end
  if takes and allFit and isServerFull() then
    if not firstKey then cursor = cursor + count end
    emitFailure(FULL)
    return true
  end
  emit(pack(FORMATS[count], 1, unpack(found, 1, 2 * count)))
  if takes and allFit then
    for each = 1, count do
      local cost = found[2 * each - 1]
      if cost > 0 then
        local index = firstKey and firstKey + each or jobs[cursor + each]
        levels[index] = found[2 * each] + cost
        markChanged(index)
      end
    end
  end
  if not firstKey then cursor = cursor + count end
  return true
end

-- Penalties (\`algorithms/penalty.ts\`): each is a token bucket under a key of its own. Only jobs with
-- penalties (operations 5 and 6) use these functions.

-- Rounding error of a level, in milliseconds.
local PENALTY_ROUNDING = 1e-6
-- The keys of penalties are loaded under this limit, which is not that of any of them.
local ANY_PENALTY = { letter = 't', limit = 1, period = 1, burst = 1, zone = '' }
headOf(ANY_PENALTY)

-- Returns the current level of a key, and its stored limit; 0 for a key without a penalty.
local function penaltyLevel(index)
  local state, stored = states[index], storedLimits[index]
  if not state or stored.letter ~= 't' then return 0 end
  if now < state.at then return stateNow(index, stored).level, stored end
  return max(0, state.level - ((now - state.at) * stored.limit) / stored.period), stored
end

-- Returns the milliseconds until the penalty of a key ends; 0 if none runs.
local function penaltyLeft(index)
  local level, stored = penaltyLevel(index)
  local left = stored and level - (stored.burst - stored.limit) or 0
  return left > PENALTY_ROUNDING and left or 0
end

-- Starts the penalty of a key unless one runs. Returns the milliseconds until it ends.
local function startPenalty(index, length, growth, longest)
  local left = penaltyLeft(index)
  if left > 0 then return left end
  local level, stored = penaltyLevel(index)
  if level > 0 and growth > 1 then length = min(stored.limit * growth, longest) end
  local burst = growth > 1 and longest + length or length
  local limit = { letter = 't', limit = length, period = length, burst = burst, zone = '' }
  headOf(limit)
  take(index, limit, burst - level, '')
  return length
end

-- Runs the jobs one after another and writes the keys that they changed.

-- Reports whether the job cannot be decided because of this key. If so, emits its result.
--
-- Results of a job: 1 done; 2 a calendar limit has no current window; 3 failed; 4 done, and one
-- rate for each charge follows: the drain rate of a bucket whose last take was under a faster
-- limit, or 0. A job with penalties ends with a number for each charge: the milliseconds until its
-- penalty ends, or 0.
local function isUnusable(index, limit)
  if limit.outside then
    emit('\\2')
    return true
  end
  currentKey = index
  if headers[index] == nil then load(index, limit) end
  local fault = faults[index]
  if not fault then return false end
  emitFailure(fault)
  return true
end

local function nextLease()
  leases = leases + 1
  return ARGV[leases]
end

-- The charges of the current job. Their tables are reused by the next job, which saves a third of
-- its time.
local charges = {}
-- True if two charges have the same key, if some are shadows, and if some buckets drain faster than
-- their limits.
local hasDuplicates, hasShadows, haveFasterRates

local function readCharges(areSettled)
  hasDuplicates, hasShadows, haveFasterRates = hasDuplicateKeys(), false, false
  for each = 1, count do
    local charge = charges[each]
    if not charge then
      charge = {}
      charges[each] = charge
    end
    local limit = limits[template[3 * each - 2]]
    charge.index = firstKey and firstKey + each or jobs[cursor + each]
    charge.limit, charge.cost, charge.enforced = limit, template[3 * each - 1], template[3 * each] == 1
    charge.isFitting = nil
    charge.lease = limit.letter == 'n' and nextLease() or ''
    if not charge.enforced then hasShadows = true end
  end
  if not firstKey then cursor = cursor + count end
  if not areSettled then return end
  for each = 1, count do
    charges[each].taken = { cost = jobs[cursor + 1], at = jobs[cursor + 2], resetAfter = jobs[cursor + 3] }
    cursor = cursor + 3
  end
end

local function isAnyUnusable()
  for each = 1, count do
    if isUnusable(charges[each].index, charges[each].limit) then return true end
  end
  return false
end

-- Cache of encoded costs, because most costs repeat.
local COSTS = setmetatable({}, { __index = function(made, cost)
  made[cost] = pack('>d', cost)
  return made[cost]
end })

-- Stores the bucket of a new key from which nothing was taken, because it fills from the first
-- request on.
local function startBucket(index, limit, cost)
  if cost > 0 and limit.initial and stateNow(index, limit).isNew and not isServerFull() then
    take(index, limit, 0, '')
  end
end

-- Decides a job of a single charge, the common case in a cluster, in half the time of the general
-- path.
local function decideOne(takes)
  local index, limit, cost = firstKey + 1, limits[template[1]], template[2]
  local lease = limit.letter == 'n' and nextLease() or ''
  if isUnusable(index, limit) then return end
  local algorithm, state = A[limit.letter], stateNow(index, limit)
  local isFitting = algorithm.fits(limit, state, cost)
  if takes and isFitting and cost > 0 and isServerFull() then return emitFailure(FULL) end
  local facts = algorithm.facts
  local found = facts and facts(limit, state, cost, isFitting) or algorithm.pack(state)
  parts[partCount + 1] = state.fasterRate and '\\4' or '\\1'
  parts[partCount + 2], parts[partCount + 3] = COSTS[cost], found
  partCount = partCount + 3
  if state.fasterRate then emit(pack('>d', state.fasterRate)) end
  if takes and isFitting and cost > 0 then
    take(index, limit, cost, lease)
  elseif takes then
    startBucket(index, limit, cost)
  end
end

-- Returns the cost of a charge plus what earlier charges of the same request take from its key.
local function cumulativeCost(charge)
  local cost = charge.cost
  if cost == 0 then return 0 end
  for each = 1, count do
    local other = charges[each]
    if other.isFitting and other.index == charge.index and other ~= charge then cost = cost + other.cost end
  end
  return cost
end

-- Judges the enforced charges or the shadows, and reports whether all fit.
local function judge(enforced)
  local allFit = true
  for each = 1, count do
    local charge = charges[each]
    if charge.enforced == enforced then
      local limit = charge.limit
      local cost = hasDuplicates and cumulativeCost(charge) or charge.cost
      local algorithm, state = A[limit.letter], stateNow(charge.index, limit)
      local isFitting = algorithm.fits(limit, state, cost)
      local facts = algorithm.facts
      charge.packedCost = COSTS[cost]
      charge.facts = facts and facts(limit, state, cost, isFitting) or algorithm.pack(state)
      charge.isFitting = isFitting
      charge.fasterRate = state.fasterRate
      if state.fasterRate then haveFasterRates = true end
      allFit = allFit and isFitting
    end
  end
  return allFit
end

local function emitResults()
  emit(haveFasterRates and '\\4' or '\\1')
  for each = 1, count do
    local charge = charges[each]
    parts[partCount + 1], parts[partCount + 2] = charge.packedCost, charge.facts
    partCount = partCount + 2
  end
  if haveFasterRates then
    for each = 1, count do emit(pack('>d', charges[each].fasterRate or 0)) end
  end
end

-- Takes the charges that fit. The job must be admitted.
local function takeFitting()
  for pass = 1, hasShadows and 2 or 1 do
    for each = 1, count do
      local charge = charges[each]
      if charge.isFitting and charge.cost > 0 and charge.enforced == (pass == 1) then
        take(charge.index, charge.limit, charge.cost, charge.lease)
      end
    end
  end
end

-- Stores the buckets of new keys, also if the job is refused.
local function startBuckets()
  for each = 1, count do
    local charge = charges[each]
    if charge.limit.initial then startBucket(charge.index, charge.limit, charge.cost) end
  end
end

local function decideAll(takes)
  readCharges(false)
  if isAnyUnusable() then return end
  local admitted = judge(true)
  -- Shadow charges are judged last, so that enforced charges take precedence.
  if hasShadows then judge(false) end
  if takes and admitted and isServerFull() then return emitFailure(FULL) end
  emitResults()
  if not takes then return end
  if admitted then takeFitting() end
  startBuckets()
end

local function readPenalties()
  for each = 1, count do
    local charge = charges[each]
    charge.penaltyIndex = jobs[cursor + 1] > 0 and jobs[cursor + 1]
    charge.length, charge.growth, charge.longest = jobs[cursor + 2], jobs[cursor + 3], jobs[cursor + 4]
    cursor = cursor + 4
  end
end

local function isAnyPenaltyUnusable()
  for each = 1, count do
    local index = charges[each].penaltyIndex
    if index and isUnusable(index, ANY_PENALTY) then return true end
  end
  return false
end

-- Reports whether a charge that its limit does not fit starts a penalty.
local function startsPenalty(charge)
  local limit = charge.limit
  local capacity = limit.letter == 't' and limit.burst or limit.limit
  return charge.penaltyIndex and charge.penaltyLeft == 0 and charge.cost > 0 and isWithin(charge.cost, capacity)
end

-- Decides a job with penalties. A running penalty refuses its charge, and a take starts the penalties
-- of the charges that their limits do not fit.
local function decideWithPenalties(takes)
  readCharges(false)
  readPenalties()
  if isAnyUnusable() or isAnyPenaltyUnusable() then return end
  local admitted = judge(true)
  if hasShadows then judge(false) end
  for each = 1, count do
    local charge = charges[each]
    charge.penaltyLeft = charge.penaltyIndex and penaltyLeft(charge.penaltyIndex) or 0
    charge.startsPenalty = takes and not charge.isFitting and startsPenalty(charge)
    if charge.penaltyLeft > 0 and charge.cost > 0 then
      charge.isFitting = false
      if charge.enforced then admitted = false end
    end
  end
  if takes and admitted and isServerFull() then return emitFailure(FULL) end
  for each = 1, count do
    local charge = charges[each]
    -- A full server refuses by the limit alone.
    if charge.startsPenalty and not isServerFull() then
      charge.penaltyLeft = startPenalty(charge.penaltyIndex, charge.length, charge.growth, charge.longest)
    end
  end
  emitResults()
  for each = 1, count do emit(pack('>d', charges[each].penaltyLeft)) end
  if not takes then return end
  if admitted then takeFitting() end
  startBuckets()
end

-- Reports whether a settlement frees a slot, which needs no memory.
local function isRelease(charge)
  return charge.limit.letter == 'n' and charge.cost == 0
end

-- Settles as many charges as possible: an unreadable key does not prevent the refunds of other
-- keys.
local function settleAll()
  readCharges(true)
  for each = 1, count do
    if charges[each].limit.outside then return emit('\\2') end
  end
  local fault
  for each = 1, count do
    local charge = charges[each]
    local index, limit = charge.index, charge.limit
    currentKey = index
    if headers[index] == nil then load(index, limit) end
    local failure = faults[index]
    if not failure and isServerFull() and not isRelease(charge) then failure = FULL end
    if failure then fault = failure else settle(index, limit, charge.taken, charge.cost, charge.lease) end
  end
  if fault then emitFailure(fault) else emit('\\1') end
end

local function doJob(operation)
  if operation < 3 then
    if decideBuckets(operation == 1) then return end
    if count == 1 then decideOne(operation == 1) else decideAll(operation == 1) end
  elseif operation == 3 then
    settleAll()
  else
    decideWithPenalties(operation == 5)
  end
end

-- Messages of errors caused by a value that looked readable but was not. Any other error comes from
-- the server and fails the call.
local UNREADABLE = { 'WRONGTYPE', 'attempt to', 'bad argument', 'too short', 'not a valid' }

local function isKeyError(failure)
  local message = type(failure) == 'table' and failure.err or failure
  for _, words in ipairs(UNREADABLE) do
    if string.find(message, words, 1, true) then return currentKey ~= nil end
  end
  return false
end

-- Fails the current job because of its key. The key is not accessed again, and jobs with other keys
-- continue. The arguments are the positions at which the job began.
local function failJob(operation, before, from, leasesBefore)
  faults[currentKey] = unreadable(currentKey)
  levels[currentKey], bucketLimits[currentKey] = nil, nil
  partCount = before
  for each = partCount + 1, #parts do parts[each] = nil end
  emitFailure(faults[currentKey])
  leases = leasesBefore
  for each = 1, count do
    if limits[template[3 * each - 2]].letter == 'n' then leases = leases + 1 end
  end
  cursor = from + (firstKey and 0 or count) + (operation < 3 and 0 or operation == 3 and 3 or 4) * count
end

local last = #jobs
while cursor < last do
  local operation = jobs[cursor + 1]
  cursor = cursor + 1
  if operation == 4 then
    cursor = cursor + 1
    isServerFull()
    reset(jobs[cursor])
    emit('\\1')
  else
    nextJob()
    local before, from, leasesBefore, faultsBefore = partCount, cursor, leases, #errors
    currentKey = nil
    local done, failure = pcall(doJob, operation)
    if not done then
      if not isKeyError(failure) then error(failure) end
      for each = #errors, faultsBefore + 1, -1 do errors[each] = nil end
      failJob(operation, before, from, leasesBefore)
    end
  end
  if maybeIdle[1] then dropIdle() end
end

-- On a full server, the only writes are those that free slots. Redis accepts a first write that
-- needs no memory, and then all others.
if isFull and changes > 0 then redis.pcall('ZREM', KEYS[changedKeys[1]], '') end
for each = 1, changes do
  local index = changedKeys[each]
  local level = levels[index]
  if level then writeLevel(index, level) else writeState(index) end
end

return { table.concat(parts), unpack(errors) }
`
