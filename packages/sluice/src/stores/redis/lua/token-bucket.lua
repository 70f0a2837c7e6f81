-- Token bucket (`algorithms/token-bucket.ts`): the state is the level of the bucket at a given
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
