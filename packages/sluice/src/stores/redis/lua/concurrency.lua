-- Concurrency (`algorithms/concurrency.ts`). Each lease is a member '=name' of a sorted set, scored
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
