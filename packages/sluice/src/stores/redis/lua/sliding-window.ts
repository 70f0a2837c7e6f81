/** The script's part for `limits/sliding-window.ts`: the counters of two windows. */
export const slidingWindow = `
do
  local function estimate(limit, state)
    return state.previous * (1 - (state.at - state.start) / limit.period) + state.current
  end

  local function idleAfter(limit, state)
    if state.current > 0 then return state.start + 2 * limit.period - state.at end
    return state.previous > 0 and state.start + limit.period - state.at or 0
  end

  local function untilRoomFor(limit, state, cost)
    if cost > limit.limit then return INF end
    local start, previous, current = state.start, state.previous, state.current
    local room = limit.limit - cost
    if current <= room then
      local elapsed = previous == 0 and 0 or limit.period * (1 - (room - current) / previous)
      return math.max(0, start + elapsed - state.at)
    end
    return start + limit.period + limit.period * (1 - room / current) - state.at
  end

  local function verdictOn(limit, state, refusedCost)
    local remaining = wholeUnitsLeft(estimate(limit, state), limit.limit)
    local resetAfter = idleAfter(limit, state)
    local moreAfter = remaining + 1 > limit.limit and resetAfter or untilRoomFor(limit, state, remaining + 1)
    if refusedCost == 0 then return allowed(remaining, resetAfter, moreAfter) end
    return refused(remaining, resetAfter, moreAfter, untilRoomFor(limit, state, refusedCost))
  end

  local function counted(start, previous, current)
    return { at = now, start = start, previous = previous, current = current }
  end

  A.w = {
    fresh = function()
      return counted(now, 0, 0)
    end,

    advance = function(limit, state)
      local start, previous, current = state.start, state.previous, state.current
      if previous == 0 and current == 0 then return counted(now, previous, current) end
      if now < start then return counted(now, previous, current) end
      local windows = math.floor((now - start) / limit.period)
      if windows == 0 then return counted(start, previous, current) end
      if windows == 1 then return counted(start + limit.period, current, 0) end
      return counted(now, 0, 0)
    end,

    judge = function(limit, state, cost)
      local after = A.w.take(limit, state, cost)
      if cost == 0 or fits(estimate(limit, after), limit.limit) then return verdictOn(limit, after, 0) end
      return verdictOn(limit, state, cost)
    end,

    take = function(limit, state, cost)
      return counted(state.start, state.previous, state.current + cost)
    end,

    settle = function(limit, state, taken, cost)
      local difference = cost - taken.cost
      local start, previous, current = state.start, state.previous, state.current
      if difference >= 0 or taken.at >= start then
        return counted(start, previous, math.max(0, current + difference))
      end
      if taken.at < start - limit.period then return state end
      return counted(start, math.max(0, previous + difference), current)
    end,

    usedFraction = function(limit, state)
      return estimate(limit, state) / limit.limit
    end,

    withUsed = function(limit, fraction)
      return counted(now, 0, fraction * limit.limit)
    end,

    rescale = function(from, to, state)
      local scale = to.limit / from.limit
      local start = state.at - ((state.at - state.start) * to.period) / from.period
      return counted(start, state.previous * scale, state.current * scale)
    end,

    idleAfter = idleAfter,

    pack = function(limit, state)
      return struct.pack(
        '>dddddd', limit.limit, limit.period, state.at, state.start, state.previous, state.current)
    end,

    unpack = function(header, from)
      local limit, state = { burst = 0, zone = '' }, {}
      limit.limit, limit.period, state.at, state.start, state.previous, state.current =
        struct.unpack('>dddddd', header, from)
      return limit, state
    end,
  }
end
`
