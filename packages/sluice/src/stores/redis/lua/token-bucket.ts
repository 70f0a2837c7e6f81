/** The script's part for `limits/token-bucket.ts`: how full the bucket is, as of a time. */
export const tokenBucket = `
do
  local function timeFor(limit, units)
    return (units * limit.period) / limit.limit
  end

  local function untilMore(limit, level)
    local levelWithOneMore = math.max(0, limit.burst - wholeUnitsLeft(level, limit.burst) - 1)
    return math.max(0, timeFor(limit, level - levelWithOneMore))
  end

  A.t = {
    fresh = function()
      return { at = now, level = 0 }
    end,

    advance = function(limit, state)
      local drained = ((now - state.at) * limit.limit) / limit.period
      if drained >= 0 then
        return { at = now, level = math.max(0, state.level - drained) }
      end
      return { at = now, level = math.max(state.level, math.min(limit.burst, state.level - drained)) }
    end,

    judge = function(limit, state, cost)
      local after = state.level + cost
      if cost == 0 or fits(after, limit.burst) then
        return allowed(wholeUnitsLeft(after, limit.burst), timeFor(limit, after), untilMore(limit, after))
      end
      local wait = fits(cost, limit.burst) and timeFor(limit, after - limit.burst) or INF
      local level = state.level
      return refused(wholeUnitsLeft(level, limit.burst), timeFor(limit, level), untilMore(limit, level), wait)
    end,

    take = function(limit, state, cost)
      return { at = state.at, level = state.level + cost }
    end,

    settle = function(limit, state, taken, cost)
      local stillCounted = math.max(0, ((taken.at + taken.resetAfter - state.at) * limit.limit) / limit.period)
      local difference = math.max(cost - taken.cost, -stillCounted)
      return { at = state.at, level = math.max(0, state.level + difference) }
    end,

    usedFraction = function(limit, state)
      return state.level / limit.burst
    end,

    withUsed = function(limit, fraction)
      return { at = now, level = fraction * limit.burst }
    end,

    rescale = function(from, to, state)
      return { at = state.at, level = (state.level / from.burst) * to.burst }
    end,

    idleAfter = function(limit, state)
      return timeFor(limit, state.level)
    end,

    pack = function(limit, state)
      return struct.pack('>ddddd', limit.limit, limit.period, limit.burst, state.at, state.level)
    end,

    unpack = function(header, from)
      local limit, state = { zone = '' }, {}
      limit.limit, limit.period, limit.burst, state.at, state.level = struct.unpack('>ddddd', header, from)
      return limit, state
    end,
  }
end
`
