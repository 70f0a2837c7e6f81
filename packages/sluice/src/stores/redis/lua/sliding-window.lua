-- Sliding window (`algorithms/sliding-window.ts`): the state is the counters of two windows.

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
