/** The script's part for `limits/token-bucket.ts`: how full the bucket is, as of a time. */
export const tokenBucket = `
define.t = function()
  local function timeFor(limit, units)
    return (units * limit.period) / limit.limit
  end

  return {
    kind = 'string',
    size = 16,

    fresh = function()
      return { at = now, level = 0 }
    end,

    advance = function(limit, state)
      local drained = ((now - state.at) * limit.limit) / limit.period
      local level = state.level - drained
      if drained < 0 then level = max(state.level, min(limit.burst, level)) end
      state.at, state.level = now, level > 0 and level or 0
      return state
    end,

    fits = function(limit, state, cost)
      local after = state.level + cost
      return after <= limit.burst or cost == 0 or isWithin(after, limit.burst)
    end,

    -- The time of the state is that of the call.
    facts = function(limit, state)
      return pack('>d', state.level)
    end,

    take = function(limit, state, cost)
      state.level = state.level + cost
      return state
    end,

    settle = function(limit, state, taken, cost)
      local stillCounted = max(0, ((taken.at + taken.resetAfter - state.at) * limit.limit) / limit.period)
      local difference = max(cost - taken.cost, -stillCounted)
      state.level = max(0, state.level + difference)
      return state
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

    pack = function(state)
      return pack('>dd', state.at, state.level)
    end,

    unpack = function(header, from)
      local at, level = unpackFrom('>dd', header, from)
      return { at = at, level = level }
    end,
  }
end
`
